/* SPDX-License-Identifier: Apache-2.0 */
/* Connection limits, the log's gate and the clock's watch. */
#include "quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clockwatch.h"
#include "pace.h"

static struct hc_quota quota;

static void a_user_gets_no_more_than_its_share(void **state)
{
	(void)state;
	hc_quota_init(&quota, HC_QUOTA_TOTAL);
	for (unsigned i = 0; i < HC_QUOTA_PER_USER; i++)
		assert_true(hc_quota_take(&quota, HC_CALLER_USER, 1000));
	assert_false(hc_quota_take(&quota, HC_CALLER_USER, 1000));
	assert_true(hc_quota_take(&quota, HC_CALLER_USER, 1001));
	hc_quota_give(&quota, HC_CALLER_USER, 1000);
	assert_true(hc_quota_take(&quota, HC_CALLER_USER, 1000));
	assert_false(hc_quota_take(&quota, HC_CALLER_USER, 1000));
}

static void users_in_any_number_leave_the_reserve_to_root(void **state)
{
	unsigned taken = 0;

	(void)state;
	hc_quota_init(&quota, HC_QUOTA_TOTAL);
	for (uid_t uid = 1000; uid < 3000; uid++)
		taken += hc_quota_take(&quota, HC_CALLER_USER, uid) ? 1 : 0;
	assert_int_equal(taken, HC_QUOTA_TOTAL - HC_QUOTA_RESERVE);
	for (unsigned i = 0; i < HC_QUOTA_RESERVE; i++)
		assert_true(hc_quota_take(&quota, HC_CALLER_ROOT, 0));
	assert_false(hc_quota_take(&quota, HC_CALLER_ROOT, 0));
	assert_int_equal(quota.total, HC_QUOTA_TOTAL);
}

static void administrators_cannot_use_the_reserve_up(void **state)
{
	unsigned taken = 0;

	(void)state;
	hc_quota_init(&quota, HC_QUOTA_TOTAL);
	for (int i = 0; i < 1000; i++)
		taken += hc_quota_take(&quota, HC_CALLER_ADMIN, 1000) ? 1 : 0;
	assert_int_equal(taken, HC_QUOTA_PER_ADMIN);
	for (uid_t uid = 1001; uid < 1200; uid++)
		taken += hc_quota_take(&quota, HC_CALLER_ADMIN, uid) ? 1 : 0;
	assert_int_equal(taken, HC_QUOTA_ADMINS);
	assert_true(hc_quota_take(&quota, HC_CALLER_ADMIN, 0));
}

static void a_broker_short_of_descriptors_still_serves_root(void **state)
{
	(void)state;
	hc_quota_init(&quota, 100);
	assert_false(hc_quota_take(&quota, HC_CALLER_USER, 1000));
	for (int i = 0; i < 100; i++)
		assert_true(hc_quota_take(&quota, HC_CALLER_ROOT, 0));
	assert_false(hc_quota_take(&quota, HC_CALLER_ROOT, 0));
}

static void what_is_given_back_leaves_nothing_behind(void **state)
{
	unsigned held[64] = {0};

	(void)state;
	srandom(7);
	hc_quota_init(&quota, HC_QUOTA_TOTAL);
	for (int i = 0; i < 20000; i++) {
		size_t who = (size_t)random() % HC_COUNT(held);

		if (random() % 2 == 0 && hc_quota_take(&quota, HC_CALLER_USER, (uid_t)who)) {
			held[who]++;
		} else if (held[who] > 0) {
			hc_quota_give(&quota, HC_CALLER_USER, (uid_t)who);
			held[who]--;
		}
	}
	for (size_t who = 0; who < HC_COUNT(held); who++) {
		while (held[who]-- > 0)
			hc_quota_give(&quota, HC_CALLER_USER, (uid_t)who);
	}
	assert_int_equal(quota.total, 0);
	assert_int_equal(quota.users, 0);
	assert_int_equal(quota.entry_count, 0);
	hc_quota_give(&quota, HC_CALLER_USER, 5);
	assert_int_equal(quota.total, 0);
}

static void a_gate_lets_one_line_a_minute_through_and_counts_the_others(void **state)
{
	struct hc_gate gate = {0};
	uint64_t held = 9;

	(void)state;
	assert_true(hc_gate_open(&gate, 5, &held));
	assert_int_equal(held, 0);
	assert_false(hc_gate_open(&gate, 6, &held));
	assert_false(hc_gate_open(&gate, 60004, &held));
	assert_true(hc_gate_open(&gate, 60005, &held));
	assert_int_equal(held, 2);
}

static void the_clock_watch_tells_a_jump_once_and_no_drift(void **state)
{
	struct hc_clockwatch watch = {0};

	(void)state;
	assert_int_equal(hc_clockwatch_look(&watch, 1000000, 10), 0);
	assert_int_equal(hc_clockwatch_look(&watch, 1000000 + 86400000, 10 + 86400000), 0);
	assert_int_equal(hc_clockwatch_look(&watch, 87400000 + 60000, 86400010), 0);
	assert_int_equal(hc_clockwatch_look(&watch, 87460000 + 60001, 86400010), 60001);
	assert_int_equal(hc_clockwatch_look(&watch, 87460000 + 60001, 86400010), 0);
	assert_int_equal(hc_clockwatch_look(&watch, 87460000 + 60001 - 3600000, 86400010), -3600000);
}

static void who_asks_without_end_is_slowed_down_and_nobody_else(void **state)
{
	struct hc_pace pace = {0};

	(void)state;
	for (unsigned i = 0; i < HC_PACE_BURST; i++)
		assert_true(hc_pace_take(&pace, true, 1000, 5000));
	assert_false(hc_pace_take(&pace, true, 1000, 5000));
	assert_true(hc_pace_take(&pace, true, 1001, 5000));
	assert_false(hc_pace_take(&pace, true, 1000, 5000 + HC_PACE_MS - 1));
	assert_true(hc_pace_take(&pace, true, 1000, 5000 + HC_PACE_MS));
	assert_false(hc_pace_take(&pace, true, 1000, 5000 + HC_PACE_MS));
	for (unsigned i = 0; i < HC_PACE_BURST; i++)
		assert_true(hc_pace_take(&pace, true, 1000, 5000 + HC_PACE_MS * (HC_PACE_BURST + 1)));
}

/* A user with subordinate uids has thousands of them, none with a name. */
static void callers_without_a_name_share_one_pace(void **state)
{
	struct hc_pace pace = {0};
	unsigned allowed = 0;

	(void)state;
	for (uid_t uid = 100000; uid < 165536; uid++)
		allowed += hc_pace_take(&pace, false, uid, 0) ? 1 : 0;
	assert_int_equal(allowed, HC_PACE_BURST);
	assert_true(hc_pace_take(&pace, true, 1000, 0));
}

static void more_callers_than_places_share_what_is_left(void **state)
{
	struct hc_pace pace = {0};
	unsigned allowed = 0;

	(void)state;
	for (unsigned round = 0; round < 2 * HC_PACE_BURST; round++) {
		for (uid_t uid = 1000; uid < 1000 + 4 * HC_PACE_UIDS; uid++)
			allowed += hc_pace_take(&pace, true, uid, 0) ? 1 : 0;
	}
	assert_int_equal(allowed, (HC_PACE_UIDS + 1) * HC_PACE_BURST);
	assert_true(
		hc_pace_take(&pace, true, 9999999, HC_PACE_MS * HC_PACE_BURST)); /* places are free again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_gets_no_more_than_its_share),
		cmocka_unit_test(users_in_any_number_leave_the_reserve_to_root),
		cmocka_unit_test(administrators_cannot_use_the_reserve_up),
		cmocka_unit_test(a_broker_short_of_descriptors_still_serves_root),
		cmocka_unit_test(what_is_given_back_leaves_nothing_behind),
		cmocka_unit_test(a_gate_lets_one_line_a_minute_through_and_counts_the_others),
		cmocka_unit_test(the_clock_watch_tells_a_jump_once_and_no_drift),
		cmocka_unit_test(who_asks_without_end_is_slowed_down_and_nobody_else),
		cmocka_unit_test(callers_without_a_name_share_one_pace),
		cmocka_unit_test(more_callers_than_places_share_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
