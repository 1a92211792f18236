/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a refused client is recorded. State: the worker's table. Threat: a stranger who floods the trail
 * from many addresses: a full table records nothing until a row is old enough; the metrics count on.
 */
#include "oauth/refusals.h"

#include <arpa/inet.h>
#include <string.h>

static void address_key(const char *peer, uint8_t out[9])
{
	uint8_t bytes[16];

	memset(out, 0, 9);
	if (inet_pton(AF_INET, peer, bytes) == 1) {
		out[0] = 4;
		memcpy(out + 1, bytes, 4);
	} else if (inet_pton(AF_INET6, peer, bytes) == 1) {
		out[0] = 6;
		memcpy(out + 1, bytes, 8); /* the /64: one customer chooses all of the rest */
	}
}

bool hc_refusals_take(struct hc_refusals *refusals, int64_t client, const char *peer, int64_t mono_ms)
{
	struct hc_refusal wanted = {.client = client, .at_ms = mono_ms};
	struct hc_refusal *room = NULL;

	address_key(peer, wanted.address);
	for (size_t i = 0; i < HC_REFUSALS_KEPT; i++) {
		struct hc_refusal *row = &refusals->rows[i];

		if (row->client == 0 || mono_ms - row->at_ms >= HC_REFUSALS_MS)
			room = row;
		else if (row->client == client &&
			 memcmp(row->address, wanted.address, sizeof(wanted.address)) == 0)
			return false;
	}
	if (room != NULL)
		*room = wanted;
	return room != NULL;
}
