/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite runs our statements: the sign-in path finds its rows by an index, however many there are. */
#include "store_support.h"

#include "store/db.h"
#include "tests/support/sqlite_file.h"

static void a_statement_without_an_index_is_recognised_as_one(void **state)
{
	struct bench *bench = *state;
	char plan[512];

	assert_true(plan_grows(bench->store->db.handle, "SELECT id FROM person WHERE given_name = ?1", plan,
			       sizeof(plan)));
	assert_true(plan_grows(bench->store->db.handle,
			       "SELECT id FROM person WHERE id > ?1 ORDER BY given_name", plan,
			       sizeof(plan)));
	assert_true(plan_grows(bench->store->db.handle, "UPDATE credential SET counter = 1 WHERE state = 1",
			       plan, sizeof(plan)));
	assert_false(plan_grows(bench->store->db.handle, "SELECT given_name FROM person WHERE id = ?1", plan,
				sizeof(plan)));
}

static void no_statement_of_a_sign_in_scans_or_sorts(void **state)
{
	struct bench *bench = *state;
	unsigned looked_at = 0;

	for (unsigned i = 0; i < HC_SQL_COUNT_; i++) {
		char plan[512];

		if ((hc_store_sql[i].flags & HC_SQL_HOT) == 0)
			continue;
		looked_at++;
		if (plan_grows(bench->store->db.handle, hc_store_sql[i].text, plan, sizeof(plan)))
			fail_msg("statement %u (%s): %s", i, hc_store_sql[i].text, plan);
	}
	assert_true(looked_at >= 12);
}

/* Lists page by key; only counting, asking whether there is anything at all, and a restore may scan. */
static void of_the_other_statements_only_a_few_scan(void **state)
{
	struct bench *bench = *state;

	for (unsigned i = HC_SQL_OWN; i < HC_SQL_COUNT_; i++) {
		const bool may = i == HC_SQL_PERSON_COUNT || i == HC_SQL_HAS_SEALED ||
				 i == HC_SQL_AUDIT_LAST || i == HC_SQL_FIDO_ELSEWHERE ||
				 i == HC_SQL_FIDO_NAMELESS || i == HC_SQL_CREDENTIAL_COUNT ||
				 i == HC_SQL_SETTLE_TOTP;
		char plan[512];

		if (!may && plan_grows(bench->store->db.handle, hc_store_sql[i].text, plan, sizeof(plan)))
			fail_msg("statement %u (%s): %s", i, hc_store_sql[i].text, plan);
	}
}

/* What a plan cannot show: the steps that SQLite really takes do not grow with the rows. */
static int64_t steps_of(struct hc_store *store, const char *login)
{
	struct hc_credential list[HC_CREDENTIALS_MAX];
	struct hc_throttle_row row;
	struct hc_audit_record last = {.seq = 0};
	struct hc_person person;
	const struct hc_login name = login_of(login);
	size_t count = 0;
	int64_t steps = 0;

	assert_int_equal(hc_store_person_by_login(store, &name, &person), HC_OK);
	assert_int_equal(hc_store_credential_list(store, person.id, false, HC_CREDENTIALS_MAX, list, &count),
			 HC_OK);
	if (hc_store_audit_last(store, &last) != HC_OK)
		last.seq = 0;
	BEGIN(store);
	assert_int_equal(hc_store_throttle_get(store, person.id, HC_FACTOR_OTP, "", &row), HC_OK);
	row.failures++;
	assert_int_equal(hc_store_throttle_put(store, &row), HC_OK);
	assert_int_equal(hc_store_totp_consume(store, &list[0].id, list[0].last_step + 1, 0, 1), HC_OK);
	assert_int_equal(hc_store_throttle_clear(store, person.id, HC_FACTOR_OTP, "", NULL), HC_OK);
	last.seq++;
	assert_int_equal(hc_store_audit_append(store, &last), HC_OK);
	COMMIT(store);
	for (unsigned i = 0; i < HC_SQL_COUNT_; i++)
		if (store->db.stmts[i] != NULL && (hc_store_sql[i].flags & HC_SQL_HOT) != 0)
			steps += sqlite3_stmt_status(store->db.stmts[i], SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

static void add_people(struct hc_store *store, unsigned from, unsigned to)
{
	BEGIN(store);
	for (unsigned i = from; i < to; i++) {
		char login[24], id[24];
		int64_t person_id = 0;

		(void)snprintf(login, sizeof(login), "user%06u", i);
		(void)snprintf(id, sizeof(id), "aaaaaa%06u", i);
		const struct hc_person person = person_of(login);
		assert_int_equal(hc_store_person_add(store, &person, &person_id), HC_OK);
		const struct hc_credential credential = credential_of(person_id, id, HC_CREDENTIAL_TOTP);
		const struct hc_throttle_row row = {
			.person_id = person_id, .factor = HC_FACTOR_RECOVERY, .failures = 1};
		const struct hc_audit_record record = {.seq = i, .event = "enroll"};
		assert_int_equal(hc_store_credential_add(store, &credential), HC_OK);
		assert_int_equal(hc_store_throttle_put(store, &row), HC_OK);
		assert_int_equal(hc_store_audit_append(store, &record), HC_OK);
	}
	COMMIT(store);
}

static void a_sign_in_takes_as_many_steps_among_3000_people_as_alone(void **state)
{
	struct bench *bench = *state;

	add_people(bench->store, 1, 2);
	(void)steps_of(bench->store, "user000001"); /* the adding counted as well */
	const int64_t alone = steps_of(bench->store, "user000001");
	assert_true(alone > 0);
	add_people(bench->store, 4, 3000); /* the trail has three records by now */
	(void)steps_of(bench->store, "user001500");
	/* Where a key falls in its page makes a difference of a step or two, the number of rows none. */
	assert_in_range(steps_of(bench->store, "user001500"), alone - 8, alone + 8);
	assert_in_range(steps_of(bench->store, "user000001"), alone - 8, alone + 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_statement_without_an_index_is_recognised_as_one),
		TEST(no_statement_of_a_sign_in_scans_or_sorts),
		TEST(of_the_other_statements_only_a_few_scan),
		TEST(a_sign_in_takes_as_many_steps_among_3000_people_as_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
