/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.1, 6.2 and 6.3).
 */
#include <string.h>

#include "ctap.h"
#include "fault.h"

#define ALLOW_MAX    16
#define NEXT_MS	     30000
#define AUTHDATA_LEN 37

struct request {
	struct tk_ask ask;
	struct tk_slice data_hash, allowed[ALLOW_MAX];
	size_t allowed_count;
	uint8_t rp_hash[TK_HASH_LEN];
	bool has_rp, has_list;
};

static void get_allowed(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		if (!tk_slice_is(tk_get_text(in), "id"))
			(void)tk_get_any(in);
		else if (request->allowed_count < ALLOW_MAX)
			request->allowed[request->allowed_count++] = tk_get_bytes(in);
		else
			in->bad = true;
	}
}

static void get_rp(struct tk_reader *in, struct request *request)
{
	struct tk_slice rp = tk_get_text(in);

	tk_sha256(rp.data, rp.len, request->rp_hash);
	request->has_rp = true;
}

static uint8_t get_member(struct tk_reader *in, struct request *request)
{
	uint64_t name = tk_get_uint(in);
	size_t count = name == 3 ? tk_get_array(in) : 0;

	switch (name) {
	case 1:
		get_rp(in, request);
		break;
	case 2:
		request->data_hash = tk_get_bytes(in);
		break;
	case 3:
		request->has_list = count > 0;
		while (count-- > 0 && !in->bad)
			get_allowed(in, request);
		break;
	case 5:
		return tk_ask_options(in, &request->ask, NULL);
	case 6:
		request->ask.param = tk_get_bytes(in);
		request->ask.has_param = true;
		break;
	case 7:
		request->ask.protocol = (unsigned)tk_get_uint(in);
		break;
	default:
		(void)tk_get_any(in);
		break;
	}
	return TK_OK;
}

static uint8_t get_request(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);
	uint8_t status = TK_OK;

	request->ask.up = true;
	request->ask.permission = TK_MAY_ASSERT;
	while (count-- > 0 && !in->bad && status == TK_OK)
		status = get_member(in, request);
	if (in->bad)
		return TK_CBOR_UNEXPECTED_TYPE;
	if (status != TK_OK)
		return status;
	if (!request->has_rp || request->data_hash.len != TK_HASH_LEN)
		return TK_MISSING_PARAMETER;
	request->ask.data_hash = request->data_hash.data;
	request->ask.rp_hash = request->rp_hash;
	return TK_OK;
}

static bool may_use(const struct tk_credential *credential, const struct request *request, bool verified)
{
	if (!credential || !credential->pair ||
	    memcmp(credential->rp_hash, request->rp_hash, TK_HASH_LEN) != 0)
		return false;
	if (verified || credential->protect == 1)
		return true;
	return credential->protect == 2 && request->has_list;
}

/* The first of the list that is there; or all resident ones, the latest first. */
static void choose(struct tk_key *key, const struct request *request, bool verified, struct tk_next *next)
{
	struct tk_credential *credentials = key->memory.credentials;

	next->count = 0;
	for (size_t i = 0; i < request->allowed_count && next->count == 0; i++) {
		const struct tk_credential *credential =
			tk_credential_find(key, request->rp_hash, request->allowed[i]);

		if (may_use(credential, request, verified))
			next->credentials[next->count++] = (uint8_t)(credential - credentials);
	}
	for (size_t i = 0; i < TK_CREDENTIALS_MAX && !request->has_list; i++) {
		size_t at;

		if (!credentials[i].resident || !may_use(&credentials[i], request, verified))
			continue;
		for (at = next->count++;
		     at > 0 && credentials[next->credentials[at - 1]].made < credentials[i].made; at--)
			next->credentials[at] = next->credentials[at - 1];
		next->credentials[at] = (uint8_t)i;
	}
}

static void put_user(struct tk_key *key, const struct tk_credential *credential, bool names,
		     struct tk_writer *out)
{
	uint8_t id[TK_ID_MAX];

	memcpy(id, credential->user_id, sizeof(id));
	if (tk_fault(key, "wrong-user"))
		id[0] ^= 1;
	tk_put_uint(out, 4);
	tk_put_map(out, 1U + (names && credential->user_name[0] ? 1 : 0) +
				(names && credential->user_display[0] ? 1 : 0));
	tk_put_text(out, "id");
	tk_put_bytes(out, id, credential->user_id_len);
	if (names && credential->user_name[0]) {
		tk_put_text(out, "name");
		tk_put_text(out, credential->user_name);
	}
	if (names && credential->user_display[0]) {
		tk_put_text(out, "displayName");
		tk_put_text(out, credential->user_display);
	}
}

static void put_id(struct tk_key *key, const struct tk_credential *credential, struct tk_writer *out)
{
	uint8_t id[TK_ID_MAX];

	memcpy(id, credential->id, sizeof(id));
	if (tk_fault(key, "wrong-credential-id"))
		id[0] ^= 1;
	tk_put_uint(out, 1);
	tk_put_map(out, 2);
	tk_put_text(out, "id");
	tk_put_bytes(out, id, credential->id_len);
	tk_put_text(out, "type");
	tk_put_text(out, "public-key");
}

/* Signs authenticator data and client data; both are next to each other in `message`. */
static size_t sign(struct tk_key *key, const struct tk_next *next, struct tk_credential *credential,
		   uint8_t *message, size_t *data_len, uint8_t signature[TK_SIGNATURE_MAX])
{
	struct tk_writer data = {.data = message, .cap = AUTHDATA_LEN + 1};

	tk_put_authdata(key, &data, next->rp_hash, next->flags, tk_count(key, credential));
	if (tk_fault(key, "short-authdata"))
		data.len--;
	if (tk_fault(key, "long-authdata"))
		tk_put_raw(&data, "", 1);
	*data_len = data.len;
	memcpy(message + data.len, next->data_hash, TK_HASH_LEN);
	return tk_sign(key, credential->pair, (struct tk_slice){message, data.len + TK_HASH_LEN}, signature);
}

static void put_assertion(struct tk_key *key, size_t announced, struct tk_writer *out)
{
	const struct tk_next *next = &key->session.next;
	struct tk_credential *credential = &key->memory.credentials[next->credentials[next->at]];
	bool user = credential->resident && credential->user_id_len > 0;
	uint8_t message[AUTHDATA_LEN + 1 + TK_HASH_LEN], signature[TK_SIGNATURE_MAX];
	size_t data_len, len;

	len = sign(key, next, credential, message, &data_len, signature);
	tk_put_map(out, 3U + (user ? 1 : 0) + (announced > 1 ? 1 : 0));
	put_id(key, credential, out);
	tk_put_uint(out, 2);
	tk_put_bytes(out, message, data_len);
	tk_put_uint(out, 3);
	tk_put_bytes(out, signature, len);
	if (user)
		put_user(key, credential, (next->flags & TK_FLAG_UV) != 0 && next->count > 1, out);
	if (announced > 1) {
		tk_put_uint(out, 5);
		tk_put_uint(out, announced);
	}
	tk_memory_save(key);
}

uint8_t tk_get_assertion(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct tk_next *next = &key->session.next;
	struct request request = {0};
	uint8_t flags = 0, status = get_request(in, &request);

	key->counters.assertions++;
	key->counters.silent_assertions += request.ask.up ? 0 : 1;
	if (!request.ask.up)
		key->command = "preflight";
	if (status == TK_OK)
		status = tk_ask_chosen(key, &request.ask);
	if (status == TK_OK)
		status = tk_ask_verify(key, &request.ask, &flags);
	if (status != TK_OK)
		return status;
	choose(key, &request, (flags & TK_FLAG_UV) != 0, next);
	if (next->count == 0)
		return TK_NO_CREDENTIALS;
	if (request.ask.up)
		status = tk_ask_present(key, &request.ask, &flags);
	if (status != TK_OK) {
		next->count = 0;
		return status;
	}
	next->at = 0;
	next->flags = request.ask.up ? flags : (uint8_t)(flags & ~TK_FLAG_UP);
	next->until_ms = tk_now_ms() + NEXT_MS;
	memcpy(next->rp_hash, request.rp_hash, TK_HASH_LEN);
	memcpy(next->data_hash, request.data_hash.data, TK_HASH_LEN);
	put_assertion(key, next->count + (tk_fault(key, "too-many") ? 200 : 0), out);
	return TK_OK;
}

uint8_t tk_get_next_assertion(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct tk_next *next = &key->session.next;

	(void)in;
	key->counters.nexts++;
	if (next->at + 1 >= next->count || tk_now_ms() > next->until_ms)
		return TK_NOT_ALLOWED;
	next->at++;
	next->until_ms = tk_now_ms() + NEXT_MS;
	put_assertion(key, 0, out);
	return TK_OK;
}
