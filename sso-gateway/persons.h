/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PERSONS_H
#define HC_PERSONS_H

#include "broker_link.h"

/*
 * What the broker said about people, remembered for a loop: a bounded table (HC_PERSONS_KEPT, the
 * oldest answer makes room), each answer for HC_PERSONS_AGE_MS at most, all of it only while the
 * broker tells of changes (hc_broker_watch); a change drops the person at once. So userinfo and
 * single sign-on cost no question each, and a disabled person is refused at once all the same.
 */
struct hc_persons;

#define HC_PERSONS_KEPT	  1024
#define HC_PERSONS_AGE_MS 60000

HC_CHECK enum hc_err hc_persons_new(struct hc_broker_link *link, const struct hc_clock *clock,
				    struct hc_persons **ret_persons);
/* hc_persons_free: who still waits is not told. The loop does not run between this and the end of the link. */
void hc_persons_free(struct hc_persons **persons);

/*
 * hc_persons_get: fn runs once: inside of this call when the answer is remembered, else later on the
 * loop's thread. It runs in every case, so there is no error to return; answer as in hc_person_fn,
 * borrowed for the call.
 */
void hc_persons_get(struct hc_persons *persons, int64_t person_id, hc_person_fn fn, void *ctx);

/* For the link's watch. */
void hc_persons_live(struct hc_persons *persons, bool live);
void hc_persons_changed(struct hc_persons *persons, int64_t person_id);

#endif
