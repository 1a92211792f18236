/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: built step by step, never half, and newer or foreign databases refused. */
#include "gstore_support.h"

#include <sys/stat.h>

#include <unistd.h>

#include "store/db.h"
#include "tests/support/sqlite_file.h"

static void expect_refused(struct bench *bench, const char *why)
{
	assert_int_equal(bench_open(bench), HC_ERR_CORRUPT);
	assert_null(bench->store);
	if (strstr(bench->log, why) == NULL)
		fail_msg("the log does not say \"%s\": %s", why, bench->log);
}

static void a_newer_schema_is_refused_and_not_touched(void **state)
{
	struct bench *bench = *state;
	char sql[64];

	assert_int_equal(bench_open(bench), HC_OK);
	hc_gstore_free(&bench->store);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", HC_GSCHEMA_LATEST + 1);
	file_execute(bench->path, sql);
	expect_refused(bench, "newer version");
	assert_int_equal(file_number(bench->path, "PRAGMA user_version"), HC_GSCHEMA_LATEST + 1);
}

static void a_database_of_another_program_is_refused(void **state)
{
	struct bench *bench = *state;

	file_execute(bench->path, "CREATE TABLE moz_places (id INTEGER)");
	expect_refused(bench, "another program");
	assert_int_equal(file_number(bench->path, "SELECT count(*) FROM sqlite_schema"), 1);
	file_execute(bench->path, "DROP TABLE moz_places; PRAGMA application_id = 0x48434131"); /* authd's */
	expect_refused(bench, "another program");
	file_execute(bench->path, "PRAGMA application_id = 0x48434731; PRAGMA user_version = -1");
	expect_refused(bench, "another program");
}

static void a_file_that_is_no_database_is_refused_and_not_touched(void **state)
{
	struct bench *bench = *state;
	FILE *file = fopen(bench->path, "w");
	struct stat info;

	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		assert_true(fputs("not a database\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(bench->path, 0600), 0);
	assert_int_equal(bench_open(bench), HC_ERR_CORRUPT);
	assert_int_equal(stat(bench->path, &info), 0);
	assert_int_equal(info.st_size, 15000);
}

/* Builds a store of an older version, as the program of that time left it. */
static void build(struct bench *bench, int version)
{
	struct hc_sqlite old;

	assert_int_equal(hc_sqlite_open(&old, bench->path, &hc_gstore_writer_options), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&old, version), HC_OK);
	assert_int_equal(old.schema_version, version);
	hc_sqlite_close(&old);
}

static void every_earlier_version_is_brought_to_the_latest(void **state)
{
	struct bench *bench = *state;

	for (int version = 0; version < HC_GSCHEMA_LATEST; version++) {
		build(bench, version);
		assert_int_equal(file_number(bench->path, "PRAGMA user_version"), version);
		assert_int_equal(bench_open(bench), HC_OK);
		assert_int_equal(hc_gstore_schema_version(bench->store), HC_GSCHEMA_LATEST);
		(void)have_client(bench, "app");
		hc_gstore_free(&bench->store);
		assert_int_equal(file_number(bench->path, "PRAGMA user_version"), HC_GSCHEMA_LATEST);
		assert_int_equal(unlink(bench->path), 0);
	}
}

static void every_table_is_strict(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(bench_open(bench), HC_OK);
	hc_gstore_free(&bench->store);
	assert_int_equal(file_number(bench->path,
				     "SELECT count(*) FROM pragma_table_list WHERE type = 'table'"
				     " AND name NOT LIKE 'sqlite_%' AND strict = 0"),
			 0);
	assert_int_equal(file_number(bench->path, "SELECT count(*) FROM pragma_table_list WHERE strict = 1"),
			 10);
}

/* A row that no statement of ours can have written. */
static void a_row_out_of_range_is_corruption_and_never_a_guess(void **state)
{
	struct bench *bench = *state;
	struct hc_client client;

	assert_int_equal(bench_open(bench), HC_OK);
	(void)have_client(bench, "app");
	hc_gstore_free(&bench->store);
	file_execute(bench->path, "PRAGMA ignore_check_constraints = ON; UPDATE client SET auth = 9");
	assert_int_equal(bench_open(bench), HC_OK);
	assert_int_equal(hc_client_by_id(view_of(bench), "app", &client), HC_ERR_CORRUPT);
	assert_non_null(strstr(bench->log, "out of range"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_schema_is_refused_and_not_touched),
		TEST(a_database_of_another_program_is_refused),
		TEST(a_file_that_is_no_database_is_refused_and_not_touched),
		TEST(every_earlier_version_is_brought_to_the_latest),
		TEST(every_table_is_strict),
		TEST(a_row_out_of_range_is_corruption_and_never_a_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
