/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded cursors: nothing beyond the end, nothing half done. */
#include "hospiconnect/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_reader_refuses_what_is_not_there(void **state)
{
	static const uint8_t data[3] = {1, 2, 3};
	struct hc_reader reader;
	uint32_t u32 = 7;
	uint64_t u64 = 7;
	const uint8_t *view = NULL;

	(void)state;
	hc_reader_init(&reader, data, sizeof(data));
	assert_int_equal(hc_reader_u32(&reader, &u32), HC_ERR_TOOBIG);
	assert_int_equal(hc_reader_u64(&reader, &u64), HC_ERR_TOOBIG);
	assert_int_equal(hc_reader_bytes(&reader, 4, &view), HC_ERR_TOOBIG);
	assert_int_equal(hc_reader_bytes(&reader, SIZE_MAX, &view), HC_ERR_TOOBIG);
	assert_int_equal(u32, 7);
	assert_int_equal(u64, 7);
	assert_null(view);
	assert_int_equal(hc_reader_left(&reader), 3);
}

static void a_reader_at_its_end_gives_nothing(void **state)
{
	struct hc_reader reader;
	uint8_t u8 = 7;
	uint16_t u16 = 7;
	const uint8_t *view = NULL;

	(void)state;
	hc_reader_init(&reader, NULL, 0);
	assert_int_equal(hc_reader_u8(&reader, &u8), HC_ERR_TOOBIG);
	assert_int_equal(hc_reader_u16(&reader, &u16), HC_ERR_TOOBIG);
	assert_int_equal(hc_reader_bytes(&reader, 0, &view), HC_OK);
	assert_int_equal(u8, 7);
	assert_int_equal(u16, 7);
}

static void numbers_are_big_endian(void **state)
{
	uint8_t data[15];
	struct hc_writer writer;
	struct hc_reader reader;
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;
	uint64_t u64 = 0;

	(void)state;
	hc_writer_init(&writer, data, sizeof(data));
	hc_writer_u8(&writer, 0xfe);
	hc_writer_u16(&writer, 0x0102);
	hc_writer_u32(&writer, 0xa1b2c3d4);
	hc_writer_u64(&writer, UINT64_C(0x1122334455667788));
	assert_int_equal(writer.err, HC_OK);
	assert_memory_equal(data, "\xfe\x01\x02\xa1\xb2\xc3\xd4\x11\x22\x33\x44\x55\x66\x77\x88", 15);

	hc_reader_init(&reader, data, sizeof(data));
	assert_int_equal(hc_reader_u8(&reader, &u8), HC_OK);
	assert_int_equal(hc_reader_u16(&reader, &u16), HC_OK);
	assert_int_equal(hc_reader_u32(&reader, &u32), HC_OK);
	assert_int_equal(hc_reader_u64(&reader, &u64), HC_OK);
	assert_int_equal(u8, 0xfe);
	assert_int_equal(u16, 0x0102);
	assert_int_equal(u32, 0xa1b2c3d4);
	assert_true(u64 == UINT64_C(0x1122334455667788));
	assert_int_equal(hc_reader_left(&reader), 0);
}

static void a_writer_that_failed_stays_failed(void **state)
{
	uint8_t data[8];
	struct hc_writer writer;

	(void)state;
	memset(data, 0x5a, sizeof(data));
	hc_writer_init(&writer, data, 5);
	hc_writer_u32(&writer, 1);
	hc_writer_u16(&writer, 2); /* one byte of two would fit */
	assert_int_equal(writer.err, HC_ERR_TOOBIG);
	hc_writer_u8(&writer, 3); /* would fit, but the chain is broken */
	hc_writer_bytes(&writer, NULL, 0);
	assert_int_equal(writer.err, HC_ERR_TOOBIG);
	assert_int_equal(writer.len, 4);
	assert_memory_equal(data, "\0\0\0\1\x5a\x5a\x5a\x5a", 8);
}

static void a_writer_refuses_a_length_that_would_wrap(void **state)
{
	uint8_t data[8];
	struct hc_writer writer;

	(void)state;
	hc_writer_init(&writer, data, sizeof(data));
	hc_writer_u8(&writer, 1);
	hc_writer_bytes(&writer, data, SIZE_MAX);
	assert_int_equal(writer.err, HC_ERR_TOOBIG);
	assert_int_equal(writer.len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_refuses_what_is_not_there),
		cmocka_unit_test(a_reader_at_its_end_gives_nothing),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(a_writer_that_failed_stays_failed),
		cmocka_unit_test(a_writer_refuses_a_length_that_would_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
