/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_KEYRING_H
#define HC_KEYRING_H

#include "gateway.h"
#include "jose/jwk.h"
#include "jose/jws.h"

/*
 * The signing keys as one loop uses them: a signer for each algorithm that has an active key, the public
 * keys that our own tokens are verified with (also those that wait and that have retired), and the text
 * of the JWKS. Private keys lie sealed in the store (associated data:
 * "hospiconnect signing key v1" ‖ 0x00 ‖ kid ‖ alg) and open in memory.
 */
struct hc_keyring;

/* hc_keyring_load: from the loop's view. HC_ERR_NOTFOUND where RS256 or ES256 has no active key; HC_ERR_SEAL;
 * HC_ERR_CORRUPT for a row that is not what its key says. */
HC_CHECK enum hc_err hc_keyring_load(struct hc_gstore_view *view, const struct hc_seal *seal,
				     struct hc_keyring **ret_keyring);
void hc_keyring_free(struct hc_keyring **keyring);

/* hc_keyring_signer: NULL where the algorithm has no active key. Belongs to the ring and to its thread. */
struct hc_jws_signer *hc_keyring_signer(const struct hc_keyring *keyring, enum hc_jws_alg alg);
struct hc_jwk *const *hc_keyring_keys(const struct hc_keyring *keyring, size_t *ret_count);
const char *hc_keyring_jwks(const struct hc_keyring *keyring);

/*
 * hc_keyring_make: a new key pair, sealed, ready for hc_key_add as NEXT (the first of an algorithm: the
 * caller sets ACTIVE and activated_ms). Blocks while it is made; any thread.
 */
struct hc_signing_key;
HC_CHECK enum hc_err hc_keyring_make(enum hc_jws_alg alg, const struct hc_seal *seal, int64_t now_ms,
				     struct hc_signing_key *ret_key);

/* hc_keyring_reseal: what is sealed in row, under the present seal key instead of the former one. */
HC_CHECK enum hc_err hc_keyring_reseal(struct hc_signing_key *row, const struct hc_seal *seal);

#endif
