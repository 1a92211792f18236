/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own tokens, read back. No state. Threats: a token of somebody else, or of ours for another purpose
 * (typ decides, and is signed), a payload with two readings. Nothing of a payload is looked at before its
 * signature was good, and then it still must be the object that we write: duplicates are refused, texts
 * have the size of their field. Its depth is bounded by its length (HC_JWS_MAX).
 */
#include "oauth/jwt.h"

#include <stdlib.h>
#include <string.h>

#include "oauth/keyring.h"

#define SECONDS_MAX (INT64_MAX / 1000)

void hc_jwt_free(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static void free_text(char **text)
{
	free(*text);
	*text = NULL;
}

enum hc_err hc_jwt_open(const struct hc_worker *worker, const char *text, size_t len, const char *typ,
			json_t **ret_json)
{
	HC_CLEANUP(free_text) char *payload = NULL;
	HC_CLEANUP(hc_jwt_free) json_t *json = NULL;
	size_t payload_len = 0, count = 0;
	struct hc_jwk *const *keys = hc_keyring_keys(worker->keyring, &count);
	const enum hc_err err = hc_jws_verify(keys, count, text, len, typ, &payload, &payload_len);

	if (err != HC_OK)
		return err == HC_ERR_NOMEM || err == HC_ERR_CRYPTO ? err : HC_ERR_PERM;
	json = json_loadb(payload, payload_len, JSON_REJECT_DUPLICATES, NULL);
	const char *issuer = json_string_value(json_object_get(json, "iss"));
	if (issuer == NULL || strcmp(issuer, worker->gateway->config.issuer) != 0)
		return HC_ERR_PERM;
	*ret_json = hc_steal_ptr(&json);
	return HC_OK;
}

enum hc_err hc_jwt_text(const json_t *json, const char *name, char *out, size_t cap)
{
	const json_t *member = json_object_get(json, name);
	const char *text = json_string_value(member);

	if (text == NULL || json_string_length(member) >= cap || strlen(text) != json_string_length(member))
		return HC_ERR_INVALID;
	memcpy(out, text, json_string_length(member) + 1);
	return HC_OK;
}

enum hc_err hc_jwt_time_ms(const json_t *json, const char *name, int64_t *ret_ms)
{
	const json_t *member = json_object_get(json, name);
	const json_int_t seconds = json_integer_value(member);

	if (!json_is_integer(member) || seconds < 0 || seconds > SECONDS_MAX)
		return HC_ERR_INVALID;
	*ret_ms = (int64_t)seconds * 1000;
	return HC_OK;
}
