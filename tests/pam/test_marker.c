/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second-factor marker: a sign-in with two factors in the primary line spares the second-factor
 * line its question, for the same user, in the same transaction, once.
 */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TWO_LINES "auth required @ mode=primary\nauth required @ mode=second-factor\n"

static const struct scripted_line refuse[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line grace[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_GRACE, HC_REASON_GRACE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line *const allow_then_refuse[] = {part_allow_now, refuse};

static void a_second_factor_line_without_a_marker_asks(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", "auth required @ mode=second-factor\n");
	host_broker(host, refuse);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 1);
}

static void a_refused_primary_line_leaves_no_marker(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", "auth optional @ mode=primary\nauth required @ mode=second-factor\n");
	host_broker(host, refuse);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

/* Being left alone is not having shown two factors. */
static void grace_leaves_no_marker(void **state)
{
	const struct scripted_line *const parts[] = {grace, refuse};
	struct host *host = *state;

	host_stack(host, "su", TWO_LINES);
	host_broker_parts(host, parts, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

static void a_marker_passes_the_second_factor_line_without_a_question(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", TWO_LINES);
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", "192.0.2.7");
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 1);
	assert_non_null(strstr(host_log(), "two factors accepted before user=\"martin\""));
}

static void a_marker_passes_one_line_only(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", TWO_LINES "auth required @ mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

/* The stack ends at the primary line; the marker that it left must not serve the next call. */
static void a_stale_marker_is_cleared_by_the_next_primary_line(void **state)
{
	struct host *host = *state;

	host_stack(host, "su",
		   "auth [success=done default=ignore] @ mode=primary\nauth required @ mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 3);
}

static void a_primary_line_with_bad_arguments_clears_the_marker(void **state)
{
	struct host *host = *state;

	host_stack(host, "su",
		   "auth required @ mode=primary\nauth optional @ mode=nonsense\nauth required @ "
		   "mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

/* Two calls on one handle: the first ends at the primary line, the second never enters it. */
static void start_with_a_marker_left(struct host *host)
{
	host_stack(host, "su",
		   "auth [success=1 default=ignore] $ later\n"
		   "auth [success=done default=die] @ mode=primary\n"
		   "auth required @ mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
}

/* As sudo does: the user is changed between two calls. */
static void a_marker_of_another_user_passes_nothing(void **state)
{
	struct host *host = *state;

	start_with_a_marker_left(host);
	assert_int_equal(pam_set_item(host->pamh, PAM_USER, "durand"), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

/* A fork carries a copy of the handle along. */
static void a_marker_does_not_pass_to_another_process(void **state)
{
	struct host *host = *state;
	int status = 0;
	pid_t child;

	start_with_a_marker_left(host);
	child = fork();
	if (child == 0)
		_exit(pam_authenticate(host->pamh, 0));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), PAM_AUTH_ERR);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

static void a_user_changed_between_the_lines_is_asked_about(void **state)
{
	struct host *host = *state;

	host_stack(host, "su",
		   "auth required @ mode=primary\n"
		   "auth required $ user=durand\n"
		   "auth required @ mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

static void a_marker_that_did_not_fit_is_gone(void **state)
{
	struct host *host = *state;

	host_stack(host, "su",
		   "auth required @ mode=primary\n"
		   "auth required $ user=durand\n"
		   "auth optional @ mode=second-factor\n"
		   "auth required $ user=martin\n"
		   "auth required @ mode=second-factor\n");
	host_broker_parts(host, allow_then_refuse, 2);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 3);
}

/*
 * The stack of pam_hospiconnect(8): two factors at once, or a password (here pam_permit or pam_deny)
 * and a code.
 */
static int documented_stack(struct host *host, const char *password, const char *user,
			    const struct scripted_line *primary, const struct scripted_line *second)
{
	const struct scripted_line *const parts[] = {primary, second};
	char text[1024];
	int code;

	(void)snprintf(text, sizeof(text),
		       "auth [success=2 default=ignore] @\n"
		       "auth [success=1 default=ignore] %s\n"
		       "auth requisite pam_deny.so\n"
		       "auth required pam_permit.so\n"
		       "auth required @ mode=second-factor\n",
		       password);
	host_stack(host, "login", text);
	host_broker_parts(host, parts, 2);
	host_start(host, "login", user, NULL);
	code = pam_authenticate(host->pamh, 0);
	host_broker_stop(host);
	return code;
}

static void the_documented_stack_wants_two_factors_in_any_case(void **state)
{
	struct host *host = *state;

	/* no card and a wrong password; a right password and a wrong code */
	assert_int_equal(documented_stack(host, "pam_deny.so", "martin", refuse, part_allow_now),
			 PAM_AUTH_ERR);
	assert_int_equal(host->record.connections, 1);
	assert_int_equal(documented_stack(host, "pam_permit.so", "martin", refuse, refuse), PAM_AUTH_ERR);
	assert_int_equal(host->record.connections, 2);
	/* an administrator without a password */
	assert_int_equal(documented_stack(host, "pam_deny.so", "root", part_allow_now, part_allow_now),
			 PAM_AUTH_ERR);

	/* two factors at once; a password and a code; an administrator's password */
	assert_int_equal(documented_stack(host, "pam_deny.so", "martin", part_allow_now, refuse),
			 PAM_SUCCESS);
	assert_int_equal(host->record.connections, 1);
	assert_int_equal(documented_stack(host, "pam_permit.so", "martin", refuse, part_allow_now),
			 PAM_SUCCESS);
	assert_int_equal(host->record.connections, 2);
	assert_int_equal(documented_stack(host, "pam_permit.so", "root", refuse, refuse), PAM_SUCCESS);
	assert_int_equal(host->record.connections, 0);
}

static void the_marker_is_not_in_the_environment(void **state)
{
	struct host *host = *state;
	char **env;

	host_stack(host, "su", "auth required @ mode=primary\n");
	host_broker(host, part_allow_now);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	env = pam_getenvlist(host->pamh);
	assert_non_null(env);
	assert_null(env[0]);
	free(env);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_second_factor_line_without_a_marker_asks),
		CASE(a_refused_primary_line_leaves_no_marker),
		CASE(grace_leaves_no_marker),
		CASE(a_marker_passes_one_line_only),
		CASE(a_stale_marker_is_cleared_by_the_next_primary_line),
		CASE(a_primary_line_with_bad_arguments_clears_the_marker),
		CASE(a_marker_of_another_user_passes_nothing),
		CASE(a_user_changed_between_the_lines_is_asked_about),
		CASE(a_marker_that_did_not_fit_is_gone),
		CASE(a_marker_does_not_pass_to_another_process),
		CASE(a_marker_passes_the_second_factor_line_without_a_question),
		CASE(the_documented_stack_wants_two_factors_in_any_case),
		CASE(the_marker_is_not_in_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
