/* SPDX-License-Identifier: Apache-2.0 */
/* The token endpoint: refresh tokens, their families and their grace. */
#include "token_rig.h"

/* ---- refresh_token ---- */

static void a_refresh_token_of_another_client_is_refused_and_stays_whole(void **state)
{
	struct token_rig *rig = *state;
	char refresh[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", refresh);
	GW_REPLY_OF(stranger) = ask(rig, "other", refresh_form(refresh, ""));
	expect_error(&stranger, 400, "invalid_grant", "stranger");
	GW_REPLY_OF(owner) = ask(rig, "app", refresh_form(refresh, ""));
	assert_int_equal(owner.status, 200);
}

static void a_refresh_token_used_twice_after_the_grace_ends_the_family(void **state)
{
	struct token_rig *rig = *state;
	char first_token[HC_JWS_MAX], second_token[HC_JWS_MAX], access[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", first_token);
	GW_REPLY_OF(second) = ask(rig, "app", refresh_form(first_token, ""));
	take(&second, "refresh_token", second_token);
	take(&second, "access_token", access);
	assert_string_not_equal(first_token, second_token);
	gw_pass(rig->gw, 10000);
	GW_REPLY_OF(again) = ask(rig, "app", refresh_form(first_token, ""));
	expect_error(&again, 400, "invalid_grant", "again");
	GW_REPLY_OF(successor) = ask(rig, "app", refresh_form(second_token, ""));
	expect_error(&successor, 400, "invalid_grant", "successor");
	assert_false(access_lives(rig, access));
	GW_REPLY_OF(for_ever) = ask(rig, "app", refresh_form(first_token, ""));
	expect_error(&for_ever, 400, "invalid_grant", "for ever");
	assert_int_equal(count_records(rig, HC_OUTBOX_REUSE), 1);
	assert_int_equal(last_record(rig).person_id, 7);
}

static void a_confidential_client_may_repeat_within_the_grace(void **state)
{
	struct token_rig *rig = *state;
	char first_token[HC_JWS_MAX], lost[HC_JWS_MAX], kept[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", first_token);
	GW_REPLY_OF(answer_lost) = ask(rig, "app", refresh_form(first_token, ""));
	take(&answer_lost, "refresh_token", lost);
	gw_pass(rig->gw, 9999);
	GW_REPLY_OF(repeated) = ask(rig, "app", refresh_form(first_token, ""));
	take(&repeated, "refresh_token", kept);
	GW_REPLY_OF(goes_on) = ask(rig, "app", refresh_form(kept, ""));
	assert_int_equal(goes_on.status, 200);
	/* The one that was replaced is nobody's any more; who has it is a thief. */
	GW_REPLY_OF(thief) = ask(rig, "app", refresh_form(lost, ""));
	expect_error(&thief, 400, "invalid_grant", "thief");
}

static struct gw_reply ask_public(struct token_rig *rig, const char *form)
{
	char all[2048];

	gw_print(all, sizeof(all), "%s&client_id=public", form);
	return gw_post(rig->gw, HC_PATH_TOKEN, "", all);
}

static void a_public_client_has_no_grace(void **state)
{
	struct token_rig *rig = *state;
	char first_token[HC_JWS_MAX];

	rig->consent = consent_to(rig->gw, &rig->public);
	GW_REPLY_OF(first) = ask_public(rig, code_form(rig->consent.code_text.text, GW_VERIFIER));
	take(&first, "refresh_token", first_token);
	GW_REPLY_OF(second) = ask_public(rig, refresh_form(first_token, ""));
	assert_int_equal(second.status, 200);
	GW_REPLY_OF(again) = ask_public(rig, refresh_form(first_token, ""));
	expect_error(&again, 400, "invalid_grant", "again");
}

static void the_grace_does_not_pass_over_the_broker(void **state)
{
	struct token_rig *rig = *state;
	char token[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", token);
	GW_REPLY_OF(second) = ask(rig, "app", refresh_form(token, ""));
	assert_int_equal(second.status, 200);
	disable(rig, true);
	GW_REPLY_OF(disabled) = ask(rig, "app", refresh_form(token, ""));
	expect_error(&disabled, 400, "invalid_grant", "disabled");
	gw_broker(rig->gw, HC_ERR_TIMEOUT);
	GW_REPLY_OF(hung) = ask(rig, "app", refresh_form(token, ""));
	expect_error(&hung, 503, "temporarily_unavailable", "hung");
}

static void a_refresh_narrows_the_access_token_and_never_widens_it(void **state)
{
	struct token_rig *rig = *state;
	char token[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", token);
	GW_REPLY_OF(wider) = ask(rig, "app", refresh_form(token, "&scope=openid+profile+scope_all"));
	expect_error(&wider, 400, "invalid_scope", "wider");
	GW_REPLY_OF(malformed) = ask(rig, "app", refresh_form(token, "&scope=openid++profile"));
	expect_error(&malformed, 400, "invalid_scope", "malformed");
	GW_REPLY_OF(narrow) = ask(rig, "app", refresh_form(token, "&scope=profile"));
	GW_JSON(json) = gw_json(&narrow);
	assert_int_equal(narrow.status, 200);
	assert_string_equal(gw_text(json, "scope"), "profile");
	assert_null(json_object_get(json, "id_token"));
	take(&narrow, "refresh_token", token);
	GW_REPLY_OF(whole) = ask(rig, "app", refresh_form(token, "&scope=openid+offline_access+profile"));
	GW_JSON(again) = gw_json(&whole);
	assert_string_equal(gw_text(again, "scope"), "openid profile");
}

static void the_id_token_of_a_refresh_says_when_the_person_signed_in_and_has_no_nonce(void **state)
{
	struct token_rig *rig = *state;
	char token[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", token);
	gw_pass(rig->gw, 3600000);
	GW_REPLY_OF(second) = ask(rig, "app", refresh_form(token, ""));
	take(&second, "id_token", token);
	GW_JSON(claims) = gw_payload(token);
	assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")), T0 / 1000 - 5);
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), T0 / 1000 + 3600);
	assert_string_equal(gw_text(claims, "sid"), rig->consent.session.sid);
	assert_null(json_object_get(claims, "nonce"));
	assert_int_equal(count_records(rig, HC_OUTBOX_APPLICATION), 1);
}

static enum hc_err renew_session(struct hc_gstore_tx *tx, void *ctx)
{
	const struct gw_consent *consent = ctx;
	struct hc_browser_session session = consent->session;

	session.auth_ms = session.last_seen_ms = T0 + 3600000;
	return hc_session_renew(tx, &consent->session.cookie, &session);
}

static void a_later_sign_in_does_not_move_the_time_of_an_earlier_one(void **state)
{
	struct token_rig *rig = *state;
	char token[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "refresh_token", token);
	gw_pass(rig->gw, 3600000);
	GW_WRITE(rig->gw, renew_session, &rig->consent);
	GW_REPLY_OF(second) = ask(rig, "app", refresh_form(token, ""));
	take(&second, "id_token", token);
	GW_JSON(claims) = gw_payload(token);
	assert_null(json_object_get(claims, "auth_time"));
	assert_string_equal(gw_text(claims, "sid"), rig->consent.session.sid);
}

static void no_kind_of_token_passes_for_a_refresh_token(void **state)
{
	struct token_rig *rig = *state;
	char access[HC_JWS_MAX];

	GW_REPLY_OF(first) = redeem(rig);
	take(&first, "access_token", access);
	GW_REPLY_OF(as_access) = ask(rig, "app", refresh_form(access, ""));
	expect_error(&as_access, 400, "invalid_grant", "access");
	GW_REPLY_OF(as_code) = ask(rig, "app", refresh_form(rig->consent.code_text.text, ""));
	expect_error(&as_code, 400, "invalid_grant", "code");
	GW_REPLY_OF(missing) = ask(rig, "app", "grant_type=refresh_token");
	expect_error(&missing, 400, "invalid_request", "missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_CASE(a_refresh_token_of_another_client_is_refused_and_stays_whole),
		TOKEN_CASE(a_refresh_token_used_twice_after_the_grace_ends_the_family),
		TOKEN_CASE(a_confidential_client_may_repeat_within_the_grace),
		TOKEN_CASE(a_public_client_has_no_grace),
		TOKEN_CASE(the_grace_does_not_pass_over_the_broker),
		TOKEN_CASE(a_refresh_narrows_the_access_token_and_never_widens_it),
		TOKEN_CASE(the_id_token_of_a_refresh_says_when_the_person_signed_in_and_has_no_nonce),
		TOKEN_CASE(a_later_sign_in_does_not_move_the_time_of_an_earlier_one),
		TOKEN_CASE(no_kind_of_token_passes_for_a_refresh_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
