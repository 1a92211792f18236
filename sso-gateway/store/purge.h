/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PURGE_H
#define HC_PURGE_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_gstore_tx;

/*
 * hc_purge_step: deletes up to HC_PURGE_ROWS rows whose time is over, of all tables together, the oldest
 * first. ret_deleted: how many; HC_PURGE_ROWS means that there may be more, to be deleted by another
 * member. Nothing that a purge deletes was still good for
 * anything, so it may run seldom, or not at all: then only the file grows.
 */
#define HC_PURGE_ROWS 256

HC_CHECK enum hc_err hc_purge_step(struct hc_gstore_tx *tx, int64_t now_ms, size_t *ret_deleted);

#endif
