/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations with a store that fails. Every function of the store that a decision uses fails here in turn
 * (linked with --wrap), with the right code and with a wrong one: nobody is let on, nobody learns
 * which it was, and once the store is well again everything is as if nothing had been tried.
 */
#include "session.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "failing_store.h"
#include "tests/support/decision_rig.h"

static bool is_trouble(uint32_t reason)
{
	return reason == HC_REASON_STORE_UNREADABLE || reason == HC_REASON_STORE_NOT_WRITABLE ||
	       reason == HC_REASON_INTERNAL;
}

enum { FAIL_MAX = 64 };

/* Lets every call of one answer fail in turn; the number of calls that an answer makes. */
static int fail_each_call(struct rig *rig, const char *answer, enum hc_err err)
{
	for (int n = 1; n < FAIL_MAX; n++) {
		struct talk talk;

		rig_begin(rig, "martin", &talk);
		assert_int_equal(talk.steps, 1);
		arm(n, err);
		rig_answer(&talk, answer);
		disarm();
		const char *failed = fault.failed;

		if (failed != NULL &&
		    (talk.results != 1 || talk.verdict != HC_DENY_UNAVAILABLE || !is_trouble(talk.reason)))
			fail_msg("call %d (%s): verdict %u reason %u", n, failed, talk.verdict, talk.reason);
		rig_end(&talk);
		if (failed == NULL)
			return n - 1;
	}
	fail_msg("more than %d calls", FAIL_MAX);
	return 0;
}

static void no_failing_call_lets_a_wrong_code_on_or_is_forgotten(void **state)
{
	struct rig *rig = *state;
	char code[16];

	rig->log_expected = true;
	rig->config.policy.free_tries = 20;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_in_range(fail_each_call(rig, rig_wrong_code(rig, RIG_SEED, code), HC_ERR_IO), 8, FAIL_MAX - 1);
	assert_in_range(fail_each_call(rig, code, HC_ERR_FULL), 8, FAIL_MAX - 1);
	rig_trail_holds(rig);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
}

static void no_failing_call_lets_the_right_code_on_or_uses_it_up(void **state)
{
	static const enum hc_err errors[] = {HC_ERR_IO, HC_ERR_FULL, HC_ERR_CORRUPT, HC_ERR_NOMEM};
	struct rig *rig = *state;
	char code[16];

	rig->log_expected = true;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	for (size_t i = 0; i < HC_COUNT(errors); i++) {
		/* The last round, in which nothing fails, must find the code unused. */
		int64_t before = rig_trail_len(rig);
		int calls = fail_each_call(rig, rig_code(rig, RIG_SEED, 0, code), errors[i]);

		assert_in_range(calls, 8, FAIL_MAX - 1);
		assert_string_equal(rig_trail(rig, 0).outcome, "success");
		assert_true(rig_trail_len(rig) > before);
		fake_clock_pass(&rig->clock, 60000);
	}
	rig_trail_holds(rig);
}

static void no_failing_call_lets_a_recovery_code_on_or_uses_it_up(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];

	rig->log_expected = true;
	rig_person(rig, "martin");
	rig_recovery(rig, "martin", codes);
	assert_in_range(fail_each_call(rig, codes[0], HC_ERR_IO), 8, FAIL_MAX - 1);
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
	rig_trail_holds(rig);
}

/* What a HELLO alone decides. */
static void no_failing_call_of_a_hello_grants(void **state)
{
	static const struct {
		const char *login;
		enum hc_request request;
		enum hc_verdict well; /* the verdict when nothing fails */
	} table[] = {
		{"martin", HC_REQUEST_ACCOUNT, HC_ALLOW},
		{"nobody", HC_REQUEST_ACCOUNT, HC_DENY_UNKNOWN},
		{"nobody", HC_REQUEST_AUTHENTICATE, HC_DENY_UNKNOWN},
		{"new", HC_REQUEST_AUTHENTICATE, HC_GRACE},
		{"martin", HC_REQUEST_OPEN_SESSION, HC_ALLOW},
		{"martin", HC_REQUEST_CLOSE_SESSION, HC_ALLOW},
	};
	struct rig *rig = *state;

	rig->log_expected = true;
	rig->config.policy.unenrolled = HC_UNENROLLED_GRACE;
	rig->config.policy.grace_until_ms = RIG_NOW + 1000000;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_person(rig, "new");
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct rig_hello hello = {.request = table[i].request, .user = table[i].login};
		bool failed = true;

		for (int n = 1; failed; n++) {
			struct talk talk;

			arm(n, HC_ERR_IO);
			assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
			disarm();
			failed = fault.failed != NULL;
			if (talk.results != 1 ||
			    talk.verdict != (failed ? HC_DENY_UNAVAILABLE : table[i].well))
				fail_msg("row %zu call %d (%s): verdict %u", i, n,
					 failed ? fault.failed : "none", talk.verdict);
			rig_end(&talk);
		}
	}
	rig_trail_holds(rig);
}

/* A file that may not grow, as on a full disk; the system says so, not a stand-in. */
static void a_disk_that_is_full_refuses_and_says_so(void **state)
{
	struct rig *rig = *state;
	struct rlimit old, none;
	struct talk talk;
	char code[16];

	rig->log_expected = true;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){.rlim_cur = 512, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);

	rig_answer(&talk, rig_code(rig, RIG_SEED, 0, code));

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(talk.results, 1);
	assert_int_equal(talk.verdict, HC_DENY_UNAVAILABLE);
	assert_true(is_trouble(talk.reason));
	assert_non_null(strstr(rig->log, "sign-in refused, the broker is not able to decide"));
	rig_end(&talk);
	talk = rig_sign_in(rig, "martin", code);
	assert_int_equal(talk.verdict, HC_ALLOW);
	rig_trail_holds(rig);
}

static void a_secret_that_does_not_open_is_trouble_and_no_refusal(void **state)
{
	struct rig *rig = *state;
	struct hc_seal *own = rig->authd.seal;
	struct hc_seal *foreign = NULL;
	struct talk talk;
	char path[256], code[16];

	rig->log_expected = true;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	tempdir_file(&rig->dir, "other.key", path, sizeof(path));
	assert_int_equal(hc_seal_open(path, true, &foreign), HC_OK);
	rig->authd.seal = foreign;
	talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_DENY_UNAVAILABLE);
	assert_int_equal(talk.reason, HC_REASON_SECRET_NOT_READABLE);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_SECRET_NOT_READABLE);
	rig->authd.seal = own;
	hc_seal_free(&foreign);
	talk = rig_sign_in(rig, "martin", code);
	assert_int_equal(talk.verdict, HC_ALLOW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_failing_call_lets_a_wrong_code_on_or_is_forgotten),
		TEST(no_failing_call_lets_the_right_code_on_or_uses_it_up),
		TEST(no_failing_call_lets_a_recovery_code_on_or_uses_it_up),
		TEST(no_failing_call_of_a_hello_grants),
		TEST(a_disk_that_is_full_refuses_and_says_so),
		TEST(a_secret_that_does_not_open_is_trouble_and_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
