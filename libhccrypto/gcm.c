/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM (NIST SP 800-38D) over whole messages. No state. The key, the nonce and the tag have
 * one length each. It must never let a byte of plaintext out that the tag does not vouch for.
 */
#include "evp.h"

#include <limits.h>

#include "hospiconnect/secret.h"

static void cipher_ctx_free(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

static bool lengths_fit(struct hc_bytes aad, struct hc_bytes text)
{
	return aad.len <= INT_MAX && text.len <= INT_MAX;
}

/* Feeds the associated data; GCM takes it before any text. */
static bool feed_aad(EVP_CIPHER_CTX *ctx, struct hc_bytes aad)
{
	int len = 0;

	return aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1;
}

static bool feed_text(EVP_CIPHER_CTX *ctx, struct hc_bytes text, uint8_t *out)
{
	int len = 0;

	return text.len == 0 ||
	       (EVP_CipherUpdate(ctx, out, &len, text.data, (int)text.len) == 1 && (size_t)len == text.len);
}

enum hc_err hc_gcm_encrypt(const uint8_t key[HC_GCM_KEY_LEN], const uint8_t nonce[HC_GCM_NONCE_LEN],
			   struct hc_bytes aad, struct hc_bytes plain, uint8_t *out,
			   uint8_t tag[HC_GCM_TAG_LEN])
{
	EVP_CIPHER_CTX *ctx HC_CLEANUP(cipher_ctx_free) = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = hc_evp_aes256gcm();
	uint8_t rest[EVP_MAX_BLOCK_LENGTH];
	int rest_len = 0;

	if (!lengths_fit(aad, plain))
		return HC_ERR_TOOBIG;
	if (ctx == NULL || cipher == NULL || EVP_EncryptInit_ex2(ctx, cipher, key, nonce, NULL) != 1 ||
	    !feed_aad(ctx, aad) || !feed_text(ctx, plain, out) ||
	    EVP_EncryptFinal_ex(ctx, rest, &rest_len) != 1 || rest_len != 0 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HC_GCM_TAG_LEN, tag) != 1)
		return hc_evp_failed("AES-256-GCM encryption");
	return HC_OK;
}

enum hc_err hc_gcm_decrypt(const uint8_t key[HC_GCM_KEY_LEN], const uint8_t nonce[HC_GCM_NONCE_LEN],
			   struct hc_bytes aad, struct hc_bytes sealed, const uint8_t tag[HC_GCM_TAG_LEN],
			   uint8_t *out)
{
	EVP_CIPHER_CTX *ctx HC_CLEANUP(cipher_ctx_free) = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = hc_evp_aes256gcm();
	uint8_t rest[EVP_MAX_BLOCK_LENGTH];
	int rest_len = 0;

	if (!lengths_fit(aad, sealed))
		return HC_ERR_TOOBIG;
	if (ctx == NULL || cipher == NULL || EVP_DecryptInit_ex2(ctx, cipher, key, nonce, NULL) != 1 ||
	    !feed_aad(ctx, aad) || !feed_text(ctx, sealed, out) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, HC_GCM_TAG_LEN, hc_evp_param(tag)) != 1) {
		hc_scrub(out, sealed.len);
		return hc_evp_failed("AES-256-GCM decryption");
	}
	if (EVP_DecryptFinal_ex(ctx, rest, &rest_len) != 1) {
		hc_scrub(out, sealed.len);
		return HC_ERR_SEAL;
	}
	return HC_OK;
}
