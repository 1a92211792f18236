/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR in its canonical form. No state. Threats: lengths beyond the data, nesting without end, two encodings of one
 * value. It must never allocate, and never take an indefinite length.
 */
#include "cbor.h"

#define MAJOR_UNSIGNED 0
#define MAJOR_NEGATIVE 1
#define MAJOR_BYTES    2
#define MAJOR_TEXT     3
#define MAJOR_ARRAY    4
#define MAJOR_MAP      5
#define MAJOR_SIMPLE   7
#define SIMPLE_FALSE   20
#define SIMPLE_NULL    22
#define DEPTH_MAX      4

/* The bytes of the value behind the first one, and the smallest value that needs them. */
static enum hc_err read_argument(struct hc_reader *reader, uint8_t info, uint64_t *ret_value)
{
	uint8_t byte;
	uint16_t half;
	uint32_t word;

	if (info < 24) {
		*ret_value = info;
		return HC_OK;
	}
	switch (info) {
	case 24:
		if (hc_reader_u8(reader, &byte) != HC_OK || byte < 24)
			return HC_ERR_INVALID;
		*ret_value = byte;
		return HC_OK;
	case 25:
		if (hc_reader_u16(reader, &half) != HC_OK || half <= UINT8_MAX)
			return HC_ERR_INVALID;
		*ret_value = half;
		return HC_OK;
	case 26:
		if (hc_reader_u32(reader, &word) != HC_OK || word <= UINT16_MAX)
			return HC_ERR_INVALID;
		*ret_value = word;
		return HC_OK;
	case 27:
		if (hc_reader_u64(reader, ret_value) != HC_OK || *ret_value <= UINT32_MAX)
			return HC_ERR_INVALID;
		return HC_OK;
	default:
		return HC_ERR_INVALID;
	}
}

static enum hc_err read_head(struct hc_reader *reader, uint8_t *ret_major, uint64_t *ret_value)
{
	struct hc_reader at = *reader;
	uint8_t first;

	if (hc_reader_u8(&at, &first) != HC_OK || read_argument(&at, first & 0x1f, ret_value) != HC_OK)
		return HC_ERR_INVALID;
	*ret_major = first >> 5;
	*reader = at;
	return HC_OK;
}

enum hc_err hc_cbor_int(struct hc_reader *reader, int64_t *ret_value)
{
	struct hc_reader at = *reader;
	uint64_t value;
	uint8_t major;

	if (read_head(&at, &major, &value) != HC_OK || major > MAJOR_NEGATIVE || value > INT64_MAX)
		return HC_ERR_INVALID;
	*ret_value = major == MAJOR_NEGATIVE ? -1 - (int64_t)value : (int64_t)value;
	*reader = at;
	return HC_OK;
}

static enum hc_err read_string(struct hc_reader *reader, uint8_t wanted, const uint8_t **ret_view,
			       size_t *ret_len)
{
	struct hc_reader at = *reader;
	uint64_t len;
	uint8_t major;

	if (read_head(&at, &major, &len) != HC_OK || major != wanted || len > hc_reader_left(&at) ||
	    hc_reader_bytes(&at, (size_t)len, ret_view) != HC_OK)
		return HC_ERR_INVALID;
	*ret_len = (size_t)len;
	*reader = at;
	return HC_OK;
}

enum hc_err hc_cbor_bytes(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len)
{
	return read_string(reader, MAJOR_BYTES, ret_view, ret_len);
}

enum hc_err hc_cbor_text(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len)
{
	return read_string(reader, MAJOR_TEXT, ret_view, ret_len);
}

static enum hc_err read_count(struct hc_reader *reader, uint8_t wanted, size_t *ret_count)
{
	struct hc_reader at = *reader;
	uint64_t count;
	uint8_t major;

	if (read_head(&at, &major, &count) != HC_OK || major != wanted || count > HC_CBOR_ITEMS_MAX)
		return HC_ERR_INVALID;
	*ret_count = (size_t)count;
	*reader = at;
	return HC_OK;
}

enum hc_err hc_cbor_map(struct hc_reader *reader, size_t *ret_pairs)
{
	return read_count(reader, MAJOR_MAP, ret_pairs);
}

enum hc_err hc_cbor_array(struct hc_reader *reader, size_t *ret_items)
{
	return read_count(reader, MAJOR_ARRAY, ret_items);
}

/* A walk over nested items without recursion: left[depth] items are still to come at each depth. */
struct walk {
	size_t left[DEPTH_MAX + 1];
	size_t depth;
};

/* One head and, of a string, its bytes; a container opens the next depth. */
static enum hc_err walk_item(struct hc_reader *at, struct walk *walk)
{
	const uint8_t *view;
	uint64_t value;
	uint8_t major;

	if (read_head(at, &major, &value) != HC_OK)
		return HC_ERR_INVALID;
	switch (major) {
	case MAJOR_UNSIGNED:
	case MAJOR_NEGATIVE:
		return HC_OK;
	case MAJOR_BYTES:
	case MAJOR_TEXT:
		return value <= hc_reader_left(at) ? hc_reader_bytes(at, (size_t)value, &view)
						   : HC_ERR_INVALID;
	case MAJOR_ARRAY:
	case MAJOR_MAP:
		if (value > HC_CBOR_ITEMS_MAX || walk->depth == DEPTH_MAX)
			return HC_ERR_INVALID;
		walk->left[++walk->depth] = (size_t)value * (major == MAJOR_MAP ? 2 : 1);
		return HC_OK;
	case MAJOR_SIMPLE:
		return value >= SIMPLE_FALSE && value <= SIMPLE_NULL ? HC_OK : HC_ERR_INVALID;
	default:
		return HC_ERR_INVALID; /* a tag */
	}
}

enum hc_err hc_cbor_skip(struct hc_reader *reader)
{
	struct hc_reader at = *reader;
	struct walk walk = {.left = {1}};

	for (;;) {
		while (walk.left[walk.depth] == 0) {
			if (walk.depth == 0) {
				*reader = at;
				return HC_OK;
			}
			walk.depth--;
		}
		walk.left[walk.depth]--;
		if (walk_item(&at, &walk) != HC_OK)
			return HC_ERR_INVALID;
	}
}
