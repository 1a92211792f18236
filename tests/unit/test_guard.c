/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of people who may not sign in any more, and records on their way to the broker: over a real store, with
 * the test as the broker.
 */
#include "broker_support.h"

#include <inttypes.h>

#include "guard_internal.h"
#include "hospiconnect/clock.h"
#include "store/grant.h"

struct bench {
	struct rig *rig;
	struct hc_gstore *store;
	struct hc_gateway gateway;
	struct hc_worker worker;
	struct hc_guard *guard;
	int fd; /* of the questions; -1: none yet */
	int64_t next_id;
};

/* ---- a store that refuses ---- */

static unsigned refusals; /* so many writes are refused */

enum hc_err __real_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx);
enum hc_err __wrap_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx);
enum hc_err __wrap_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx)
{
	if (refusals > 0) {
		refusals--;
		return HC_ERR_FULL;
	}
	return __real_hc_gstore_write(store, loop, work, done, ctx);
}

/* ---- the store ---- */

struct awaited {
	bool done;
	enum hc_err result;
};

static void on_done(enum hc_err result, void *ctx)
{
	struct awaited *awaited = ctx;

	awaited->result = result;
	awaited->done = true;
}

struct work {
	struct awaited awaited; /* first: it is what `done` gets */
	struct bench *bench;
	int64_t person_id;
	struct hc_outbox_record record;
};

static void run(struct bench *bench, hc_gstore_work_fn fn, struct work *work)
{
	work->awaited = (struct awaited){.done = false};
	assert_int_equal(__real_hc_gstore_write(bench->store, bench->rig->loop, fn, on_done, work), HC_OK);
	while (!work->awaited.done)
		assert_true(event_base_loop(hc_loop_base(bench->rig->loop), EVLOOP_ONCE) >= 0);
	assert_int_equal(work->awaited.result, HC_OK);
}

static enum hc_err add_session(struct hc_gstore_tx *tx, void *ctx)
{
	struct work *work = ctx;
	struct hc_browser_session session = {.cookie = {.id = ++work->bench->next_id},
					     .person_id = work->person_id,
					     .acr = "a",
					     .amr = "pwd otp mfa",
					     .auth_ms = NOW,
					     .created_ms = NOW,
					     .last_seen_ms = NOW,
					     .expires_ms = NOW + 28800000,
					     .keep_until_ms = NOW + 28800000};

	memset(session.cookie.hash, 1, sizeof(session.cookie.hash));
	memcpy(session.cookie.hash, &session.cookie.id, sizeof(session.cookie.id));
	(void)snprintf(session.login, sizeof(session.login), "person%d", (int)work->person_id);
	(void)snprintf(session.sid, sizeof(session.sid), "sid-%" PRId64, session.cookie.id);
	return hc_session_add(tx, &session);
}

static void have_session(struct bench *bench, int64_t person_id)
{
	struct work work = {.bench = bench, .person_id = person_id};

	run(bench, add_session, &work);
}

static size_t sessions_of(struct bench *bench, int64_t person_id)
{
	static struct hc_browser_session sessions[512];
	int64_t cursor = 0;
	size_t count = 0;

	assert_int_equal(hc_session_list(bench->worker.view, person_id, hc_now_ms(bench->gateway.clock),
					 &cursor, HC_COUNT(sessions), sessions, &count),
			 HC_OK);
	return count;
}

static enum hc_err add_record(struct hc_gstore_tx *tx, void *ctx)
{
	struct work *work = ctx;

	return hc_outbox_add(tx, &work->record);
}

static void have_record(struct bench *bench, const char *detail)
{
	struct work work = {
		.bench = bench,
		.record = {.time_ms = NOW, .event = HC_OUTBOX_LOGOUT, .success = true, .person_id = 7}};

	(void)snprintf(work.record.detail, sizeof(work.record.detail), "%s", detail);
	run(bench, add_record, &work);
}

static int64_t records_in(struct bench *bench)
{
	int64_t count = -1;

	assert_int_equal(hc_outbox_waiting(bench->worker.view, &count), HC_OK);
	return count;
}

static struct hc_outbox_record first_record(struct bench *bench)
{
	struct hc_outbox_record record;
	size_t count = 0;

	assert_int_equal(hc_outbox_list(bench->worker.view, 1, &record, &count), HC_OK);
	assert_int_equal(count, 1);
	return record;
}

/* ---- the bench ---- */

static int bench_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	void *rig = NULL;
	char path[128];

	if (bench == NULL || setup_listening(&rig) != 0)
		return -1;
	bench->rig = rig;
	bench->fd = -1;

	struct hc_loop *const loops[] = {bench->rig->loop};
	const struct hc_gstore_options options = {
		.path = tempdir_file(&bench->rig->dir, "gateway.db", path, sizeof(path)),
		.loops = loops,
		.loop_count = 1,
		.post = hc_loop_post};

	if (hc_gstore_open(&options, &bench->store) != HC_OK)
		return -1;
	bench->gateway = (struct hc_gateway){
		.clock = &bench->rig->clock.clock, .store = bench->store, .workers = &bench->worker};
	bench->worker.gateway = &bench->gateway;
	bench->worker.loop = bench->rig->loop;
	bench->worker.view = hc_gstore_view(bench->store, bench->rig->loop);
	bench->worker.broker = bench->rig->link;
	refusals = 0;
	*state = bench;
	return hc_guard_new(&bench->worker, &bench->guard) == HC_OK ? 0 : -1;
}

static int bench_down(void **state)
{
	struct bench *bench = *state;
	void *rig = bench->rig;

	hc_guard_free(&bench->guard);
	if (bench->fd >= 0)
		(void)close(bench->fd);
	hc_gstore_free(&bench->store);
	free(bench);
	return teardown(&rig);
}

static void pass_time(struct bench *bench, int64_t ms)
{
	pass(bench->rig, ms);
	if (bench->guard != NULL)
		hc_guard_tick(bench->guard);
	turn(bench->rig);
}

/* Runs the loop until it is so; the writer is a thread of its own. */
#define AWAIT(bench, condition)                                                                           \
	do {                                                                                              \
		int64_t end_ms = hc_mono_ms(hc_clock_system()) + 5000;                                    \
		while (!(condition)) {                                                                    \
			assert_true(hc_mono_ms(hc_clock_system()) < end_ms);                              \
			assert_true(event_base_loop(hc_loop_base((bench)->rig->loop), EVLOOP_ONCE) >= 0); \
		}                                                                                         \
	} while (false)

static bool is_writing(const struct bench *bench)
{
	return bench->guard->writes != NULL;
}

/* The broker is asked about this person and answers. */
static void answer(struct bench *bench, uint64_t id, enum hc_verdict verdict, enum hc_reason reason)
{
	hc_guard_tick(bench->guard);
	turn(bench->rig);
	hc_guard_tick(bench->guard);
	if (bench->fd < 0)
		bench->fd = accepted(bench->rig);
	assert_int_equal(heard(bench->rig, bench->fd), HC_MSG_PERSON_GET);
	assert_int_equal(number_of(bench->rig, HC_FIELD_PERSON_ID), id);
	say_person(bench->rig, bench->fd, id, verdict, reason);
	hc_guard_tick(bench->guard);
	turn(bench->rig);
}

static void answer_yes(struct bench *bench, uint64_t id)
{
	answer(bench, id, HC_ALLOW, HC_REASON_NONE);
}

static void nobody_is_asked_about(struct bench *bench)
{
	hc_guard_tick(bench->guard);
	turn(bench->rig);
	assert_false(bench->guard->asking);
	if (bench->fd >= 0)
		assert_int_equal(heard(bench->rig, bench->fd), 0);
}

/* ---- changes ---- */

static void a_person_who_is_disabled_has_no_session_from_then_on(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record record;

	have_session(bench, 7);
	have_session(bench, 7);
	have_session(bench, 8);
	hc_guard_changed(bench->guard, 7, false);
	AWAIT(bench, !is_writing(bench));

	assert_int_equal(sessions_of(bench, 7), 0);
	assert_int_equal(sessions_of(bench, 8), 1);
	assert_int_equal(records_in(bench), 1);
	record = first_record(bench);
	assert_int_equal(record.event, HC_OUTBOX_SESSION_END);
	assert_int_equal(record.person_id, 7);
	assert_string_equal(record.login, "person7");
	assert_true(record.success);
	assert_string_equal(record.detail, "2 sessions ended: the person was disabled or removed");
}

static void a_person_who_is_enabled_loses_nothing(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	hc_guard_changed(bench->guard, 7, true);
	assert_false(is_writing(bench));
	assert_int_equal(sessions_of(bench, 7), 1);
}

static void who_has_no_session_leaves_no_record(void **state)
{
	struct bench *bench = *state;

	hc_guard_changed(bench->guard, 7, false);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(records_in(bench), 0);
}

static void sessions_that_cannot_be_ended_now_are_ended_soon(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 7);
	refusals = 1;
	hc_guard_changed(bench->guard, 7, false);
	assert_false(is_writing(bench));
	assert_int_equal(sessions_of(bench, 7), 1);
	nobody_is_asked_about(bench);
	pass_time(bench, HC_GUARD_AGAIN_MS);
	answer(bench, 7, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(sessions_of(bench, 7), 0);
}

/* ---- the walk ---- */

static void after_an_interruption_everybody_is_asked_about(void **state)
{
	struct bench *bench = *state;

	for (int64_t id = 1; id <= 4; id++)
		have_session(bench, id);
	nobody_is_asked_about(bench);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 1);
	answer(bench, 2, HC_DENY_EXPIRED, HC_REASON_VALIDITY_OVER);
	answer(bench, 3, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON);
	answer_yes(bench, 4);
	AWAIT(bench, !is_writing(bench));
	nobody_is_asked_about(bench);

	assert_int_equal(sessions_of(bench, 1), 1);
	assert_int_equal(sessions_of(bench, 2), 0);
	assert_int_equal(sessions_of(bench, 3), 0);
	assert_int_equal(sessions_of(bench, 4), 1);
	assert_int_equal(first_record(bench).reason, HC_REASON_VALIDITY_OVER);
}

static void the_walk_comes_round_every_five_minutes(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	hc_guard_live(bench->guard, true);
	for (int round = 0; round < 3; round++) {
		answer_yes(bench, 7);
		pass_time(bench, HC_GUARD_WALK_MS - 1);
		nobody_is_asked_about(bench);
		pass_time(bench, 1);
		(void)close(bench->fd); /* idle for so long */
		turn(bench->rig);
		bench->fd = -1;
		if (!bench->guard->asking)
			hc_guard_tick(bench->guard);
	}
	answer(bench, 7, HC_DENY_EXPIRED, HC_REASON_VALIDITY_OVER);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(sessions_of(bench, 7), 0);
}

static void a_person_with_many_sessions_is_asked_about_once(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 2 * HC_GUARD_STEP + 10; i++)
		have_session(bench, 7);
	have_session(bench, 8);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 7);
	for (int i = 0; i < 4; i++)
		hc_guard_tick(bench->guard);
	answer_yes(bench, 8);
	nobody_is_asked_about(bench);
	assert_int_equal(sessions_of(bench, 0), 2 * HC_GUARD_STEP + 11);
}

static void more_sessions_than_are_read_at_once_are_all_asked_about(void **state)
{
	struct bench *bench = *state;

	for (int64_t id = 1; id <= 3 * HC_GUARD_STEP; id++)
		have_session(bench, id);
	hc_guard_live(bench->guard, true);
	for (uint64_t id = 1; id <= 3 * HC_GUARD_STEP; id++)
		answer_yes(bench, id);
	nobody_is_asked_about(bench);
}

static void a_broker_that_cannot_tell_ends_nothing_and_is_asked_again(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	hc_guard_live(bench->guard, true);
	answer(bench, 7, HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE);
	nobody_is_asked_about(bench);
	assert_int_equal(sessions_of(bench, 7), 1);
	pass_time(bench, HC_GUARD_AGAIN_MS);
	answer(bench, 7, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(sessions_of(bench, 7), 0);
}

static void a_person_whom_the_broker_cannot_read_holds_up_nobody(void **state)
{
	struct bench *bench = *state;

	for (int64_t id = 1; id <= 3; id++)
		have_session(bench, id);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 1);
	answer(bench, 2, HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE);
	pass_time(bench, HC_GUARD_AGAIN_MS);
	answer(bench, 2, HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE);
	answer(bench, 3, HC_DENY_EXPIRED, HC_REASON_VALIDITY_OVER);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(sessions_of(bench, 2), 1);
	assert_int_equal(sessions_of(bench, 3), 0);
}

static void a_walk_that_was_interrupted_begins_with_the_first_again(void **state)
{
	struct bench *bench = *state;

	for (int64_t id = 1; id <= 3; id++)
		have_session(bench, id);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 1);
	answer_yes(bench, 2);
	hc_guard_tick(bench->guard);
	turn(bench->rig); /* now the third is asked about */
	hc_guard_live(bench->guard, false);
	hc_guard_live(bench->guard, true);
	answer_yes(bench, 3);
	for (uint64_t id = 1; id <= 3; id++)
		answer_yes(bench, id);
	nobody_is_asked_about(bench);
}

static void while_the_broker_is_away_nobody_is_asked_about(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	hc_guard_live(bench->guard, true);
	hc_guard_live(bench->guard, false);
	for (int i = 0; i < 10; i++) {
		pass_time(bench, 100000);
		nobody_is_asked_about(bench);
	}
	assert_int_equal(sessions_of(bench, 7), 1);
}

/* ---- records ---- */

static int delivery(struct bench *bench, unsigned expected, uint64_t *ret_last)
{
	int fd = accepted(bench->rig);

	for (unsigned i = 0; i < expected; i++) {
		assert_int_equal(heard(bench->rig, fd), HC_MSG_EVENT);
		*ret_last = number_of(bench->rig, HC_FIELD_SEQ);
	}
	assert_int_equal(heard(bench->rig, fd), HC_MSG_EVENTS_END);
	assert_int_equal(number_of(bench->rig, HC_FIELD_SEQ), *ret_last);
	return fd;
}

static void keep(struct bench *bench, int fd, uint64_t last)
{
	hc_msg_init(&bench->rig->msg, HC_MSG_EVENTS_KEPT);
	hc_msg_put_u64(&bench->rig->msg, HC_FIELD_SEQ, last);
	say(bench->rig, fd);
	(void)close(fd);
}

/* A delivery of so many, which the broker keeps; back when they have left the store. */
static void take_delivery(struct bench *bench, unsigned expected)
{
	uint64_t last = 0;
	int fd = delivery(bench, expected, &last);

	keep(bench, fd, last);
	AWAIT(bench, !is_writing(bench));
}

static void a_record_that_the_broker_did_not_keep_is_delivered_again(void **state)
{
	struct bench *bench = *state;
	uint64_t last = 0;

	have_record(bench, "one");
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	(void)close(delivery(bench, 1, &last));
	turn(bench->rig);
	assert_int_equal(records_in(bench), 1);
	hc_guard_records_waiting(bench->guard); /* what failed rests all the same */
	pass_time(bench, 2 * HC_GUARD_POLL_MS - 1);
	assert_int_equal(accept_one(bench->rig), -1);
	pass_time(bench, 1);
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 0);
}

static void a_record_that_is_kept_leaves_the_store_and_is_not_delivered_again(void **state)
{
	struct bench *bench = *state;
	uint64_t last = 0;

	have_record(bench, "one");
	have_record(bench, "two");
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	int fd = delivery(bench, 2, &last);
	have_record(bench, "three"); /* while two are on their way */
	hc_guard_records_waiting(bench->guard);
	pass_time(bench, HC_GUARD_POLL_MS);
	assert_int_equal(accept_one(bench->rig), -1);
	keep(bench, fd, last);
	AWAIT(bench, !is_writing(bench));
	assert_int_equal(records_in(bench), 1);
	assert_string_equal(first_record(bench).detail, "three");
	pass_time(bench, HC_GUARD_POLL_MS);
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 0);
	for (int i = 0; i < 10; i++)
		pass_time(bench, HC_GUARD_POLL_MS);
	assert_int_equal(accept_one(bench->rig), -1);
}

static void a_long_queue_leaves_batch_by_batch_without_a_pause(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < HC_OUTBOX_BATCH + 3; i++)
		have_record(bench, "more");
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	take_delivery(bench, HC_OUTBOX_BATCH);
	pass_time(bench, 0);
	take_delivery(bench, 3);
	assert_int_equal(records_in(bench), 0);
}

static void records_that_cannot_be_dropped_are_delivered_again(void **state)
{
	struct bench *bench = *state;

	have_record(bench, "one");
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	refusals = 1;
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 1);
	pass_time(bench, 2 * HC_GUARD_POLL_MS);
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 0);
}

static void while_the_broker_is_away_records_wait(void **state)
{
	struct bench *bench = *state;

	have_record(bench, "one");
	for (int i = 0; i < 10; i++)
		pass_time(bench, 10000);
	assert_int_equal(accept_one(bench->rig), -1);
	hc_guard_live(bench->guard, true);
	hc_guard_live(bench->guard, false);
	pass_time(bench, 10000);
	assert_int_equal(accept_one(bench->rig), -1);
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 0);
}

static void a_nudge_saves_the_wait(void **state)
{
	struct bench *bench = *state;

	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	have_record(bench, "one");
	assert_int_equal(accept_one(bench->rig), -1);
	hc_guard_records_waiting(bench->guard);
	pass_time(bench, 0);
	take_delivery(bench, 1);
	assert_int_equal(records_in(bench), 0);
}

/* ---- the end ---- */

static void a_guard_that_ends_while_something_is_written_is_not_touched_any_more(void **state)
{
	struct bench *bench = *state;

	have_session(bench, 7);
	have_record(bench, "one");
	hc_guard_live(bench->guard, true);
	pass_time(bench, 0);
	hc_guard_changed(bench->guard, 7, false);
	hc_guard_free(&bench->guard);
	hc_guard_free(&bench->guard);
	AWAIT(bench, sessions_of(bench, 7) == 0);
	hc_broker_link_free(&bench->rig->link);
	turn(bench->rig);
}

int main(void)
{
#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_up, bench_down)
	const struct CMUnitTest tests[] = {
		IN_BENCH(a_person_who_is_disabled_has_no_session_from_then_on),
		IN_BENCH(a_person_who_is_enabled_loses_nothing),
		IN_BENCH(who_has_no_session_leaves_no_record),
		IN_BENCH(sessions_that_cannot_be_ended_now_are_ended_soon),
		IN_BENCH(after_an_interruption_everybody_is_asked_about),
		IN_BENCH(the_walk_comes_round_every_five_minutes),
		IN_BENCH(a_person_with_many_sessions_is_asked_about_once),
		IN_BENCH(more_sessions_than_are_read_at_once_are_all_asked_about),
		IN_BENCH(a_broker_that_cannot_tell_ends_nothing_and_is_asked_again),
		IN_BENCH(a_person_whom_the_broker_cannot_read_holds_up_nobody),
		IN_BENCH(a_walk_that_was_interrupted_begins_with_the_first_again),
		IN_BENCH(while_the_broker_is_away_nobody_is_asked_about),
		IN_BENCH(a_record_that_the_broker_did_not_keep_is_delivered_again),
		IN_BENCH(a_record_that_is_kept_leaves_the_store_and_is_not_delivered_again),
		IN_BENCH(a_long_queue_leaves_batch_by_batch_without_a_pause),
		IN_BENCH(records_that_cannot_be_dropped_are_delivered_again),
		IN_BENCH(while_the_broker_is_away_records_wait),
		IN_BENCH(a_nudge_saves_the_wait),
		IN_BENCH(a_guard_that_ends_while_something_is_written_is_not_touched_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
