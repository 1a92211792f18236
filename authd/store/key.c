/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security keys: what is public of them, beside their credential. No state beyond the store. A name that a key
 * gave a credential is one person's for good, revoked or not. A counter that did not advance is refused by the
 * statement that would keep it, whichever way two askers interleave.
 *
 * A credential that was brought from elsewhere may have no name yet, and no handle. Then a byte 0 and its public key
 * stand for the name, which keeps them apart, and a byte 0 alone for the handle; neither leaves this file.
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

/* What stands for a name that is not known. */
static size_t stand_in(const struct hc_stored_key *key, uint8_t out[1 + HC_STORED_KEY_MAX])
{
	out[0] = 0;
	memcpy(out + 1, key->key, key->key_len);
	return 1 + key->key_len;
}

static bool is_unknown_handle(const uint8_t *handle, size_t len)
{
	return len == 1 && handle[0] == 0;
}

enum hc_err hc_store_key_add(struct hc_store *store, const struct hc_credential_id *credential,
			     const struct hc_stored_key *key)
{
	uint8_t none[1 + HC_STORED_KEY_MAX];
	struct hc_credential_id other;

	if (key->id_len > sizeof(key->id) || key->key_len > sizeof(key->key) ||
	    key->handle_len > sizeof(key->handle))
		return HC_ERR_INVALID;
	const uint8_t *id = key->id_len > 0 ? key->id : none;
	const size_t id_len = key->id_len > 0 ? key->id_len : stand_in(key, none);
	const enum hc_err err = hc_store_key_find(store, id, id_len, &other);
	if (err != HC_ERR_NOTFOUND)
		return err == HC_OK ? HC_ERR_EXISTS : err;
	HC_QUERY(query, &store->db, HC_SQL_FIDO_ADD);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_blob(&query, id, id_len);
	hc_query_bind_text(&query, key->rp_id);
	hc_query_bind_blob(&query, key->key, key->key_len);
	hc_query_bind_blob(&query, key->handle_len > 0 ? key->handle : (const uint8_t *)"",
			   key->handle_len > 0 ? key->handle_len : 1);
	hc_query_bind_blob(&query, key->aaguid, sizeof(key->aaguid));
	hc_query_bind_int64(&query, key->attestation);
	hc_query_bind_int64(&query, key->discoverable ? 1 : 0);
	hc_query_bind_int64(&query, key->verifies ? 1 : 0);
	hc_query_bind_int64(&query, key->protect);
	hc_query_bind_text(&query, key->model);
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
	key->protect = (uint32_t)hc_query_range(query, 0, 3);
	hc_query_text(query, key->model, sizeof(key->model));

	uint8_t none[1 + HC_STORED_KEY_MAX];
	if (key->id_len == stand_in(key, none) && memcmp(key->id, none, key->id_len) == 0)
		key->id_len = 0;
	if (is_unknown_handle(key->handle, key->handle_len))
		key->handle_len = 0;
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

enum hc_err hc_store_key_learn(struct hc_store *store, const struct hc_credential_id *credential,
			       const void *id, size_t len)
{
	uint8_t none[1 + HC_STORED_KEY_MAX];
	struct hc_credential_id other;
	struct hc_stored_key key;
	enum hc_err err = hc_store_key_get(store, credential, &key);

	if (err != HC_OK)
		return err;
	err = hc_store_key_find(store, id, len, &other);
	if (err != HC_ERR_NOTFOUND)
		return err == HC_OK ? HC_ERR_EXISTS : err;
	const size_t none_len = stand_in(&key, none);

	HC_QUERY(query, &store->db, HC_SQL_FIDO_LEARN);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_blob(&query, id, len);
	hc_query_bind_blob(&query, none, none_len);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_store_key_elsewhere(struct hc_store *store, const char *rp_id, int64_t *ret_count)
{
	int64_t count = 0;

	HC_QUERY(query, &store->db, HC_SQL_FIDO_ELSEWHERE);
	hc_query_bind_text(&query, rp_id);
	const bool found = hc_query_row(&query);
	if (found)
		count = hc_query_range(&query, 0, INT64_MAX);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	*ret_count = count;
	return found ? HC_OK : HC_ERR_CORRUPT;
}

enum hc_err hc_store_key_owner(struct hc_store *store, const void *handle, size_t len, int64_t *ret_person_id)
{
	int64_t person_id = 0;

	if (is_unknown_handle(handle, len))
		return HC_ERR_NOTFOUND;
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

enum hc_err hc_store_key_nameless(struct hc_store *store, const char *rp_id, bool *ret_any)
{
	bool any = false;

	HC_QUERY(query, &store->db, HC_SQL_FIDO_NAMELESS);
	hc_query_bind_text(&query, rp_id);
	if (hc_query_row(&query))
		any = hc_query_range(&query, 0, 1) == 1;
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_any = any;
	return err;
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
