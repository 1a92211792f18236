/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security keys: what is public of them, beside their credential. No state beyond the store. A name that a key
 * gave a credential is one person's for good, revoked or not. A counter that did not advance is refused by the
 * statement that would keep it, whichever way two askers interleave.
 */
#include "db.h"

#include <string.h>

enum hc_err hc_store_key_find(struct hc_store *store, const void *id, size_t len,
			      struct hc_credential_id *ret_credential)
{
	struct hc_credential_id credential = {{0}};

	HC_QUERY(query, &store->db, HC_SQL_FIDO_FIND);
	hc_query_bind_blob(&query, id, len);
	const bool found = hc_query_row(&query);
	if (found)
		hc_query_text(&query, credential.text, sizeof(credential.text));
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_credential = credential;
	return HC_OK;
}

enum hc_err hc_store_key_add(struct hc_store *store, const struct hc_credential_id *credential,
			     const struct hc_stored_key *key)
{
	struct hc_credential_id other;

	if (key->id_len > sizeof(key->id) || key->key_len > sizeof(key->key) ||
	    key->handle_len > sizeof(key->handle))
		return HC_ERR_INVALID;
	const enum hc_err err = hc_store_key_find(store, key->id, key->id_len, &other);
	if (err != HC_ERR_NOTFOUND)
		return err == HC_OK ? HC_ERR_EXISTS : err;
	HC_QUERY(query, &store->db, HC_SQL_FIDO_ADD);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_blob(&query, key->id, key->id_len);
	hc_query_bind_text(&query, key->rp_id);
	hc_query_bind_blob(&query, key->key, key->key_len);
	hc_query_bind_blob(&query, key->handle, key->handle_len);
	hc_query_bind_blob(&query, key->aaguid, sizeof(key->aaguid));
	hc_query_bind_int64(&query, key->attestation);
	hc_query_bind_int64(&query, key->discoverable ? 1 : 0);
	hc_query_bind_int64(&query, key->verifies ? 1 : 0);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

static void read_key(struct hc_query *query, struct hc_stored_key *key)
{
	memset(key, 0, sizeof(*key));
	key->id_len = hc_query_blob(query, key->id, sizeof(key->id));
	hc_query_text(query, key->rp_id, sizeof(key->rp_id));
	key->key_len = hc_query_blob(query, key->key, sizeof(key->key));
	key->handle_len = hc_query_blob(query, key->handle, sizeof(key->handle));
	(void)hc_query_blob(query, key->aaguid, sizeof(key->aaguid)); /* its length is in the table's CHECK */
	key->attestation = (uint32_t)hc_query_range(query, 0, 3);
	key->discoverable = hc_query_range(query, 0, 1) == 1;
	key->verifies = hc_query_range(query, 0, 1) == 1;
}

enum hc_err hc_store_key_get(struct hc_store *store, const struct hc_credential_id *credential,
			     struct hc_stored_key *ret_key)
{
	struct hc_stored_key key;

	HC_QUERY(query, &store->db, HC_SQL_FIDO_GET);
	hc_query_bind_text(&query, credential->text);
	const bool found = hc_query_row(&query);
	if (found)
		read_key(&query, &key);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_key = key;
	return HC_OK;
}

enum hc_err hc_store_key_owner(struct hc_store *store, const void *handle, size_t len, int64_t *ret_person_id)
{
	int64_t person_id = 0;

	HC_QUERY(query, &store->db, HC_SQL_FIDO_OWNER);
	hc_query_bind_blob(&query, handle, len);
	const bool found = hc_query_row(&query);
	if (found)
		person_id = hc_query_range(&query, 1, INT64_MAX);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_person_id = person_id;
	return HC_OK;
}

enum hc_err hc_store_key_consume(struct hc_store *store, const struct hc_credential_id *credential,
				 uint32_t counter, int64_t now_ms)
{
	HC_QUERY(query, &store->db, HC_SQL_FIDO_CONSUME);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_int64(&query, counter);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}
