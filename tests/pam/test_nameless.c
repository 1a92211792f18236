/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that begin without a user: a device says who is there, or the person types a login; and nobody else is anybody. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOGIN_STEP                                                                                       \
	{                                                                                                \
		SCRIPTED_STEP, HC_STEP_LOGIN, 0, "Insert your key and press Enter, or type your login: " \
	}
#define PIN_STEP                                                      \
	{                                                             \
		SCRIPTED_STEP, HC_STEP_SECRET, 0, "PIN of your key: " \
	}
#define HELLO                              \
	{                                  \
		SCRIPTED_HELLO, 0, 0, NULL \
	}
#define END                              \
	{                                \
		SCRIPTED_END, 0, 0, NULL \
	}

static const struct scripted_line part_named[] = {
	HELLO, PIN_STEP, {SCRIPTED_ANSWER, 0, 0, "1234"}, {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "martin"}, END};
static const struct scripted_line part_asked[] = {HELLO, LOGIN_STEP, {SCRIPTED_CANCEL, 0, 0, NULL}, END};

static int setup(void **state)
{
	int failed = host_setup(state);

	if (failed == 0)
		host_stack(*state, "login",
			   "auth [success=ok ignore=ignore default=die] @ mode=primary exempt=root\n"
			   "auth optional pam_permit.so\n");
	return failed;
}

static int sign_in(struct host *host, const char *const *answers, const struct scripted_line *const *parts,
		   unsigned count)
{
	int code;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, parts, count);
	host_start(host, "login", NULL, NULL);
	code = pam_authenticate(host->pamh, 0);
	host_broker_stop(host);
	return code;
}

static const char *user_of(struct host *host)
{
	const void *user = NULL;

	assert_int_equal(pam_get_item(host->pamh, PAM_USER, &user), PAM_SUCCESS);
	return user;
}

static void a_verdict_that_says_not_whom_it_is_about_lets_nobody_in(void **state)
{
	static const struct scripted_line rows[][4] = {
		{HELLO, {SCRIPTED_RESULT, HC_ALLOW, 0, NULL}, END},
		{HELLO, {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "Martin"}, END},
		{HELLO, {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "0"}, END},
		{HELLO, {SCRIPTED_RESULT_FOR, HC_DENY_UNAVAILABLE, 0, "martin"}, END},
		{HELLO, {SCRIPTED_RESULT, HC_GRACE, HC_REASON_GRACE, NULL}, END},
		{HELLO, {SCRIPTED_RESULT, HC_EXEMPT, 0, NULL}, END},
	};
	const char *const nothing[] = {NULL};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const struct scripted_line *const parts[] = {rows[i]};
		int code = sign_in(host, nothing, parts, 1);

		/* The login is asked for then, and nobody answers. */
		if (code != PAM_CONV_ERR || host->record.connections != 1 || user_of(host) != NULL)
			fail_msg("row %zu: code %d", i, code);
	}
}

static void whom_the_device_names_is_the_user_of_both_lines(void **state)
{
	const char *const answers[] = {"1234", NULL};
	const struct scripted_line *const parts[] = {part_named};
	struct host *host = *state;

	host_stack(host, "login", "auth required @ mode=primary\nauth required @ mode=second-factor\n");
	assert_int_equal(sign_in(host, answers, parts, 1), PAM_SUCCESS);
	assert_string_equal(user_of(host), "martin");
	assert_false(hc_msg_has(&host->record.hello, HC_FIELD_USER));
	assert_int_equal(host->record.connections, 1);
	assert_int_equal(host->questions, 1);
	assert_non_null(strstr(host_log(), "sign-in: allow user=\"martin\""));
}

static void an_exempt_account_is_not_exempt_by_its_device(void **state)
{
	static const struct scripted_line refused[] = {
		HELLO,
		PIN_STEP,
		{SCRIPTED_ANSWER, 0, 0, NULL},
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_PIN_BLOCKED, "blocked"},
		END};
	static const struct scripted_line allowed[] = {HELLO,
						       PIN_STEP,
						       {SCRIPTED_ANSWER, 0, 0, NULL},
						       {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "root"},
						       END};
	const char *const answers[] = {"1234", NULL};
	const struct scripted_line *parts[] = {refused};
	struct host *host = *state;

	assert_int_equal(sign_in(host, answers, parts, 1), PAM_AUTH_ERR);
	assert_null(user_of(host));
	parts[0] = allowed;
	assert_int_equal(sign_in(host, answers, parts, 1), PAM_SUCCESS);
	assert_non_null(strstr(host_log(), "sign-in: allow user=\"root\""));
}

static void a_login_that_is_typed_goes_on_as_if_it_had_been_there(void **state)
{
	const char *const answers[] = {"martin", "123456", NULL};
	const struct scripted_line *const parts[] = {part_asked, part_allow};
	const uint8_t *user;
	struct host *host = *state;
	size_t len;

	assert_int_equal(sign_in(host, answers, parts, 2), PAM_SUCCESS);
	assert_string_equal(user_of(host), "martin");
	assert_int_equal(host->record.connections, 2);
	assert_int_equal(host->record.cancels, 1);
	assert_int_equal(host->record.answers, 1); /* the code: the login went nowhere but into HELLO */
	assert_int_equal(hc_msg_bytes(&host->record.hello, HC_FIELD_USER, &user, &len), HC_OK);
	assert_int_equal(len, 6);
	assert_memory_equal(user, "martin", 6);
	assert_true(host_showed(host, PAM_PROMPT_ECHO_ON, "or type your login: "));
	assert_false(host_showed(host, PAM_PROMPT_ECHO_ON, "Identifiant"));
}

static void an_exempt_login_that_is_typed_is_exempt_and_no_broker_hears_of_it(void **state)
{
	const char *const answers[] = {"root", NULL};
	const struct scripted_line *const parts[] = {part_asked};
	struct host *host = *state;

	assert_int_equal(sign_in(host, answers, parts, 1), PAM_SUCCESS); /* pam_permit's: ours is ignored */
	assert_string_equal(user_of(host), "root");
	assert_int_equal(host->record.connections, 1);
	assert_int_equal(host->record.answers, 0);
	assert_non_null(strstr(host_log(), "sign-in: exempt user=\"root\""));
}

static void what_is_typed_and_is_no_login_is_unknown(void **state)
{
	static const char *const rows[] = {"Martin", "a b", "../etc/passwd", "12345", "S3cret! pass"};
	const struct scripted_line *const parts[] = {part_asked};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const char *const answers[] = {rows[i], NULL};
		int code = sign_in(host, answers, parts, 1);

		if (code != PAM_USER_UNKNOWN || host->record.answers != 0 ||
		    strstr(host_log(), rows[i]) != NULL)
			fail_msg("row %zu: %d, %s", i, code, host_log());
	}
}

static void an_answer_that_is_too_long_or_none_signs_nobody_in(void **state)
{
	static const struct {
		enum host_manner manner;
		int code;
	} rows[] = {
		{HOST_TOO_LONG, PAM_USER_UNKNOWN}, {HOST_FAILS, PAM_CONV_ERR}, {HOST_NO_TEXT, PAM_CONV_ERR}};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		int code;

		host_reset(host, rows[i].manner, NULL);
		host_broker(host, part_asked);
		host_start(host, "login", NULL, NULL);
		code = pam_authenticate(host->pamh, 0);
		host_broker_stop(host);
		if (code != rows[i].code || user_of(host) != NULL)
			fail_msg("row %zu: %d", i, code);
	}
}

static void nothing_typed_waits_for_a_device(void **state)
{
	static const struct scripted_line waits[] = {HELLO,
						     LOGIN_STEP,
						     {SCRIPTED_ANSWER, 0, 0, ""},
						     {SCRIPTED_INFO, 0, 0, "Plug in your key."},
						     PIN_STEP,
						     {SCRIPTED_ANSWER, 0, 0, "1234"},
						     {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "martin"},
						     END};
	static const struct scripted_line fails[] = {
		HELLO,
		LOGIN_STEP,
		{SCRIPTED_ANSWER, 0, 0, ""},
		{SCRIPTED_RESULT, HC_DENY_UNAVAILABLE, HC_REASON_NO_DEVICE, "none"},
		END};
	const char *const answers[] = {"", "1234", NULL};
	const struct scripted_line *parts[] = {waits};
	struct host *host = *state;

	assert_int_equal(sign_in(host, answers, parts, 1), PAM_SUCCESS);
	assert_string_equal(user_of(host), "martin");
	/* A device that did not come is told, and ends it: the next line of the stack may ask for the login. */
	parts[0] = fails;
	assert_int_equal(sign_in(host, answers, parts, 1), PAM_AUTHINFO_UNAVAIL);
	assert_null(user_of(host));
	assert_int_equal(host->questions, 1);
	assert_true(host_showed(host, PAM_ERROR_MSG, "none"));
}

static void who_comes_back_to_a_prompt_that_lapsed_is_asked_again(void **state)
{
	static const struct scripted_line timed_out[] = {
		HELLO,
		LOGIN_STEP,
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_TIMED_OUT, "late"},
		{SCRIPTED_CLOSE, 0, 0, NULL}};
	static const struct scripted_line went[] = {HELLO, LOGIN_STEP, {SCRIPTED_CLOSE, 0, 0, NULL}};
	const char *const answers[] = {"", "", "1234", NULL};
	const struct scripted_line *const parts[] = {timed_out, went, part_named};
	struct host *host = *state;

	assert_int_equal(sign_in(host, answers, parts, 3), PAM_SUCCESS);
	assert_string_equal(user_of(host), "martin");
	assert_int_equal(host->record.connections, 3);
	assert_false(host_showed(host, PAM_ERROR_MSG, "late"));
}

static void a_prompt_that_lapses_for_ever_ends(void **state)
{
	static const struct scripted_line timed_out[] = {
		HELLO,
		LOGIN_STEP,
		{SCRIPTED_ANSWER, 0, 0, ""},
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_TIMED_OUT, "late"},
		END};
	const char *const answers[] = {"", "", "", "", "", "", "", NULL};
	const struct scripted_line *const parts[] = {timed_out, timed_out, timed_out, timed_out,
						     timed_out, timed_out, timed_out, part_asked};
	struct host *host = *state;

	assert_int_equal(sign_in(host, answers, parts, HC_COUNT(parts)),
			 PAM_CONV_ERR); /* whoever presses Enter tires first */
	assert_int_equal(host->questions, 8);
}

static void where_no_device_is_the_login_is_asked_for_as_ever(void **state)
{
	static const enum hc_reason reasons[] = {HC_REASON_LOGIN_NEEDED, HC_REASON_NO_METHOD_HERE,
						 HC_REASON_BROKER_BUSY, HC_REASON_STORE_UNREADABLE};
	const char *const answers[] = {"martin", "123456", NULL};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		const struct scripted_line declined[] = {
			HELLO, {SCRIPTED_RESULT, HC_DENY_UNAVAILABLE, reasons[i], "odd"}, END};
		const struct scripted_line *const parts[] = {declined, part_allow};

		assert_int_equal(sign_in(host, answers, parts, 2), PAM_SUCCESS);
		assert_true(host_showed(host, PAM_PROMPT_ECHO_ON, "Identifiant\u00a0: "));
		assert_false(host_showed(host, PAM_ERROR_MSG, "odd"));
		assert_string_equal(user_of(host), "martin");
	}
}

static void without_a_broker_an_exempt_account_can_type_its_login(void **state)
{
	const char *const answers[] = {"root", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_start(host, "login", NULL, NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	assert_string_equal(user_of(host), "root");
	assert_non_null(strstr(host_log(), "sign-in: exempt user=\"root\""));
}

static void nobody_is_left_out_where_a_name_or_no_device_is_given(void **state)
{
	static const struct {
		const char *arguments, *user, *rhost;
	} rows[] = {
		{"mode=primary", "martin", NULL},
		{"mode=primary", NULL, "192.0.2.7"},
		{"mode=second-factor", NULL, NULL},
		{"mode=primary methods=totp,recovery", NULL, NULL},
	};
	const char *const answers[] = {"martin", "123456", NULL};
	const char *const code[] = {"123456", NULL};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text), "auth required @ %s\n", rows[i].arguments);
		host_stack(host, "login", text);
		host_reset(host, HOST_ANSWERS, rows[i].user != NULL ? code : answers);
		host_broker(host, part_allow);
		host_start(host, "login", rows[i].user, rows[i].rhost);
		if (pam_authenticate(host->pamh, 0) != PAM_SUCCESS)
			fail_msg("row %zu", i);
		host_broker_stop(host);
		if (host->record.connections != 1 || !hc_msg_has(&host->record.hello, HC_FIELD_USER))
			fail_msg("row %zu: asked without a name", i);
	}
}

static void a_question_for_a_login_has_no_place_where_there_is_one(void **state)
{
	const char *const answers[] = {"durand", NULL};
	const struct scripted_line asks[] = {HELLO, LOGIN_STEP, END};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker(host, asks);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTHINFO_UNAVAIL);
	host_broker_stop(host);
	assert_int_equal(host->questions, 0);
	assert_string_equal(user_of(host), "martin");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_verdict_that_says_not_whom_it_is_about_lets_nobody_in),
		CASE(whom_the_device_names_is_the_user_of_both_lines),
		CASE(an_exempt_account_is_not_exempt_by_its_device),
		CASE(a_login_that_is_typed_goes_on_as_if_it_had_been_there),
		CASE(an_exempt_login_that_is_typed_is_exempt_and_no_broker_hears_of_it),
		CASE(what_is_typed_and_is_no_login_is_unknown),
		CASE(an_answer_that_is_too_long_or_none_signs_nobody_in),
		CASE(nothing_typed_waits_for_a_device),
		CASE(who_comes_back_to_a_prompt_that_lapsed_is_asked_again),
		CASE(a_prompt_that_lapses_for_ever_ends),
		CASE(where_no_device_is_the_login_is_asked_for_as_ever),
		CASE(without_a_broker_an_exempt_account_can_type_its_login),
		CASE(nobody_is_left_out_where_a_name_or_no_device_is_given),
		CASE(a_question_for_a_login_has_no_place_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
