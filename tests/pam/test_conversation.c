/* SPDX-License-Identifier: Apache-2.0 */
/* A sign-in between host and broker, and what becomes of a talk that goes wrong. */
#include "host.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STACK "auth required @\naccount required @\n"

static int sign_in(struct host *host, const char *service, const char *user, int flags)
{
	host_start(host, service, user, NULL);
	return pam_authenticate(host->pamh, flags);
}

static int setup(void **state)
{
	int result = host_setup(state);

	host_stack(*state, "login", STACK);
	return result;
}

/* ---- talks that end early ---- */

#define HELLO                              \
	{                                  \
		SCRIPTED_HELLO, 0, 0, NULL \
	}
#define CODE                                                \
	{                                                   \
		SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code : " \
	}
#define ANSWER                              \
	{                                   \
		SCRIPTED_ANSWER, 0, 0, NULL \
	}
#define CLOSE                              \
	{                                  \
		SCRIPTED_CLOSE, 0, 0, NULL \
	}
#define ALLOW                                      \
	{                                          \
		SCRIPTED_RESULT, HC_ALLOW, 0, NULL \
	}

static const struct {
	const char *what;
	struct scripted_line part[8];
	const char *reason; /* in the text for the person */
} broken[] = {
	{"closed before HELLO", {CLOSE}, "HC-101"},
	{"closed behind HELLO", {HELLO, CLOSE}, "HC-101"},
	{"closed behind the question", {HELLO, CODE, CLOSE}, "HC-101"},
	{"closed behind the answer", {HELLO, CODE, ANSWER, CLOSE}, "HC-101"},
	{"closed behind the second question", {HELLO, CODE, ANSWER, CODE, CLOSE}, "HC-101"},
	{"closed behind an information", {HELLO, {SCRIPTED_INFO, 0, 0, "x"}, CLOSE}, "HC-101"},
	{"not the protocol", {HELLO, {SCRIPTED_BYTES, 0, 0, "hello"}, ALLOW, CLOSE}, "HC-106"},
	{"too long a packet", {HELLO, {SCRIPTED_OVERSIZE, 0, 0, NULL}, ALLOW, CLOSE}, "HC-106"},
	{"a descriptor", {HELLO, {SCRIPTED_DESCRIPTOR, 0, 0, NULL}, ALLOW, CLOSE}, "HC-106"},
	{"a HELLO", {HELLO, {SCRIPTED_TYPE, HC_MSG_HELLO, 0, NULL}, ALLOW, CLOSE}, "HC-106"},
	{"an empty RESULT", {HELLO, {SCRIPTED_TYPE, HC_MSG_RESULT, 0, NULL}, ALLOW, CLOSE}, "HC-106"},
	{"an administrator's reply", {HELLO, {SCRIPTED_TYPE, HC_MSG_END, 0, NULL}, ALLOW, CLOSE}, "HC-106"},
	{"a question of no kind", {HELLO, {SCRIPTED_STEP, 7, 0, "Code : "}, ALLOW, CLOSE}, "HC-106"},
	{"a verdict about another", {HELLO, {SCRIPTED_RESULT_FOR, HC_ALLOW, 0, "root"}, CLOSE}, "HC-106"},
};

static void a_broker_that_breaks_off_or_breaks_the_rules_lets_nobody_in(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(broken); i++) {
		const char *const answers[] = {"123456", "123456", NULL};
		int code;

		host_reset(host, HOST_ANSWERS, answers);
		host_broker(host, broken[i].part);
		code = sign_in(host, "login", "martin", 0);
		scripted_stop(&host->broker, NULL);
		if (code != PAM_AUTHINFO_UNAVAIL || !host_showed(host, PAM_ERROR_MSG, broken[i].reason))
			fail_msg("row %zu (%s): code %d\n%s", i, broken[i].what, code, host_log());
	}
}

static const struct {
	const char *what;
	enum host_manner manner;
	int code;
} manners[] = {
	{"fails", HOST_FAILS, PAM_CONV_ERR},
	{"fails with an answer", HOST_FAILS_ANSWERING, PAM_CONV_ERR},
	{"gives no reply", HOST_NO_REPLY, PAM_CONV_ERR},
	{"gives a reply without text", HOST_NO_TEXT, PAM_CONV_ERR},
	{"returns no code of PAM", HOST_GARBAGE, PAM_CONV_ERR},
	{"answers with 600 bytes", HOST_TOO_LONG, PAM_AUTH_ERR},
};

static void a_host_that_cannot_ask_is_refused_and_the_broker_is_told(void **state)
{
	static const struct scripted_line part[] = {
		HELLO, CODE, {SCRIPTED_CANCEL, 0, 0, NULL}, {SCRIPTED_END, 0, 0, NULL}};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(manners); i++) {
		int code;

		host_reset(host, manners[i].manner, NULL);
		host_broker(host, part);
		code = sign_in(host, "login", "martin", 0);
		host_broker_stop(host);
		if (code != manners[i].code || host->record.cancels != 1)
			fail_msg("row %zu (%s): code %d, %u cancels", i, manners[i].what, code,
				 host->record.cancels);
	}
}

static void a_host_without_a_conversation_is_refused(void **state)
{
	static const struct scripted_line part[] = {
		HELLO, CODE, {SCRIPTED_CANCEL, 0, 0, NULL}, {SCRIPTED_END, 0, 0, NULL}};
	struct host *host = *state;
	const struct pam_conv none = {.conv = NULL};

	host_broker(host, part);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_set_item(host->pamh, PAM_CONV, &none), PAM_SUCCESS);

	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_CONV_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.cancels, 1);
}

/* ---- talks that go well ---- */

static void a_right_code_signs_in_with_one_message_a_call(void **state)
{
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_allow);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_SUCCESS);
	host_broker_stop(host);

	assert_int_equal(host->record.answers, 1);
	assert_int_equal(host->most_at_once, 1);
	assert_int_equal(host->shown_count, 1);
	assert_true(host_showed(host, PAM_PROMPT_ECHO_OFF, "Code de vérification : "));
	assert_string_equal(host_log(), "<6>sign-in: allow user=\"martin\" rhost=\"\"\n");
}

static void a_wrong_code_is_asked_again_and_refused_with_its_text(void **state)
{
	static const struct scripted_line part[] = {
		HELLO,
		CODE,
		{SCRIPTED_ANSWER, 0, 0, "000000"},
		{SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code incorrect. (HC-201)\nCode : "},
		{SCRIPTED_ANSWER, 0, 0, ""},
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, "Code incorrect. (HC-201)"},
		{SCRIPTED_END, 0, 0, NULL}};
	const char *const answers[] = {"000000", "", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker(host, part);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_AUTH_ERR);
	host_broker_stop(host);

	assert_int_equal(host->questions, 2);
	assert_true(host_showed(host, PAM_PROMPT_ECHO_OFF, "Code incorrect. (HC-201)\nCode : "));
	assert_true(host_showed(host, PAM_ERROR_MSG, "Code incorrect. (HC-201)"));
	assert_non_null(strstr(host_log(), "deny user=\"martin\" rhost=\"\" reason=HC-201 WRONG_CODE\n"));
}

static void keepalives_and_informations_may_come_between(void **state)
{
	static const struct scripted_line part[] = {HELLO,
						    {SCRIPTED_KEEPALIVE, 20, 0, NULL},
						    {SCRIPTED_INFO, 0, 0, "Touchez la clé."},
						    {SCRIPTED_KEEPALIVE, 3, 0, NULL},
						    {SCRIPTED_STEP, HC_STEP_VISIBLE, 0, "Choix : "},
						    {SCRIPTED_ANSWER, 0, 0, "2"},
						    {SCRIPTED_KEEPALIVE, 1, 0, NULL},
						    {SCRIPTED_RESULT, HC_ALLOW, 0, "Il vous reste 3 codes."},
						    {SCRIPTED_END, 0, 0, NULL}};
	const char *const answers[] = {"2", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker(host, part);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_SUCCESS);
	host_broker_stop(host);

	assert_true(host_showed(host, PAM_TEXT_INFO, "Touchez la clé."));
	assert_true(host_showed(host, PAM_PROMPT_ECHO_ON, "Choix : "));
	assert_true(host_showed(host, PAM_TEXT_INFO, "Il vous reste 3 codes."));
}

static void a_silent_host_is_asked_but_not_told(void **state)
{
	static const struct scripted_line part[] = {
		HELLO,
		{SCRIPTED_INFO, 0, 0, "Touchez la clé."},
		CODE,
		ANSWER,
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, "Code incorrect."},
		{SCRIPTED_END, 0, 0, NULL}};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part);
	assert_int_equal(sign_in(host, "login", "martin", PAM_SILENT), PAM_AUTH_ERR);
	host_broker_stop(host);

	assert_int_equal(host->shown_count, 1);
	assert_int_equal(host->shown[0].style, PAM_PROMPT_ECHO_OFF);
}

/* A broker that tired of waiting for the person leaves its RESULT and closes. */
static void a_result_sent_before_the_answer_is_read(void **state)
{
	static const struct scripted_line part[] = {
		HELLO,
		CODE,
		{SCRIPTED_RESULT, HC_DENY, HC_REASON_TIMED_OUT, "Délai dépassé. (HC-210)"},
		CLOSE};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_AUTH_ERR);
	host_broker_stop(host);
	assert_true(host_showed(host, PAM_ERROR_MSG, "Délai dépassé. (HC-210)"));
}

/* ---- one handle, several calls ---- */

static void two_calls_on_one_handle_are_two_sign_ins(void **state)
{
	const struct scripted_line *const parts[] = {part_deny, part_allow};
	const char *const answers[] = {"000000", "123456", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, parts, 2);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 2);
}

static void a_success_is_not_remembered_for_the_next_call(void **state)
{
	const struct scripted_line *const parts[] = {part_allow, part_deny};
	const char *const answers[] = {"123456", "123456", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, parts, 2);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	host_broker_stop(host);
}

/* ---- the host's own things ---- */

static off_t size_of(int fd)
{
	struct stat facts;

	assert_int_equal(fstat(fd, &facts), 0);
	return facts.st_size;
}

/* A sign-in of each outcome with standard output and error replaced; how much was written there. */
static void quietly(struct host *host, off_t *ret_written)
{
	const struct scripted_line *const parts[] = {part_allow, part_deny, broken[7].part};
	const char *const answers[] = {"123456", "000000", NULL};
	int file = open(host->dir.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);

	assert_true(file >= 0);
	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, parts, 3);
	(void)dup2(file, STDOUT_FILENO);
	(void)dup2(file, STDERR_FILENO);
	for (int i = 0; i < 3; i++) {
		host_start(host, "login", "martin", NULL);
		(void)pam_authenticate(host->pamh, 0);
		(void)pam_acct_mgmt(host->pamh, 0);
		(void)pam_chauthtok(host->pamh, 0);
	}
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	*ret_written = size_of(file);
	(void)close(out);
	(void)close(err);
	(void)close(file);
	scripted_stop(&host->broker, NULL);
}

static void nothing_is_written_to_the_standard_streams(void **state)
{
	struct host *host = *state;
	off_t written = -1;

	host_stack(host, "login", STACK "password required @\n");
	quietly(host, &written);
	assert_int_equal(written, 0);
}

/* A daemon may have closed its standard descriptors: the socket must not become one of them. */
static void a_host_without_standard_descriptors_signs_in(void **state)
{
	struct host *host = *state;
	int in = dup(STDIN_FILENO), code;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_allow);
	host_start(host, "login", "martin", NULL);
	(void)close(STDIN_FILENO);
	code = pam_authenticate(host->pamh, 0);
	assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
	(void)dup2(in, STDIN_FILENO);
	(void)close(in);
	host_broker_stop(host);
	assert_int_equal(code, PAM_SUCCESS);
}

static void the_environment_of_the_handle_is_left_alone(void **state)
{
	struct host *host = *state;
	char **env;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_allow);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_SUCCESS);
	host_broker_stop(host);
	env = pam_getenvlist(host->pamh);
	assert_non_null(env);
	assert_null(env[0]);
	free(env);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_broker_that_breaks_off_or_breaks_the_rules_lets_nobody_in),
		CASE(a_host_that_cannot_ask_is_refused_and_the_broker_is_told),
		CASE(a_host_without_a_conversation_is_refused),
		CASE(a_wrong_code_is_asked_again_and_refused_with_its_text),
		CASE(a_success_is_not_remembered_for_the_next_call),
		CASE(a_right_code_signs_in_with_one_message_a_call),
		CASE(keepalives_and_informations_may_come_between),
		CASE(a_silent_host_is_asked_but_not_told),
		CASE(a_result_sent_before_the_answer_is_read),
		CASE(two_calls_on_one_handle_are_two_sign_ins),
		CASE(nothing_is_written_to_the_standard_streams),
		CASE(a_host_without_standard_descriptors_signs_in),
		CASE(the_environment_of_the_handle_is_left_alone),
	};

	(void)unsetenv("LC_ALL");
	(void)unsetenv("LC_MESSAGES");
	(void)unsetenv("LANG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
