/* SPDX-License-Identifier: Apache-2.0 */
/* The token endpoint: clients for themselves, and access tokens that are JWT. */
#include "token_rig.h"

/* ---- client_credentials ---- */

static void add_service(struct token_rig *rig, const char *id, enum hc_access_format format)
{
	struct hc_client service = gw_client_of(id);

	service.grants = HC_GRANT_CREDENTIALS;
	service.redirect_uris.count = 0;
	service.access_format = format;
	(void)snprintf(service.scopes.text, sizeof(service.scopes.text), "openid lab:read lab:write profile");
	gw_add_client(rig->gw, &service);
}

static void client_credentials_never_give_what_is_a_persons(void **state)
{
	struct token_rig *rig = *state;
	static const char *const refused[] = {"openid",	   "openid+lab:read",	  "profile",
					      "lab:admin", "lab:read++lab:write", "lab:read+lab:read"};

	add_service(rig, "service", HC_ACCESS_OPAQUE);
	for (size_t i = 0; i < HC_COUNT(refused); i++) {
		char form[256];

		(void)snprintf(form, sizeof(form), "grant_type=client_credentials&scope=%s", refused[i]);
		GW_REPLY_OF(reply) = ask(rig, "service", form);
		expect_error(&reply, 400, "invalid_scope", refused[i]);
	}
	GW_REPLY_OF(code) = ask(rig, "service", code_form(rig->consent.code_text.text, GW_VERIFIER));
	expect_error(&code, 400, "unauthorized_client", "code");
	GW_REPLY_OF(other) = ask(rig, "app", "grant_type=client_credentials");
	expect_error(&other, 400, "unauthorized_client", "app");
}

static void client_credentials_give_an_access_token_alone(void **state)
{
	struct token_rig *rig = *state;
	char access[HC_JWS_MAX];

	add_service(rig, "service", HC_ACCESS_OPAQUE);
	GW_REPLY_OF(all) = ask(rig, "service", "grant_type=client_credentials");
	GW_JSON(json) = gw_json(&all);
	assert_int_equal(all.status, 200);
	assert_int_equal(json_object_size(json), 4);
	assert_string_equal(gw_text(json, "scope"), "lab:read lab:write");
	take(&all, "access_token", access);
	assert_true(access_lives(rig, access));
	GW_REPLY_OF(one) = ask(rig, "service", "grant_type=client_credentials&scope=lab:write");
	GW_JSON(narrow) = gw_json(&one);
	assert_string_equal(gw_text(narrow, "scope"), "lab:write");
}

static void a_jwt_for_a_client_is_signed_and_not_written_down(void **state)
{
	struct token_rig *rig = *state;
	char access[HC_JWS_MAX];
	struct hc_gstore_counts before, after;

	add_service(rig, "service", HC_ACCESS_JWT);
	hc_gstore_counts(rig->gw->gateway.store, &before);
	GW_REPLY_OF(reply) = ask(rig, "service", "grant_type=client_credentials");
	take(&reply, "access_token", access);
	hc_gstore_counts(rig->gw->gateway.store, &after);
	assert_int_equal(after.members, before.members);
	GW_JSON(claims) = gw_payload(access);
	assert_string_equal(gw_text(claims, "iss"), GW_ISSUER);
	assert_string_equal(gw_text(claims, "sub"), "service");
	assert_string_equal(gw_text(claims, "aud"), "service");
	assert_string_equal(gw_text(claims, "client_id"), "service");
	assert_string_equal(gw_text(claims, "scope"), "lab:read lab:write");
	assert_int_equal(strlen(gw_text(claims, "jti")), 22);
	assert_null(json_object_get(claims, "grant"));
	assert_null(json_object_get(claims, "auth_time"));
}

static void a_jwt_for_a_person_names_its_grant(void **state)
{
	struct token_rig *rig = *state;
	struct hc_client jwt = gw_client_of("jwt");
	char text[HC_JWS_MAX];

	jwt.access_format = HC_ACCESS_JWT;
	jwt.id_token_alg = HC_JWS_RS256;
	gw_add_client(rig->gw, &jwt);
	rig->consent = consent_to(rig->gw, &jwt);
	GW_REPLY_OF(reply) = ask(rig, "jwt", code_form(rig->consent.code_text.text, GW_VERIFIER));
	take(&reply, "access_token", text);
	GW_JSON(claims) = gw_payload(text);
	(void)snprintf(text, sizeof(text), "%" PRId64, rig->consent.grant.id);
	assert_string_equal(gw_text(claims, "grant"), text);
	assert_string_equal(gw_text(claims, "sub"), rig->consent.grant.sub);
	assert_string_equal(gw_text(claims, "acr"), "https://refeds.org/profile/mfa");
	assert_int_equal(json_array_size(json_object_get(claims, "amr")), 3);
	assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")), T0 / 1000 - 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_CASE(client_credentials_never_give_what_is_a_persons),
		TOKEN_CASE(client_credentials_give_an_access_token_alone),
		TOKEN_CASE(a_jwt_for_a_client_is_signed_and_not_written_down),
		TOKEN_CASE(a_jwt_for_a_person_names_its_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
