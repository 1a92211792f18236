/* SPDX-License-Identifier: Apache-2.0 */
/* Lock-out: how failures turn into locks, and what a jumping clock does to them. */
#include "throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW INT64_C(1800000000000)

static const struct hc_policy_rules RULES = {.free_tries = 5, .lock_first_s = 30, .lock_max_s = 900};

static void the_fifth_failure_locks_and_a_try_during_the_lock_must_wait(void **state)
{
	struct hc_throttle_row row = {.failures = 4};

	(void)state;
	assert_true(hc_throttle_fail(&row, &RULES, NOW));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW), 30);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW + 29001), 1);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW + 29999), 1);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW + 30000), 0);
}

static void each_failure_has_its_lock(void **state)
{
	static const struct {
		uint32_t before;
		bool locks;
		int64_t left_s;
	} table[] = {
		{0, false, 0},		 {1, false, 0},	      {2, false, 0},
		{3, false, 0},		 {4, true, 30},	      {5, true, 60},
		{6, true, 120},		 {7, true, 240},      {8, true, 480},
		{9, true, 900},		 {10, true, 900},     {63, true, 900},
		{64, true, 900},	 {100000, true, 900}, {UINT32_MAX - 1, true, 900},
		{UINT32_MAX, true, 900},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_throttle_row row = {.failures = table[i].before};

		if (hc_throttle_fail(&row, &RULES, NOW) != table[i].locks)
			fail_msg("row %zu: locks is not %d", i, table[i].locks);
		if (hc_throttle_left_s(&row, &RULES, NOW) != table[i].left_s)
			fail_msg("row %zu: %lld s left", i, (long long)hc_throttle_left_s(&row, &RULES, NOW));
		if (row.failures < table[i].before)
			fail_msg("row %zu: the count fell to %u", i, row.failures);
		if (row.last_failure_ms != NOW)
			fail_msg("row %zu: time of the failure not kept", i);
	}
}

static void one_free_try_locks_at_once(void **state)
{
	const struct hc_policy_rules strict = {.free_tries = 1, .lock_first_s = 900, .lock_max_s = 900};
	struct hc_throttle_row row = {0};

	(void)state;
	assert_true(hc_throttle_fail(&row, &strict, NOW));
	assert_int_equal(hc_throttle_left_s(&row, &strict, NOW), 900);
}

static void a_first_lock_longer_than_the_longest_is_cut(void **state)
{
	const struct hc_policy_rules odd = {.free_tries = 1, .lock_first_s = 3600, .lock_max_s = 900};
	struct hc_throttle_row row = {0};

	(void)state;
	assert_true(hc_throttle_fail(&row, &odd, NOW));
	assert_int_equal(hc_throttle_left_s(&row, &odd, NOW), 900);
}

static void a_clock_set_back_a_year_locks_for_no_longer_than_the_lock(void **state)
{
	const int64_t year_ago = NOW - INT64_C(31536000000);
	struct hc_throttle_row row = {.failures = 5};

	(void)state;
	assert_true(hc_throttle_fail(&row, &RULES, NOW));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, year_ago), 60);

	assert_true(hc_throttle_settle(&row, &RULES, year_ago));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, year_ago), 60);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, year_ago + 59000), 1);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, year_ago + 60000), 0);
	assert_int_equal(row.failures, 6);
}

static void a_clock_set_back_does_not_end_a_lock(void **state)
{
	struct hc_throttle_row row = {.failures = 4};

	(void)state;
	assert_true(hc_throttle_fail(&row, &RULES, NOW));
	assert_true(hc_throttle_settle(&row, &RULES, NOW - 5000));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW - 5000), 30);
	assert_true(hc_throttle_settle(&row, &RULES, -NOW));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, -NOW), 30);
}

static void settling_changes_nothing_while_the_clock_goes_forward(void **state)
{
	struct hc_throttle_row row = {.failures = 4};
	struct hc_throttle_row fresh = {0};

	(void)state;
	assert_true(hc_throttle_fail(&row, &RULES, NOW));
	assert_false(hc_throttle_settle(&row, &RULES, NOW));
	assert_false(hc_throttle_settle(&row, &RULES, NOW + 1000));
	assert_int_equal(row.locked_until_ms, NOW + 30000);
	assert_false(hc_throttle_settle(&fresh, &RULES, 0));
}

static void failures_without_a_lock_survive_a_clock_set_back(void **state)
{
	struct hc_throttle_row row = {.failures = 2, .last_failure_ms = NOW};

	(void)state;
	assert_true(hc_throttle_settle(&row, &RULES, NOW - 1));
	assert_int_equal(row.failures, 2);
	assert_int_equal(row.locked_until_ms, 0);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW - 1), 0);
}

static void a_rule_made_milder_does_not_lengthen_a_lock(void **state)
{
	const struct hc_policy_rules milder = {.free_tries = 20, .lock_first_s = 30, .lock_max_s = 60};
	struct hc_throttle_row row = {.failures = 8};

	(void)state;
	assert_true(hc_throttle_fail(&row, &RULES, NOW));
	assert_int_equal(hc_throttle_left_s(&row, &RULES, NOW), 480);
	assert_int_equal(hc_throttle_left_s(&row, &milder, NOW), 60);
}

static void absurd_times_do_not_overflow(void **state)
{
	struct hc_throttle_row row = {
		.failures = 6, .last_failure_ms = INT64_MAX, .locked_until_ms = INT64_MAX};

	(void)state;
	assert_int_equal(hc_throttle_left_s(&row, &RULES, INT64_MIN), 60);
	assert_int_equal(hc_throttle_left_s(&row, &RULES, 0), 60);
	assert_true(hc_throttle_settle(&row, &RULES, 0));
	assert_int_equal(row.locked_until_ms, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fifth_failure_locks_and_a_try_during_the_lock_must_wait),
		cmocka_unit_test(each_failure_has_its_lock),
		cmocka_unit_test(one_free_try_locks_at_once),
		cmocka_unit_test(a_first_lock_longer_than_the_longest_is_cut),
		cmocka_unit_test(a_clock_set_back_a_year_locks_for_no_longer_than_the_lock),
		cmocka_unit_test(a_clock_set_back_does_not_end_a_lock),
		cmocka_unit_test(settling_changes_nothing_while_the_clock_goes_forward),
		cmocka_unit_test(failures_without_a_lock_survive_a_clock_set_back),
		cmocka_unit_test(a_rule_made_milder_does_not_lengthen_a_lock),
		cmocka_unit_test(absurd_times_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
