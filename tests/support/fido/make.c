/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorMakeCredential (CTAP 2.1, 6.1).
 */
#include <string.h>

#include "ctap.h"
#include "fault.h"

#define EXCLUDE_MAX 16

struct request {
	struct tk_ask ask;
	struct tk_credential made;
	struct tk_slice data_hash, excluded[EXCLUDE_MAX];
	size_t excluded_count;
	enum tk_alg alg;
	bool has_rp, has_user, has_algs, protect_asked;
};

static void get_rp(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		struct tk_slice name = tk_get_text(in), value = tk_get_text(in);

		if (tk_slice_is(name, "id")) {
			tk_slice_copy(value, request->made.rp_id, sizeof(request->made.rp_id));
			tk_sha256(value.data, value.len, request->made.rp_hash);
			request->has_rp = true;
		} else if (tk_slice_is(name, "name")) {
			tk_slice_copy(value, request->made.rp_name, sizeof(request->made.rp_name));
		}
	}
}

static void get_user(struct tk_reader *in, struct request *request)
{
	struct tk_credential *made = &request->made;
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		struct tk_slice name = tk_get_text(in);
		struct tk_slice value = tk_slice_is(name, "id") ? tk_get_bytes(in) : tk_get_text(in);

		if (tk_slice_is(name, "id") && value.len <= sizeof(made->user_id)) {
			memcpy(made->user_id, value.data, value.len);
			made->user_id_len = value.len;
			request->has_user = true;
		} else if (tk_slice_is(name, "name")) {
			tk_slice_copy(value, made->user_name, sizeof(made->user_name));
		} else if (tk_slice_is(name, "displayName")) {
			tk_slice_copy(value, made->user_display, sizeof(made->user_display));
		}
	}
}

/* One of the algorithms that the platform can do; the first that the key can is taken. */
static void get_algorithm(struct tk_reader *in, const struct tk_key *key, struct request *request)
{
	size_t count = tk_get_map(in);
	bool public_key = false;
	int64_t alg = 0;

	while (count-- > 0 && !in->bad) {
		struct tk_slice name = tk_get_text(in);

		if (tk_slice_is(name, "alg"))
			alg = tk_get_int(in);
		else if (tk_slice_is(name, "type"))
			public_key = tk_slice_is(tk_get_text(in), "public-key");
		else
			(void)tk_get_any(in);
	}
	for (size_t i = 0; i < key->options.alg_count; i++) {
		if (public_key && request->alg == TK_ALG_NONE && alg == key->options.algs[i])
			request->alg = key->options.algs[i];
	}
}

static void get_excluded(struct tk_reader *in, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		if (!tk_slice_is(tk_get_text(in), "id"))
			(void)tk_get_any(in);
		else if (request->excluded_count < EXCLUDE_MAX)
			request->excluded[request->excluded_count++] = tk_get_bytes(in);
		else
			in->bad = true;
	}
}

static void get_extensions(struct tk_reader *in, const struct tk_key *key, struct request *request)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		if (tk_slice_is(tk_get_text(in), "credProtect") && !key->options.no_protect) {
			uint64_t level = tk_get_uint(in);

			in->bad |= level < 1 || level > 3;
			request->made.protect = (uint8_t)level;
			request->protect_asked = true;
		} else {
			(void)tk_get_any(in);
		}
	}
}

static uint8_t get_member(struct tk_reader *in, const struct tk_key *key, struct request *request)
{
	uint64_t name = tk_get_uint(in);
	size_t count = name == 4 || name == 5 ? tk_get_array(in) : 0;

	switch (name) {
	case 1:
		request->data_hash = tk_get_bytes(in);
		break;
	case 2:
		get_rp(in, request);
		break;
	case 3:
		get_user(in, request);
		break;
	case 4:
		while (count-- > 0 && !in->bad)
			get_algorithm(in, key, request);
		request->has_algs = true;
		break;
	case 5:
		while (count-- > 0 && !in->bad)
			get_excluded(in, request);
		break;
	case 6:
		get_extensions(in, key, request);
		break;
	case 7:
		return tk_ask_options(in, &request->ask, &request->made.resident);
	case 8:
		request->ask.param = tk_get_bytes(in);
		request->ask.has_param = true;
		break;
	case 9:
		request->ask.protocol = (unsigned)tk_get_uint(in);
		break;
	default:
		(void)tk_get_any(in);
		break;
	}
	return TK_OK;
}

static uint8_t get_request(struct tk_reader *in, const struct tk_key *key, struct request *request)
{
	size_t count = tk_get_map(in);
	uint8_t status = TK_OK;

	request->ask.up = true;
	request->ask.permission = TK_MAY_MAKE;
	request->made.protect = 1;
	while (count-- > 0 && !in->bad && status == TK_OK)
		status = get_member(in, key, request);
	if (in->bad)
		return TK_CBOR_UNEXPECTED_TYPE;
	if (status != TK_OK)
		return status;
	if (!request->has_rp || !request->has_user || !request->has_algs ||
	    request->data_hash.len != TK_HASH_LEN)
		return TK_MISSING_PARAMETER;
	request->ask.data_hash = request->data_hash.data;
	request->ask.rp_hash = request->made.rp_hash;
	return TK_OK;
}

static uint8_t check_request(const struct tk_key *key, const struct request *request)
{
	bool verified = request->ask.has_param || request->ask.uv || key->memory.always_uv;
	bool needs = request->made.resident || key->options.no_uv_not_required || key->options.ctap20;

	if (request->alg == TK_ALG_NONE)
		return TK_UNSUPPORTED_ALGORITHM;
	if (!request->ask.up)
		return TK_INVALID_OPTION;
	if (request->made.resident && key->options.no_resident)
		return TK_UNSUPPORTED_OPTION;
	return tk_protected(key) && needs && !verified ? TK_PUAT_REQUIRED : TK_OK;
}

static uint8_t check_excluded(struct tk_key *key, const struct request *request, uint8_t *flags)
{
	for (size_t i = 0; i < request->excluded_count; i++) {
		const struct tk_credential *credential =
			tk_credential_find(key, request->made.rp_hash, request->excluded[i]);
		uint8_t status;

		if (!credential || (credential->protect == 3 && !(*flags & TK_FLAG_UV)))
			continue;
		status = tk_ask_present(key, &request->ask, flags);
		return status == TK_OK ? TK_CREDENTIAL_EXCLUDED : status;
	}
	return TK_OK;
}

static void put_attested(struct tk_key *key, const struct tk_credential *made, struct tk_writer *out)
{
	uint8_t aaguid[16], id[TK_ID_MAX], len[2] = {(uint8_t)(made->id_len >> 8), (uint8_t)made->id_len};

	memcpy(aaguid, key->options.aaguid, sizeof(aaguid));
	memcpy(id, made->id, sizeof(id));
	if (tk_fault(key, "wrong-aaguid"))
		aaguid[15] ^= 1;
	if (tk_fault(key, "wrong-credential-id"))
		id[0] ^= 1;
	tk_put_raw(out, aaguid, sizeof(aaguid));
	tk_put_raw(out, len, sizeof(len));
	tk_put_raw(out, id, made->id_len);
	tk_keypair_cose(made->pair, tk_fault(key, "wrong-algorithm") ? -36 : tk_keypair_alg(made->pair), out);
}

static struct tk_slice authdata(struct tk_key *key, const struct request *request, uint8_t flags,
				struct tk_credential *made, struct tk_writer *out)
{
	flags |= TK_FLAG_AT;
	if (request->protect_asked)
		flags |= TK_FLAG_ED;
	tk_put_authdata(key, out, made->rp_hash, flags, tk_count(key, made));
	put_attested(key, made, out);
	if (request->protect_asked) {
		tk_put_map(out, 1);
		tk_put_text(out, "credProtect");
		tk_put_uint(out, made->protect);
	}
	if (tk_fault(key, "short-authdata"))
		out->len--;
	if (tk_fault(key, "long-authdata"))
		tk_put_raw(out, "", 1);
	return (struct tk_slice){out->data, out->len};
}

static void put_statement(struct tk_key *key, const struct request *request, const struct tk_credential *made,
			  struct tk_slice data, struct tk_writer *out)
{
	bool packed = key->options.attestation == TK_ATTEST_PACKED;
	const struct tk_keypair *pair = packed ? tk_attestation_pair(key) : made->pair;
	uint8_t message[1024 + TK_HASH_LEN], signature[TK_SIGNATURE_MAX];
	size_t len;

	memcpy(message, data.data, data.len);
	memcpy(message + data.len, request->data_hash.data, TK_HASH_LEN);
	len = tk_sign(key, pair, (struct tk_slice){message, data.len + TK_HASH_LEN}, signature);
	if (tk_fault(key, "wrong-attestation"))
		signature[len - 1] ^= 1;
	tk_put_map(out, packed ? 3 : 2);
	tk_put_text(out, "alg");
	tk_put_int(out, tk_keypair_alg(pair));
	tk_put_text(out, "sig");
	tk_put_bytes(out, signature, len);
	if (packed) {
		tk_put_text(out, "x5c");
		tk_put_raw(out, key->chain, key->chain_len);
	}
}

static void put_answer(struct tk_key *key, const struct request *request, uint8_t flags,
		       struct tk_credential *made, struct tk_writer *out)
{
	bool none = key->options.attestation == TK_ATTEST_NONE;
	uint8_t storage[1024];
	struct tk_writer writer = {.data = storage, .cap = sizeof(storage)};
	struct tk_slice data = authdata(key, request, flags, made, &writer);

	tk_put_map(out, 3);
	tk_put_uint(out, 1);
	tk_put_text(out, none ? "none" : "packed");
	tk_put_uint(out, 2);
	tk_put_bytes(out, data.data, data.len);
	tk_put_uint(out, 3);
	if (none)
		tk_put_map(out, 0);
	else
		put_statement(key, request, made, data, out);
}

static uint8_t store(struct tk_key *key, struct request *request, struct tk_credential **made)
{
	int place = tk_credential_place(key, &request->made);

	if (place < 0)
		return TK_KEY_STORE_FULL;
	*made = &key->memory.credentials[place];
	tk_credential_forget(*made);
	request->made.pair = tk_keypair_new(request->alg);
	request->made.made = ++key->memory.made;
	request->made.counter = key->options.counter_start;
	request->made.id_len = 48;
	tk_random(request->made.id, request->made.id_len);
	**made = request->made;
	return TK_OK;
}

uint8_t tk_make_credential(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	struct request request = {0};
	struct tk_credential *made = NULL;
	uint8_t flags = 0, status;

	key->counters.makes++;
	status = get_request(in, key, &request);
	if (status == TK_OK)
		status = tk_ask_chosen(key, &request.ask);
	if (status == TK_OK)
		status = check_request(key, &request);
	if (status == TK_OK)
		status = tk_ask_verify(key, &request.ask, &flags);
	if (status == TK_OK)
		status = check_excluded(key, &request, &flags);
	if (status == TK_OK)
		status = tk_ask_present(key, &request.ask, &flags);
	if (status == TK_OK)
		status = store(key, &request, &made);
	if (status != TK_OK)
		return status;
	put_answer(key, &request, flags, made, out);
	tk_memory_save(key);
	return TK_OK;
}
