/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BASE32_H
#define HC_BASE32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_secret;

/*
 * Base32 (RFC 4648 section 6) without padding, for seeds in otpauth URIs, recovery codes and
 * credential ids. No function blocks.
 */
#define HC_BASE32_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define HC_BASE32_LOWER "abcdefghijklmnopqrstuvwxyz234567"

/* hc_base32_len: characters for len bytes. */
size_t hc_base32_len(size_t len);

/*
 * hc_base32_encode: hc_base32_len(len) characters into out, which is not terminated. alphabet: one
 * of the two above. HC_ERR_TOOBIG, with nothing written, beyond cap.
 */
HC_CHECK enum hc_err hc_base32_encode(const uint8_t *data, size_t len, const char *alphabet, char *out,
				      size_t cap);

/*
 * hc_base32_fold: the canonical form of what somebody typed: blanks and hyphens dropped, lower case
 * raised, and the digits that no base32 text holds read as the letters they are taken for (0 as O,
 * 1 as I, 8 as B). Appended to canonical (caller's, at least len free bytes). HC_ERR_INVALID for
 * any other character.
 */
HC_CHECK enum hc_err hc_base32_fold(const struct hc_secret *typed, struct hc_secret *canonical);

/* hc_base32_folds_to: whether hc_base32_fold would give exactly so many symbols. Allocates nothing. */
bool hc_base32_folds_to(const struct hc_secret *typed, size_t symbols);

#endif
