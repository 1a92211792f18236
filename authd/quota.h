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
#define HC_LIMIT_TOTAL	   1024u
#define HC_LIMIT_RESERVE   256u /* of the total: for root and administrators */
#define HC_LIMIT_PER_USER  8u
#define HC_LIMIT_PER_ADMIN 32u	/* one administrator's uid */
#define HC_LIMIT_ADMINS	   128u /* all administrators but root: leaves the rest of the reserve to sign-ins */

struct hc_limits_entry {
	uid_t uid;
	enum hc_caller_kind kind;
	unsigned count;
};

struct hc_limits {
	unsigned capacity; /* HC_LIMIT_TOTAL, or less where descriptors are short */
	unsigned total, users, admins;
	size_t entry_count;
	struct hc_limits_entry entries[HC_LIMIT_TOTAL];
};

/* hc_limits_init: capacity is cut to HC_LIMIT_TOTAL. */
void hc_limits_init(struct hc_limits *limits, unsigned capacity);

/* hc_limits_take: counts one more connection of this caller; false, and nothing counted, over a limit. */
bool hc_limits_take(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid);

/* hc_limits_give: one that was taken is gone. */
void hc_limits_give(struct hc_limits *limits, enum hc_caller_kind kind, uid_t uid);

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
