/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit records as rows. No state beyond the store. Rows are appended and read, never changed or
 * removed: there is no statement for it. What binds them together is authd/audit.c's matter.
 */
#include "db.h"

#include <string.h>

static void read_record(struct hc_query *query, struct hc_audit_record *record)
{
	memset(record, 0, sizeof(*record));
	record->seq = hc_query_range(query, 1, INT64_MAX);
	record->time_ms = hc_query_int64(query);
	hc_query_text(query, record->event, sizeof(record->event));
	hc_query_text(query, record->outcome, sizeof(record->outcome));
	record->reason = (uint32_t)hc_query_range(query, 0, UINT32_MAX);
	hc_query_text(query, record->login, sizeof(record->login));
	hc_query_text(query, record->factor, sizeof(record->factor));
	hc_query_text(query, record->credential, sizeof(record->credential));
	hc_query_text(query, record->service, sizeof(record->service));
	hc_query_text(query, record->origin, sizeof(record->origin));
	hc_query_text(query, record->actor, sizeof(record->actor));
	hc_query_text(query, record->detail, sizeof(record->detail));
	(void)hc_query_blob(query, record->hash, sizeof(record->hash)); /* the schema fixes its length */
}

enum hc_err hc_store_audit_append(struct hc_store *store, const struct hc_audit_record *record)
{
	HC_QUERY(query, &store->db, HC_SQL_AUDIT_APPEND);
	hc_query_bind_int64(&query, record->seq);
	hc_query_bind_int64(&query, record->time_ms);
	hc_query_bind_text(&query, record->event);
	hc_query_bind_text(&query, record->outcome);
	hc_query_bind_int64(&query, record->reason);
	hc_query_bind_text(&query, record->login);
	hc_query_bind_text(&query, record->factor);
	hc_query_bind_text(&query, record->credential);
	hc_query_bind_text(&query, record->service);
	hc_query_bind_text(&query, record->origin);
	hc_query_bind_text(&query, record->actor);
	hc_query_bind_text(&query, record->detail);
	hc_query_bind_blob(&query, record->hash, sizeof(record->hash));
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_store_audit_last(struct hc_store *store, struct hc_audit_record *ret_record)
{
	struct hc_audit_record record;

	HC_QUERY(query, &store->db, HC_SQL_AUDIT_LAST);
	const bool found = hc_query_row(&query);
	if (found)
		read_record(&query, &record);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_record = record;
	return HC_OK;
}

enum hc_err hc_store_audit_newest(struct hc_store *store, int64_t *ret_time_ms)
{
	HC_QUERY(query, &store->db, HC_SQL_AUDIT_NEWEST);

	return hc_query_number(&query, INT64_MIN, INT64_MAX, ret_time_ms);
}

enum hc_err hc_store_audit_list(struct hc_store *store, int64_t after, size_t max,
				struct hc_audit_record *out, size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &store->db, HC_SQL_AUDIT_LIST);
	hc_query_bind_int64(&query, after);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_record(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}
