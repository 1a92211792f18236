/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/buf.h"

#include <string.h>

/*
 * Bounded cursors. Every access to bytes of another process goes through here; the invariant is
 * pos <= len (reader) and len <= cap (writer), so that the subtractions below cannot wrap.
 */

void hc_reader_init(struct hc_reader *reader, const void *data, size_t len)
{
	*reader = (struct hc_reader){.data = data, .len = len, .pos = 0};
}

size_t hc_reader_left(const struct hc_reader *reader)
{
	return reader->len - reader->pos;
}

enum hc_err hc_reader_bytes(struct hc_reader *reader, size_t len, const uint8_t **ret_view)
{
	if (len > hc_reader_left(reader))
		return HC_ERR_TOOBIG;
	*ret_view = len > 0 || reader->data != NULL ? reader->data + reader->pos : NULL;
	reader->pos += len;
	return HC_OK;
}

static enum hc_err read_number(struct hc_reader *reader, size_t size, uint64_t *ret_value)
{
	const uint8_t *view = NULL;
	enum hc_err err = hc_reader_bytes(reader, size, &view);

	if (err != HC_OK)
		return err;

	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | view[i];
	*ret_value = value;
	return HC_OK;
}

enum hc_err hc_reader_u8(struct hc_reader *reader, uint8_t *ret_value)
{
	uint64_t value = 0;
	enum hc_err err = read_number(reader, 1, &value);

	if (err == HC_OK)
		*ret_value = (uint8_t)value;
	return err;
}

enum hc_err hc_reader_u16(struct hc_reader *reader, uint16_t *ret_value)
{
	uint64_t value = 0;
	enum hc_err err = read_number(reader, 2, &value);

	if (err == HC_OK)
		*ret_value = (uint16_t)value;
	return err;
}

enum hc_err hc_reader_u32(struct hc_reader *reader, uint32_t *ret_value)
{
	uint64_t value = 0;
	enum hc_err err = read_number(reader, 4, &value);

	if (err == HC_OK)
		*ret_value = (uint32_t)value;
	return err;
}

enum hc_err hc_reader_u64(struct hc_reader *reader, uint64_t *ret_value)
{
	return read_number(reader, 8, ret_value);
}

void hc_writer_init(struct hc_writer *writer, void *data, size_t cap)
{
	*writer = (struct hc_writer){.data = data, .cap = cap, .len = 0, .err = HC_OK};
}

void hc_writer_bytes(struct hc_writer *writer, const void *data, size_t len)
{
	if (writer->err != HC_OK)
		return;
	if (len > writer->cap - writer->len) {
		writer->err = HC_ERR_TOOBIG;
		return;
	}
	if (len > 0)
		memcpy(writer->data + writer->len, data, len);
	writer->len += len;
}

static void write_number(struct hc_writer *writer, size_t size, uint64_t value)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	hc_writer_bytes(writer, bytes, size);
}

void hc_writer_u8(struct hc_writer *writer, uint8_t value)
{
	write_number(writer, 1, value);
}

void hc_writer_u16(struct hc_writer *writer, uint16_t value)
{
	write_number(writer, 2, value);
}

void hc_writer_u32(struct hc_writer *writer, uint32_t value)
{
	write_number(writer, 4, value);
}

void hc_writer_u64(struct hc_writer *writer, uint64_t value)
{
	write_number(writer, 8, value);
}
