/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may not sign in any more has no session.
 *
 * State: the walk over the sessions, and one timer, for the delivery of records too. Threats: a change that
 * nobody told of (the broker was away: everybody is asked about again), a write that failed (the walk comes
 * round again soon). It ends sessions and never makes one; what it cannot find out it leaves as it is, and
 * asks again: the pages ask for themselves before they grant.
 */
#include "guard_internal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker_link.h"
#include "hospiconnect/log.h"
#include "http/loop.h"

static const struct hc_clock *clock_of(const struct hc_guard *guard)
{
	return guard->worker->gateway->clock;
}

void hc_guard_arm(struct hc_guard *guard)
{
	int64_t due_ms = guard->walk_ms < guard->poll_ms ? guard->walk_ms : guard->poll_ms;
	int64_t left_ms = due_ms == HC_GUARD_NEVER ? HC_GUARD_AGAIN_MS : due_ms - hc_mono_ms(clock_of(guard));
	struct timeval delay = {0};

	if (left_ms > 0)
		delay = (struct timeval){.tv_sec = (time_t)(left_ms / 1000),
					 .tv_usec = (suseconds_t)(left_ms % 1000) * 1000};
	if (event_add(&guard->timer, &delay) != 0)
		event_active(&guard->timer, EV_TIMEOUT, 0); /* no memory for it: sooner rather than never */
}

/* ---- writes ---- */

enum hc_err hc_guard_queue(struct hc_guard *guard, const struct hc_guard_write *what, hc_gstore_work_fn work,
			   hc_gstore_done_fn done)
{
	struct hc_guard_write *write = malloc(sizeof(*write));
	enum hc_err err = HC_OK;

	if (write == NULL)
		return HC_ERR_NOMEM;
	*write = *what;
	write->guard = guard;
	write->now_ms = hc_now_ms(clock_of(guard));
	err = hc_gstore_write(guard->worker->gateway->store, guard->worker->loop, work, done, write);
	if (err != HC_OK) {
		free(write);
		return err;
	}
	write->next = guard->writes;
	guard->writes = write;
	return HC_OK;
}

/* Whose guard is still there. */
struct hc_guard *hc_guard_unqueue(struct hc_guard_write *write)
{
	struct hc_guard_write **place = NULL;

	if (write->guard == NULL)
		return NULL;
	place = &write->guard->writes;
	while (*place != write)
		place = &(*place)->next;
	*place = write->next;
	return write->guard;
}

/* ---- ending sessions ---- */

static void walk_soon(struct hc_guard *guard)
{
	int64_t again_ms = hc_guard_due_ms(guard, HC_GUARD_AGAIN_MS);

	if (guard->asking)
		guard->anew = true;
	else if (guard->live && guard->walk_ms > again_ms)
		guard->walk_ms = again_ms;
	hc_guard_arm(guard);
}

/* For the record: the login as the sessions have it, since the person may be gone. */
static enum hc_err login_of(struct hc_gstore_tx *tx, const struct hc_guard_write *write,
			    struct hc_outbox_record *record)
{
	struct hc_browser_session session = {0};
	int64_t cursor = 0;
	size_t count = 0;
	enum hc_err err = hc_session_list(hc_gstore_tx_view(tx), write->person_id, write->now_ms, &cursor, 1,
					  &session, &count);

	if (err == HC_OK && count > 0)
		(void)snprintf(record->login, sizeof(record->login), "%s", session.login); /* as long */
	return err;
}

static enum hc_err end_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_guard_write *write = ctx;
	struct hc_outbox_record record = {.time_ms = write->now_ms,
					  .event = HC_OUTBOX_SESSION_END,
					  .success = true,
					  .reason = write->reason,
					  .person_id = write->person_id};
	enum hc_err err = login_of(tx, write, &record);

	if (err == HC_OK)
		err = hc_session_end_person(tx, write->person_id, write->now_ms, &write->ended);
	if (err != HC_OK || write->ended == 0)
		return err;
	(void)snprintf(record.detail, sizeof(record.detail), "%zu session%s ended: %s", write->ended,
		       write->ended == 1 ? "" : "s", write->why); /* both are short */
	return hc_outbox_add(tx, &record);
}

static void end_done(enum hc_err result, void *ctx)
{
	struct hc_guard_write *write = ctx;
	struct hc_guard *guard = hc_guard_unqueue(write);

	if (result != HC_OK)
		hc_log(HC_LOG_ERROR, "sessions could not be ended; tried again soon",
		       HC_F_NUM("person", write->person_id), HC_F_TEXT("reason", hc_strerror(result)));
	else if (write->ended > 0)
		hc_log(HC_LOG_NOTICE, "sessions ended", HC_F_NUM("person", write->person_id),
		       HC_F_NUM("count", write->ended), HC_F_TEXT("why", write->why));
	if (guard != NULL && result != HC_OK)
		walk_soon(guard);
	else if (guard != NULL && write->ended > 0)
		hc_guard_records_waiting(guard);
	free(write);
}

static void end_sessions(struct hc_guard *guard, int64_t person_id, enum hc_reason reason, const char *why)
{
	const struct hc_guard_write write = {.person_id = person_id, .reason = reason, .why = why};
	enum hc_err err = hc_guard_queue(guard, &write, end_work, end_done);

	if (err == HC_OK)
		return;
	hc_log(HC_LOG_ERROR, "sessions could not be ended; tried again soon", HC_F_NUM("person", person_id),
	       HC_F_TEXT("reason", hc_strerror(err)));
	walk_soon(guard);
}

/* ---- the walk ---- */

static void begin_walk(struct hc_guard *guard)
{
	guard->anew = false;
	guard->doubtful = false;
	guard->cursor = 0;
	guard->asked_person = 0;
	guard->count = 0;
	guard->next = 0;
	guard->walk_ms = hc_guard_due_ms(guard, 0);
}

static void on_person(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct hc_guard *guard = ctx;
	int64_t person_id = guard->asked_person;

	guard->asking = false;
	if (err == HC_OK && !answer->may_sign_in)
		end_sessions(guard, person_id, answer->reason, "the broker was asked");
	if (!guard->live) {
		guard->walk_ms = HC_GUARD_NEVER;
	} else if (guard->anew) {
		begin_walk(guard);
	} else if (err == HC_OK || guard->doubtful) {
		/* About whom the broker cannot tell twice (a damaged row), that one holds up nobody else. */
		guard->doubtful = false;
		guard->next++;
		guard->walk_ms = hc_guard_due_ms(guard, 0);
	} else {
		guard->doubtful = true;
		guard->asked_person = 0; /* the same one again */
		guard->walk_ms = hc_guard_due_ms(guard, HC_GUARD_AGAIN_MS);
	}
	hc_guard_arm(guard);
}

/* The next sessions; false: there are none, or they cannot be read now. */
static bool read_sessions(struct hc_guard *guard)
{
	enum hc_err err = hc_session_list(guard->worker->view, 0, hc_now_ms(clock_of(guard)), &guard->cursor,
					  HC_GUARD_STEP, guard->sessions, &guard->count);

	guard->next = 0;
	if (err == HC_OK && guard->count > 0)
		return true;
	guard->count = 0;
	guard->cursor = 0;
	guard->asked_person = 0;
	guard->walk_ms = hc_guard_due_ms(guard, err == HC_OK ? HC_GUARD_WALK_MS : HC_GUARD_AGAIN_MS);
	return false;
}

/* One question; its answer brings the next step. */
static void walk(struct hc_guard *guard)
{
	while (guard->next < guard->count && guard->sessions[guard->next].person_id == guard->asked_person)
		guard->next++;
	if (guard->next == guard->count && !read_sessions(guard))
		return;
	if (guard->sessions[guard->next].person_id == guard->asked_person) {
		guard->walk_ms = hc_guard_due_ms(
			guard, 0); /* the first of the next ones: its others are skipped next */
		return;
	}
	guard->asked_person = guard->sessions[guard->next].person_id;
	if (hc_broker_person_ask(guard->worker->broker, guard->asked_person, on_person, guard) == HC_OK) {
		guard->asking = true;
		guard->walk_ms = HC_GUARD_NEVER;
	} else {
		guard->asked_person = 0;
		guard->walk_ms = hc_guard_due_ms(guard, HC_GUARD_AGAIN_MS);
	}
}

/* ---- time ---- */

void hc_guard_tick(struct hc_guard *guard)
{
	int64_t now_ms = hc_mono_ms(clock_of(guard));

	if (now_ms >= guard->walk_ms)
		walk(guard);
	if (now_ms >= guard->poll_ms)
		hc_guard_deliver(guard);
	hc_guard_arm(guard);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;     /* a timer has none */
	(void)events; /* always EV_TIMEOUT */
	hc_guard_tick(ctx);
}

/* ---- what others call ---- */

enum hc_err hc_guard_new(struct hc_worker *worker, struct hc_guard **ret_guard)
{
	struct hc_guard *guard = calloc(1, sizeof(*guard));

	if (guard == NULL)
		return HC_ERR_NOMEM;
	guard->worker = worker;
	guard->walk_ms = HC_GUARD_NEVER;
	guard->poll_ms = HC_GUARD_NEVER;
	guard->pause_ms = HC_GUARD_POLL_MS;
	if (evtimer_assign(&guard->timer, hc_loop_base(worker->loop), on_timer, guard) != 0) {
		free(guard);
		return HC_ERR_NOMEM;
	}
	*ret_guard = guard;
	return HC_OK;
}

void hc_guard_free(struct hc_guard **guard)
{
	if (guard == NULL || *guard == NULL)
		return;
	for (struct hc_guard_write *write = (*guard)->writes; write != NULL; write = write->next)
		write->guard = NULL;
	hc_broker_events_cancel((*guard)->worker->broker);
	(void)event_del(&(*guard)->timer); /* fails for events that were never made */
	free(*guard);
	*guard = NULL;
}

void hc_guard_live(struct hc_guard *guard, bool live)
{
	guard->live = live;
	if (!live) {
		guard->walk_ms = HC_GUARD_NEVER;
		guard->poll_ms = HC_GUARD_NEVER;
	} else {
		if (guard->asking)
			guard->anew = true;
		else
			begin_walk(guard);
		guard->pause_ms = HC_GUARD_POLL_MS;
		hc_guard_records_waiting(guard);
	}
	hc_guard_arm(guard);
}

void hc_guard_changed(struct hc_guard *guard, int64_t person_id, bool active)
{
	if (!active)
		end_sessions(guard, person_id, HC_REASON_NONE, "the person was disabled or removed");
}
