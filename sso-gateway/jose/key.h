/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JOSE_KEY_H
#define HC_JOSE_KEY_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "jose/jwk.h"

/* What a key is inside of jose/. Not seen by anybody else. */
struct hc_jwk {
	atomic_uint refs;
	enum hc_jws_alg alg;
	EVP_PKEY *pkey;
	char kid[HC_KID_LEN + 1];
};

#define HC_ES256_HALF	     32 /* bytes of r and of s */
#define HC_JWS_SIGNATURE_MAX 1024

/*
 * hc_jose_context: a context for EVP_PKEY_sign or _verify with the algorithm's padding and
 * digest set (not for EdDSA, which has no separate digest). Transferred.
 */
HC_CHECK enum hc_err hc_jose_context(const struct hc_jwk *key, int for_verify, EVP_PKEY_CTX **ret_context);

/* hc_jose_verify: HC_OK for a good signature over input; HC_ERR_PERM for any other. */
HC_CHECK enum hc_err hc_jose_verify(const struct hc_jwk *key, const char *input, size_t len,
				    const uint8_t *signature, size_t signature_len);

/* hc_jose_thumbprint: RFC 7638 over the members of the public key, into kid. */
HC_CHECK enum hc_err hc_jose_thumbprint(struct hc_jwk *key);

/* hc_jose_key_new: takes pkey over (also on failure), checks that it fits alg, computes the kid. */
HC_CHECK enum hc_err hc_jose_key_new(enum hc_jws_alg alg, EVP_PKEY *pkey, struct hc_jwk **ret_key);

#endif
