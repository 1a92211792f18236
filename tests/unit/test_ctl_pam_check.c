/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of PAM stacks, on stacks as they are found on machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hospiconnect/text.h"

#include "hospictl/pam_check.h"
#include "hospictl/pam_login.h"

#include "ctl_pam_samples.h"

#define PRIMARY "auth [success=2 default=ignore] pam_hospiconnect.so mode=primary\n"
#define SECOND	"auth [success=ok ignore=ignore default=bad] pam_hospiconnect.so mode=second-factor\n"
#define UNIX	"auth [success=1 default=ignore] pam_unix.so nullok try_first_pass\n"
#define BLOCK	"auth requisite pam_deny.so\nauth required pam_permit.so\n"
#define ACCOUNT                                                                                    \
	"account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite " \
	"pam_deny.so\n"                                                                            \
	"account required pam_permit.so\n"                                                         \
	"account [success=ok user_unknown=ignore ignore=ignore default=bad] pam_hospiconnect.so\n"

#define NONE HC_PAM_KIND_FINE

struct sample {
	const char *what;
	const char *auth;    /* common-auth */
	const char *account; /* common-account; NULL: ACCOUNT */
	enum hc_pam_kind kinds[3];
	size_t count;
	const char *where; /* part of the first finding's place, or NULL */
};

static void check(const struct sample *sample, size_t row)
{
	struct sample_file files[] = {{"sshd", "@include common-auth\naccount required pam_nologin.so\n"
					       "@include common-account\n"},
				      {"common-auth", sample->auth},
				      {"common-account", sample->account == NULL ? ACCOUNT : sample->account},
				      {NULL, NULL}};
	struct hc_pam_report report;

	assert_int_equal(hc_pam_check_service(sample_source, files, "sshd", true, &report), HC_OK);
	for (size_t i = 0; i < report.count; i++) {
		if (i >= sample->count || report.findings[i].kind != sample->kinds[i])
			fail_msg("row %zu (%s): finding %zu is %s at %s", row, sample->what, i,
				 hc_pam_kind_name(report.findings[i].kind), report.findings[i].where);
	}
	if (report.count != sample->count)
		fail_msg("row %zu (%s): %zu findings", row, sample->what, report.count);
	if (sample->where != NULL && strstr(report.findings[0].where, sample->where) == NULL)
		fail_msg("row %zu (%s): at %s", row, sample->what, report.findings[0].where);
}

static void check_all(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&samples[i], i);
}

static const struct sample ways_in[] = {
	{"Primary without Additional",
	 PRIMARY UNIX BLOCK,
	 NULL,
	 {HC_PAM_KIND_PRIMARY_ALONE},
	 1,
	 "common-auth:1"},
	{"our line optional",
	 UNIX BLOCK "auth optional pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN},
	 1,
	 "common-auth:4"},
	{"our line ignores everything",
	 UNIX BLOCK "auth [success=ok default=ignore] pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN},
	 1,
	 "common-auth:4"},
	{"our line sufficient behind the password",
	 UNIX BLOCK "auth sufficient pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN},
	 1,
	 "common-auth:4"},
	{"a jump over our line",
	 "auth [success=3 default=ignore] pam_unix.so\n" BLOCK SECOND "auth optional pam_cap.so\n",
	 NULL,
	 {HC_PAM_KIND_SKIPPED},
	 1,
	 "common-auth:1 pam_unix"},
	{"a sufficient password before us",
	 "auth sufficient pam_unix.so\n" SECOND,
	 NULL,
	 {HC_PAM_KIND_SKIPPED, HC_PAM_KIND_CODE_ALONE},
	 2,
	 "common-auth:1 pam_unix"},
	{"sufficient sss before us",
	 "auth sufficient pam_sss.so forward_pass\n" UNIX BLOCK SECOND,
	 NULL,
	 {HC_PAM_KIND_SKIPPED},
	 1,
	 "pam_sss"},
	{"sufficient fingerprint before us",
	 "auth sufficient pam_fprintd.so\n" UNIX BLOCK SECOND,
	 NULL,
	 {HC_PAM_KIND_SKIPPED},
	 1,
	 "pam_fprintd"},
	{"done in brackets",
	 "auth [success=done default=ignore] pam_ldap.so\n" UNIX BLOCK SECOND,
	 NULL,
	 {HC_PAM_KIND_SKIPPED},
	 1,
	 "pam_ldap"},
	{"a permit before us",
	 "auth sufficient pam_permit.so\n" UNIX BLOCK SECOND,
	 NULL,
	 {HC_PAM_KIND_SKIPPED, HC_PAM_KIND_CODE_ALONE},
	 2,
	 "pam_permit"},
	{"broker away is ignored",
	 UNIX BLOCK "auth [success=ok ignore=ignore authinfo_unavail=ignore default=die] "
		    "pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN_AWAY},
	 1,
	 "common-auth:4"},
	{"a lockout is ignored",
	 UNIX BLOCK "auth [success=ok ignore=ignore maxtries=ignore default=die] pam_hospiconnect.so "
		    "mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN_LOCKED},
	 1,
	 "common-auth:4"},
	{"trouble is ignored",
	 UNIX BLOCK "auth [success=ok ignore=ignore service_err=ignore default=die] "
		    "pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN_TROUBLE},
	 1,
	 NULL},
	{"unknown persons get in",
	 UNIX BLOCK "auth [success=ok ignore=ignore user_unknown=ignore default=die] "
		    "pam_hospiconnect.so mode=second-factor\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN_UNKNOWN},
	 1,
	 "common-auth:4"},
	{"a group needs no second factor",
	 UNIX BLOCK "auth [success=1 default=ignore] pam_succeed_if.so user ingroup old\n" SECOND
		    "auth optional pam_cap.so\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN_IF},
	 1,
	 "pam_succeed_if"},
	{"a group needs no password either",
	 "auth sufficient pam_succeed_if.so user ingroup nopasswdlogin\n" UNIX BLOCK SECOND,
	 NULL,
	 {HC_PAM_KIND_LETS_IN_IF},
	 1,
	 "pam_succeed_if"},
	{"reset behind our refusal",
	 UNIX BLOCK SECOND "auth [default=reset] pam_cap.so\nauth required pam_permit.so\n",
	 NULL,
	 {HC_PAM_KIND_LETS_IN},
	 1,
	 "common-auth:4"},
};

static void ways_in_without_us_are_found(void **state)
{
	(void)state;
	check_all(ways_in, HC_COUNT(ways_in));
}

static void a_code_without_password_is_found(void **state)
{
	static const struct sample samples[] = {
		{"sufficient before the password",
		 "auth sufficient pam_hospiconnect.so mode=second-factor\n" UNIX BLOCK,
		 NULL,
		 {HC_PAM_KIND_LETS_IN, HC_PAM_KIND_CODE_ALONE},
		 2,
		 NULL},
		{"the only line",
		 "auth required pam_hospiconnect.so mode=second-factor\n",
		 NULL,
		 {HC_PAM_KIND_CODE_ALONE, HC_PAM_KIND_ROOT_OUT},
		 2,
		 NULL},
		{"a password that may be absent",
		 "auth required pam_sss.so ignore_unknown_user\nauth required pam_hospiconnect.so "
		 "mode=second-factor\n",
		 NULL,
		 {HC_PAM_KIND_CODE_ALONE, HC_PAM_KIND_FINE},
		 1,
		 NULL},
		{"an optional password",
		 "auth optional pam_unix.so\n" SECOND,
		 NULL,
		 {HC_PAM_KIND_CODE_ALONE},
		 1,
		 NULL},
	};

	(void)state;
	check_all(samples, HC_COUNT(samples));
}

static void lock_outs_are_found(void **state)
{
	static const struct sample samples[] = {
		{"a jump beyond the end",
		 "auth [success=5 default=ignore] pam_unix.so\n" BLOCK SECOND,
		 NULL,
		 {HC_PAM_KIND_NOBODY},
		 1,
		 NULL},
		{"a denial at the end",
		 UNIX BLOCK SECOND "auth required pam_deny.so\n",
		 NULL,
		 {HC_PAM_KIND_NOBODY},
		 1,
		 NULL},
		{"root not exempt",
		 UNIX BLOCK "auth required pam_hospiconnect.so mode=second-factor exempt=\n",
		 NULL,
		 {HC_PAM_KIND_ROOT_NOT_EXEMPT},
		 1,
		 "common-auth:4"},
		{"others exempt, root not",
		 UNIX BLOCK "auth required pam_hospiconnect.so mode=second-factor exempt=backup,rooty\n",
		 NULL,
		 {HC_PAM_KIND_ROOT_NOT_EXEMPT},
		 1,
		 NULL},
		{"root exempt among others",
		 UNIX BLOCK "auth required pam_hospiconnect.so mode=second-factor exempt=backup,root\n",
		 NULL,
		 {HC_PAM_KIND_FINE},
		 1,
		 NULL},
		{"exemption not honoured",
		 UNIX BLOCK "auth [success=ok default=die] pam_hospiconnect.so mode=second-factor\n",
		 NULL,
		 {HC_PAM_KIND_ROOT_OUT},
		 1,
		 "common-auth:4"},
		{"nothing but us",
		 "auth required pam_hospiconnect.so\n",
		 NULL,
		 {HC_PAM_KIND_ROOT_OUT},
		 1,
		 NULL},
		{"account: system accounts out",
		 UNIX BLOCK SECOND,
		 "account required pam_unix.so\naccount required pam_hospiconnect.so\n",
		 {HC_PAM_KIND_SYSTEM_OUT},
		 1,
		 "common-account:2"},
		{"account: root out",
		 UNIX BLOCK SECOND,
		 "account required pam_unix.so\naccount [success=ok user_unknown=ignore default=die] "
		 "pam_hospiconnect.so\n",
		 {HC_PAM_KIND_ACCOUNT_ROOT_OUT},
		 1,
		 "common-account:2"},
		{"account: root not exempt",
		 UNIX BLOCK SECOND,
		 "account required pam_unix.so\naccount [success=ok ignore=ignore user_unknown=ignore "
		 "default=bad] "
		 "pam_hospiconnect.so exempt=\n",
		 {HC_PAM_KIND_ROOT_NOT_EXEMPT},
		 1,
		 "common-account:2"},
	};

	(void)state;
	check_all(samples, HC_COUNT(samples));
}

static void disabled_persons_that_get_in_are_found(void **state)
{
	static const struct sample samples[] = {
		{"account does not ask us",
		 UNIX BLOCK SECOND,
		 "account required pam_unix.so\n",
		 {HC_PAM_KIND_NO_ACCOUNT},
		 1,
		 NULL},
		{"account sufficient before us",
		 UNIX BLOCK SECOND,
		 "account sufficient pam_unix.so\naccount [success=ok user_unknown=ignore ignore=ignore "
		 "default=bad] pam_hospiconnect.so\n",
		 {HC_PAM_KIND_DISABLED_IN},
		 1,
		 "pam_unix"},
		{"account ignores us",
		 UNIX BLOCK SECOND,
		 "account required pam_unix.so\naccount optional pam_hospiconnect.so\n",
		 {HC_PAM_KIND_DISABLED_IN},
		 1,
		 "pam_hospiconnect"},
		{"account: local users pass",
		 UNIX BLOCK SECOND,
		 "account sufficient pam_localuser.so\n" ACCOUNT,
		 {HC_PAM_KIND_DISABLED_IN_IF},
		 1,
		 "pam_localuser"},
	};

	(void)state;
	check_all(samples, HC_COUNT(samples));
}

static void sound_stacks_are_called_fine(void **state)
{
	static const struct sample samples[] = {
		{"both profiles on Debian",
		 PRIMARY UNIX BLOCK SECOND "auth optional pam_cap.so\n",
		 NULL,
		 {NONE},
		 1,
		 NULL},
		{"Additional alone", UNIX BLOCK SECOND "auth optional pam_cap.so\n", NULL, {NONE}, 1, NULL},
		{"required, requisite",
		 "auth required pam_unix.so\nauth requisite pam_hospiconnect.so mode=second-factor\n",
		 NULL,
		 {NONE},
		 1,
		 NULL},
		{"with sss",
		 "auth [success=3 default=ignore] pam_unix.so nullok\nauth [success=2 default=ignore] "
		 "pam_sss.so use_first_pass\n" BLOCK "auth optional pam_cap.so\n" SECOND,
		 NULL,
		 {HC_PAM_KIND_FINE},
		 1,
		 NULL},
		{"with faillock",
		 "auth required pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so\n"
		 "auth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so "
		 "authsucc\n" SECOND,
		 NULL,
		 {HC_PAM_KIND_LETS_IN_IF},
		 1,
		 "pam_faillock"},
		{"with faillock, well",
		 "auth required pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so\n"
		 "auth [default=die] pam_faillock.so authfail\nauth required pam_faillock.so "
		 "authsucc\n" SECOND,
		 NULL,
		 {NONE},
		 1,
		 NULL},
		{"delay and environment",
		 "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n" UNIX BLOCK
			 SECOND "auth required pam_env.so\n",
		 NULL,
		 {NONE},
		 1,
		 NULL},
	};

	(void)state;
	check_all(samples, HC_COUNT(samples));
}

static void services_without_us_are_named_only_if_they_matter(void **state)
{
	struct sample_file files[] = {{"sshd", UNIX BLOCK}, {NULL, NULL}};
	struct hc_pam_report report;

	(void)state;
	assert_int_equal(hc_pam_check_service(sample_source, files, "sshd", true, &report), HC_OK);
	assert_false(report.ours);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.findings[0].kind, HC_PAM_KIND_WITHOUT_US);
	assert_int_equal(hc_pam_check_service(sample_source, files, "sshd", false, &report), HC_OK);
	assert_int_equal(report.count, 0);
}

static void our_module_in_the_password_service_is_found(void **state)
{
	struct sample_file files[] = {{"hospiconnect-password", "@include common-auth\n"},
				      {"common-auth", UNIX BLOCK SECOND},
				      {NULL, NULL}};
	struct hc_pam_report report;

	(void)state;
	assert_int_equal(hc_pam_check_service(sample_source, files, "hospiconnect-password", false, &report),
			 HC_OK);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.findings[0].kind, HC_PAM_KIND_IN_PASSWORD);
}

/* root's own way in su is meant: it says nothing about a person who signs in. */
static void su_of_root_is_no_hole(void **state)
{
	struct sample_file files[] = {
		{"su", "auth sufficient pam_rootok.so\n@include common-auth\n@include common-account\n"},
		{"common-auth", UNIX BLOCK SECOND},
		{"common-account", ACCOUNT},
		{NULL, NULL}};
	struct hc_pam_report report;

	(void)state;
	assert_int_equal(hc_pam_check_service(sample_source, files, "su", true, &report), HC_OK);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.findings[0].kind, HC_PAM_KIND_FINE);
}

/* Debian's login and lightdm as they come, and as they are mended. */
static void who_asks_for_the_login_before_a_device_is_named(void **state)
{
	static const struct {
		const char *login, *auth, *where;
	} rows[] = {
		{"auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n@include "
		 "common-auth\n",
		 PRIMARY UNIX BLOCK SECOND, "login:2 pam_nologin requisite"},
		{"auth required pam_shells.so\nauth requisite pam_nologin.so\n@include common-auth\n",
		 PRIMARY UNIX BLOCK SECOND, "login:1 pam_shells required"},
		{"@include common-auth\n",
		 "auth required pam_faillock.so preauth\n" PRIMARY UNIX BLOCK SECOND,
		 "common-auth:1 pam_faillock required"},
		{"auth optional pam_faildelay.so\n@include common-auth\nauth requisite pam_nologin.so\n",
		 PRIMARY UNIX BLOCK SECOND, ""},
		{"auth requisite pam_nologin.so\n@include common-auth\n", UNIX BLOCK SECOND, ""},
		{"auth requisite pam_nologin.so\n@include common-auth\n", UNIX BLOCK, ""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct sample_file files[] = {
			{"login", rows[i].login}, {"common-auth", rows[i].auth}, {NULL, NULL}};
		char where[320] = "untouched";

		if (hc_pam_login_asked(sample_source, files, "login", where, sizeof(where)) != HC_OK ||
		    strcmp(where, rows[i].where) != 0)
			fail_msg("row %zu: %s", i, where);
	}
}

static void a_line_that_fails_in_libpam_is_named(void **state)
{
	struct sample_file files[] = {{"sshd", UNIX BLOCK SECOND "auth include nowhere\n"}, {NULL, NULL}};
	struct hc_pam_report report;
	bool broken = false;

	(void)state;
	assert_int_equal(hc_pam_check_service(sample_source, files, "sshd", true, &report), HC_OK);
	for (size_t i = 0; i < report.count; i++)
		broken = broken || (report.findings[i].kind == HC_PAM_KIND_BROKEN &&
				    strcmp(report.findings[i].where, "sshd:5: cannot include") == 0);
	assert_true(broken);
}

static void every_kind_has_its_texts(void **state)
{
	(void)state;
#define CHECK_TEXT(kind, name, result)                                                                   \
	if (!hc_text_known("ctl.pam." name) || ((result) > 0 && !hc_text_known("ctl.pam." name ".fix"))) \
		fail_msg("%s", name);
	HC_PAM_FINDINGS(CHECK_TEXT)
#undef CHECK_TEXT
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_in_without_us_are_found),
		cmocka_unit_test(a_code_without_password_is_found),
		cmocka_unit_test(lock_outs_are_found),
		cmocka_unit_test(disabled_persons_that_get_in_are_found),
		cmocka_unit_test(sound_stacks_are_called_fine),
		cmocka_unit_test(services_without_us_are_named_only_if_they_matter),
		cmocka_unit_test(our_module_in_the_password_service_is_found),
		cmocka_unit_test(su_of_root_is_no_hole),
		cmocka_unit_test(who_asks_for_the_login_before_a_device_is_named),
		cmocka_unit_test(a_line_that_fails_in_libpam_is_named),
		cmocka_unit_test(every_kind_has_its_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
