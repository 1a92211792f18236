/* SPDX-License-Identifier: Apache-2.0 */
/* The trail after somebody was at it: whatever was done to the file, verification finds it and says where. */
#include "audit_support.h"

#define RECORDS 9

static int setup(void **state)
{
	if (trail_setup(state) != 0)
		return -1;
	add_records(*state, RECORDS);
	return 0;
}

/* Verifies in slices of every size from 1; all must say the same. */
static struct hc_audit_check verify(struct trail *trail, const struct hc_audit_head *anchor)
{
	struct hc_audit_check result = {0};

	for (size_t slice = 1; slice <= RECORDS + 2; slice++) {
		struct hc_audit_check check = {0};
		unsigned calls = 0;

		if (anchor != NULL) {
			check.anchor = *anchor;
			check.has_anchor = true;
		}
		while (!check.done) {
			assert_int_equal(hc_audit_check_slice(trail->audit, &check, slice), HC_OK);
			assert_true(calls++ < 100);
		}
		if (slice > 1)
			assert_string_equal(check.defect, result.defect);
		result = check;
	}
	return result;
}

/* Edits the closed file as somebody with SQLite would, checks off. */
static void tamper(struct trail *trail, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	trail_close(trail);
	assert_int_equal(sqlite3_open(trail->bench.path, &db), SQLITE_OK);
	if (sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_true(sqlite3_total_changes(db) > 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(hc_store_open(trail->bench.path, &trail->bench.store), HC_OK);
	assert_int_equal(trail_open(trail), HC_OK);
}

static void expect_defect(const struct hc_audit_check *check, const char *what, const char *wanted)
{
	if (strstr(check->defect, wanted) == NULL)
		fail_msg("%s: the defect is \"%s\", wanted \"%s\"", what, check->defect, wanted);
}

static void any_field_changed_is_found_and_named(void **state)
{
	static const char *const changes[] = {
		"time_ms = time_ms + 1",
		"event = 'user-add'",
		"outcome = 'failure'",
		"reason = 201",
		"login = 'user5'",
		"login = ''",
		"factor = 'recovery'",
		"credential = 'aaaabbbbcccd'",
		"service = 'sshe'",
		"origin = '192.0.2.8'",
		"actor = 'uid 0 (rooT)'",
		"detail = ' '",
		"hash = zeroblob(32)",
		"hash = (SELECT hash FROM audit WHERE seq = 3)",
		"service = 'ssh', origin = 'd192.0.2.7'",
	};
	struct trail *trail = *state;

	for (size_t i = 0; i < HC_COUNT(changes); i++) {
		char sql[256];

		tamper(trail,
		       "CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 4; UPDATE kept SET seq = 4");
		(void)snprintf(sql, sizeof(sql), "UPDATE audit SET %s WHERE seq = 4", changes[i]);
		tamper(trail, sql);
		const struct hc_audit_check check = verify(trail, NULL);
		expect_defect(&check, changes[i], "record 4 ");
		assert_int_equal(check.checked, 3);
		tamper(trail, "DELETE FROM audit WHERE seq = 4; INSERT INTO audit SELECT * FROM kept; DROP "
			      "TABLE kept");
	}
	assert_string_equal(verify(trail, NULL).defect, "");
}

static void a_record_taken_out_is_found_also_when_the_rest_moves_up(void **state)
{
	struct trail *trail = *state;

	tamper(trail, "DELETE FROM audit WHERE seq = 5");
	struct hc_audit_check check = verify(trail, NULL);
	expect_defect(&check, "gap", "record 5 is missing: 4 is followed by 6");
	tamper(trail,
	       "UPDATE audit SET seq = -seq WHERE seq > 5; UPDATE audit SET seq = -seq - 1 WHERE seq < 0");
	check = verify(trail, NULL);
	expect_defect(&check, "moved up", "record 5 ");
}

static void the_first_record_taken_out_is_found(void **state)
{
	struct trail *trail = *state;

	tamper(trail, "DELETE FROM audit WHERE seq = 1");
	const struct hc_audit_check check = verify(trail, NULL);
	expect_defect(&check, "first", "record 1 is missing");
	assert_int_equal(check.checked, 0);
}

static void a_record_put_in_is_found(void **state)
{
	struct trail *trail = *state;

	tamper(trail,
	       "INSERT INTO audit SELECT 10, time_ms, event, outcome, reason, login, factor, credential,"
	       " service, origin, actor, detail, hash FROM audit WHERE seq = 9");
	const struct hc_audit_check check = verify(trail, NULL);
	expect_defect(&check, "copy", "record 10 ");
}

static void two_records_swapped_are_found(void **state)
{
	struct trail *trail = *state;

	tamper(trail, "UPDATE audit SET seq = -1 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = 7;"
		      "UPDATE audit SET seq = 7 WHERE seq = -1");
	const struct hc_audit_check check = verify(trail, NULL);
	expect_defect(&check, "swap", "record 6 does not fit the chain");
}

static struct hc_audit_head head_of(struct trail *trail)
{
	struct hc_audit_head head;

	assert_int_equal(hc_audit_head(trail->audit, &head), HC_OK);
	return head;
}

static void a_tail_that_was_cut_is_found_with_an_anchor_and_only_then(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_head anchor = head_of(trail);

	tamper(trail, "DELETE FROM audit WHERE seq > 6");
	assert_string_equal(verify(trail, NULL).defect, ""); /* what a chain cannot show */
	const struct hc_audit_check check = verify(trail, &anchor);
	expect_defect(&check, "cut", "ends with record 6, records 7 to 9 are missing");
	assert_false(check.anchor_bad);
	tamper(trail, "DELETE FROM audit");
	const struct hc_audit_check empty = verify(trail, &anchor);
	expect_defect(&empty, "all gone", "ends with record 0, records 1 to 9 are missing");
}

static void a_tail_cut_while_we_run_is_found_without_an_anchor(void **state)
{
	struct trail *trail = *state;

	/* As if the rows went under our hands: the broker remembers how far it had come. */
	trail->audit->committed.seq += 2;
	const struct hc_audit_check check = verify(trail, NULL);
	expect_defect(&check, "cut", "records 10 to 11 are missing");
}

/* Changes record 4 and computes every hash from there anew, as somebody who knows the format can. */
static void forge(struct trail *trail)
{
	struct hc_audit_record records[RECORDS];
	size_t count = 0;
	uint8_t previous[HC_SHA256_LEN] = {0};
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(hc_store_audit_list(trail->bench.store, 0, RECORDS, records, &count), HC_OK);
	assert_int_equal(count, RECORDS);
	trail_close(trail);
	assert_int_equal(sqlite3_open(trail->bench.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE audit SET login = ?2, hash = ?3 WHERE seq = ?1", -1,
					    &stmt, NULL),
			 SQLITE_OK);
	(void)snprintf(records[3].login, sizeof(records[3].login), "nobody");
	for (size_t i = 0; i < RECORDS; i++) {
		assert_int_equal(hc_audit_hash(previous, &records[i], previous), HC_OK);
		(void)sqlite3_bind_int64(stmt, 1, records[i].seq);
		(void)sqlite3_bind_text(stmt, 2, records[i].login, -1, SQLITE_STATIC);
		(void)sqlite3_bind_blob(stmt, 3, previous, sizeof(previous), SQLITE_TRANSIENT);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(hc_store_open(trail->bench.path, &trail->bench.store), HC_OK);
	assert_int_equal(trail_open(trail), HC_OK);
}

static void a_trail_computed_anew_is_found_with_an_anchor(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_head anchor = head_of(trail);

	forge(trail);
	assert_string_equal(verify(trail, NULL).defect, "");
	const struct hc_audit_check check = verify(trail, &anchor);
	expect_defect(&check, "forged", "record 9 is not the one that the anchor was made of");
}

static void an_anchor_that_was_altered_or_is_of_another_trail_is_refused(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_head anchor = head_of(trail);
	void *other_state = NULL;

	anchor.seq -= 3;
	struct hc_audit_check check = verify(trail, &anchor);
	expect_defect(&check, "altered", "anchor's signature is not valid");
	assert_true(check.anchor_bad);
	assert_int_equal(check.checked, 0);

	/* A good signature, but by a key that is not this trail's. */
	assert_int_equal(setup(&other_state), 0);
	struct trail *other = other_state;
	anchor = head_of(other);
	assert_int_equal(hc_audit_head_valid(&anchor), HC_OK);
	assert_int_equal(trail_teardown(&other_state), 0);
	check = verify(trail, &anchor);
	expect_defect(&check, "foreign", "another signing key");
	assert_true(check.anchor_bad);
}

static void a_whole_trail_holds_with_and_without_an_anchor_of_any_age(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_head middle = head_of(trail);

	add_records(trail, 2);
	const struct hc_audit_head end = head_of(trail);
	const struct hc_audit_head *const anchors[] = {NULL, &middle, &end};
	for (size_t i = 0; i < HC_COUNT(anchors); i++) {
		const struct hc_audit_check check = verify(trail, anchors[i]);
		if (check.defect[0] != '\0')
			fail_msg("row %zu: %s", i, check.defect);
		assert_int_equal(check.checked, RECORDS + 2);
		assert_int_equal(check.anchor_seen, anchors[i] != NULL);
	}
}

static void an_empty_trail_and_its_anchor_hold(void **state)
{
	struct trail *trail = *state;

	tamper(trail, "DELETE FROM audit");
	const struct hc_audit_head anchor = head_of(trail);
	assert_int_equal(anchor.seq, 0);
	assert_string_equal(verify(trail, &anchor).defect, "");
	add_records(trail, 1);
	const struct hc_audit_check check = verify(trail, &anchor);
	assert_string_equal(check.defect, "");
	assert_true(check.anchor_seen);
}

static void records_added_between_two_slices_are_verified_as_well(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_check check = {0};

	assert_int_equal(hc_audit_check_slice(trail->audit, &check, 3), HC_OK);
	assert_false(check.done);
	add_records(trail, 4);
	while (!check.done)
		assert_int_equal(hc_audit_check_slice(trail->audit, &check, 3), HC_OK);
	assert_string_equal(check.defect, "");
	assert_int_equal(check.checked, RECORDS + 4);
}

static void a_record_that_cannot_be_read_is_a_defect_and_named(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_check check = {0};

	tamper(trail, "UPDATE audit SET detail = printf('%.*c', 600, 'x') WHERE seq = 4");
	while (!check.done)
		assert_int_equal(hc_audit_check_slice(trail->audit, &check, 64), HC_OK);
	expect_defect(&check, "too long", "record 4 cannot be read");
	assert_int_equal(check.checked, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trail_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_field_changed_is_found_and_named),
		TEST(a_record_taken_out_is_found_also_when_the_rest_moves_up),
		TEST(the_first_record_taken_out_is_found),
		TEST(a_record_put_in_is_found),
		TEST(two_records_swapped_are_found),
		TEST(a_tail_that_was_cut_is_found_with_an_anchor_and_only_then),
		TEST(a_tail_cut_while_we_run_is_found_without_an_anchor),
		TEST(a_trail_computed_anew_is_found_with_an_anchor),
		TEST(an_anchor_that_was_altered_or_is_of_another_trail_is_refused),
		TEST(a_whole_trail_holds_with_and_without_an_anchor_of_any_age),
		TEST(an_empty_trail_and_its_anchor_hold),
		TEST(records_added_between_two_slices_are_verified_as_well),
		TEST(a_record_that_cannot_be_read_is_a_defect_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
