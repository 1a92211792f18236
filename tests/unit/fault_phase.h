/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_FAULT_PHASE_H
#define HC_TEST_FAULT_PHASE_H

/*
 * Faults in what a loop does for one request: its allocations before a write and behind it, and the write itself, each
 * counted as a point, whatever other threads do meanwhile. For tests that link hc_fault and wrap hc_gstore_write. FAULTY(name)
 * makes faulty_NAME, a handler that calls hc_handle_NAME with its points counted.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "oauth/handlers.h"
#include "store/gstore.h"
#include "tests/support/fault.h"

/* The n-th point of a request fails. The loop's alone; so the n-th is always the same. */
static struct {
	unsigned n, used;
	bool armed, hit;
} plan;
static atomic_uint in_phase; /* nobody else may allocate */

static void phase_begin(void)
{
	plan.armed = !plan.hit && plan.n > plan.used;
	atomic_store(&in_phase, plan.armed);
	if (plan.armed)
		hc_fault_arm(HC_FAULT_MEMORY, plan.n - plan.used);
}

static void phase_end(void)
{
	if (!plan.armed)
		return;
	plan.used += hc_fault_calls();
	plan.hit = hc_fault_hit();
	plan.armed = false;
	hc_fault_disarm();
	atomic_store(&in_phase, false);
}

struct held_write {
	hc_gstore_work_fn work;
	hc_gstore_done_fn done;
	void *ctx;
};

static enum hc_err held_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct held_write *held = ctx;

	return held->work(tx, held->ctx);
}

static void held_done(enum hc_err result, void *ctx)
{
	struct held_write *held = ctx;

	phase_begin();
	if (held->done != NULL)
		held->done(result, held->ctx);
	phase_end();
	free(held);
}

enum hc_err __real_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx);
enum hc_err __wrap_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx);

/* Writes of the test itself come from another thread, and are not counted. */
static _Thread_local bool is_loop;

enum hc_err __wrap_hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   hc_gstore_done_fn done, void *ctx)
{
	if (!is_loop)
		return __real_hc_gstore_write(store, loop, work, done, ctx);
	phase_end();
	plan.used++;
	if (!plan.hit && plan.used == plan.n) {
		plan.hit = true;
		return HC_ERR_FULL;
	}
	struct held_write *held = malloc(sizeof(*held));
	*held = (struct held_write){.work = work, .done = done, .ctx = ctx};
	const enum hc_err err = __real_hc_gstore_write(store, loop, held_work, held_done, held);
	if (err != HC_OK)
		free(held);
	return err;
}

#define FAULTY(name)                                                       \
	static void faulty_##name(struct hc_exchange *exchange, void *app) \
	{                                                                  \
		is_loop = true;                                            \
		phase_begin();                                             \
		hc_handle_##name(exchange, app);                           \
		phase_end();                                               \
	}

#endif
