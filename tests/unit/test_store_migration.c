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
			 8);
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
		TEST(every_table_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
