/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times as administrators type and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hospictl/when.h"

#define DAY_MS INT64_C(86400000)

static void parse_refuses_what_is_no_date(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-1-1",
		"2026-13-01",
		"2026-00-10",
		"2026-02-29",
		"2026-04-31",
		"1969-12-31",
		"26-01-01",
		"2026-01-01x",
		"2026-01-01T",
		"2026-01-01T10:00",
		"2026-01-01T10:00:00",
		"2026-01-01T24:00:00Z",
		"2026-01-01T10:60:00Z",
		"2026-01-01T10:00:60Z",
		"2026-01-01T10:00:00.Z",
		"2026-01-01T10:00:00+1",
		"2026-01-01T10:00:00+24:00",
		"2026-01-01T10:00:00Zz",
		"1970-01-01T00:00:00+01:00",
		" 2026-01-01",
		"tomorrow",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(bad); i++) {
		int64_t ms = 42;

		if (hc_when_parse(bad[i], HC_WHEN_DAY_BEGINS, &ms) != HC_ERR_INVALID || ms != 42)
			fail_msg("row %zu: \"%s\" was taken", i, bad[i]);
	}
}

static void parse_reads_dates_and_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		enum hc_when_edge edge;
		int64_t ms;
	} rows[] = {
		{"1970-01-01", HC_WHEN_DAY_BEGINS, 0},
		{"1970-01-01", HC_WHEN_DAY_IS_OVER, DAY_MS},
		{"2024-02-29", HC_WHEN_DAY_BEGINS, INT64_C(1709164800000)},
		{"2026-12-31", HC_WHEN_DAY_IS_OVER, INT64_C(1798761600000)},
		{"2026-12-31T23:59:59Z", HC_WHEN_DAY_IS_OVER, INT64_C(1798761599000)},
		{"2026-12-31 23:59:59.25z", HC_WHEN_DAY_BEGINS, INT64_C(1798761599250)},
		{"2027-01-01T00:59:59.001+01:00", HC_WHEN_DAY_BEGINS, INT64_C(1798761599001)},
		{"2026-12-31T18:59:59.999999999-05:00", HC_WHEN_DAY_BEGINS, INT64_C(1798761599999)},
		{"9999-12-31T23:59:59Z", HC_WHEN_DAY_BEGINS, INT64_C(253402300799000)},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		int64_t ms = -1;

		if (hc_when_parse(rows[i].text, rows[i].edge, &ms) != HC_OK || ms != rows[i].ms)
			fail_msg("row %zu: \"%s\" gave %lld", i, rows[i].text, (long long)ms);
	}
}

static void since_reads_ages_and_dates(void **state)
{
	static const struct {
		const char *text;
		int64_t back_s;
	} rows[] = {{"90s", 90},  {"0s", 0},	  {"30min", 1800}, {"5m", 300},
		    {"2h", 7200}, {"7d", 604800}, {"7j", 604800},  {"4w", 2419200}};
	static const char *const bad[] = {
		"", "d", "-1d", "7", "7 d", "7x", "7days", "99999999999999999999d", "1e3s"};
	const int64_t now = INT64_C(1800000000000);
	int64_t ms = 0;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_when_parse_since(rows[i].text, now, &ms) != HC_OK || ms != now - rows[i].back_s * 1000)
			fail_msg("row %zu: \"%s\" gave %lld", i, rows[i].text, (long long)ms);
	}
	for (size_t i = 0; i < HC_COUNT(bad); i++) {
		if (hc_when_parse_since(bad[i], now, &ms) != HC_ERR_INVALID)
			fail_msg("row %zu: \"%s\" was taken", i, bad[i]);
	}
	assert_int_equal(hc_when_parse_since("2026-12-31", now, &ms), HC_OK);
	assert_int_equal(ms, INT64_C(1798675200000));
	assert_int_equal(hc_when_parse_since("100w", 1000, &ms), HC_OK);
	assert_int_equal(ms, 0);
}

static void texts_read_back_as_the_same_instant(void **state)
{
	static const int64_t instants[] = {0, 1, 999, 1000, INT64_C(1709164799999), INT64_C(253402300799999)};
	char text[HC_WHEN_CAP];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(instants); i++) {
		hc_when_utc(instants[i], true, text, sizeof(text));
		if (hc_when_parse(text, HC_WHEN_DAY_BEGINS, &ms) != HC_OK || ms != instants[i])
			fail_msg("row %zu: %s gave %lld", i, text, (long long)ms);
	}
}

static void texts_are_as_people_expect(void **state)
{
	char text[HC_WHEN_CAP];

	(void)state;
	assert_int_equal(setenv("TZ", "Europe/Paris", 1), 0);
	tzset();
	hc_when_utc(INT64_C(1798761599250), false, text, sizeof(text));
	assert_string_equal(text, "2026-12-31T23:59:59Z");
	hc_when_utc(INT64_C(1798761599250), true, text, sizeof(text));
	assert_string_equal(text, "2026-12-31T23:59:59.250Z");
	hc_when_local(INT64_C(1798761599250), text, sizeof(text));
	assert_string_equal(text, "2027-01-01 00:59:59");
	hc_when_day(INT64_C(1798675200000), text, sizeof(text));
	assert_string_equal(text, "2026-12-31");
	hc_when_day(INT64_C(1798675201000), text, sizeof(text));
	assert_string_equal(text, "2026-12-31 01:00:01");
	hc_when_utc(-1, false, text, sizeof(text));
	assert_string_equal(text, "");
	hc_when_local(INT64_MAX, text, sizeof(text));
	assert_string_equal(text, "");
	hc_when_utc(0, true, text, 5);
	assert_true(strlen(text) < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_refuses_what_is_no_date),
		cmocka_unit_test(parse_reads_dates_and_rfc_3339),
		cmocka_unit_test(since_reads_ages_and_dates),
		cmocka_unit_test(texts_read_back_as_the_same_instant),
		cmocka_unit_test(texts_are_as_people_expect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
