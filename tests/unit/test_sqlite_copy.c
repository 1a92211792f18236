/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a store in use: what they hold, what they are taken for, what is left of one that is broken off. */
#include "sqlite_support.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/fault.h"

#define MANY  400
#define PAGES 2

static void put_many(struct bench *bench)
{
	char name[32];

	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "thing number %d", i);
		assert_int_equal(add(&bench->db, name, i), HC_OK);
	}
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);
}

/* The bytes of a copy as a file beside the store. */
static void put_in_place(struct bench *bench, int fd, uint64_t len, char path[128])
{
	char buffer[4096];
	uint64_t done = 0;
	ssize_t got = 0;
	const int to = open(tempdir_file(&bench->dir, "restored.db", path, 128),
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(to >= 0);
	while ((got = pread(fd, buffer, sizeof(buffer), (off_t)done)) > 0) {
		assert_int_equal(write(to, buffer, (size_t)got), got);
		done += (uint64_t)got;
	}
	assert_int_equal(done, len);
	assert_int_equal(close(to), 0);
	assert_int_equal(close(fd), 0);
}

static void go_on_to_the_end(struct hc_sqlite_copy *copy)
{
	bool done = false;

	while (!done)
		assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_OK);
}

static void copy_whole(struct bench *bench, char path[128])
{
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;

	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_OK);
	go_on_to_the_end(copy);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	put_in_place(bench, fd, len, path);
}

static int count_at(const char *path, bool wanted_restored)
{
	struct hc_sqlite db;

	assert_int_equal(hc_sqlite_open(&db, path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&db, writer.latest), HC_OK);
	assert_int_equal(db.restored, wanted_restored);
	const int number = count(&db);
	hc_sqlite_close(&db);
	return number;
}

/* ---- what a copy is taken for ---- */

static void half_a_copy_is_not_given_out(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 77;
	int fd = 77;
	bool done = true;

	put_many(bench);
	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_OK);
	assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_OK);
	assert_false(done);

	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_ERR_STATE);
	assert_int_equal(fd, 77);
	assert_int_equal(len, 77);
	go_on_to_the_end(copy); /* being asked too early did it no harm */
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	assert_int_equal(close(fd), 0);
}

static void a_copy_is_given_out_once(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1, again = 77;
	bool done = false;

	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_OK);
	go_on_to_the_end(copy);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);

	assert_int_equal(hc_sqlite_copy_take(copy, &again, &len), HC_ERR_STATE);
	assert_int_equal(again, 77);
	assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_ERR_STATE);
	hc_sqlite_copy_free(&copy);
	assert_true(fcntl(fd, F_GETFD) >= 0); /* it is the taker's */
	assert_int_equal(close(fd), 0);
}

static void a_copy_stays_marked_until_a_transaction_that_settles_it_is_committed(void **state)
{
	struct bench *bench = *state;
	struct hc_sqlite db;
	char path[128];

	put_many(bench);
	copy_whole(bench, path);
	assert_int_equal(count_at(path, true), MANY);
	assert_int_equal(count_at(path, true), MANY); /* opening it did not change what it is */

	assert_int_equal(hc_sqlite_open(&db, path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&db, writer.latest), HC_OK);
	assert_int_equal(hc_sqlite_settled(&db), HC_ERR_STATE);
	assert_int_equal(hc_sqlite_begin(&db), HC_OK);
	assert_int_equal(hc_sqlite_settled(&db), HC_OK);
	hc_sqlite_rollback(&db);
	hc_sqlite_close(&db);
	assert_int_equal(count_at(path, true), MANY);

	assert_int_equal(hc_sqlite_open(&db, path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_begin(&db), HC_OK);
	assert_int_equal(hc_sqlite_settled(&db), HC_OK);
	assert_int_equal(hc_sqlite_commit(&db), HC_OK);
	hc_sqlite_close(&db);
	assert_int_equal(count_at(path, false), MANY);
}

static void the_store_itself_is_no_copy(void **state)
{
	struct bench *bench = *state;
	char path[128];

	copy_whole(bench, path);
	hc_sqlite_close(&bench->db);
	assert_int_equal(count_at(bench->path, false), 0);
}

static void an_older_copy_is_migrated_and_stays_marked(void **state)
{
	struct bench *bench = *state;
	char path[128];

	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&bench->db, 1), HC_OK);
	copy_whole(bench, path);
	assert_int_equal(file_number(path, "PRAGMA user_version"), 1);
	assert_int_equal(count_at(path, true), 0);
	assert_int_equal(file_number(path, "PRAGMA user_version"), 2);
	assert_int_equal(count_at(path, true), 0);
}

/* ---- what it holds ---- */

static void what_the_same_connection_writes_meanwhile_is_in_the_copy(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;
	bool done = false;
	char path[128];

	put_many(bench);
	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_OK);
	assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_OK);
	put(bench, "later", 1);
	go_on_to_the_end(copy);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	put_in_place(bench, fd, len, path);
	assert_int_equal(count_at(path, true), MANY + 1);
}

static void a_snapshot_holds_the_moment_at_which_it_was_begun(void **state)
{
	struct bench *bench = *state;
	struct hc_sqlite other;
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;
	bool done = false;
	char path[128];

	put_many(bench);
	assert_int_equal(hc_sqlite_open(&other, bench->path, &reader), HC_OK);
	assert_int_equal(hc_sqlite_copy_new(&other, bench->dir.path, true, &copy), HC_OK);
	put(bench, "before the first step", 1);
	assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_OK);
	put(bench, "after it", 2);
	go_on_to_the_end(copy);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	put_in_place(bench, fd, len, path);

	assert_int_equal(count_at(path, true), MANY);
	assert_int_equal(count(&other), MANY + 2); /* its transaction has ended */
	hc_sqlite_copy_free(&copy);
	hc_sqlite_close(&other);
}

/* ---- where it cannot be made ---- */

static void no_copy_begins_in_a_transaction_or_where_there_is_no_room(void **state)
{
	struct bench *bench = *state;
	struct hc_sqlite_copy *copy = NULL;
	char none[192], long_name[5000];

	(void)snprintf(none, sizeof(none), "%s/none", bench->dir.path);
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(hc_sqlite_copy_new(&bench->db, none, false, &copy), HC_ERR_IO);
	assert_int_equal(hc_sqlite_copy_new(&bench->db, long_name, false, &copy), HC_ERR_TOOBIG);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_ERR_STATE);
	hc_sqlite_rollback(&bench->db);
	assert_null(copy);
	hc_fault_arm(HC_FAULT_MEMORY, 1);
	const enum hc_err err = hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy);
	hc_fault_disarm();
	assert_int_equal(err, HC_ERR_NOMEM);
	assert_null(copy);
	put(bench, "a", 1); /* none of it did harm */
}

static void a_file_whose_length_is_not_known_is_not_given_out(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 77;
	int fd = 77;

	assert_int_equal(hc_sqlite_copy_new(&bench->db, bench->dir.path, false, &copy), HC_OK);
	go_on_to_the_end(copy);
	hc_fault_arm(HC_FAULT_SYSTEM, 1);
	const enum hc_err err = hc_sqlite_copy_take(copy, &fd, &len);
	hc_fault_disarm();
	assert_string_equal(hc_fault_symbol(), "fstat");
	assert_int_equal(err, HC_ERR_IO);
	assert_int_equal(fd, 77);
}

static void a_copy_that_is_broken_off_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	struct hc_sqlite_copy *copy = NULL;
	struct hc_sqlite other;
	bool done = false;
	int names;

	put_many(bench);
	names = tempdir_count(&bench->dir);
	assert_int_equal(hc_sqlite_open(&other, bench->path, &reader), HC_OK);
	assert_int_equal(hc_sqlite_copy_new(&other, bench->dir.path, true, &copy), HC_OK);
	assert_int_equal(tempdir_count(&bench->dir), names); /* its file has no name */
	assert_int_equal(hc_sqlite_copy_step(copy, PAGES, &done), HC_OK);
	hc_sqlite_copy_free(&copy);
	assert_null(copy);
	hc_sqlite_copy_free(&copy);
	hc_sqlite_copy_free(NULL);

	put(bench, "later", 1);
	assert_int_equal(count(&other), MANY + 1); /* nothing holds it at the old moment */
	assert_int_equal(tempdir_count(&bench->dir), names);
	hc_sqlite_close(&other);
}

static void a_copy_whose_store_is_damaged_fails_and_says_so(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(sqlite_copy) copy = NULL;

	put_many(bench);
	hc_sqlite_close(&bench->db);
	assert_int_equal(truncate(bench->path, 4096 + 100), 0);
	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &reader), HC_OK);
	enum hc_err err = hc_sqlite_copy_new(&bench->db, bench->dir.path, true, &copy);
	bool done = false;
	for (int i = 0; err == HC_OK && !done && i < MANY; i++)
		err = hc_sqlite_copy_step(copy, PAGES, &done);

	assert_true(err == HC_ERR_CORRUPT || err == HC_ERR_IO);
	assert_non_null(strstr(bench->log, "store failed"));
}

/* ---- reading all of it ---- */

static void a_damaged_page_is_found_and_a_sound_store_is_sound(void **state)
{
	struct bench *bench = *state;
	uint8_t page[4096];
	int fd;

	put_many(bench);
	assert_int_equal(hc_sqlite_check(&bench->db), HC_OK);
	assert_string_equal(bench->log, "");
	hc_sqlite_close(&bench->db);

	memset(page, 0xa5, sizeof(page));
	fd = open(bench->path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)3 * (off_t)sizeof(page)), sizeof(page));
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, &writer), HC_OK);
	assert_int_equal(hc_sqlite_check(&bench->db), HC_ERR_CORRUPT);
	assert_non_null(strstr(bench->log, "damaged"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(half_a_copy_is_not_given_out),
		TEST(a_copy_is_given_out_once),
		TEST(a_copy_stays_marked_until_a_transaction_that_settles_it_is_committed),
		TEST(the_store_itself_is_no_copy),
		BARE(an_older_copy_is_migrated_and_stays_marked),
		TEST(what_the_same_connection_writes_meanwhile_is_in_the_copy),
		TEST(a_snapshot_holds_the_moment_at_which_it_was_begun),
		TEST(no_copy_begins_in_a_transaction_or_where_there_is_no_room),
		TEST(a_file_whose_length_is_not_known_is_not_given_out),
		TEST(a_copy_that_is_broken_off_leaves_nothing),
		TEST(a_copy_whose_store_is_damaged_fails_and_says_so),
		TEST(a_damaged_page_is_found_and_a_sound_store_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
