/* SPDX-License-Identifier: Apache-2.0 */
/* What all stores have of SQLite: whose file it is, the schema's steps, transactions. */
#include "sqlite_support.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "tests/support/fault.h"

/* ---- whose file it is ---- */

static void expect_refused(struct bench *bench, const char *what, enum hc_err wanted)
{
	bench->log[0] = '\0';
	const enum hc_err err = hc_sqlite_open(&bench->db, bench->path, &alone);
	hc_sqlite_close(&bench->db);
	if (err != wanted || strstr(bench->log, "tester") == NULL)
		fail_msg("%s: %s: %s", what, hc_strerror(err), bench->log);
}

static void a_file_that_is_not_ours_alone_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0620, 0604, 0602, 0666};
	struct bench *bench = *state;
	char other[128];

	open_as(bench, &alone);
	hc_sqlite_close(&bench->db);
	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		assert_int_equal(chmod(bench->path, modes[i]), 0);
		expect_refused(bench, "mode", HC_ERR_PERM);
	}
	assert_int_equal(rename(bench->path, tempdir_file(&bench->dir, "other", other, sizeof(other))), 0);
	assert_int_equal(symlink(other, bench->path), 0);
	expect_refused(bench, "link", HC_ERR_PERM);
	assert_int_equal(unlink(bench->path), 0);
	assert_int_equal(mkfifo(bench->path, 0600), 0);
	expect_refused(bench, "pipe", HC_ERR_PERM);
	assert_int_equal(unlink(bench->path), 0);
	(void)snprintf(bench->path, sizeof(bench->path), "%s/none/test.db", bench->dir.path);
	expect_refused(bench, "no directory", HC_ERR_IO);
}

static void an_exclusive_file_has_one_owner_and_a_locked_one_as_well(void **state)
{
	struct bench *bench = *state;
	int first = -1, second = -1;
	struct hc_sqlite other;

	open_as(bench, &alone);
	assert_int_equal(hc_sqlite_open(&other, bench->path, &alone), HC_ERR_STATE);
	hc_sqlite_close(&other);
	assert_non_null(strstr(bench->log, "another process owns it"));
	put(bench, "a", 1); /* the owner was not disturbed */

	assert_int_equal(hc_sqlite_lock(bench->path, "tester", &first), HC_OK);
	assert_int_equal(hc_sqlite_lock(bench->path, "tester", &second), HC_ERR_STATE);
	assert_int_equal(second, -1);
	assert_int_equal(close(first), 0);
	assert_int_equal(hc_sqlite_lock(bench->path, "tester", &second), HC_OK);
	assert_int_equal(close(second), 0);
}

static void opening_fails_cleanly_at_every_allocation_and_call(void **state)
{
	static const enum hc_fault_kind kinds[] = {HC_FAULT_MEMORY, HC_FAULT_SYSTEM};
	struct bench *bench = *state;

	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		bool hit = true;
		unsigned n = 1;

		for (; hit; n++) {
			hc_fault_arm(kinds[kind], n);
			const enum hc_err err = hc_sqlite_open(&bench->db, bench->path, &writer);
			hit = hc_fault_hit();
			hc_fault_disarm();
			hc_sqlite_close(&bench->db);
			if (!hit && err != HC_OK)
				fail_msg("without a fault: %s", hc_strerror(err));
		}
		assert_true(n > 2);
	}
}

/* ---- the schema ---- */

static void expect_corrupt(struct bench *bench, const char *why)
{
	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&bench->db, writer.latest), HC_ERR_CORRUPT);
	hc_sqlite_close(&bench->db);
	if (strstr(bench->log, why) == NULL)
		fail_msg("the log does not say \"%s\": %s", why, bench->log);
}

static void a_newer_schema_and_a_foreign_database_are_refused(void **state)
{
	struct bench *bench = *state;

	open_as(bench, &writer);
	hc_sqlite_close(&bench->db);
	file_execute(bench->path, "PRAGMA user_version = 3");
	expect_corrupt(bench, "newer version");
	file_execute(bench->path, "PRAGMA user_version = 2; PRAGMA application_id = 7");
	expect_corrupt(bench, "another program");
	file_execute(bench->path, "PRAGMA user_version = -1; PRAGMA application_id = 0x54455354");
	expect_corrupt(bench, "another program");
	file_execute(bench->path, "PRAGMA user_version = 0; PRAGMA application_id = 0");
	expect_corrupt(bench, "another program"); /* for it is not empty */
}

static void every_step_is_taken_once(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &writer), HC_OK);
	for (int version = 0; version <= writer.latest; version++) {
		assert_int_equal(hc_sqlite_migrate(&bench->db, version), HC_OK);
		assert_int_equal(bench->db.schema_version, version);
	}
	assert_int_equal(hc_sqlite_migrate(&bench->db, 1), HC_OK); /* never back */
	assert_int_equal(bench->db.schema_version, writer.latest);
	put(bench, "a", 1);
}

/* Called by SQLite before it writes a commit: the process is killed at that very moment. */
static int die(void *ctx)
{
	(void)ctx;
	(void)kill(getpid(), SIGKILL);
	return 1;
}

static void a_process_killed_in_a_step_leaves_the_version_before(void **state)
{
	struct bench *bench = *state;

	for (int version = 0; version < writer.latest; version++) {
		int status = 0;
		const pid_t child = fork();
		if (child == 0) {
			struct hc_sqlite db;
			if (hc_sqlite_open(&db, bench->path, &writer) != HC_OK ||
			    hc_sqlite_migrate(&db, version) != HC_OK)
				_exit(1);
			(void)sqlite3_commit_hook(db.handle, die, NULL);
			_exit(hc_sqlite_migrate(&db, version + 1) == HC_OK ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &writer), HC_OK);
		assert_int_equal(hc_sqlite_migrate(&bench->db, version), HC_OK);
		assert_int_equal(bench->db.schema_version, version);
		hc_sqlite_close(&bench->db);
	}
}

/* ---- transactions ---- */

static void a_write_outside_of_a_transaction_is_refused(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(add(&bench->db, "a", 1), HC_ERR_STATE);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_ERR_STATE);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_ERR_STATE);
	assert_int_equal(add(&bench->db, "a", 1), HC_OK);
	hc_sqlite_rollback(&bench->db);
	hc_sqlite_rollback(&bench->db);
	assert_int_equal(count(&bench->db), 0);
}

static void a_transaction_in_which_a_statement_failed_cannot_be_committed(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "a", 1), HC_OK);
	assert_int_equal(add(&bench->db, "", 1), HC_ERR_INVALID);
	assert_int_equal(add(&bench->db, "b", 1), HC_ERR_STATE);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_ERR_INVALID);
	assert_int_equal(count(&bench->db), 0);
	put(bench, "a", 1); /* the next one is a new one */
}

static void a_transaction_that_sqlite_ended_is_not_committed(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "a", 1), HC_OK);
	assert_true(hc_sqlite_is_open(&bench->db));
	assert_int_equal(sqlite3_exec(bench->db.handle, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_false(hc_sqlite_is_open(&bench->db));
	assert_int_equal(add(&bench->db, "b", 1), HC_ERR_STATE);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_ERR_IO);
	assert_int_equal(count(&bench->db), 0);
}

/* As after a rollback that found no memory: what is open but over for us is gone before anybody reads. */
static void what_is_left_open_is_rolled_back_before_it_is_read(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(sqlite3_exec(bench->db.handle, "BEGIN; INSERT INTO thing (name) VALUES ('ghost')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(count(&bench->db), 0);
	assert_false(hc_sqlite_is_open(&bench->db));
}

static off_t log_size(const struct bench *bench)
{
	char name[160];
	struct stat info;

	(void)snprintf(name, sizeof(name), "%s-wal", bench->path);
	return stat(name, &info) == 0 ? info.st_size : -1;
}

static void what_was_erased_is_not_in_the_log_after_the_commit(void **state)
{
	struct bench *bench = *state;

	put(bench, "a", 1);
	assert_true(log_size(bench) > 0);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	bench->db.erased = true;
	hc_sqlite_rollback(&bench->db);
	assert_true(log_size(bench) > 0);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "b", 1), HC_OK);
	bench->db.erased = true;
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);
	assert_int_equal(log_size(bench), 0);
	assert_int_equal(count(&bench->db), 2);
}

static void the_log_is_copied_once_it_is_long(void **state)
{
	struct bench *bench = *state;

	put(bench, "a", 1);
	assert_true(bench->db.log_pages >= writer.checkpoint_pages);
	const int before = bench->db.log_pages;
	hc_sqlite_checkpoint(&bench->db);
	put(bench, "b", 1); /* over the log's beginning */
	assert_in_range(bench->db.log_pages, 1, writer.checkpoint_pages - 1);
	assert_true(bench->db.log_pages < before);
	const int short_log = bench->db.log_pages;
	hc_sqlite_checkpoint(&bench->db); /* not long: it goes on */
	put(bench, "c", 1);
	assert_true(bench->db.log_pages > short_log);
}

#define CLOSED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OPEN(name)   cmocka_unit_test_setup_teardown(name, setup_open, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLOSED(a_file_that_is_not_ours_alone_is_refused),
		CLOSED(an_exclusive_file_has_one_owner_and_a_locked_one_as_well),
		CLOSED(opening_fails_cleanly_at_every_allocation_and_call),
		CLOSED(a_newer_schema_and_a_foreign_database_are_refused),
		CLOSED(every_step_is_taken_once),
		CLOSED(a_process_killed_in_a_step_leaves_the_version_before),
		OPEN(a_write_outside_of_a_transaction_is_refused),
		OPEN(a_transaction_in_which_a_statement_failed_cannot_be_committed),
		OPEN(a_transaction_that_sqlite_ended_is_not_committed),
		OPEN(what_is_left_open_is_rolled_back_before_it_is_read),
		OPEN(what_was_erased_is_not_in_the_log_after_the_commit),
		OPEN(the_log_is_copied_once_it_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
