/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in and out when memory runs out or the store's queue is full: every allocation of each request on
 * the loop, before and behind what it waits for, and every write, one after the other. Whatever fails
 * signs nobody in, every request has its end, and the next sign-in works.
 */
#include <sched.h>

#include "browser_support.h"
#include "fault_phase.h"

FAULTY(authorize)
FAULTY(login)
FAULTY(logout)

static const struct hc_http_route routes[] = {
	{HC_PATH_AUTHORIZE, HC_HTTP_GET | HC_HTTP_POST, faulty_authorize},
	{HC_PATH_LOGIN, HC_HTTP_POST, faulty_login},
	{HC_PATH_LOGOUT, HC_HTTP_GET | HC_HTTP_POST, faulty_logout},
	{HC_PATH_TOKEN, HC_HTTP_POST, hc_handle_token},
	{.path = NULL},
};

static int setup(void **state)
{
	memset(&plan, 0, sizeof(plan));
	fake_link_hooks(phase_begin, phase_end);
	*state = site_new(routes);
	return 0;
}

/* ---- one request whose n-th point fails ---- */

static void set_plan(struct gw *door, void *ctx)
{
	(void)door;
	memset(&plan, 0, sizeof(plan));
	plan.n = *(unsigned *)ctx;
}

static void arm(struct browser *browser, unsigned n)
{
	gw_on_loop(&browser->site->doors[0], set_plan, &n);
}

static void get_hit(struct gw *door, void *ctx)
{
	(void)door;
	*(bool *)ctx = plan.hit;
}

/* Whether there was such a point; the next request is whole again. */
static bool disarm(struct browser *browser)
{
	bool hit = false;

	while (atomic_load(&in_phase)) /* it was answered, and is about to end */
		(void)sched_yield();
	gw_on_loop(&browser->site->doors[0], get_hit, &hit);
	arm(browser, 0);
	return hit;
}

/* An answer that may come when something failed: no code, no cookie of a session. */
static void assert_trouble(const struct gw_reply *reply, unsigned n)
{
	if (reply->status != 0 && reply->status != 500 && reply->status != 503)
		fail_msg("point %u: %s", n, reply->text);
	assert_null(strstr(reply->text, "code="));
	assert_null(strstr(reply->text, HC_COOKIE_SESSION));
}

enum step { FIRST_REQUEST, PASSWORD_FORM, CODE_FORM };

/* A sign-in whose step fails at its n-th point; false: there is no such point, and it worked. */
static bool sign_in_failing(struct site *site, enum step step, unsigned n)
{
	struct browser browser = {.site = site};

	arm(&browser, step == FIRST_REQUEST ? n : 0);
	GW_REPLY_OF(first) = browser_authorize(&browser, SITE_QUERY, "");
	if (step == FIRST_REQUEST && disarm(&browser)) {
		assert_trouble(&first, n);
		return true;
	}
	arm(&browser, step == PASSWORD_FORM ? n : 0);
	GW_REPLY_OF(second) = browser_password(&browser, "martin", "correct+horse");
	if (step == PASSWORD_FORM && disarm(&browser)) {
		assert_trouble(&second, n);
		return true;
	}
	arm(&browser, step == CODE_FORM ? n : 0);
	GW_REPLY_OF(last) = browser_code(&browser, FAKE_CODE);
	if (step == CODE_FORM && disarm(&browser)) {
		assert_trouble(&last, n);
		assert_string_equal(browser.session, "");
		return true;
	}
	assert_code(&last);
	return false;
}

static void each_point_of_a_sign_in_fails_once_and_signs_nobody_in(void **state)
{
	struct site *site = *state;

	for (enum step step = FIRST_REQUEST; step <= CODE_FORM; step++) {
		unsigned n = 1;

		for (; sign_in_failing(site, step, n); n++) {
			/* conversations that were left open make room */
			gw_pass(site->base, HC_SIGNIN_MS);
			assert_false(sign_in_failing(site, step, 0));
		}
		assert_in_range(n, 3, 100);
	}
}

static void each_point_of_single_sign_on_fails_once_and_the_next_request_works(void **state)
{
	struct browser browser = {.site = *state};
	bool hit = true;
	unsigned n = 1;

	browser_enter(&browser, "martin", NULL);
	for (; hit; n++) {
		gw_pass(browser.site->base, 61000); /* the session is written as well */
		arm(&browser, n);
		GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "");
		hit = disarm(&browser);
		if (hit)
			assert_trouble(&reply, n);
		else
			assert_code(&reply);
		GW_REPLY_OF(again) = browser_authorize(&browser, SITE_QUERY, "");
		assert_code(&again);
	}
	assert_in_range(n, 5, 60);
}

/* prompt=none: what fails is told to the application wherever there is memory to tell it. */
static void each_point_of_a_quiet_request_fails_once(void **state)
{
	struct browser browser = {.site = *state};
	bool hit = true;

	browser_enter(&browser, "martin", NULL);
	for (unsigned n = 1; hit; n++) {
		arm(&browser, n);
		GW_REPLY_OF(reply) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
		hit = disarm(&browser);
		if (!hit)
			assert_code(&reply);
		else if (reply.status == 303)
			assert_client_error(&reply, "temporarily_unavailable");
		else
			assert_trouble(&reply, n);
	}
}

static void each_point_of_a_logout_fails_once_and_what_was_said_is_true(void **state)
{
	struct browser browser = {.site = *state};
	bool hit = true;
	char form[12000];
	unsigned n = 1;

	for (; hit; n++) {
		browser_enter(&browser, "martin", NULL);
		GW_REPLY_OF(page) = browser_get(&browser, HC_PATH_LOGOUT
						"?client_id=app&state=s&post_logout_redirect_uri="
						"https%3A%2F%2Fapp.example%2Fbye");
		(void)snprintf(form, sizeof(form), "logout=%s", browser.logout);
		arm(&browser, n);
		GW_REPLY_OF(reply) = browser_post(&browser, HC_PATH_LOGOUT, form);
		hit = disarm(&browser);
		if (hit && (reply.status == 500 || reply.status == 503 || reply.status == 0))
			continue; /* not told that it worked; trying again is safe */
		assert_string_equal(reply_location(&reply), SITE_BACK "?state=s");
		GW_REPLY_OF(after) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
		assert_client_error(&after, "login_required");
	}
	assert_in_range(n, 3, 60);
}

static void each_point_of_the_question_fails_once_and_ends_nothing(void **state)
{
	struct browser browser = {.site = *state};
	bool hit = true;
	unsigned n = 1;

	browser_enter(&browser, "martin", NULL);
	for (; hit; n++) {
		arm(&browser, n);
		GW_REPLY_OF(reply) = browser_get(&browser, HC_PATH_LOGOUT "?id_token_hint=x.y.z");
		hit = disarm(&browser);
		if (hit && (reply.status == 500 || reply.status == 503 || reply.status == 0))
			assert_null(reply_header(&reply, "Set-Cookie"));
		else
			assert_page(&reply, 200, "name=\"logout\"");
		GW_REPLY_OF(after) = browser_authorize(&browser, SITE_QUERY, "&prompt=none");
		assert_code(&after);
	}
	assert_in_range(n, 3, 60);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_point_of_a_sign_in_fails_once_and_signs_nobody_in),
		CASE(each_point_of_single_sign_on_fails_once_and_the_next_request_works),
		CASE(each_point_of_a_quiet_request_fails_once),
		CASE(each_point_of_a_logout_fails_once_and_what_was_said_is_true),
		CASE(each_point_of_the_question_fails_once_and_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
