/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_KEYS_H
#define HC_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "jose/jwk.h"
#include "process/process.h"
#include "store/key.h"
#include "store/outbox.h"

/*
 * The life of the signing keys. A new one is published as NEXT for HC_KEY_OVERLAP_MS, so that clients
 * who keep our JWKS have it before its first signature; then it becomes ACTIVE, and the former one stays
 * published until nothing that it signed is valid any more (hc_keys_retired_ms). All on lanes[0]'s thread, but
 * hc_keys_first and hc_keys_end.
 */
#define HC_KEY_OVERLAP_MS 600000

/*
 * hc_keys_first: makes keys of the missing algorithms (two at most), which sign at once, in the store at
 * path, which nobody has open; before any loop runs. Logged. Blocks.
 */
HC_CHECK enum hc_err hc_keys_first(struct hc_process *process, const char *path,
				   const enum hc_jws_alg *missing, size_t count);

/* hc_keys_retired_ms: how long a key stays published after it signed for the last time. */
int64_t hc_keys_retired_ms(const struct hc_gateway_config *config);

/*
 * hc_keys_rotate: makes a new key of that algorithm (in a thread of its own) and publishes it; with at_once it
 * signs from now on. done runs once, later: HC_ERR_EXISTS where one is waiting already (at_once makes that one
 * sign), HC_ERR_STATE where another rotation is under way or there are too many keys. actor is copied.
 */
typedef void (*hc_keys_done_fn)(enum hc_err err, const struct hc_signing_key *key, void *ctx);
HC_CHECK enum hc_err hc_keys_rotate(struct hc_process *process, enum hc_jws_alg alg, bool at_once,
				    const char *actor, hc_keys_done_fn done, void *ctx);
/* hc_keys_forget: done of that ctx does not run any more; the rotation goes on. */
void hc_keys_forget(struct hc_process *process, const void *ctx);

/* hc_keys_tick: what is due: activation, removal, loops that have not loaded the newest ring. */
void hc_keys_tick(struct hc_process *process);

/* hc_keys_end: waits for a key that is being made; no loop runs any more. What was posted runs by hc_loop_free. */
void hc_keys_end(struct hc_process *process);

#endif
