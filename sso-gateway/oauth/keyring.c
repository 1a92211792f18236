/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signing keys of one loop.
 *
 * State: opened keys and their signing contexts, until the ring is replaced as a whole. Threats: a
 * sealed key that is moved to another row or algorithm (the seal's associated data name both, and
 * the thumbprint of what was opened must be the row's), a private part that gets out (only public members
 * are written into the JWKS, out of the key and not out of the row). Whatever does not fit fails the
 * whole ring: a gateway that publishes other keys than it signs with signs nothing.
 */
#include "oauth/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "oauth/json_out.h"
#include "store/key.h"

#define ALGORITHMS 5 /* enum hc_jws_alg counts from 1 */
#define AAD_MAX	   128
#define JWKS_MAX   (HC_KEYS_MAX * (HC_KEY_PUBLIC_MAX + 1) + 32)

struct hc_keyring {
	struct hc_jwk *keys[HC_KEYS_MAX];
	size_t count;
	struct hc_jws_signer *signers[ALGORITHMS];
	char *jwks;
};

/* "hospiconnect signing key v1" ‖ 0x00 ‖ kid ‖ alg */
static size_t associated_data(const char *kid, enum hc_jws_alg alg, char out[AAD_MAX])
{
	static const char label[] = "hospiconnect signing key v1";

	memcpy(out, label, sizeof(label));
	const int len =
		snprintf(out + sizeof(label), AAD_MAX - sizeof(label), "%s%s", kid, hc_jws_alg_name(alg));
	return sizeof(label) + (size_t)len;
}

static enum hc_err open_private(const struct hc_signing_key *row, const struct hc_seal *seal,
				struct hc_jwk **ret_key)
{
	HC_AUTO(secret) der = NULL;
	char aad[AAD_MAX];
	const size_t aad_len = associated_data(row->kid, row->alg, aad);
	const enum hc_err err = hc_seal_unwrap(seal, row->sealed, row->sealed_len, aad, aad_len, &der);

	return err == HC_OK ? hc_jwk_from_private(row->alg, der, ret_key) : err;
}

static enum hc_err open_key(const struct hc_signing_key *row, const struct hc_seal *seal,
			    struct hc_jwk **ret_key)
{
	HC_AUTO(jwk) key = NULL;
	enum hc_err err = row->state == HC_KEY_ACTIVE ? open_private(row, seal, &key)
						      : hc_jwk_from_public(row->alg, row->public_jwk,
									   strlen(row->public_jwk), &key);

	if (err == HC_OK && strcmp(hc_jwk_kid(key), row->kid) != 0)
		err = HC_ERR_CORRUPT;
	if (err == HC_OK)
		*ret_key = hc_steal_ptr(&key);
	return err == HC_ERR_INVALID ? HC_ERR_CORRUPT : err;
}

static enum hc_err take_key(struct hc_keyring *keyring, const struct hc_signing_key *row,
			    const struct hc_seal *seal)
{
	struct hc_jwk *key = NULL;
	const enum hc_err err = open_key(row, seal, &key);

	if (err != HC_OK)
		return err;
	keyring->keys[keyring->count++] = key;
	if (row->state != HC_KEY_ACTIVE)
		return HC_OK;
	if (keyring->signers[row->alg] != NULL)
		return HC_ERR_CORRUPT;
	return hc_jws_signer_new(key, &keyring->signers[row->alg]);
}

static void free_text(char **text)
{
	free(*text);
	*text = NULL;
}

static enum hc_err write_jwks(struct hc_keyring *keyring)
{
	struct hc_json_out out;
	size_t len = 0;

	keyring->jwks = malloc(JWKS_MAX);
	if (keyring->jwks == NULL)
		return HC_ERR_NOMEM;
	hc_json_start(&out, keyring->jwks, JWKS_MAX);
	hc_json_object(&out, NULL);
	hc_json_array(&out, "keys");
	for (size_t i = 0; i < keyring->count; i++) {
		HC_CLEANUP(free_text) char *json = NULL;
		const enum hc_err err = hc_jwk_public_json(keyring->keys[i], &json);

		if (err != HC_OK)
			return err;
		hc_json_raw(&out, NULL, json);
	}
	hc_json_array_end(&out);
	hc_json_object_end(&out);
	return hc_json_end(&out, &len);
}

static enum hc_err read_rows(struct hc_gstore_view *view, struct hc_signing_key **ret_rows, size_t *ret_count)
{
	struct hc_signing_key *rows = calloc(HC_KEYS_MAX, sizeof(*rows));
	enum hc_err err = rows == NULL ? HC_ERR_NOMEM : hc_key_list(view, HC_KEYS_MAX, rows, ret_count);

	if (err == HC_OK)
		*ret_rows = hc_steal_ptr(&rows);
	free(rows);
	return err;
}

static void free_rows(struct hc_signing_key **rows)
{
	free(*rows);
	*rows = NULL;
}

enum hc_err hc_keyring_load(struct hc_gstore_view *view, const struct hc_seal *seal,
			    struct hc_keyring **ret_keyring)
{
	HC_AUTO(keyring) keyring = calloc(1, sizeof(*keyring));
	HC_CLEANUP(free_rows) struct hc_signing_key *rows = NULL;
	size_t count = 0;

	if (keyring == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = read_rows(view, &rows, &count);
	for (size_t i = 0; err == HC_OK && i < count; i++)
		err = take_key(keyring, &rows[i], seal);
	if (err == HC_OK &&
	    (keyring->signers[HC_JWS_ES256] == NULL || keyring->signers[HC_JWS_RS256] == NULL))
		err = HC_ERR_NOTFOUND;
	if (err == HC_OK)
		err = write_jwks(keyring);
	if (err == HC_OK)
		*ret_keyring = hc_steal_ptr(&keyring);
	return err;
}

void hc_keyring_free(struct hc_keyring **keyring)
{
	if (keyring == NULL || *keyring == NULL)
		return;
	for (size_t i = 0; i < ALGORITHMS; i++)
		hc_jws_signer_free(&(*keyring)->signers[i]);
	for (size_t i = 0; i < (*keyring)->count; i++)
		hc_jwk_free(&(*keyring)->keys[i]);
	free((*keyring)->jwks);
	free(*keyring);
	*keyring = NULL;
}

struct hc_jws_signer *hc_keyring_signer(const struct hc_keyring *keyring, enum hc_jws_alg alg)
{
	return (unsigned)alg < ALGORITHMS ? keyring->signers[alg] : NULL;
}

struct hc_jwk *const *hc_keyring_keys(const struct hc_keyring *keyring, size_t *ret_count)
{
	*ret_count = keyring->count;
	return keyring->keys;
}

const char *hc_keyring_jwks(const struct hc_keyring *keyring)
{
	return keyring->jwks;
}

/* ---- new keys ---- */

static enum hc_err seal_private(const struct hc_jwk *key, const struct hc_seal *seal,
				struct hc_signing_key *row)
{
	HC_AUTO(secret) der = NULL;
	char aad[AAD_MAX];
	const size_t aad_len = associated_data(row->kid, row->alg, aad);
	enum hc_err err = hc_jwk_private(key, &der);

	if (err == HC_OK)
		err = hc_seal_wrap(seal, der, aad, aad_len, row->sealed, sizeof(row->sealed),
				   &row->sealed_len);
	return err;
}

enum hc_err hc_keyring_reseal(struct hc_signing_key *row, const struct hc_seal *seal)
{
	HC_AUTO(secret) der = NULL;
	char aad[AAD_MAX];
	const size_t aad_len = associated_data(row->kid, row->alg, aad);
	const enum hc_err err = hc_seal_unwrap(seal, row->sealed, row->sealed_len, aad, aad_len, &der);

	if (err != HC_OK)
		return err;
	return hc_seal_wrap(seal, der, aad, aad_len, row->sealed, sizeof(row->sealed), &row->sealed_len);
}

static enum hc_err write_public(const struct hc_jwk *key, struct hc_signing_key *row)
{
	HC_CLEANUP(free_text) char *json = NULL;
	const enum hc_err err = hc_jwk_public_json(key, &json);

	if (err != HC_OK)
		return err;
	const size_t len = strlen(json);
	if (len > HC_KEY_PUBLIC_MAX)
		return HC_ERR_TOOBIG;
	memcpy(row->public_jwk, json, len + 1);
	return HC_OK;
}

enum hc_err hc_keyring_make(enum hc_jws_alg alg, const struct hc_seal *seal, int64_t now_ms,
			    struct hc_signing_key *ret_key)
{
	HC_AUTO(jwk) key = NULL;
	struct hc_signing_key row = {.alg = alg, .state = HC_KEY_NEXT, .created_ms = now_ms};
	enum hc_err err = hc_jwk_generate(alg, &key);

	if (err != HC_OK)
		return err;
	memcpy(row.kid, hc_jwk_kid(key), HC_KID_LEN + 1);
	err = seal_private(key, seal, &row);
	if (err == HC_OK)
		err = write_public(key, &row);
	if (err == HC_OK)
		*ret_key = row;
	return err;
}
