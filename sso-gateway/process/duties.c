/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the first loop does regularly.
 *
 * State: the timer, the write that is under way, what the last ones found. A purge takes small steps, each a
 * member of its own, so that no token waits for it. A step that failed is tried again with the next tick.
 */
#include "process/duties.h"

#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "hospiconnect/log.h"
#include "http/loop.h"
#include "process/keys.h"
#include "store/gstore.h"
#include "store/outbox.h"
#include "store/purge.h"
#include "store/token.h"

#define STALE_MS (6 * HC_DUTIES_MS) /* an answer of the store that is older says nothing */

/* A step of the purge. It outlives the duties if it must. */
struct step {
	struct hc_duties *duties; /* NULL: gone */
	int64_t now_ms;
	size_t deleted;
	bool probe; /* writes something, whether there is anything to purge or not */
};

struct hc_duties {
	struct hc_process *process; /* borrowed */
	struct event timer;
	struct step *step; /* under way, or NULL */
	bool written, behind;
	int64_t written_mono_ms;
	uint64_t purged;
	bool complained, probe;
};

static int64_t mono_of(const struct hc_duties *duties)
{
	return hc_mono_ms(duties->process->gateway.clock);
}

/* ---- the purge ---- */

static void begin_step(struct hc_duties *duties);

static enum hc_err purge(struct hc_gstore_tx *tx, void *ctx)
{
	static const uint8_t no_token[32] = {0}; /* the hash of nothing that exists */
	struct step *step = ctx;
	enum hc_err err = hc_purge_step(tx, step->now_ms, &step->deleted);

	/* A row that the next purge takes again: without one nothing may have been written. */
	if (err == HC_OK && step->probe)
		err = hc_jti_revoke(tx, no_token, step->now_ms);
	return err;
}

static void note(struct hc_duties *duties, enum hc_err result)
{
	duties->written = result == HC_OK;
	duties->written_mono_ms = mono_of(duties);
	if (result != HC_OK && !duties->complained)
		hc_log(HC_LOG_ERROR, "the store cannot be written", HC_F_TEXT("reason", hc_strerror(result)));
	else if (result == HC_OK && duties->complained)
		hc_log_plain(HC_LOG_NOTICE, "the store can be written again");
	duties->complained = result != HC_OK;
}

static void purged(enum hc_err result, void *ctx)
{
	struct step *step = ctx;
	struct hc_duties *duties = step->duties;

	if (duties != NULL) {
		duties->step = NULL;
		note(duties, result);
		duties->behind = result == HC_OK && step->deleted == HC_PURGE_ROWS;
		duties->purged += result == HC_OK ? step->deleted : 0;
		if (duties->behind)
			begin_step(duties);
	}
	free(step);
}

static void begin_step(struct hc_duties *duties)
{
	struct hc_gateway *gateway = &duties->process->gateway;
	struct step *step = duties->step == NULL ? calloc(1, sizeof(*step)) : NULL;

	if (step == NULL)
		return;
	*step = (struct step){.duties = duties, .now_ms = hc_now_ms(gateway->clock), .probe = duties->probe};
	duties->probe = false;
	if (hc_gstore_write(gateway->store, gateway->workers[0].loop, purge, purged, step) == HC_OK)
		duties->step = step;
	else
		free(step); /* the queue is full: writing goes on, only not for us */
}

/* ---- the timer ---- */

static void arm(struct hc_duties *duties)
{
	static const struct timeval period = {.tv_sec = HC_DUTIES_MS / 1000,
					      .tv_usec = HC_DUTIES_MS % 1000 * 1000};

	if (evtimer_add(&duties->timer, &period) != 0)
		hc_log_plain(HC_LOG_ERROR, "no memory for a timer: nothing is purged any more");
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_duties *duties = ctx;

	(void)fd;     /* none */
	(void)events; /* always EV_TIMEOUT */
	begin_step(duties);
	hc_keys_tick(duties->process);
	arm(duties);
}

enum hc_err hc_duties_new(struct hc_process *process, struct hc_duties **ret_duties)
{
	struct hc_duties *duties = calloc(1, sizeof(*duties));
	struct event_base *base = hc_loop_base(process->gateway.workers[0].loop);

	if (duties == NULL)
		return HC_ERR_NOMEM;
	duties->process = process;
	/* It was opened and migrated just now. */
	duties->written = true;
	duties->written_mono_ms = mono_of(duties);
	if (evtimer_assign(&duties->timer, base, on_timer, duties) != 0) {
		free(duties);
		return HC_ERR_NOMEM;
	}
	event_active(&duties->timer, EV_TIMEOUT, 0); /* the first time as soon as the loop runs */
	*ret_duties = duties;
	return HC_OK;
}

void hc_duties_free(struct hc_duties **duties)
{
	struct hc_duties *old = duties == NULL ? NULL : *duties;

	if (old == NULL)
		return;
	if (old->step != NULL)
		old->step->duties = NULL;
	(void)event_del(&old->timer); /* assigned: it does not fail */
	free(old);
	*duties = NULL;
}

void hc_duties_facts(struct hc_duties *duties, struct hc_duties_facts *ret_facts)
{
	int64_t waiting = -1;

	duties->probe = true; /* who asks again learns what the next step found */
	if (hc_outbox_waiting(duties->process->gateway.workers[0].view, &waiting) != HC_OK)
		waiting = -1;
	*ret_facts = (struct hc_duties_facts){
		.store_writable = duties->written && mono_of(duties) - duties->written_mono_ms < STALE_MS,
		.purged = duties->purged,
		.purge_behind = duties->behind,
		.records_waiting = waiting};
}
