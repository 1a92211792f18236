/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in as browsers do it: the two pages, single sign-on, and what a wrong answer looks like. */
#include "browser_support.h"

/* ---- refusals first ---- */

/* One sign-in with these answers; the last page. */
static struct gw_reply try_to_sign_in(struct browser *browser, const char *user, const char *password,
				      const char *code)
{
	GW_REPLY_OF(first) = browser_authorize(browser, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(browser, user, password);

	assert_page(&second, 200, SECOND_PAGE);
	return browser_code(browser, code);
}

/* Hidden fields differ from page to page. */
static void blank(const struct gw_reply *reply, char *out, size_t cap)
{
	size_t len = 0;
	bool in_value = false;

	for (const char *at = reply->body; *at != '\0' && len + 1 < cap; at++) {
		if (strncmp(at, "name=\"request\" value=\"", 22) == 0) {
			in_value = true;
			at += 21;
		} else if (in_value && *at == '"') {
			in_value = false;
		}
		if (!in_value)
			out[len++] = *at;
	}
	out[len] = '\0';
}

static void a_wrong_name_password_or_code_gives_the_same_pages_and_no_session(void **state)
{
	static const char *const table[][3] = {
		{"martin", "correct+horse", "000000"},
		{"martin", "wrong", FAKE_CODE},
		{"martin", "wrong", "000000"},
		{"martin", "correct+horse", ""},
		{"martin", "correct+horse", "not+a+code"},
	};
	static char wanted[GW_REPLY], seen[GW_REPLY];
	char *long_code = calloc(1, 1000);

	memset(long_code, '1', 999);
	for (size_t i = 0; i <= HC_COUNT(table); i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(reply) = i < HC_COUNT(table)
					     ? try_to_sign_in(&browser, table[i][0], table[i][1], table[i][2])
					     : try_to_sign_in(&browser, "martin", "correct+horse", long_code);

		assert_page(&reply, 200, REFUSED);
		blank(&reply, i == 0 ? wanted : seen, GW_REPLY);
		if (i > 0 && strcmp(wanted, seen) != 0)
			fail_msg("row %zu: %s", i, seen);
		assert_string_equal(browser.session, "");
	}
	free(long_code);
	assert_int_equal(site_sessions(*state).count, 0);
	assert_int_equal(site_counter(*state, HC_COUNTER_SIGN_IN_REFUSED), HC_COUNT(table) + 1);
}

static void an_unknown_person_is_asked_and_refused_like_any_other(void **state)
{
	static char known[GW_REPLY], unknown[GW_REPLY];

	for (unsigned i = 0; i < 2; i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(reply) =
			try_to_sign_in(&browser, i == 0 ? "martin" : "nobody", "wrong", "000000");

		assert_page(&reply, 200, REFUSED);
		blank(&reply, i == 0 ? known : unknown, GW_REPLY);
	}
	/* but for the name that was typed */
	for (char *at = strstr(unknown, "nobody"); at != NULL; at = strstr(at, "nobody"))
		memcpy(at, "martin", 6);
	assert_string_equal(known, unknown);
}

static void what_cannot_be_a_name_or_a_password_never_reaches_the_broker(void **state)
{
	static const char *const forms[] = {
		"&username=&password=correct+horse", "&password=correct+horse",
		"&username=martin&password=",	     "&username=martin",
		"&username=mar%0Atin&password=x",    "&username=+++&password=x",
	};
	struct browser browser = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");

	for (size_t i = 0; i < HC_COUNT(forms); i++) {
		char form[12000];

		gw_print(form, sizeof(form), "request=%s%s", browser.request, forms[i]);
		GW_REPLY_OF(reply) = browser_post(&browser, HC_PATH_LOGIN, form);
		assert_page(&reply, 200, REFUSED);
	}
	char *form = calloc(1, 12000);
	const int len = snprintf(form, 12000, "request=%s&username=martin&password=", browser.request);
	memset(form + len, 'p', HC_SIGNIN_ANSWER_MAX + 1);
	GW_REPLY_OF(reply) = browser_post(&browser, HC_PATH_LOGIN, form);
	assert_page(&reply, 200, REFUSED);
	free(form);
	assert_int_equal(fake_link_counts().started, 0);
}

/* ---- the whole way ---- */

static void a_person_signs_in_with_two_pages_and_the_application_gets_a_code(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");

	assert_page(&first, 200, FIRST_PAGE);
	assert_non_null(strstr(first.body, "Dossier &lt;patient&gt;"));
	assert_int_equal(strlen(browser.login), HC_LOGIN_COOKIE_LEN);
	assert_string_equal(reply_header(&first, "Cache-Control"), "no-store");
	assert_non_null(strstr(first.text, "; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"));
	GW_REPLY_OF(second) = browser_password(&browser, "+martin+", "correct+horse");
	assert_page(&second, 200, SECOND_PAGE);
	assert_string_equal(fake_link_counts().user, "martin");
	assert_string_equal(fake_link_counts().rhost, "127.0.0.1");
	assert_string_equal(browser.session, "");
	GW_REPLY_OF(last) = browser_code(&browser, FAKE_CODE);
	assert_code(&last);
	assert_string_equal(reply_header(&last, "Cache-Control"), "no-store");
	assert_string_equal(reply_header(&last, "Referrer-Policy"), "no-referrer");
	assert_int_equal(strlen(browser.session), HC_TICKET_LEN);
	assert_non_null(strstr(last.text, "; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"));
	GW_JSON(tokens) = browser_redeem(&browser, reply_param(&last, "code"));
	GW_JSON(claims) = gw_payload(gw_text(tokens, "id_token"));
	assert_string_equal(gw_text(claims, "nonce"), "n1");
	assert_string_equal(gw_text(claims, "acr"), "https://refeds.org/profile/mfa");
	assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")), T0 / 1000);
	assert_int_equal(site_counter(*state, HC_COUNTER_SIGN_IN_OK), 1);
	assert_int_equal(site_counter(*state, HC_COUNTER_AUTHORIZE_SIGN_IN), 1);
}

static void a_second_application_asks_nobody(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	const struct site_sessions before = site_sessions(*state);
	browser.door = 1;
	GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_OTHER, "");
	assert_memory_equal(reply_location(&reply), "https://other.example/cb?tenant=1&code=", 39);
	assert_string_equal(reply_param(&reply, "state"), "o");
	assert_null(reply_header(&reply, "Set-Cookie"));
	assert_int_equal(fake_link_counts().started, 1);
	const struct site_sessions after = site_sessions(*state);
	assert_int_equal(after.count, 1);
	assert_int_equal(after.rows[0].last_seen_ms, before.rows[0].last_seen_ms);
	assert_int_equal(site_counter(*state, HC_COUNTER_AUTHORIZE_SSO), 1);
}

static void a_session_in_use_lives_on_and_one_that_rests_does_not(void **state)
{
	struct browser browser = {.site = *state};
	struct gw *base = browser.site->base;

	browser_enter(&browser, "martin", NULL);
	for (unsigned i = 1; i <= 3; i++) {
		gw_pass(base, 29 * 60000);
		GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "");
		assert_code(&reply);
		assert_int_equal(site_sessions(*state).rows[0].last_seen_ms, T0 + i * 29 * 60000);
	}
	gw_pass(base, 30 * 60000);
	GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "");
	assert_page(&reply, 200, FIRST_PAGE);
}

static void a_session_ends_with_its_lifetime_however_busy(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	for (unsigned i = 0; i < 16; i++) {
		GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "");
		assert_code(&reply);
		gw_pass(browser.site->base, 30 * 60000 - (i < 15 ? 1 : -15));
	}
	GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "");
	assert_page(&reply, 200, FIRST_PAGE);
}

/* ---- what an application may ask for ---- */

static void prompt_none_never_shows_a_page(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(nobody) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");

	assert_client_error(&nobody, "login_required");
	assert_string_equal(reply_param(&nobody, "state"), "st/ate");
	browser_enter(&browser, "martin", NULL);
	GW_REPLY_OF(somebody) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
	assert_code(&somebody);
	gw_pass(browser.site->base, 61000);
	GW_REPLY_OF(old) = browser_authorize(&browser, SITE_QUERY, "&prompt=none&max_age=60");
	assert_client_error(&old, "login_required");
}

static void whoever_is_asked_again_signs_in_again_and_keeps_what_he_was_given(void **state)
{
	static const char *const asks[] = {"&prompt=login", "&prompt=select_account", "&max_age=0",
					   "&max_age=60"};
	struct browser browser = {.site = *state};
	char code[HC_TICKET_LEN + 1], cookie[HC_TICKET_LEN + 1];

	browser_enter(&browser, "martin", code);
	GW_JSON(tokens) = browser_redeem(&browser, code);
	GW_JSON(first) = gw_payload(gw_text(tokens, "id_token"));
	for (size_t i = 0; i < HC_COUNT(asks); i++) {
		gw_pass(browser.site->base, 61000);
		gw_print(cookie, sizeof(cookie), "%s", browser.session);
		GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, asks[i]);
		assert_page(&page, 200, FIRST_PAGE);
		GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
		assert_code(&end);
		assert_string_not_equal(browser.session, cookie);
		GW_JSON(again) = browser_redeem(&browser, reply_param(&end, "code"));
		GW_JSON(claims) = gw_payload(gw_text(again, "id_token"));
		assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")),
				 atomic_load(&browser.site->base->now_ms) / 1000);
		assert_string_equal(gw_text(claims, "sid"), gw_text(first, "sid"));
	}
	assert_int_equal(site_sessions(*state).count, 1);
	/* the first application's refresh token lives on */
	char form[512];
	gw_print(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s",
		 gw_text(tokens, "refresh_token"));
	GW_REPLY_OF(refreshed) =
		gw_post(&browser.site->doors[0], HC_PATH_TOKEN, gw_basic("app", GW_SECRET), form);
	assert_int_equal(refreshed.status, 200);
}

static void a_young_session_satisfies_max_age(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	gw_pass(browser.site->base, 60000);
	GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "&max_age=60");
	assert_code(&reply);
	GW_REPLY_OF(consent) = browser_authorize(&browser, SITE_QUERY, "&prompt=consent&max_age=10000");
	assert_code(&consent);
}

static void a_sign_in_from_the_future_satisfies_no_max_age(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	gw_pass(browser.site->base, -3600000);
	GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "&max_age=10000");
	assert_page(&reply, 200, FIRST_PAGE);
}

static void an_id_token_hint_names_who_must_be_signed_in(void **state)
{
	struct browser martin = {.site = *state}, durand = {.site = *state};
	char code[HC_TICKET_LEN + 1], hint[4096];

	browser_enter(&martin, "martin", code);
	GW_JSON(tokens) = browser_redeem(&martin, code);
	gw_print(hint, sizeof(hint), "&prompt=none&id_token_hint=%s", gw_text(tokens, "id_token"));
	GW_REPLY_OF(same) = browser_authorize(&martin, SITE_QUERY, hint);
	assert_code(&same);
	browser_enter(&durand, "durand", NULL);
	GW_REPLY_OF(other) = browser_authorize(&durand, SITE_QUERY, hint);
	assert_client_error(&other, "login_required");
	/* and with a page: durand may sign in, but that is not who was asked for */
	gw_print(hint, sizeof(hint), "&id_token_hint=%s", gw_text(tokens, "id_token"));
	GW_REPLY_OF(page) = browser_authorize(&durand, SITE_QUERY, hint);
	assert_page(&page, 200, FIRST_PAGE);
	GW_REPLY_OF(end) = browser_sign_in(&durand, "durand");
	assert_client_error(&end, "login_required");
	GW_REPLY_OF(again) = browser_authorize(&durand, SITE_QUERY, hint);
	GW_REPLY_OF(right) = browser_sign_in(&durand, "martin");
	assert_code(&right);
}

static void a_hint_that_is_none_is_refused(void **state)
{
	struct browser browser = {.site = *state};
	char code[HC_TICKET_LEN + 1], query[8192];

	browser_enter(&browser, "martin", code);
	GW_JSON(tokens) = browser_redeem(&browser, code);
	GW_REPLY_OF(garbage) = browser_authorize(&browser, SITE_QUERY, "&id_token_hint=x.y.z");
	assert_client_error(&garbage, "invalid_request");
	GW_REPLY_OF(none) = browser_authorize(&browser, SITE_QUERY,
					      "&id_token_hint=eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
	assert_client_error(&none, "invalid_request");
	gw_print(query, sizeof(query), "&id_token_hint=%s", gw_text(tokens, "id_token"));
	GW_REPLY_OF(foreign) = browser_authorize(&browser, SITE_OTHER, query);
	assert_client_error(&foreign, "invalid_request");
}

static void a_person_who_may_not_sign_in_any_more_is_not_signed_in(void **state)
{
	struct browser browser = {.site = *state};
	struct hc_person_answer disabled = gw_doctor(7);

	browser_enter(&browser, "martin", NULL);
	disabled.may_sign_in = false;
	gw_person(&browser.site->doors[0], disabled);
	GW_REPLY_OF(quiet) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
	assert_client_error(&quiet, "login_required");
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	assert_page(&page, 200, FIRST_PAGE);
}

static void nobody_is_signed_in_while_the_broker_is_away(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	gw_broker(&browser.site->doors[0], HC_ERR_AWAY);
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	assert_page(&page, 503, "HC-101");
	GW_REPLY_OF(quiet) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
	assert_client_error(&quiet, "temporarily_unavailable");
}

/* ---- how it may be asked ---- */

static void a_request_by_post_finds_the_session_too(void **state)
{
	struct browser browser = {.site = *state}, stranger = {.site = *state};
	char target[4096];

	/* As another site's form arrives: without cookies. */
	GW_REPLY_OF(sent_on) = browser_post(&stranger, HC_PATH_AUTHORIZE, SITE_QUERY);
	gw_print(target, sizeof(target), "%s", reply_location(&sent_on));
	assert_memory_equal(target, GW_ISSUER HC_PATH_AUTHORIZE "?", strlen(GW_ISSUER HC_PATH_AUTHORIZE) + 1);
	assert_string_equal(reply_param(&sent_on, "state"), "st/ate");
	browser_enter(&browser, "martin", NULL);
	GW_REPLY_OF(with_session) = browser_get(&browser, target + strlen(GW_ISSUER));
	assert_code(&with_session);
	/* As our own origin sends it. */
	GW_REPLY_OF(direct) = browser_post(&browser, HC_PATH_AUTHORIZE, SITE_QUERY);
	assert_code(&direct);
}

static void a_long_request_by_post_is_served_where_it_is(void **state)
{
	struct browser browser = {.site = *state};
	char *form = calloc(1, 16384);
	const int len = snprintf(form, 16384, "%s&extra=", SITE_QUERY);

	memset(form + len, 'x', 8000);
	GW_REPLY_OF(reply) = browser_post(&browser, HC_PATH_AUTHORIZE, form);
	assert_page(&reply, 200, FIRST_PAGE);
	free(form);
}

static void a_look_issues_no_code(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	GW_REPLY_OF(reply) = browser_send(&browser, "HEAD", HC_PATH_AUTHORIZE "?" SITE_QUERY, "", "");
	assert_int_equal(reply.status, 405);
	assert_null(reply_header(&reply, "Location"));
	assert_int_equal(site_counter(*state, HC_COUNTER_AUTHORIZE_SSO), 0);
}

static void pages_speak_the_language_that_was_asked_for_to_the_end(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "&ui_locales=de%20fr");

	assert_string_equal(reply_header(&first, "Content-Language"), "fr");
	GW_REPLY_OF(second) = browser_password(&browser, "martin", "wrong");
	assert_string_equal(reply_header(&second, "Content-Language"), "fr");
	GW_REPLY_OF(third) = browser_code(&browser, "1");
	assert_page(&third, 200, "lang=\"fr\"");
}

static void a_login_hint_stands_in_the_field_and_is_no_markup(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "&login_hint=%22%3E%3Cscript%3E");

	assert_page(&page, 200, "value=\"&quot;&gt;&lt;script&gt;\"");
	assert_null(strstr(page.body, "<script"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE_CASE(a_wrong_name_password_or_code_gives_the_same_pages_and_no_session),
		SITE_CASE(an_unknown_person_is_asked_and_refused_like_any_other),
		SITE_CASE(what_cannot_be_a_name_or_a_password_never_reaches_the_broker),
		SITE_CASE(a_person_signs_in_with_two_pages_and_the_application_gets_a_code),
		SITE_CASE(a_second_application_asks_nobody),
		SITE_CASE(a_session_in_use_lives_on_and_one_that_rests_does_not),
		SITE_CASE(a_session_ends_with_its_lifetime_however_busy),
		SITE_CASE(prompt_none_never_shows_a_page),
		SITE_CASE(whoever_is_asked_again_signs_in_again_and_keeps_what_he_was_given),
		SITE_CASE(a_young_session_satisfies_max_age),
		SITE_CASE(a_sign_in_from_the_future_satisfies_no_max_age),
		SITE_CASE(an_id_token_hint_names_who_must_be_signed_in),
		SITE_CASE(a_hint_that_is_none_is_refused),
		SITE_CASE(a_person_who_may_not_sign_in_any_more_is_not_signed_in),
		SITE_CASE(nobody_is_signed_in_while_the_broker_is_away),
		SITE_CASE(a_request_by_post_finds_the_session_too),
		SITE_CASE(a_long_request_by_post_is_served_where_it_is),
		SITE_CASE(a_look_issues_no_code),
		SITE_CASE(pages_speak_the_language_that_was_asked_for_to_the_end),
		SITE_CASE(a_login_hint_stands_in_the_field_and_is_no_markup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
