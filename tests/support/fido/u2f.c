/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U2F (CTAP1): registration and authentication over CTAPHID_MSG, for old keys and for programs that
 * still speak it. A credential made here can be used by CTAP2, and the other way round.
 */
#include <string.h>

#include "ctap.h"
#include "fault.h"

enum { REGISTER = 0x01, AUTHENTICATE = 0x02, VERSION = 0x03 };
enum { CHECK_ONLY = 0x07, SIGN = 0x03, SIGN_WITHOUT_TOUCH = 0x08 };
enum { SW_OK = 0x9000, SW_NOT_SATISFIED = 0x6985, SW_WRONG_DATA = 0x6a80, SW_WRONG_LENGTH = 0x6700 };
enum { SW_NO_INSTRUCTION = 0x6d00, SW_NO_CLASS = 0x6e00 };

struct apdu {
	uint8_t instruction, parameter;
	struct tk_slice data;
};

/* Extended length, as it is used over USB; short length too. */
static unsigned parse(struct tk_slice in, struct apdu *apdu)
{
	size_t len = 0, at = 4;

	if (in.len < 4)
		return SW_WRONG_LENGTH;
	if (in.data[0] != 0)
		return SW_NO_CLASS;
	if (in.len >= 7 && in.data[4] == 0) {
		len = (size_t)in.data[5] << 8 | in.data[6];
		at = 7;
	} else if (in.len > 5) {
		len = in.data[4];
		at = 5;
	}
	if (len > in.len - at)
		len = 0;
	*apdu = (struct apdu){.instruction = in.data[1],
			      .parameter = in.data[2],
			      .data = {.data = in.data + at, .len = len}};
	return SW_OK;
}

static unsigned make(struct tk_key *key, const struct apdu *apdu, struct tk_credential **made)
{
	struct tk_credential credential = {.u2f = true, .protect = 1, .id_len = TK_ID_MAX};
	int place = tk_credential_place(key, &credential);

	if (place < 0)
		return SW_NOT_SATISFIED;
	credential.pair = tk_keypair_new(TK_ES256);
	credential.made = ++key->memory.made;
	credential.counter = key->options.counter_start;
	memcpy(credential.rp_hash, apdu->data.data + 32, TK_HASH_LEN);
	tk_random(credential.id, credential.id_len);
	*made = &key->memory.credentials[place];
	tk_credential_forget(*made);
	**made = credential;
	return SW_OK;
}

static struct tk_slice first_certificate(struct tk_key *key)
{
	struct tk_reader in;

	(void)tk_attestation_pair(key);
	in = tk_reader((struct tk_slice){key->chain, key->chain_len});
	(void)tk_get_array(&in);
	return tk_get_bytes(&in);
}

static unsigned u2f_register(struct tk_key *key, const struct apdu *apdu, struct tk_writer *out)
{
	struct tk_credential *made = NULL;
	uint8_t point[65], message[1 + 32 + 32 + TK_ID_MAX + 65], signature[TK_SIGNATURE_MAX],
		head[2] = {5, TK_ID_MAX};
	struct tk_writer data = {.data = message, .cap = sizeof(message)};
	struct tk_slice certificate;
	unsigned status;
	size_t len;

	key->command = "u2f-register";
	key->counters.u2f_registers++;
	if (apdu->data.len != 64)
		return SW_WRONG_LENGTH;
	if (!tk_u2f_touched(key))
		return SW_NOT_SATISFIED;
	status = make(key, apdu, &made);
	if (status != SW_OK)
		return status;
	tk_keypair_point(made->pair, point);
	tk_put_raw(&data, "", 1);
	tk_put_raw(&data, apdu->data.data + 32, 32);
	tk_put_raw(&data, apdu->data.data, 32);
	tk_put_raw(&data, made->id, made->id_len);
	tk_put_raw(&data, point, sizeof(point));
	certificate = first_certificate(key);
	tk_put_raw(out, head, 1);
	tk_put_raw(out, point, sizeof(point));
	tk_put_raw(out, head + 1, 1);
	tk_put_raw(out, made->id, made->id_len);
	tk_put_raw(out, certificate.data, certificate.len);
	len = tk_sign(key, tk_attestation_pair(key), (struct tk_slice){message, data.len}, signature);
	if (tk_fault(key, "wrong-attestation"))
		signature[len - 1] ^= 1;
	tk_put_raw(out, signature, len);
	tk_memory_save(key);
	return SW_OK;
}

static unsigned answer_authentication(struct tk_key *key, const struct apdu *apdu,
				      struct tk_credential *credential, bool present, struct tk_writer *out)
{
	uint8_t message[32 + 5 + 32], authdata[37], signature[TK_SIGNATURE_MAX];
	struct tk_writer data = {.data = authdata, .cap = sizeof(authdata)};

	tk_put_authdata(key, &data, credential->rp_hash, present ? TK_FLAG_UP : 0, tk_count(key, credential));
	memcpy(message, authdata, sizeof(authdata));
	memcpy(message + sizeof(authdata), apdu->data.data, 32);
	tk_put_raw(out, authdata + 32, 5);
	tk_put_raw(out, signature,
		   tk_sign(key, credential->pair, (struct tk_slice){message, sizeof(message)}, signature));
	tk_memory_save(key);
	return SW_OK;
}

static unsigned authenticate(struct tk_key *key, const struct apdu *apdu, struct tk_writer *out)
{
	struct tk_slice data = apdu->data;
	struct tk_credential *credential = NULL;
	bool check = apdu->parameter == CHECK_ONLY;

	key->command = check ? "u2f-check" : "u2f-sign";
	if (check)
		key->counters.u2f_checks++;
	else
		key->counters.u2f_signs++;
	if (data.len < 65 || data.len != 65U + data.data[64])
		return SW_WRONG_LENGTH;
	credential =
		tk_credential_find(key, data.data + 32, (struct tk_slice){data.data + 65, data.data[64]});
	if (!credential || credential->protect == 3 || tk_keypair_alg(credential->pair) != TK_ES256)
		return SW_WRONG_DATA;
	if (check)
		return SW_NOT_SATISFIED;
	if (apdu->parameter == SIGN_WITHOUT_TOUCH)
		return answer_authentication(key, apdu, credential, false, out);
	if (apdu->parameter != SIGN)
		return SW_WRONG_DATA;
	if (!tk_u2f_touched(key))
		return SW_NOT_SATISFIED;
	return answer_authentication(key, apdu, credential, true, out);
}

static unsigned run(struct tk_key *key, const struct apdu *apdu, struct tk_writer *out)
{
	/* A key that verifies always has nothing to do with a protocol that cannot. */
	if (key->memory.always_uv)
		return SW_NO_INSTRUCTION;
	if (apdu->instruction == REGISTER)
		return u2f_register(key, apdu, out);
	if (apdu->instruction == AUTHENTICATE)
		return authenticate(key, apdu, out);
	if (apdu->instruction != VERSION)
		return SW_NO_INSTRUCTION;
	key->command = "u2f-version";
	tk_put_raw(out, "U2F_V2", 6);
	return SW_OK;
}

size_t tk_u2f(struct tk_key *key, struct tk_slice request, uint8_t out[TK_MESSAGE_MAX])
{
	struct tk_writer answer = {.data = out, .cap = TK_MESSAGE_MAX - 2};
	struct apdu apdu = {0};
	unsigned status = parse(request, &apdu);

	key->command = "u2f";
	if (status == SW_OK)
		status = run(key, &apdu, &answer);
	if (status != SW_OK)
		answer.len = 0;
	out[answer.len] = (uint8_t)(status >> 8);
	out[answer.len + 1] = (uint8_t)status;
	return tk_fault_u2f(key, out, answer.len + 2);
}
