/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GUARD_INTERNAL_H
#define HC_GUARD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "guard.h"
#include "hospiconnect/clock.h"
#include "store/gstore.h"
#include "store/outbox.h"
#include "store/session.h"

/* Private to guard.c (sessions, time) and guard_records.c (delivery). */
#define HC_GUARD_STEP	      64   /* sessions read at once */
#define HC_GUARD_AGAIN_MS     5000 /* after something failed */
#define HC_GUARD_POLL_MS      250
#define HC_GUARD_PAUSE_MAX_MS 30000 /* between deliveries that fail */
#define HC_GUARD_NEVER	      INT64_MAX

/* A write to the store that is under way. It outlives the guard if it must. */
struct hc_guard_write {
	struct hc_guard_write *next;
	struct hc_guard *guard; /* NULL: gone */
	int64_t now_ms;
	int64_t person_id; /* whose sessions are ended */
	enum hc_reason reason;
	const char *why; /* static */
	size_t ended;
	int64_t drop_seq; /* or: which records are dropped */
};

struct hc_guard {
	struct hc_worker *worker; /* borrowed */
	struct event timer;
	bool live;
	/* the walk */
	int64_t walk_ms; /* when it goes on; HC_GUARD_NEVER: a question is under way, or the broker is away */
	bool asking, anew;
	bool doubtful; /* the last question was not answered */
	int64_t cursor, asked_person;
	size_t count, next;
	struct hc_browser_session sessions[HC_GUARD_STEP];
	/* the records */
	bool delivering; /* a batch is under way, until it was dropped from the store */
	int64_t poll_ms; /* HC_GUARD_NEVER: a batch is under way, or the broker is away */
	int64_t pause_ms;
	size_t record_count;
	struct hc_outbox_record records[HC_OUTBOX_BATCH];
	struct hc_guard_write *writes; /* whose completion will come */
};

static inline int64_t hc_guard_due_ms(const struct hc_guard *guard, int64_t delay_ms)
{
	return hc_mono_ms(guard->worker->gateway->clock) + delay_ms;
}

/* hc_guard_arm: after every change of walk_ms and poll_ms. */
void hc_guard_arm(struct hc_guard *guard);
/* hc_guard_queue: what is copied. done must call hc_guard_unqueue and free the write. */
HC_CHECK enum hc_err hc_guard_queue(struct hc_guard *guard, const struct hc_guard_write *what,
				    hc_gstore_work_fn work, hc_gstore_done_fn done);
/* hc_guard_unqueue: the write's guard, NULL if it has gone. */
struct hc_guard *hc_guard_unqueue(struct hc_guard_write *write);
/* hc_guard_deliver: what waits, if anything does. */
void hc_guard_deliver(struct hc_guard *guard);

#endif
