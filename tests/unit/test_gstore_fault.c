/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out in the middle of a group, at every allocation that SQLite makes, once and for good: a
 * member is refused and nothing of it is written, or it is accepted and all of it is. And every
 * allocation and system call of our own when the store is opened.
 */
#include "gstore_support.h"

#include <stdatomic.h>

#include <sqlite3.h>

#include "store/outbox.h"
#include "tests/support/fault.h"

#define GROUP 3
#define CODES 9000

static sqlite3_mem_methods real;
static atomic_uint fail_at; /* 0: never */
static atomic_bool fail_on; /* the later ones as well */
static atomic_uint calls, failed;

static bool must_fail(void)
{
	const unsigned at = atomic_load(&fail_at), call = atomic_fetch_add(&calls, 1) + 1;

	if (at == 0 || call < at || (call > at && !atomic_load(&fail_on)))
		return false;
	(void)atomic_fetch_add(&failed, 1);
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
	atomic_store(&fail_at, 0);
	atomic_store(&fail_on, on);
	atomic_store(&calls, 0);
	atomic_store(&failed, 0);
	atomic_store(&fail_at, n);
}

static enum hc_err add_codes(struct hc_gstore_tx *tx, void *ctx)
{
	enum hc_err err = HC_OK;

	(void)ctx;
	for (int64_t i = 1; err == HC_OK && i <= CODES; i++) {
		const struct hc_grant grant = grant_of(i, 1, 0);
		const struct hc_code code = code_of(i, i, 1);

		err = hc_grant_add(tx, &grant);
		if (err == HC_OK)
			err = hc_code_add(tx, &code);
	}
	return err;
}

struct exchange {
	int64_t id;
	enum hc_redeem outcome;
	enum hc_err result;
};

static int completed;

static enum hc_err exchange_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct exchange *exchange = ctx;
	const struct hc_code_try code_try = {.ref = ref_of(exchange->id),
					     .client = 1,
					     .redirect_uri = "https://app.example/cb",
					     .challenge = VERIFIER_HASH};
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
	enum hc_err err = hc_code_redeem(tx, &code_try, T0 + 1, &exchange->outcome, &grant, nonce);

	if (err != HC_OK || exchange->outcome != HC_REDEEM_OK)
		return err;
	const struct hc_access access = access_of(exchange->id, exchange->id, 1);
	const struct hc_refresh refresh = refresh_of(exchange->id, exchange->id, 1);
	const struct hc_outbox_record proof = {.event = HC_OUTBOX_APPLICATION, .success = true};
	err = hc_access_add(tx, &access);
	if (err == HC_OK)
		err = hc_refresh_add(tx, &refresh);
	return err == HC_OK ? hc_outbox_add(tx, &proof) : err;
}

static void done(enum hc_err result, void *ctx)
{
	struct exchange *exchange = ctx;

	exchange->result = result;
	completed++;
}

static void exchange_codes(struct bench *bench, struct exchange group[GROUP], int64_t first)
{
	completed = 0;
	for (int i = 0; i < GROUP; i++) {
		group[i] = (struct exchange){.id = first + i};
		assert_int_equal(hc_gstore_write(bench->store, &bench->loop, exchange_work, done, &group[i]),
				 HC_OK);
	}
	while (completed < GROUP)
		loop_run_one(&bench->loop);
}

static int64_t proofs(struct bench *bench)
{
	int64_t count = 0;

	assert_int_equal(hc_outbox_waiting(view_of(bench), &count), HC_OK);
	return count;
}

static void check(struct bench *bench, const struct exchange *exchange, unsigned n)
{
	const struct hc_ticket_ref ref = ref_of(exchange->id);
	struct hc_refresh_info refresh;
	struct hc_access_info access;
	struct exchange again = {.id = exchange->id};
	const bool accepted = exchange->result == HC_OK && exchange->outcome == HC_REDEEM_OK;
	const enum hc_err wanted = accepted ? HC_OK : HC_ERR_NOTFOUND;

	if (exchange->result != HC_OK && exchange->result != HC_ERR_NOMEM && exchange->result != HC_ERR_IO)
		fail_msg("allocation %u: %s: %s", n, hc_strerror(exchange->result), bench->log);
	if (hc_access_find(view_of(bench), &ref, T0 + 1, &access) != wanted ||
	    hc_refresh_find(view_of(bench), &ref, T0 + 1, &refresh) != wanted)
		fail_msg("allocation %u: answered %s, stored otherwise", n, hc_strerror(exchange->result));
	if (accepted)
		return;
	WRITE(bench, exchange_work, &again); /* the same store, and the code is still good */
	assert_int_equal(again.outcome, HC_REDEEM_OK);
}

/* Whether an allocation failed, i.e. n is not beyond the last one. */
static bool try_one(struct bench *bench, unsigned n, bool on, unsigned *refused)
{
	struct exchange group[GROUP];

	if (n % 4 == 1)
		bench_reopen(bench); /* statements are to be prepared again */
	bench->log[0] = '\0';
	const int64_t before = proofs(bench);
	arm(n, on);
	exchange_codes(bench, group, (int64_t)n * GROUP);
	const bool hit = atomic_load(&failed) > 0;
	arm(0, false);
	int64_t acts = before;
	for (int i = 0; i < GROUP; i++)
		acts += group[i].result == HC_OK && group[i].outcome == HC_REDEEM_OK ? 1 : 0;
	if (proofs(bench) != acts)
		fail_msg("allocation %u: %" PRId64 " acts, %" PRId64 " proofs", n, acts, proofs(bench));
	for (int i = 0; i < GROUP; i++) {
		check(bench, &group[i], n);
		*refused += group[i].result == HC_OK ? 0 : 1;
	}
	return hit;
}

static void try_all(struct bench *bench, bool on)
{
	unsigned n = 1, refused = 0, missed = 0;

	/* Where statements are kept there are fewer allocations: the end is when four in a row had none. */
	for (; missed < 4 && (n + 1) * GROUP < CODES; n += n < 200 ? 1 : 3)
		missed = try_one(bench, n, on, &refused) ? 0 : missed + 1;
	assert_true(n > 50);
	assert_true(refused > 20);
	assert_int_equal(missed, 4);
}

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	(void)have_client(*state, "app");
	return write_now(*state, add_codes, NULL) == HC_OK ? 0 : -1;
}

static void one_allocation_that_fails_never_parts_an_answer_from_the_disk(void **state)
{
	try_all(*state, false);
}

static void memory_that_stays_away_never_parts_an_answer_from_the_disk(void **state)
{
	try_all(*state, true);
}

static void opening_fails_cleanly_wherever_sqlite_gets_no_memory(void **state)
{
	struct bench *bench = *state;
	bool hit = true;
	unsigned n = 1;

	for (; hit; n++) {
		hc_gstore_free(&bench->store);
		arm(n, false);
		const enum hc_err err = bench_open(bench);
		hit = atomic_load(&failed) > 0;
		arm(0, false);
		if ((err == HC_OK) != (bench->store != NULL))
			fail_msg("allocation %u: %s", n, hc_strerror(err));
	}
	assert_true(n > 50);
	assert_non_null(bench->store);
	(void)have_client(bench, "works");
}

static void opening_fails_cleanly_at_every_call_of_our_own(void **state)
{
	static const enum hc_fault_kind kinds[] = {HC_FAULT_MEMORY, HC_FAULT_SYSTEM};
	struct bench *bench = *state;

	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		for (unsigned n = 1;; n++) {
			hc_gstore_free(&bench->store);
			hc_fault_arm(kinds[kind], n);
			const enum hc_err err = bench_open(bench);
			const bool hit = hc_fault_hit();
			hc_fault_disarm();
			if (!hit) {
				assert_int_equal(err, HC_OK);
				assert_true(n > 1);
				break;
			}
			if ((err == HC_OK) != (bench->store != NULL))
				fail_msg("%s (%u): %s", hc_fault_symbol(), n, hc_strerror(err));
		}
	}
}

static void a_write_without_memory_is_refused_and_runs_nothing(void **state)
{
	struct bench *bench = *state;
	struct exchange exchange = {.id = 1, .result = HC_ERR_STATE};

	hc_fault_arm(HC_FAULT_MEMORY, 1);
	const enum hc_err err = hc_gstore_write(bench->store, &bench->loop, exchange_work, done, &exchange);
	hc_fault_disarm();
	assert_int_equal(err, HC_ERR_NOMEM);
	hc_gstore_free(&bench->store);
	assert_int_equal(exchange.result, HC_ERR_STATE);
	assert_int_equal(exchange.outcome, HC_REDEEM_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_allocation_that_fails_never_parts_an_answer_from_the_disk),
		TEST(memory_that_stays_away_never_parts_an_answer_from_the_disk),
		TEST(opening_fails_cleanly_wherever_sqlite_gets_no_memory),
		TEST(opening_fails_cleanly_at_every_call_of_our_own),
		TEST(a_write_without_memory_is_refused_and_runs_nothing),
	};

	/* No memory of SQLite's own aside: every allocation comes by here. */
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
		return 1;
	sqlite3_mem_methods failing = real;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
