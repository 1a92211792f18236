/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DUTIES_H
#define HC_DUTIES_H

#include <stdbool.h>
#include <stdint.h>

#include "process/process.h"

/*
 * What the first loop does every HC_DUTIES_MS beside serving: rows whose time is over are purged, keys
 * take their next step, and whether the store can be written is found out.
 */
struct hc_duties;

#define HC_DUTIES_MS 5000

HC_CHECK enum hc_err hc_duties_new(struct hc_process *process, struct hc_duties **ret_duties);
void hc_duties_free(struct hc_duties **duties);

/* What they found, for health and metrics; on the first loop's thread. */
struct hc_duties_facts {
	bool store_writable;	 /* the last attempt held, and is not long ago */
	uint64_t purged;	 /* rows */
	bool purge_behind;	 /* there is more to purge */
	int64_t records_waiting; /* audit records that the broker does not have yet; -1: unknown */
};
void hc_duties_facts(struct hc_duties *duties, struct hc_duties_facts *ret_facts);

#endif
