/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failure counters, one row for a person, a factor and a scope. No state beyond the store, no rules:
 * what a failure means is decided by authd/throttle.c. A row that is absent counts nothing.
 */
#include "db.h"

#include <stdio.h>
#include <string.h>

static void read_row(struct hc_query *query, struct hc_throttle_row *row)
{
	memset(row, 0, sizeof(*row));
	row->person_id = hc_query_range(query, 1, INT64_MAX);
	row->factor = (enum hc_factor)hc_query_range(query, HC_FACTOR_OTP, HC_FACTOR_CPS);
	hc_query_text(query, row->scope, sizeof(row->scope));
	row->failures = (uint32_t)hc_query_range(query, 0, UINT32_MAX);
	row->last_failure_ms = hc_query_int64(query);
	row->locked_until_ms = hc_query_int64(query);
}

enum hc_err hc_store_throttle_get(struct hc_store *store, int64_t person_id, enum hc_factor factor,
				  const char *scope, struct hc_throttle_row *ret_row)
{
	struct hc_throttle_row row = {.person_id = person_id, .factor = factor};

	if (strlen(scope) >= sizeof(row.scope))
		return HC_ERR_TOOBIG;
	(void)snprintf(row.scope, sizeof(row.scope), "%s", scope);
	HC_QUERY(query, &store->db, HC_SQL_THROTTLE_GET);
	hc_query_bind_int64(&query, person_id);
	hc_query_bind_int64(&query, factor);
	hc_query_bind_text(&query, scope);
	if (hc_query_row(&query))
		read_row(&query, &row);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_row = row;
	return err;
}

enum hc_err hc_store_throttle_put(struct hc_store *store, const struct hc_throttle_row *row)
{
	HC_QUERY(query, &store->db, HC_SQL_THROTTLE_PUT);

	hc_query_bind_int64(&query, row->person_id);
	hc_query_bind_int64(&query, row->factor);
	hc_query_bind_text(&query, row->scope);
	hc_query_bind_int64(&query, row->failures);
	hc_query_bind_int64(&query, row->last_failure_ms);
	hc_query_bind_int64(&query, row->locked_until_ms);
	return hc_query_run(&query, NULL);
}

static enum hc_err clear_all(struct hc_store *store, int64_t person_id, size_t *ret_cleared)
{
	HC_QUERY(query, &store->db, HC_SQL_THROTTLE_CLEAR_ALL);

	hc_query_bind_int64(&query, person_id);
	return hc_query_run(&query, ret_cleared);
}

enum hc_err hc_store_throttle_clear(struct hc_store *store, int64_t person_id, enum hc_factor factor,
				    const char *scope, size_t *ret_cleared)
{
	size_t cleared = 0;
	enum hc_err err = HC_OK;

	if (scope == NULL) {
		err = clear_all(store, person_id, &cleared);
	} else {
		HC_QUERY(query, &store->db, HC_SQL_THROTTLE_CLEAR);
		hc_query_bind_int64(&query, person_id);
		hc_query_bind_int64(&query, factor);
		hc_query_bind_text(&query, scope);
		err = hc_query_run(&query, &cleared);
	}
	if (err == HC_OK && ret_cleared != NULL)
		*ret_cleared = cleared;
	return err;
}

enum hc_err hc_store_throttle_list(struct hc_store *store, int64_t *cursor, size_t max,
				   struct hc_throttle_row *out, size_t *ret_count)
{
	size_t count = 0;
	int64_t last = *cursor;

	HC_QUERY(query, &store->db, HC_SQL_THROTTLE_LIST);
	hc_query_bind_int64(&query, last);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query)) {
		read_row(&query, &out[count]);
		last = hc_query_int64(&query);
		hc_query_text(&query, out[count].login.text, sizeof(out[count].login.text));
		count++;
	}
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	*cursor = last;
	*ret_count = count;
	return HC_OK;
}
