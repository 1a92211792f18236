/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is over is deleted, a little at a time, so that no group waits long for it. No state: the
 * indexes on the end of time say what comes next. Rows that others name come after those: tokens,
 * then grants, then sessions.
 */
#include "purge.h"

#include "db.h"

static const enum hc_gsql ORDER[] = {HC_GSQL_PURGE_CODE, HC_GSQL_PURGE_ACCESS, HC_GSQL_PURGE_REFRESH,
				     HC_GSQL_PURGE_JTI,	 HC_GSQL_PURGE_GRANT,  HC_GSQL_PURGE_SESSION};

static enum hc_err purge(struct hc_gstore_tx *tx, enum hc_gsql which, int64_t now_ms, size_t max,
			 size_t *ret_deleted)
{
	HC_QUERY(query, &tx->view.db, which);

	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_int64(&query, (int64_t)max);
	return hc_query_run(&query, ret_deleted);
}

enum hc_err hc_purge_step(struct hc_gstore_tx *tx, int64_t now_ms, size_t *ret_deleted)
{
	size_t total = 0;

	for (size_t i = 0; i < HC_COUNT(ORDER) && total < HC_PURGE_ROWS; i++) {
		size_t deleted = 0;
		const enum hc_err err = purge(tx, ORDER[i], now_ms, HC_PURGE_ROWS - total, &deleted);

		if (err != HC_OK)
			return err;
		total += deleted;
	}
	*ret_deleted = total;
	return HC_OK;
}
