/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_B64URL_H
#define HC_B64URL_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Base64url without padding (RFC 4648 section 5, as RFC 7515 section 2 uses it). Decoding is strict:
 * one text for one value, so no padding, no white space, no bits beyond the last byte. Neither
 * blocks nor allocates.
 */

/* hc_b64url_len: characters for len bytes, without the NUL. */
size_t hc_b64url_len(size_t len);

/* hc_b64url_encode: out has room for hc_b64url_len(len) characters and a NUL. */
void hc_b64url_encode(const void *data, size_t len, char *out);

/*
 * hc_b64url_decode: len characters of text into out. HC_ERR_INVALID for what the encoder would not
 * have written, HC_ERR_TOOBIG beyond cap; nothing is reported then, though out may be written to.
 */
HC_CHECK enum hc_err hc_b64url_decode(const char *text, size_t len, uint8_t *out, size_t cap,
				      size_t *ret_len);

#endif
