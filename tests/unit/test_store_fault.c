/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out in the middle of a sign-in, at every allocation that SQLite makes: it is refused
 * and nothing of it is written, or it is accepted and all of it is.
 */
#include "store_support.h"

#include <sqlite3.h>

static const struct hc_credential_id ID = {"aaaabbbbcccc"};

static sqlite3_mem_methods real;
static unsigned fail_at; /* 0: never */
static bool fail_on;	 /* the later ones as well */
static unsigned calls, failed;

static bool must_fail(void)
{
	calls++;
	if (fail_at == 0 || calls < fail_at || (calls > fail_at && !fail_on))
		return false;
	failed++;
	return true;
}

static void *failing_malloc(int size)
{
	return must_fail() ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
	return must_fail() ? NULL : real.xRealloc(old, size);
}

static void arm(unsigned n, bool on)
{
	fail_at = n;
	fail_on = on;
	calls = 0;
	failed = 0;
}

static enum hc_err consume(struct hc_store *store, int64_t step)
{
	struct hc_credential list[2];
	struct hc_throttle_row row;
	size_t count = 0;
	enum hc_err err = hc_store_throttle_get(store, 1, HC_FACTOR_OTP, "", &row);

	row.failures++;
	if (err == HC_OK)
		err = hc_store_throttle_put(store, &row);
	if (err == HC_OK)
		err = hc_store_credential_list(store, 1, false, HC_COUNT(list), list, &count);
	if (err == HC_OK && count != 1)
		err = HC_ERR_CORRUPT;
	if (err == HC_OK)
		err = hc_store_totp_consume(store, &ID, step, 0, step);
	return err == HC_OK ? hc_store_throttle_clear(store, 1, HC_FACTOR_OTP, "", NULL) : err;
}

/* A whole sign-in; the error says whether it may be granted. */
static enum hc_err sign_in(struct hc_store *store, int64_t step)
{
	const struct hc_audit_record record = {.seq = step, .event = "sign-in", .outcome = "success"};
	const struct hc_login login = login_of("martin");
	struct hc_person person;
	enum hc_err err = hc_store_person_by_login(store, &login, &person);

	if (err == HC_OK)
		err = hc_store_begin(store);
	if (err == HC_OK)
		err = consume(store, step);
	if (err == HC_OK)
		err = hc_store_audit_append(store, &record);
	if (err == HC_OK)
		return hc_store_commit(store);
	hc_store_rollback(store);
	return err;
}

static int64_t last_step(struct hc_store *store)
{
	struct hc_credential credential;
	struct hc_audit_record record = {.seq = 0};

	if (hc_store_audit_last(store, &record) != HC_OK)
		record.seq = 0;
	assert_int_equal(hc_store_credential_by_id(store, &ID, &credential), HC_OK);
	assert_int_equal(credential.last_step < 0 ? 0 : credential.last_step, record.seq);
	return record.seq;
}

/* One sign-in with the n-th allocation failing; false when there was no n-th. */
static bool try_one(struct bench *bench, unsigned n, bool on, unsigned *refused)
{
	bench_reopen(bench); /* statements are prepared anew, so that their allocations count */
	const int64_t before = last_step(bench->store);

	bench->log[0] = '\0';
	arm(n, on);
	const enum hc_err err = sign_in(bench->store, before + 1);
	const bool hit = failed > 0;
	arm(0, false);
	const int64_t live = last_step(bench->store);
	bench_reopen(bench);
	const int64_t stored = last_step(bench->store);
	if (live != stored)
		fail_msg("allocation %u: %" PRId64 " in memory, %" PRId64 " on disk", n, live, stored);
	if (stored != before + (err == HC_OK ? 1 : 0))
		fail_msg("allocation %u: %s, but step %" PRId64 " after %" PRId64, n, hc_strerror(err),
			 stored, before);
	if (err != HC_OK && err != HC_ERR_NOMEM)
		fail_msg("allocation %u: %s: %s", n, hc_strerror(err), bench->log);
	*refused += err == HC_OK ? 0 : 1;
	return hit;
}

static void try_all(struct bench *bench, bool on)
{
	unsigned n = 1, refused = 0;

	while (try_one(bench, n, on, &refused))
		n++;
	assert_true(n > 50);
	assert_true(refused > 20);
}

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const struct hc_credential credential =
		credential_of(add_person(bench->store, "martin"), ID.text, HC_CREDENTIAL_TOTP);

	add_credential(bench->store, &credential);
	return 0;
}

static void one_allocation_that_fails_never_parts_the_answer_from_the_disk(void **state)
{
	try_all(*state, false);
}

static void memory_that_stays_away_never_parts_the_answer_from_the_disk(void **state)
{
	try_all(*state, true);
}

/* The same object works on when there is memory again, without a restart. */
static void the_store_works_again_when_there_is_memory(void **state)
{
	struct bench *bench = *state;

	for (unsigned n = 1; n < 400; n += 3) {
		const int64_t before = last_step(bench->store);

		arm(n % 40 + 1, true);
		const enum hc_err err = sign_in(bench->store, before + 1);
		arm(0, false);
		assert_int_equal(last_step(bench->store), before + (err == HC_OK ? 1 : 0));
		assert_int_equal(sign_in(bench->store, last_step(bench->store) + 1), HC_OK);
		if (n % 60 == 1)
			bench_reopen(bench);
	}
}

static void opening_fails_cleanly_wherever_memory_runs_out(void **state)
{
	struct bench *bench = *state;
	bool hit = true;

	for (unsigned n = 1; hit; n++) {
		struct hc_store *store = NULL;

		hc_store_free(&bench->store);
		arm(n, false);
		const enum hc_err err = hc_store_open(bench->path, &store);
		hit = failed > 0;
		arm(0, false);
		if ((err == HC_OK) != (store != NULL))
			fail_msg("allocation %u: %s", n, hc_strerror(err));
		hc_store_free(&store);
		assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
		assert_int_equal(last_step(bench->store), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_allocation_that_fails_never_parts_the_answer_from_the_disk),
		TEST(memory_that_stays_away_never_parts_the_answer_from_the_disk),
		TEST(the_store_works_again_when_there_is_memory),
		TEST(opening_fails_cleanly_wherever_memory_runs_out),
	};

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
		return 1;
	sqlite3_mem_methods failing = real;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
