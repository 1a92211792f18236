/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: built step by step, never half, and newer or foreign databases refused. */
#include "store_support.h"

#include <sys/stat.h>

#include <unistd.h>

#include "store/db.h"
#include "tests/support/sqlite_file.h"

static void expect_refused(struct bench *bench, const char *why)
{
	struct hc_store *store = NULL;

	assert_int_equal(hc_store_open(bench->path, &store), HC_ERR_CORRUPT);
	assert_null(store);
	if (strstr(bench->log, why) == NULL)
		fail_msg("the log does not say \"%s\": %s", why, bench->log);
}

static void a_newer_schema_is_refused_and_not_touched(void **state)
{
	struct bench *bench = *state;
	char sql[64];

	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	hc_store_free(&bench->store);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", HC_SCHEMA_LATEST + 1);
	file_execute(bench->path, sql);
	expect_refused(bench, "newer version");
	assert_int_equal(file_number(bench->path, "PRAGMA user_version"), HC_SCHEMA_LATEST + 1);
}

static void a_database_of_another_program_is_refused(void **state)
{
	struct bench *bench = *state;

	file_execute(bench->path, "CREATE TABLE moz_places (id INTEGER)");
	expect_refused(bench, "another program");
	assert_int_equal(file_number(bench->path, "SELECT count(*) FROM sqlite_schema"), 1);
	file_execute(bench->path, "DROP TABLE moz_places; PRAGMA application_id = 7");
	expect_refused(bench, "another program");
	file_execute(bench->path, "PRAGMA application_id = 0x48434131; PRAGMA user_version = -1");
	expect_refused(bench, "another program");
}

/* Builds a store of an older version, as the program of that time left it. */
static void build(struct bench *bench, int version)
{
	struct hc_sqlite old;

	assert_int_equal(hc_sqlite_open(&old, bench->path, &hc_store_options), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&old, version), HC_OK);
	assert_int_equal(old.schema_version, version);
	hc_sqlite_close(&old);
}

static void every_earlier_version_is_brought_to_the_latest(void **state)
{
	struct bench *bench = *state;

	for (int version = 0; version < HC_SCHEMA_LATEST; version++) {
		build(bench, version);
		assert_int_equal(file_number(bench->path, "PRAGMA user_version"), version);
		assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
		assert_int_equal(hc_store_schema_version(bench->store), HC_SCHEMA_LATEST);
		(void)add_person(bench->store, "martin");
		hc_store_free(&bench->store);
		assert_int_equal(file_number(bench->path, "PRAGMA user_version"), HC_SCHEMA_LATEST);
		assert_int_equal(unlink(bench->path), 0);
	}
}

static void the_schema_is_the_same_whichever_way_it_was_reached(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	hc_store_free(&bench->store);
	struct bench other = *bench;
	(void)tempdir_file(&bench->dir, "stepwise.db", other.path, sizeof(other.path));
	for (int version = 0; version <= HC_SCHEMA_LATEST; version++)
		build(&other, version);
	assert_int_equal(file_number(bench->path, "PRAGMA user_version"),
			 file_number(other.path, "PRAGMA user_version"));
	assert_int_equal(file_number(bench->path, "SELECT sum(length(sql)) FROM sqlite_schema"),
			 file_number(other.path, "SELECT sum(length(sql)) FROM sqlite_schema"));
}

/* Version 2 made the table of failures anew. */
static void failures_that_were_counted_before_version_2_still_are(void **state)
{
	struct bench *bench = *state;
	struct hc_throttle_row row;

	build(bench, 1);
	file_execute(bench->path, "INSERT INTO person VALUES (7, 'martin', '', '', '', '', NULL, 1, 0, 0, 1);"
				  "INSERT INTO throttle VALUES (3, 7, 1, '', 5, 1000, 31000)");
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	assert_int_equal(hc_store_throttle_get(bench->store, 7, HC_FACTOR_OTP, "", &row), HC_OK);
	assert_int_equal(row.failures, 5);
	assert_int_equal(row.locked_until_ms, 31000);
	row.factor = HC_FACTOR_PASSWORD;
	assert_int_equal(hc_store_begin(bench->store), HC_OK);
	assert_int_equal(hc_store_throttle_put(bench->store, &row), HC_OK);
	assert_int_equal(hc_store_person_remove(bench->store, 7), HC_OK);
	assert_int_equal(hc_store_commit(bench->store), HC_OK);
	assert_int_equal(hc_store_throttle_get(bench->store, 7, HC_FACTOR_OTP, "", &row), HC_OK);
	assert_int_equal(row.failures, 0); /* gone with the person */
}

/* Persons, codes, used and unused, failures: what a store of version 3 holds. */
static const char HELD_BY_3[] =
	"INSERT INTO person VALUES (7, 'martin', 'Claire', 'Martin', 'p', 'o', '810001033801', 1, 5, 6, 1);"
	"INSERT INTO person VALUES (9, 'durand', '', '', '', '', NULL, 2, 0, 0, 2);"
	"INSERT INTO credential VALUES (3, 'aaaabbbbcccc', 7, 1, 2, 'telephone', 2, 8, 30, 41, -1, 0, "
	"x'5a5b',"
	" 10, 11, 12, 0, '', 'rh', 'cni', 1, 1);"
	"INSERT INTO credential VALUES (5, 'ddddeeeeffff', 7, 3, 2, '', 0, 0, 0, -1, 0, 0, x'', 20, 21, 0, "
	"0, '',"
	" '', '', 0, 1);"
	"INSERT INTO credential VALUES (6, 'gggghhhhiiii', 9, 1, 3, 'lost', 1, 6, 30, -1, 0, 0, x'', 30, 0, "
	"0, 31,"
	" 'phone lost', '', '', 0, 0);"
	"INSERT INTO recovery_code VALUES (5, zeroblob(32), 0, 0);"
	"INSERT INTO recovery_code VALUES (5, "
	"x'0100000000000000000000000000000000000000000000000000000000000000', 1, 77);"
	"INSERT INTO throttle VALUES (3, 7, 1, '', 5, 1000, 31000);"
	"INSERT INTO throttle VALUES (4, 7, 3, 'ip:192.0.2.7', 2, 2000, 0);"
	"INSERT INTO audit VALUES (1, 1, 'e', 'o', 0, 'martin', '', '', '', '', '', '', zeroblob(32));"
	"INSERT INTO value VALUES ('k', x'01'); INSERT INTO gateway_mark VALUES (33, 5, 6);";

/* Every row of those as one text: what was lost or changed shows in it. */
static const char *const ALL_OF[] = {
	"SELECT total(id + created_ms + valid_from_ms + 2 * valid_until_ms + 3 * state + length(login)"
	" + length(given_name) + coalesce(length(national_id), 1000)) FROM person",
	"SELECT total(number * 3 + person_id + 5 * type + 7 * state + length(label) + algorithm * 11 + digits"
	" + period_s + last_step + drift_steps * 13 + counter + length(sealed) + created_ms + 2 * "
	"confirmed_ms"
	" + 3 * last_used_ms + 4 * revoked_ms + length(revoke_reason) + length(proofed_by) + length(document)"
	" + 17 * face_to_face + 19 * was_active) FROM credential",
	"SELECT total(credential + 3 * used + used_ms + 100 * (hash > zeroblob(32))) FROM recovery_code",
	"SELECT total(number + person_id + 3 * factor + length(scope) + failures + last_failure_ms"
	" + locked_until_ms) FROM throttle",
	"SELECT count(*) FROM audit",
	"SELECT count(*) FROM value",
	"SELECT total(uid + seq + time_ms) FROM gateway_mark",
};

static void expect_all_kept(struct bench *bench, const int64_t before[HC_COUNT(ALL_OF)])
{
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	hc_store_free(&bench->store);
	for (size_t i = 0; i < HC_COUNT(ALL_OF); i++) {
		const int64_t after = file_number(bench->path, ALL_OF[i]);

		if (before[i] == 0 || after != before[i])
			fail_msg("row %zu: %lld became %lld", i, (long long)before[i], (long long)after);
	}
}

static void nothing_of_a_store_of_version_3_is_lost(void **state)
{
	struct bench *bench = *state;
	int64_t before[HC_COUNT(ALL_OF)];
	struct hc_credential credential;
	const struct hc_credential_id codes = credential_id_of("ddddeeeeffff");
	const uint8_t unused[32] = {0}, used[32] = {1};

	build(bench, 3);
	file_execute(bench->path, HELD_BY_3);
	for (size_t i = 0; i < HC_COUNT(ALL_OF); i++)
		before[i] = file_number(bench->path, ALL_OF[i]);
	expect_all_kept(bench, before);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	assert_int_equal(hc_store_credential_by_id(bench->store, &codes, &credential), HC_OK);
	assert_int_equal(credential.codes_left, 1);
	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_consume(bench->store, &codes, used, 99), HC_ERR_STATE);
	assert_int_equal(hc_store_recovery_consume(bench->store, &codes, unused, 99), HC_OK);
	COMMIT(bench->store);
	/* a number that was given is not given again */
	assert_true(add_person(bench->store, "petit") > 9);
}

static void nothing_of_a_store_of_version_4_is_lost(void **state)
{
	struct bench *bench = *state;
	int64_t before[HC_COUNT(ALL_OF)];
	struct hc_stored_key key;
	const struct hc_credential_id id = credential_id_of("jjjjkkkkllll");

	build(bench, 4);
	file_execute(bench->path, HELD_BY_3);
	file_execute(
		bench->path,
		"INSERT INTO credential VALUES (8, 'jjjjkkkkllll', 7, 4, 2, 'key', 0, 0, 0, -1, 0, 42, x'',"
		" 40, 41, 42, 0, '', '', '', 0, 1);"
		"INSERT INTO fido_key VALUES (8, x'0102', 'sso.example', x'a5', x'0708', zeroblob(16), 3, 1, "
		"1);"
		"INSERT INTO throttle VALUES (9, 7, 4, '', 1, 3000, 0)");
	for (size_t i = 0; i < HC_COUNT(ALL_OF); i++)
		before[i] = file_number(bench->path, ALL_OF[i]);
	expect_all_kept(bench, before);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	assert_int_equal(hc_store_key_get(bench->store, &id, &key), HC_OK);
	assert_string_equal(key.rp_id, "sso.example");
	assert_true(key.id_len == 2 && key.handle_len == 2 && key.attestation == 3 && key.discoverable &&
		    key.verifies);
}

static void every_table_is_strict(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	hc_store_free(&bench->store);
	assert_int_equal(file_number(bench->path,
				     "SELECT count(*) FROM pragma_table_list WHERE type = 'table'"
				     " AND name NOT LIKE 'sqlite_%' AND strict = 0"),
			 0);
	assert_int_equal(file_number(bench->path, "SELECT count(*) FROM pragma_table_list WHERE strict = 1"),
			 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_schema_is_refused_and_not_touched),
		TEST(a_database_of_another_program_is_refused),
		TEST(every_earlier_version_is_brought_to_the_latest),
		TEST(the_schema_is_the_same_whichever_way_it_was_reached),
		TEST(failures_that_were_counted_before_version_2_still_are),
		TEST(nothing_of_a_store_of_version_3_is_lost),
		TEST(nothing_of_a_store_of_version_4_is_lost),
		TEST(every_table_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
