/* SPDX-License-Identifier: Apache-2.0 */
/* Introspection and revocation: what a token is worth, to whom that is said, and who ends it. */
#include "oauth_rig.h"

/* ---- whom it is said to ---- */

static void a_client_learns_nothing_about_tokens_of_others(void **state)
{
	struct oauth_rig *rig = *state;

	assert_false(oauth_is_active(rig, "other", rig->access));
	assert_false(oauth_is_active(rig, "other", rig->refresh));
	assert_true(oauth_is_active(rig, "app", rig->access));
	assert_true(oauth_is_active(rig, "app", rig->refresh));
	assert_true(oauth_is_active(rig, "server", rig->access));
	assert_true(oauth_is_active(rig, "server", rig->refresh));
}

static void whoever_does_not_prove_who_he_is_is_refused(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_client public = gw_client_of("public");
	char form[3 * HC_JWS_MAX];

	public.auth = HC_CLIENT_PUBLIC;
	gw_add_client(rig->gw, &public);
	(void)snprintf(form, sizeof(form), "client_id=public&token=%s", rig->access);
	GW_REPLY_OF(as_public) = gw_post(rig->gw, HC_PATH_INTROSPECT, "", form);
	assert_int_equal(as_public.status, 401);
	(void)snprintf(form, sizeof(form), "token=%s", rig->access);
	GW_REPLY_OF(as_nobody) = gw_post(rig->gw, HC_PATH_INTROSPECT, "", form);
	assert_int_equal(as_nobody.status, 401);
	GW_REPLY_OF(by_token) = gw_post(rig->gw, HC_PATH_INTROSPECT, gw_bearer(rig->access), form);
	assert_int_equal(by_token.status, 401);
	GW_REPLY_OF(missing) = gw_post(rig->gw, HC_PATH_INTROSPECT, gw_basic("app", GW_SECRET), "");
	assert_int_equal(missing.status, 400);
	(void)snprintf(form, sizeof(form), "token=%s&token=%s", rig->access, rig->access);
	GW_REPLY_OF(twice) = gw_post(rig->gw, HC_PATH_INTROSPECT, gw_basic("app", GW_SECRET), form);
	assert_int_equal(twice.status, 400);
}

/* ---- what is dead ---- */

static void what_is_no_token_is_not_active(void **state)
{
	struct oauth_rig *rig = *state;
	static const char *const texts[] = {
		"",	  "x",	 "a.b.c", "..", ".", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"%C3%A9", "null"};

	for (size_t i = 0; i < HC_COUNT(texts); i++)
		assert_false(oauth_is_active(rig, "server", texts[i]));
	assert_false(oauth_is_active(rig, "server", rig->id_token));
	assert_false(oauth_is_active(rig, "server", rig->consent.code_text.text));
	assert_false(oauth_is_active(rig, "server", rig->consent.cookie_text.text));
}

static void no_prefix_of_a_token_is_active(void **state)
{
	struct oauth_rig *rig = *state;
	char text[HC_TICKET_LEN + 1];

	for (size_t len = 0; len < HC_TICKET_LEN; len++) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)len, rig->access);
		assert_false(oauth_is_active(rig, "server", text));
	}
}

static void tokens_end_with_their_time(void **state)
{
	struct oauth_rig *rig = *state;

	gw_pass(rig->gw, 299999);
	assert_true(oauth_is_active(rig, "app", rig->access));
	gw_pass(rig->gw, 1);
	assert_false(oauth_is_active(rig, "app", rig->access));
	assert_true(oauth_is_active(rig, "app", rig->refresh));
	gw_pass(rig->gw, 8 * 3600000);
	assert_false(oauth_is_active(rig, "app", rig->refresh));
}

static void tokens_end_with_their_session(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_client jwt = oauth_jwt_client(rig, HC_GRANT_CODE | HC_GRANT_REFRESH);
	char opaque[HC_JWS_MAX];

	(void)snprintf(opaque, sizeof(opaque), "%s", rig->access);
	GW_WRITE(rig->gw, oauth_end_session_work, rig);
	assert_false(oauth_is_active(rig, "server", opaque));
	assert_false(oauth_is_active(rig, "server", rig->refresh));
	oauth_sign_in(rig, &jwt, "openid");
	assert_true(oauth_is_active(rig, "server", rig->access));
	GW_WRITE(rig->gw, oauth_end_session_work, rig);
	assert_false(oauth_is_active(rig, "server", rig->access));
}

static void tokens_end_with_their_client_and_do_not_come_back_with_its_name(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_client jwt = oauth_jwt_client(rig, HC_GRANT_CREDENTIALS);
	char token[HC_JWS_MAX], name[] = "jwt", app[] = "app";

	oauth_credentials(rig, "jwt", token);
	assert_true(oauth_is_active(rig, "server", token));
	GW_WRITE(rig->gw, oauth_remove_work, name);
	assert_false(oauth_is_active(rig, "server", token));
	gw_pass(rig->gw, 2000);
	jwt.created_ms = atomic_load(&rig->gw->now_ms);
	gw_add_client(rig->gw, &jwt);
	assert_false(oauth_is_active(rig, "server", token));
	oauth_credentials(rig, "jwt", token);
	assert_true(oauth_is_active(rig, "server", token));

	GW_WRITE(rig->gw, oauth_remove_work, app);
	assert_false(oauth_is_active(rig, "server", rig->access));
	assert_false(oauth_is_active(rig, "server", rig->refresh));
}

static void a_used_refresh_token_is_not_active(void **state)
{
	struct oauth_rig *rig = *state;
	char form[3 * HC_JWS_MAX];

	(void)snprintf(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s", rig->refresh);
	GW_REPLY_OF(reply) = gw_post(rig->gw, HC_PATH_TOKEN, gw_basic("app", GW_SECRET), form);
	assert_int_equal(reply.status, 200);
	assert_false(oauth_is_active(rig, "app", rig->refresh));
}

/* ---- what is said ---- */

static void an_active_token_is_described(void **state)
{
	struct oauth_rig *rig = *state;

	GW_REPLY_OF(access) = oauth_token_call(rig, HC_PATH_INTROSPECT, "server", rig->access);
	GW_JSON(json) = gw_json(&access);
	assert_non_null(strstr(access.text, "\r\nCache-Control: no-store\r\n"));
	assert_string_equal(gw_text(json, "iss"), GW_ISSUER);
	assert_string_equal(gw_text(json, "sub"), rig->consent.grant.sub);
	assert_string_equal(gw_text(json, "client_id"), "app");
	assert_string_equal(gw_text(json, "aud"), "app");
	assert_string_equal(gw_text(json, "scope"), "openid profile");
	assert_string_equal(gw_text(json, "token_type"), "Bearer");
	assert_int_equal(json_integer_value(json_object_get(json, "iat")), T0 / 1000);
	assert_int_equal(json_integer_value(json_object_get(json, "exp")), T0 / 1000 + 300);
	assert_int_equal(json_object_size(json), 9);
	GW_REPLY_OF(refresh) = oauth_token_call(rig, HC_PATH_INTROSPECT, "app", rig->refresh);
	GW_JSON(other) = gw_json(&refresh);
	assert_null(json_object_get(other, "token_type"));
	assert_string_equal(gw_text(other, "sub"), rig->consent.grant.sub);
	assert_int_equal(json_integer_value(json_object_get(other, "exp")), T0 / 1000 + 8 * 3600);
}

static void the_store_alone_decides_for_most_tokens(void **state)
{
	struct oauth_rig *rig = *state;

	gw_broker(rig->gw, HC_ERR_AWAY);
	assert_true(oauth_is_active(rig, "server", rig->access));
}

static void an_application_of_pro_sante_connect_reads_the_national_identifier(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_person_answer answer = gw_doctor(7);

	oauth_sign_in(rig, &rig->psc, "openid scope_all");
	GW_REPLY_OF(known) = oauth_token_call(rig, HC_PATH_INTROSPECT, "psc", rig->access);
	GW_JSON(with) = gw_json(&known);
	assert_string_equal(gw_text(with, "SubjectNameID"), "899700218896");
	gw_broker(rig->gw, HC_ERR_AWAY);
	GW_REPLY_OF(away) = oauth_token_call(rig, HC_PATH_INTROSPECT, "psc", rig->access);
	GW_JSON(without) = gw_json(&away);
	assert_true(json_is_true(json_object_get(without, "active")));
	assert_null(json_object_get(without, "SubjectNameID"));
	gw_broker(rig->gw, HC_OK);
	answer.person.national_id[0] = '\0';
	gw_person(rig->gw, answer);
	GW_REPLY_OF(none) = oauth_token_call(rig, HC_PATH_INTROSPECT, "psc", rig->access);
	GW_JSON(empty) = gw_json(&none);
	assert_null(json_object_get(empty, "SubjectNameID"));
	answer.may_sign_in = false;
	gw_person(rig->gw, answer);
	assert_false(oauth_is_active(rig, "psc", rig->access));
}

/* ---- revocation ---- */

static void revoke_token(struct oauth_rig *rig, const char *client, const char *token)
{
	GW_REPLY_OF(reply) = oauth_token_call(rig, HC_PATH_REVOKE, client, token);

	if (reply.status != 200 || reply.body[0] != '\0')
		fail_msg("%u %s", reply.status, reply.body);
	assert_non_null(strstr(reply.text, "\r\nCache-Control: no-store\r\n"));
}

static void a_client_cannot_revoke_what_is_anothers(void **state)
{
	struct oauth_rig *rig = *state;

	revoke_token(rig, "other", rig->access);
	revoke_token(rig, "other", rig->refresh);
	revoke_token(rig, "server", rig->access);
	assert_true(oauth_is_active(rig, "app", rig->access));
	assert_true(oauth_is_active(rig, "app", rig->refresh));
}

static void a_revoked_access_token_is_dead_and_its_family_lives(void **state)
{
	struct oauth_rig *rig = *state;

	revoke_token(rig, "app", rig->access);
	assert_false(oauth_is_active(rig, "server", rig->access));
	assert_true(oauth_is_active(rig, "app", rig->refresh));
}

static void a_revoked_refresh_token_takes_everything_with_it(void **state)
{
	struct oauth_rig *rig = *state;

	revoke_token(rig, "app", rig->refresh);
	assert_false(oauth_is_active(rig, "app", rig->refresh));
	assert_false(oauth_is_active(rig, "server", rig->access));
}

static void a_revoked_jwt_is_dead_and_others_live(void **state)
{
	struct oauth_rig *rig = *state;
	char first[HC_JWS_MAX], second[HC_JWS_MAX];

	(void)oauth_jwt_client(rig, HC_GRANT_CREDENTIALS);
	oauth_credentials(rig, "jwt", first);
	oauth_credentials(rig, "jwt", second);
	assert_string_not_equal(first, second);
	revoke_token(rig, "app", first); /* not his */
	assert_true(oauth_is_active(rig, "server", first));
	revoke_token(rig, "jwt", first);
	revoke_token(rig, "jwt", first);
	assert_false(oauth_is_active(rig, "server", first));
	assert_true(oauth_is_active(rig, "server", second));
}

static void what_is_no_token_is_revoked_without_a_word(void **state)
{
	struct oauth_rig *rig = *state;
	static const char *const texts[] = {"", "x", "a.b.c",
					    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

	for (size_t i = 0; i < HC_COUNT(texts); i++)
		revoke_token(rig, "app", texts[i]);
	revoke_token(rig, "app", rig->id_token);
	assert_true(oauth_is_active(rig, "app", rig->access));
	GW_REPLY_OF(missing) = gw_post(rig->gw, HC_PATH_REVOKE, gw_basic("app", GW_SECRET), "");
	assert_int_equal(missing.status, 400);
	GW_REPLY_OF(stranger) = gw_post(rig->gw, HC_PATH_REVOKE, gw_basic("app", "x"), "token=x");
	assert_int_equal(stranger.status, 401);
}

static void a_public_client_revokes_its_own(void **state)
{
	struct oauth_rig *rig = *state;
	char form[3 * HC_JWS_MAX];

	/* It names itself; what it may end is what was issued to that name. */
	struct hc_client public = gw_client_of("public");
	public.auth = HC_CLIENT_PUBLIC;
	gw_add_client(rig->gw, &public);
	(void)snprintf(form, sizeof(form), "client_id=public&token=%s", rig->access);
	GW_REPLY_OF(anothers) = gw_post(rig->gw, HC_PATH_REVOKE, "", form);
	assert_int_equal(anothers.status, 200);
	assert_true(oauth_is_active(rig, "app", rig->access));

	struct gw_consent consent = {.client = &public, .person_id = 7, .scope = "openid", .nonce = ""};
	gw_make_consent(rig->gw, &consent);
	(void)snprintf(
		form, sizeof(form),
		"client_id=public&grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s",
		consent.code_text.text, GW_URI, GW_VERIFIER);
	GW_REPLY_OF(tokens) = gw_post(rig->gw, HC_PATH_TOKEN, "", form);
	GW_JSON(json) = gw_json(&tokens);
	assert_true(oauth_is_active(rig, "server", gw_text(json, "access_token")));
	(void)snprintf(form, sizeof(form), "client_id=public&token=%s&token_type_hint=refresh_token",
		       gw_text(json, "access_token"));
	GW_REPLY_OF(own) = gw_post(rig->gw, HC_PATH_REVOKE, "", form);
	assert_int_equal(own.status, 200);
	assert_false(oauth_is_active(rig, "server", gw_text(json, "access_token")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OAUTH_CASE(a_client_learns_nothing_about_tokens_of_others),
		OAUTH_CASE(whoever_does_not_prove_who_he_is_is_refused),
		OAUTH_CASE(what_is_no_token_is_not_active),
		OAUTH_CASE(no_prefix_of_a_token_is_active),
		OAUTH_CASE(tokens_end_with_their_time),
		OAUTH_CASE(tokens_end_with_their_session),
		OAUTH_CASE(tokens_end_with_their_client_and_do_not_come_back_with_its_name),
		OAUTH_CASE(a_used_refresh_token_is_not_active),
		OAUTH_CASE(an_active_token_is_described),
		OAUTH_CASE(the_store_alone_decides_for_most_tokens),
		OAUTH_CASE(an_application_of_pro_sante_connect_reads_the_national_identifier),
		OAUTH_CASE(a_client_cannot_revoke_what_is_anothers),
		OAUTH_CASE(a_revoked_access_token_is_dead_and_its_family_lives),
		OAUTH_CASE(a_revoked_refresh_token_takes_everything_with_it),
		OAUTH_CASE(a_revoked_jwt_is_dead_and_others_live),
		OAUTH_CASE(what_is_no_token_is_revoked_without_a_word),
		OAUTH_CASE(a_public_client_revokes_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
