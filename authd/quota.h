/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_QUOTA_H
#define HC_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "authd.h"

/*
 * How many connections each caller may hold, as pure counting. Unprivileged callers share what lies
 * below a reserve that they cannot touch, so that no crowd of them keeps root's sign-ins out, and
 * each uid has a small share of its own. Callers of uid 0 are bounded by the total alone.
 */
#define HC_QUOTA_TOTAL	   1024u
#define HC_QUOTA_SPARE	   96u	/* descriptors beside connections: store, sockets, loop, password checks */
#define HC_QUOTA_RESERVE   256u /* of the total: for root and administrators */
#define HC_QUOTA_PER_USER  8u
#define HC_QUOTA_PER_ADMIN 32u	/* one administrator's uid */
#define HC_QUOTA_GATEWAY   512u /* the gateway: leaves as many to this machine's own sign-ins */
#define HC_QUOTA_ADMINS	   128u /* all administrators but root: leaves the rest of the reserve to sign-ins */

struct hc_quota_entry {
	uid_t uid;
	enum hc_caller_kind kind;
	unsigned count;
};

struct hc_quota {
	unsigned capacity; /* HC_QUOTA_TOTAL, or less where descriptors are short */
	unsigned total, users, admins;
	size_t entry_count;
	struct hc_quota_entry entries[HC_QUOTA_TOTAL];
};

/* hc_quota_init: capacity is cut to HC_QUOTA_TOTAL. */
void hc_quota_init(struct hc_quota *quota, unsigned capacity);

/* hc_quota_take: counts one more connection of this caller; false, and nothing counted, over a limit. */
bool hc_quota_take(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid);

/* hc_quota_give: one that was taken is gone. */
void hc_quota_give(struct hc_quota *quota, enum hc_caller_kind kind, uid_t uid);

/*
 * hc_gate: lets one log line a minute through and counts the others. hc_gate_open returns true when
 * a line may be written now; ret_held is then the number held back since the last one.
 */
struct hc_gate {
	bool used;
	int64_t opened_ms;
	uint64_t held;
};
bool hc_gate_open(struct hc_gate *gate, int64_t now_mono_ms, uint64_t *ret_held);

#endif
