/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GUARD_H
#define HC_GUARD_H

#include "gateway.h"

/*
 * Ends the sessions of people who may not sign in any more: at once when the broker tells of it, and
 * by asking about everybody who has a session whenever changes may have been missed (the broker was
 * away) and every HC_GUARD_WALK_MS besides (validity windows end silently). Walks in bounded steps.
 * It also delivers the gateway's audit records (store/outbox.h) to the broker, oldest first, each until
 * the broker has said that it is on disk.
 * One a process, on workers[0].
 */
struct hc_guard;

#define HC_GUARD_WALK_MS 300000

/* hc_guard_new: worker, with its broker, view and loop, is borrowed for its life. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_guard_new(struct hc_worker *worker, struct hc_guard **ret_guard);
/* hc_guard_free: while the link to the broker is there. The loop does not run between this and the end of the link. */
void hc_guard_free(struct hc_guard **guard);

void hc_guard_live(struct hc_guard *guard, bool live);
void hc_guard_changed(struct hc_guard *guard, int64_t person_id, bool active);
/* hc_guard_records_waiting: something was put into the outbox. */
void hc_guard_records_waiting(struct hc_guard *guard);

/* hc_guard_tick: does what is due by the clock, for tests that move theirs. */
void hc_guard_tick(struct hc_guard *guard);

#endif
