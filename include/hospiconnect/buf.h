/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BUF_H
#define HC_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Bounded cursors over bytes that belong to somebody else. Integers are big-endian.
 *
 * A failed call changes neither cursor nor output. A writer that failed once stays failed
 * (HC_ERR_TOOBIG), so that a chain of writes may be checked at its end. No function blocks or
 * allocates.
 */
struct hc_reader {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos;
};

struct hc_writer {
	uint8_t *data; /* borrowed */
	size_t cap;
	size_t len;
	enum hc_err err; /* first failure, HC_OK until then */
};

void hc_reader_init(struct hc_reader *reader, const void *data, size_t len);
size_t hc_reader_left(const struct hc_reader *reader);
HC_CHECK enum hc_err hc_reader_u8(struct hc_reader *reader, uint8_t *ret_value);
HC_CHECK enum hc_err hc_reader_u16(struct hc_reader *reader, uint16_t *ret_value);
HC_CHECK enum hc_err hc_reader_u32(struct hc_reader *reader, uint32_t *ret_value);
HC_CHECK enum hc_err hc_reader_u64(struct hc_reader *reader, uint64_t *ret_value);
/* hc_reader_bytes: a borrowed view of the next len bytes. */
HC_CHECK enum hc_err hc_reader_bytes(struct hc_reader *reader, size_t len, const uint8_t **ret_view);

void hc_writer_init(struct hc_writer *writer, void *data, size_t cap);
void hc_writer_u8(struct hc_writer *writer, uint8_t value);
void hc_writer_u16(struct hc_writer *writer, uint16_t value);
void hc_writer_u32(struct hc_writer *writer, uint32_t value);
void hc_writer_u64(struct hc_writer *writer, uint64_t value);
void hc_writer_bytes(struct hc_writer *writer, const void *data, size_t len);

#endif
