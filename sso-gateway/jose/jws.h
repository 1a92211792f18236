/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JWS_H
#define HC_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "jose/jwk.h"

/*
 * JWS compact serialisation (RFC 7515), over OpenSSL EVP. Signing contexts are made once a thread
 * and key (struct hc_jws_signer, one per loop) and reused.
 */
struct hc_jws_signer;
HC_CHECK enum hc_err hc_jws_signer_new(struct hc_jwk *key, struct hc_jws_signer **ret_signer);
void hc_jws_signer_free(struct hc_jws_signer **signer);

/*
 * hc_jws_sign: header {"alg","kid","typ"} and the payload (JSON text, borrowed) signed; the compact
 * form is transferred, NUL-terminated. typ: "JWT", "at+jwt", … (RFC 9068).
 */
HC_CHECK enum hc_err hc_jws_sign(struct hc_jws_signer *signer, const char *typ, const char *payload,
				 size_t payload_len, char **ret_compact, size_t *ret_len);

#define HC_JWS_MAX 8192 /* bytes of a compact token that is looked at */

/*
 * hc_jws_verify: checks a token that one of our own keys must have signed. The key is found among
 * keys by kid; alg of the header must equal the key's; exactly three parts, strict base64url without
 * padding, header an object of alg, kid, typ, no crit, no embedded keys. Returns the payload
 * (transferred). HC_ERR_INVALID malformed, HC_ERR_NOTFOUND unknown kid, HC_ERR_PERM bad signature or
 * algorithm.
 */
HC_CHECK enum hc_err hc_jws_verify(struct hc_jwk *const *keys, size_t key_count, const char *compact,
				   size_t len, const char *typ, char **ret_payload, size_t *ret_len);

#endif
