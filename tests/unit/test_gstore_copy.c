/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's store as a whole: copied while it is written, settled when it came from a copy, worked on at rest. */
#include "gstore_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/copy.h"
#include "tests/support/sqlite_file.h"

/* A client with a session, a grant, a code and both kinds of token. */
static void fill(struct bench *bench, int64_t id)
{
	const int64_t client = have_client(bench, "app");
	struct hc_browser_session session = session_of(id, 7);
	struct hc_grant grant = grant_of(id, client, id);
	struct hc_code code = code_of(id, id, client);
	struct hc_access access = access_of(id, id, client);
	struct hc_refresh refresh = refresh_of(id, id, client);

	WRITE(bench, add_session, &session);
	WRITE(bench, add_grant, &grant);
	WRITE(bench, add_code, &code);
	WRITE(bench, add_access, &access);
	WRITE(bench, add_refresh, &refresh);
}

static void write_copy(int fd, uint64_t len, const char *path)
{
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, len, 0), len);
	const int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(to, bytes, len), len);
	assert_int_equal(close(to), 0);
	assert_int_equal(close(fd), 0);
	free(bytes);
}

/* Puts a copy, made now, in the place of the store, which was closed. */
static void restore(struct bench *bench)
{
	static const char *const names[] = {"", "-wal", "-shm"};
	HC_AUTO(gstore_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;
	bool done = false;
	char path[160];

	assert_int_equal(hc_gstore_copy_new(bench->path, bench->dir.path, &copy), HC_OK);
	while (!done)
		assert_int_equal(hc_gstore_copy_step(copy, 4, &done), HC_OK);
	assert_int_equal(hc_gstore_copy_take(copy, &fd, &len), HC_OK);
	hc_gstore_free(&bench->store);
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", bench->path, names[i]);
		(void)unlink(path); /* may not be there */
	}
	write_copy(fd, len, bench->path);
}

static enum hc_err settle(struct hc_gstore_tx *tx, void *ctx)
{
	*(bool *)ctx = hc_gstore_tx_restored(tx);
	return hc_gstore_settle(tx);
}

static enum hc_err look(struct hc_gstore_tx *tx, void *ctx)
{
	*(bool *)ctx = hc_gstore_tx_restored(tx);
	return HC_OK;
}

static enum hc_err settle_and_fail(struct hc_gstore_tx *tx, void *ctx)
{
	const enum hc_err err = settle(tx, ctx);

	return err == HC_OK ? HC_ERR_FULL : err;
}

static bool is_restored(struct bench *bench)
{
	bool restored = false;

	assert_int_equal(hc_gstore_at_rest(bench->path, false, look, &restored), HC_OK);
	return restored;
}

/* What of the sample is still good: a bit each. */
static unsigned still_good(struct bench *bench, int64_t id)
{
	const struct hc_ticket_ref ref = ref_of(id);
	struct hc_access_info access;
	struct hc_refresh_info refresh;
	struct hc_browser_session session;

	return (hc_access_find(view_of(bench), &ref, T0 + 1, &access) == HC_OK ? 1u : 0) |
	       (hc_refresh_find(view_of(bench), &ref, T0 + 1, &refresh) == HC_OK ? 2u : 0) |
	       (hc_session_find(view_of(bench), &ref, T0 + 1, 1800000, &session) == HC_OK ? 4u : 0);
}

static void what_was_good_when_the_backup_was_made_is_not_good_in_a_restored_store(void **state)
{
	static const char *const counts[] = {"SELECT count(*) FROM session", "SELECT count(*) FROM grants",
					     "SELECT count(*) FROM code", "SELECT count(*) FROM access",
					     "SELECT count(*) FROM refresh"};
	struct bench *bench = *state;
	struct hc_client client;
	bool restored = false;

	fill(bench, 5);
	assert_int_equal(still_good(bench, 5), 7);
	restore(bench);
	assert_int_equal(hc_gstore_at_rest(bench->path, true, settle, &restored), HC_OK);
	assert_true(restored);
	for (size_t i = 0; i < HC_COUNT(counts); i++) {
		if (file_number(bench->path, counts[i]) != 0)
			fail_msg("row %zu: %s", i, counts[i]);
	}
	assert_int_equal(bench_open(bench), HC_OK);
	assert_int_equal(still_good(bench, 5), 0);
	assert_int_equal(hc_client_by_id(view_of(bench), "app", &client), HC_OK); /* applications stay */
	assert_false(hc_gstore_restored(bench->store));
}

static void work_that_fails_leaves_a_copy_as_it_was(void **state)
{
	struct bench *bench = *state;
	bool restored = false;

	fill(bench, 5);
	assert_false(hc_gstore_restored(bench->store));
	restore(bench);
	assert_int_equal(hc_gstore_at_rest(bench->path, false, settle_and_fail, &restored), HC_ERR_FULL);
	assert_true(restored);
	assert_true(is_restored(bench));
	assert_int_equal(bench_open(bench), HC_OK);
	assert_true(hc_gstore_restored(bench->store));
	assert_int_equal(still_good(bench, 5), 7); /* nothing of it was written */
}

static void a_store_in_use_is_not_worked_on(void **state)
{
	struct bench *bench = *state;
	bool restored = true;

	assert_int_equal(hc_gstore_at_rest(bench->path, false, look, &restored), HC_ERR_STATE);
	assert_true(restored); /* the work did not run */
	hc_gstore_free(&bench->store);
	assert_int_equal(hc_gstore_at_rest(bench->path, true, NULL, NULL), HC_OK);
	assert_false(is_restored(bench));
}

static void a_damaged_store_is_found_at_rest(void **state)
{
	struct bench *bench = *state;
	uint8_t page[4096];
	bool restored = true;
	struct stat facts;

	fill(bench, 5);
	restore(bench); /* one file, without a log */
	memset(page, 0x5a, sizeof(page));
	const int fd = open(bench->path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &facts), 0);
	for (off_t at = 4096; at < facts.st_size; at += 4096)
		assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_gstore_at_rest(bench->path, true, settle, &restored), HC_ERR_CORRUPT);
}

static void a_copy_is_one_moment_of_a_store_that_is_written(void **state)
{
	struct bench *bench = *state;
	HC_AUTO(gstore_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;
	bool done = false;
	char path[160];

	fill(bench, 5);
	assert_int_equal(hc_gstore_copy_new(bench->path, bench->dir.path, &copy), HC_OK);
	assert_int_equal(hc_gstore_copy_take(copy, &fd, &len), HC_ERR_STATE); /* not before it is whole */
	struct hc_browser_session later = session_of(6, 8);
	WRITE(bench, add_session, &later);
	while (!done)
		assert_int_equal(hc_gstore_copy_step(copy, 4, &done), HC_OK);
	assert_int_equal(still_good(bench, 6) & 4u, 4); /* the writer was not held up */
	assert_int_equal(hc_gstore_copy_take(copy, &fd, &len), HC_OK);
	write_copy(fd, len, tempdir_file(&bench->dir, "copy.db", path, sizeof(path)));
	assert_int_equal(file_number(path, "SELECT count(*) FROM session"),
			 1); /* what came later is not in it */
	hc_gstore_copy_free(&copy);
	hc_gstore_copy_free(&copy);
	hc_gstore_copy_free(NULL);
	assert_int_equal(hc_gstore_copy_new("/nowhere/gateway.db", bench->dir.path, &copy), HC_ERR_IO);
	assert_int_equal(hc_gstore_copy_new(bench->path, "/nowhere", &copy), HC_ERR_IO);
	assert_null(copy);
}

/* ---- small values ---- */

static enum hc_err put_value(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_gvalue_put(tx, "name", ctx, strlen(ctx));
}

static void a_value_is_what_was_put_last_and_fits_or_is_not_given(void **state)
{
	struct bench *bench = *state;
	uint8_t out[8];
	size_t len = 77;
	char first[] = "first", second[] = "second";

	assert_int_equal(hc_gvalue_get(view_of(bench), "name", out, sizeof(out), &len), HC_ERR_NOTFOUND);
	assert_int_equal(len, 77);
	WRITE(bench, put_value, first);
	WRITE(bench, put_value, second);
	assert_int_equal(hc_gvalue_get(view_of(bench), "name", out, sizeof(out), &len), HC_OK);
	assert_int_equal(len, 6);
	assert_memory_equal(out, "second", 6);
	len = 77;
	assert_int_not_equal(hc_gvalue_get(view_of(bench), "name", out, 5, &len), HC_OK);
	assert_int_equal(len, 77);
	assert_int_equal(hc_gvalue_get(view_of(bench), "other", out, sizeof(out), &len), HC_ERR_NOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_good_when_the_backup_was_made_is_not_good_in_a_restored_store),
		TEST(work_that_fails_leaves_a_copy_as_it_was),
		TEST(a_store_in_use_is_not_worked_on),
		TEST(a_damaged_store_is_found_at_rest),
		TEST(a_copy_is_one_moment_of_a_store_that_is_written),
		TEST(a_value_is_what_was_put_last_and_fits_or_is_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
