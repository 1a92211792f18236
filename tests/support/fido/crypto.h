/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_CRYPTO_H
#define HC_TESTS_FIDO_CRYPTO_H

#include "cbor.h"

/*
 * The cryptography of a test key, over libcrypto. A failure of libcrypto itself ends the program:
 * there is nothing that a test could learn from going on.
 */
#define TK_HASH_LEN	 32
#define TK_SIGNATURE_MAX 512
#define TK_DER_MAX	 2048

/* COSE algorithm identifiers. */
enum tk_alg { TK_ALG_NONE = 0, TK_ES256 = -7, TK_EDDSA = -8, TK_RS256 = -257 };

struct tk_keypair;

void tk_random(void *out, size_t len);
void tk_sha256(const void *data, size_t len, uint8_t out[TK_HASH_LEN]);
void tk_hmac(const uint8_t *key, size_t key_len, struct tk_slice data, uint8_t out[TK_HASH_LEN]);
/* HKDF-SHA-256 with a salt of 32 zeros, one block. */
void tk_hkdf(const uint8_t secret[TK_HASH_LEN], const char *info, uint8_t out[TK_HASH_LEN]);
/* AES-256-CBC without padding; data.len must be a multiple of 16. */
void tk_encrypt(const uint8_t key[32], const uint8_t iv[16], struct tk_slice data, uint8_t *out);
void tk_decrypt(const uint8_t key[32], const uint8_t iv[16], struct tk_slice data, uint8_t *out);

struct tk_keypair *tk_keypair_new(enum tk_alg alg);
/* NULL where the bytes are no private key of a kind we know. */
struct tk_keypair *tk_keypair_from_der(struct tk_slice der);
/* From the first private key of a PEM file; NULL if there is none. */
struct tk_keypair *tk_keypair_from_pem(const char *path);
void tk_keypair_free(struct tk_keypair **pair);
enum tk_alg tk_keypair_alg(const struct tk_keypair *pair);
size_t tk_keypair_der(const struct tk_keypair *pair, uint8_t out[TK_DER_MAX]);
size_t tk_keypair_sign(const struct tk_keypair *pair, struct tk_slice data, uint8_t out[TK_SIGNATURE_MAX]);
/* The public half as a COSE_Key; `alg` is what it claims to be for. */
void tk_keypair_cose(const struct tk_keypair *pair, int64_t alg, struct tk_writer *out);
/* The uncompressed point of a P-256 pair. */
void tk_keypair_point(const struct tk_keypair *pair, uint8_t out[65]);
/* ECDH on P-256; false where the peer's point is not on the curve. */
bool tk_keypair_agree(const struct tk_keypair *pair, const uint8_t point[65], uint8_t out[TK_HASH_LEN]);

/* All certificates of a PEM file, as DER, written as one CBOR array; false if there is none. */
bool tk_certificates(const char *path, struct tk_writer *out);
/* A certificate for the pair that signs itself; returns the length of its DER. */
size_t tk_certificate_self(const struct tk_keypair *pair, const char *name, uint8_t out[TK_DER_MAX]);

#endif
