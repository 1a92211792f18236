/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery codes: keyed hashes, each used once. No state beyond the store. The code itself never
 * comes here, and a hash is worth nothing without the seal key that keyed it.
 */
#include "db.h"

enum hc_err hc_store_recovery_add(struct hc_store *store, const struct hc_credential_id *id,
				  const uint8_t hash[32])
{
	HC_QUERY(query, &store->db, HC_SQL_RECOVERY_ADD);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_blob(&query, hash, 32);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

static enum hc_err known(struct hc_store *store, const struct hc_credential_id *id, const uint8_t hash[32],
			 bool *ret_known)
{
	HC_QUERY(query, &store->db, HC_SQL_RECOVERY_KNOWN);

	hc_query_bind_text(&query, id->text);
	hc_query_bind_blob(&query, hash, 32);
	*ret_known = hc_query_row(&query);
	return hc_query_end(&query);
}

static enum hc_err note_use(struct hc_store *store, const struct hc_credential_id *id, int64_t now_ms)
{
	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_USED);

	hc_query_bind_text(&query, id->text);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_recovery_consume(struct hc_store *store, const struct hc_credential_id *id,
				      const uint8_t hash[32], int64_t now_ms)
{
	size_t changes = 0;
	bool is_known = false;

	HC_QUERY(query, &store->db, HC_SQL_RECOVERY_CONSUME);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_blob(&query, hash, 32);
	hc_query_bind_int64(&query, now_ms);
	enum hc_err err = hc_query_run(&query, &changes);
	if (err != HC_OK)
		return err;
	if (changes == 1)
		return note_use(store, id, now_ms);
	err = known(store, id, hash, &is_known);
	if (err != HC_OK)
		return err;
	return is_known ? HC_ERR_STATE : HC_ERR_NOTFOUND;
}
