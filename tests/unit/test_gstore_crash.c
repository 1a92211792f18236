/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store does when the world breaks: the process is killed in the middle of groups, the disk is full, a
 * sync fails. Nothing consumed comes back, nothing answered is lost, a group is refused whole.
 */
#include "gstore_support.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/outbox.h"

#define CODES	  400 /* of one round */
#define IN_FLIGHT 150
#define KILLS	  110

/* Code i of a round and the access token that is issued for it. */
static int64_t code_id(int64_t round, int64_t i)
{
	return 1000000 + round * 10000 + i * 2;
}

static int64_t access_id(int64_t round, int64_t i)
{
	return code_id(round, i) + 1;
}

static enum hc_err add_codes(struct hc_gstore_tx *tx, void *ctx)
{
	const int64_t round = *(const int64_t *)ctx;
	enum hc_err err = HC_OK;

	for (int64_t i = 0; err == HC_OK && i < CODES; i++) {
		/* A grant each, so that a second try of one code ends nothing of the others. */
		const struct hc_grant grant = grant_of(code_id(round, i), 1, 0);
		const struct hc_code code = code_of(code_id(round, i), code_id(round, i), 1);

		err = hc_grant_add(tx, &grant);
		if (err == HC_OK)
			err = hc_code_add(tx, &code);
	}
	return err;
}

struct exchange {
	int64_t round, number;
	enum hc_redeem outcome;
	enum hc_err result;
	int answer_to; /* a pipe, or -1 */
};

static int completed;

/* Whose token it was stands where a person does. */
static enum hc_err add_proof(struct hc_gstore_tx *tx, int64_t access)
{
	const struct hc_outbox_record record = {
		.time_ms = T0, .event = HC_OUTBOX_APPLICATION, .success = true, .person_id = access};

	return hc_outbox_add(tx, &record);
}

static enum hc_err exchange_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct exchange *exchange = ctx;
	const int64_t id = code_id(exchange->round, exchange->number);
	const struct hc_code_try code_try = {.ref = ref_of(id),
					     .client = 1,
					     .redirect_uri = "https://app.example/cb",
					     .challenge = VERIFIER_HASH};
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
	const enum hc_err err = hc_code_redeem(tx, &code_try, T0 + 1, &exchange->outcome, &grant, nonce);

	if (err != HC_OK || exchange->outcome != HC_REDEEM_OK)
		return err;
	const struct hc_access access = access_of(access_id(exchange->round, exchange->number), id, 1);
	const enum hc_err added = hc_access_add(tx, &access);
	return added == HC_OK ? add_proof(tx, access.ref.id) : added;
}

static void answer(enum hc_err result, void *ctx)
{
	struct exchange *exchange = ctx;

	completed++;
	exchange->result = result;
	if (exchange->answer_to < 0)
		return;
	if (result != HC_OK || exchange->outcome != HC_REDEEM_OK)
		_exit(4);
	if (write(exchange->answer_to, &exchange->number, sizeof(exchange->number)) !=
	    (ssize_t)sizeof(exchange->number))
		_exit(5);
}

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	(void)have_client(*state, "app");
	return 0;
}

/* ---- killed ---- */

static struct exchange exchanges[CODES];

/* The gateway of one round: exchanges all codes, many at a time, and answers down the pipe. */
static void serve_until_killed(const char *path, int64_t round, int answer_to)
{
	struct hc_gstore *store = NULL;
	struct hc_loop loop;
	int sent = 0;

	loop_init(&loop);
	completed = 0;
	if (store_open_at(path, &loop, &store) != HC_OK)
		_exit(1);
	while (completed < CODES) {
		for (; sent < CODES && sent - completed < IN_FLIGHT; sent++) {
			exchanges[sent] =
				(struct exchange){.round = round, .number = sent, .answer_to = answer_to};
			if (hc_gstore_write(store, &loop, exchange_work, answer, &exchanges[sent]) != HC_OK)
				_exit(2);
		}
		loop_run_one(&loop);
	}
	for (;;)
		(void)pause();
}

/* Reads `enough` answers, kills, and reads what was answered until then. */
static int kill_after(pid_t child, int from_child, int enough, bool answered[CODES])
{
	int64_t number = 0;
	int status = 0, count = 0;

	for (; count < enough && read(from_child, &number, sizeof(number)) == (ssize_t)sizeof(number);
	     count++)
		answered[number] = true;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	for (; read(from_child, &number, sizeof(number)) == (ssize_t)sizeof(number); count++)
		answered[number] = true;
	return count;
}

static enum hc_err drop_proofs(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_outbox_drop(tx, *(const int64_t *)ctx);
}

/* Takes the proofs of a round out of the outbox, as the broker does; their numbers go on without a gap. */
static void take_proofs(struct bench *bench, int64_t round, bool proven[CODES])
{
	static int64_t last;
	struct hc_outbox_record records[HC_OUTBOX_BATCH];
	size_t count = 0;

	last = round == 0 ? 0 : last;
	do {
		assert_int_equal(hc_outbox_list(view_of(bench), HC_OUTBOX_BATCH, records, &count), HC_OK);
		for (size_t i = 0; i < count; i++) {
			const int64_t number = (records[i].person_id - access_id(round, 0)) / 2;

			assert_int_equal(records[i].seq, ++last);
			if (number >= 0 && number < CODES) /* not one of the tries of the round before */
				proven[number] = true;
		}
		WRITE(bench, drop_proofs, &last);
	} while (count > 0);
}

/* Answered: used up and its token lives. Not answered: both or none of it is there. And never without proof. */
static void check_round(struct bench *bench, int64_t round, const bool answered[CODES])
{
	bool proven[CODES] = {false};

	take_proofs(bench, round, proven);
	for (int64_t i = 0; i < CODES; i++) {
		const struct hc_ticket_ref ref = ref_of(access_id(round, i));
		struct hc_access_info info;
		struct exchange replay = {.round = round, .number = i, .answer_to = -1};

		const bool issued = hc_access_find(view_of(bench), &ref, T0 + 1, &info) == HC_OK;
		if (answered[i] && !issued)
			fail_msg("round %" PRId64 ": the answered token %" PRId64 " is lost", round, i);
		if (issued != proven[i])
			fail_msg("round %" PRId64 ", token %" PRId64 ": issued %d, proven %d", round, i,
				 issued, proven[i]);
		/* One that is used up is tried again; of the others a few, which cost a sync each. */
		if (!issued && i % 50 != 0)
			continue;
		if (issued && i % 20 != 0)
			continue;
		WRITE(bench, exchange_work, &replay);
		if ((replay.outcome == HC_REDEEM_OK) == issued)
			fail_msg("round %" PRId64 ", code %" PRId64 ": issued %d, replayed %d", round, i,
				 issued, (int)replay.outcome);
	}
}

static void killed_at_any_moment_nothing_consumed_comes_back_and_nothing_answered_is_lost(void **state)
{
	struct bench *bench = *state;
	unsigned random = 12345;
	int in_the_middle = 0;

	for (int64_t round = 0; round < KILLS; round++) {
		bool answered[CODES] = {false};
		int ends[2];

		WRITE(bench, add_codes, &round);
		hc_gstore_free(&bench->store);
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		const pid_t child = fork();
		if (child == 0)
			serve_until_killed(bench->path, round, ends[1]);
		assert_int_equal(close(ends[1]), 0);
		random = random * 1103515245u + 12345u;
		const int count = kill_after(child, ends[0], (int)(random >> 16) % CODES, answered);
		assert_int_equal(close(ends[0]), 0);
		in_the_middle += count > 0 && count < CODES ? 1 : 0;

		assert_int_equal(bench_open(bench), HC_OK);
		check_round(bench, round, answered);
	}
	assert_true(in_the_middle > KILLS / 2); /* or the test does not test */
}

/* ---- a group that cannot be committed ---- */

#define GROUP 40

/* Sends GROUP exchanges as one group: they gather while the writer is held by a first member. */
static void exchange_group(struct bench *bench, int64_t round)
{
	struct gate gate;

	completed = 0;
	hold_writer(bench, &gate);
	for (int i = 0; i < GROUP; i++) {
		exchanges[i] = (struct exchange){.round = round, .number = i, .answer_to = -1};
		assert_int_equal(
			hc_gstore_write(bench->store, &bench->loop, exchange_work, answer, &exchanges[i]),
			HC_OK);
	}
	open_gate(&gate);
	while (completed < GROUP)
		loop_run_one(&bench->loop);
}

static void expect_group(struct bench *bench, int64_t round, enum hc_err wanted)
{
	for (int i = 0; i < GROUP; i++) {
		const struct hc_ticket_ref ref = ref_of(access_id(round, i));
		struct hc_access_info info;
		const bool issued = hc_access_find(view_of(bench), &ref, T0 + 1, &info) == HC_OK;

		if (exchanges[i].result != wanted || issued != (wanted == HC_OK))
			fail_msg("member %d: %s, %s", i, hc_strerror(exchanges[i].result),
				 issued ? "issued" : "not issued");
		if (wanted == HC_OK)
			assert_int_equal(exchanges[i].outcome, HC_REDEEM_OK);
	}
}

static void a_full_disk_refuses_the_whole_group_and_uses_nothing_up(void **state)
{
	struct bench *bench = *state;
	struct rlimit before, full;
	struct hc_gstore_counts counts;
	int64_t round = 0;

	WRITE(bench, add_codes, &round); /* the log is beyond the limit by now */
	hc_gstore_counts(bench->store, &counts);
	assert_true(counts.log_bytes > 100000);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	full = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	exchange_group(bench, round);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

	expect_group(bench, round, HC_ERR_FULL);
	hc_gstore_counts(bench->store, &counts);
	assert_true(counts.refused >= GROUP);
	exchange_group(bench, round); /* there is room again: the same codes are still good */
	expect_group(bench, round, HC_OK);
	bench_reopen(bench);
	expect_group(bench, round, HC_OK);
}

/* ---- a sync that fails ---- */

static sqlite3_vfs broken_vfs, *system_vfs;
static sqlite3_io_methods broken_methods, real_methods;
static atomic_int failing_syncs;

static int broken_sync(sqlite3_file *file, int flags)
{
	if (atomic_load(&failing_syncs) > 0) {
		(void)atomic_fetch_sub(&failing_syncs, 1);
		return SQLITE_IOERR_FSYNC;
	}
	return real_methods.xSync(file, flags);
}

static int broken_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	const int rc = system_vfs->xOpen(vfs, name, file, flags, out_flags);

	/* The log alone: its sync is what a commit is. All logs have one table of methods. */
	if (rc != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0)
		return rc;
	if (real_methods.xSync == NULL) {
		real_methods = broken_methods = *file->pMethods;
		broken_methods.xSync = broken_sync;
	}
	file->pMethods = &broken_methods;
	return rc;
}

static void copy_file(const char *from, const char *to)
{
	char data[65536];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t len = 0;

	assert_non_null(in);
	assert_non_null(out);
	while ((len = fread(data, 1, sizeof(data), in)) > 0)
		assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(to, 0600), 0);
}

/* What a kill at this moment would leave: the files as they are, without the locks and the index. */
static void open_as_after_a_kill(struct bench *bench, struct bench *ret_copy)
{
	char from[160], to[160];

	*ret_copy = (struct bench){.dir = bench->dir};
	loop_init(&ret_copy->loop);
	(void)tempdir_file(&bench->dir, "copy.db", ret_copy->path, sizeof(ret_copy->path));
	(void)snprintf(from, sizeof(from), "%s-wal", bench->path);
	(void)snprintf(to, sizeof(to), "%s-wal", ret_copy->path);
	copy_file(bench->path, ret_copy->path);
	copy_file(from, to);
	assert_int_equal(bench_open(ret_copy), HC_OK);
}

static void a_sync_that_fails_refuses_the_group_and_a_kill_then_brings_nothing_of_it(void **state)
{
	struct bench *bench = *state;
	struct bench copy;
	int64_t round = 0;

	WRITE(bench, add_codes, &round);
	atomic_store(&failing_syncs, 1);
	exchange_group(bench, round);
	assert_int_equal(atomic_load(&failing_syncs), 0); /* it was reached */
	expect_group(bench, round, HC_ERR_IO);

	open_as_after_a_kill(bench, &copy);
	expect_group(&copy, round, HC_ERR_IO);
	exchange_group(&copy, round); /* the client tries once more, after the restart */
	expect_group(&copy, round, HC_OK);
	hc_gstore_free(&copy.store);

	exchange_group(bench, round); /* or without one */
	expect_group(bench, round, HC_OK);
}

static void a_disk_that_stays_broken_refuses_every_group_until_it_is_mended(void **state)
{
	struct bench *bench = *state;
	int64_t round = 0;

	WRITE(bench, add_codes, &round);
	atomic_store(&failing_syncs, 1000000);
	for (int i = 0; i < 3; i++) {
		exchange_group(bench, round);
		expect_group(bench, round, HC_ERR_IO);
	}
	atomic_store(&failing_syncs, 0);
	exchange_group(bench, round);
	expect_group(bench, round, HC_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_refuses_the_whole_group_and_uses_nothing_up),
		TEST(a_sync_that_fails_refuses_the_group_and_a_kill_then_brings_nothing_of_it),
		TEST(a_disk_that_stays_broken_refuses_every_group_until_it_is_mended),
		TEST(killed_at_any_moment_nothing_consumed_comes_back_and_nothing_answered_is_lost),
	};

	system_vfs = sqlite3_vfs_find(NULL);
	if (system_vfs == NULL)
		return 1;
	broken_vfs = *system_vfs;
	broken_vfs.zName = "broken";
	broken_vfs.xOpen = broken_open;
	if (sqlite3_vfs_register(&broken_vfs, 1) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
