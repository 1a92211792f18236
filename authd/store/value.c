/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small named values: the broker's own sealed keys. No state beyond the store. What is sealed in
 * them is sealed before it comes here.
 */
#include "db.h"

enum hc_err hc_store_value_get(struct hc_store *store, const char *name, uint8_t *out, size_t cap,
			       size_t *ret_len)
{
	size_t len = 0;

	HC_QUERY(query, &store->db, HC_SQL_VALUE_GET);
	hc_query_bind_text(&query, name);
	const bool found = hc_query_row(&query);
	if (found)
		len = hc_query_blob(&query, out, cap);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_len = len;
	return HC_OK;
}

enum hc_err hc_store_value_put(struct hc_store *store, const char *name, const void *data, size_t len)
{
	HC_QUERY(query, &store->db, HC_SQL_VALUE_PUT);

	hc_query_bind_text(&query, name);
	hc_query_bind_blob(&query, data, len);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_has_sealed(struct hc_store *store, bool *ret_has)
{
	int64_t has = 0;

	HC_QUERY(query, &store->db, HC_SQL_HAS_SEALED);
	const enum hc_err err = hc_query_number(&query, 0, 1, &has);
	if (err == HC_OK)
		*ret_has = has == 1;
	return err;
}
