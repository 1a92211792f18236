/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite runs our statements: tokens are found by a key, however many there are. */
#include "gstore_support.h"

#include "store/db.h"
#include "tests/support/sqlite_file.h"

static void a_statement_without_an_index_is_recognised_as_one(void **state)
{
	struct hc_gstore_view *view = view_of(*state);
	char plan[512];

	assert_true(plan_grows(view->db.handle, "SELECT id FROM access WHERE hash = ?1", plan, sizeof(plan)));
	assert_true(plan_grows(view->db.handle, "SELECT id FROM grants WHERE id > ?1 ORDER BY sub", plan,
			       sizeof(plan)));
	assert_true(
		plan_grows(view->db.handle, "DELETE FROM access WHERE issued_ms < 1", plan, sizeof(plan)));
	assert_false(
		plan_grows(view->db.handle, "SELECT hash FROM access WHERE id = ?1", plan, sizeof(plan)));
}

/* A purge as well: it takes the oldest rows off an index. */
static void no_statement_of_a_token_scans_or_sorts(void **state)
{
	struct hc_gstore_view *view = view_of(*state);
	unsigned looked_at = 0;

	for (unsigned i = 0; i < HC_GSQL_COUNT_; i++) {
		char plan[1024];

		if ((hc_gstore_sql[i].flags & HC_SQL_HOT) == 0)
			continue;
		looked_at++;
		if (plan_grows(view->db.handle, hc_gstore_sql[i].text, plan, sizeof(plan)))
			fail_msg("statement %u (%s): %s", i, hc_gstore_sql[i].text, plan);
	}
	assert_true(looked_at >= 30);
}

/* Keys are a handful; the greatest id is the end of each table, at the start alone. */
static void of_the_others_only_those_over_keys_and_the_greatest_ids_scan(void **state)
{
	struct hc_gstore_view *view = view_of(*state);

	for (unsigned i = HC_GSQL_MAX_ID; i < HC_GSQL_COUNT_; i++) {
		const bool may = i == HC_GSQL_MAX_ID || i == HC_GSQL_KEY_COUNT || i == HC_GSQL_KEY_LIST ||
				 i == HC_GSQL_KEY_RETIRE;
		char plan[1024];

		if (!may && plan_grows(view->db.handle, hc_gstore_sql[i].text, plan, sizeof(plan)))
			fail_msg("statement %u (%s): %s", i, hc_gstore_sql[i].text, plan);
	}
}

/* ---- what a plan cannot show: the steps that SQLite really takes do not grow with the rows ---- */

struct range {
	int64_t from, to;
};

static enum hc_err add_range(struct hc_gstore_tx *tx, void *ctx)
{
	const struct range *range = ctx;
	enum hc_err err = HC_OK;

	for (int64_t i = range->from; err == HC_OK && i < range->to; i++) {
		const struct hc_browser_session session = session_of(i * 8 + 1, i);
		const struct hc_grant grant = grant_of(i * 8 + 2, 1, i * 8 + 1);
		const struct hc_code code = code_of(i * 8 + 3, i * 8 + 2, 1);
		const struct hc_access access = access_of(i * 8 + 4, i * 8 + 2, 1);
		const struct hc_refresh refresh = refresh_of(i * 8 + 5, i * 8 + 2, 1);

		err = hc_session_add(tx, &session);
		if (err == HC_OK)
			err = hc_grant_add(tx, &grant);
		if (err == HC_OK)
			err = hc_code_add(tx, &code);
		if (err == HC_OK)
			err = hc_access_add(tx, &access);
		if (err == HC_OK)
			err = hc_refresh_add(tx, &refresh);
	}
	return err;
}

static int64_t steps_of(struct hc_gstore_view *view)
{
	int64_t steps = 0;

	for (unsigned i = 0; i < HC_GSQL_COUNT_; i++)
		if (view->db.stmts[i] != NULL && (hc_gstore_sql[i].flags & HC_SQL_HOT) != 0)
			steps += sqlite3_stmt_status(view->db.stmts[i], SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

struct walk {
	int64_t number, steps;
};

/* Everything that happens to one person's tokens, and the end of the session. */
static enum hc_err walk(struct hc_gstore_tx *tx, void *ctx)
{
	struct walk *walk = ctx;
	const int64_t base = walk->number * 8;
	const struct hc_code_try code_try = {.ref = ref_of(base + 3),
					     .client = 1,
					     .redirect_uri = "https://app.example/cb",
					     .challenge = VERIFIER_HASH};
	const struct hc_refresh_try refresh_try = {.ref = ref_of(base + 5),
						   .client = 1,
						   .grace_ms = 1000,
						   .successor = ref_of(base + 6),
						   .successor_expires_ms = T0 + 3600000};
	const struct hc_refresh_try repeat = {.ref = ref_of(base + 5),
					      .client = 1,
					      .grace_ms = 1000,
					      .successor = ref_of(base + 7),
					      .successor_expires_ms = T0 + 3600000};
	const struct hc_ticket_ref access = ref_of(base + 4);
	struct hc_access_info info;
	struct hc_grant grant;
	enum hc_redeem outcome = HC_REDEEM_REFUSED;
	char nonce[HC_NONCE_MAX + 1];
	int64_t expires_ms = 0;
	enum hc_err err = HC_OK;

	(void)steps_of(hc_gstore_tx_view(tx));
	err = hc_code_redeem(tx, &code_try, T0 + 1, &outcome, &grant, nonce);
	if (err == HC_OK)
		err = hc_access_find(hc_gstore_tx_view(tx), &access, T0 + 1, &info);
	if (err == HC_OK)
		err = hc_refresh_rotate(tx, &refresh_try, T0 + 1, &outcome, &grant, &expires_ms);
	if (err == HC_OK)
		err = hc_refresh_rotate(tx, &repeat, T0 + 1, &outcome, &grant, &expires_ms);
	if (err == HC_OK)
		err = hc_session_end(tx, base + 1, T0 + 1);
	walk->steps = steps_of(hc_gstore_tx_view(tx));
	return err == HC_OK && outcome != HC_REDEEM_OK ? HC_ERR_STATE : err;
}

static void a_token_path_takes_as_many_steps_among_3000_as_alone(void **state)
{
	struct bench *bench = *state;
	struct range first = {.from = 1, .to = 2}, rest = {.from = 2, .to = 3000};
	struct walk alone = {.number = 1}, among = {.number = 1500}, last = {.number = 2999};

	(void)have_client(bench, "app");
	WRITE(bench, add_range, &first);
	WRITE(bench, walk, &alone);
	assert_true(alone.steps > 50);
	WRITE(bench, add_range, &rest);
	WRITE(bench, walk, &among);
	WRITE(bench, walk, &last);
	/* Where a key falls in its page makes a difference of a step or two, the number of rows none. */
	assert_in_range(among.steps, alone.steps - 8, alone.steps + 8);
	assert_in_range(last.steps, alone.steps - 8, alone.steps + 8);
}

/* A page cache of fixed size: the memory of SQLite does not follow the number of tokens. */
static void memory_does_not_grow_with_the_tokens(void **state)
{
	struct bench *bench = *state;
	int64_t used[3];
	struct hc_access_info info;

	(void)have_client(bench, "app");
	for (int round = 0; round < 3; round++) {
		for (int64_t from = 1 + round * 10000; from < 1 + (round + 1) * 10000; from += 2000) {
			struct range range = {.from = from, .to = from + 2000};
			WRITE(bench, add_range, &range);
		}
		for (int64_t i = 1; i < 10000; i++) {
			const struct hc_ticket_ref ref = ref_of((1 + i % ((round + 1) * 10000)) * 8 + 4);
			assert_int_equal(hc_access_find(view_of(bench), &ref, T0, &info), HC_OK);
		}
		used[round] = sqlite3_memory_used();
	}
	assert_true(used[2] < 16 * 1024 * 1024);
	assert_true(used[2] < used[1] + 1024 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_statement_without_an_index_is_recognised_as_one),
		TEST(no_statement_of_a_token_scans_or_sorts),
		TEST(of_the_others_only_those_over_keys_and_the_greatest_ids_scan),
		TEST(a_token_path_takes_as_many_steps_among_3000_as_alone),
		TEST(memory_does_not_grow_with_the_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
