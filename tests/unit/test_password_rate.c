/* SPDX-License-Identifier: Apache-2.0 */
/* How many passwords may be tried: for one login, in all, and when more logins come than there are places. */
#include "password_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START INT64_C(1000000)

static struct hc_login login_of(unsigned number)
{
	struct hc_login login;

	(void)snprintf(login.text, sizeof(login.text), "user%u", number);
	return login;
}

static unsigned take_many(struct hc_rate *rate, const struct hc_login *login, unsigned times, int64_t now_ms)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < times; i++)
		taken += hc_rate_take(rate, login, now_ms) ? 1 : 0;
	return taken;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct hc_rate));
	return *state == NULL;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void one_login_is_refused_after_its_burst_and_others_are_not(void **state)
{
	struct hc_login martin = login_of(1), durand = login_of(2);

	assert_int_equal(take_many(*state, &martin, 50, START), HC_RATE_LOGIN_BURST);
	assert_int_equal(take_many(*state, &durand, 1, START), 1);
}

static void tries_come_back_one_by_one_and_never_more_than_a_burst(void **state)
{
	struct hc_login martin = login_of(1);

	assert_int_equal(take_many(*state, &martin, 50, START), HC_RATE_LOGIN_BURST);
	assert_int_equal(take_many(*state, &martin, 50, START + HC_RATE_LOGIN_MS - 1), 0);
	assert_int_equal(take_many(*state, &martin, 50, START + HC_RATE_LOGIN_MS), 1);
	assert_int_equal(take_many(*state, &martin, 50, START + 1000 * HC_RATE_LOGIN_MS),
			 HC_RATE_LOGIN_BURST);
}

static void refused_tries_cost_nothing(void **state)
{
	struct hc_login martin = login_of(1);

	assert_int_equal(take_many(*state, &martin, 10000, START), HC_RATE_LOGIN_BURST);
	assert_int_equal(take_many(*state, &martin, 1, START + HC_RATE_LOGIN_MS), 1);
	assert_int_equal(take_many(*state, NULL, 10000, START + HC_RATE_LOGIN_MS), HC_RATE_ALL_BURST - 1);
}

static void all_together_have_a_bound_also_when_each_login_is_new(void **state)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < 10000; i++) {
		struct hc_login login = login_of(i);

		taken += take_many(*state, &login, 1, START);
	}
	assert_int_equal(taken, HC_RATE_ALL_BURST);
}

static void what_is_nobodys_counts_in_all_alone(void **state)
{
	assert_int_equal(take_many(*state, NULL, 1000, START), HC_RATE_ALL_BURST);
	assert_int_equal(take_many(*state, NULL, 1000, START + HC_RATE_ALL_MS), 1);
}

static void without_a_free_place_no_new_login_is_let_through(void **state)
{
	struct hc_rate *rate = *state;
	struct hc_login known = login_of(0), unheard = login_of(HC_RATE_LOGINS);

	for (unsigned i = 0; i < HC_RATE_LOGINS; i++)
		rate->logins[i] = (struct hc_rate_login){.login = login_of(i), .full_ms = START + 1};
	assert_int_equal(take_many(rate, &unheard, 1, START), 0);
	assert_int_equal(take_many(rate, &known, 1, START), 1);
	assert_int_equal(take_many(rate, &unheard, 1, START + 1), 1);
}

static void it_is_idle_only_once_every_bucket_is_full_again(void **state)
{
	struct hc_login martin = login_of(1);

	assert_true(hc_rate_idle(*state, START));
	assert_int_equal(take_many(*state, &martin, 2, START), 2);
	assert_false(hc_rate_idle(*state, START + 2 * HC_RATE_LOGIN_MS - 1));
	assert_true(hc_rate_idle(*state, START + 2 * HC_RATE_LOGIN_MS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_login_is_refused_after_its_burst_and_others_are_not),
		TEST(tries_come_back_one_by_one_and_never_more_than_a_burst),
		TEST(refused_tries_cost_nothing),
		TEST(all_together_have_a_bound_also_when_each_login_is_new),
		TEST(what_is_nobodys_counts_in_all_alone),
		TEST(without_a_free_place_no_new_login_is_let_through),
		TEST(it_is_idle_only_once_every_bucket_is_full_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
