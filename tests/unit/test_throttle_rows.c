/* SPDX-License-Identifier: Apache-2.0 */
/* Failure counters as rows. */
#include "store_support.h"

static struct hc_throttle_row row_of(int64_t person, enum hc_factor factor, const char *scope,
				     uint32_t failures)
{
	struct hc_throttle_row row = {.person_id = person,
				      .factor = factor,
				      .failures = failures,
				      .last_failure_ms = 100 + failures,
				      .locked_until_ms = 200 + failures};

	(void)snprintf(row.scope, sizeof(row.scope), "%s", scope);
	return row;
}

static void put(struct bench *bench, struct hc_throttle_row row)
{
	BEGIN(bench->store);
	assert_int_equal(hc_store_throttle_put(bench->store, &row), HC_OK);
	COMMIT(bench->store);
}

static uint32_t failures_of(struct bench *bench, int64_t person, enum hc_factor factor, const char *scope)
{
	struct hc_throttle_row row;

	assert_int_equal(hc_store_throttle_get(bench->store, person, factor, scope, &row), HC_OK);
	assert_int_equal(row.person_id, person);
	assert_int_equal(row.factor, factor);
	assert_string_equal(row.scope, scope);
	return row.failures;
}

static void a_count_survives_a_restart_and_others_keep_theirs(void **state)
{
	struct bench *bench = *state;
	struct hc_throttle_row row;
	const int64_t martin = add_person(bench->store, "martin"),
		      claire = add_person(bench->store, "claire");

	put(bench, row_of(martin, HC_FACTOR_OTP, "", 3));
	put(bench, row_of(martin, HC_FACTOR_OTP, "", 4));
	put(bench, row_of(martin, HC_FACTOR_OTP, "uid:1000", UINT32_MAX));
	put(bench, row_of(claire, HC_FACTOR_OTP, "", 1));
	bench_reopen(bench);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_OTP, ""), 4);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_OTP, "uid:1000"), UINT32_MAX);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_RECOVERY, ""), 0);
	assert_int_equal(failures_of(bench, claire, HC_FACTOR_OTP, ""), 1);
	assert_int_equal(hc_store_throttle_get(bench->store, martin, HC_FACTOR_OTP, "", &row), HC_OK);
	assert_int_equal(row.last_failure_ms, 104);
	assert_int_equal(row.locked_until_ms, 204);
}

static void a_count_of_nobody_and_a_scope_too_long_are_refused(void **state)
{
	struct bench *bench = *state;
	struct hc_throttle_row row = row_of(99, HC_FACTOR_OTP, "", 3), out = {.failures = 77};
	char scope[HC_SCOPE_MAX + 1];

	memset(scope, 's', sizeof(scope));
	scope[HC_SCOPE_MAX] = '\0';
	assert_int_equal(hc_store_throttle_get(bench->store, 1, HC_FACTOR_OTP, scope, &out), HC_ERR_TOOBIG);
	assert_int_equal(out.failures, 77);
	BEGIN(bench->store);
	assert_int_equal(hc_store_throttle_put(bench->store, &row), HC_ERR_INVALID);
	hc_store_rollback(bench->store);
}

static void clearing_takes_one_row_or_all_of_a_person(void **state)
{
	struct bench *bench = *state;
	const int64_t martin = add_person(bench->store, "martin"),
		      claire = add_person(bench->store, "claire");
	size_t cleared = 99;

	put(bench, row_of(martin, HC_FACTOR_OTP, "", 3));
	put(bench, row_of(martin, HC_FACTOR_OTP, "uid:1000", 3));
	put(bench, row_of(martin, HC_FACTOR_RECOVERY, "", 3));
	put(bench, row_of(claire, HC_FACTOR_OTP, "", 3));
	BEGIN(bench->store);
	assert_int_equal(hc_store_throttle_clear(bench->store, martin, HC_FACTOR_OTP, "uid:7", &cleared),
			 HC_OK);
	assert_int_equal(cleared, 0);
	assert_int_equal(hc_store_throttle_clear(bench->store, martin, HC_FACTOR_OTP, "", &cleared), HC_OK);
	assert_int_equal(cleared, 1);
	COMMIT(bench->store);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_OTP, ""), 0);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_OTP, "uid:1000"), 3);
	BEGIN(bench->store);
	assert_int_equal(hc_store_throttle_clear(bench->store, martin, 0, NULL, &cleared), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(cleared, 2);
	assert_int_equal(failures_of(bench, martin, HC_FACTOR_RECOVERY, ""), 0);
	assert_int_equal(failures_of(bench, claire, HC_FACTOR_OTP, ""), 3);
}

static void the_list_pages_through_every_row_with_failures_once(void **state)
{
	struct bench *bench = *state;
	struct hc_throttle_row page[3];
	int64_t cursor = 0;
	size_t count = 0, seen = 0;
	char login[16];

	for (uint32_t i = 0; i < 7; i++) {
		(void)snprintf(login, sizeof(login), "user%u", i);
		put(bench, row_of(add_person(bench->store, login), HC_FACTOR_OTP, "", i));
	}
	do {
		assert_int_equal(hc_store_throttle_list(bench->store, &cursor, 3, page, &count), HC_OK);
		for (size_t i = 0; i < count; i++) {
			seen++; /* user0 has no failures */
			(void)snprintf(login, sizeof(login), "user%zu", seen);
			assert_string_equal(page[i].login.text, login);
			assert_int_equal(page[i].failures, seen);
		}
	} while (count == 3);
	assert_int_equal(seen, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_count_of_nobody_and_a_scope_too_long_are_refused),
		TEST(a_count_survives_a_restart_and_others_keep_theirs),
		TEST(clearing_takes_one_row_or_all_of_a_person),
		TEST(the_list_pages_through_every_row_with_failures_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
