/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frozen table: what a host gets from a stack, for each verdict, each control and each
 * neighbour. A change here is a change of what the module promises to administrators.
 */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESULT(verdict, reason)                                                                           \
	{                                                                                                 \
		{SCRIPTED_HELLO, 0, 0, NULL}, {SCRIPTED_RESULT, (uint32_t)(verdict), (reason), "Texte."}, \
		{                                                                                         \
			SCRIPTED_END, 0, 0, NULL                                                          \
		}                                                                                         \
	}

/* One row a cause. The module's own code, as libpam sees it. */
struct cause {
	const char *what;
	const char *arguments;
	const char *user;
	const char *rhost;
	enum host_manner manner;
	struct scripted_line part[4];
	int authenticate;
	int account;
};

static const struct cause causes[] = {
	/* refusals */
	{"denied", "", "martin", NULL, 0, RESULT(HC_DENY, HC_REASON_WRONG_CODE), PAM_AUTH_ERR,
	 PAM_PERM_DENIED},
	{"locked", "", "martin", NULL, 0, RESULT(HC_DENY_LOCKED, HC_REASON_LOCKED_OUT), PAM_MAXTRIES,
	 PAM_PERM_DENIED},
	{"unknown", "", "martin", NULL, 0, RESULT(HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON),
	 PAM_USER_UNKNOWN, PAM_USER_UNKNOWN},
	{"expired", "", "martin", NULL, 0, RESULT(HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED), PAM_AUTH_ERR,
	 PAM_ACCT_EXPIRED},
	{"unavailable", "", "martin", NULL, 0, RESULT(HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE),
	 PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
	{"conversation", "", "martin", NULL, 0, RESULT(HC_DENY_CONVERSATION, HC_REASON_CANCELLED),
	 PAM_CONV_ERR, PAM_PERM_DENIED},
	{"config", "", "martin", NULL, 0, RESULT(HC_DENY_CONFIG, HC_REASON_INTERNAL), PAM_SERVICE_ERR,
	 PAM_SERVICE_ERR},
	{"no memory", "", "martin", NULL, 0, RESULT(HC_DENY_NOMEM, HC_REASON_NO_MEMORY), PAM_BUF_ERR,
	 PAM_BUF_ERR},
	/* numbers that no broker sends */
	{"exempt from outside", "", "martin", NULL, 0, RESULT(HC_EXEMPT, 0), PAM_AUTHINFO_UNAVAIL,
	 PAM_AUTHINFO_UNAVAIL},
	{"a number", "", "martin", NULL, 0, RESULT(8, 0), PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
	{"all bits", "", "martin", NULL, 0, RESULT(0xffffffff, 0), PAM_AUTHINFO_UNAVAIL,
	 PAM_AUTHINFO_UNAVAIL},
	{"allow with a bit flipped", "", "martin", NULL, 0, RESULT(HC_ALLOW ^ 0x100, 0), PAM_AUTHINFO_UNAVAIL,
	 PAM_AUTHINFO_UNAVAIL},
	/* no verdict */
	{"cut off",
	 "",
	 "martin",
	 NULL,
	 0,
	 {{SCRIPTED_HELLO, 0, 0, NULL}, {SCRIPTED_CLOSE, 0, 0, NULL}},
	 PAM_AUTHINFO_UNAVAIL,
	 PAM_AUTHINFO_UNAVAIL},
	{"garbage",
	 "",
	 "martin",
	 NULL,
	 0,
	 {{SCRIPTED_HELLO, 0, 0, NULL},
	  {SCRIPTED_BYTES, 0, 0, "HTTP/1.1 200 OK"},
	  {SCRIPTED_END, 0, 0, NULL}},
	 PAM_AUTHINFO_UNAVAIL,
	 PAM_AUTHINFO_UNAVAIL},
	{"a question",
	 "",
	 "martin",
	 NULL,
	 HOST_FAILS,
	 {{SCRIPTED_HELLO, 0, 0, NULL},
	  {SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code : "},
	  {SCRIPTED_CLOSE, 0, 0, NULL}},
	 PAM_CONV_ERR,
	 PAM_AUTHINFO_UNAVAIL},
	/* decided in the module */
	{"not a login", "", "Martin", NULL, 0, RESULT(HC_ALLOW, 0), PAM_USER_UNKNOWN, PAM_USER_UNKNOWN},
	{"not a login, a path", "", "../etc", NULL, 0, RESULT(HC_ALLOW, 0), PAM_USER_UNKNOWN,
	 PAM_USER_UNKNOWN},
	{"unknown argument", "nouserok", "martin", NULL, 0, RESULT(HC_ALLOW, 0), PAM_SERVICE_ERR,
	 PAM_SERVICE_ERR},
	{"malformed argument", "mode=both", "martin", NULL, 0, RESULT(HC_ALLOW, 0), PAM_SERVICE_ERR,
	 PAM_SERVICE_ERR},
	{"argument given twice", "timeout=60 timeout=60", "martin", NULL, 0, RESULT(HC_ALLOW, 0),
	 PAM_SERVICE_ERR, PAM_SERVICE_ERR},
	{"bad argument, exempt", "exempt=root nouserok", "root", NULL, 0, RESULT(HC_ALLOW, 0),
	 PAM_SERVICE_ERR, PAM_SERVICE_ERR},
	{"exempt, but remote", "", "root", "192.0.2.7", 0, RESULT(HC_DENY, HC_REASON_WRONG_CODE),
	 PAM_AUTH_ERR, PAM_PERM_DENIED},
	{"grace, but remote", "", "martin", "192.0.2.7", 0, RESULT(HC_GRACE, HC_REASON_GRACE),
	 PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
	/* the cells that let a host go on */
	{"grace", "", "martin", NULL, 0, RESULT(HC_GRACE, HC_REASON_GRACE), PAM_IGNORE, PAM_AUTHINFO_UNAVAIL},
	{"exempt", "", "root", NULL, 0, RESULT(HC_DENY, HC_REASON_WRONG_CODE), PAM_IGNORE, PAM_IGNORE},
	{"exempt, remote allowed", "exempt_remote", "root", "192.0.2.7", 0,
	 RESULT(HC_DENY, HC_REASON_WRONG_CODE), PAM_IGNORE, PAM_IGNORE},
	{"allowed", "", "martin", NULL, 0, RESULT(HC_ALLOW, 0), PAM_SUCCESS, PAM_SUCCESS},
	{"allowed, remote", "", "martin", "192.0.2.7", 0, RESULT(HC_ALLOW, 0), PAM_SUCCESS, PAM_SUCCESS},
};

/* What a stack makes of the module's code. SAME: the module's own. */
#define SAME (-1)

struct layout {
	const char *control;
	const char *after; /* pam_…, or NULL */
	int allowed, ignored, refused;
};

/* pam_deny answers PAM_AUTH_ERR in both phases; a stack in which nobody spoke ends with PAM_PERM_DENIED. */
static const struct layout layouts[] = {
	{"required", "pam_permit.so", PAM_SUCCESS, PAM_SUCCESS, SAME},
	{"required", "pam_deny.so", PAM_AUTH_ERR, PAM_AUTH_ERR, SAME},
	{"required", NULL, PAM_SUCCESS, PAM_PERM_DENIED, SAME},
	{"requisite", "pam_permit.so", PAM_SUCCESS, PAM_SUCCESS, SAME},
	{"requisite", "pam_deny.so", PAM_AUTH_ERR, PAM_AUTH_ERR, SAME},
	{"requisite", NULL, PAM_SUCCESS, PAM_PERM_DENIED, SAME},
	{"sufficient", "pam_permit.so", PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
	{"sufficient", "pam_deny.so", PAM_SUCCESS, PAM_AUTH_ERR, PAM_AUTH_ERR},
	{"[success=done ignore=ignore default=die]", "pam_permit.so", PAM_SUCCESS, PAM_SUCCESS, SAME},
	{"[success=done ignore=ignore default=die]", "pam_deny.so", PAM_SUCCESS, PAM_AUTH_ERR, SAME},
	{"[success=done ignore=ignore default=die]", NULL, PAM_SUCCESS, PAM_PERM_DENIED, SAME},
	/* "success=end" of a pam-auth-update profile: over the pam_deny that stands behind */
	{"[success=1 ignore=ignore default=die]", "pam_deny.so\n* required pam_permit.so", PAM_SUCCESS,
	 PAM_AUTH_ERR, SAME},
};

/* One line of a service file; "*" at the start of a line in layout->after stands for the type, too. */
static void write_stack(struct host *host, const char *type, const struct layout *layout,
			const struct cause *cause)
{
	char text[1024], deny[256] = "";
	const char *next = layout->after != NULL ? strchr(layout->after, '*') : NULL;

	if (layout->after != NULL)
		(void)snprintf(deny, sizeof(deny), "%s required %.*s\n", type,
			       (int)strcspn(layout->after, "\n"), layout->after);
	(void)snprintf(text, sizeof(text), "%s %s @ %s\n%s%s%s\n", type, layout->control, cause->arguments,
		       deny, next != NULL ? type : "", next != NULL ? next + 1 : "");
	host_stack(host, "frozen", text);
}

static int expected(const struct layout *layout, int code)
{
	int wanted = code == PAM_SUCCESS  ? layout->allowed
		     : code == PAM_IGNORE ? layout->ignored
					  : layout->refused;

	return wanted == SAME ? code : wanted;
}

static int ask(struct host *host, const char *type)
{
	if (strcmp(type, "auth") == 0)
		return pam_authenticate(host->pamh, 0);
	return pam_acct_mgmt(host->pamh, 0);
}

static void check_row(struct host *host, const char *type, const struct layout *layout,
		      const struct cause *cause, int wanted)
{
	int found;

	write_stack(host, type, layout, cause);
	host_reset(host, cause->manner, NULL);
	host_start(host, "frozen", cause->user, cause->rhost);
	host_broker(host, cause->part);
	found = ask(host, type);
	scripted_stop(&host->broker, NULL);
	if (found != wanted)
		fail_msg("%s, %s, before %s: wanted %d, found %d\n%s", cause->what, layout->control,
			 layout->after != NULL ? layout->after : "nothing", wanted, found, host_log());
}

static void authentication_keeps_the_frozen_table(void **state)
{
	for (size_t c = 0; c < HC_COUNT(causes); c++) {
		for (size_t l = 0; l < HC_COUNT(layouts); l++)
			check_row(*state, "auth", &layouts[l], &causes[c],
				  expected(&layouts[l], causes[c].authenticate));
	}
}

static void the_account_phase_keeps_the_frozen_table(void **state)
{
	for (size_t c = 0; c < HC_COUNT(causes); c++) {
		for (size_t l = 0; l < HC_COUNT(layouts); l++)
			check_row(*state, "account", &layouts[l], &causes[c],
				  expected(&layouts[l], causes[c].account));
	}
}

/* Credentials follow the sign-in in every stack that let somebody in, and change no refusal into more. */
static void credentials_are_set_wherever_a_sign_in_passed(void **state)
{
	struct host *host = *state;
	const struct cause *allowed = &causes[HC_COUNT(causes) - 2];

	assert_string_equal(allowed->what, "allowed");
	for (size_t l = 0; l < HC_COUNT(layouts); l++) {
		int authenticated, established;

		write_stack(host, "auth", &layouts[l], allowed);
		host_start(host, "frozen", "martin", NULL);
		host_broker(host, part_allow_now);
		authenticated = pam_authenticate(host->pamh, 0);
		established = pam_setcred(host->pamh, PAM_ESTABLISH_CRED);
		scripted_stop(&host->broker, NULL);
		if (authenticated == PAM_SUCCESS && established != PAM_SUCCESS)
			fail_msg("layout %zu: setcred gave %d", l, established);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(authentication_keeps_the_frozen_table, host_setup,
						host_teardown),
		cmocka_unit_test_setup_teardown(the_account_phase_keeps_the_frozen_table, host_setup,
						host_teardown),
		cmocka_unit_test_setup_teardown(credentials_are_set_wherever_a_sign_in_passed, host_setup,
						host_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
