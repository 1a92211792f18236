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

void hc_quota_init(struct hc_quota *quota, unsigned capacity)
{
	memset(quota, 0, sizeof(*quota));
	quota->capacity = capacity < HC_QUOTA_TOTAL ? capacity : HC_QUOTA_TOTAL;
}

static struct hc_quota_entry *find(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid)
{
	for (size_t i = 0; i < quota->entry_count; i++) {
		if (quota->entries[i].uid == uid && quota->entries[i].kind == kind)
			return &quota->entries[i];
	}
	return NULL;
}

/* Whether a caller that already holds `held` connections may have another. */
static bool within(const struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid, unsigned held)
{
	unsigned open_to_all = quota->capacity > HC_QUOTA_RESERVE ? quota->capacity - HC_QUOTA_RESERVE : 0;

	if (quota->total >= quota->capacity)
		return false;
	switch (kind) {
	case HC_CALLER_ROOT:
		return true;
	case HC_CALLER_USER:
		return quota->users < open_to_all && held < HC_QUOTA_PER_USER;
	case HC_CALLER_ADMIN:
		return uid == 0 || (quota->admins < HC_QUOTA_ADMINS && held < HC_QUOTA_PER_ADMIN);
	case HC_CALLER_GATEWAY:
		return held < HC_QUOTA_GATEWAY;
	}
	return false;
}

static void count(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid, int change)
{
	quota->total += (unsigned)change;
	if (kind == HC_CALLER_USER)
		quota->users += (unsigned)change;
	if (kind == HC_CALLER_ADMIN && uid != 0)
		quota->admins += (unsigned)change;
}

bool hc_quota_take(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_quota_entry *entry = find(quota, kind, uid);

	if (!within(quota, kind, uid, entry != NULL ? entry->count : 0))
		return false;
	if (entry == NULL) {
		/* There are as many entries as connections: one is free while the total is not reached. */
		entry = &quota->entries[quota->entry_count++];
		*entry = (struct hc_quota_entry){.uid = uid, .kind = kind};
	}
	entry->count++;
	count(quota, kind, uid, 1);
	return true;
}

void hc_quota_give(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_quota_entry *entry = find(quota, kind, uid);

	if (entry == NULL)
		return;
	count(quota, kind, uid, -1);
	if (--entry->count == 0)
		*entry = quota->entries[--quota->entry_count];
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
