/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened at the gateway reaches the broker's trail.
 *
 * State: the batch under way. Threats: a record that is lost or kept twice: it leaves the store when the broker
 * has said that it is on disk, and not before, and the broker knows the number of one that comes again; a
 * broker that refuses over and over (longer and longer pauses).
 */
#include "guard_internal.h"

#include <stdlib.h>

#include "broker_link.h"
#include "hospiconnect/log.h"

static void poll_later(struct hc_guard *guard, bool failed)
{
	guard->delivering = false;
	if (!failed)
		guard->pause_ms = HC_GUARD_POLL_MS;
	else if (guard->pause_ms < HC_GUARD_PAUSE_MAX_MS)
		guard->pause_ms *= 2;
	guard->poll_ms = guard->live ? hc_guard_due_ms(guard, guard->pause_ms) : HC_GUARD_NEVER;
	hc_guard_arm(guard);
}

static enum hc_err drop_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_guard_write *write = ctx;

	return hc_outbox_drop(tx, write->drop_seq);
}

static void drop_done(enum hc_err result, void *ctx)
{
	struct hc_guard_write *write = ctx;
	struct hc_guard *guard = hc_guard_unqueue(write);

	free(write);
	if (guard == NULL)
		return;
	if (result != HC_OK)
		hc_log(HC_LOG_ERROR, "delivered records cannot be dropped",
		       HC_F_TEXT("reason", hc_strerror(result)));
	poll_later(guard, result != HC_OK);
	if (result == HC_OK && guard->record_count == HC_OUTBOX_BATCH)
		hc_guard_records_waiting(guard); /* there may be more */
}

static void on_delivered(enum hc_err err, void *ctx)
{
	struct hc_guard *guard = ctx;
	const struct hc_guard_write write = {.drop_seq = guard->records[guard->record_count - 1].seq};

	if (err == HC_OK)
		err = hc_guard_queue(guard, &write, drop_work, drop_done);
	if (err == HC_OK)
		return;
	hc_log(HC_LOG_WARNING, "audit records wait: they could not be delivered",
	       HC_F_TEXT("reason", hc_strerror(err)));
	poll_later(guard, true);
}

void hc_guard_deliver(struct hc_guard *guard)
{
	enum hc_err err =
		hc_outbox_list(guard->worker->view, HC_OUTBOX_BATCH, guard->records, &guard->record_count);

	if (err == HC_OK && guard->record_count > 0)
		err = hc_broker_events_send(guard->worker->broker, guard->records, guard->record_count,
					    on_delivered, guard);
	if (err != HC_OK || guard->record_count == 0) {
		poll_later(guard, err != HC_OK);
		return;
	}
	guard->delivering = true;
	guard->poll_ms = HC_GUARD_NEVER;
}

void hc_guard_records_waiting(struct hc_guard *guard)
{
	/* not while what failed rests */
	if (guard->live && !guard->delivering && guard->pause_ms == HC_GUARD_POLL_MS)
		guard->poll_ms = hc_guard_due_ms(guard, 0);
	hc_guard_arm(guard);
}
