/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GLYPH_H
#define HC_GLYPH_H

#include <stddef.h>
#include <stdint.h>

/*
 * hc_glyph_next: the character at data (len bytes, at least one). Returns its length in bytes; a byte
 * that begins no well-formed character counts as one, with *ret_char = HC_GLYPH_BAD.
 */
#define HC_GLYPH_BAD 0xfffdu
size_t hc_glyph_next(const uint8_t *data, size_t len, uint32_t *ret_char);

/* hc_glyph_width: cells of a terminal that one character takes (0, 1 or 2). */
unsigned hc_glyph_width(uint32_t character);

/* hc_glyph_columns: cells that a NUL-terminated text takes. */
size_t hc_glyph_columns(const char *text);

/*
 * hc_glyph_fit: the longest beginning of text that takes at most columns cells: its length in bytes;
 * ret_columns: the cells that it takes.
 */
size_t hc_glyph_fit(const char *text, size_t columns, size_t *ret_columns);

#endif
