/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store does when the world breaks: the process is killed, the disk is full, the file
 * system is read-only. Nothing half done, nothing lost, and working again when the cause is gone.
 */
#include "store_support.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/db.h"

static const struct hc_credential_id ID = {"aaaabbbbcccc"};

/* One decision as a sign-in makes it: count, consume, clear, record. Without the commit. */
static enum hc_err decide(struct hc_store *store, int64_t step)
{
	const struct hc_throttle_row row = {.person_id = 1, .factor = HC_FACTOR_OTP, .failures = 1};
	struct hc_audit_record record = {
		.seq = step, .event = "sign-in", .outcome = "success", .login = "martin"};
	enum hc_err err = hc_store_begin(store);

	memset(record.detail, 'd', sizeof(record.detail) - 1);
	if (err == HC_OK)
		err = hc_store_throttle_put(store, &row);
	if (err == HC_OK)
		err = hc_store_totp_consume(store, &ID, step, 0, step);
	if (err == HC_OK)
		err = hc_store_audit_append(store, &record);
	return err;
}

static enum hc_err sign_in(struct hc_store *store, int64_t step)
{
	const enum hc_err err = decide(store, step);

	if (err == HC_OK)
		return hc_store_commit(store);
	hc_store_rollback(store);
	return err;
}

/* What the store says happened: the last step, which the trail must agree with. */
static int64_t last_step(struct hc_store *store)
{
	struct hc_credential credential;
	struct hc_audit_record record = {.seq = 0};
	const enum hc_err err = hc_store_audit_last(store, &record);

	assert_true(err == HC_OK || err == HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_credential_by_id(store, &ID, &credential), HC_OK);
	assert_int_equal(credential.last_step < 0 ? 0 : credential.last_step, record.seq);
	return record.seq;
}

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const struct hc_credential credential =
		credential_of(add_person(bench->store, "martin"), ID.text, HC_CREDENTIAL_TOTP);

	add_credential(bench->store, &credential);
	return 0;
}

/* ---- killed ---- */

enum point { BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT };

static int die(void *ctx)
{
	(void)ctx;
	(void)kill(getpid(), SIGKILL);
	return 1;
}

static void run_and_die(const char *path, enum point point)
{
	struct hc_store *store = NULL;

	if (hc_store_open(path, &store) != HC_OK || decide(store, 1) != HC_OK)
		_exit(1);
	if (point == BEFORE_COMMIT)
		(void)die(NULL);
	if (point == IN_COMMIT)
		(void)sqlite3_commit_hook(store->db.handle, die, NULL);
	if (hc_store_commit(store) != HC_OK)
		_exit(2);
	(void)die(NULL);
}

static void a_killed_process_leaves_all_of_a_decision_or_nothing(void **state)
{
	static const int64_t wanted[] = {[BEFORE_COMMIT] = 0, [IN_COMMIT] = 0, [AFTER_COMMIT] = 1};
	struct bench *bench = *state;

	for (enum point point = BEFORE_COMMIT; point <= AFTER_COMMIT; point++) {
		int status = 0;

		hc_store_free(&bench->store);
		const pid_t child = fork();
		if (child == 0)
			run_and_die(bench->path, point);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
		if (last_step(bench->store) != wanted[point])
			fail_msg("point %d: step %" PRId64, (int)point, last_step(bench->store));
	}
	assert_int_equal(sign_in(bench->store, 1), HC_ERR_STATE); /* consumed for good */
	assert_int_equal(sign_in(bench->store, 2), HC_OK);
}

/* Tells its parent of every commit that returned HC_OK, until it is killed from outside. */
static void sign_in_for_ever(const char *path, int to_parent)
{
	struct hc_store *store = NULL;

	if (hc_store_open(path, &store) != HC_OK)
		_exit(1);
	for (int64_t step = last_step(store) + 1;; step++) {
		if (sign_in(store, step) != HC_OK)
			_exit(2);
		if (write(to_parent, &step, sizeof(step)) != (ssize_t)sizeof(step))
			_exit(3);
	}
}

static void killed_at_any_moment_nothing_that_was_reported_is_lost(void **state)
{
	struct bench *bench = *state;
	int64_t before = 0;

	for (int round = 0; round < 25; round++) {
		int ends[2], status = 0;
		int64_t step = 0, reported = before;

		hc_store_free(&bench->store);
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		const pid_t child = fork();
		if (child == 0)
			sign_in_for_ever(bench->path, ends[1]);
		assert_int_equal(close(ends[1]), 0);
		for (int i = 0; i < 1 + 7 * (round % 5); i++)
			assert_int_equal(read(ends[0], &step, sizeof(step)), (ssize_t)sizeof(step));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (read(ends[0], &step, sizeof(step)) == (ssize_t)sizeof(step))
			reported = step;
		reported = step > reported ? step : reported;
		assert_int_equal(close(ends[0]), 0);

		assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
		before = last_step(bench->store);
		/* One more than reported: it was on disk when the child died before it could say so. */
		if (before < reported || before > reported + 1)
			fail_msg("round %d: reported %" PRId64 ", stored %" PRId64, round, reported, before);
	}
	assert_true(before > 25);
}

/* ---- no space ---- */

/*
 * Signs in until there is no room at all. A refusal empties the log, which may make room for a few
 * more; when the file itself can grow no further, every try is refused.
 */
static void expect_refusals(struct bench *bench, struct hc_store *store)
{
	unsigned refused = 0, in_a_row = 0;

	for (int64_t step = 1; in_a_row < 4; step = last_step(store) + 1) {
		const enum hc_err err = sign_in(store, step);

		if (err != HC_OK && err != HC_ERR_FULL)
			fail_msg("%s: %s", hc_strerror(err), bench->log);
		in_a_row = err == HC_OK ? 0 : in_a_row + 1;
		refused += err == HC_OK ? 0 : 1;
		assert_int_equal(last_step(store), err == HC_OK ? step : step - 1);
		assert_true(step < 5000);
	}
	assert_true(refused >= 4);
	assert_true(last_step(store) > 5);
	assert_non_null(strstr(bench->log, "store failed"));
}

static void a_file_that_may_not_grow_refuses_and_works_again_afterwards(void **state)
{
	struct bench *bench = *state;
	struct rlimit old, tight;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = 200 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	expect_refusals(bench, bench->store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	const int64_t step = last_step(bench->store) + 1;
	assert_int_equal(sign_in(bench->store, step), HC_OK);
	bench_reopen(bench);
	assert_int_equal(last_step(bench->store), step);
}

/* A small file system of our own, where that is allowed. The mount goes with the process's namespace. */
static bool mount_small(const char *path)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=640k,mode=0700") == 0;
}

static void a_full_disk_refuses_and_works_again_when_there_is_space(void **state)
{
	struct bench *bench = *state;
	char ballast[160];
	static const char block[64 * 1024];

	hc_store_free(&bench->store);
	tempdir_remove(&bench->dir);
	assert_int_equal(mkdir(bench->dir.path, 0700), 0);
	if (!mount_small(bench->dir.path))
		skip();
	const int fd = open(tempdir_file(&bench->dir, "ballast", ballast, sizeof(ballast)),
			    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 5; i++)
		assert_int_equal(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	const struct hc_credential credential =
		credential_of(add_person(bench->store, "martin"), ID.text, HC_CREDENTIAL_TOTP);
	add_credential(bench->store, &credential);

	expect_refusals(bench, bench->store);
	assert_int_equal(unlink(ballast), 0);
	const int64_t step = last_step(bench->store) + 1;
	assert_int_equal(sign_in(bench->store, step), HC_OK);
	bench_reopen(bench);
	assert_int_equal(last_step(bench->store), step);

	/* Read-only while nobody holds it: opening says so. */
	hc_store_free(&bench->store);
	assert_int_equal(mount("none", bench->dir.path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_ERR_FULL);
	assert_non_null(strstr(bench->log, "read-only"));
	assert_int_equal(mount("none", bench->dir.path, "tmpfs", MS_REMOUNT, NULL), 0);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
	assert_int_equal(last_step(bench->store), step);
	hc_store_free(&bench->store);
	assert_int_equal(umount2(bench->dir.path, MNT_DETACH), 0);
}

/* ---- damage ---- */

static void damage_in_the_middle_of_the_file_is_told_apart_from_other_errors(void **state)
{
	struct bench *bench = *state;
	static uint8_t noise[4096];

	for (int64_t step = 1; step < 40; step++)
		assert_int_equal(sign_in(bench->store, step), HC_OK);
	hc_store_free(&bench->store);
	memset(noise, 0xa5, sizeof(noise));
	const int fd = open(bench->path, O_WRONLY | O_CLOEXEC);
	const off_t size = lseek(fd, 0, SEEK_END);
	for (off_t at = 4096; at < size; at += 4096)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at), (ssize_t)sizeof(noise));
	assert_int_equal(close(fd), 0);
	const enum hc_err err = hc_store_open(bench->path, &bench->store);
	if (err == HC_OK)
		assert_int_equal(sign_in(bench->store, 41), HC_ERR_CORRUPT);
	else
		assert_int_equal(err, HC_ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_process_leaves_all_of_a_decision_or_nothing),
		TEST(killed_at_any_moment_nothing_that_was_reported_is_lost),
		TEST(a_file_that_may_not_grow_refuses_and_works_again_afterwards),
		TEST(damage_in_the_middle_of_the_file_is_told_apart_from_other_errors),
		TEST(a_full_disk_refuses_and_works_again_when_there_is_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
