/* SPDX-License-Identifier: Apache-2.0 */
/* The token endpoint: authorization codes, and requests as such: what is refused, handed out and stored. */
#include "token_rig.h"

/* ---- authorization_code: refusals ---- */

static void a_code_is_worthless_without_everything_that_belongs_to_it(void **state)
{
	struct token_rig *rig = *state;
	const char *code = rig->consent.code_text.text;
	char form[2048];
	const struct {
		const char *client, *error, *form;
	} cases[] = {
		{"app", "invalid_grant", "code=%s&redirect_uri=https://app.example/cb"},
		{"app", "invalid_grant", "code=%s&redirect_uri=https://app.example/cb&code_verifier="},
		{"app", "invalid_grant", "code=%s&redirect_uri=https://app.example/cb&code_verifier=short"},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb&code_verifier=" /* 42 */
		 "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX"},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb&code_verifier="
		 "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb&code_verifier=" /* a space */
		 "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEj+k"},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb&code_verifier="
		 "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, /* the challenge itself */
		{"app", "invalid_request", "code=%s&code_verifier=" GW_VERIFIER},
		{"app", "invalid_grant", "code=%s&redirect_uri=&code_verifier=" GW_VERIFIER},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb/&code_verifier=" GW_VERIFIER},
		{"app", "invalid_grant",
		 "code=%s&redirect_uri=https://APP.example/cb&code_verifier=" GW_VERIFIER},
		{"other", "invalid_grant",
		 "code=%s&redirect_uri=https://app.example/cb&code_verifier=" GW_VERIFIER},
		{"app", "invalid_request", "redirect_uri=https://app.example/cb&code_verifier=" GW_VERIFIER},
		{"app", "invalid_grant",
		 "code=&redirect_uri=https://app.example/cb&code_verifier=" GW_VERIFIER},
	};

	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		char rest[1024], name[16];

		gw_print(name, sizeof(name), "case %zu", i);
		const char *mark = strstr(cases[i].form, "%s");
		if (mark != NULL)
			gw_print(rest, sizeof(rest), "%.*s%s%s", (int)(mark - cases[i].form), cases[i].form,
				 code, mark + 2);
		else
			gw_print(rest, sizeof(rest), "%s", cases[i].form);
		gw_print(form, sizeof(form), "grant_type=authorization_code&%s", rest);
		GW_REPLY_OF(reply) = ask(rig, cases[i].client, form);
		expect_error(&reply, 400, cases[i].error, name);
	}
	assert_int_equal(gw_counter(rig->gw, HC_COUNTER_TOKEN_REFUSED), HC_COUNT(cases));
	/* None of them used it up. */
	GW_REPLY_OF(right) = redeem(rig);
	assert_int_equal(right.status, 200);
}

static void no_prefix_of_a_code_is_a_code(void **state)
{
	struct token_rig *rig = *state;
	char code[HC_TICKET_LEN + 8];

	for (size_t len = 0; len < HC_TICKET_LEN; len++) {
		gw_print(code, sizeof(code), "%.*s", (int)len, rig->consent.code_text.text);
		GW_REPLY_OF(reply) = ask(rig, "app", code_form(code, GW_VERIFIER));
		if (reply.status != 400)
			fail_msg("%zu characters: %u", len, reply.status);
	}
	gw_print(code, sizeof(code), "%sA", rig->consent.code_text.text);
	GW_REPLY_OF(longer) = ask(rig, "app", code_form(code, GW_VERIFIER));
	expect_error(&longer, 400, "invalid_grant", "longer");
}

static void a_code_is_dead_after_its_time(void **state)
{
	struct token_rig *rig = *state;

	gw_pass(rig->gw, 60000);
	GW_REPLY_OF(reply) = redeem(rig);
	expect_error(&reply, 400, "invalid_grant", "late");
}

static void a_code_that_comes_twice_ends_what_was_issued_from_it(void **state)
{
	struct token_rig *rig = *state;
	char access[HC_JWS_MAX], refresh[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "access_token", access);
	take(&first, "refresh_token", refresh);
	assert_true(access_lives(rig, access));

	GW_REPLY_OF(second) = redeem(rig);
	expect_error(&second, 400, "invalid_grant", "second");
	assert_false(access_lives(rig, access));
	GW_REPLY_OF(refreshed) = ask(rig, "app", refresh_form(refresh, ""));
	expect_error(&refreshed, 400, "invalid_grant", "refresh");
	/* Whoever goes on sending it is told of once. */
	GW_REPLY_OF(third) = redeem(rig);
	expect_error(&third, 400, "invalid_grant", "third");
	assert_int_equal(count_records(rig, HC_OUTBOX_REUSE), 1);
	assert_int_equal(last_record(rig).person_id, 7);
	assert_string_equal(last_record(rig).client_id, "app");
	assert_int_equal(gw_counter(rig->gw, HC_COUNTER_REUSE_DETECTED), 1);
}

static void a_code_that_comes_twice_is_noticed_while_the_broker_is_away(void **state)
{
	struct token_rig *rig = *state;
	char access[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "access_token", access);
	gw_broker(rig->gw, HC_ERR_AWAY);
	GW_REPLY_OF(second) = redeem(rig);
	expect_error(&second, 400, "invalid_grant", "second");
	assert_false(access_lives(rig, access));
}

static void without_the_broker_nothing_is_used_up(void **state)
{
	struct token_rig *rig = *state;

	gw_broker(rig->gw, HC_ERR_AWAY);
	GW_REPLY_OF(away) = redeem(rig);
	expect_error(&away, 503, "temporarily_unavailable", "away");
	assert_non_null(strstr(away.text, "\r\nRetry-After: "));
	assert_int_equal(gw_counter(rig->gw, HC_COUNTER_BROKER_AWAY), 1);

	gw_broker(rig->gw, HC_OK);
	GW_REPLY_OF(back) = redeem(rig);
	assert_int_equal(back.status, 200);
}

static void somebody_who_may_not_sign_in_gets_no_tokens(void **state)
{
	struct token_rig *rig = *state;

	disable(rig, true);
	GW_REPLY_OF(disabled) = redeem(rig);
	expect_error(&disabled, 400, "invalid_grant", "disabled");
	disable(rig, false);
	GW_REPLY_OF(removed) = redeem(rig);
	expect_error(&removed, 400, "invalid_grant", "removed");
	assert_int_equal(count_records(rig, HC_OUTBOX_APPLICATION), 0);
}

static enum hc_err end_session(struct hc_gstore_tx *tx, void *ctx)
{
	const struct token_rig *rig = ctx;

	return hc_session_end(tx, rig->consent.session.cookie.id, T0 + 1);
}

static void a_code_of_an_ended_session_is_dead(void **state)
{
	struct token_rig *rig = *state;

	GW_WRITE(rig->gw, end_session, rig);
	GW_REPLY_OF(reply) = redeem(rig);
	expect_error(&reply, 400, "invalid_grant", "ended");
}

/* ---- authorization_code: what is handed out ---- */

static void a_code_is_worth_three_tokens(void **state)
{
	struct token_rig *rig = *state;
	char id_token[HC_JWS_MAX], access[HC_JWS_MAX];

	GW_REPLY_OF(reply) = redeem(rig);
	GW_JSON(json) = gw_json(&reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.text, "\r\nCache-Control: no-store\r\n"));
	assert_string_equal(gw_text(json, "token_type"), "Bearer");
	assert_string_equal(gw_text(json, "scope"), "openid profile");
	assert_int_equal(json_integer_value(json_object_get(json, "expires_in")), 300);
	assert_int_equal(strlen(gw_text(json, "access_token")), HC_TICKET_LEN);
	assert_int_equal(strlen(gw_text(json, "refresh_token")), HC_TICKET_LEN);
	assert_int_equal(json_object_size(json), 6);
	take(&reply, "id_token", id_token);
	take(&reply, "access_token", access);
	assert_true(access_lives(rig, access));

	GW_JSON(claims) = gw_payload(id_token);
	assert_string_equal(gw_text(claims, "iss"), GW_ISSUER);
	assert_string_equal(gw_text(claims, "sub"), rig->consent.grant.sub);
	assert_string_equal(gw_text(claims, "aud"), "app");
	assert_string_equal(gw_text(claims, "nonce"), "n-0S6_WzA2Mj");
	assert_string_equal(gw_text(claims, "sid"), rig->consent.session.sid);
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), T0 / 1000);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), T0 / 1000 + 300);
	assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")), T0 / 1000 - 5);
	assert_null(json_object_get(claims, "given_name"));
}

static void a_redemption_is_recorded_with_person_application_and_origin(void **state)
{
	struct token_rig *rig = *state;
	struct records records;

	GW_REPLY_OF(reply) = redeem(rig);
	assert_int_equal(reply.status, 200);
	gw_on_loop(rig->gw, list_records, &records);
	assert_int_equal(records.count, 1);
	assert_int_equal(records.rows[0].event, HC_OUTBOX_APPLICATION);
	assert_true(records.rows[0].success);
	assert_int_equal(records.rows[0].person_id, 7);
	assert_string_equal(records.rows[0].login, "martin");
	assert_string_equal(records.rows[0].client_id, "app");
	assert_string_equal(records.rows[0].origin, "127.0.0.1");
	assert_int_equal(records.rows[0].time_ms, T0);
}

static void without_openid_there_is_no_id_token_and_without_the_grant_no_refresh_token(void **state)
{
	struct token_rig *rig = *state;
	struct hc_client plain = gw_client_of("plain");

	plain.grants = HC_GRANT_CODE;
	gw_add_client(rig->gw, &plain);
	rig->consent = (struct gw_consent){.client = &plain, .person_id = 7, .scope = "profile", .nonce = ""};
	gw_make_consent(rig->gw, &rig->consent);
	GW_REPLY_OF(reply) = ask(rig, "plain", code_form(rig->consent.code_text.text, GW_VERIFIER));
	GW_JSON(json) = gw_json(&reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(json_object_size(json), 4);
	assert_null(json_object_get(json, "id_token"));
	assert_null(json_object_get(json, "refresh_token"));
}

static void nothing_outlives_the_grant(void **state)
{
	struct token_rig *rig = *state;
	char refresh[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", refresh);
	gw_pass(rig->gw, 8 * 3600000 - 60000); /* a minute is left of the session */
	GW_REPLY_OF(late) = ask(rig, "app", refresh_form(refresh, ""));
	GW_JSON(json) = gw_json(&late);
	assert_int_equal(late.status, 200);
	assert_int_equal(json_integer_value(json_object_get(json, "expires_in")), 60);
	take(&late, "refresh_token", refresh);
	gw_pass(rig->gw, 60000);
	GW_REPLY_OF(over) = ask(rig, "app", refresh_form(refresh, ""));
	expect_error(&over, 400, "invalid_grant", "over");
}

/* ---- the request as such ---- */

static void a_request_that_can_be_read_in_two_ways_is_refused(void **state)
{
	struct token_rig *rig = *state;
	const char *code = rig->consent.code_text.text;
	char form[2048];
	static const char *const repeats[] = {"code=x", "redirect_uri=https://app.example/cb",
					      "code_verifier=x", "grant_type=authorization_code",
					      "resource=a&resource=b"};

	for (size_t i = 0; i < HC_COUNT(repeats); i++) {
		gw_print(form, sizeof(form), "%s&%s", code_form(code, GW_VERIFIER), repeats[i]);
		GW_REPLY_OF(reply) = ask(rig, "app", form);
		expect_error(&reply, 400, "invalid_request", repeats[i]);
	}
	char target[2048];
	gw_print(target, sizeof(target), "%s?%s", HC_PATH_TOKEN, code_form(code, GW_VERIFIER));
	GW_REPLY_OF(query) = gw_post(rig->gw, target, gw_basic("app", GW_SECRET), "");
	expect_error(&query, 400, "invalid_request", "query");
	GW_REPLY_OF(json) =
		gw_send(rig->gw, "POST", HC_PATH_TOKEN, "Content-Type: application/json\r\n", "{}");
	expect_error(&json, 400, "invalid_request", "JSON");
	GW_REPLY_OF(malformed) = ask(rig, "app", "grant_type=%zz");
	expect_error(&malformed, 400, "invalid_request", "malformed");
	GW_REPLY_OF(get) = gw_get(rig->gw, HC_PATH_TOKEN, "");
	assert_int_equal(get.status, 405);
}

static void other_grant_types_are_not_offered(void **state)
{
	struct token_rig *rig = *state;
	static const char *const types[] = {"password", "implicit", "",
					    "urn:ietf:params:oauth:grant-type:device_code",
					    "Authorization_Code"};

	for (size_t i = 0; i < HC_COUNT(types); i++) {
		char form[256];

		gw_print(form, sizeof(form), "grant_type=%s&username=martin&password=x", types[i]);
		GW_REPLY_OF(reply) = ask(rig, "app", form);
		expect_error(&reply, 400, "unsupported_grant_type", types[i]);
	}
	GW_REPLY_OF(missing) = ask(rig, "app", "code=x");
	expect_error(&missing, 400, "invalid_request", "missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_CASE(a_code_is_worthless_without_everything_that_belongs_to_it),
		TOKEN_CASE(no_prefix_of_a_code_is_a_code),
		TOKEN_CASE(a_code_is_dead_after_its_time),
		TOKEN_CASE(a_code_that_comes_twice_ends_what_was_issued_from_it),
		TOKEN_CASE(a_code_that_comes_twice_is_noticed_while_the_broker_is_away),
		TOKEN_CASE(without_the_broker_nothing_is_used_up),
		TOKEN_CASE(somebody_who_may_not_sign_in_gets_no_tokens),
		TOKEN_CASE(a_code_of_an_ended_session_is_dead),
		TOKEN_CASE(a_code_is_worth_three_tokens),
		TOKEN_CASE(a_redemption_is_recorded_with_person_application_and_origin),
		TOKEN_CASE(without_openid_there_is_no_id_token_and_without_the_grant_no_refresh_token),
		TOKEN_CASE(nothing_outlives_the_grant),
		TOKEN_CASE(a_request_that_can_be_read_in_two_ways_is_refused),
		TOKEN_CASE(other_grant_types_are_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
