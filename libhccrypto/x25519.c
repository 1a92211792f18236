/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 (RFC 7748) over raw keys. No state. A peer's key that gives the same secret with every private key is refused
 * by OpenSSL, which says so as a failure.
 */
#include "backup_internal.h"

static void pkey_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void ctx_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

enum hc_err hc_x25519_public(const uint8_t private_key[32], uint8_t out[32])
{
	EVP_PKEY *key HC_CLEANUP(pkey_free) = NULL;
	size_t len = 32;

	if (hc_evp_ready())
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, out, &len) != 1 || len != 32)
		return hc_evp_failed("X25519 public key");
	return HC_OK;
}

enum hc_err hc_x25519(const uint8_t private_key[32], const uint8_t peer[32], uint8_t out[32])
{
	EVP_PKEY *ours HC_CLEANUP(pkey_free) = NULL;
	EVP_PKEY *theirs HC_CLEANUP(pkey_free) = NULL;
	EVP_PKEY_CTX *ctx HC_CLEANUP(ctx_free) = NULL;
	size_t len = 32;

	if (hc_evp_ready()) {
		ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
		theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
	}
	if (ours != NULL)
		ctx = EVP_PKEY_CTX_new(ours, NULL);
	if (ctx == NULL || theirs == NULL || EVP_PKEY_derive_init(ctx) != 1)
		return hc_evp_failed("X25519");
	/* From here on it is the other key's fault, not ours. */
	if (EVP_PKEY_derive_set_peer(ctx, theirs) != 1 || EVP_PKEY_derive(ctx, out, &len) != 1 || len != 32)
		return hc_evp_failed("X25519 with that key") == HC_OK ? HC_OK : HC_ERR_INVALID;
	return HC_OK;
}
