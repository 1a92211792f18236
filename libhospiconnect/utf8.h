/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_UTF8_H
#define HC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * UTF-8, for this library's own use.
 *
 * hc_utf8_next: decodes the character at the start of len bytes; returns its length (1 to 4) and the
 * character in ret_char, or 0 where no well-formed character (RFC 3629) begins or len is 0.
 */
size_t hc_utf8_next(const uint8_t *data, size_t len, uint32_t *ret_char);

/* hc_utf8_well_formed: well-formed and without NUL; other control characters are allowed. */
bool hc_utf8_well_formed(const void *data, size_t len);

/* hc_utf8_acts: a C0 or C1 control character, DEL, or one that reorders text or breaks lines. */
bool hc_utf8_acts(uint32_t character);

/*
 * hc_escape_into: hc_escape for len bytes; quotes says whether a double quote gets a backslash.
 * Returns the number of bytes written without the NUL; cap is at least 1.
 */
size_t hc_escape_into(const char *text, size_t len, bool quotes, char *out, size_t cap);

#endif
