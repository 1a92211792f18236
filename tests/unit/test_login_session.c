/* SPDX-License-Identifier: Apache-2.0 */
/* Whose browser it is: cookies before and after a sign-in, and what changed while a page was open. */
#include "browser_support.h"

/* ---- whose browser it is ---- */

static void the_cookie_before_a_sign_in_is_worth_nothing_after_it(void **state)
{
	struct browser browser = {.site = *state}, thief = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	(void)snprintf(thief.session, sizeof(thief.session), "%s", browser.session);
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "&prompt=login");
	GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
	assert_code(&end);
	assert_string_not_equal(thief.session, browser.session);
	GW_REPLY_OF(old) = browser_authorize(&thief, SITE_QUERY, "&prompt=none");
	assert_client_error(&old, "login_required");
	GW_REPLY_OF(new) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
	assert_code(&new);
}

static void another_person_in_the_same_browser_ends_the_session_before(void **state)
{
	struct browser browser = {.site = *state}, kept = {.site = *state};
	char code[HC_TICKET_LEN + 1], form[512];

	browser_enter(&browser, "martin", code);
	GW_JSON(tokens) = browser_redeem(&browser, code);
	(void)snprintf(kept.session, sizeof(kept.session), "%s", browser.session);
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "&prompt=login");
	GW_REPLY_OF(end) = browser_sign_in(&browser, "durand");
	assert_code(&end);
	GW_REPLY_OF(old) = browser_authorize(&kept, SITE_QUERY, "&prompt=none");
	assert_client_error(&old, "login_required");
	(void)snprintf(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s",
		       gw_text(tokens, "refresh_token"));
	GW_REPLY_OF(refresh) =
		gw_post(&browser.site->doors[0], HC_PATH_TOKEN, gw_basic("app", GW_SECRET), form);
	assert_int_equal(refresh.status, 400);
	const struct site_sessions sessions = site_sessions(*state);
	assert_int_equal(sessions.count, 1);
	assert_int_equal(sessions.rows[0].person_id, 8);
	const struct site_records records = site_records(*state);
	const struct hc_outbox_record *last = &records.rows[records.count - 1];
	assert_int_equal(last->event, HC_OUTBOX_SESSION_END);
	assert_int_equal(last->person_id, 7);
	assert_string_equal(last->login, "martin");
	assert_string_equal(last->origin, "127.0.0.1");
}

static void a_cookie_that_somebody_planted_does_not_survive_a_sign_in(void **state)
{
	struct browser browser = {.site = *state};
	char planted[HC_TICKET_LEN + 1];

	(void)memset(planted, 'A', HC_TICKET_LEN);
	planted[HC_TICKET_LEN] = '\0';
	planted[6] = 'B';
	(void)snprintf(browser.session, sizeof(browser.session), "%s", planted);
	browser_enter(&browser, "martin", NULL);
	assert_string_not_equal(browser.session, planted);
	assert_int_equal(site_sessions(*state).count, 1);
}

/* A second page with the code on its way, in a thread. */
struct tab {
	struct browser browser;
	struct gw_reply reply;
	pthread_t thread;
};

static void *send_code(void *ctx)
{
	struct tab *tab = ctx;

	tab->reply = browser_code(&tab->browser, FAKE_CODE);
	return NULL;
}

static void two_pages_of_one_person_at_the_same_time_leave_each_other_what_they_got(void **state)
{
	struct browser browser = {.site = *state};
	struct tab tabs[2];
	char code[HC_TICKET_LEN + 1];

	browser_enter(&browser, "martin", NULL);
	for (unsigned i = 0; i < HC_COUNT(tabs); i++) {
		tabs[i].browser = browser;
		GW_REPLY_OF(page) = browser_authorize(&tabs[i].browser, SITE_QUERY, "&prompt=login");
		GW_REPLY_OF(second) = browser_password(&tabs[i].browser, "martin", "correct+horse");
		assert_page(&second, 200, SECOND_PAGE);
	}
	const unsigned before = fake_link_counts().answered;
	fake_link_mood(FAKE_HOLDS);
	for (unsigned i = 0; i < HC_COUNT(tabs); i++) {
		assert_int_equal(pthread_create(&tabs[i].thread, NULL, send_code, &tabs[i]), 0);
		while (fake_link_counts().answered <= before + i)
			(void)usleep(1000);
	}
	fake_link_release();
	for (unsigned i = 0; i < HC_COUNT(tabs); i++) {
		assert_int_equal(pthread_join(tabs[i].thread, NULL), 0);
		assert_code(&tabs[i].reply);
		(void)snprintf(code, sizeof(code), "%s", reply_param(&tabs[i].reply, "code"));
		GW_JSON(tokens) = browser_redeem(&tabs[i].browser, code);
		assert_non_null(tokens);
		gw_reply_free(&tabs[i].reply);
	}
	/* and the trail tells of nobody else */
	const struct site_records records = site_records(*state);
	for (size_t i = 0; i < records.count; i++)
		assert_int_not_equal(records.rows[i].event, HC_OUTBOX_SESSION_END);
}

/* ---- what changed while the page was open ---- */

static enum hc_err remove_app(struct hc_gstore_tx *tx, void *ctx)
{
	(void)ctx;
	return hc_client_remove(tx, "app");
}

static enum hc_err end_all(struct hc_gstore_tx *tx, void *ctx)
{
	(void)ctx;
	return hc_session_end_person(tx, 7, T0 + 1, NULL);
}

static void site_write(struct site *site, hc_gstore_work_fn work)
{
	GW_WRITE(&site->doors[0], work, NULL);
}

static void an_application_that_was_removed_gets_nobody(void **state)
{
	struct browser first = {.site = *state}, second = {.site = *state};
	GW_REPLY_OF(a) = browser_authorize(&first, SITE_QUERY, "");
	GW_REPLY_OF(b) = browser_authorize(&second, SITE_QUERY, "");
	GW_REPLY_OF(c) = browser_password(&second, "martin", "correct+horse");

	site_write(*state, remove_app);
	GW_REPLY_OF(page_one) = browser_password(&first, "martin", "correct+horse");
	assert_page(&page_one, 400, "HC-502");
	GW_REPLY_OF(page_two) = browser_code(&second, FAKE_CODE);
	assert_page(&page_two, 400, "HC-502");
	GW_REPLY_OF(anew) = browser_authorize(&first, SITE_QUERY, "");
	assert_page(&anew, 400, "HC-502");
}

static void a_session_that_an_administrator_ended_is_over_at_once(void **state)
{
	struct browser browser = {.site = *state};

	browser_enter(&browser, "martin", NULL);
	site_write(*state, end_all);
	GW_REPLY_OF(quiet) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
	assert_client_error(&quiet, "login_required");
	/* also in the middle of a new sign-in of the same person */
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
	assert_code(&end);
	assert_int_equal(site_sessions(*state).count, 1);
}

static void a_request_that_is_wrong_is_a_page_or_an_error_and_is_told_to_the_log(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(unknown) = browser_get(&browser, HC_PATH_AUTHORIZE "?client_id=nobody");
	GW_REPLY_OF(address) = browser_get(&browser, HC_PATH_AUTHORIZE
					   "?client_id=app&redirect_uri=https%3A%2F%2Fevil.example");
	GW_REPLY_OF(twice) = browser_authorize(&browser, SITE_QUERY, "&client_id=app");
	GW_REPLY_OF(garbage) = browser_get(&browser, HC_PATH_AUTHORIZE "?client_id=%zz");
	GW_REPLY_OF(plain) = browser_get(&browser, HC_PATH_AUTHORIZE
					 "?client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
					 "&response_type=code&scope=openid&state=x");
	GW_REPLY_OF(nowhere) = browser_get(&browser, "/oauth2/authorize/");

	assert_page(&unknown, 400, "HC-502");
	assert_page(&address, 400, "HC-503");
	assert_page(&twice, 400, "HC-501");
	assert_page(&garbage, 400, "HC-501");
	assert_client_error(&plain, "invalid_request");
	assert_string_equal(reply_param(&plain, "state"), "x");
	assert_page(&nowhere, 404, "</html>");
	assert_int_equal(site_counter(*state, HC_COUNTER_AUTHORIZE_REFUSED), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE_CASE(the_cookie_before_a_sign_in_is_worth_nothing_after_it),
		SITE_CASE(another_person_in_the_same_browser_ends_the_session_before),
		SITE_CASE(a_cookie_that_somebody_planted_does_not_survive_a_sign_in),
		SITE_CASE(two_pages_of_one_person_at_the_same_time_leave_each_other_what_they_got),
		SITE_CASE(an_application_that_was_removed_gets_nobody),
		SITE_CASE(a_session_that_an_administrator_ended_is_over_at_once),
		SITE_CASE(a_request_that_is_wrong_is_a_page_or_an_error_and_is_told_to_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
