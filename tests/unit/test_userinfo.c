/* SPDX-License-Identifier: Apache-2.0 */
/* Userinfo: which requests have no token, which tokens no person, and what is said of whom. */
#include "oauth_rig.h"

static void expect(const struct gw_reply *reply, unsigned status, const char *error, const char *what)
{
	char challenge[128];

	(void)snprintf(challenge, sizeof(challenge),
		       "\r\nWWW-Authenticate: Bearer realm=\"hospiconnect\"%s%s",
		       error[0] != '\0' ? ", error=\"" : "\r\n", error);
	if (reply->status != status || strstr(reply->text, challenge) == NULL)
		fail_msg("%s: %s", what, reply->text);
	assert_non_null(strstr(reply->text, "\r\nCache-Control: no-store\r\n"));
	assert_null(strstr(reply->body, "sub"));
}

static void a_request_without_a_token_is_told_so_and_no_more(void **state)
{
	struct oauth_rig *rig = *state;

	GW_REPLY_OF(none) = gw_get(rig->gw, HC_PATH_USERINFO, "");
	expect(&none, 401, "", "none");
	GW_REPLY_OF(basic) = gw_get(rig->gw, HC_PATH_USERINFO, gw_basic("app", GW_SECRET));
	expect(&basic, 401, "", "Basic");
	GW_REPLY_OF(form) = gw_post(rig->gw, HC_PATH_USERINFO, "", "token=x");
	expect(&form, 401, "", "form");
	GW_REPLY_OF(empty) = gw_get(rig->gw, HC_PATH_USERINFO, "Authorization: Bearer\r\n");
	expect(&empty, 401, "", "empty");
}

static void a_token_in_the_query_or_in_two_places_is_refused(void **state)
{
	struct oauth_rig *rig = *state;
	char text[3 * HC_JWS_MAX];

	(void)snprintf(text, sizeof(text), "%s?access_token=%s", HC_PATH_USERINFO, rig->access);
	GW_REPLY_OF(query) = gw_get(rig->gw, text, "");
	expect(&query, 400, "invalid_request", "query");
	GW_REPLY_OF(query_and_header) = gw_get(rig->gw, text, gw_bearer(rig->access));
	expect(&query_and_header, 400, "invalid_request", "query and header");
	(void)snprintf(text, sizeof(text), "access_token=%s", rig->access);
	GW_REPLY_OF(both) = gw_post(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access), text);
	expect(&both, 400, "invalid_request", "header and form");
	(void)snprintf(text, sizeof(text), "access_token=%s&access_token=%s", rig->access, rig->access);
	GW_REPLY_OF(twice) = gw_post(rig->gw, HC_PATH_USERINFO, "", text);
	expect(&twice, 400, "invalid_request", "twice");
	(void)snprintf(text, sizeof(text), "Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n",
		       rig->access, rig->access);
	GW_REPLY_OF(headers) = gw_get(rig->gw, HC_PATH_USERINFO, text);
	expect(&headers, 400, "invalid_request", "two headers");
}

static void a_dead_token_is_dead(void **state)
{
	struct oauth_rig *rig = *state;
	const char *const dead[] = {"x",
				    "a.b.c",
				    rig->id_token,
				    rig->refresh,
				    rig->consent.code_text.text,
				    rig->consent.cookie_text.text};

	for (size_t i = 0; i < HC_COUNT(dead); i++) {
		GW_REPLY_OF(reply) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(dead[i]));
		expect(&reply, 401, "invalid_token", dead[i]);
	}
	GW_REPLY_OF(alive) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	assert_int_equal(alive.status, 200);
	gw_pass(rig->gw, 300000);
	GW_REPLY_OF(late) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&late, 401, "invalid_token", "late");
}

static void a_log_out_ends_userinfo_at_once(void **state)
{
	struct oauth_rig *rig = *state;

	GW_WRITE(rig->gw, oauth_end_session_work, rig);
	GW_REPLY_OF(reply) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&reply, 401, "invalid_token", "ended");
}

static void somebody_who_may_not_sign_in_is_not_described(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_person_answer answer = gw_doctor(7);

	answer.may_sign_in = false;
	gw_person(rig->gw, answer);
	GW_REPLY_OF(disabled) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&disabled, 401, "invalid_token", "disabled");
	answer.exists = false;
	gw_person(rig->gw, answer);
	GW_REPLY_OF(removed) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&removed, 401, "invalid_token", "removed");
	gw_broker(rig->gw, HC_ERR_AWAY);
	GW_REPLY_OF(away) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	assert_int_equal(away.status, 503);
	assert_non_null(strstr(away.text, "\r\nRetry-After: "));
	assert_non_null(strstr(away.body, "\"temporarily_unavailable\""));
}

static void a_token_that_is_not_for_this_is_refused(void **state)
{
	struct oauth_rig *rig = *state;
	char token[HC_JWS_MAX];

	oauth_credentials(rig, "server", token);
	GW_REPLY_OF(of_client) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(token));
	expect(&of_client, 403, "insufficient_scope", "of a client");
	oauth_sign_in(rig, &rig->app, "profile");
	GW_REPLY_OF(no_openid) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&no_openid, 403, "insufficient_scope", "without openid");
}

static void the_token_may_come_in_three_ways(void **state)
{
	struct oauth_rig *rig = *state;
	static const char body[] = "{\"sub\":\"%s\",\"given_name\":\"Élise\",\"family_name\":\"MARTIN\","
				   "\"name\":\"Élise MARTIN\",\"preferred_username\":\"martin\"}";
	char wanted[512], text[2 * HC_JWS_MAX];

	(void)snprintf(wanted, sizeof(wanted), body, rig->consent.grant.sub);
	GW_REPLY_OF(get) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	assert_int_equal(get.status, 200);
	assert_string_equal(get.body, wanted);
	GW_REPLY_OF(post) = gw_send(rig->gw, "POST", HC_PATH_USERINFO, gw_bearer(rig->access), "");
	assert_string_equal(post.body, wanted);
	(void)snprintf(text, sizeof(text), "access_token=%s", rig->access);
	GW_REPLY_OF(form) = gw_post(rig->gw, HC_PATH_USERINFO, "", text);
	assert_string_equal(form.body, wanted);
	(void)snprintf(text, sizeof(text), "authorization: bEaReR   %s\r\n", rig->access);
	GW_REPLY_OF(odd) = gw_get(rig->gw, HC_PATH_USERINFO, text);
	assert_string_equal(odd.body, wanted);
}

static void each_profile_reads_its_own_names(void **state)
{
	struct oauth_rig *rig = *state;

	oauth_sign_in(rig, &rig->psc, "openid scope_all");
	GW_REPLY_OF(psc) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	GW_JSON(json) = gw_json(&psc);
	assert_string_equal(gw_text(json, "preferred_username"), "899700218896");
	assert_string_equal(gw_text(json, "SubjectNameID"), "899700218896");
	assert_true(json_is_false(json_object_get(json, "email_verified")));
	assert_true(json_is_array(json_object_get(json, "SubjectRole")));
	assert_true(json_is_array(json_object_get(json_object_get(json, "SubjectRefPro"), "exercices")));
	oauth_sign_in(rig, &rig->app, "openid scope_all");
	GW_REPLY_OF(oidc) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	GW_JSON(other) = gw_json(&oidc);
	assert_string_equal(gw_text(other, "preferred_username"), "martin");
}

static void a_jwt_is_as_good_as_an_opaque_token(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_client jwt = oauth_jwt_client(rig, HC_GRANT_CODE | HC_GRANT_REFRESH);

	oauth_sign_in(rig, &jwt, "openid profile");
	assert_non_null(strchr(rig->access, '.'));
	GW_REPLY_OF(reply) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	GW_JSON(json) = gw_json(&reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(gw_text(json, "sub"), rig->consent.grant.sub);
	GW_WRITE(rig->gw, oauth_end_session_work, rig);
	GW_REPLY_OF(ended) = gw_get(rig->gw, HC_PATH_USERINFO, gw_bearer(rig->access));
	expect(&ended, 401, "invalid_token", "ended");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OAUTH_CASE(a_request_without_a_token_is_told_so_and_no_more),
		OAUTH_CASE(a_token_in_the_query_or_in_two_places_is_refused),
		OAUTH_CASE(a_dead_token_is_dead),
		OAUTH_CASE(a_log_out_ends_userinfo_at_once),
		OAUTH_CASE(somebody_who_may_not_sign_in_is_not_described),
		OAUTH_CASE(a_token_that_is_not_for_this_is_refused),
		OAUTH_CASE(the_token_may_come_in_three_ways),
		OAUTH_CASE(each_profile_reads_its_own_names),
		OAUTH_CASE(a_jwt_is_as_good_as_an_opaque_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
