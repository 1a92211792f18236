/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters and their width on a terminal, without a locale: the tables hold what names and texts
 * of our kind contain (combining marks, wide scripts, emoji), not all of Unicode. No state.
 */
#include "glyph.h"

#include <stdbool.h>
#include <string.h>

#include "hospiconnect/attrs.h"

struct range {
	uint32_t first, last;
};

static const struct range zero[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},	  {0x064b, 0x065f},
	{0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2060, 0x2064},	  {0x20d0, 0x20ff},
	{0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};

static const struct range wide[] = {
	{0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},	  {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
	{0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},	  {0xfe30, 0xfe6f},   {0xff00, 0xff60},
	{0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static bool within(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++) {
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	}
	return false;
}

unsigned hc_glyph_width(uint32_t character)
{
	if (within(zero, HC_COUNT(zero), character))
		return 0;
	return within(wide, HC_COUNT(wide), character) ? 2 : 1;
}

/* How many bytes the lead byte announces, the smallest character of that length, and its own bits. */
static size_t lead(uint8_t byte, uint32_t *ret_bits, uint32_t *ret_smallest)
{
	if (byte >= 0xc2 && byte <= 0xdf) {
		*ret_bits = byte & 0x1fu;
		*ret_smallest = 0x80;
		return 2;
	}
	if (byte >= 0xe0 && byte <= 0xef) {
		*ret_bits = byte & 0x0fu;
		*ret_smallest = 0x800;
		return 3;
	}
	if (byte >= 0xf0 && byte <= 0xf4) {
		*ret_bits = byte & 0x07u;
		*ret_smallest = 0x10000;
		return 4;
	}
	return 1;
}

size_t hc_glyph_next(const uint8_t *data, size_t len, uint32_t *ret_char)
{
	uint32_t character = 0, smallest = 0;
	size_t need = lead(data[0], &character, &smallest);

	*ret_char = data[0] < 0x80 ? data[0] : HC_GLYPH_BAD;
	if (need == 1 || need > len)
		return 1;
	for (size_t i = 1; i < need; i++) {
		if ((data[i] & 0xc0u) != 0x80)
			return 1;
		character = character << 6 | (data[i] & 0x3fu);
	}
	if (character < smallest || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		return 1;
	*ret_char = character;
	return need;
}

size_t hc_glyph_fit(const char *text, size_t columns, size_t *ret_columns)
{
	size_t len = strlen(text), at = 0, used = 0;

	while (at < len) {
		uint32_t character;
		size_t step = hc_glyph_next((const uint8_t *)text + at, len - at, &character);
		unsigned width = hc_glyph_width(character);

		if (used + width > columns)
			break;
		used += width;
		at += step;
	}
	*ret_columns = used;
	return at;
}

size_t hc_glyph_columns(const char *text)
{
	size_t columns;

	(void)hc_glyph_fit(text, SIZE_MAX / 2, &columns); /* only the width is asked for */
	return columns;
}
