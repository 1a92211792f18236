/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"

/*
 * UTF-8 and its escaping: pure functions over bounded bytes.
 *
 * Threats: overlong forms, surrogates and truncated sequences that two readers understand
 * differently; control and bidirectional characters that act on a terminal or make a log line read
 * as another. What cannot be shown as it is, is shown as \xNN.
 */

size_t hc_utf8_next(const uint8_t *data, size_t len, uint32_t *ret_char)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t lowest;
	} forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	if (len == 0)
		return 0;

	size_t size = 0;

	while (size < HC_COUNT(forms) && (data[0] & forms[size].mask) != forms[size].lead)
		size++;
	if (size == HC_COUNT(forms) || size >= len)
		return 0;

	uint32_t character = data[0] & (uint8_t)~forms[size].mask;

	for (size_t i = 1; i <= size; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (data[i] & 0x3f);
	}
	if (character < forms[size].lowest || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_char = character;
	return size + 1;
}

bool hc_utf8_well_formed(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t pos = 0; pos < len;) {
		uint32_t character = 0;
		size_t size = hc_utf8_next(bytes + pos, len - pos, &character);

		if (size == 0 || character == 0)
			return false;
		pos += size;
	}
	return true;
}

bool hc_utf8_acts(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
	       (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
	       character == 0x2028 || character == 0x2029;
}

bool hc_utf8_valid(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t pos = 0; pos < len;) {
		uint32_t character = 0;
		size_t size = hc_utf8_next(bytes + pos, len - pos, &character);

		if (size == 0 || hc_utf8_acts(character))
			return false;
		pos += size;
	}
	return true;
}

static void write_hex(uint8_t byte, char *piece)
{
	static const char hex[] = "0123456789abcdef";

	piece[0] = '\\';
	piece[1] = 'x';
	piece[2] = hex[byte >> 4];
	piece[3] = hex[byte & 15];
}

/* Writes one character of the text, or its escape, into piece; returns the bytes used. */
static size_t escape_one(const uint8_t *bytes, size_t len, bool quotes, char *piece, size_t *ret_piece_len)
{
	uint32_t character = 0;
	size_t size = hc_utf8_next(bytes, len, &character);

	if (size == 0 || hc_utf8_acts(character)) {
		/* of an ill-formed sequence the first byte; the next one is looked at anew */
		size_t count = size > 0 ? size : 1;

		for (size_t i = 0; i < count; i++)
			write_hex(bytes[i], piece + 4 * i);
		*ret_piece_len = 4 * count;
		return count;
	}

	size_t at = 0;

	if (character == '\\' || (quotes && character == '"'))
		piece[at++] = '\\';
	memcpy(piece + at, bytes, size);
	*ret_piece_len = at + size;
	return size;
}

size_t hc_escape_into(const char *text, size_t len, bool quotes, char *out, size_t cap)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t written = 0;

	for (size_t pos = 0; pos < len;) {
		char piece[16];
		size_t piece_len = 0;
		size_t used = escape_one(bytes + pos, len - pos, quotes, piece, &piece_len);

		if (piece_len >= cap - written)
			break;
		memcpy(out + written, piece, piece_len);
		written += piece_len;
		pos += used;
	}
	out[written] = '\0';
	return written;
}

void hc_escape(const char *text, char *out, size_t cap)
{
	if (cap > 0)
		(void)hc_escape_into(text, strlen(text), true, out, cap);
}
