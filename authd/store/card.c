/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards: which certificate links to whom, beside its credential. No state beyond the store. A certificate is one
 * person's for good, revoked or not; an identifier is one person's while a card or a record says so. That a credential
 * may still be used or renewed is decided by the statement that does it. Nothing here was verified, or is secret.
 */
#include "db.h"

#include <string.h>

/* Whether the certificate of card may become that of credential. */
static enum hc_err look_for_others(struct hc_store *store, const struct hc_credential_id *credential,
				   const struct hc_stored_card *card)
{
	struct hc_credential_id other;
	int64_t taken = 0;
	enum hc_err err = hc_store_card_find_by_certificate(store, card->fingerprint, &other);

	if (err != HC_ERR_NOTFOUND)
		return err == HC_OK ? HC_ERR_EXISTS : err;
	if (card->bound)
		return HC_OK; /* such a number is nobody's but within its structure */
	HC_QUERY(query, &store->db, HC_SQL_CARD_TAKEN);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_text(&query, card->national_id);
	err = hc_query_number(&query, 0, 1, &taken);
	return err == HC_OK && taken == 1 ? HC_ERR_STATE : err;
}

static void bind_card(struct hc_query *query, const struct hc_credential_id *credential,
		      const struct hc_stored_card *card)
{
	hc_query_bind_text(query, credential->text);
	hc_query_bind_blob(query, card->fingerprint, sizeof(card->fingerprint));
	hc_query_bind_blob(query, card->key_hash, sizeof(card->key_hash));
	hc_query_bind_text(query, card->national_id);
	hc_query_bind_text(query, card->number);
	hc_query_bind_int64(query, card->type);
	hc_query_bind_int64(query, card->category);
	hc_query_bind_int64(query, card->profession);
	hc_query_bind_int64(query, card->test ? 1 : 0);
	hc_query_bind_int64(query, card->bound ? 1 : 0);
	hc_query_bind_int64(query, card->not_after_ms);
	hc_query_bind_blob(query, card->certificate, card->certificate_len);
}

static bool is_whole(const struct hc_stored_card *card)
{
	return card->national_id[0] != '\0' && card->certificate_len > 0 &&
	       card->certificate_len <= sizeof(card->certificate);
}

enum hc_err hc_store_card_add(struct hc_store *store, const struct hc_credential_id *credential,
			      const struct hc_stored_card *card)
{
	if (!is_whole(card))
		return HC_ERR_INVALID;
	const enum hc_err err = look_for_others(store, credential, card);

	if (err != HC_OK)
		return err;
	HC_QUERY(query, &store->db, HC_SQL_CARD_ADD);
	bind_card(&query, credential, card);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

enum hc_err hc_store_card_renew(struct hc_store *store, const struct hc_credential_id *credential,
				const struct hc_stored_card *card, int64_t now_ms)
{
	if (!is_whole(card))
		return HC_ERR_INVALID;
	const enum hc_err err = look_for_others(store, credential, card);

	if (err != HC_OK)
		return err;
	HC_QUERY(query, &store->db, HC_SQL_CARD_RENEW);
	bind_card(&query, credential, card);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

static void read_card(struct hc_query *query, struct hc_stored_card *card)
{
	memset(card, 0, sizeof(*card));
	hc_query_hash(query, card->fingerprint);
	hc_query_hash(query, card->key_hash);
	hc_query_text(query, card->national_id, sizeof(card->national_id));
	hc_query_text(query, card->number, sizeof(card->number));
	card->type = (int32_t)hc_query_range(query, -1, INT32_MAX);
	card->category = (int32_t)hc_query_range(query, -1, UINT8_MAX);
	card->profession = (int32_t)hc_query_range(query, -1, INT32_MAX);
	card->test = hc_query_range(query, 0, 1) == 1;
	card->bound = hc_query_range(query, 0, 1) == 1;
	card->not_after_ms = hc_query_int64(query);
	card->certificate_len = hc_query_blob(query, card->certificate, sizeof(card->certificate));
	card->renewed_ms = hc_query_range(query, 0, INT64_MAX);
}

enum hc_err hc_store_card_get(struct hc_store *store, const struct hc_credential_id *credential,
			      struct hc_stored_card *ret_card)
{
	struct hc_stored_card card;

	HC_QUERY(query, &store->db, HC_SQL_CARD_GET);
	hc_query_bind_text(&query, credential->text);
	const bool found = hc_query_row(&query);
	if (found)
		read_card(&query, &card);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_card = card;
	return HC_OK;
}

enum hc_err hc_store_card_find_by_certificate(struct hc_store *store, const uint8_t fingerprint[32],
					      struct hc_credential_id *ret_credential)
{
	struct hc_credential_id credential = {{0}};

	HC_QUERY(query, &store->db, HC_SQL_CARD_FIND);
	hc_query_bind_blob(&query, fingerprint, 32);
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

static void read_link(struct hc_query *query, struct hc_card_link *link)
{
	memset(link, 0, sizeof(*link));
	hc_query_text(query, link->credential.text, sizeof(link->credential.text));
	link->person_id = hc_query_range(query, 1, INT64_MAX);
	link->state =
		(enum hc_credential_state)hc_query_range(query, HC_CREDENTIAL_PENDING, HC_CREDENTIAL_ACTIVE);
	link->type = (int32_t)hc_query_range(query, -1, INT32_MAX);
	link->profession = (int32_t)hc_query_range(query, -1, INT32_MAX);
	link->bound = hc_query_range(query, 0, 1) == 1;
	link->not_after_ms = hc_query_int64(query);
}

enum hc_err hc_store_card_find_by_national_id(struct hc_store *store, const char *national_id, size_t max,
					      struct hc_card_link *out, size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &store->db, HC_SQL_CARD_LIST);
	hc_query_bind_text(&query, national_id);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_link(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}

enum hc_err hc_store_card_touch(struct hc_store *store, const struct hc_credential_id *credential,
				int64_t now_ms)
{
	HC_QUERY(query, &store->db, HC_SQL_CARD_TOUCH);
	hc_query_bind_text(&query, credential->text);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}
