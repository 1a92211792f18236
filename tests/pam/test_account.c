/* SPDX-License-Identifier: Apache-2.0 */
/* The phases beside the sign-in: account, credentials, session, password. */
#include "host.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	int result = host_setup(state);

	host_stack(*state, "cron",
		   "auth required @\naccount required @\nsession required @\npassword required @\n");
	return result;
}

static const struct scripted_line asks[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code : "},
	{SCRIPTED_CLOSE, 0, 0, NULL},
};
static const struct scripted_line disabled[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED, "Compte désactivé. (HC-206)"},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line unknown[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, "Personne inconnue. (HC-205)"},
	{SCRIPTED_END, 0, 0, NULL},
};

static uint32_t request_of(const struct host *host)
{
	uint32_t request = 0;

	assert_int_equal(hc_msg_u32(&host->record.hello, HC_FIELD_REQUEST, &request), HC_OK);
	return request;
}

static void the_account_phase_never_asks(void **state)
{
	struct host *host = *state;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, asks);
	host_start(host, "cron", "martin", NULL);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_AUTHINFO_UNAVAIL);
	host_broker_stop(host);
	assert_int_equal(host->questions, 0);
	assert_int_equal(request_of(host), HC_REQUEST_ACCOUNT);
}

/* A directory such as SSSD's or winbind's, which knows one account under several names. */
__attribute__((visibility("default"))) struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh,
									   const char *user);
struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
	static char name[] = "martin", system_name[] = "Debian-exim";
	static struct passwd entry;

	(void)pamh;
	entry.pw_name = strcmp(user, system_name) == 0 ? system_name : name;
	return strcmp(user, "Nobody") == 0 ? NULL : &entry;
}

static void another_name_of_a_disabled_person_is_no_way_in(void **state)
{
	static const char *const names[] = {"MARTIN", "martin@example.org", "EXAMPLE\\martin", "martin"};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		char user[257] = "";
		int code;

		host_reset(host, HOST_ANSWERS, right_code);
		host_broker(host, disabled);
		host_start(host, "cron", names[i], NULL);
		code = pam_acct_mgmt(host->pamh, 0);
		host_broker_stop(host);
		if (host->record.connections == 1)
			assert_int_equal(hc_msg_text(&host->record.hello, HC_FIELD_USER, user, sizeof(user)),
					 HC_OK);
		if (code != PAM_ACCT_EXPIRED || strcmp(user, "martin") != 0)
			fail_msg("row %zu: code %d, asked about \"%s\"", i, code, user);
	}
}

static void an_account_whose_only_name_is_no_login_is_unknown(void **state)
{
	static const char *const names[] = {"Debian-exim", "Nobody"};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		host_reset(host, HOST_ANSWERS, right_code);
		host_broker(host, disabled);
		host_start(host, "cron", names[i], NULL);
		assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_USER_UNKNOWN);
		host_broker_stop(host);
		assert_int_equal(host->record.connections, 0);
	}
}

static void an_account_without_a_user_is_unknown_and_not_asked_for(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	host_start(host, "cron", NULL, NULL);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_USER_UNKNOWN);
	host_broker_stop(host);
	assert_int_equal(host->questions, 0);
	assert_int_equal(host->record.connections, 0);
}

static void a_disabled_person_is_expired_and_told(void **state)
{
	struct host *host = *state;

	host_broker(host, disabled);
	host_start(host, "cron", "martin", NULL);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_ACCT_EXPIRED);
	host_broker_stop(host);
	assert_true(host_showed(host, PAM_ERROR_MSG, "Compte désactivé. (HC-206)"));
}

/* Service accounts pass here each day; the profile ignores the code, and nobody wants the text. */
static void an_unknown_account_is_refused_without_a_word(void **state)
{
	struct host *host = *state;

	host_broker(host, unknown);
	host_start(host, "cron", "www-data", NULL);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_USER_UNKNOWN);
	host_broker_stop(host);
	assert_int_equal(host->shown_count, 0);
	assert_non_null(strstr(host_log(), "<7>account: unknown user=\"www-data\""));
}

static void a_good_account_passes(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	host_start(host, "cron", "martin", NULL);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(host->shown_count, 0);
}

/* ---- sessions: told, never in the way ---- */

static void the_broker_is_told_of_a_session_and_its_end(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	host_start(host, "cron", "martin", NULL);
	assert_int_equal(pam_open_session(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(request_of(host), HC_REQUEST_OPEN_SESSION);

	host_broker(host, part_allow_now);
	assert_int_equal(pam_close_session(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(request_of(host), HC_REQUEST_CLOSE_SESSION);
	assert_string_equal(host_log(), "");
}

static void a_session_is_opened_whatever_the_broker_says(void **state)
{
	static const struct scripted_line cut[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						   {SCRIPTED_CLOSE, 0, 0, NULL}};
	const struct scripted_line *const parts[] = {disabled, unknown, asks, cut};
	struct host *host = *state;

	host_broker_parts(host, parts, HC_COUNT(parts));
	for (size_t i = 0; i < HC_COUNT(parts); i++) {
		host_start(host, "cron", "martin", NULL);
		if (pam_open_session(host->pamh, 0) != PAM_SUCCESS)
			fail_msg("row %zu", i);
	}
	host_broker_stop(host);
	assert_int_equal(host->shown_count, 0);
}

static void the_broker_hears_nothing_of_sessions_of_no_login(void **state)
{
	struct host *host = *state;

	host_broker(host, part_allow_now);
	host_start(host, "cron", "Martin", NULL);
	assert_int_equal(pam_open_session(host->pamh, 0), PAM_SUCCESS);
	host_start(host, "cron", NULL, NULL);
	assert_int_equal(pam_open_session(host->pamh, 0), PAM_SUCCESS);
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 0);
}

/* ---- credentials and passwords ---- */

static void credentials_are_none_of_our_business(void **state)
{
	struct host *host = *state;

	host_start(host, "cron", "martin", NULL);
	assert_int_equal(pam_setcred(host->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
	assert_int_equal(pam_setcred(host->pamh, PAM_DELETE_CRED), PAM_SUCCESS);
}

static void a_password_change_is_refused_with_its_reason(void **state)
{
	static const int flags[] = {0, PAM_CHANGE_EXPIRED_AUTHTOK, PAM_SILENT};
	struct host *host = *state;

	host_broker(host, part_allow_now);
	for (size_t i = 0; i < HC_COUNT(flags); i++) {
		host_reset(host, HOST_ANSWERS, NULL);
		host_start(host, "cron", i == 0 ? "root" : "martin", NULL);
		assert_int_equal(pam_chauthtok(host->pamh, flags[i]), PAM_AUTHTOK_ERR);
		assert_int_equal(host->shown_count, flags[i] == PAM_SILENT ? 0 : 1);
		if (flags[i] != PAM_SILENT)
			assert_true(host_showed(host, PAM_ERROR_MSG, "ne modifie pas les mots de passe"));
	}
	host_broker_stop(host);
	assert_int_equal(host->record.connections, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_account_phase_never_asks),
		CASE(another_name_of_a_disabled_person_is_no_way_in),
		CASE(an_account_whose_only_name_is_no_login_is_unknown),
		CASE(an_account_without_a_user_is_unknown_and_not_asked_for),
		CASE(a_disabled_person_is_expired_and_told),
		CASE(an_unknown_account_is_refused_without_a_word),
		CASE(a_password_change_is_refused_with_its_reason),
		CASE(a_good_account_passes),
		CASE(the_broker_is_told_of_a_session_and_its_end),
		CASE(a_session_is_opened_whatever_the_broker_says),
		CASE(the_broker_hears_nothing_of_sessions_of_no_login),
		CASE(credentials_are_none_of_our_business),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
