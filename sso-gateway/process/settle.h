/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SETTLE_H
#define HC_SETTLE_H

#include "process/process.h"

/* What `sub` is made with; kept in the store once the seal key was exchanged. */
#define HC_SUB_KEY_LABEL "hospiconnect sub v1"

/*
 * hc_settle: at the start, with a seal and no store open: ends what a restored store has too much, and finishes an
 * exchange of the seal key that was ordered. Logged.
 */
HC_CHECK enum hc_err hc_settle(struct hc_process *process, const char *path);
/* hc_settle_load: what was derived from former seal keys, from the open store. */
HC_CHECK enum hc_err hc_settle_load(struct hc_process *process);
/* hc_settle_key_path: the file of the seal key. */
void hc_settle_key_path(const struct hc_process *process, char *out, size_t cap);

#endif
