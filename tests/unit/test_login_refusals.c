/* SPDX-License-Identifier: Apache-2.0 */
/* Forms that do not come from whom they should, too late, twice, to another loop, or too many. */
#include "browser_support.h"

#include "oauth/pending.h"

/* ---- login CSRF: forms of somebody else ---- */

static void a_form_without_its_browsers_cookie_is_not_used(void **state)
{
	struct browser victim = {.site = *state}, attacker = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&attacker, SITE_QUERY, "");
	GW_REPLY_OF(other) = browser_authorize(&victim, SITE_QUERY, "");
	char cookie[HC_LOGIN_COOKIE_LEN + 1];

	/* The attacker's form in the victim's browser: with the victim's cookie, with none, with one of no browser. */
	(void)snprintf(victim.request, sizeof(victim.request), "%s", attacker.request);
	(void)snprintf(cookie, sizeof(cookie), "%s", victim.login);
	GW_REPLY_OF(foreign) = browser_password(&victim, "martin", "correct+horse");
	assert_page(&foreign, 400, "HC-504");
	(void)snprintf(victim.request, sizeof(victim.request), "%s", attacker.request);
	victim.login[0] = '\0';
	GW_REPLY_OF(none) = browser_password(&victim, "martin", "correct+horse");
	assert_page(&none, 400, "HC-505");
	(void)snprintf(victim.request, sizeof(victim.request), "%s", attacker.request);
	(void)snprintf(victim.login, sizeof(victim.login), "AAAA");
	GW_REPLY_OF(odd) = browser_password(&victim, "martin", "correct+horse");
	assert_page(&odd, 400, "HC-505");
	assert_int_equal(fake_link_counts().started, 0);
	/* In its own browser it is good. */
	GW_REPLY_OF(good) = browser_password(&attacker, "martin", "correct+horse");
	assert_page(&good, 200, SECOND_PAGE);
}

static void a_code_page_in_another_browser_signs_nobody_in(void **state)
{
	struct browser attacker = {.site = *state}, victim = {.site = *state};
	GW_REPLY_OF(a) = browser_authorize(&attacker, SITE_QUERY, "");
	GW_REPLY_OF(v) = browser_authorize(&victim, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(&attacker, "durand", "correct+horse");

	/* The victim's own request with the attacker's conversation. */
	(void)snprintf(victim.conversation, sizeof(victim.conversation), "%s", attacker.conversation);
	GW_REPLY_OF(reply) = browser_code(&victim, FAKE_CODE);
	assert_page(&reply, 200, "interrupted");
	assert_string_equal(victim.session, "");
	assert_int_equal(fake_link_counts().answered, 0);
	GW_REPLY_OF(own) = browser_code(&attacker, FAKE_CODE);
	assert_code(&own);
}

static void a_conversation_belongs_to_the_request_that_began_it(void **state)
{
	struct browser browser = {.site = *state};
	char conversation[64];
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");

	(void)snprintf(conversation, sizeof(conversation), "%s", browser.conversation);
	GW_REPLY_OF(other) = browser_authorize(&browser, SITE_OTHER, "");
	(void)snprintf(browser.conversation, sizeof(browser.conversation), "%s", conversation);
	GW_REPLY_OF(reply) = browser_code(&browser, FAKE_CODE);
	assert_page(&reply, 200, "interrupted");
	assert_int_equal(fake_link_counts().answered, 0);
}

static void a_form_that_another_site_sent_is_not_used(void **state)
{
	static const struct {
		const char *headers;
		unsigned status;
	} table[] = {
		{"Origin: https://evil.example\r\n", 403},
		{"Origin: null\r\n", 403},
		{"Origin: http://sso.example\r\n", 403},
		{"Origin: https://sso.example.evil.example\r\n", 403},
		{"Origin: https://sso.example:8443\r\n", 403},
		{"Origin: https://sso.example/\r\n", 403},
		{"Origin: \r\n", 403},
		{"Origin: https://sso.example\r\nOrigin: https://evil.example\r\n", 403},
		{"Origin: https://sso.example\r\n", 200},
		{"", 200},
	};

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");

		browser.headers = table[i].headers;
		GW_REPLY_OF(reply) = browser_password(&browser, "martin", "correct+horse");
		if (reply.status != table[i].status)
			fail_msg("row %zu: %u", i, reply.status);
		if (table[i].status == 403)
			assert_page(&reply, 403, "HC-508");
	}
	assert_int_equal(fake_link_counts().started, 2);
}

static void what_is_no_form_is_refused(void **state)
{
	struct browser browser = {.site = *state};
	char form[12000];
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");

	(void)snprintf(form, sizeof(form), "request=%s&username=martin&password=x", browser.request);
	GW_REPLY_OF(json) =
		browser_send(&browser, "POST", HC_PATH_LOGIN, "Content-Type: application/json\r\n", form);
	assert_page(&json, 400, "HC-501");
	GW_REPLY_OF(text) =
		browser_send(&browser, "POST", HC_PATH_LOGIN, "Content-Type: text/plain\r\n", form);
	assert_page(&text, 400, "HC-501");
	GW_REPLY_OF(none) = browser_send(&browser, "POST", HC_PATH_LOGIN, "", form);
	assert_page(&none, 400, "HC-501");
	GW_REPLY_OF(query) = browser_post(&browser, HC_PATH_LOGIN "?a=b", form);
	assert_page(&query, 400, "HC-501");
	GW_REPLY_OF(nul) = browser_post(&browser, HC_PATH_LOGIN, "request=%00");
	assert_page(&nul, 400, "HC-501");
	(void)snprintf(form, sizeof(form), "request=%s&username=martin&username=durand&password=x",
		       browser.request);
	GW_REPLY_OF(twice) = browser_post(&browser, HC_PATH_LOGIN, form);
	assert_page(&twice, 400, "HC-501");
	GW_REPLY_OF(empty) = browser_post(&browser, HC_PATH_LOGIN, "");
	assert_page(&empty, 400, "HC-504");
	GW_REPLY_OF(by_get) = browser_get(&browser, HC_PATH_LOGIN);
	assert_page(&by_get, 400, "HC-504");
	assert_int_equal(fake_link_counts().started, 0);
}

/* ---- too late, and twice ---- */

static void a_page_that_was_open_for_too_long_is_not_used(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	char request[9000];

	(void)snprintf(request, sizeof(request), "%s", browser.request);
	gw_pass(browser.site->base, HC_PENDING_MS - 1);
	GW_REPLY_OF(young) = browser_password(&browser, "martin", "correct+horse");
	assert_page(&young, 200, SECOND_PAGE);
	gw_pass(browser.site->base, 1);
	(void)snprintf(browser.request, sizeof(browser.request), "%s", request);
	GW_REPLY_OF(old) = browser_password(&browser, "martin", "correct+horse");
	assert_page(&old, 400, "HC-504");
	assert_int_equal(fake_link_counts().started, 1);
}

static void a_code_that_comes_too_late_is_not_judged(void **state)
{
	struct browser browser = {.site = *state};
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");

	assert_int_equal(fake_link_counts().timeout_s, HC_SIGNIN_MS / 1000);
	gw_pass(browser.site->base, HC_SIGNIN_MS);
	GW_REPLY_OF(reply) = browser_code(&browser, FAKE_CODE);
	assert_page(&reply, 200, FIRST_PAGE);
	assert_int_equal(fake_link_counts().answered, 0);
	assert_int_equal(fake_link_counts().cancelled, 1);
	assert_int_equal(site_counter(*state, HC_COUNTER_SIGN_IN_ABANDONED), 1);
	/* and the same request leads to a sign-in all the same */
	GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
	assert_code(&end);
}

static void a_code_page_sent_again_leads_back_to_the_first_page(void **state)
{
	struct browser browser = {.site = *state};
	char request[9000], conversation[64];
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");

	(void)snprintf(request, sizeof(request), "%s", browser.request);
	(void)snprintf(conversation, sizeof(conversation), "%s", browser.conversation);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(browser.request, sizeof(browser.request), "%s", request);
		(void)snprintf(browser.conversation, sizeof(browser.conversation), "%s", conversation);
		GW_REPLY_OF(reply) = browser_code(&browser, i == 0 ? "000000" : FAKE_CODE);
		assert_page(&reply, 200, FIRST_PAGE);
		assert_page(&reply, 200, i == 0 ? REFUSED : "interrupted");
	}
	assert_int_equal(fake_link_counts().answered, 1);
	assert_string_equal(browser.session, "");
}

static void a_made_up_conversation_is_nobodys(void **state)
{
	static const char *const made_up[] = {
		"AAAAAAAAAAAAAAAAAAAAAAA",
		"AQAAAAAAAAAAAAAAAAAAAAA",
		"AgAAAAAAAAAAAAAAAAAAAAA",
		"_wAAAAAAAAAAAAAAAAAAAAA",
		"A",
		"AAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"!!!!",
		"",
	};
	struct browser browser = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");

	for (size_t i = 0; i < HC_COUNT(made_up); i++) {
		(void)snprintf(browser.conversation, sizeof(browser.conversation), "%s", made_up[i]);
		GW_REPLY_OF(reply) = browser_code(&browser, FAKE_CODE);
		assert_page(&reply, 200, FIRST_PAGE);
	}
	assert_int_equal(fake_link_counts().answered, 0);
}

static void a_person_who_gives_up_begins_again_with_the_same_request(void **state)
{
	for (unsigned door = 0; door < DOORS; door++) {
		struct browser browser = {.site = *state};
		char form[12000];
		GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
		GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");

		(void)snprintf(form, sizeof(form), "request=%s&conversation=%s&code=&restart=1",
			       browser.request, browser.conversation);
		browser.door = door;
		GW_REPLY_OF(again) = browser_post(&browser, HC_PATH_LOGIN, form);
		assert_page(&again, 200, "cancelled");
		assert_int_equal(fake_link_counts().cancelled, door + 1);
		GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
		assert_code(&end);
	}
}

/* ---- the loops ---- */

static void a_code_that_comes_to_another_loop_finds_its_conversation(void **state)
{
	static const char *const codes[] = {"000000", FAKE_CODE};

	for (unsigned i = 0; i < 4; i++) {
		struct browser browser = {.site = *state, .door = i % 2};
		GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
		GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");

		browser.door = 1 - browser.door;
		GW_REPLY_OF(reply) = browser_code(&browser, codes[i / 2]);
		if (i / 2 == 0) {
			assert_page(&reply, 200, REFUSED);
			assert_non_null(strstr(reply.body, "value=\"martin\""));
		} else {
			assert_code(&reply);
		}
	}
}

struct later {
	struct browser browser;
	struct gw_reply reply;
	pthread_t thread;
};

static void *send_code(void *ctx)
{
	struct later *later = ctx;

	later->reply = browser_code(&later->browser, FAKE_CODE);
	return NULL;
}

static void await_answers(unsigned wanted)
{
	while (fake_link_counts().answered < wanted)
		;
}

static void a_double_click_is_one_sign_in_and_its_last_answer_counts(void **state)
{
	struct later first = {.browser = {.site = *state}}, second;
	GW_REPLY_OF(page) = browser_authorize(&first.browser, SITE_QUERY, "");
	GW_REPLY_OF(code) = browser_password(&first.browser, "martin", "correct+horse");

	fake_link_mood(FAKE_HOLDS);
	second = first;
	second.browser.door = 1;
	assert_int_equal(pthread_create(&first.thread, NULL, send_code, &first), 0);
	await_answers(1);
	assert_int_equal(pthread_create(&second.thread, NULL, send_code, &second), 0);
	assert_int_equal(pthread_join(first.thread, NULL), 0);
	assert_page(&first.reply, 200, "interrupted");
	fake_link_release();
	assert_int_equal(pthread_join(second.thread, NULL), 0);
	assert_code(&second.reply);
	assert_int_equal(fake_link_counts().answered, 1);
	gw_reply_free(&first.reply);
	gw_reply_free(&second.reply);
}

/* ---- too many ---- */

/* An open conversation of a browser of its own. */
static unsigned open_one(struct site *site, unsigned door)
{
	struct browser browser = {.site = site, .door = door};
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(reply) = browser_password(&browser, "martin", "wrong");

	return reply.status;
}

static void one_address_opens_so_many_sign_ins_and_no_more_until_they_end(void **state)
{
	struct site *site = *state;
	struct browser browser = {.site = site};

	for (unsigned i = 0; i < HC_SIGNINS_PER_ADDRESS; i++)
		assert_int_equal(open_one(site, 0), 200);
	GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
	GW_REPLY_OF(full) = browser_password(&browser, "martin", "correct+horse");
	assert_page(&full, 503, "HC-506");
	assert_page(&full, 503, FIRST_PAGE);
	assert_int_equal(fake_link_counts().started, HC_SIGNINS_PER_ADDRESS);
	/* the other loop counts for itself, and time makes room */
	assert_int_equal(open_one(site, 1), 200);
	gw_pass(site->base, HC_SIGNIN_MS);
	GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
	assert_code(&end);
	assert_int_equal(fake_link_counts().cancelled, HC_SIGNINS_PER_ADDRESS);
}

static void sign_ins_that_ended_make_room(void **state)
{
	for (unsigned i = 0; i < 2 * HC_SIGNINS_PER_ADDRESS; i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");
		GW_REPLY_OF(second) = browser_password(&browser, "martin", "wrong");

		assert_page(&second, 200, SECOND_PAGE);
		GW_REPLY_OF(reply) = browser_code(&browser, FAKE_CODE);
		assert_page(&reply, 200, REFUSED);
	}
}

/* ---- the broker's troubles ---- */

static void troubles_of_the_broker_are_a_page_with_a_code_and_never_a_sign_in(void **state)
{
	static const struct {
		enum fake_mood mood;
		bool at_once; /* instead of the second page */
		unsigned status;
		const char *holds;
	} table[] = {
		{FAKE_AWAY, true, 503, "HC-101"},	 {FAKE_EAGER, true, 503, "HC-106"},
		{FAKE_HUNG, false, 503, "HC-102"},	 {FAKE_NO_HELPER, false, 503, "HC-306"},
		{FAKE_TIMES_OUT, false, 200, "in time"}, {FAKE_NO_MEANS, false, 200, REFUSED},
	};

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(page) = browser_authorize(&browser, SITE_QUERY, "");

		fake_link_mood(table[i].mood);
		GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");
		if (table[i].at_once) {
			assert_page(&second, table[i].status, table[i].holds);
			assert_page(&second, table[i].status, FIRST_PAGE);
		} else {
			assert_page(&second, 200, SECOND_PAGE);
			GW_REPLY_OF(reply) = browser_code(&browser, FAKE_CODE);
			assert_page(&reply, table[i].status, table[i].holds);
			assert_page(&reply, table[i].status, FIRST_PAGE);
		}
		assert_string_equal(browser.session, "");
		fake_link_mood(FAKE_FAITHFUL);
		GW_REPLY_OF(end) = browser_sign_in(&browser, "martin");
		assert_code(&end);
	}
	assert_int_equal(site_counter(*state, HC_COUNTER_BROKER_AWAY), 1);
}

static void what_is_under_way_when_the_gateway_ends_is_answered_or_dropped(void **state)
{
	struct later later = {.browser = {.site = *state}};
	struct browser waiting = {.site = *state};
	GW_REPLY_OF(page) = browser_authorize(&later.browser, SITE_QUERY, "");
	GW_REPLY_OF(code) = browser_password(&later.browser, "martin", "correct+horse");
	GW_REPLY_OF(first) = browser_authorize(&waiting, SITE_QUERY, "");
	GW_REPLY_OF(second) = browser_password(&waiting, "martin", "correct+horse");

	fake_link_mood(FAKE_HOLDS);
	later.browser.door = 1;
	const int fd = gw_dial(&later.browser.site->doors[1]);
	char request[14000];
	const int len = snprintf(request, sizeof(request),
				 "POST /login HTTP/1.1\r\nHost: sso.example\r\n" GW_FORM
				 "Cookie: " HC_COOKIE_LOGIN "=%s\r\nContent-Length: %zu\r\n\r\n"
				 "request=%s&conversation=%s&code=" FAKE_CODE,
				 later.browser.login,
				 strlen("request=&conversation=&code=" FAKE_CODE) +
					 strlen(later.browser.request) + strlen(later.browser.conversation),
				 later.browser.request, later.browser.conversation);
	assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
	await_answers(1);
	site_stop(*state); /* teardown frees everything: the sanitizers look */
	(void)close(fd);
	assert_int_equal(fake_link_counts().ended, 0);
	fake_link_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE_CASE(a_form_without_its_browsers_cookie_is_not_used),
		SITE_CASE(a_code_page_in_another_browser_signs_nobody_in),
		SITE_CASE(a_conversation_belongs_to_the_request_that_began_it),
		SITE_CASE(a_form_that_another_site_sent_is_not_used),
		SITE_CASE(what_is_no_form_is_refused),
		SITE_CASE(a_page_that_was_open_for_too_long_is_not_used),
		SITE_CASE(a_code_that_comes_too_late_is_not_judged),
		SITE_CASE(a_code_page_sent_again_leads_back_to_the_first_page),
		SITE_CASE(a_made_up_conversation_is_nobodys),
		SITE_CASE(a_person_who_gives_up_begins_again_with_the_same_request),
		SITE_CASE(a_code_that_comes_to_another_loop_finds_its_conversation),
		SITE_CASE(a_double_click_is_one_sign_in_and_its_last_answer_counts),
		SITE_CASE(one_address_opens_so_many_sign_ins_and_no_more_until_they_end),
		SITE_CASE(sign_ins_that_ended_make_room),
		SITE_CASE(troubles_of_the_broker_are_a_page_with_a_code_and_never_a_sign_in),
		SITE_CASE(what_is_under_way_when_the_gateway_ends_is_answered_or_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
