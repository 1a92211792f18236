/* SPDX-License-Identifier: Apache-2.0 */
/* Provider metadata: one text under three names, and nothing in it that the program does not do. */
#include "oauth_rig.h"

static bool lists(const json_t *json, const char *name, const char *value)
{
	const json_t *list = json_object_get(json, name);

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (strcmp(json_string_value(json_array_get(list, i)), value) == 0)
			return true;
	}
	return false;
}

static void nothing_is_promised_that_is_not_kept(void **state)
{
	struct oauth_rig *rig = *state;
	static const struct {
		const char *name, *value;
	} absent[] = {
		{"response_types_supported", "token"},
		{"response_types_supported", "code id_token"},
		{"code_challenge_methods_supported", "plain"},
		{"id_token_signing_alg_values_supported", "none"},
		{"id_token_signing_alg_values_supported", "HS256"},
		{"grant_types_supported", "password"},
		{"grant_types_supported", "implicit"},
		{"introspection_endpoint_auth_methods_supported", "none"},
		{"token_endpoint_auth_methods_supported", "private_key_jwt"},
		{"acr_values_supported", "eidas2"},
	};

	GW_REPLY_OF(reply) = gw_get(rig->gw, HC_PATH_DISCOVERY, "");
	assert_non_null(strstr(reply.text, "\r\nStrict-Transport-Security: max-age=31536000\r\n"));
	GW_JSON(json) = gw_json(&reply);
	for (size_t i = 0; i < HC_COUNT(absent); i++) {
		if (lists(json, absent[i].name, absent[i].value))
			fail_msg("%s: %s", absent[i].name, absent[i].value);
	}
	assert_true(json_is_false(json_object_get(json, "request_parameter_supported")));
	assert_true(json_is_false(json_object_get(json, "request_uri_parameter_supported")));
	assert_true(json_is_false(json_object_get(json, "claims_parameter_supported")));
	static const char *const other[] = {"pushed_authorization_request_endpoint", "registration_endpoint",
					    "device_authorization_endpoint", "check_session_iframe",
					    "backchannel_logout_supported"};
	for (size_t i = 0; i < HC_COUNT(other); i++)
		assert_null(json_object_get(json, other[i]));
}

static void the_metadata_are_the_same_under_each_name(void **state)
{
	struct oauth_rig *rig = *state;

	GW_REPLY_OF(openid) = gw_get(rig->gw, HC_PATH_DISCOVERY, "");
	GW_REPLY_OF(oauth) = gw_get(rig->gw, HC_PATH_OAUTH_METADATA, "");
	GW_REPLY_OF(wallet) = gw_get(rig->gw, HC_PATH_WALLET_DISCOVERY, "");
	assert_int_equal(openid.status, 200);
	assert_non_null(strstr(openid.text, "\r\nContent-Type: application/json\r\n"));
	assert_string_equal(openid.body, oauth.body);
	assert_string_equal(openid.body, wallet.body);
}

static void what_every_client_needs_is_there(void **state)
{
	struct oauth_rig *rig = *state;
	static const char *const endpoints[][2] = {
		{"authorization_endpoint", GW_ISSUER "/oauth2/authorize"},
		{"token_endpoint", GW_ISSUER "/oauth2/token"},
		{"userinfo_endpoint", GW_ISSUER "/oauth2/userinfo"},
		{"jwks_uri", GW_ISSUER "/oauth2/jwks"},
		{"introspection_endpoint", GW_ISSUER "/oauth2/introspect"},
		{"revocation_endpoint", GW_ISSUER "/oauth2/revoke"},
		{"end_session_endpoint", GW_ISSUER "/oauth2/logout"},
	};

	GW_REPLY_OF(reply) = gw_get(rig->gw, HC_PATH_DISCOVERY, "");
	GW_JSON(json) = gw_json(&reply);
	assert_string_equal(gw_text(json, "issuer"), GW_ISSUER);
	for (size_t i = 0; i < HC_COUNT(endpoints); i++)
		assert_string_equal(gw_text(json, endpoints[i][0]), endpoints[i][1]);
	assert_true(lists(json, "id_token_signing_alg_values_supported", "RS256"));
	assert_true(lists(json, "code_challenge_methods_supported", "S256"));
	assert_true(lists(json, "scopes_supported", "openid"));
	assert_true(lists(json, "subject_types_supported", "public"));
	assert_true(json_is_true(json_object_get(json, "authorization_response_iss_parameter_supported")));
}

static void every_claim_of_userinfo_is_announced(void **state)
{
	struct oauth_rig *rig = *state;
	const char *name = NULL;
	json_t *value = NULL;

	oauth_sign_in(rig, &rig->psc, "openid profile scope_all");
	GW_REPLY_OF(metadata) = gw_get(rig->gw, HC_PATH_DISCOVERY, "");
	GW_JSON(announced) = gw_json(&metadata);
	GW_REPLY_OF(userinfo) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	GW_JSON(claims) = gw_json(&userinfo);
	GW_JSON(of_id_token) = gw_payload(rig->id_token);
	assert_true(json_object_size(claims) > 15);
	json_object_foreach(claims, name, value)
	{
		if (!lists(announced, "claims_supported", name))
			fail_msg("%s", name);
	}
	json_object_foreach(of_id_token, name, value)
	{
		if (!lists(announced, "claims_supported", name))
			fail_msg("%s", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OAUTH_CASE(nothing_is_promised_that_is_not_kept),
		OAUTH_CASE(the_metadata_are_the_same_under_each_name),
		OAUTH_CASE(what_every_client_needs_is_there),
		OAUTH_CASE(every_claim_of_userinfo_is_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
