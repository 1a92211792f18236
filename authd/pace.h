/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PACE_H
#define HC_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"

/*
 * How often unprivileged callers may begin a conversation, as pure counting: each is a record in the
 * trail and a sync of the disk, whatever comes of it. A uid has a burst, and then one every HC_PACE_MS.
 * Callers without a name, whom nothing is granted anyway, share one pace, and so do those who find no
 * place in the table.
 */
#define HC_PACE_BURST 20
#define HC_PACE_MS    3000
#define HC_PACE_UIDS  128

struct hc_pace_entry {
	bool used;
	uid_t uid;
	int64_t even_ms; /* when everything taken is paid for; then the place is free again */
};

/* Zero-initialised: nobody has taken anything. */
struct hc_pace {
	struct hc_pace_entry entries[HC_PACE_UIDS];
	struct hc_pace_entry others;
};

/* hc_pace_take: one more conversation of uid now; false, and nothing taken, beyond its pace. */
HC_CHECK bool hc_pace_take(struct hc_pace *pace, bool named, uid_t uid, int64_t now_mono_ms);

#endif
