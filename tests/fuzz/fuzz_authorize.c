/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "oauth/authorize_request.h"
#include "oauth/redirect_uri.h"
#include "oauth/scope.h"

/*
 * A query string as an authorization request, for two clients and none. Whatever comes: the only address
 * that anything is ever sent to is a registered one, an accepted request has PKCE and openid, texts
 * are within their limits, and the answer's Location is one line of printable ASCII behind the address.
 * The query's redirect_uri goes through the judge of registrations as well.
 */
static const struct hc_client clients[] = {
	{.number = 1,
	 .id = "app",
	 .auth = HC_CLIENT_PUBLIC,
	 .grants = HC_GRANT_CODE,
	 .scopes = {"openid profile scope_all"},
	 .redirect_uris = {.count = 2, .uri = {"https://app.example/cb", "https://app.example/cb?tenant=1"}}},
	{.number = 2, .id = "none", .auth = HC_CLIENT_PUBLIC, .scopes = {"openid"}},
};

static void check_registered(const struct hc_client *client, const char *uri)
{
	size_t found = 0;

	FUZZ_REQUIRE(client != NULL);
	for (size_t i = 0; i < client->redirect_uris.count; i++)
		found += strcmp(client->redirect_uris.uri[i], uri) == 0;
	FUZZ_REQUIRE(found == 1);
}

static void check_location(const char *uri, const char *state)
{
	const struct hc_redirect_param params[] = {
		{"code", "c"}, {"state", state}, {"iss", "https://sso.example"}};
	char *location = NULL;

	FUZZ_REQUIRE(hc_redirect_location(uri, params, HC_COUNT(params), &location) == HC_OK);
	FUZZ_REQUIRE(strncmp(location, uri, strlen(uri)) == 0);
	for (const char *at = location; *at != '\0'; at++)
		FUZZ_REQUIRE(*at > 0x20 && *at < 0x7f && *at != '#');
	free(location);
}

static void check_refusal(const struct hc_client *client, const struct hc_authorize_refusal *refusal)
{
	FUZZ_REQUIRE(refusal->error != NULL && refusal->description != NULL);
	for (const char *at = refusal->description; *at != '\0'; at++)
		FUZZ_REQUIRE(*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\');
	if (refusal->reason != HC_REASON_NONE) {
		FUZZ_REQUIRE(refusal->redirect_uri[0] == '\0' && refusal->reason / 100 == 5);
		return;
	}
	check_registered(client, refusal->redirect_uri);
	check_location(refusal->redirect_uri, refusal->state);
}

static void check_request(const struct hc_client *client, const struct hc_params *params,
			  const struct hc_authorize_request *request)
{
	struct hc_view value;

	check_registered(client, request->what.redirect_uri);
	check_location(request->what.redirect_uri, request->what.state);
	FUZZ_REQUIRE((client->grants & HC_GRANT_CODE) != 0);
	FUZZ_REQUIRE(hc_scope_has(&request->what.scope, HC_SCOPE_OPENID));
	FUZZ_REQUIRE(hc_params_repeated(params) == NULL);
	FUZZ_REQUIRE(hc_params_get(params, "response_type", &value) == HC_OK &&
		     strcmp(value.data, "code") == 0);
	FUZZ_REQUIRE(hc_params_get(params, "code_challenge_method", &value) == HC_OK &&
		     strcmp(value.data, "S256") == 0);
	FUZZ_REQUIRE(hc_params_get(params, "code_challenge", &value) == HC_OK &&
		     value.len == HC_PKCE_CHALLENGE_LEN);
	FUZZ_REQUIRE(hc_params_get(params, "state", &value) != HC_OK ||
		     strcmp(value.data, request->what.state) == 0);
	FUZZ_REQUIRE(hc_params_get(params, "nonce", &value) != HC_OK ||
		     strcmp(value.data, request->what.nonce) == 0);
	FUZZ_REQUIRE(request->max_age_s >= -1 && request->max_age_s <= INT64_C(9999999999));
	FUZZ_REQUIRE((request->prompt & HC_PROMPT_NONE) == 0 || request->prompt == HC_PROMPT_NONE);
}

/* What may be registered stays one line, and nothing of an answer's is in it. */
static void check_judge(const struct hc_params *params)
{
	struct hc_view uri;
	const char *why = NULL;

	if (hc_params_get(params, "redirect_uri", &uri) != HC_OK)
		return;
	if (hc_redirect_uri_check(uri.data, &why) != HC_OK) {
		FUZZ_REQUIRE(why != NULL);
		return;
	}
	FUZZ_REQUIRE(uri.len <= HC_URI_MAX && strchr(uri.data, '#') == NULL &&
		     strstr(uri.data, "code=") != uri.data);
	check_location(uri.data, "s");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_params params;

	if (hc_params_parse((const char *)data, size, &params) != HC_OK)
		return 0;
	check_judge(&params);
	for (size_t i = 0; i <= HC_COUNT(clients); i++) {
		const struct hc_client *client = i < HC_COUNT(clients) ? &clients[i] : NULL;
		struct hc_authorize_request request;
		struct hc_authorize_refusal refusal;
		const enum hc_err err = hc_authorize_request_read(&params, client, &request, &refusal);

		FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID);
		if (err == HC_OK)
			check_request(client, &params, &request);
		else
			check_refusal(client, &refusal);
	}
	hc_params_clear(&params);
	return 0;
}
