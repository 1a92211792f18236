/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the records of a gateway were taken over into the trail. No state beyond the store. The row is
 * written in the transaction of the records that it counts, so that none is missing or there twice.
 */
#include "db.h"

enum hc_err hc_store_gateway_mark_get(struct hc_store *store, int64_t uid, struct hc_gateway_mark *ret_mark)
{
	struct hc_gateway_mark mark = {0};

	HC_QUERY(query, &store->db, HC_SQL_GATEWAY_MARK_GET);
	hc_query_bind_int64(&query, uid);
	if (hc_query_row(&query)) {
		mark.seq = hc_query_range(&query, 1, INT64_MAX);
		mark.time_ms = hc_query_int64(&query);
	}
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_mark = mark;
	return err;
}

enum hc_err hc_store_gateway_mark_put(struct hc_store *store, int64_t uid, const struct hc_gateway_mark *mark)
{
	HC_QUERY(query, &store->db, HC_SQL_GATEWAY_MARK_PUT);

	hc_query_bind_int64(&query, uid);
	hc_query_bind_int64(&query, mark->seq);
	hc_query_bind_int64(&query, mark->time_ms);
	return hc_query_run(&query, NULL);
}
