/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVP_H
#define HC_EVP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Private to libhccrypto/ and its tests: the algorithms, fetched once a process (a fetch by name
 * costs more than hashing a short message), and the primitives in the generality that published
 * test vectors need. NULL where OpenSSL does not offer the algorithm.
 */
const EVP_MD *hc_evp_sha256(void);
const EVP_CIPHER *hc_evp_aes256gcm(void);
EVP_MAC *hc_evp_hmac(void);
EVP_KDF *hc_evp_hkdf(void);

/* hc_evp_ready: starts OpenSSL in our way; called before anything else of it is. False if it will not start. */
bool hc_evp_ready(void);

/* hc_evp_failed: logs what OpenSSL says about its last failure, empties its queue, HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_evp_failed(const char *what);

/* hc_evp_param: a pointer for OSSL_PARAM, which wants void * also for what it only reads. */
static inline void *hc_evp_param(const void *data)
{
	return (void *)(uintptr_t)data;
}

struct hc_bytes {
	const void *data; /* borrowed */
	size_t len;
};

HC_CHECK enum hc_err hc_hmac_raw(struct hc_bytes key, struct hc_bytes data, uint8_t out[32]);
HC_CHECK enum hc_err hc_hkdf_raw(struct hc_bytes key, struct hc_bytes salt, struct hc_bytes info,
				 uint8_t *out, size_t out_len);

#define HC_GCM_KEY_LEN	 32
#define HC_GCM_NONCE_LEN 12
#define HC_GCM_TAG_LEN	 16

/* hc_gcm_encrypt: plain.len bytes to out, the tag to tag. */
HC_CHECK enum hc_err hc_gcm_encrypt(const uint8_t key[HC_GCM_KEY_LEN], const uint8_t nonce[HC_GCM_NONCE_LEN],
				    struct hc_bytes aad, struct hc_bytes plain, uint8_t *out,
				    uint8_t tag[HC_GCM_TAG_LEN]);
/* hc_gcm_decrypt: HC_ERR_SEAL, with out scrubbed, where the tag does not hold. */
HC_CHECK enum hc_err hc_gcm_decrypt(const uint8_t key[HC_GCM_KEY_LEN], const uint8_t nonce[HC_GCM_NONCE_LEN],
				    struct hc_bytes aad, struct hc_bytes sealed,
				    const uint8_t tag[HC_GCM_TAG_LEN], uint8_t *out);

#endif
