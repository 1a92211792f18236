/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CRYPTO_H
#define HC_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_secret;

/*
 * What the programs need of OpenSSL 3's libcrypto beside TLS and JOSE, in our types (libhccrypto/).
 * No function blocks (the random generator is seeded by getrandom(2)). Every failure of OpenSSL is
 * HC_ERR_CRYPTO.
 */
#define HC_SHA256_LEN	   32
#define HC_ED25519_LEN	   32
#define HC_ED25519_SIG_LEN 64

/*
 * hc_crypto_start: to be called once, before any other function here: keeps OpenSSL from reading its
 * configuration file, which could load foreign code. Without it everything works with that file.
 * It also fetches the algorithms: after it any thread may call any function here, before it only one
 * thread may be there.
 */
HC_CHECK enum hc_err hc_crypto_start(void);

HC_CHECK enum hc_err hc_random(void *out, size_t len);

/* hc_random_secret: len random bytes. */
HC_CHECK enum hc_err hc_random_secret(size_t len, struct hc_secret **ret_secret);

HC_CHECK enum hc_err hc_sha256(const void *data, size_t len, uint8_t out[HC_SHA256_LEN]);

/* hc_hmac_sha256: keyed hash, for recovery codes (key: derived from the seal key). */
HC_CHECK enum hc_err hc_hmac_sha256(const struct hc_secret *key, const void *data, size_t len,
				    uint8_t out[HC_SHA256_LEN]);

/*
 * Sealing (AES-256-GCM, NIST SP 800-38D). A sealed blob is
 *   version (1 byte, 1) · key id (8) · nonce (12) · ciphertext · tag (16)
 * and opens only with the same key and the same associated data.
 */
#define HC_SEAL_KEY_LEN	 32
#define HC_SEAL_OVERHEAD 37
#define HC_SEALED_MAX	 8192 /* holds an RSA key as PKCS#8, and what a page carries for a sign-in */

struct hc_seal;

/*
 * hc_seal_open: reads the key file (exactly 32 bytes, mode 0600 or stricter, owned by the effective
 * uid). may_create: makes it when it is missing (first start only; the caller knows whether sealed
 * data exist). Errors: HC_ERR_NOTFOUND, HC_ERR_PERM, HC_ERR_INVALID, HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_seal_open(const char *path, bool may_create, struct hc_seal **ret_seal);
/* hc_seal_new_random: with a key that exists in this memory only; what it sealed dies with the process. */
HC_CHECK enum hc_err hc_seal_new_random(struct hc_seal **ret_seal);
void hc_seal_free(struct hc_seal **seal);

/* hc_seal_key_id: 16 hexadecimal characters: the first 8 bytes of SHA-256 over a label and the key. */
const char *hc_seal_key_id(const struct hc_seal *seal);

/* hc_seal_wrap: ret_len bytes (plaintext + HC_SEAL_OVERHEAD) into out; HC_ERR_TOOBIG beyond cap. */
HC_CHECK enum hc_err hc_seal_wrap(const struct hc_seal *seal, const struct hc_secret *plain, const void *aad,
				  size_t aad_len, uint8_t *out, size_t cap, size_t *ret_len);
/* hc_seal_unwrap: HC_ERR_SEAL for a foreign key, changed data or other associated data. */
HC_CHECK enum hc_err hc_seal_unwrap(const struct hc_seal *seal, const uint8_t *sealed, size_t len,
				    const void *aad, size_t aad_len, struct hc_secret **ret_plain);

/*
 * hc_seal_derive: 32 bytes for another purpose (HKDF-SHA256, RFC 5869; label as info), or what hc_seal_keep was given
 * for that label.
 */
HC_CHECK enum hc_err hc_seal_derive(const struct hc_seal *seal, const char *label,
				    struct hc_secret **ret_key);

/* hc_seal_key: the key itself, borrowed; for a backup alone. */
const struct hc_secret *hc_seal_key(const struct hc_seal *seal);

/*
 * The exchange of a key. hc_seal_succeed: next's key (transferred) is the one from here on; the former one still opens
 * what it sealed, until hc_seal_forget. HC_ERR_STATE where there is a former one already. No other thread uses
 * the seal meanwhile. What was derived from a key cannot be made of the next one: it is kept (hc_seal_keep, up
 * to HC_SEAL_KEPT_MAX labels; the label is borrowed for the life of the seal, the key copied; once more: nothing).
 */
#define HC_SEAL_KEPT_MAX 4
HC_CHECK enum hc_err hc_seal_succeed(struct hc_seal *seal, struct hc_seal **next);
void hc_seal_forget(struct hc_seal *seal);
bool hc_seal_has_former(const struct hc_seal *seal);
HC_CHECK enum hc_err hc_seal_keep(struct hc_seal *seal, const char *label, const struct hc_secret *key);
/* hc_seal_is_former: whether it was sealed under the former key. */
bool hc_seal_is_former(const struct hc_seal *seal, const uint8_t *sealed, size_t len);

/* Ed25519 (RFC 8032). The private key is the 32-byte seed. */
HC_CHECK enum hc_err hc_ed25519_public(const struct hc_secret *seed, uint8_t out[HC_ED25519_LEN]);
HC_CHECK enum hc_err hc_ed25519_sign(const struct hc_secret *seed, const void *data, size_t len,
				     uint8_t out[HC_ED25519_SIG_LEN]);
/* hc_ed25519_verify: HC_OK only for a valid signature; HC_ERR_INVALID for a wrong one. */
HC_CHECK enum hc_err hc_ed25519_verify(const uint8_t public_key[HC_ED25519_LEN], const void *data, size_t len,
				       const uint8_t signature[HC_ED25519_SIG_LEN]);

#endif
