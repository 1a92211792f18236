/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys: made, kept, counted by reference.
 *
 * State: none but the keys themselves, shared between threads by an atomic count. The algorithm is
 * decided when a key is made or imported and checked against the kind and size of the key, so that
 * no token's header can choose how a key is used (RFC 8725 section 3.1). Private parts leave only as
 * PKCS#8 in a struct hc_secret, for sealing.
 */
#include "jose/jwk.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "jose/key.h"

#define RSA_BITS_NEW 2048 /* docs/adr/0045 */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

static const struct {
	enum hc_jws_alg alg;
	const char *name;
} ALGORITHMS[] = {
	{HC_JWS_ES256, "ES256"},
	{HC_JWS_RS256, "RS256"},
	{HC_JWS_PS256, "PS256"},
	{HC_JWS_EDDSA, "EdDSA"},
};

const char *hc_jws_alg_name(enum hc_jws_alg alg)
{
	for (size_t i = 0; i < HC_COUNT(ALGORITHMS); i++) {
		if (ALGORITHMS[i].alg == alg)
			return ALGORITHMS[i].name;
	}
	return "none such";
}

enum hc_err hc_jws_alg_parse(const char *name, enum hc_jws_alg *ret_alg)
{
	for (size_t i = 0; i < HC_COUNT(ALGORITHMS); i++) {
		if (strcmp(ALGORITHMS[i].name, name) == 0) {
			*ret_alg = ALGORITHMS[i].alg;
			return HC_OK;
		}
	}
	return HC_ERR_INVALID;
}

static bool is_p256(EVP_PKEY *pkey)
{
	char group[32];
	size_t len;

	return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static bool fits(enum hc_jws_alg alg, EVP_PKEY *pkey)
{
	switch (alg) {
	case HC_JWS_ES256:
		return is_p256(pkey);
	case HC_JWS_RS256:
	case HC_JWS_PS256:
		return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN &&
		       EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX;
	case HC_JWS_EDDSA:
		return EVP_PKEY_is_a(pkey, "ED25519");
	}
	return false;
}

enum hc_err hc_jose_key_new(enum hc_jws_alg alg, EVP_PKEY *pkey, struct hc_jwk **ret_key)
{
	HC_AUTO(jwk) key = calloc(1, sizeof(*key));
	enum hc_err err;

	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return HC_ERR_NOMEM;
	}
	atomic_init(&key->refs, 1);
	key->alg = alg;
	key->pkey = pkey;
	if (!fits(alg, pkey))
		return HC_ERR_INVALID;
	err = hc_jose_thumbprint(key);
	if (err != HC_OK)
		return err;
	*ret_key = hc_steal_ptr(&key);
	return HC_OK;
}

enum hc_err hc_jwk_generate(enum hc_jws_alg alg, struct hc_jwk **ret_key)
{
	EVP_PKEY *pkey = NULL;

	switch (alg) {
	case HC_JWS_ES256:
		pkey = EVP_EC_gen("P-256");
		break;
	case HC_JWS_RS256:
	case HC_JWS_PS256:
		pkey = EVP_RSA_gen(RSA_BITS_NEW);
		break;
	case HC_JWS_EDDSA:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	if (pkey == NULL)
		return HC_ERR_CRYPTO;
	return hc_jose_key_new(alg, pkey, ret_key);
}

enum hc_err hc_jwk_private(const struct hc_jwk *key, struct hc_secret **ret_der)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	HC_AUTO(secret) der = NULL;
	enum hc_err err = HC_ERR_CRYPTO;
	int len = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	size_t room;

	if (len > 0)
		err = hc_secret_new((size_t)len, &der);
	if (err == HC_OK) {
		uint8_t *out = hc_secret_space(der, &room);

		err = i2d_PKCS8_PRIV_KEY_INFO(info, &out) == len ? hc_secret_commit(der, (size_t)len)
								 : HC_ERR_CRYPTO;
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	if (err == HC_OK)
		*ret_der = hc_steal_ptr(&der);
	return err;
}

enum hc_err hc_jwk_from_private(enum hc_jws_alg alg, const struct hc_secret *der, struct hc_jwk **ret_key)
{
	const uint8_t *at = hc_secret_data(der);
	const uint8_t *end = at + hc_secret_len(der);
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)hc_secret_len(der));
	EVP_PKEY *pkey = NULL;

	if (info != NULL && at == end)
		pkey = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (pkey == NULL)
		return HC_ERR_INVALID;
	return hc_jose_key_new(alg, pkey, ret_key);
}

const char *hc_jwk_kid(const struct hc_jwk *key)
{
	return key->kid;
}

enum hc_jws_alg hc_jwk_alg(const struct hc_jwk *key)
{
	return key->alg;
}

struct hc_jwk *hc_jwk_ref(struct hc_jwk *key)
{
	atomic_fetch_add(&key->refs, 1);
	return key;
}

void hc_jwk_free(struct hc_jwk **key)
{
	struct hc_jwk *gone;

	if (key == NULL || *key == NULL)
		return;
	gone = hc_steal_ptr(key);
	if (atomic_fetch_sub(&gone->refs, 1) != 1)
		return;
	EVP_PKEY_free(gone->pkey); /* scrubs the private part */
	free(gone);
}
