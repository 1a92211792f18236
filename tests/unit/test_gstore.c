/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a whole: who may open it, groups and their members, completions, ids, the end. */
#include "gstore_support.h"

#include <sys/stat.h>

#include <unistd.h>

static void a_second_owner_is_refused_and_the_first_goes_on(void **state)
{
	struct bench *bench = *state;
	struct hc_gstore *second = NULL;

	assert_int_equal(store_open_at(bench->path, &bench->loop, &second), HC_ERR_STATE);
	assert_null(second);
	assert_non_null(strstr(bench->log, "another process owns it"));

	assert_int_equal(have_client(bench, "app"), 1);
	bench_reopen(bench); /* and the place is free again after the first */
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	struct bench *bench = *state;

	hc_gstore_free(&bench->store);
	assert_int_equal(chmod(bench->path, 0640), 0);
	assert_int_equal(bench_open(bench), HC_ERR_PERM);
	assert_int_equal(unlink(bench->path), 0);
	assert_int_equal(symlink("/etc/passwd", bench->path), 0);
	assert_int_equal(bench_open(bench), HC_ERR_PERM);
}

static void nonsense_options_are_refused(void **state)
{
	struct bench *bench = *state;
	struct hc_loop *const loops[] = {&bench->loop};
	const struct hc_gstore_options cases[] = {
		{.path = bench->path, .loops = loops, .loop_count = 0, .post = loop_post},
		{.path = bench->path, .loops = loops, .loop_count = 17, .post = loop_post},
		{.path = bench->path, .loops = loops, .loop_count = 1, .post = NULL},
	};

	hc_gstore_free(&bench->store);
	for (size_t i = 0; i < HC_COUNT(cases); i++)
		if (hc_gstore_open(&cases[i], &bench->store) != HC_ERR_INVALID)
			fail_msg("case %zu", i);
}

static void a_loop_that_was_not_named_has_no_view_and_cannot_write(void **state)
{
	struct bench *bench = *state;
	struct hc_loop stranger;

	loop_init(&stranger);
	assert_null(hc_gstore_view(bench->store, &stranger));
	assert_int_equal(hc_gstore_write(bench->store, &stranger, add_client, NULL, NULL), HC_ERR_INVALID);
}

/* ---- members ---- */

struct step {
	const char *id;
	enum hc_err returned; /* by work, after it has written */
	enum hc_err result;   /* what done said */
	int order;
};

static int completed;

static enum hc_err add_and_return(struct hc_gstore_tx *tx, void *ctx)
{
	struct step *step = ctx;
	const struct hc_client client = client_of(step->id);
	const enum hc_err err = hc_client_add(tx, &client, NULL);

	return err == HC_OK ? step->returned : err;
}

static void note(enum hc_err result, void *ctx)
{
	struct step *step = ctx;

	step->result = result;
	step->order = ++completed;
}

static bool is_stored(struct bench *bench, const char *id)
{
	struct hc_client client;

	return hc_client_by_id(view_of(bench), id, &client) == HC_OK;
}

static void a_member_that_fails_is_undone_and_takes_nobody_with_it(void **state)
{
	struct bench *bench = *state;
	struct step steps[] = {{.id = "a"},
			       {.id = "b", .returned = HC_ERR_PERM},
			       {.id = "a", .returned = HC_OK}, /* taken */
			       {.id = "", .returned = HC_OK},  /* invalid */
			       {.id = "c"}};
	const enum hc_err wanted[] = {HC_OK, HC_ERR_PERM, HC_ERR_EXISTS, HC_ERR_INVALID, HC_OK};

	completed = 0;
	for (size_t i = 0; i < HC_COUNT(steps); i++)
		assert_int_equal(hc_gstore_write(bench->store, &bench->loop, add_and_return, note, &steps[i]),
				 HC_OK);
	while (completed < (int)HC_COUNT(steps))
		loop_run_one(&bench->loop);
	for (size_t i = 0; i < HC_COUNT(steps); i++)
		if (steps[i].result != wanted[i] || steps[i].order != (int)i + 1)
			fail_msg("member %zu: %s, as number %d", i, hc_strerror(steps[i].result),
				 steps[i].order);
	assert_true(is_stored(bench, "a"));
	assert_false(is_stored(bench, "b"));
	assert_true(is_stored(bench, "c"));
}

/* Writes, hits a taken name, and claims that all is well. */
static enum hc_err forget_the_failure(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_client fresh = client_of("fresh"), taken = client_of("app");

	(void)ctx;
	if (hc_client_add(tx, &fresh, NULL) != HC_OK || hc_client_add(tx, &taken, NULL) == HC_OK)
		return HC_ERR_PERM; /* not what the test is about */
	return HC_OK;
}

static void a_failure_that_work_forgets_still_undoes_the_member(void **state)
{
	struct bench *bench = *state;

	(void)have_client(bench, "app");
	assert_int_equal(write_now(bench, forget_the_failure, NULL), HC_ERR_EXISTS);
	assert_false(is_stored(bench, "fresh"));
}

static enum hc_err read_own_write(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_client client = client_of("seen");
	const enum hc_err err = hc_client_add(tx, &client, NULL);

	*(bool *)ctx = err == HC_OK && hc_client_by_id(hc_gstore_tx_view(tx), "seen", &client) == HC_OK;
	return HC_ERR_STATE;
}

static void a_member_reads_what_it_wrote_and_nobody_else_does(void **state)
{
	struct bench *bench = *state;
	bool seen = false;

	assert_int_equal(write_now(bench, read_own_write, &seen), HC_ERR_STATE);
	assert_true(seen);
	assert_false(is_stored(bench, "seen"));
}

/* ---- the queue ---- */

static enum hc_err succeed(struct hc_gstore_tx *tx, void *ctx)
{
	(void)tx;
	(void)ctx;
	return HC_OK;
}

static void a_full_queue_says_so_and_everything_in_it_is_committed_in_full_groups(void **state)
{
	struct bench *bench = *state;
	struct step step = {.id = ""};
	struct hc_gstore_counts before, after;
	struct gate gate;

	hc_gstore_counts(bench->store, &before);
	hold_writer(bench, &gate);
	completed = 0;
	for (int i = 0; i < HC_GSTORE_QUEUE; i++)
		assert_int_equal(hc_gstore_write(bench->store, &bench->loop, succeed, note, &step), HC_OK);
	assert_int_equal(hc_gstore_write(bench->store, &bench->loop, succeed, note, &step), HC_ERR_FULL);
	hc_gstore_counts(bench->store, &after);
	assert_int_equal(after.queued, HC_GSTORE_QUEUE);
	open_gate(&gate);
	while (completed < HC_GSTORE_QUEUE)
		loop_run_one(&bench->loop);
	hc_gstore_counts(bench->store, &after);
	assert_int_equal(after.members - before.members, HC_GSTORE_QUEUE + 1);
	assert_int_equal(after.groups - before.groups, HC_GSTORE_QUEUE / HC_GSTORE_GROUP + 1);
	assert_int_equal(after.refused, 0);
	assert_int_equal(after.queued, 0);
}

static void closing_commits_what_is_queued_and_completes_it(void **state)
{
	struct bench *bench = *state;
	struct step steps[100] = {{.id = NULL}};
	char ids[100][8];
	struct gate gate;

	hold_writer(bench, &gate);
	completed = 0;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "c%d", i);
		steps[i].id = ids[i];
		assert_int_equal(hc_gstore_write(bench->store, &bench->loop, add_and_return, note, &steps[i]),
				 HC_OK);
	}
	open_gate(&gate);
	hc_gstore_free(&bench->store);
	assert_int_equal(completed, 100);
	assert_true(bench->loop.count > 0);
	loop_run_rest(&bench->loop); /* a loop that is freed runs its posts, and finds nothing to do */
	assert_int_equal(completed, 100);
	assert_int_equal(bench_open(bench), HC_OK);
	for (int i = 0; i < 100; i++)
		if (steps[i].result != HC_OK || !is_stored(bench, ids[i]))
			fail_msg("member %d: %s", i, hc_strerror(steps[i].result));
}

struct again {
	struct hc_gstore *store;
	struct hc_loop *loop;
	enum hc_err err;
};

static void write_again(enum hc_err result, void *ctx)
{
	struct again *again = ctx;

	(void)result;
	again->err = hc_gstore_write(again->store, again->loop, succeed, NULL, NULL);
}

static void a_write_from_a_completion_is_taken_and_after_the_end_refused(void **state)
{
	struct bench *bench = *state;
	struct again again = {.store = bench->store, .loop = &bench->loop, .err = HC_ERR_IO};

	assert_int_equal(hc_gstore_write(bench->store, &bench->loop, succeed, write_again, &again), HC_OK);
	loop_run_one(&bench->loop);
	assert_int_equal(again.err, HC_OK);

	assert_int_equal(hc_gstore_write(bench->store, &bench->loop, succeed, write_again, &again), HC_OK);
	hc_gstore_free(&bench->store); /* nobody ran the loop: the completion runs here */
	assert_int_equal(again.err, HC_ERR_CLOSED);
}

/* ---- completions ---- */

static void a_post_that_fails_for_memory_is_made_again(void **state)
{
	struct bench *bench = *state;

	bench->loop.refusals = 3;
	bench->loop.refuse_with = HC_ERR_NOMEM;
	assert_int_equal(have_client(bench, "app"), 1);
	assert_int_equal(bench->loop.refusals, 0);
}

static void what_a_closed_loop_does_not_take_is_completed_by_the_end(void **state)
{
	struct bench *bench = *state;
	struct step step = {.id = "late", .result = HC_ERR_IO};

	completed = 0;
	bench->loop.refusals = 1000;
	bench->loop.refuse_with = HC_ERR_CLOSED;
	assert_int_equal(hc_gstore_write(bench->store, &bench->loop, add_and_return, note, &step), HC_OK);
	hc_gstore_free(&bench->store);
	assert_int_equal(completed, 1);
	assert_int_equal(step.result, HC_OK);
	assert_true(bench->loop.refusals >= 999); /* asked once, not again and again */
}

/* ---- ids ---- */

static void ids_only_grow_whatever_the_clock_says(void **state)
{
	struct bench *bench = *state;
	const int64_t clocks[] = {T0, T0, T0 - 86400000, 0, INT64_MIN / 2, T0 + 1, INT64_MAX / 2, T0 + 2};
	int64_t before = 0;

	for (size_t i = 0; i < HC_COUNT(clocks); i++) {
		const int64_t id = hc_gstore_new_id(bench->store, clocks[i]);
		if (id <= before || id >= INT64_C(1) << 56)
			fail_msg("clock %zu: %" PRId64 " after %" PRId64, i, id, before);
		before = id;
	}
}

static void ids_go_on_after_those_in_the_file(void **state)
{
	struct bench *bench = *state;
	const int64_t far = hc_gstore_new_id(bench->store, T0 + 86400000);
	struct hc_browser_session session = session_of(far, 7);

	WRITE(bench, add_session, &session);
	bench_reopen(bench);
	assert_int_equal(hc_gstore_new_id(bench->store, T0), far + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_owner_is_refused_and_the_first_goes_on),
		TEST(a_file_that_others_may_read_is_refused),
		TEST(nonsense_options_are_refused),
		TEST(a_loop_that_was_not_named_has_no_view_and_cannot_write),
		TEST(a_member_that_fails_is_undone_and_takes_nobody_with_it),
		TEST(a_failure_that_work_forgets_still_undoes_the_member),
		TEST(a_member_reads_what_it_wrote_and_nobody_else_does),
		TEST(a_full_queue_says_so_and_everything_in_it_is_committed_in_full_groups),
		TEST(closing_commits_what_is_queued_and_completes_it),
		TEST(a_write_from_a_completion_is_taken_and_after_the_end_refused),
		TEST(a_post_that_fails_for_memory_is_made_again),
		TEST(what_a_closed_loop_does_not_take_is_completed_by_the_end),
		TEST(ids_only_grow_whatever_the_clock_says),
		TEST(ids_go_on_after_those_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
