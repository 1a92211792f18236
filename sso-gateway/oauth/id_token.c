/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ID tokens and the subject in them. No state.
 *
 * Threats: a hint that somebody else signed, or that we signed as something else (typ); a nonce that
 * writes claims of its own (escaped by the JSON writer); a subject from which the person can be read or
 * found by trying (keyed hash). An ID token says who signed in and how; what the person is stands in
 * userinfo, where it can be asked for anew.
 */
#include "oauth/id_token.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "jose/b64url.h"
#include "oauth/json_out.h"
#include "oauth/jwt.h"
#include "oauth/keyring.h"

#define PAYLOAD_MAX 6144 /* a nonce of HC_NONCE_MAX control characters grows to 3 KiB */
#define HALF_LEN    (HC_SHA256_LEN / 2)

/* OIDC Core 3.1.3.6: the left half of the hash, with the hash of the signature's algorithm (SHA-256 in all of ours). */
static enum hc_err half_hash(const char *token, char out[HC_SHA256_LEN])
{
	uint8_t hash[HC_SHA256_LEN];
	const enum hc_err err = hc_sha256(token, strlen(token), hash);

	if (err == HC_OK)
		hc_b64url_encode(hash, HALF_LEN, out);
	return err;
}

struct contents {
	const struct hc_client *client;
	const struct hc_browser_session *session;
	const char *sub, *nonce, *at_hash;
	int64_t now_ms, expires_ms;
};

static enum hc_err write_payload(const struct hc_gateway *gateway, const struct contents *contents,
				 char out[PAYLOAD_MAX], size_t *ret_len)
{
	struct hc_json_out json;

	hc_json_start(&json, out, PAYLOAD_MAX);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "iss", gateway->config.issuer);
	hc_json_text(&json, "sub", contents->sub);
	hc_json_text(&json, "aud", contents->client->id);
	hc_json_number(&json, "exp", contents->expires_ms / 1000);
	hc_json_number(&json, "iat", contents->now_ms / 1000);
	if (contents->session->auth_ms != 0)
		hc_json_number(&json, "auth_time", contents->session->auth_ms / 1000);
	if (contents->nonce[0] != '\0')
		hc_json_text(&json, "nonce", contents->nonce);
	hc_json_text(&json, "acr", contents->session->acr);
	hc_json_words(&json, "amr", contents->session->amr);
	hc_json_text(&json, "sid", contents->session->sid);
	hc_json_text(&json, "at_hash", contents->at_hash);
	hc_json_object_end(&json);
	return hc_json_end(&json, ret_len);
}

enum hc_err hc_id_token_make(struct hc_worker *worker, const struct hc_client *client,
			     const struct hc_browser_session *session, const char *sub, const char *nonce,
			     const char *access_token, int64_t now_ms, char **ret_compact)
{
	const struct hc_gateway *gateway = worker->gateway;
	struct hc_jws_signer *signer = hc_keyring_signer(worker->keyring, client->id_token_alg);
	char payload[PAYLOAD_MAX], at_hash[HC_SHA256_LEN];
	size_t len = 0, compact_len = 0;

	if (signer == NULL)
		return HC_ERR_STATE;
	enum hc_err err = half_hash(access_token, at_hash);
	if (err != HC_OK)
		return err;
	err = write_payload(gateway,
			    &(struct contents){.client = client,
					       .session = session,
					       .sub = sub,
					       .nonce = nonce,
					       .at_hash = at_hash,
					       .now_ms = now_ms,
					       .expires_ms = now_ms + gateway->config.id_token_s * 1000},
			    payload, &len);
	if (err == HC_OK)
		err = hc_jws_sign(signer, HC_JWT_TYP_ID, payload, len, ret_compact, &compact_len);
	return err;
}

enum hc_err hc_id_token_hint(struct hc_worker *worker, const char *compact, size_t len,
			     struct hc_id_token_hint *ret_hint)
{
	HC_CLEANUP(hc_jwt_free) json_t *json = NULL;
	struct hc_id_token_hint hint = {.expires_ms = 0};
	enum hc_err err = hc_jwt_open(worker, compact, len, HC_JWT_TYP_ID, &json);

	if (err != HC_OK)
		return err;
	err = hc_jwt_text(json, "aud", hint.client_id, sizeof(hint.client_id));
	if (err == HC_OK)
		err = hc_jwt_text(json, "sub", hint.sub, sizeof(hint.sub));
	if (err == HC_OK)
		err = hc_jwt_text(json, "sid", hint.sid, sizeof(hint.sid));
	if (err == HC_OK)
		err = hc_jwt_time_ms(json, "exp", &hint.expires_ms);
	if (err != HC_OK)
		return HC_ERR_PERM;
	*ret_hint = hint;
	return HC_OK;
}

/* HMAC over "sub" ‖ 0x00 ‖ issuer ‖ 0x00 ‖ person id as 8 bytes, big-endian */
enum hc_err hc_subject(const struct hc_gateway *gateway, int64_t person_id, char out[HC_SUB_MAX + 1])
{
	static const char label[] = "sub";
	const size_t issuer_len = strlen(gateway->config.issuer) + 1;
	char input[sizeof(label) + HC_ISSUER_MAX + 1 + 8];
	uint8_t hash[HC_SHA256_LEN];
	size_t len = sizeof(label);

	memcpy(input, label, len);
	memcpy(input + len, gateway->config.issuer, issuer_len);
	len += issuer_len;
	for (unsigned i = 0; i < 8; i++)
		input[len++] = (char)((uint64_t)person_id >> (56 - 8 * i));
	const enum hc_err err = hc_hmac_sha256(gateway->sub_key, input, len, hash);
	if (err == HC_OK)
		hc_b64url_encode(hash, sizeof(hash), out);
	return err;
}
