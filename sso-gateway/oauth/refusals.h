/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REFUSALS_H
#define HC_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which refused clients have an audit record already: one record a client and address (IPv6: its /64) in
 * HC_REFUSALS_MS, and no more than HC_REFUSALS_KEPT at all in that time, so that nobody fills the trail by
 * knocking. A part of a worker; all zero is empty.
 */
#define HC_REFUSALS_KEPT 64
#define HC_REFUSALS_MS	 60000

struct hc_refusal {
	int64_t client; /* hc_client.number; 0: free */
	int64_t at_ms;	/* monotonic */
	uint8_t address[9];
};

struct hc_refusals {
	struct hc_refusal rows[HC_REFUSALS_KEPT];
};

/* hc_refusals_take: whether this refusal is to be recorded. peer: an address as text (borrowed). */
bool hc_refusals_take(struct hc_refusals *refusals, int64_t client, const char *peer, int64_t mono_ms);

#endif
