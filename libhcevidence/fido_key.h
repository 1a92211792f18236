/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVIDENCE_FIDO_KEY_H
#define HC_EVIDENCE_FIDO_KEY_H

#include <openssl/evp.h>

#include "hospiconnect/fido.h"

/* Private to libhcevidence/. */

/* hc_fido_key_open: the public key of a COSE_Key. */
HC_CHECK enum hc_err hc_fido_key_open(const void *key, size_t len, enum hc_cose_alg *ret_alg,
				      EVP_PKEY **ret_key);

/* hc_fido_key_point: x and y of a P-256 COSE_Key, 32 bytes each; views. HC_ERR_INVALID for any other key. */
HC_CHECK enum hc_err hc_fido_key_point(const void *key, size_t len, const uint8_t **ret_x,
				       const uint8_t **ret_y);

/* hc_fido_signature: whether the key signed head and tail one behind the other. */
bool hc_fido_signature(EVP_PKEY *key, enum hc_cose_alg alg, const void *head, size_t head_len,
		       const void *tail, size_t tail_len, const void *signature, size_t signature_len);

/* hc_fido_is_for: whether authenticator data was made for that relying party. */
bool hc_fido_is_for(const struct hc_fido_auth_data *auth_data, const char *rp_id);

#endif
