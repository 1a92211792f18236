/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens, made and found again. No state.
 *
 * Threats: a token that outlives what it was given for (an opaque one is looked up with its grant; a JWT
 * names its grant, which must be alive and its client's, and its jti must not be revoked), a JWT of a
 * client that was removed and came back under the same name (nothing issued before its record counts).
 * A token is found whole or not at all: there is no prefix and no second spelling of one.
 */
#include "oauth/access_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "jose/b64url.h"
#include "oauth/json_out.h"
#include "oauth/jwt.h"
#include "oauth/keyring.h"
#include "store/gstore.h"

#define JTI_BYTES   16
#define PAYLOAD_MAX 4096
#define GRANT_TEXT  21 /* INT64_MAX and NUL */

/* ---- making ---- */

static enum hc_err write_payload(const struct hc_worker *worker, const struct hc_access_claims *claims,
				 const char *jti, char out[PAYLOAD_MAX], size_t *ret_len)
{
	struct hc_json_out json;
	char grant[GRANT_TEXT];

	hc_json_start(&json, out, PAYLOAD_MAX);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "iss", worker->gateway->config.issuer);
	hc_json_text(&json, "sub", claims->sub);
	hc_json_text(&json, "aud", claims->client->id);
	hc_json_text(&json, "client_id", claims->client->id);
	hc_json_text(&json, "scope", claims->scope);
	hc_json_number(&json, "iat", claims->issued_ms / 1000);
	hc_json_number(&json, "exp", claims->expires_ms / 1000);
	hc_json_text(&json, "jti", jti);
	if (claims->session != NULL) {
		if (claims->session->auth_ms != 0)
			hc_json_number(&json, "auth_time", claims->session->auth_ms / 1000);
		hc_json_text(&json, "acr", claims->session->acr);
		hc_json_words(&json, "amr", claims->session->amr);
	}
	if (claims->grant_id != 0) {
		(void)snprintf(grant, sizeof(grant), "%" PRId64, claims->grant_id);
		hc_json_text(&json, "grant", grant);
	}
	hc_json_object_end(&json);
	return hc_json_end(&json, ret_len);
}

enum hc_err hc_access_token_sign(struct hc_worker *worker, const struct hc_access_claims *claims,
				 char **ret_compact)
{
	struct hc_jws_signer *signer = hc_keyring_signer(worker->keyring, claims->client->id_token_alg);
	char payload[PAYLOAD_MAX], jti[HC_JTI_LEN + 1];
	uint8_t random[JTI_BYTES];
	size_t len = 0, compact_len = 0;

	if (signer == NULL)
		return HC_ERR_STATE;
	enum hc_err err = hc_random(random, sizeof(random));
	if (err != HC_OK)
		return err;
	hc_b64url_encode(random, sizeof(random), jti);
	err = write_payload(worker, claims, jti, payload, &len);
	if (err == HC_OK)
		err = hc_jws_sign(signer, HC_JWT_TYP_ACCESS, payload, len, ret_compact, &compact_len);
	return err;
}

/* ---- finding: JWT ---- */

static enum hc_err read_grant_id(const json_t *json, int64_t *ret_id)
{
	char text[GRANT_TEXT], again[GRANT_TEXT];

	if (json_object_get(json, "grant") == NULL) {
		*ret_id = 0;
		return HC_OK;
	}
	if (hc_jwt_text(json, "grant", text, sizeof(text)) != HC_OK)
		return HC_ERR_INVALID;
	const int64_t id = strtoll(text, NULL, 10);
	(void)snprintf(again, sizeof(again), "%" PRId64, id);
	if (id <= 0 || strcmp(text, again) != 0)
		return HC_ERR_INVALID;
	*ret_id = id;
	return HC_OK;
}

static enum hc_err read_payload(const json_t *json, struct hc_access_token *token)
{
	struct hc_access_info *info = &token->info;
	char jti[HC_JTI_LEN + 1];
	enum hc_err err = hc_jwt_text(json, "client_id", info->client_id, sizeof(info->client_id));

	if (err == HC_OK)
		err = hc_jwt_text(json, "sub", info->sub, sizeof(info->sub));
	if (err == HC_OK)
		err = hc_jwt_text(json, "scope", info->scope.text, sizeof(info->scope.text));
	if (err == HC_OK)
		err = hc_jwt_time_ms(json, "iat", &info->issued_ms);
	if (err == HC_OK)
		err = hc_jwt_time_ms(json, "exp", &info->expires_ms);
	if (err == HC_OK)
		err = read_grant_id(json, &info->grant_id);
	if (err == HC_OK)
		err = hc_jwt_text(json, "jti", jti, sizeof(jti));
	return err == HC_OK ? hc_sha256(jti, strlen(jti), token->jti_hash) : HC_ERR_NOTFOUND;
}

/* Whether the store still stands behind it; fills in what only the store knows. */
static enum hc_err check_grant(struct hc_worker *worker, int64_t now_ms, struct hc_access_info *info)
{
	struct hc_grant grant;
	const enum hc_err err = hc_grant_find(worker->view, info->grant_id, now_ms, &grant);

	if (err != HC_OK)
		return err;
	if (grant.client != info->client || strcmp(grant.sub, info->sub) != 0)
		return HC_ERR_NOTFOUND;
	info->session_id = grant.session_id;
	info->person_id = grant.person_id;
	return HC_OK;
}

static enum hc_err check_store(struct hc_worker *worker, int64_t now_ms, struct hc_access_token *token)
{
	struct hc_access_info *info = &token->info;
	struct hc_client client;
	bool revoked = true;
	enum hc_err err = hc_client_by_id(worker->view, info->client_id, &client);

	if (err != HC_OK)
		return err;
	/* iat is whole seconds: what was issued in the second of the record's making counts. */
	if (info->issued_ms + 999 < client.created_ms)
		return HC_ERR_NOTFOUND;
	info->client = client.number;
	info->profile = client.profile;
	err = hc_jti_is_revoked(worker->view, token->jti_hash, &revoked);
	if (err == HC_OK && revoked)
		err = HC_ERR_NOTFOUND;
	if (err == HC_OK && info->grant_id != 0)
		err = check_grant(worker, now_ms, info);
	return err;
}

static enum hc_err find_jwt(struct hc_worker *worker, const char *text, size_t len, int64_t now_ms,
			    struct hc_access_token *token)
{
	HC_CLEANUP(hc_jwt_free) json_t *json = NULL;
	enum hc_err err = hc_jwt_open(worker, text, len, HC_JWT_TYP_ACCESS, &json);

	if (err != HC_OK)
		return err == HC_ERR_PERM ? HC_ERR_NOTFOUND : err;
	token->is_jwt = true;
	err = read_payload(json, token);
	if (err == HC_OK && token->info.expires_ms <= now_ms)
		err = HC_ERR_NOTFOUND;
	return err == HC_OK ? check_store(worker, now_ms, token) : err;
}

/* ---- finding: both ---- */

static enum hc_err find_opaque(struct hc_worker *worker, const char *text, size_t len, int64_t now_ms,
			       struct hc_access_token *token)
{
	if (hc_ticket_parse(text, len, &token->ref) != HC_OK)
		return HC_ERR_NOTFOUND;
	return hc_access_find(worker->view, &token->ref, now_ms, &token->info);
}

enum hc_err hc_access_token_find(struct hc_worker *worker, const char *text, size_t len, int64_t now_ms,
				 struct hc_access_token *ret_token)
{
	struct hc_access_token token = {.is_jwt = false};
	const bool has_dot = len > 0 && memchr(text, '.', len) != NULL;
	const enum hc_err err = has_dot ? find_jwt(worker, text, len, now_ms, &token)
					: find_opaque(worker, text, len, now_ms, &token);

	if (err == HC_OK)
		*ret_token = token;
	return err;
}
