/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorCredentialManagement (CTAP 2.1, 6.8) and authenticatorConfig (6.11).
 */
#include <string.h>

#include "ctap.h"

enum { METADATA = 1, PARTIES, NEXT_PARTY, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE };
enum { TOGGLE_ALWAYS_UV = 2, SET_MIN_PIN = 3 };

struct request {
	uint64_t subcommand;
	struct tk_slice parameters, param, rp_hash, id;
	struct tk_credential user;
	unsigned protocol;
	uint64_t min_pin;
	bool force_change;
};

static void get_user(struct tk_reader *in, struct tk_credential *user)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		struct tk_slice name = tk_get_text(in);

		if (tk_slice_is(name, "name"))
			tk_slice_copy(tk_get_text(in), user->user_name, sizeof(user->user_name));
		else if (tk_slice_is(name, "displayName"))
			tk_slice_copy(tk_get_text(in), user->user_display, sizeof(user->user_display));
		else
			(void)tk_get_any(in);
	}
}

static void get_credential_id(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		if (tk_slice_is(tk_get_text(in), "id"))
			request->id = tk_get_bytes(in);
		else
			(void)tk_get_any(in);
	}
}

static void get_management_parameters(struct request *request, struct tk_reader *in)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		uint64_t name = tk_get_uint(in);

		if (name == 1)
			request->rp_hash = tk_get_bytes(in);
		else if (name == 2)
			get_credential_id(in, request);
		else if (name == 3)
			get_user(in, &request->user);
		else
			(void)tk_get_any(in);
	}
}

static void get_config_parameters(struct request *request, struct tk_reader *in)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		uint64_t name = tk_get_uint(in);

		if (name == 1)
			request->min_pin = tk_get_uint(in);
		else if (name == 3)
			request->force_change = tk_get_bool(in);
		else
			(void)tk_get_any(in);
	}
}

static uint8_t get_request(struct tk_reader *in, struct request *request,
			   void (*get_parameters)(struct request *request, struct tk_reader *in))
{
	size_t count = tk_get_map(in);
	struct tk_reader parameters;

	while (count-- > 0 && !in->bad) {
		uint64_t name = tk_get_uint(in);

		if (name == 1)
			request->subcommand = tk_get_uint(in);
		else if (name == 2)
			request->parameters = tk_get_any(in);
		else if (name == 3)
			request->protocol = (unsigned)tk_get_uint(in);
		else if (name == 4)
			request->param = tk_get_bytes(in);
		else
			(void)tk_get_any(in);
	}
	parameters = tk_reader(request->parameters);
	if (request->parameters.len > 0)
		get_parameters(request, &parameters);
	return in->bad || parameters.bad ? TK_CBOR_UNEXPECTED_TYPE : TK_OK;
}

static uint8_t check_param(struct tk_key *key, const struct request *request, struct tk_slice head,
			   unsigned permission)
{
	uint8_t message[1024];
	struct tk_writer data = {.data = message, .cap = sizeof(message)};

	if (request->param.len == 0)
		return TK_PUAT_REQUIRED;
	if (!tk_protocol_known(key, request->protocol))
		return TK_INVALID_PARAMETER;
	tk_put_raw(&data, head.data, head.len);
	tk_put_raw(&data, request->parameters.data, request->parameters.len);
	if (data.full || !tk_grant_allows(key, request->protocol, (struct tk_slice){data.data, data.len},
					  request->param, permission))
		return TK_PIN_AUTH_INVALID;
	return TK_OK;
}

static uint8_t metadata(const struct tk_key *key, struct tk_writer *out)
{
	size_t count = tk_credential_residents(key);

	tk_put_map(out, 2);
	tk_put_uint(out, 1);
	tk_put_uint(out, count);
	tk_put_uint(out, 2);
	tk_put_uint(out, key->options.capacity - count);
	return TK_OK;
}

/* Whether a credential is the first of its relying party. */
static bool first_of_party(const struct tk_key *key, size_t place)
{
	const struct tk_credential *credentials = key->memory.credentials;

	for (size_t i = 0; i < place; i++) {
		if (credentials[i].pair && credentials[i].resident &&
		    memcmp(credentials[i].rp_hash, credentials[place].rp_hash, TK_HASH_LEN) == 0)
			return false;
	}
	return true;
}

static uint8_t begin_listing(struct tk_key *key, const struct request *request, bool of_parties)
{
	struct tk_listing *listing = &key->session.listing;

	if (!of_parties && request->rp_hash.len != TK_HASH_LEN)
		return TK_MISSING_PARAMETER;
	*listing = (struct tk_listing){.of_parties = of_parties};
	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++) {
		const struct tk_credential *credential = &key->memory.credentials[i];

		if (!credential->pair || !credential->resident)
			continue;
		if (of_parties ? first_of_party(key, i)
			       : memcmp(credential->rp_hash, request->rp_hash.data, TK_HASH_LEN) == 0)
			listing->places[listing->count++] = (uint8_t)i;
	}
	return listing->count > 0 ? TK_OK : TK_NO_CREDENTIALS;
}

static void put_party(struct tk_key *key, bool first, struct tk_writer *out)
{
	struct tk_listing *listing = &key->session.listing;
	const struct tk_credential *credential = &key->memory.credentials[listing->places[listing->at++]];

	tk_put_map(out, first ? 3 : 2);
	tk_put_uint(out, 3);
	tk_put_map(out, credential->rp_name[0] ? 2 : 1);
	tk_put_text(out, "id");
	tk_put_text(out, credential->rp_id);
	if (credential->rp_name[0]) {
		tk_put_text(out, "name");
		tk_put_text(out, credential->rp_name);
	}
	tk_put_uint(out, 4);
	tk_put_bytes(out, credential->rp_hash, TK_HASH_LEN);
	if (first) {
		tk_put_uint(out, 5);
		tk_put_uint(out, listing->count);
	}
}

static void put_user(const struct tk_credential *credential, struct tk_writer *out)
{
	tk_put_uint(out, 6);
	tk_put_map(out, 1U + (credential->user_name[0] ? 1 : 0) + (credential->user_display[0] ? 1 : 0));
	tk_put_text(out, "id");
	tk_put_bytes(out, credential->user_id, credential->user_id_len);
	if (credential->user_name[0]) {
		tk_put_text(out, "name");
		tk_put_text(out, credential->user_name);
	}
	if (credential->user_display[0]) {
		tk_put_text(out, "displayName");
		tk_put_text(out, credential->user_display);
	}
}

static void put_credential(struct tk_key *key, bool first, struct tk_writer *out)
{
	struct tk_listing *listing = &key->session.listing;
	const struct tk_credential *credential = &key->memory.credentials[listing->places[listing->at++]];

	tk_put_map(out, first ? 5 : 4);
	put_user(credential, out);
	tk_put_uint(out, 7);
	tk_put_map(out, 2);
	tk_put_text(out, "id");
	tk_put_bytes(out, credential->id, credential->id_len);
	tk_put_text(out, "type");
	tk_put_text(out, "public-key");
	tk_put_uint(out, 8);
	tk_keypair_cose(credential->pair, tk_keypair_alg(credential->pair), out);
	if (first) {
		tk_put_uint(out, 9);
		tk_put_uint(out, listing->count);
	}
	tk_put_uint(out, 10);
	tk_put_uint(out, credential->protect);
}

static uint8_t list(struct tk_key *key, const struct request *request, struct tk_writer *out)
{
	bool of_parties = request->subcommand == PARTIES || request->subcommand == NEXT_PARTY;
	bool first = request->subcommand == PARTIES || request->subcommand == CREDENTIALS;
	uint8_t status = first ? begin_listing(key, request, of_parties) : TK_OK;
	const struct tk_listing *listing = &key->session.listing;

	if (status != TK_OK)
		return status;
	if (listing->at >= listing->count || listing->of_parties != of_parties)
		return TK_NOT_ALLOWED;
	if (of_parties)
		put_party(key, first, out);
	else
		put_credential(key, first, out);
	return TK_OK;
}

static uint8_t change(struct tk_key *key, const struct request *request)
{
	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++) {
		struct tk_credential *credential = &key->memory.credentials[i];

		if (!credential->pair || credential->id_len != request->id.len ||
		    memcmp(credential->id, request->id.data, request->id.len) != 0)
			continue;
		if (request->subcommand == DELETE) {
			tk_credential_forget(credential);
		} else {
			memcpy(credential->user_name, request->user.user_name, sizeof(credential->user_name));
			memcpy(credential->user_display, request->user.user_display,
			       sizeof(credential->user_display));
		}
		tk_memory_save(key);
		return TK_OK;
	}
	return TK_NO_CREDENTIALS;
}

uint8_t tk_manage(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct request request = {0};
	uint8_t head, status = get_request(in, &request, get_management_parameters);
	bool goes_on = request.subcommand == NEXT_PARTY || request.subcommand == NEXT_CREDENTIAL;

	key->counters.managements++;
	if (key->options.no_management)
		return TK_INVALID_COMMAND;
	head = (uint8_t)request.subcommand;
	if (status == TK_OK && !goes_on)
		status = check_param(key, &request, (struct tk_slice){&head, 1}, TK_MAY_MANAGE);
	if (status != TK_OK)
		return status;
	if (request.subcommand == METADATA)
		return metadata(key, out);
	if (request.subcommand >= PARTIES && request.subcommand <= NEXT_CREDENTIAL)
		return list(key, &request, out);
	if (request.subcommand == DELETE || request.subcommand == UPDATE)
		return change(key, &request);
	return TK_INVALID_SUBCOMMAND;
}

static uint8_t set_min_pin(struct tk_key *key, const struct request *request)
{
	struct tk_memory *memory = &key->memory;

	if (key->options.no_pin)
		return TK_INVALID_SUBCOMMAND;
	if (request->min_pin != 0 && (request->min_pin < memory->min_pin || request->min_pin > 63))
		return TK_PIN_POLICY_VIOLATION;
	if (request->force_change && !memory->has_pin)
		return TK_PIN_NOT_SET;
	if (request->min_pin != 0)
		memory->min_pin = (unsigned)request->min_pin;
	memory->force_pin_change |=
		request->force_change || (memory->has_pin && memory->pin_len < memory->min_pin);
	tk_memory_save(key);
	return TK_OK;
}

uint8_t tk_configure(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct request request = {0};
	uint8_t head[34], status = get_request(in, &request, get_config_parameters);

	(void)out;
	key->counters.configs++;
	if (key->options.ctap20)
		return TK_INVALID_COMMAND;
	memset(head, 0xff, 32);
	head[32] = 0x0d;
	head[33] = (uint8_t)request.subcommand;
	if (status == TK_OK && (tk_protected(key) || request.param.len > 0))
		status = check_param(key, &request, (struct tk_slice){head, sizeof(head)}, TK_MAY_CONFIGURE);
	if (status != TK_OK)
		return status;
	if (request.subcommand == SET_MIN_PIN)
		return set_min_pin(key, &request);
	if (request.subcommand != TOGGLE_ALWAYS_UV)
		return TK_INVALID_SUBCOMMAND;
	key->memory.always_uv = !key->memory.always_uv;
	tk_memory_save(key);
	return TK_OK;
}
