/* SPDX-License-Identifier: Apache-2.0 */
/* What WATCH may be asked for, and when a machine has slept. */
#include "watch_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATH	 1u
#define ATR	 2u
#define INSTANCE 4u
#define FOREIGN	 8u
#define TIMED	 16u
#define NO_NODE	 32u

static struct hc_msg msg;

static void begin(uint32_t operation, unsigned fields)
{
	static const uint8_t atr[] = {0x3b, 0xac, 0x00};

	hc_msg_init(&msg, HC_MSG_DEVICE_START);
	hc_msg_put_u32(&msg, HC_FIELD_DEVICE_OPERATION, operation);
	if ((fields & PATH) != 0)
		hc_msg_put_text(&msg, HC_FIELD_DEVICE_PATH,
				(fields & NO_NODE) != 0 ? "Reader 00" : "/dev/hidraw3");
	if ((fields & ATR) != 0)
		hc_msg_put_bytes(&msg, HC_FIELD_ATR, atr, sizeof(atr));
	if ((fields & INSTANCE) != 0)
		hc_msg_put_u64(&msg, HC_FIELD_DEVICE_INSTANCE, 7);
	if ((fields & FOREIGN) != 0)
		hc_msg_put_text(&msg, HC_FIELD_MODULE, "/m.so");
	if ((fields & TIMED) != 0)
		hc_msg_put_u32(&msg, HC_FIELD_TIMEOUT_S, 10);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
}

static void nothing_is_watched_that_was_not_asked_for_in_full(void **state)
{
	static const struct {
		uint32_t operation;
		unsigned fields;
		bool card, good;
	} rows[] = {
		{HC_DEVICE_WATCH, 0, false, false},
		{HC_DEVICE_WATCH, ATR, true, false},
		{HC_DEVICE_WATCH, PATH, true, false},
		{HC_DEVICE_WATCH, PATH | ATR, false, false},
		{HC_DEVICE_WATCH, PATH | NO_NODE, false, false},
		{HC_DEVICE_WATCH, PATH | ATR | FOREIGN, true, false},
		{HC_DEVICE_WATCH, PATH | ATR | TIMED, true, false},
		{HC_DEVICE_SIGN, PATH | ATR, true, false},
		{HC_DEVICE_LIST, PATH, false, false},
		{HC_DEVICE_WATCH, PATH, false, true},
		{HC_DEVICE_WATCH, PATH | INSTANCE, false, true},
		{HC_DEVICE_WATCH, PATH | ATR, true, true},
		{HC_DEVICE_WATCH, PATH | ATR | INSTANCE | NO_NODE, true, true},
	};

	(void)state; /* none */
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_watch_request request = {.instance = 99};
		enum hc_err err;

		begin(rows[i].operation, rows[i].fields);
		err = hc_watch_parse(&msg, rows[i].card, &request);
		if ((err == HC_OK) != rows[i].good)
			fail_msg("row %zu: %s", i, hc_strerror(err));
		if (err != HC_OK &&
		    (err != HC_ERR_PROTOCOL || request.instance != 99 || request.path[0] != '\0'))
			fail_msg("row %zu: something was written", i);
		if (err == HC_OK && (request.has_instance != ((rows[i].fields & INSTANCE) != 0) ||
				     request.atr_len != ((rows[i].fields & ATR) != 0 ? 3 : 0)))
			fail_msg("row %zu: read wrongly", i);
		if (hc_watch_is_asked(&msg) != (rows[i].operation == HC_DEVICE_WATCH))
			fail_msg("row %zu: which operation", i);
	}
}

static void a_machine_has_slept_when_time_went_on_without_programs(void **state)
{
	static const struct {
		int64_t boot_ms, mono_ms;
		bool slept;
	} rows[] = {
		{1000, 1000, false},	      /* the first look */
		{9000, 9000, false},	      /* awake for long */
		{9400, 9100, false},	      /* within what two clocks may differ by */
		{20000, 9200, true},	      /* slept */
		{20100, 9300, false},	      /* once */
		{21000, 10200 + 0, false},    /* awake */
		{3621000, 3610200, false},    /* an hour awake */
		{7221000, 3610200 + 5, true}, /* an hour asleep */
	};
	struct hc_watch_sleep sleep = {.started = false};

	(void)state; /* none */
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_watch_slept(&sleep, rows[i].boot_ms, rows[i].mono_ms) != rows[i].slept)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_watched_that_was_not_asked_for_in_full),
		cmocka_unit_test(a_machine_has_slept_when_time_went_on_without_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
