/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole: copied, put back from a copy, checked, and its sealed rows one after another. No state.
 *
 * What a copy does not know is what happened after it. A code that was accepted since would be accepted again: whoever
 * puts a copy in place calls hc_store_settle before anybody signs in.
 */
#include "db.h"

enum hc_err hc_store_copy(struct hc_store *store, const char *directory, struct hc_sqlite_copy **ret_copy)
{
	return hc_sqlite_copy_new(&store->db, directory, false, ret_copy);
}

bool hc_store_restored(const struct hc_store *store)
{
	return store->db.restored;
}

enum hc_err hc_store_check(struct hc_store *store)
{
	return hc_sqlite_check(&store->db);
}

static enum hc_err burn_steps(struct hc_store *store, int64_t now_s, int64_t window)
{
	HC_QUERY(query, &store->db, HC_SQL_SETTLE_TOTP);

	hc_query_bind_int64(&query, now_s);
	hc_query_bind_int64(&query, window);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_settle(struct hc_store *store, int64_t now_s, int64_t window)
{
	enum hc_err err = burn_steps(store, now_s, window);

	if (err == HC_OK)
		err = hc_sqlite_settled(&store->db);
	return err;
}

void hc_store_settled(struct hc_store *store)
{
	store->db.restored = false;
}

enum hc_err hc_store_count_kind(struct hc_store *store, enum hc_credential_type type, int64_t *ret_count)
{
	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_COUNT);

	hc_query_bind_int64(&query, type);
	return hc_query_number(&query, 0, INT64_MAX, ret_count);
}

enum hc_err hc_store_sealed_next(struct hc_store *store, int64_t *cursor, struct hc_credential_id *ret_id)
{
	HC_QUERY(query, &store->db, HC_SQL_SEALED_NEXT);

	hc_query_bind_int64(&query, *cursor);
	const bool found = hc_query_row(&query);
	const int64_t number = found ? hc_query_int64(&query) : 0;
	if (found)
		hc_query_text(&query, ret_id->text, sizeof(ret_id->text));
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*cursor = number;
	return HC_OK;
}

enum hc_err hc_store_reseal(struct hc_store *store, const struct hc_credential *credential)
{
	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_RESEAL);

	hc_query_bind_text(&query, credential->id.text);
	hc_query_bind_blob(&query, credential->sealed, credential->sealed_len);
	store->db.erased = true; /* the log must not keep what the former key opens */
	return hc_query_run_one(&query, HC_ERR_STATE);
}
