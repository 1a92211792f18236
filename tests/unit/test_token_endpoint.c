/* SPDX-License-Identifier: Apache-2.0 */
/* The token endpoint: what it refuses, what it hands out, and what stands in the store afterwards. */
#include "gateway_support.h"

static const struct hc_http_route routes[] = {
	{HC_PATH_TOKEN, HC_HTTP_POST, hc_handle_token},
	{.path = NULL},
};

/* Two confidential clients and a public one, and a consent for the first. */
struct rig {
	struct gw *gw;
	struct hc_client app, other, public;
	struct gw_consent consent;
};

static struct gw_consent consent_to(struct gw *gw, const struct hc_client *client)
{
	struct gw_consent consent = {
		.client = client, .person_id = 7, .scope = "openid profile", .nonce = "n-0S6_WzA2Mj"};

	gw_make_consent(gw, &consent);
	return consent;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->gw = gw_new();
	gw_start(rig->gw, routes);
	rig->app = gw_client_of("app");
	gw_add_client(rig->gw, &rig->app);
	rig->other = gw_client_of("other");
	gw_add_client(rig->gw, &rig->other);
	rig->public = gw_client_of("public");
	rig->public.auth = HC_CLIENT_PUBLIC;
	gw_add_client(rig->gw, &rig->public);
	rig->consent = consent_to(rig->gw, &rig->app);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	gw_free(rig->gw);
	free(rig);
	return 0;
}

/* ---- requests ---- */

static struct gw_reply ask(struct rig *rig, const char *client, const char *form)
{
	return gw_post(rig->gw, HC_PATH_TOKEN, gw_basic(client, GW_SECRET), form);
}

static const char *code_form(const char *code, const char *verifier)
{
	static char form[2048];

	(void)snprintf(form, sizeof(form),
		       "grant_type=authorization_code&code=%s&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fcb"
		       "&code_verifier=%s",
		       code, verifier);
	return form;
}

static struct gw_reply redeem(struct rig *rig)
{
	return ask(rig, "app", code_form(rig->consent.code_text.text, GW_VERIFIER));
}

static const char *refresh_form(const char *token, const char *more)
{
	static char form[2048];

	(void)snprintf(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s%s", token, more);
	return form;
}

static void expect_error(const struct gw_reply *reply, unsigned status, const char *error, const char *what)
{
	GW_JSON(json) = gw_json(reply);

	if (reply->status != status || strcmp(gw_text(json, "error"), error) != 0)
		fail_msg("%s: %u %s", what, reply->status, reply->body);
	assert_non_null(strstr(reply->text, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(reply->text, "\r\nContent-Type: application/json\r\n"));
	for (const char *at = gw_text(json, "error_description"); *at != '\0'; at++)
		assert_true(*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\');
}

/* The member `name` of an answer 200, copied. */
static void take(const struct gw_reply *reply, const char *name, char out[HC_JWS_MAX])
{
	GW_JSON(json) = gw_json(reply);

	if (reply->status != 200)
		fail_msg("%u %s", reply->status, reply->body);
	(void)snprintf(out, HC_JWS_MAX, "%s", gw_text(json, name));
}

/* The person may not sign in any more; or she is not there at all. */
static void disable(struct rig *rig, bool exists)
{
	struct hc_person_answer answer = gw_doctor(7);

	answer.exists = exists;
	answer.may_sign_in = !exists;
	gw_person(rig->gw, answer);
}

/* ---- what the store says ---- */

struct look {
	const char *token;
	bool alive;
};

static void look_access(struct gw *gw, void *ctx)
{
	struct look *look = ctx;
	struct hc_ticket_ref ref;
	struct hc_access_info info;

	look->alive = hc_ticket_parse(look->token, strlen(look->token), &ref) == HC_OK &&
		      hc_access_find(gw->worker.view, &ref, atomic_load(&gw->now_ms), &info) == HC_OK;
}

static bool access_lives(struct rig *rig, const char *token)
{
	struct look look = {.token = token};

	gw_on_loop(rig->gw, look_access, &look);
	return look.alive;
}

struct records {
	struct hc_outbox_record rows[8];
	size_t count;
};

static void list_records(struct gw *gw, void *ctx)
{
	struct records *records = ctx;

	assert_int_equal(
		hc_outbox_list(gw->worker.view, HC_COUNT(records->rows), records->rows, &records->count),
		HC_OK);
}

static size_t count_records(struct rig *rig, enum hc_outbox_event event)
{
	struct records records;
	size_t count = 0;

	gw_on_loop(rig->gw, list_records, &records);
	for (size_t i = 0; i < records.count; i++)
		count += records.rows[i].event == event;
	return count;
}

/* ---- authorization_code: refusals ---- */

static void a_code_is_worthless_without_everything_that_belongs_to_it(void **state)
{
	struct rig *rig = *state;
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

		(void)snprintf(name, sizeof(name), "case %zu", i);
		const char *mark = strstr(cases[i].form, "%s");
		if (mark != NULL)
			(void)snprintf(rest, sizeof(rest), "%.*s%s%s", (int)(mark - cases[i].form),
				       cases[i].form, code, mark + 2);
		else
			(void)snprintf(rest, sizeof(rest), "%s", cases[i].form);
		(void)snprintf(form, sizeof(form), "grant_type=authorization_code&%s", rest);
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
	struct rig *rig = *state;
	char code[HC_TICKET_LEN + 8];

	for (size_t len = 0; len < HC_TICKET_LEN; len++) {
		(void)snprintf(code, sizeof(code), "%.*s", (int)len, rig->consent.code_text.text);
		GW_REPLY_OF(reply) = ask(rig, "app", code_form(code, GW_VERIFIER));
		if (reply.status != 400)
			fail_msg("%zu characters: %u", len, reply.status);
	}
	(void)snprintf(code, sizeof(code), "%sA", rig->consent.code_text.text);
	GW_REPLY_OF(longer) = ask(rig, "app", code_form(code, GW_VERIFIER));
	expect_error(&longer, 400, "invalid_grant", "longer");
}

static void a_code_is_dead_after_its_time(void **state)
{
	struct rig *rig = *state;

	gw_pass(rig->gw, 60000);
	GW_REPLY_OF(reply) = redeem(rig);
	expect_error(&reply, 400, "invalid_grant", "late");
}

static void a_code_that_comes_twice_ends_what_was_issued_from_it(void **state)
{
	struct rig *rig = *state;
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
	assert_int_equal(count_records(rig, HC_OUTBOX_REUSE), 1);
	assert_int_equal(gw_counter(rig->gw, HC_COUNTER_REUSE_DETECTED), 1);
}

static void a_code_that_comes_twice_is_noticed_while_the_broker_is_away(void **state)
{
	struct rig *rig = *state;
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
	struct rig *rig = *state;

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
	struct rig *rig = *state;

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
	const struct rig *rig = ctx;

	return hc_session_end(tx, rig->consent.session.cookie.id, T0 + 1);
}

static void a_code_of_an_ended_session_is_dead(void **state)
{
	struct rig *rig = *state;

	GW_WRITE(rig->gw, end_session, rig);
	GW_REPLY_OF(reply) = redeem(rig);
	expect_error(&reply, 400, "invalid_grant", "ended");
}

/* ---- authorization_code: what is handed out ---- */

static void a_code_is_worth_three_tokens(void **state)
{
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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

/* ---- refresh_token ---- */

static void a_refresh_token_of_another_client_is_refused_and_stays_whole(void **state)
{
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	assert_int_equal(count_records(rig, HC_OUTBOX_REUSE), 1);
}

static void a_confidential_client_may_repeat_within_the_grace(void **state)
{
	struct rig *rig = *state;
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

static struct gw_reply ask_public(struct rig *rig, const char *form)
{
	char all[2048];

	(void)snprintf(all, sizeof(all), "%s&client_id=public", form);
	return gw_post(rig->gw, HC_PATH_TOKEN, "", all);
}

static void a_public_client_has_no_grace(void **state)
{
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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

/* ---- client_credentials ---- */

static void add_service(struct rig *rig, const char *id, enum hc_access_format format)
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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
	struct rig *rig = *state;
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

/* ---- the request as such ---- */

static void a_request_that_can_be_read_in_two_ways_is_refused(void **state)
{
	struct rig *rig = *state;
	const char *code = rig->consent.code_text.text;
	char form[2048];
	static const char *const repeats[] = {"code=x", "redirect_uri=https://app.example/cb",
					      "code_verifier=" GW_VERIFIER, "grant_type=authorization_code",
					      "resource=a&resource=b"};

	for (size_t i = 0; i < HC_COUNT(repeats); i++) {
		(void)snprintf(form, sizeof(form), "%s&%s", code_form(code, GW_VERIFIER), repeats[i]);
		GW_REPLY_OF(reply) = ask(rig, "app", form);
		expect_error(&reply, 400, "invalid_request", repeats[i]);
	}
	char target[2048];
	(void)snprintf(target, sizeof(target), "%s?%s", HC_PATH_TOKEN, code_form(code, GW_VERIFIER));
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
	struct rig *rig = *state;
	static const char *const types[] = {"password", "implicit", "",
					    "urn:ietf:params:oauth:grant-type:device_code",
					    "Authorization_Code"};

	for (size_t i = 0; i < HC_COUNT(types); i++) {
		char form[256];

		(void)snprintf(form, sizeof(form), "grant_type=%s&username=martin&password=x", types[i]);
		GW_REPLY_OF(reply) = ask(rig, "app", form);
		expect_error(&reply, 400, "unsupported_grant_type", types[i]);
	}
	GW_REPLY_OF(missing) = ask(rig, "app", "code=x");
	expect_error(&missing, 400, "invalid_request", "missing");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_code_is_worthless_without_everything_that_belongs_to_it),
		CASE(no_prefix_of_a_code_is_a_code),
		CASE(a_code_is_dead_after_its_time),
		CASE(a_code_that_comes_twice_ends_what_was_issued_from_it),
		CASE(a_code_that_comes_twice_is_noticed_while_the_broker_is_away),
		CASE(without_the_broker_nothing_is_used_up),
		CASE(somebody_who_may_not_sign_in_gets_no_tokens),
		CASE(a_code_of_an_ended_session_is_dead),
		CASE(a_code_is_worth_three_tokens),
		CASE(a_redemption_is_recorded_with_person_application_and_origin),
		CASE(without_openid_there_is_no_id_token_and_without_the_grant_no_refresh_token),
		CASE(nothing_outlives_the_grant),
		CASE(a_refresh_token_of_another_client_is_refused_and_stays_whole),
		CASE(a_refresh_token_used_twice_after_the_grace_ends_the_family),
		CASE(a_confidential_client_may_repeat_within_the_grace),
		CASE(a_public_client_has_no_grace),
		CASE(the_grace_does_not_pass_over_the_broker),
		CASE(a_refresh_narrows_the_access_token_and_never_widens_it),
		CASE(the_id_token_of_a_refresh_says_when_the_person_signed_in_and_has_no_nonce),
		CASE(a_later_sign_in_does_not_move_the_time_of_an_earlier_one),
		CASE(no_kind_of_token_passes_for_a_refresh_token),
		CASE(client_credentials_never_give_what_is_a_persons),
		CASE(client_credentials_give_an_access_token_alone),
		CASE(a_jwt_for_a_client_is_signed_and_not_written_down),
		CASE(a_jwt_for_a_person_names_its_grant),
		CASE(a_request_that_can_be_read_in_two_ways_is_refused),
		CASE(other_grant_types_are_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
