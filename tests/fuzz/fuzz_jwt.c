/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/crypto.h"
#include "jose/b64url.h"
#include "oauth/access_token.h"
#include "oauth/id_token.h"
#include "oauth/keyring.h"
#include "store/client.h"
#include "store/grant.h"
#include "store/key.h"
#include "store/token.h"

/*
 * The readers of our own tokens: id_token_hint and JWT access tokens. The first byte says what the rest is:
 *
 *   'r'  a token as it came: nobody but us can make a good one, so none is
 *   'h'  header, NUL, payload: the two in base64url under a signature of 64 zero bytes; none is good either
 *   'i'  a payload that we sign as an ID token, 'a' as an access token: what is taken from it keeps to its
 *        bounds, and the other reader refuses it
 *
 * Keys are new in each run; the store answers from here: it knows every client and every grant.
 */
#define ISSUER "https://sso.example"
#define NOW_MS INT64_C(1800000000000)

static struct hc_signing_key rows[2];
static struct hc_gateway gateway;
static struct hc_worker worker;

enum hc_err hc_key_list(struct hc_gstore_view *view, size_t max, struct hc_signing_key *out,
			size_t *ret_count)
{
	(void)view;
	FUZZ_REQUIRE(max >= HC_COUNT(rows));
	memcpy(out, rows, sizeof(rows));
	*ret_count = HC_COUNT(rows);
	return HC_OK;
}

enum hc_err hc_client_by_id(struct hc_gstore_view *view, const char *id, struct hc_client *ret_client)
{
	(void)view;
	FUZZ_REQUIRE(strlen(id) <= HC_CLIENT_ID_MAX);
	*ret_client = (struct hc_client){.number = 7, .profile = HC_CLIENT_OIDC};
	return HC_OK;
}

enum hc_err hc_grant_find(struct hc_gstore_view *view, int64_t id, int64_t now_ms, struct hc_grant *ret_grant)
{
	(void)view;
	(void)now_ms;
	FUZZ_REQUIRE(id > 0);
	*ret_grant = (struct hc_grant){.id = id, .client = 7, .person_id = 1, .session_id = 1, .sub = "s"};
	return HC_OK;
}

enum hc_err hc_jti_is_revoked(struct hc_gstore_view *view, const uint8_t hash[32], bool *ret_revoked)
{
	(void)view;
	(void)hash;
	*ret_revoked = false;
	return HC_OK;
}

enum hc_err hc_access_find(struct hc_gstore_view *view, const struct hc_ticket_ref *ref, int64_t now_ms,
			   struct hc_access_info *ret_info)
{
	(void)view;
	(void)ref;
	(void)now_ms;
	(void)ret_info;
	return HC_ERR_NOTFOUND;
}

static void must(enum hc_err err)
{
	if (err != HC_OK)
		abort();
}

static void start(void)
{
	HC_AUTO(seal) seal = NULL;

	if (worker.keyring != NULL)
		return;
	must(hc_crypto_start());
	must(hc_seal_new_random(&seal));
	must(hc_keyring_make(HC_JWS_ES256, seal, NOW_MS, &rows[0]));
	must(hc_keyring_make(HC_JWS_RS256, seal, NOW_MS, &rows[1]));
	rows[0].state = rows[1].state = HC_KEY_ACTIVE;
	(void)snprintf(gateway.config.issuer, sizeof(gateway.config.issuer), "%s", ISSUER);
	worker.gateway = &gateway;
	must(hc_keyring_load(NULL, seal, &worker.keyring));
}

static bool is_text(const char *text, size_t cap)
{
	return memchr(text, '\0', cap) != NULL;
}

static bool read_hint(const char *text, size_t len)
{
	struct hc_id_token_hint hint = {.expires_ms = -1};
	const enum hc_err err = hc_id_token_hint(&worker, text, len, &hint);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_PERM);
	if (err != HC_OK) {
		FUZZ_REQUIRE(hint.expires_ms == -1);
		return false;
	}
	FUZZ_REQUIRE(hint.expires_ms >= 0 && hint.expires_ms % 1000 == 0);
	FUZZ_REQUIRE(is_text(hint.client_id, sizeof(hint.client_id)) && is_text(hint.sub, sizeof(hint.sub)) &&
		     is_text(hint.sid, sizeof(hint.sid)));
	return true;
}

static bool read_access(const char *text, size_t len)
{
	struct hc_access_token token = {.info = {.expires_ms = -1}};
	const struct hc_access_info *info = &token.info;
	const enum hc_err err = hc_access_token_find(&worker, text, len, NOW_MS, &token);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_NOTFOUND);
	if (err != HC_OK) {
		FUZZ_REQUIRE(info->expires_ms == -1);
		return false;
	}
	FUZZ_REQUIRE(token.is_jwt && info->expires_ms > NOW_MS && info->client == 7);
	FUZZ_REQUIRE((info->grant_id != 0) == (info->person_id != 0));
	FUZZ_REQUIRE(is_text(info->client_id, sizeof(info->client_id)) &&
		     is_text(info->sub, sizeof(info->sub)) &&
		     is_text(info->scope.text, sizeof(info->scope.text)));
	return true;
}

static void sign_and_read(const char *payload, size_t len, bool as_hint)
{
	char *compact = NULL;
	size_t compact_len = 0;

	must(hc_jws_sign(hc_keyring_signer(worker.keyring, HC_JWS_ES256), as_hint ? "JWT" : "at+jwt", payload,
			 len, &compact, &compact_len));
	const bool hint = read_hint(compact, compact_len), access = read_access(compact, compact_len);
	FUZZ_REQUIRE(as_hint ? !access : !hint);
	free(compact);
}

static void read_with_header(const char *data, size_t size)
{
	const char *nul = size == 0 ? NULL : memchr(data, '\0', size);
	const size_t first = nul == NULL ? size : (size_t)(nul - data);
	const size_t second = nul == NULL ? 0 : size - first - 1;
	static const char zeroes[64];
	char *text = malloc(hc_b64url_len(first) + hc_b64url_len(second) + hc_b64url_len(sizeof(zeroes)) + 3);
	size_t len = hc_b64url_len(first);

	if (text == NULL)
		abort();
	hc_b64url_encode(data, first, text);
	text[len++] = '.';
	hc_b64url_encode(data + size - second, second, text + len);
	len += hc_b64url_len(second);
	text[len++] = '.';
	hc_b64url_encode(zeroes, sizeof(zeroes), text + len);
	len += hc_b64url_len(sizeof(zeroes));
	FUZZ_REQUIRE(!read_hint(text, len) && !read_access(text, len));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *rest = (const char *)data + 1;

	if (size == 0)
		return 0;
	start();
	switch (data[0]) {
	case 'r':
		FUZZ_REQUIRE(!read_hint(rest, size - 1) && !read_access(rest, size - 1));
		break;
	case 'h':
		read_with_header(rest, size - 1);
		break;
	case 'i':
	case 'a':
		sign_and_read(rest, size - 1, data[0] == 'i');
		break;
	default:
		break;
	}
	return 0;
}
