/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing of secrets that are stored: seeds, and the broker's own keys. State: the seal key, in
 * memory for the life of the process, and its public name.
 *
 * Threats: a copied or edited store (the key is not in it; a blob moved to another person, credential
 * or type has other associated data and does not open), a key file that others can read or replace
 * (refused), a key file that vanished while sealed data exist (the caller forbids a new one). Nonces
 * are random: 96 bits allow far more seals under one key than a hospital has credentials.
 * It must never write the key anywhere but its file, and never replace an existing one. While a key is exchanged both
 * are known: what the former one sealed opens, and nothing new is sealed under it.
 */
#include "hospiconnect/crypto.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evp.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#define KEY_ID_LEN 8
#define NONCE_AT   (1 + KEY_ID_LEN)
#define TEXT_AT	   (NONCE_AT + HC_GCM_NONCE_LEN)

_Static_assert(TEXT_AT + HC_GCM_TAG_LEN == HC_SEAL_OVERHEAD,
	       "the blob's layout and its stated overhead agree");

static const uint8_t SEAL_VERSION = 1;
static const char KEY_ID_LABEL[] = "hospiconnect seal key id v1";

struct hc_seal {
	struct hc_secret *key;
	uint8_t id[KEY_ID_LEN];
	char id_text[2 * KEY_ID_LEN + 1];
	struct hc_seal *former; /* NULL: none */
	struct {
		const char *label; /* borrowed */
		struct hc_secret *key;
	} kept[HC_SEAL_KEPT_MAX];
	size_t kept_count;
};

static enum hc_err read_key(const char *path, struct hc_secret **ret_key)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = false, .forbidden = 0177, .max_len = HC_SEAL_KEY_LEN};

	return hc_file_read_secret(path, &rules, HC_SEAL_KEY_LEN, ret_key);
}

/* What the administrator can do about a key file that was not accepted. */
static const char *advice(enum hc_err err)
{
	if (err == HC_ERR_PERM)
		return "make it a regular file of the broker's user: chown to that user, chmod 0600";
	if (err == HC_ERR_INVALID || err == HC_ERR_TOOBIG)
		return "it must hold exactly 32 bytes: put the right key file back from the backup";
	return "check the file and its directory";
}

static enum hc_err make_key(const char *path)
{
	HC_AUTO(secret) key = NULL;
	enum hc_err err = hc_random_secret(HC_SEAL_KEY_LEN, &key);

	if (err == HC_OK)
		err = hc_file_create(path, 0600, hc_secret_data(key), hc_secret_len(key));
	if (err == HC_OK)
		hc_log(HC_LOG_NOTICE, "made a new seal key; back it up apart from the store",
		       HC_F_TEXT("file", path));
	/* Somebody made one since we looked: that one counts. */
	return err == HC_ERR_EXISTS ? HC_OK : err;
}

static void print_id(struct hc_seal *seal)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < KEY_ID_LEN; i++) {
		seal->id_text[2 * i] = hex[seal->id[i] >> 4];
		seal->id_text[2 * i + 1] = hex[seal->id[i] & 15];
	}
}

static enum hc_err name_key(struct hc_seal *seal)
{
	uint8_t message[sizeof(KEY_ID_LABEL) + HC_SEAL_KEY_LEN];
	uint8_t hash[HC_SHA256_LEN];

	memcpy(message, KEY_ID_LABEL, sizeof(KEY_ID_LABEL));
	memcpy(message + sizeof(KEY_ID_LABEL), hc_secret_data(seal->key), HC_SEAL_KEY_LEN);
	const enum hc_err err = hc_sha256(message, sizeof(message), hash);
	hc_scrub(message, sizeof(message));
	if (err != HC_OK)
		return err;
	memcpy(seal->id, hash, KEY_ID_LEN);
	print_id(seal);
	return HC_OK;
}

enum hc_err hc_seal_open(const char *path, bool may_create, struct hc_seal **ret_seal)
{
	HC_AUTO(seal) seal = calloc(1, sizeof(*seal));

	if (seal == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = read_key(path, &seal->key);
	if (err == HC_ERR_NOTFOUND && may_create) {
		err = make_key(path);
		if (err == HC_OK)
			err = read_key(path, &seal->key);
	}
	/* A file that cannot be a key is one error to the caller, whichever way its length is wrong. */
	if (err == HC_ERR_TOOBIG)
		err = HC_ERR_INVALID;
	if (err == HC_ERR_NOTFOUND)
		return err; /* what that means, the caller knows */
	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "seal key refused", HC_F_TEXT("file", path),
		       HC_F_TEXT("cause", hc_strerror(err)), HC_F_TEXT("advice", advice(err)));
		return err;
	}
	err = name_key(seal);
	if (err == HC_OK)
		*ret_seal = hc_steal_ptr(&seal);
	return err;
}

enum hc_err hc_seal_new_random(struct hc_seal **ret_seal)
{
	HC_AUTO(seal) seal = calloc(1, sizeof(*seal));

	if (seal == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = hc_random_secret(HC_SEAL_KEY_LEN, &seal->key);
	if (err == HC_OK)
		err = name_key(seal);
	if (err == HC_OK)
		*ret_seal = hc_steal_ptr(&seal);
	return err;
}

void hc_seal_free(struct hc_seal **seal)
{
	if (seal == NULL || *seal == NULL)
		return;
	hc_seal_free(&(*seal)->former); /* which has none itself */
	for (size_t i = 0; i < (*seal)->kept_count; i++)
		hc_secret_free(&(*seal)->kept[i].key);
	hc_secret_free(&(*seal)->key);
	free(*seal);
	*seal = NULL;
}

const struct hc_secret *hc_seal_key(const struct hc_seal *seal)
{
	return seal->key;
}

const char *hc_seal_key_id(const struct hc_seal *seal)
{
	return seal->id_text;
}

enum hc_err hc_seal_wrap(const struct hc_seal *seal, const struct hc_secret *plain, const void *aad,
			 size_t aad_len, uint8_t *out, size_t cap, size_t *ret_len)
{
	const size_t len = hc_secret_len(plain);
	uint8_t blob[HC_SEALED_MAX];

	if (len == 0)
		return HC_ERR_INVALID;
	if (len > HC_SEALED_MAX - HC_SEAL_OVERHEAD || len + HC_SEAL_OVERHEAD > cap)
		return HC_ERR_TOOBIG;
	blob[0] = SEAL_VERSION;
	memcpy(blob + 1, seal->id, KEY_ID_LEN);
	enum hc_err err = hc_random(blob + NONCE_AT, HC_GCM_NONCE_LEN);
	if (err == HC_OK)
		err = hc_gcm_encrypt(
			hc_secret_data(seal->key), blob + NONCE_AT, (struct hc_bytes){aad, aad_len},
			(struct hc_bytes){hc_secret_data(plain), len}, blob + TEXT_AT, blob + TEXT_AT + len);
	if (err != HC_OK)
		return err;
	memcpy(out, blob, len + HC_SEAL_OVERHEAD);
	*ret_len = len + HC_SEAL_OVERHEAD;
	return HC_OK;
}

enum hc_err hc_seal_unwrap(const struct hc_seal *seal, const uint8_t *sealed, size_t len, const void *aad,
			   size_t aad_len, struct hc_secret **ret_plain)
{
	HC_AUTO(secret) plain = NULL;
	size_t space = 0;

	if (hc_seal_is_former(seal, sealed, len))
		seal = seal->former;
	/* An empty plaintext is never sealed, so a blob of mere overhead is no seal either. */
	if (len <= HC_SEAL_OVERHEAD || len > HC_SEALED_MAX || sealed[0] != SEAL_VERSION ||
	    !hc_bytes_equal(sealed + 1, seal->id, KEY_ID_LEN))
		return HC_ERR_SEAL;
	const size_t plain_len = len - HC_SEAL_OVERHEAD;
	enum hc_err err = hc_secret_new(plain_len, &plain);
	if (err != HC_OK)
		return err;
	err = hc_gcm_decrypt(hc_secret_data(seal->key), sealed + NONCE_AT, (struct hc_bytes){aad, aad_len},
			     (struct hc_bytes){sealed + TEXT_AT, plain_len}, sealed + TEXT_AT + plain_len,
			     hc_secret_space(plain, &space));
	if (err == HC_OK)
		err = hc_secret_commit(plain, plain_len);
	if (err == HC_OK)
		*ret_plain = hc_steal_ptr(&plain);
	return err;
}

enum hc_err hc_seal_derive(const struct hc_seal *seal, const char *label, struct hc_secret **ret_key)
{
	HC_AUTO(secret) key = NULL;
	size_t space = 0;
	enum hc_err err;

	for (size_t i = 0; i < seal->kept_count; i++) {
		if (strcmp(seal->kept[i].label, label) == 0)
			return hc_secret_from(hc_secret_data(seal->kept[i].key), HC_SHA256_LEN, ret_key);
	}
	err = hc_secret_new(HC_SHA256_LEN, &key);

	if (err != HC_OK)
		return err;
	/* Nothing was derived from a key that is only just taking over. */
	const struct hc_seal *root = seal->former != NULL ? seal->former : seal;
	uint8_t *to = hc_secret_space(key, &space);
	err = hc_hkdf_raw((struct hc_bytes){hc_secret_data(root->key), HC_SEAL_KEY_LEN},
			  (struct hc_bytes){"", 0}, (struct hc_bytes){label, strlen(label)}, to,
			  HC_SHA256_LEN);
	if (err == HC_OK)
		err = hc_secret_commit(key, HC_SHA256_LEN);
	if (err == HC_OK)
		*ret_key = hc_steal_ptr(&key);
	return err;
}

/* ---- the exchange of a key ---- */

enum hc_err hc_seal_succeed(struct hc_seal *seal, struct hc_seal **next)
{
	struct hc_seal *other = hc_steal_ptr(next);
	struct hc_secret *key = seal->key;
	uint8_t id[KEY_ID_LEN];

	if (seal->former != NULL || other->former != NULL) {
		hc_seal_free(&other);
		return HC_ERR_STATE;
	}
	/* They change places; what was kept stays with the one. */
	memcpy(id, seal->id, sizeof(id));
	seal->key = other->key;
	memcpy(seal->id, other->id, sizeof(id));
	other->key = key;
	memcpy(other->id, id, sizeof(id));
	print_id(seal);
	print_id(other);
	seal->former = other;
	return HC_OK;
}

void hc_seal_forget(struct hc_seal *seal)
{
	hc_seal_free(&seal->former);
}

bool hc_seal_has_former(const struct hc_seal *seal)
{
	return seal->former != NULL;
}

enum hc_err hc_seal_keep(struct hc_seal *seal, const char *label, const struct hc_secret *key)
{
	struct hc_secret *copy = NULL;

	for (size_t i = 0; i < seal->kept_count; i++) {
		if (strcmp(seal->kept[i].label, label) == 0)
			return HC_OK;
	}
	if (seal->kept_count == HC_SEAL_KEPT_MAX || hc_secret_len(key) != HC_SHA256_LEN)
		return HC_ERR_INVALID;
	const enum hc_err err = hc_secret_from(hc_secret_data(key), HC_SHA256_LEN, &copy);
	if (err != HC_OK)
		return err;
	seal->kept[seal->kept_count].label = label;
	seal->kept[seal->kept_count].key = copy;
	seal->kept_count++;
	return HC_OK;
}

bool hc_seal_is_former(const struct hc_seal *seal, const uint8_t *sealed, size_t len)
{
	return seal->former != NULL && len > HC_SEAL_OVERHEAD &&
	       hc_bytes_equal(sealed + 1, seal->former->id, KEY_ID_LEN);
}
