/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 signatures (RFC 8032) for the heads of the audit trail. No state: the key object is made
 * of the seed for each call, since heads are rare. A signature that cannot be checked is never
 * taken for a valid one.
 */
#include "hospiconnect/crypto.h"

#include "evp.h"
#include "hospiconnect/secret.h"

static void pkey_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static EVP_PKEY *key_from_seed(const struct hc_secret *seed)
{
	if (hc_secret_len(seed) != HC_ED25519_LEN || !hc_evp_ready())
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, hc_secret_data(seed), HC_ED25519_LEN);
}

static EVP_PKEY *key_from_public(const uint8_t public_key[HC_ED25519_LEN])
{
	if (!hc_evp_ready())
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, HC_ED25519_LEN);
}

enum hc_err hc_ed25519_public(const struct hc_secret *seed, uint8_t out[HC_ED25519_LEN])
{
	EVP_PKEY *key HC_CLEANUP(pkey_free) = key_from_seed(seed);
	size_t len = HC_ED25519_LEN;

	if (key == NULL || EVP_PKEY_get_raw_public_key(key, out, &len) != 1 || len != HC_ED25519_LEN)
		return hc_evp_failed("Ed25519 public key");
	return HC_OK;
}

enum hc_err hc_ed25519_sign(const struct hc_secret *seed, const void *data, size_t len,
			    uint8_t out[HC_ED25519_SIG_LEN])
{
	EVP_PKEY *key HC_CLEANUP(pkey_free) = key_from_seed(seed);
	EVP_MD_CTX *ctx HC_CLEANUP(md_ctx_free) = EVP_MD_CTX_new();
	size_t out_len = HC_ED25519_SIG_LEN;

	if (key == NULL || ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, out, &out_len, data, len) != 1 || out_len != HC_ED25519_SIG_LEN)
		return hc_evp_failed("Ed25519 signature");
	return HC_OK;
}

enum hc_err hc_ed25519_verify(const uint8_t public_key[HC_ED25519_LEN], const void *data, size_t len,
			      const uint8_t signature[HC_ED25519_SIG_LEN])
{
	EVP_PKEY *key HC_CLEANUP(pkey_free) = key_from_public(public_key);
	EVP_MD_CTX *ctx HC_CLEANUP(md_ctx_free) = EVP_MD_CTX_new();

	if (key == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return hc_evp_failed("Ed25519 verification");
	if (EVP_DigestVerify(ctx, signature, HC_ED25519_SIG_LEN, data, len) != 1)
		return HC_ERR_INVALID;
	return HC_OK;
}
