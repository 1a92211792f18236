/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base32 for what people read, type and scan.
 *
 * No state. What is encoded and folded here are seeds and recovery codes: they stay in the caller's
 * buffers and secrets, nothing is copied to the stack but single characters.
 */
#include "base32.h"

#include <string.h>

#include "hospiconnect/secret.h"

#define BITS_PER_SYMBOL 5
#define BITS_PER_BYTE	8

size_t hc_base32_len(size_t len)
{
	return (len * BITS_PER_BYTE + BITS_PER_SYMBOL - 1) / BITS_PER_SYMBOL;
}

enum hc_err hc_base32_encode(const uint8_t *data, size_t len, const char *alphabet, char *out, size_t cap)
{
	uint32_t held = 0;
	unsigned bits = 0;
	size_t written = 0;

	if (len > SIZE_MAX / BITS_PER_BYTE - 1 || hc_base32_len(len) > cap)
		return HC_ERR_TOOBIG;
	for (size_t i = 0; i < len; i++) {
		held = (held << BITS_PER_BYTE) | data[i];
		bits += BITS_PER_BYTE;
		while (bits >= BITS_PER_SYMBOL) {
			bits -= BITS_PER_SYMBOL;
			out[written++] = alphabet[(held >> bits) & 31u];
		}
		held &= (1u << bits) - 1u;
	}
	if (bits > 0)
		out[written] = alphabet[(held << (BITS_PER_SYMBOL - bits)) & 31u];
	return HC_OK;
}

/* The symbol that a typed byte stands for, 0 for a separator, -1 for anything else. */
static int fold_byte(uint8_t byte)
{
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 'A';
	if ((byte >= 'A' && byte <= 'Z') || (byte >= '2' && byte <= '7'))
		return byte;
	switch (byte) {
	case ' ':
	case '\t':
	case '-':
		return 0;
	case '0':
		return 'O';
	case '1':
		return 'I';
	case '8':
		return 'B';
	default:
		return -1;
	}
}

enum hc_err hc_base32_fold(const struct hc_secret *typed, struct hc_secret *canonical)
{
	const uint8_t *data = hc_secret_data(typed);
	size_t len = hc_secret_len(typed);

	for (size_t i = 0; i < len; i++) {
		int symbol = fold_byte(data[i]);
		uint8_t byte = (uint8_t)symbol;

		if (symbol < 0)
			return HC_ERR_INVALID;
		if (symbol == 0)
			continue;
		enum hc_err err = hc_secret_append(canonical, &byte, 1);

		if (err != HC_OK)
			return err;
	}
	return HC_OK;
}

bool hc_base32_folds_to(const struct hc_secret *typed, size_t symbols)
{
	const uint8_t *data = hc_secret_data(typed);
	size_t found = 0;

	for (size_t i = 0; i < hc_secret_len(typed); i++) {
		int symbol = fold_byte(data[i]);

		if (symbol < 0)
			return false;
		found += symbol > 0 ? 1 : 0;
	}
	return found == symbols;
}
