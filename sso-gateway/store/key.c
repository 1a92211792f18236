/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys. No state. Two indexes keep the promise that an algorithm has one key that signs and at
 * most one that waits; a key that retires loses its private part in the same statement.
 */
#include "key.h"

#include <string.h>

#include "db.h"

static enum hc_err count_keys(struct hc_gstore_tx *tx, int64_t *ret_count)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_COUNT);

	return hc_query_number(&query, 0, INT64_MAX, ret_count);
}

enum hc_err hc_key_add(struct hc_gstore_tx *tx, const struct hc_signing_key *key)
{
	int64_t count = 0;

	if (key->state == HC_KEY_RETIRED || strnlen(key->kid, sizeof(key->kid)) != HC_KID_LEN ||
	    key->sealed_len == 0 || key->sealed_len > sizeof(key->sealed) ||
	    strnlen(key->public_jwk, sizeof(key->public_jwk)) > HC_KEY_PUBLIC_MAX)
		return HC_ERR_INVALID;
	const enum hc_err err = count_keys(tx, &count);
	if (err != HC_OK)
		return err;
	if (count >= HC_KEYS_MAX)
		return HC_ERR_STATE;
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_ADD);
	hc_query_bind_text(&query, key->kid);
	hc_query_bind_int64(&query, key->alg);
	hc_query_bind_int64(&query, key->state);
	hc_query_bind_blob(&query, key->sealed, key->sealed_len);
	hc_query_bind_text(&query, key->public_jwk);
	hc_query_bind_int64(&query, key->created_ms);
	hc_query_bind_int64(&query, key->activated_ms);
	return hc_query_run(&query, NULL);
}

/* The one that signs so far makes room first; without a NEXT of this name nothing makes room. */
static enum hc_err retire(struct hc_gstore_tx *tx, const char *kid, int64_t now_ms)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_RETIRE);

	hc_query_bind_text(&query, kid);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_key_activate(struct hc_gstore_tx *tx, const char *kid, int64_t now_ms)
{
	const enum hc_err err = retire(tx, kid, now_ms);

	if (err != HC_OK)
		return err;
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_ACTIVATE);
	hc_query_bind_text(&query, kid);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_key_remove(struct hc_gstore_tx *tx, const char *kid)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_REMOVE);

	hc_query_bind_text(&query, kid);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_key_reseal(struct hc_gstore_tx *tx, const struct hc_signing_key *key)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_KEY_RESEAL);

	hc_query_bind_text(&query, key->kid);
	hc_query_bind_blob(&query, key->sealed, key->sealed_len);
	tx->view.db.erased = true; /* the log must not keep what the former key opens */
	return hc_query_run_one(&query, HC_ERR_STATE);
}

static void read_key(struct hc_query *query, struct hc_signing_key *key)
{
	memset(key, 0, sizeof(*key));
	hc_query_text(query, key->kid, sizeof(key->kid));
	key->alg = (enum hc_jws_alg)hc_query_range(query, HC_JWS_ES256, HC_JWS_EDDSA);
	key->state = (enum hc_key_state)hc_query_range(query, HC_KEY_NEXT, HC_KEY_RETIRED);
	key->sealed_len = hc_query_blob(query, key->sealed, sizeof(key->sealed));
	hc_query_text(query, key->public_jwk, sizeof(key->public_jwk));
	key->created_ms = hc_query_int64(query);
	key->activated_ms = hc_query_int64(query);
	key->retired_ms = hc_query_int64(query);
}

enum hc_err hc_key_list(struct hc_gstore_view *view, size_t max, struct hc_signing_key *out,
			size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &view->db, HC_GSQL_KEY_LIST);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_key(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}
