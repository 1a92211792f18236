/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GSTORE_COPY_H
#define HC_GSTORE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/gstore.h"

/*
 * The store as a whole: copied while it is used, and set right while nobody uses it.
 */
struct hc_gstore_copy;

/* hc_gstore_copy_new: of the file at path, which the store has open, into a file without a name in that directory. */
HC_CHECK enum hc_err hc_gstore_copy_new(const char *path, const char *directory,
					struct hc_gstore_copy **ret_copy);
void hc_gstore_copy_free(struct hc_gstore_copy **copy);
/* hc_gstore_copy_step, _take: as hc_sqlite_copy_step and _take. */
HC_CHECK enum hc_err hc_gstore_copy_step(struct hc_gstore_copy *copy, int pages, bool *ret_done);
HC_CHECK enum hc_err hc_gstore_copy_take(struct hc_gstore_copy *copy, int *ret_fd, uint64_t *ret_len);

/*
 * hc_gstore_at_rest: opens the file alone, migrates it, runs work in one transaction and closes it. With check all of the
 * file is read first. work may be NULL. What work returns is returned, and undoes everything.
 */
HC_CHECK enum hc_err hc_gstore_at_rest(const char *path, bool check, hc_gstore_work_fn work, void *ctx);
/* hc_gstore_restored: it is a copy that was put in place. hc_gstore_tx_restored: the same, in a transaction. */
bool hc_gstore_restored(const struct hc_gstore *store);
bool hc_gstore_tx_restored(const struct hc_gstore_tx *tx);
/*
 * hc_gstore_settle: what a copy knows of sessions, codes and tokens is older than the world: all of it ends, and it is a copy
 * no longer.
 */
HC_CHECK enum hc_err hc_gstore_settle(struct hc_gstore_tx *tx);

/* ---- small values: sealed keys of the gateway itself ---- */

#define HC_GVALUE_MAX 512

HC_CHECK enum hc_err hc_gvalue_get(struct hc_gstore_view *view, const char *name, uint8_t *out, size_t cap,
				   size_t *ret_len);
HC_CHECK enum hc_err hc_gvalue_put(struct hc_gstore_tx *tx, const char *name, const void *data, size_t len);

#endif
