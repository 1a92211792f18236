/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PENDING_H
#define HC_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"
#include "hospiconnect/text.h"
#include "oauth/authorize_request.h"
#include "store/grant.h"

/*
 * An authorization request that waits for a person to sign in. The gateway keeps nothing of it: it
 * travels sealed in the hidden field `request` of the pages (ADR 44).
 */
#define HC_PENDING_MS 900000

struct hc_pending {
	struct hc_authorization what;
	char hint_sub[HC_SUB_MAX + 1]; /* who must have signed in (id_token_hint); "": anybody */
	enum hc_lang lang;
	int64_t expires_ms;
};

/*
 * hc_pending_seal: bound to the browser whose login cookie has the hash. ret_text: transferred,
 * NUL-terminated. HC_ERR_NOMEM, HC_ERR_CRYPTO.
 */
HC_CHECK enum hc_err hc_pending_seal(const struct hc_seal *seal, const struct hc_pending *pending,
				     const uint8_t cookie_hash[HC_SHA256_LEN], char **ret_text);

/*
 * hc_pending_open: what a browser sent. HC_ERR_SEAL: altered, another browser's, or of another life of the
 * process; HC_ERR_TIMEOUT: expired. ret_pending is untouched then.
 */
HC_CHECK enum hc_err hc_pending_open(const struct hc_seal *seal, const char *text, size_t len,
				     const uint8_t cookie_hash[HC_SHA256_LEN], int64_t now_ms,
				     struct hc_pending *ret_pending);

/* hc_pending_encode, hc_pending_decode: the bytes inside of the seal. HC_ERR_INVALID for any that encode does not write. */
#define HC_PENDING_BYTES_MAX 4096
HC_CHECK enum hc_err hc_pending_encode(const struct hc_pending *pending, uint8_t out[HC_PENDING_BYTES_MAX],
				       size_t *ret_len);
HC_CHECK enum hc_err hc_pending_decode(const uint8_t *data, size_t len, struct hc_pending *ret_pending);

#endif
