/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is told about a sign-in, and where the user's name comes from. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static uint32_t number(const struct host *host, enum hc_field field)
{
	uint32_t value = 0xdead;

	assert_int_equal(hc_msg_u32(&host->record.hello, field, &value), HC_OK);
	return value;
}

static const char *text(const struct host *host, enum hc_field field)
{
	static char out[600];

	if (hc_msg_text(&host->record.hello, field, out, sizeof(out)) != HC_OK)
		return "(none)";
	return out;
}

static void hello_says_what_the_host_says(void **state)
{
	struct host *host = *state;

	host_stack(host, "sshd", "auth required @ mode=second-factor methods=totp timeout=45\n");
	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_allow);
	host_start(host, "sshd", "martin", "192.0.2.7");
	assert_int_equal(pam_set_item(host->pamh, PAM_TTY, "/dev/pts/3"), PAM_SUCCESS);
	assert_int_equal(pam_set_item(host->pamh, PAM_RUSER, "durand"), PAM_SUCCESS);
	assert_int_equal(pam_putenv(host->pamh, "LANG=en_GB.UTF-8"), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, PAM_SILENT), PAM_SUCCESS);
	host_broker_stop(host);

	assert_int_equal(number(host, HC_FIELD_REQUEST), HC_REQUEST_AUTHENTICATE);
	assert_int_equal(number(host, HC_FIELD_MODE), HC_MODE_SECOND_FACTOR);
	assert_int_equal(number(host, HC_FIELD_METHODS), HC_METHOD_TOTP);
	assert_int_equal(number(host, HC_FIELD_FLAGS), HC_FLAGS_ALL);
	assert_int_equal(number(host, HC_FIELD_TIMEOUT_S), 45);
	assert_string_equal(text(host, HC_FIELD_SERVICE), "sshd");
	assert_string_equal(text(host, HC_FIELD_USER), "martin");
	assert_string_equal(text(host, HC_FIELD_TTY), "/dev/pts/3");
	assert_string_equal(text(host, HC_FIELD_RHOST), "192.0.2.7");
	assert_string_equal(text(host, HC_FIELD_RUSER), "durand");
	assert_string_equal(text(host, HC_FIELD_LANG), "en");
}

static void hello_says_no_more_than_the_host(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	assert_int_equal(sign_in(host, "login", "martin", 0), PAM_SUCCESS);
	host_broker_stop(host);

	assert_int_equal(number(host, HC_FIELD_MODE), HC_MODE_PRIMARY);
	assert_int_equal(number(host, HC_FIELD_METHODS), HC_METHOD_ALL);
	assert_int_equal(number(host, HC_FIELD_FLAGS), 0);
	assert_int_equal(number(host, HC_FIELD_TIMEOUT_S), 60);
	assert_string_equal(text(host, HC_FIELD_TTY), "(none)");
	assert_string_equal(text(host, HC_FIELD_RHOST), "(none)");
	assert_string_equal(text(host, HC_FIELD_RUSER), "(none)");
	assert_string_equal(text(host, HC_FIELD_LANG), "(none)");
}

/* An empty PAM_RHOST is a local sign-in; one that does not parse is a remote one all the same. */
static void what_does_not_parse_is_left_out_but_stays_remote(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	host_start(host, "login", "martin", "evil host\n");
	assert_int_equal(pam_set_item(host->pamh, PAM_TTY, "tty with blanks"), PAM_SUCCESS);
	assert_int_equal(pam_set_item(host->pamh, PAM_RUSER, "\xff\xfe"), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(number(host, HC_FIELD_FLAGS), HC_FLAG_REMOTE);
	assert_string_equal(text(host, HC_FIELD_RHOST), "(none)");
	assert_string_equal(text(host, HC_FIELD_TTY), "(none)");
	assert_string_equal(text(host, HC_FIELD_RUSER), "(none)");

	host_broker(host, part_allow_now);
	host_start(host, "login", "martin", "");
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(number(host, HC_FIELD_FLAGS), 0);
}

static const struct {
	const char *service;
	bool prompt_only;
} front_ends[] = {
	{"sshd", true},	  {"sddm", true},  {"lightdm", true}, {"kde", true},	       {"swaylock", true},
	{"login", false}, {"sudo", false}, {"su", false},     {"gdm-password", false}, {"polkit-1", false},
};

static void front_ends_that_lose_messages_are_known(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(front_ends); i++) {
		host_stack(host, front_ends[i].service, STACK);
		host_broker(host, part_allow_now);
		assert_int_equal(sign_in(host, front_ends[i].service, "martin", 0), PAM_SUCCESS);
		host_broker_stop(host);
		if ((number(host, HC_FIELD_FLAGS) != 0) != front_ends[i].prompt_only)
			fail_msg("row %zu (%s)", i, front_ends[i].service);
	}
}

static const struct {
	const char *pam_env[2]; /* on the handle */
	const char *env[2];	/* name and value */
	const char *lang;
} languages[] = {
	{{NULL}, {NULL}, "(none)"},
	{{"LANG=C.UTF-8"}, {NULL}, "(none)"},
	{{"LANG=de_DE.UTF-8"}, {NULL}, "(none)"},
	{{"LANG=%s%n"}, {NULL}, "(none)"},
	{{"LANG=fr_FR.UTF-8"}, {NULL}, "fr"},
	{{"LANG=fr_FR", "LC_ALL=en_US"}, {NULL}, "en"},
	{{"LANG=fr_FR", "LC_MESSAGES=en_US"}, {NULL}, "en"},
	{{NULL}, {"LANG", "en_GB"}, "en"},
	{{"LANG=fr_FR"}, {"LC_ALL", "en_GB"}, "fr"},
};

static void the_language_comes_from_the_handle_then_the_environment(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(languages); i++) {
		host_broker(host, part_allow_now);
		host_start(host, "login", "martin", NULL);
		for (size_t k = 0; k < 2 && languages[i].pam_env[k] != NULL; k++)
			assert_int_equal(pam_putenv(host->pamh, languages[i].pam_env[k]), PAM_SUCCESS);
		if (languages[i].env[0] != NULL)
			assert_int_equal(setenv(languages[i].env[0], languages[i].env[1], 1), 0);
		assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
		if (languages[i].env[0] != NULL)
			assert_int_equal(unsetenv(languages[i].env[0]), 0);
		host_broker_stop(host);
		if (strcmp(text(host, HC_FIELD_LANG), languages[i].lang) != 0)
			fail_msg("row %zu: %s", i, text(host, HC_FIELD_LANG));
	}
}

/* What an administrator wrote on the line is the last word, not the first. */
static void the_line_names_a_language_where_nothing_else_does(void **state)
{
	static const struct {
		const char *env; /* on the handle */
		const char *lang;
	} rows[] = {{"LANG=fr_FR.UTF-8", "fr"}, {"LANG=C.UTF-8", "en"}, {NULL, "en"}};
	struct host *host = *state;

	host_stack(host, "login", "auth required @ lang=en\n");
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		host_broker(host, part_allow_now);
		host_start(host, "login", "martin", NULL);
		if (rows[i].env != NULL)
			assert_int_equal(pam_putenv(host->pamh, rows[i].env), PAM_SUCCESS);
		assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
		host_broker_stop(host);
		if (strcmp(text(host, HC_FIELD_LANG), rows[i].lang) != 0)
			fail_msg("row %zu: %s", i, text(host, HC_FIELD_LANG));
	}
}

/* ---- the user ---- */

static void a_missing_user_is_asked_for_in_the_language_of_the_person(void **state)
{
	const struct scripted_line *const parts[] = {part_decline, part_allow};
	const char *const answers[] = {"martin", "123456", NULL};
	struct host *host = *state;
	const void *user = NULL;

	for (int english = 0; english < 2; english++) {
		host_reset(host, HOST_ANSWERS, answers);
		host_broker_parts(host, parts, HC_COUNT(parts));
		host_start(host, "login", NULL, NULL);
		if (english)
			assert_int_equal(pam_putenv(host->pamh, "LANG=en"), PAM_SUCCESS);
		assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
		host_broker_stop(host);
		assert_true(
			host_showed(host, PAM_PROMPT_ECHO_ON, english ? "Login: " : "Identifiant\u00a0: "));
		assert_string_equal(text(host, HC_FIELD_USER), "martin");
		assert_int_equal(pam_get_item(host->pamh, PAM_USER, &user), PAM_SUCCESS);
		assert_string_equal(user, "martin");
	}
}

static void a_host_with_its_own_prompt_keeps_it(void **state)
{
	const struct scripted_line *const parts[] = {part_decline, part_allow_now};
	const char *const answers[] = {"martin", NULL};
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, parts, HC_COUNT(parts));
	host_start(host, "login", NULL, NULL);
	assert_int_equal(pam_set_item(host->pamh, PAM_USER_PROMPT, "poste-12 login: "), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_true(host_showed(host, PAM_PROMPT_ECHO_ON, "poste-12 login: "));
}

static void a_user_who_cannot_be_asked_for_is_refused(void **state)
{
	struct host *host = *state;

	host_reset(host, HOST_FAILS, NULL);
	host_broker(host, part_decline);
	assert_int_equal(sign_in(host, "login", NULL, 0), PAM_CONV_ERR);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 1);
}

static const char *const no_logins[] = {
	"",
	".",
	"..",
	"Martin",
	"mar tin",
	"-martin",
	"martin\n",
	"../martin",
	"10012",
	"martin@chu.example",
	"mártin",
	"\x1b[2J",
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
};

static void a_user_who_is_no_login_is_unknown_and_not_repeated_in_the_log(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(no_logins); i++) {
		const char *const answers[] = {no_logins[i], NULL};
		int code;

		host_reset(host, HOST_ANSWERS, answers);
		host_broker(host, part_decline);
		code = sign_in(host, "login", NULL, 0);
		host_broker_stop(host);
		if (code != PAM_USER_UNKNOWN || host->record.connections != 1)
			fail_msg("row %zu: code %d", i, code);
		/* it may be a password that went into the wrong field */
		if (strcmp(host_log(), "<7>sign-in: no device says who is there, the login is asked for: "
				       "HC-275 LOGIN_NEEDED\n"
				       "<5>sign-in: unknown user=\"(no login)\" rhost=\"\" reason=HC-216 "
				       "NAME_MALFORMED\n") != 0)
			fail_msg("row %zu: the log reads \"%s\"", i, host_log());
	}
}

static void a_remote_host_cannot_add_fields_to_the_log(void **state)
{
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, NULL);
	host_broker(host, part_allow_now);
	host_start(host, "login", "martin", "h\"reason=HC-0,user=\"root");
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_null(strstr(host_log(), "user=\"root"));
	assert_non_null(strstr(host_log(), "rhost=\"h\\"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_user_who_cannot_be_asked_for_is_refused),
		CASE(a_user_who_is_no_login_is_unknown_and_not_repeated_in_the_log),
		CASE(a_remote_host_cannot_add_fields_to_the_log),
		CASE(hello_says_what_the_host_says),
		CASE(hello_says_no_more_than_the_host),
		CASE(what_does_not_parse_is_left_out_but_stays_remote),
		CASE(front_ends_that_lose_messages_are_known),
		CASE(the_language_comes_from_the_handle_then_the_environment),
		CASE(the_line_names_a_language_where_nothing_else_does),
		CASE(a_missing_user_is_asked_for_in_the_language_of_the_person),
		CASE(a_host_with_its_own_prompt_keeps_it),
	};

	(void)unsetenv("LC_ALL");
	(void)unsetenv("LC_MESSAGES");
	(void)unsetenv("LANG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
