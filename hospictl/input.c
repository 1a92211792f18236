/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of secrets. State: none. They are never arguments (every process of the machine reads
 * those), never in stdio's buffers, and scrubbed with the object that holds them.
 */
#include "input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/file.h"

static enum hc_err read_byte(int fd, uint8_t *ret_byte)
{
	ssize_t got;

	do
		got = read(fd, ret_byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return HC_ERR_CLOSED;
	return got == 1 ? HC_OK : HC_ERR_IO;
}

enum hc_err hc_input_line(int fd, size_t max, struct hc_secret **ret_line)
{
	HC_AUTO(secret) line = NULL;
	uint8_t byte = 0;
	enum hc_err err = hc_secret_new(max, &line);

	while (err == HC_OK) {
		err = read_byte(fd, &byte);
		if (err == HC_ERR_CLOSED && hc_secret_len(line) > 0)
			break; /* a last line without newline */
		if (err != HC_OK || byte == '\n')
			break;
		if (byte != '\r')
			err = hc_secret_append(line, &byte, 1);
	}
	hc_scrub(&byte, sizeof(byte));
	if (err == HC_OK || (err == HC_ERR_CLOSED && line != NULL && hc_secret_len(line) > 0)) {
		*ret_line = hc_steal_ptr(&line);
		return HC_OK;
	}
	return err;
}

static enum hc_err read_stdin(size_t max, struct hc_secret **ret_content)
{
	HC_AUTO(secret) content = NULL;
	uint8_t byte = 0;
	enum hc_err err = hc_secret_new(max, &content);

	while (err == HC_OK) {
		err = read_byte(STDIN_FILENO, &byte);
		if (err == HC_OK)
			err = hc_secret_append(content, &byte, 1);
	}
	hc_scrub(&byte, sizeof(byte));
	if (err != HC_ERR_CLOSED)
		return err;
	*ret_content = hc_steal_ptr(&content);
	return HC_OK;
}

enum hc_err hc_input_file(const char *path, size_t max, struct hc_secret **ret_content)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = true, .forbidden = 0077, .max_len = max};
	char *data = NULL;
	size_t len = 0;
	enum hc_err err;

	if (strcmp(path, "-") == 0)
		return read_stdin(max, ret_content);
	err = hc_file_read(path, &rules, &data, &len);
	if (err != HC_OK)
		return err;
	err = hc_secret_from(data, len, ret_content);
	hc_scrub(data, len);
	free(data);
	return err;
}

static int digit_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

/* The bits of the digits so far; a whole byte leaves as soon as it is there. */
struct bits {
	uint32_t held;
	unsigned count;
	size_t digits;
	bool padded;
};

static enum hc_err take_digit(struct bits *bits, uint8_t c, struct hc_secret *bytes)
{
	int digit = digit_of(c);
	uint8_t byte;

	if (c == '=') {
		bits->padded = true;
		return HC_OK;
	}
	if (digit < 0 || bits->padded)
		return HC_ERR_INVALID;
	bits->digits++;
	bits->held = (bits->held << 5 | (uint32_t)digit) & 0xfff;
	bits->count += 5;
	if (bits->count < 8)
		return HC_OK;
	bits->count -= 8;
	byte = (uint8_t)(bits->held >> bits->count);
	return hc_secret_append(bytes, &byte, 1);
}

enum hc_err hc_input_base32(const struct hc_secret *text, struct hc_secret **ret_bytes)
{
	HC_AUTO(secret) bytes = NULL;
	struct bits bits = {0};
	const uint8_t *data = hc_secret_data(text);
	size_t rest;
	enum hc_err err = hc_secret_new(hc_secret_len(text) + 1, &bytes);

	for (size_t i = 0; i < hc_secret_len(text) && err == HC_OK; i++) {
		if (!is_separator(data[i]))
			err = take_digit(&bits, data[i], bytes);
	}
	if (err != HC_OK)
		return err;
	rest = bits.digits % 8;
	if (bits.digits == 0 || rest == 1 || rest == 3 || rest == 6)
		return HC_ERR_INVALID;
	if ((bits.held & ((1u << bits.count) - 1)) != 0)
		return HC_ERR_INVALID;
	*ret_bytes = hc_steal_ptr(&bytes);
	return HC_OK;
}
