/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JWK_H
#define HC_JWK_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_secret;

/*
 * Signing keys (RFC 7517, RFC 7518). The algorithm is a property of the key, decided when it was
 * made, never read from a token's header.
 */
enum hc_jws_alg { HC_JWS_ES256 = 1, HC_JWS_RS256 = 2, HC_JWS_PS256 = 3, HC_JWS_EDDSA = 4 };

#define HC_KID_LEN 43 /* base64url of SHA-256: the RFC 7638 thumbprint */

struct hc_jwk;

/*
 * hc_jwk_generate: a new key pair (P-256, RSA of 2048 bits, Ed25519). Blocks while it is made (RSA:
 * up to a second). HC_ERR_CRYPTO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_jwk_generate(enum hc_jws_alg alg, struct hc_jwk **ret_key);
/* hc_jwk_private, hc_jwk_from_private: PKCS#8 DER in a secret, for sealing. */
HC_CHECK enum hc_err hc_jwk_private(const struct hc_jwk *key, struct hc_secret **ret_der);
HC_CHECK enum hc_err hc_jwk_from_private(enum hc_jws_alg alg, const struct hc_secret *der,
					 struct hc_jwk **ret_key);
/* hc_jwk_public_json: {"kty",…,"kid","use":"sig","alg"} (transferred, NUL-terminated); no private member. */
HC_CHECK enum hc_err hc_jwk_public_json(const struct hc_jwk *key, char **ret_json);
/*
 * hc_jwk_from_public: a public key for verifying alone, from a JWK (borrowed text). The kid is the
 * thumbprint, whatever the JWK says. HC_ERR_INVALID for a private or symmetric key, a curve, size
 * (RSA below 2048 or above 8192 bits) or member that the algorithm does not have, a duplicate member.
 */
HC_CHECK enum hc_err hc_jwk_from_public(enum hc_jws_alg alg, const char *json, size_t len,
					struct hc_jwk **ret_key);

/* hc_jwk_kid: the thumbprint of RFC 7638, HC_KID_LEN characters, alive as long as the key. */
const char *hc_jwk_kid(const struct hc_jwk *key);
enum hc_jws_alg hc_jwk_alg(const struct hc_jwk *key);
const char *hc_jws_alg_name(enum hc_jws_alg alg);
HC_CHECK enum hc_err hc_jws_alg_parse(const char *name, enum hc_jws_alg *ret_alg);
struct hc_jwk *hc_jwk_ref(struct hc_jwk *key);
void hc_jwk_free(struct hc_jwk **key); /* drops one reference; atomic */

#endif
