/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR for the test key: writes what it is told in the order it is told (canonical order is the
 * caller's business), reads what a platform sent.
 *
 * Threats: none beyond a confused test; still every length is checked against what is there, since
 * the program runs under the sanitizers. It must never recurse on input.
 */
#include "cbor.h"

#include <string.h>

enum { UNSIGNED = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, SIMPLE = 7 };
#define NESTING_MAX 16

void tk_put_raw(struct tk_writer *out, const void *data, size_t len)
{
	if (out->full || len > out->cap - out->len) {
		out->full = true;
		return;
	}
	if (len > 0)
		memcpy(out->data + out->len, data, len);
	out->len += len;
}

static void put_head(struct tk_writer *out, unsigned major, uint64_t value)
{
	uint8_t head[9];
	size_t bytes = value < 24	     ? 0
		       : value <= UINT8_MAX  ? 1
		       : value <= UINT16_MAX ? 2
		       : value <= UINT32_MAX ? 4
					     : 8;
	static const uint8_t info[9] = {[1] = 24, [2] = 25, [4] = 26, [8] = 27};

	head[0] = (uint8_t)(major << 5 | (bytes == 0 ? value : info[bytes]));
	for (size_t i = 0; i < bytes; i++)
		head[1 + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	tk_put_raw(out, head, 1 + bytes);
}

void tk_put_uint(struct tk_writer *out, uint64_t value)
{
	put_head(out, UNSIGNED, value);
}

void tk_put_int(struct tk_writer *out, int64_t value)
{
	if (value < 0)
		put_head(out, NEGATIVE, (uint64_t)(-1 - value));
	else
		put_head(out, UNSIGNED, (uint64_t)value);
}

void tk_put_bytes(struct tk_writer *out, const void *data, size_t len)
{
	put_head(out, BYTES, len);
	tk_put_raw(out, data, len);
}

void tk_put_text(struct tk_writer *out, const char *text)
{
	put_head(out, TEXT, strlen(text));
	tk_put_raw(out, text, strlen(text));
}

void tk_put_array(struct tk_writer *out, size_t count)
{
	put_head(out, ARRAY, count);
}

void tk_put_map(struct tk_writer *out, size_t count)
{
	put_head(out, MAP, count);
}

void tk_put_bool(struct tk_writer *out, bool value)
{
	put_head(out, SIMPLE, value ? 21 : 20);
}

struct tk_reader tk_reader(struct tk_slice slice)
{
	return (struct tk_reader){.at = slice.data, .end = slice.data ? slice.data + slice.len : NULL};
}

static uint64_t get_head(struct tk_reader *in, unsigned *major)
{
	uint64_t value;
	size_t bytes;

	*major = UINT32_MAX;
	if (in->bad || in->at == in->end) {
		in->bad = true;
		return 0;
	}
	*major = (unsigned)*in->at >> 5;
	value = *in->at++ & 0x1f;
	if (value < 24)
		return value;
	bytes = (size_t)1 << (value - 24);
	if (value > 27 || bytes > (size_t)(in->end - in->at)) {
		in->bad = true;
		return 0;
	}
	value = 0;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | *in->at++;
	/* The shortest head is the only one that CTAP2 allows. */
	if (value < 24 || (bytes > 1 && value >> 4 * bytes == 0))
		in->bad = true;
	return value;
}

static uint64_t get_of(struct tk_reader *in, unsigned wanted)
{
	unsigned major;
	uint64_t value = get_head(in, &major);

	if (major != wanted)
		in->bad = true;
	return in->bad ? 0 : value;
}

uint64_t tk_get_uint(struct tk_reader *in)
{
	return get_of(in, UNSIGNED);
}

int64_t tk_get_int(struct tk_reader *in)
{
	unsigned major;
	uint64_t value = get_head(in, &major);

	if (major > NEGATIVE || value > INT32_MAX)
		in->bad = true;
	if (in->bad)
		return 0;
	return major == NEGATIVE ? -1 - (int64_t)value : (int64_t)value;
}

bool tk_get_bool(struct tk_reader *in)
{
	uint64_t value = get_of(in, SIMPLE);

	if (value != 20 && value != 21)
		in->bad = true;
	return value == 21;
}

static struct tk_slice get_string(struct tk_reader *in, unsigned major)
{
	uint64_t len = get_of(in, major);
	struct tk_slice slice;

	if (in->bad || len > (size_t)(in->end - in->at)) {
		in->bad = true;
		return (struct tk_slice){.data = (const uint8_t *)""};
	}
	slice = (struct tk_slice){.data = in->at, .len = (size_t)len};
	in->at += len;
	return slice;
}

struct tk_slice tk_get_bytes(struct tk_reader *in)
{
	return get_string(in, BYTES);
}

struct tk_slice tk_get_text(struct tk_reader *in)
{
	return get_string(in, TEXT);
}

static size_t get_count(struct tk_reader *in, unsigned major)
{
	uint64_t count = get_of(in, major);

	if (in->bad || count > (size_t)(in->end - in->at)) {
		in->bad = true;
		return 0;
	}
	return (size_t)count;
}

size_t tk_get_array(struct tk_reader *in)
{
	return get_count(in, ARRAY);
}

size_t tk_get_map(struct tk_reader *in)
{
	return get_count(in, MAP);
}

/* How many items follow as members of the one at the cursor, which is passed over but for them. */
static size_t pass_item(struct tk_reader *in)
{
	unsigned major;
	uint64_t value = get_head(in, &major);
	size_t left = (size_t)(in->end - in->at);

	if (in->bad || (major >= BYTES && major <= MAP && value > left)) {
		in->bad = true;
		return 0;
	}
	if (major == BYTES || major == TEXT)
		in->at += value;
	if (major == ARRAY || major == MAP)
		return (size_t)value * (major - TEXT);
	return 0;
}

struct tk_slice tk_get_any(struct tk_reader *in)
{
	size_t open[NESTING_MAX] = {1}, depth = 0;
	struct tk_slice slice = {.data = in->at};

	while (!in->bad) {
		size_t members = pass_item(in);

		open[depth]--;
		if (members > 0 && ++depth == NESTING_MAX)
			in->bad = true;
		else if (members > 0)
			open[depth] = members;
		while (depth > 0 && depth < NESTING_MAX && open[depth] == 0)
			depth--;
		if (open[0] == 0 && depth == 0)
			break;
	}
	slice.len = in->bad ? 0 : (size_t)(in->at - slice.data);
	return slice;
}

bool tk_slice_is(struct tk_slice slice, const char *text)
{
	return slice.len == strlen(text) && (slice.len == 0 || memcmp(slice.data, text, slice.len) == 0);
}

void tk_slice_copy(struct tk_slice slice, char *text, size_t cap)
{
	size_t len = slice.len < cap ? slice.len : cap - 1;

	if (len > 0)
		memcpy(text, slice.data, len);
	text[len] = '\0';
}
