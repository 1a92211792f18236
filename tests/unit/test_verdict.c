/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <security/pam_modules.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
	enum hc_verdict verdict;
	int authenticate;
	int account;
};

/* The frozen table. A change here is a change of what the module promises. */
static const struct row table[] = {
	{HC_DENY, PAM_AUTH_ERR, PAM_PERM_DENIED},
	{HC_DENY_LOCKED, PAM_MAXTRIES, PAM_PERM_DENIED},
	{HC_DENY_UNKNOWN, PAM_USER_UNKNOWN, PAM_USER_UNKNOWN},
	{HC_DENY_EXPIRED, PAM_AUTH_ERR, PAM_ACCT_EXPIRED},
	{HC_DENY_UNAVAILABLE, PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
	{HC_DENY_CONVERSATION, PAM_CONV_ERR, PAM_PERM_DENIED},
	{HC_DENY_CONFIG, PAM_SERVICE_ERR, PAM_SERVICE_ERR},
	{HC_DENY_NOMEM, PAM_BUF_ERR, PAM_BUF_ERR},
	{HC_EXEMPT, PAM_IGNORE, PAM_IGNORE},
	{HC_GRACE, PAM_IGNORE, PAM_PERM_DENIED},
	{HC_ALLOW, PAM_SUCCESS, PAM_SUCCESS},
};

static void no_number_but_the_three_verdicts_lets_a_host_continue(void **state)
{
	static const uint32_t seeds[] = {HC_ALLOW, HC_EXEMPT, HC_GRACE};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(seeds); i++) {
		for (unsigned bit = 0; bit < 32; bit++) {
			enum hc_verdict flipped = (enum hc_verdict)(seeds[i] ^ (UINT32_C(1) << bit));

			assert_int_equal(hc_pam_code(HC_PHASE_AUTHENTICATE, flipped), PAM_AUTH_ERR);
			assert_int_equal(hc_pam_code(HC_PHASE_ACCOUNT, flipped), PAM_PERM_DENIED);
		}
	}
	for (int small = 8; small < 4096; small++) {
		assert_int_equal(hc_pam_code(HC_PHASE_AUTHENTICATE, (enum hc_verdict)small), PAM_AUTH_ERR);
		assert_int_equal(hc_pam_code(HC_PHASE_ACCOUNT, (enum hc_verdict)small), PAM_PERM_DENIED);
	}
}

static void a_phase_that_does_not_exist_is_denied(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++)
		assert_int_equal(hc_pam_code((enum hc_phase)0, table[i].verdict), PAM_SERVICE_ERR);
}

static void each_verdict_has_the_code_of_the_frozen_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		int authenticate = hc_pam_code(HC_PHASE_AUTHENTICATE, table[i].verdict);
		int account = hc_pam_code(HC_PHASE_ACCOUNT, table[i].verdict);

		if (authenticate != table[i].authenticate || account != table[i].account)
			fail_msg("row %zu (%s): authenticate %d, account %d", i,
				 hc_verdict_name(table[i].verdict), authenticate, account);
	}
}

static void a_session_line_is_refused_for_its_arguments_only(void **state)
{
	(void)state;
	assert_int_equal(hc_pam_session_code(false), PAM_SERVICE_ERR);
	assert_int_equal(hc_pam_session_code(true), PAM_SUCCESS);
	assert_int_equal(hc_pam_credentials_code(), PAM_SUCCESS);
}

static void without_a_marker_a_second_factor_line_is_a_denial(void **state)
{
	(void)state;
	assert_int_equal(hc_marked_verdict(false), HC_DENY);
	assert_int_equal(hc_marked_verdict(true), HC_ALLOW);
}

static void only_one_code_of_libpam_says_that_a_call_did_its_work(void **state)
{
	(void)state;
	assert_false(hc_pam_ok(PAM_IGNORE));
	for (int code = -300; code < 300; code++)
		assert_int_equal(hc_pam_ok(code), code == PAM_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_number_but_the_three_verdicts_lets_a_host_continue),
		cmocka_unit_test(a_phase_that_does_not_exist_is_denied),
		cmocka_unit_test(each_verdict_has_the_code_of_the_frozen_table),
		cmocka_unit_test(a_session_line_is_refused_for_its_arguments_only),
		cmocka_unit_test(without_a_marker_a_second_factor_line_is_a_denial),
		cmocka_unit_test(only_one_code_of_libpam_says_that_a_call_did_its_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
