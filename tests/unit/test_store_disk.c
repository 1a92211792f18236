/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a disk that fails and forgets. A layer between SQLite and the files lets the n-th
 * write, sync or truncation fail, and remembers what of each file was synced: what a power cut leaves.
 */
#include "store_support.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include <sqlite3.h>

static const struct hc_credential_id ID = {"aaaabbbbcccc"};

/* ---- the layer ---- */

struct layer_file {
	sqlite3_file base;
	struct durable *durable;
	sqlite3_file *real; /* behind this object, in the same block */
};

/* What is on the disk for certain, by file. */
static struct durable {
	char path[160];
	uint8_t data[1u << 20];
	size_t len;
} durables[4];

static sqlite3_vfs *system_vfs;
static unsigned fail_at, calls, failed; /* fail_at 0: never */
static int fail_with;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct layer_file *)file)->real;
}

static bool must_fail(void)
{
	calls++;
	if (fail_at == 0 || calls != fail_at)
		return false;
	failed++;
	return true;
}

static int layer_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int layer_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	return real_of(file)->pMethods->xRead(real_of(file), data, len, at);
}

static int layer_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	return must_fail() ? fail_with : real_of(file)->pMethods->xWrite(real_of(file), data, len, at);
}

static int layer_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return must_fail() ? SQLITE_IOERR_TRUNCATE : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static size_t read_file(const char *path, uint8_t *out, size_t cap)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t len = fd < 0 ? 0 : read(fd, out, cap);

	if (fd >= 0)
		(void)close(fd);
	return len < 0 ? 0 : (size_t)len;
}

static int layer_sync(sqlite3_file *file, int flags)
{
	struct durable *durable = ((struct layer_file *)file)->durable;

	if (must_fail())
		return SQLITE_IOERR_FSYNC;
	/* The real sync is left out: what counts here is that it was asked for. */
	(void)flags;
	if (durable != NULL)
		durable->len = read_file(durable->path, durable->data, sizeof(durable->data));
	return SQLITE_OK;
}

static int layer_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int layer_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int layer_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int layer_reserved(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int layer_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int layer_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int layer_traits(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: without shared memory. A store with one owner needs none. */
static const sqlite3_io_methods layer_methods = {
	.iVersion = 1,
	.xClose = layer_close,
	.xRead = layer_read,
	.xWrite = layer_write,
	.xTruncate = layer_truncate,
	.xSync = layer_sync,
	.xFileSize = layer_size,
	.xLock = layer_lock,
	.xUnlock = layer_unlock,
	.xCheckReservedLock = layer_reserved,
	.xFileControl = layer_control,
	.xSectorSize = layer_sector,
	.xDeviceCharacteristics = layer_traits,
};

static struct durable *durable_of(const char *path)
{
	for (size_t i = 0; i < HC_COUNT(durables); i++) {
		if (durables[i].path[0] == '\0')
			(void)snprintf(durables[i].path, sizeof(durables[i].path), "%s", path);
		if (strcmp(durables[i].path, path) == 0)
			return &durables[i];
	}
	return NULL;
}

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct layer_file *layer = (struct layer_file *)file;

	(void)vfs;
	layer->real = (sqlite3_file *)(void *)(layer + 1);
	const int rc = system_vfs->xOpen(system_vfs, name, layer->real, flags, out);
	layer->base.pMethods = rc == SQLITE_OK ? &layer_methods : NULL;
	layer->durable = name == NULL ? NULL : durable_of(name);
	return rc;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return system_vfs->xDelete(system_vfs, name, sync);
}

static bool install_layer(void)
{
	static sqlite3_vfs layer;

	system_vfs = sqlite3_vfs_find(NULL);
	if (system_vfs == NULL)
		return false;
	layer = *system_vfs;
	layer.zName = "layer";
	layer.szOsFile = (int)sizeof(struct layer_file) + system_vfs->szOsFile;
	layer.xOpen = layer_open;
	layer.xDelete = layer_delete;
	return sqlite3_vfs_register(&layer, 1) == SQLITE_OK;
}

static void arm(unsigned n, int with)
{
	fail_at = n;
	fail_with = with;
	calls = 0;
	failed = 0;
}

/* ---- the work ---- */

static enum hc_err sign_in(struct hc_store *store, int64_t step)
{
	const struct hc_throttle_row row = {.person_id = 1, .factor = HC_FACTOR_OTP, .failures = 1};
	const struct hc_audit_record record = {.seq = step, .event = "sign-in", .outcome = "success"};
	enum hc_err err = hc_store_begin(store);

	if (err == HC_OK)
		err = hc_store_throttle_put(store, &row);
	if (err == HC_OK)
		err = hc_store_totp_consume(store, &ID, step, 0, step);
	if (err == HC_OK)
		err = hc_store_audit_append(store, &record);
	if (err == HC_OK)
		return hc_store_commit(store);
	hc_store_rollback(store);
	return err;
}

static int64_t last_step(struct hc_store *store)
{
	struct hc_credential credential;
	struct hc_audit_record record = {.seq = 0};

	if (hc_store_audit_last(store, &record) != HC_OK)
		record.seq = 0;
	assert_int_equal(hc_store_credential_by_id(store, &ID, &credential), HC_OK);
	assert_int_equal(credential.last_step < 0 ? 0 : credential.last_step, record.seq);
	return record.seq;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

/* The step that a store has which starts from these two files. */
static int64_t step_after_start(struct bench *bench, const uint8_t *db, size_t db_len, const uint8_t *log,
				size_t log_len)
{
	char path[160], log_path[170];
	struct hc_store *store = NULL;

	(void)tempdir_file(&bench->dir, "after.db", path, sizeof(path));
	(void)snprintf(log_path, sizeof(log_path), "%s-wal", path);
	write_file(path, db, db_len);
	write_file(log_path, log, log_len);
	assert_int_equal(hc_store_open(path, &store), HC_OK);
	const int64_t step = last_step(store);
	hc_store_free(&store);
	(void)unlink(path);
	(void)unlink(log_path); /* gone with the last close already */
	return step;
}

/* The power goes now: only what was synced is there. */
static int64_t step_after_power_cut(struct bench *bench)
{
	char log_path[160];

	(void)snprintf(log_path, sizeof(log_path), "%s-wal", bench->path);
	const struct durable *db = durable_of(bench->path), *log = durable_of(log_path);
	assert_non_null(db);
	assert_non_null(log);
	return step_after_start(bench, db->data, db->len, log->data, log->len);
}

/* The process is killed now: all that was written is there. */
static int64_t step_after_kill(struct bench *bench)
{
	static uint8_t db[1u << 20], log[1u << 20];
	char log_path[160];

	(void)snprintf(log_path, sizeof(log_path), "%s-wal", bench->path);
	const size_t db_len = read_file(bench->path, db, sizeof(db));
	const size_t log_len = read_file(log_path, log, sizeof(log));
	return step_after_start(bench, db, db_len, log, log_len);
}

static int setup(void **state)
{
	arm(0, 0);
	memset(durables, 0, sizeof(durables));
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const struct hc_credential credential =
		credential_of(add_person(bench->store, "martin"), ID.text, HC_CREDENTIAL_TOTP);

	add_credential(bench->store, &credential);
	return 0;
}

static void what_was_committed_survives_a_power_cut_at_once(void **state)
{
	struct bench *bench = *state;

	for (int64_t step = 1; step <= 60; step++) { /* long enough for several checkpoints */
		assert_int_equal(sign_in(bench->store, step), HC_OK);
		if (step_after_power_cut(bench) != step)
			fail_msg("step %" PRId64 " was lost", step);
	}
}

static void try_failures(struct bench *bench, int with, enum hc_err wanted)
{
	unsigned refused = 0;
	bool hit = true;

	for (unsigned n = 1; hit || n < 12; n++) {
		const int64_t before = last_step(bench->store);

		bench->log[0] = '\0';
		arm(n, with);
		const enum hc_err err = sign_in(bench->store, before + 1);
		hit = failed > 0;
		arm(0, 0);
		const int64_t after = before + (err == HC_OK ? 1 : 0);
		refused += err == HC_OK ? 0 : 1;
		if (err != HC_OK && err != wanted && err != HC_ERR_IO)
			fail_msg("call %u: %s: %s", n, hc_strerror(err), bench->log);
		if (last_step(bench->store) != after)
			fail_msg("call %u: %s, but %" PRId64 " in memory", n, hc_strerror(err),
				 last_step(bench->store));
		if (step_after_kill(bench) != after)
			fail_msg("call %u: %s, but %" PRId64 " after a kill", n, hc_strerror(err),
				 step_after_kill(bench));
		if (step_after_power_cut(bench) != after)
			fail_msg("call %u: %s, but another step after a power cut", n, hc_strerror(err));
	}
	assert_true(refused > 3);
	assert_int_equal(sign_in(bench->store, last_step(bench->store) + 1), HC_OK);
}

static void a_write_or_sync_that_fails_refuses_and_leaves_nothing_behind(void **state)
{
	try_failures(*state, SQLITE_IOERR_WRITE, HC_ERR_IO);
}

static void a_full_disk_at_any_write_refuses_and_leaves_nothing_behind(void **state)
{
	try_failures(*state, SQLITE_FULL, HC_ERR_FULL);
}

static void a_read_only_disk_at_any_write_refuses_and_leaves_nothing_behind(void **state)
{
	try_failures(*state, SQLITE_READONLY, HC_ERR_FULL);
}

/* A checkpoint that fails is not the business of the sign-in that set it off. */
static void a_checkpoint_that_fails_refuses_nobody(void **state)
{
	struct bench *bench = *state;
	struct stat before, after;
	int64_t step = 1;

	/* Up to the sign-in before the first checkpoint: the file does not change until then. */
	assert_int_equal(stat(bench->path, &before), 0);
	for (;; step++) {
		arm(0, 0);
		assert_int_equal(sign_in(bench->store, step), HC_OK);
		assert_int_equal(stat(bench->path, &after), 0);
		if (after.st_mtim.tv_nsec != before.st_mtim.tv_nsec || after.st_size != before.st_size)
			break;
		assert_true(step < 200);
	}
	const unsigned with_checkpoint = calls;
	assert_true(with_checkpoint > 10);
	for (unsigned n = 1; n < 400; n++) {
		const int64_t last = last_step(bench->store);

		arm(with_checkpoint, SQLITE_IOERR_WRITE); /* beyond the calls of a commit alone */
		assert_int_equal(sign_in(bench->store, last + 1), HC_OK);
		arm(0, 0);
	}
	assert_true(last_step(bench->store) > 300);
}

static void the_log_stays_private_and_does_not_grow(void **state)
{
	struct bench *bench = *state;
	char log_path[160];
	struct stat info;
	off_t largest = 0;

	(void)snprintf(log_path, sizeof(log_path), "%s-wal", bench->path);
	for (int64_t step = 1; step <= 600; step++) {
		assert_int_equal(sign_in(bench->store, step), HC_OK);
		assert_int_equal(stat(log_path, &info), 0);
		assert_int_equal(info.st_mode & 07777, 0600);
		largest = info.st_size > largest ? info.st_size : largest;
	}
	assert_true(largest > 100 * 1024);
	assert_true(largest < 800 * 1024);
	assert_int_equal(tempdir_count(&bench->dir), 2); /* the file and its log: no shared memory */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_survives_a_power_cut_at_once),
		TEST(a_write_or_sync_that_fails_refuses_and_leaves_nothing_behind),
		TEST(a_full_disk_at_any_write_refuses_and_leaves_nothing_behind),
		TEST(a_read_only_disk_at_any_write_refuses_and_leaves_nothing_behind),
		TEST(a_checkpoint_that_fails_refuses_nobody),
		TEST(the_log_stays_private_and_does_not_grow),
	};

	if (!install_layer())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
