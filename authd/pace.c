/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace of unprivileged callers, by the generic cell rate algorithm: one time a caller.
 *
 * State: the caller's struct. Threats: a user who fills the trail and the disk with refusals, and one
 * with thousands of subordinate uids. It must never slow a named caller down for what another did,
 * as long as there are places.
 */
#include "pace.h"

#include <stddef.h>

static bool owes(const struct hc_pace_entry *entry, int64_t now_ms)
{
	return entry->used && entry->even_ms > now_ms;
}

/* The place of uid, a free one, or the one that is left for all others. */
static struct hc_pace_entry *place_of(struct hc_pace *pace, uid_t uid, int64_t now_ms)
{
	struct hc_pace_entry *place = &pace->others;

	for (size_t i = 0; i < HC_PACE_UIDS; i++) {
		struct hc_pace_entry *entry = &pace->entries[i];

		if (!owes(entry, now_ms))
			place = place == &pace->others ? entry : place;
		else if (entry->uid == uid)
			return entry;
	}
	return place;
}

bool hc_pace_take(struct hc_pace *pace, bool named, uid_t uid, int64_t now_mono_ms)
{
	struct hc_pace_entry *entry = named ? place_of(pace, uid, now_mono_ms) : &pace->others;
	int64_t even_ms = owes(entry, now_mono_ms) ? entry->even_ms : now_mono_ms;

	if (even_ms - now_mono_ms > (int64_t)(HC_PACE_BURST - 1) * HC_PACE_MS)
		return false;
	*entry = (struct hc_pace_entry){.used = true, .uid = uid, .even_ms = even_ms + HC_PACE_MS};
	return true;
}
