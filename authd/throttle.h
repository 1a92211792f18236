/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_THROTTLE_H
#define HC_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "store/store.h"

/*
 * Lock-out, as pure functions over a stored row. The first policy->free_tries failures are free;
 * the failure after which the count reaches free_tries locks for lock_first_s, each further one for
 * twice as long, up to lock_max_s. Tries during a lock are refused unverified and not counted.
 * A clock that went backwards cannot prolong a lock beyond its own length from now on.
 */

/*
 * hc_throttle_settle: to be called before a row is used in a transaction. Where the clock stands
 * before the last failure, the lock is set anew from now on, with the length that it had; true if
 * the row changed and must be stored. Without it such a lock would last until the clock catches up.
 */
bool hc_throttle_settle(struct hc_throttle_row *row, const struct hc_policy_rules *policy, int64_t now_ms);

/* hc_throttle_left_s: seconds until a try is allowed (rounded up); 0: now. */
int64_t hc_throttle_left_s(const struct hc_throttle_row *row, const struct hc_policy_rules *policy,
			   int64_t now_ms);

/* hc_throttle_fail: counts one failure at now_ms; true if it locked. */
bool hc_throttle_fail(struct hc_throttle_row *row, const struct hc_policy_rules *policy, int64_t now_ms);

#endif
