/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: their life from pending over active to revoked, and the consumption of time steps
 * and counters. No state beyond the store. Seeds are here as sealed blobs only; a revoked credential
 * has none any more. A step or counter that was consumed is never accepted again, whichever way two
 * askers interleave: the statement that looks is the statement that consumes.
 */
#include "db.h"

#include <string.h>

static void read_otp(struct hc_query *query, struct hc_credential *credential)
{
	credential->algorithm = (enum hc_otp_algorithm)hc_query_range(query, 0, HC_OTP_SHA512);
	credential->digits = (uint32_t)hc_query_range(query, 0, UINT32_MAX);
	credential->period_s = (uint32_t)hc_query_range(query, 0, UINT32_MAX);
	credential->last_step = hc_query_range(query, -1, INT64_MAX);
	credential->drift_steps = hc_query_int64(query);
	credential->counter = hc_query_range(query, 0, INT64_MAX);
	credential->sealed_len = hc_query_blob(query, credential->sealed, sizeof(credential->sealed));
}

static void read_credential(struct hc_query *query, struct hc_credential *credential)
{
	memset(credential, 0, sizeof(*credential));
	hc_query_text(query, credential->id.text, sizeof(credential->id.text));
	credential->person_id = hc_query_range(query, 1, INT64_MAX);
	credential->type =
		(enum hc_credential_type)hc_query_range(query, HC_CREDENTIAL_TOTP, HC_CREDENTIAL_CPS);
	credential->state =
		(enum hc_credential_state)hc_query_range(query, HC_CREDENTIAL_PENDING, HC_CREDENTIAL_REVOKED);
	hc_query_text(query, credential->label.text, sizeof(credential->label.text));
	read_otp(query, credential);
	credential->created_ms = hc_query_int64(query);
	credential->confirmed_ms = hc_query_int64(query);
	credential->last_used_ms = hc_query_int64(query);
	credential->revoked_ms = hc_query_int64(query);
	hc_query_text(query, credential->revoke_reason.text, sizeof(credential->revoke_reason.text));
	hc_query_text(query, credential->proofed_by.text, sizeof(credential->proofed_by.text));
	hc_query_text(query, credential->document.text, sizeof(credential->document.text));
	credential->face_to_face = hc_query_range(query, 0, 1) == 1;
	credential->codes_left = (uint32_t)hc_query_range(query, 0, UINT32_MAX);
}

enum hc_err hc_store_credential_by_id(struct hc_store *store, const struct hc_credential_id *id,
				      struct hc_credential *ret_credential)
{
	struct hc_credential credential;

	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_BY_ID);
	hc_query_bind_text(&query, id->text);
	const bool found = hc_query_row(&query);
	if (found)
		read_credential(&query, &credential);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_credential = credential;
	return HC_OK;
}

static void bind_otp(struct hc_query *query, const struct hc_credential *credential)
{
	hc_query_bind_int64(query, credential->algorithm);
	hc_query_bind_int64(query, credential->digits);
	hc_query_bind_int64(query, credential->period_s);
	hc_query_bind_int64(query, credential->last_step);
	hc_query_bind_int64(query, credential->drift_steps);
	hc_query_bind_int64(query, credential->counter);
	hc_query_bind_blob(query, credential->sealed, credential->sealed_len);
}

static enum hc_err insert(struct hc_store *store, const struct hc_credential *credential)
{
	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_ADD);

	hc_query_bind_text(&query, credential->id.text);
	hc_query_bind_int64(&query, credential->person_id);
	hc_query_bind_int64(&query, credential->type);
	hc_query_bind_int64(&query, credential->state);
	hc_query_bind_text(&query, credential->label.text);
	bind_otp(&query, credential);
	hc_query_bind_int64(&query, credential->created_ms);
	hc_query_bind_int64(&query, credential->confirmed_ms);
	hc_query_bind_int64(&query, credential->last_used_ms);
	hc_query_bind_int64(&query, credential->revoked_ms);
	hc_query_bind_text(&query, credential->revoke_reason.text);
	hc_query_bind_text(&query, credential->proofed_by.text);
	hc_query_bind_text(&query, credential->document.text);
	hc_query_bind_int64(&query, credential->face_to_face ? 1 : 0);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_credential_add(struct hc_store *store, const struct hc_credential *credential)
{
	struct hc_credential other;

	if (credential->sealed_len > sizeof(credential->sealed))
		return HC_ERR_INVALID;
	const enum hc_err err = hc_store_credential_by_id(store, &credential->id, &other);
	if (err == HC_OK)
		return HC_ERR_EXISTS;
	return err == HC_ERR_NOTFOUND ? insert(store, credential) : err;
}

enum hc_err hc_store_credential_list(struct hc_store *store, int64_t person_id, bool revoked_too, size_t max,
				     struct hc_credential *out, size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &store->db, revoked_too ? HC_SQL_CREDENTIAL_LIST_ALL : HC_SQL_CREDENTIAL_LIST);
	hc_query_bind_int64(&query, person_id);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_credential(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}

enum hc_err hc_store_credential_ever(struct hc_store *store, int64_t person_id, bool *ret_ever)
{
	int64_t ever = 0;

	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_EVER);
	hc_query_bind_int64(&query, person_id);
	const enum hc_err err = hc_query_number(&query, 0, 1, &ever);
	if (err == HC_OK)
		*ret_ever = ever == 1;
	return err;
}

/* Why an UPDATE that names id and a state changed nothing. */
static enum hc_err nothing_changed(struct hc_store *store, const struct hc_credential_id *id)
{
	struct hc_credential credential;
	const enum hc_err err = hc_store_credential_by_id(store, id, &credential);

	return err == HC_OK ? HC_ERR_STATE : err;
}

enum hc_err hc_store_credential_confirm(struct hc_store *store, const struct hc_credential_id *id,
					int64_t now_ms)
{
	size_t changes = 0;

	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_CONFIRM);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_int64(&query, now_ms);
	const enum hc_err err = hc_query_run(&query, &changes);
	return err == HC_OK && changes != 1 ? nothing_changed(store, id) : err;
}

static enum hc_err erase_codes(struct hc_store *store, const struct hc_credential_id *id)
{
	HC_QUERY(query, &store->db, HC_SQL_RECOVERY_ERASE);

	hc_query_bind_text(&query, id->text);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_credential_revoke(struct hc_store *store, const struct hc_credential_id *id,
				       const struct hc_label *reason, int64_t now_ms)
{
	size_t changes = 0;

	HC_QUERY(query, &store->db, HC_SQL_CREDENTIAL_REVOKE);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_text(&query, reason->text);
	const enum hc_err err = hc_query_run(&query, &changes);
	if (err != HC_OK)
		return err;
	if (changes != 1)
		return nothing_changed(store, id);
	store->db.erased = true;
	return erase_codes(store, id);
}

enum hc_err hc_store_totp_consume(struct hc_store *store, const struct hc_credential_id *id, int64_t step,
				  int64_t drift_steps, int64_t now_ms)
{
	if (step < 0)
		return HC_ERR_INVALID;
	HC_QUERY(query, &store->db, HC_SQL_TOTP_CONSUME);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_int64(&query, step);
	hc_query_bind_int64(&query, drift_steps);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_store_hotp_consume(struct hc_store *store, const struct hc_credential_id *id,
				  int64_t used_counter, int64_t now_ms)
{
	/* The next counter must be a number as well. */
	if (used_counter < 0 || used_counter == INT64_MAX)
		return HC_ERR_INVALID;
	HC_QUERY(query, &store->db, HC_SQL_HOTP_CONSUME);
	hc_query_bind_text(&query, id->text);
	hc_query_bind_int64(&query, used_counter);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}
