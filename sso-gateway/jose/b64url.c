/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64url without padding. No state. The text comes from tokens that strangers send: every
 * character is judged, and a text that is not the canonical form of its value is refused, since two
 * texts for one value have let revoked or used tokens pass as new ones.
 */
#include "jose/b64url.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t hc_b64url_len(size_t len)
{
	static const size_t TAIL[] = {0, 2, 3};

	return len / 3 * 4 + TAIL[len % 3];
}

void hc_b64url_encode(const void *data, size_t len, char *out)
{
	const uint8_t *bytes = data;
	uint32_t bits = 0;
	unsigned pending = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffffu;
		pending += 8;
		while (pending >= 6) {
			pending -= 6;
			*out++ = ALPHABET[bits >> pending & 0x3fu];
		}
	}
	if (pending > 0)
		*out++ = ALPHABET[bits << (6 - pending) & 0x3fu];
	*out = '\0';
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

enum hc_err hc_b64url_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned pending = 0;
	size_t written = 0;

	if (len % 4 == 1)
		return HC_ERR_INVALID;
	if (len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1) > cap)
		return HC_ERR_TOOBIG;
	for (size_t i = 0; i < len; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return HC_ERR_INVALID;
		bits = (bits << 6 | (uint32_t)value) & 0xffffu;
		pending += 6;
		if (pending >= 8) {
			pending -= 8;
			out[written++] = (uint8_t)(bits >> pending);
		}
	}
	/* The bits that no byte took must be zero, or another text would have the same value. */
	if ((bits & ((1u << pending) - 1u)) != 0)
		return HC_ERR_INVALID;
	*ret_len = written;
	return HC_OK;
}
