/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts that HospiConnect leaves alone, so that a dead broker locks no administrator out, and
 * stack lines that nobody should trust: both are decided before any connection.
 */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int64_t now_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All the phases of a line with those arguments, for that user; the codes of both deciding ones. */
struct codes {
	int authenticate, account, open, close;
};

static struct codes ask_all(struct host *host, const char *arguments, const char *user, const char *rhost)
{
	char text[1024];
	struct codes codes;

	(void)snprintf(text, sizeof(text),
		       "auth required @ %s\nauth optional pam_permit.so\n"
		       "account required @ %s\naccount optional pam_permit.so\n"
		       "session required @ %s\n",
		       arguments, arguments, arguments);
	host_stack(host, "su", text);
	host_reset(host, HOST_ANSWERS, NULL);
	host_start(host, "su", user, rhost);
	codes.authenticate = pam_authenticate(host->pamh, 0);
	codes.account = pam_acct_mgmt(host->pamh, 0);
	codes.open = pam_open_session(host->pamh, 0);
	codes.close = pam_close_session(host->pamh, 0);
	return codes;
}

static const struct scripted_line refuse_all[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};

static const struct {
	const char *arguments, *user, *rhost;
} not_exempt[] = {
	{"", "martin", NULL},
	{"", "root", "192.0.2.7"},
	{"", "root", "localhost"},
	{"exempt=", "root", NULL},
	{"exempt=admin", "root", NULL},
	{"exempt=root,admin", "adm", NULL},
	{"exempt=root,admin", "admin", "::1"},
	{"exempt=root exempt_remote", "admin", NULL},
	{"exempt_remote exempt=", "root", "192.0.2.7"},
	{"mode=second-factor", "root", "192.0.2.7"},
};

static void who_is_not_exempt_is_asked_about(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(not_exempt); i++) {
		struct codes codes;

		host_broker(host, refuse_all);
		codes = ask_all(host, not_exempt[i].arguments, not_exempt[i].user, not_exempt[i].rhost);
		host_broker_stop(host);
		if (codes.authenticate != PAM_AUTH_ERR || codes.account != PAM_PERM_DENIED ||
		    host->record.connections != 4)
			fail_msg("row %zu: %d, %d, %u connections", i, codes.authenticate, codes.account,
				 host->record.connections);
	}
}

static const struct {
	const char *arguments, *user, *rhost;
} exempt[] = {
	{"", "root", NULL},
	{"", "root", ""},
	{"exempt=root,admin", "admin", NULL},
	{"exempt=Admin.CHU", "Admin.CHU", NULL},
	{"exempt_remote", "root", "192.0.2.7"},
	{"exempt=admin exempt_remote", "admin", "2001:db8::7"},
	{"mode=second-factor", "root", NULL},
};

/* Nobody listens: a connection would take its two seconds. */
static void who_is_exempt_signs_in_at_once_while_the_broker_is_dead(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(exempt); i++) {
		int64_t start = now_ms();
		struct codes codes = ask_all(host, exempt[i].arguments, exempt[i].user, exempt[i].rhost);

		if (codes.authenticate != PAM_SUCCESS || codes.account != PAM_SUCCESS ||
		    codes.open != PAM_SUCCESS || codes.close != PAM_SUCCESS)
			fail_msg("row %zu: %d, %d, %d, %d", i, codes.authenticate, codes.account, codes.open,
				 codes.close);
		if (now_ms() - start >= 500)
			fail_msg("row %zu: took %d ms", i, (int)(now_ms() - start));
		if (strstr(host_log(), "<5>sign-in: exempt user=") == NULL)
			fail_msg("row %zu: not logged: %s", i, host_log());
	}
}

static void the_broker_hears_nothing_of_exempt_accounts(void **state)
{
	struct host *host = *state;

	host_broker(host, refuse_all);
	(void)ask_all(host, "", "root", NULL);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 0);
}

/* Without a neighbour that lets in, leaving somebody alone is not letting in. */
static void an_exempt_account_alone_in_its_stack_is_not_let_in(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", "auth required @\naccount required @\n");
	host_start(host, "su", "root", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_PERM_DENIED);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_PERM_DENIED);
}

static const char *const bad_arguments[] = {
	"nouserok",
	"debug",
	"mode",
	"mode=",
	"mode=both",
	"mode=primary mode=primary",
	"methods=",
	"methods=password",
	"methods=totp,totp",
	"timeout=4",
	"timeout=601",
	"timeout=soon",
	"exempt",
	"exempt=root,,admin",
	"exempt_remote=yes",
	"Exempt=root",
	"socket=/tmp/second.sock",
};

static void a_line_with_a_bad_argument_serves_nobody_and_says_why(void **state)
{
	struct host *host = *state;
	static const char *const users[] = {"martin", "root"};

	for (size_t i = 0; i < 2 * HC_COUNT(bad_arguments); i++) {
		struct codes codes;

		host_broker(host, part_allow_now);
		codes = ask_all(host, bad_arguments[i / 2], users[i % 2], NULL);
		host_broker_stop(host);
		if (codes.authenticate != PAM_SERVICE_ERR || codes.account != PAM_SERVICE_ERR ||
		    codes.open != PAM_SERVICE_ERR || codes.close != PAM_SERVICE_ERR ||
		    host->record.connections != 0)
			fail_msg("row %zu (%s): %d, %d, %d, %d", i, bad_arguments[i / 2], codes.authenticate,
				 codes.account, codes.open, codes.close);
		if (strstr(host_log(), "bad argument \"") == NULL ||
		    !host_showed(host, PAM_ERROR_MSG, "(HC-104)"))
			fail_msg("row %zu (%s): not said: %s", i, bad_arguments[i / 2], host_log());
	}
}

static void a_socket_that_is_no_absolute_path_is_a_bad_argument(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", "auth required % socket=auth.sock\nauth optional pam_permit.so\n");
	host_start(host, "su", "root", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SERVICE_ERR);
	assert_non_null(strstr(host_log(), "bad argument \"socket=auth.sock\": the path must be absolute"));
}

/* The service that checks passwords for the broker: asking the broker there would be a circle. */
static void the_module_does_not_run_in_the_password_service(void **state)
{
	struct host *host = *state;

	host_stack(host, "hospiconnect-password",
		   "auth required @\nauth optional pam_permit.so\naccount required @\naccount optional "
		   "pam_permit.so\nsession required @\npassword required @\n");
	host_broker(host, part_allow_now);
	for (int exempted = 0; exempted < 2; exempted++) {
		host_reset(host, HOST_ANSWERS, NULL);
		host_start(host, "hospiconnect-password", exempted ? "root" : "martin", NULL);
		assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SERVICE_ERR);
		assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_SERVICE_ERR);
		assert_int_equal(pam_open_session(host->pamh, 0), PAM_SERVICE_ERR);
		assert_int_equal(pam_chauthtok(host->pamh, 0), PAM_SERVICE_ERR);
		assert_non_null(strstr(host_log(), "does not run in hospiconnect-password"));
	}
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_is_not_exempt_is_asked_about),
		CASE(a_line_with_a_bad_argument_serves_nobody_and_says_why),
		CASE(a_socket_that_is_no_absolute_path_is_a_bad_argument),
		CASE(the_module_does_not_run_in_the_password_service),
		CASE(an_exempt_account_alone_in_its_stack_is_not_let_in),
		CASE(who_is_exempt_signs_in_at_once_while_the_broker_is_dead),
		CASE(the_broker_hears_nothing_of_exempt_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
