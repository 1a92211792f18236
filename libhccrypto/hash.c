/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) with it. No state of its own. Whoever
 * compares what comes out of here with something received does so with hc_bytes_equal.
 */
#include "hospiconnect/crypto.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "evp.h"
#include "hospiconnect/secret.h"

static void mac_ctx_free(EVP_MAC_CTX **ctx)
{
	EVP_MAC_CTX_free(*ctx);
}

static void kdf_ctx_free(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

enum hc_err hc_sha256(const void *data, size_t len, uint8_t out[HC_SHA256_LEN])
{
	const EVP_MD *digest = hc_evp_sha256();

	if (digest == NULL || EVP_Digest(data, len, out, NULL, digest, NULL) != 1)
		return hc_evp_failed("SHA-256");
	return HC_OK;
}

enum hc_err hc_hmac_raw(struct hc_bytes key, struct hc_bytes data, uint8_t out[32])
{
	char digest[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = hc_evp_hmac();
	EVP_MAC_CTX *ctx HC_CLEANUP(mac_ctx_free) = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	size_t len = 0;

	if (ctx == NULL || EVP_MAC_init(ctx, key.data, key.len, params) != 1 ||
	    EVP_MAC_update(ctx, data.data, data.len) != 1 ||
	    EVP_MAC_final(ctx, out, &len, HC_SHA256_LEN) != 1 || len != HC_SHA256_LEN)
		return hc_evp_failed("HMAC-SHA-256");
	return HC_OK;
}

enum hc_err hc_hmac_sha256(const struct hc_secret *key, const void *data, size_t len,
			   uint8_t out[HC_SHA256_LEN])
{
	return hc_hmac_raw((struct hc_bytes){hc_secret_data(key), hc_secret_len(key)},
			   (struct hc_bytes){data, len}, out);
}

enum hc_err hc_hkdf_raw(struct hc_bytes key, struct hc_bytes salt, struct hc_bytes info, uint8_t *out,
			size_t out_len)
{
	char digest[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, hc_evp_param(key.data), key.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, hc_evp_param(salt.data), salt.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, hc_evp_param(info.data), info.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = hc_evp_hkdf();
	EVP_KDF_CTX *ctx HC_CLEANUP(kdf_ctx_free) = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);

	if (ctx == NULL || EVP_KDF_derive(ctx, out, out_len, params) != 1)
		return hc_evp_failed("HKDF-SHA-256");
	return HC_OK;
}
