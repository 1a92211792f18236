/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations and lock-outs: how failures lock, whom they lock, and what ends a lock. */
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

static struct hc_throttle_row counter(struct rig *rig, int64_t person_id, enum hc_factor factor,
				      const char *scope)
{
	struct hc_throttle_row row;

	assert_int_equal(hc_store_throttle_get(rig->authd.store, person_id, factor, scope, &row), HC_OK);
	return row;
}

static void assert_locked(const struct talk *talk, uint32_t retry_s, const char *text)
{
	assert_int_equal(talk->results, 1);
	assert_int_equal(talk->verdict, HC_DENY_LOCKED);
	assert_int_equal(talk->reason, HC_REASON_LOCKED_OUT);
	assert_int_equal(talk->retry_after_s, retry_s);
	assert_string_equal(talk->text, text);
}

static void the_fifth_failure_locks_and_the_right_code_is_refused_unverified(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_audit_record record;
	struct talk talk;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 4);
	talk = rig_sign_in(rig, "martin", rig_wrong_code(rig, RIG_SEED, code));
	assert_locked(&talk, 30, "Too many failures. Try again in 30 s. (HC-203)");
	record = rig_trail(rig, 0);
	assert_string_equal(record.event, "lockout");
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.factor, "totp");
	assert_string_equal(record.detail, "failures=5 seconds=30 scope=all");
	record = rig_trail(rig, 1);
	assert_string_equal(record.event, "sign-in");
	assert_int_equal(record.reason, HC_REASON_WRONG_CODE);

	rig_restart(rig);
	fake_clock_pass(&rig->clock, 29001);
	talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.steps, 0);
	assert_locked(&talk, 1, "Too many failures. Try again in 1 s. (HC-203)");
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_LOCKED_OUT);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 5);

	fake_clock_pass(&rig->clock, 999);
	talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 0);
}

static void each_failure_behind_a_lock_doubles_it(void **state)
{
	static const uint32_t seconds[] = {60, 120, 240, 480, 900, 900};
	struct rig *rig = *state;
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 5);
	fake_clock_pass(&rig->clock, 30000);
	for (size_t i = 0; i < HC_COUNT(seconds); i++) {
		talk = rig_sign_in(rig, "martin", rig_wrong_code(rig, RIG_SEED, code));
		if (talk.verdict != HC_DENY_LOCKED || talk.retry_after_s != seconds[i])
			fail_msg("row %zu: %u s", i, talk.retry_after_s);
		fake_clock_pass(&rig->clock, (int64_t)seconds[i] * 1000);
	}
	assert_string_equal(talk.text, "Too many failures. Try again in 15 min. (HC-203)");
	rig_trail_holds(rig);
}

static void a_used_code_counts_as_a_failure(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);
	assert_int_equal(rig_sign_in(rig, "martin", code).verdict, HC_ALLOW);
	(void)rig_sign_in(rig, "martin", code); /* refused; the counter is what counts */
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 1);
}

static void a_recovery_code_opens_while_totp_is_locked(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	struct hc_person person = rig_person(rig, "martin");
	struct talk talk;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_recovery(rig, "martin", codes);
	rig_fail(rig, "martin", 4);
	rig_begin(rig, "martin", &talk);
	rig_answer(&talk, rig_wrong_code(rig, RIG_SEED, code));
	assert_string_equal(talk.prompt, "Too many failures. Try again in 30 s. (HC-203)\nRecovery code: ");
	rig_answer(&talk, rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.results, 0); /* the right code, refused unverified */
	assert_string_equal(talk.prompt, "Too many failures. Try again in 30 s. (HC-203)\nRecovery code: ");
	rig_answer(&talk, codes[0]);
	assert_int_equal(talk.verdict, HC_ALLOW);
	rig_end(&talk);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 5);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_RECOVERY, "").failures, 0);

	talk = rig_sign_in(rig, "martin", NULL);
	assert_string_equal(talk.prompt, "Too many failures. Try again in 30 s. (HC-203)\nRecovery code: ");
}

static void both_factors_locked_tell_the_shorter_wait(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_recovery(rig, "martin", codes);
	rig_fail(rig, "martin", 5);
	fake_clock_pass(&rig->clock, 10000);
	for (unsigned i = 0; i < 5; i++)
		talk = rig_sign_in(rig, "martin", "AAAA-AAAA-AAAA-AAAA");
	assert_locked(&talk, 20, "Too many failures. Try again in 20 s. (HC-203)");
	assert_string_equal(rig_trail(rig, 0).factor, "recovery");
}

static void a_clock_set_back_a_year_does_not_lock_for_a_year(void **state)
{
	struct rig *rig = *state;
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 5);
	fake_clock_set(&rig->clock, RIG_NOW - INT64_C(31536000000));
	talk = rig_sign_in(rig, "martin", NULL);
	assert_locked(&talk, 30, "Too many failures. Try again in 30 s. (HC-203)");
	fake_clock_pass(&rig->clock, 30000);
	talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
}

/* ---- lockers ---- */

static struct talk locker(struct rig *rig, const char *self, const char *service, const char *login,
			  const char *answer)
{
	const struct hc_caller caller = rig_user(1000, self);
	const struct rig_hello hello = {.user = login, .service = service, .tty = ":0"};
	struct talk talk;

	assert_int_equal(rig_hello(rig, &caller, &hello, &talk), HC_OK);
	if (answer != NULL && talk.results == 0)
		rig_answer(&talk, answer);
	rig_end(&talk);
	return talk;
}

static void an_unprivileged_caller_asks_for_itself_from_a_locker_only(void **state)
{
	struct rig *rig = *state;
	struct hc_caller nameless = rig_user(1000, "");
	const struct rig_hello hello = {.user = "martin", .service = "swaylock"};
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);

	talk = locker(rig, "durand", "swaylock", "martin", code);
	assert_int_equal(talk.verdict, HC_DENY);
	assert_int_equal(talk.reason, HC_REASON_CALLER_NOT_ALLOWED);
	assert_string_equal(rig_trail(rig, 0).actor, "uid 1000 (durand)");
	talk = locker(rig, "durand", "swaylock", "unknown", code);
	assert_int_equal(talk.reason, HC_REASON_CALLER_NOT_ALLOWED); /* tells nothing about who exists */
	talk = locker(rig, "martin", "sshd", "martin", code);
	assert_int_equal(talk.verdict, HC_DENY);
	assert_int_equal(talk.reason, HC_REASON_SERVICE_NOT_ALLOWED);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_SERVICE_NOT_ALLOWED);
	nameless.name_known = false;
	assert_int_equal(rig_hello(rig, &nameless, &hello, &talk), HC_OK);
	assert_int_equal(talk.reason, HC_REASON_CALLER_NOT_ALLOWED);
	rig_end(&talk);

	talk = locker(rig, "martin", "swaylock", "martin", code);
	assert_int_equal(talk.verdict, HC_ALLOW);
	talk = locker(rig, "martin", "kde", "martin", code);
	assert_int_equal(talk.results, 0); /* used, also for root */
}

static void a_lockers_failures_lock_nobody_but_itself(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct talk talk;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_wrong_code(rig, RIG_SEED, code);
	for (unsigned i = 0; i < 5; i++)
		talk = locker(rig, "martin", "swaylock", "martin", code);
	assert_locked(&talk, 30, "Too many failures. Try again in 30 s. (HC-203)");
	assert_string_equal(rig_trail(rig, 0).detail, "failures=5 seconds=30 scope=uid:1000");
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "uid:1000").failures, 5);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 0);

	talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "uid:1000").failures, 5);

	fake_clock_pass(&rig->clock, 30000);
	talk = locker(rig, "martin", "swaylock", "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "uid:1000").failures, 0);
}

static void a_lock_over_all_origins_locks_the_locker_too_and_its_success_does_not_end_it(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct talk talk;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 5);
	talk = locker(rig, "martin", "swaylock", "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_locked(&talk, 30, "Too many failures. Try again in 30 s. (HC-203)");

	fake_clock_pass(&rig->clock, 30000);
	talk = locker(rig, "martin", "swaylock", "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 5);
}

static void the_account_phase_clears_no_lock(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	const struct rig_hello hello = {.request = HC_REQUEST_ACCOUNT, .user = "martin"};
	struct talk talk;

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 5);
	assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(talk.steps, 0);
	rig_end(&talk);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 5);
	talk = rig_sign_in(rig, "martin", NULL);
	assert_int_equal(talk.verdict, HC_DENY_LOCKED);
}

static void a_factor_that_nobody_holds_is_not_locked_in_advance(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");

	rig_totp(rig, "martin", RIG_SEED, 6);
	for (unsigned i = 0; i < 6; i++)
		(void)rig_sign_in(rig, "martin",
				  "AAAA-AAAA-AAAA-AAAA"); /* refused; the counter is what counts */
	assert_int_equal(counter(rig, person.id, HC_FACTOR_RECOVERY, "").failures, 0);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_WRONG_CODE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_fifth_failure_locks_and_the_right_code_is_refused_unverified),
		TEST(each_failure_behind_a_lock_doubles_it),
		TEST(a_used_code_counts_as_a_failure),
		TEST(a_recovery_code_opens_while_totp_is_locked),
		TEST(both_factors_locked_tell_the_shorter_wait),
		TEST(a_clock_set_back_a_year_does_not_lock_for_a_year),
		TEST(an_unprivileged_caller_asks_for_itself_from_a_locker_only),
		TEST(a_lockers_failures_lock_nobody_but_itself),
		TEST(a_lock_over_all_origins_locks_the_locker_too_and_its_success_does_not_end_it),
		TEST(the_account_phase_clears_no_lock),
		TEST(a_factor_that_nobody_holds_is_not_locked_in_advance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
