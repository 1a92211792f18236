/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an assertion is the one that was asked for (WebAuthn 7.2). No state. Threats: an assertion for another
 * relying party, an old one (the challenge is in the client data, whose hash the caller made), one without a touch, a
 * copied key (its counter lags behind). It begins as a refusal; the last line alone accepts.
 */
#include <string.h>

#include <openssl/evp.h>

#include "fido_key.h"
#include "x509.h"

#define HASH_LEN 32

static bool is_signed(const struct hc_fido_assertion *assertion)
{
	EVP_PKEY *key HC_CLEANUP(hc_evp_key_free) = NULL;
	enum hc_cose_alg alg;

	return hc_fido_key_open(assertion->key, assertion->key_len, &alg, &key) == HC_OK &&
	       hc_fido_signature(key, alg, assertion->auth_data, assertion->auth_data_len,
				 assertion->client_data_hash, HASH_LEN, assertion->signature,
				 assertion->signature_len);
}

enum hc_reason hc_fido_verify(const struct hc_fido_assertion *assertion,
			      struct hc_fido_verified *ret_verified)
{
	struct hc_fido_auth_data auth_data;

	if (hc_fido_auth_data_read(assertion->auth_data, assertion->auth_data_len, &auth_data) != HC_OK)
		return HC_REASON_DEVICE_ERROR;
	if (!is_signed(assertion))
		return HC_REASON_SIGNATURE_INVALID;
	if (!hc_fido_is_for(&auth_data, assertion->rp_id))
		return HC_REASON_KEY_NOT_REGISTERED;
	if ((auth_data.flags & HC_FIDO_UP) == 0 || (auth_data.flags & HC_FIDO_AT) != 0)
		return HC_REASON_FLAGS_MISSING;
	if (auth_data.counter <= assertion->counter && (auth_data.counter != 0 || assertion->counter != 0))
		return HC_REASON_COUNTER_NOT_ADVANCED;
	ret_verified->user_verified = (auth_data.flags & HC_FIDO_UV) != 0;
	ret_verified->counter = auth_data.counter;
	return HC_REASON_NONE;
}
