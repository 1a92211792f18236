/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorClientPIN (CTAP 2.1, 6.5).
 *
 * What matters to the tests are the two counters: eight wrong PINs in all, and three in a row until
 * the key is plugged in again. A PIN counts as tried when its hash was compared, and only then.
 */
#include <string.h>

#include "ctap.h"

#define MISMATCHES_MAX 3
#define PIN_PADDED     64

enum subcommand { RETRIES = 1, AGREEMENT, SET, CHANGE, TOKEN, UV_TOKEN, UV_RETRIES, PIN_TOKEN = 9 };

struct request {
	unsigned protocol, permissions;
	uint64_t subcommand;
	bool has_peer, has_permissions, has_rp;
	uint8_t peer[65], secret[64], rp_hash[TK_HASH_LEN];
	struct tk_slice param, new_pin, pin_hash;
};

static void get_peer(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		int64_t name = tk_get_int(in);

		if (name == -2 || name == -3) {
			struct tk_slice value = tk_get_bytes(in);

			if (value.len == 32)
				memcpy(request->peer + (name == -2 ? 1 : 33), value.data, 32);
			else
				in->bad = true;
		} else {
			(void)tk_get_any(in);
		}
	}
	request->peer[0] = 4;
	request->has_peer = !in->bad;
}

static void get_member(struct tk_reader *in, struct request *request)
{
	struct tk_slice rp;

	switch (tk_get_uint(in)) {
	case 1:
		request->protocol = (unsigned)tk_get_uint(in);
		break;
	case 2:
		request->subcommand = tk_get_uint(in);
		break;
	case 3:
		get_peer(in, request);
		break;
	case 4:
		request->param = tk_get_bytes(in);
		break;
	case 5:
		request->new_pin = tk_get_bytes(in);
		break;
	case 6:
		request->pin_hash = tk_get_bytes(in);
		break;
	case 9:
		request->permissions = (unsigned)tk_get_uint(in);
		request->has_permissions = true;
		break;
	case 10:
		rp = tk_get_text(in);
		tk_sha256(rp.data, rp.len, request->rp_hash);
		request->has_rp = true;
		break;
	default:
		(void)tk_get_any(in);
		break;
	}
}

static uint8_t retries(struct tk_key *key, struct tk_writer *out)
{
	key->counters.pin_retries_asked++;
	tk_put_map(out, key->options.ctap20 ? 1 : 2);
	tk_put_uint(out, 3);
	tk_put_uint(out, key->memory.pin_retries);
	if (!key->options.ctap20) {
		tk_put_uint(out, 4);
		tk_put_bool(out, key->session.pin_mismatches >= MISMATCHES_MAX);
	}
	return TK_OK;
}

static uint8_t uv_retries(struct tk_key *key, struct tk_writer *out)
{
	key->counters.uv_retries_asked++;
	if (key->options.uv == TK_UV_NONE)
		return TK_INVALID_SUBCOMMAND;
	tk_put_map(out, 1);
	tk_put_uint(out, 5);
	tk_put_uint(out, key->memory.uv_retries);
	return TK_OK;
}

static uint8_t agreement(struct tk_key *key, const struct request *request, struct tk_writer *out)
{
	key->counters.key_agreements++;
	tk_put_map(out, 1);
	tk_put_uint(out, 1);
	tk_keypair_cose(key->session.protocols[request->protocol - 1].agreement, -25, out);
	return TK_OK;
}

static uint8_t mismatch(struct tk_key *key, unsigned protocol)
{
	key->counters.pin_wrong++;
	key->session.pin_mismatches++;
	tk_protocol_renew(key, protocol);
	if (key->memory.pin_retries == 0)
		return TK_PIN_BLOCKED;
	return key->session.pin_mismatches >= MISMATCHES_MAX ? TK_PIN_AUTH_BLOCKED : TK_PIN_INVALID;
}

static uint8_t check_blocked(const struct tk_key *key)
{
	if (!key->memory.has_pin)
		return TK_PIN_NOT_SET;
	if (key->memory.pin_retries == 0)
		return TK_PIN_BLOCKED;
	return key->session.pin_mismatches >= MISMATCHES_MAX ? TK_PIN_AUTH_BLOCKED : TK_OK;
}

/* The try is paid for before it is looked at. */
static uint8_t check_pin(struct tk_key *key, const struct request *request)
{
	uint8_t hash[PIN_PADDED];
	size_t len;

	key->counters.pin_attempts++;
	key->memory.pin_retries--;
	tk_memory_save(key);
	if (request->pin_hash.len > sizeof(hash))
		return TK_INVALID_PARAMETER;
	len = tk_protocol_decrypt(request->protocol, request->secret, request->pin_hash, hash);
	if (len != sizeof(key->memory.pin_hash) || memcmp(hash, key->memory.pin_hash, len) != 0)
		return mismatch(key, request->protocol);
	key->session.pin_mismatches = 0;
	key->memory.pin_retries = key->options.pin_retries;
	key->memory.uv_retries = key->options.uv_retries;
	tk_memory_save(key);
	return TK_OK;
}

/* Length in characters, as CTAP counts them. */
static unsigned characters(const uint8_t *pin, size_t len)
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++)
		count += (pin[i] & 0xc0) != 0x80;
	return count;
}

static uint8_t store_pin(struct tk_key *key, const struct request *request)
{
	uint8_t pin[PIN_PADDED + 16], hash[TK_HASH_LEN];
	size_t len;

	if (request->new_pin.len > sizeof(pin) ||
	    tk_protocol_decrypt(request->protocol, request->secret, request->new_pin, pin) != PIN_PADDED)
		return TK_INVALID_PARAMETER;
	for (len = PIN_PADDED; len > 0 && pin[len - 1] == 0; len--)
		;
	if (characters(pin, len) < key->memory.min_pin || len > PIN_PADDED - 1)
		return TK_PIN_POLICY_VIOLATION;
	tk_sha256(pin, len, hash);
	if (key->memory.force_pin_change &&
	    memcmp(hash, key->memory.pin_hash, sizeof(key->memory.pin_hash)) == 0)
		return TK_PIN_POLICY_VIOLATION;
	memcpy(key->memory.pin_hash, hash, sizeof(key->memory.pin_hash));
	key->memory.has_pin = true;
	key->memory.pin_len = characters(pin, len);
	key->memory.pin_retries = key->options.pin_retries;
	key->memory.force_pin_change = false;
	key->counters.pin_sets++;
	tk_memory_save(key);
	tk_grant_reset(key);
	return TK_OK;
}

static uint8_t set_pin(struct tk_key *key, const struct request *request)
{
	if (key->memory.has_pin)
		return TK_PIN_AUTH_INVALID;
	if (!tk_protocol_verify(request->protocol, request->secret, request->new_pin, request->param))
		return TK_PIN_AUTH_INVALID;
	return store_pin(key, request);
}

static uint8_t change_pin(struct tk_key *key, const struct request *request)
{
	uint8_t both[256];
	struct tk_slice data = {both, request->new_pin.len + request->pin_hash.len};
	uint8_t status = check_blocked(key);

	if (status != TK_OK)
		return status;
	if (request->new_pin.len == 0 || request->pin_hash.len == 0)
		return TK_MISSING_PARAMETER;
	if (data.len > sizeof(both))
		return TK_INVALID_LENGTH;
	memcpy(both, request->new_pin.data, request->new_pin.len);
	memcpy(both + request->new_pin.len, request->pin_hash.data, request->pin_hash.len);
	if (!tk_protocol_verify(request->protocol, request->secret, data, request->param))
		return TK_PIN_AUTH_INVALID;
	status = check_pin(key, request);
	return status == TK_OK ? store_pin(key, request) : status;
}

static uint8_t give_token(struct tk_key *key, const struct request *request, bool present,
			  struct tk_writer *out)
{
	struct tk_grant *grant = &key->session.grant;
	uint8_t sealed[TK_HASH_LEN + 16];
	size_t len;

	tk_grant_begin(key, request->protocol, present);
	grant->permissions = request->has_permissions ? request->permissions : TK_MAY_MAKE | TK_MAY_ASSERT;
	/* What a key before 2.1 gives is good for everything it can do. */
	if (key->options.ctap20)
		grant->permissions = UINT32_MAX;
	grant->bound = request->has_rp;
	memcpy(grant->rp_hash, request->rp_hash, sizeof(grant->rp_hash));
	len = tk_protocol_encrypt(
		request->protocol, request->secret,
		(struct tk_slice){key->session.protocols[request->protocol - 1].token, TK_HASH_LEN}, sealed);
	tk_put_map(out, 1);
	tk_put_uint(out, 2);
	tk_put_bytes(out, sealed, len);
	return TK_OK;
}

static uint8_t check_permissions(const struct tk_key *key, const struct request *request)
{
	const unsigned known = TK_MAY_MAKE | TK_MAY_ASSERT | TK_MAY_MANAGE | TK_MAY_CONFIGURE;

	if (key->options.ctap20)
		return TK_INVALID_SUBCOMMAND;
	if (!request->has_permissions)
		return TK_MISSING_PARAMETER;
	if (request->permissions == 0)
		return TK_INVALID_PARAMETER;
	if ((request->permissions & ~known) != 0)
		return TK_UNAUTHORIZED_PERMISSION;
	if ((request->permissions & (TK_MAY_MAKE | TK_MAY_ASSERT)) != 0 && !request->has_rp)
		return TK_MISSING_PARAMETER;
	return TK_OK;
}

static uint8_t pin_token(struct tk_key *key, const struct request *request, struct tk_writer *out)
{
	bool plain = request->subcommand == TOKEN;
	uint8_t status = plain ? TK_OK : check_permissions(key, request);

	if (status == TK_OK && plain && (request->has_permissions || request->has_rp))
		status = TK_INVALID_PARAMETER;
	if (status == TK_OK)
		status = check_blocked(key);
	if (status == TK_OK)
		status = check_pin(key, request);
	if (status != TK_OK)
		return status;
	if (key->memory.force_pin_change)
		return plain ? TK_PIN_INVALID : TK_PIN_POLICY_VIOLATION;
	return give_token(key, request, false, out);
}

static uint8_t uv_token(struct tk_key *key, const struct request *request, struct tk_writer *out)
{
	uint8_t status = check_permissions(key, request);

	if (status != TK_OK)
		return status;
	if (key->options.uv != TK_UV_READY)
		return key->options.uv == TK_UV_NONE ? TK_INVALID_SUBCOMMAND : TK_NOT_ALLOWED;
	status = tk_verify_finger(key);
	return status == TK_OK ? give_token(key, request, true, out) : status;
}

static const char *name_of(uint64_t subcommand)
{
	static const char *const names[] = {
		[RETRIES] = "pin-retries",   [AGREEMENT] = "pin-agreement", [SET] = "pin-set",
		[CHANGE] = "pin-change",     [TOKEN] = "pin-token",	    [UV_TOKEN] = "uv-token",
		[UV_RETRIES] = "uv-retries", [PIN_TOKEN] = "pin-token"};

	return subcommand < sizeof(names) / sizeof(names[0]) && names[subcommand] ? names[subcommand] : "pin";
}

/* Those that speak over a shared secret. */
static uint8_t secret_command(struct tk_key *key, struct request *request, struct tk_writer *out)
{
	bool pinless = request->subcommand == UV_TOKEN;

	if (!request->has_peer || (request->subcommand >= TOKEN && !pinless && request->pin_hash.len == 0))
		return TK_MISSING_PARAMETER;
	if (!pinless && key->options.no_pin)
		return TK_INVALID_SUBCOMMAND;
	if (!tk_protocol_shared(key, request->protocol, request->peer, request->secret))
		return TK_INVALID_PARAMETER;
	switch (request->subcommand) {
	case SET:
		return set_pin(key, request);
	case CHANGE:
		return change_pin(key, request);
	case TOKEN:
	case PIN_TOKEN:
		return pin_token(key, request, out);
	case UV_TOKEN:
		return uv_token(key, request, out);
	default:
		return TK_INVALID_SUBCOMMAND;
	}
}

uint8_t tk_client_pin(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct request request = {0};
	size_t count = tk_get_map(in);

	key->counters.pin_commands++;
	if (key->options.no_pin && key->options.uv == TK_UV_NONE)
		return TK_INVALID_COMMAND;
	while (count-- > 0 && !in->bad)
		get_member(in, &request);
	if (in->bad)
		return TK_CBOR_UNEXPECTED_TYPE;
	key->command = name_of(request.subcommand);
	if (request.subcommand == RETRIES)
		return retries(key, out);
	if (request.subcommand == UV_RETRIES)
		return uv_retries(key, out);
	if (!tk_protocol_known(key, request.protocol))
		return request.protocol == 0 ? TK_MISSING_PARAMETER : TK_INVALID_PARAMETER;
	if (request.subcommand == AGREEMENT)
		return agreement(key, &request, out);
	return secret_command(key, &request, out);
}
