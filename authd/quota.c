/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting of connections by caller, and of log lines by minute.
 *
 * State: the caller's struct. Threats: an unprivileged flood that takes every descriptor or fills
 * the log. It must never let the reserve be used by a caller that it was not made for.
 */
#include "quota.h"

#include <string.h>

#define GATE_MS 60000

void hc_limits_init(struct hc_limits *limits, unsigned capacity)
{
	memset(limits, 0, sizeof(*limits));
	limits->capacity = capacity < HC_LIMIT_TOTAL ? capacity : HC_LIMIT_TOTAL;
}

static struct hc_limits_entry *find(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid)
{
	for (size_t i = 0; i < limits->entry_count; i++) {
		if (limits->entries[i].uid == uid && limits->entries[i].kind == kind)
			return &limits->entries[i];
	}
	return NULL;
}

/* Whether a caller that already holds `held` connections may have another. */
static bool within(const struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid, unsigned held)
{
	unsigned open_to_all = limits->capacity > HC_LIMIT_RESERVE ? limits->capacity - HC_LIMIT_RESERVE : 0;

	if (limits->total >= limits->capacity)
		return false;
	switch (kind) {
	case HC_CALLER_ROOT:
		return true;
	case HC_CALLER_USER:
		return limits->users < open_to_all && held < HC_LIMIT_PER_USER;
	case HC_CALLER_ADMIN:
		return uid == 0 || (limits->admins < HC_LIMIT_ADMINS && held < HC_LIMIT_PER_ADMIN);
	}
	return false;
}

static void count(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid, int change)
{
	limits->total += (unsigned)change;
	if (kind == HC_CALLER_USER)
		limits->users += (unsigned)change;
	if (kind == HC_CALLER_ADMIN && uid != 0)
		limits->admins += (unsigned)change;
}

bool hc_limits_take(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_limits_entry *entry = find(limits, kind, uid);

	if (!within(limits, kind, uid, entry != NULL ? entry->count : 0))
		return false;
	if (entry == NULL) {
		/* There are as many entries as connections: one is free while the total is not reached. */
		entry = &limits->entries[limits->entry_count++];
		*entry = (struct hc_limits_entry){.uid = uid, .kind = kind};
	}
	entry->count++;
	count(limits, kind, uid, 1);
	return true;
}

void hc_limits_give(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_limits_entry *entry = find(limits, kind, uid);

	if (entry == NULL)
		return;
	count(limits, kind, uid, -1);
	if (--entry->count == 0)
		*entry = limits->entries[--limits->entry_count];
}

bool hc_gate_open(struct hc_gate *gate, int64_t now_mono_ms, uint64_t *ret_held)
{
	if (gate->used && now_mono_ms - gate->opened_ms < GATE_MS) {
		gate->held++;
		return false;
	}
	*ret_held = gate->held;
	*gate = (struct hc_gate){.used = true, .opened_ms = now_mono_ms};
	return true;
}
