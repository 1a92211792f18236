/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the audit trail: what is printed is read back, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospictl/anchor.h"

#define HEX_8  "0123456789abcdef"
#define HEX_32 HEX_8 HEX_8 HEX_8 HEX_8
#define TAIL   "\"hash\": \"" HEX_32 "\", \"public_key\": \"" HEX_32 "\", \"signature\": \"" HEX_32 HEX_32 "\"}"
#define HEAD   "{\"seq\": 7, \"time\": \"2026-01-02T03:04:05.678Z\", " TAIL

/* The line of the system log, as authd/audit_syslog.c writes it; with what a collector puts before it. */
#define LOG_TAIL "hash=\"" HEX_32 "\" public_key=\"" HEX_32 "\" signature=\"" HEX_32 HEX_32 "\""
#define LOG_HEAD "audit-head seq=\"7\" time_ms=\"1767323045678\" " LOG_TAIL

static struct hc_anchor anchors[HC_ANCHORS_MAX];

static enum hc_err parse(const char *text, size_t *ret_count, int *ret_line)
{
	return hc_anchor_parse(text, strlen(text), anchors, ret_count, ret_line);
}

static void what_is_no_head_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		int line;
	} rows[] = {
		{"", 1},
		{"\n \n", 1},
		{"{}", 1},
		{"[]", 1},
		{"7", 1},
		{"not json", 1},
		{HEAD "\n" HEAD "\nx", 3},
		{HEAD "\n{\"seq\": 8}\n", 2},
		{"{\"seq\": -1, \"time\": \"2026-01-02T03:04:05Z\", " TAIL, 1},
		{"{\"seq\": \"7\", \"time\": \"2026-01-02T03:04:05Z\", " TAIL, 1},
		{"{\"seq\": 7, \"time\": 5, " TAIL, 1},
		{"{\"seq\": 7, \"time\": \"yesterday\", " TAIL, 1},
		{"{\"seq\": 7, \"seq\": 7, \"time\": \"2026-01-02T03:04:05Z\", " TAIL, 1},
		{"{\"more\": 1, \"seq\": 7, \"time\": \"2026-01-02T03:04:05Z\", " TAIL, 1},
		{"{\"seq\": 7, \"time\": \"2026-01-02T03:04:05Z\", \"hash\": \"00\", \"public_key\": "
		 "\"" HEX_32 "\", \"signature\": \"" HEX_32 HEX_32 "\"}",
		 1},
		{"{\"seq\": 7, \"time\": \"2026-01-02T03:04:05Z\", \"hash\": \"" HEX_8 HEX_8 HEX_8
		 "0123456789ABCDEF\", \"public_key\": \"" HEX_32 "\", \"signature\": \"" HEX_32 HEX_32 "\"}",
		 1},
		{LOG_HEAD "\n" LOG_HEAD " more=\"1\"\n", 2},
		{LOG_HEAD "\naudit-head seq=\"8\"", 2},
		{"audit-head seq=\"-1\" time_ms=\"1767323045678\" " LOG_TAIL, 1},
		{"audit-head seq=\"7x\" time_ms=\"1767323045678\" " LOG_TAIL, 1},
		{"audit-head seq=\"\" time_ms=\"1767323045678\" " LOG_TAIL, 1},
		{"audit-head seq=\"9223372036854775808\" time_ms=\"1767323045678\" " LOG_TAIL, 1},
		{"audit-head time_ms=\"1767323045678\" seq=\"7\" " LOG_TAIL, 1},
		{"audit seq=\"7\" event=\"sign-in\" detail=\"" LOG_HEAD "\"", 1},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		size_t count = 99;
		int line = 0;

		if (parse(rows[i].text, &count, &line) != HC_ERR_INVALID || line != rows[i].line ||
		    count != 99)
			fail_msg("row %zu: line %d: %s", i, line, rows[i].text);
	}
}

static void one_several_and_a_list_are_read(void **state)
{
	size_t count = 0;
	int line = 0;

	(void)state;
	assert_int_equal(parse(HEAD, &count, &line), HC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(anchors[0].seq, 7);
	assert_int_equal(anchors[0].time_ms, UINT64_C(1767323045678));
	assert_int_equal(anchors[0].hash[1], 0x23);
	assert_int_equal(anchors[0].signature[63], 0xef);
	assert_int_equal(parse(HEAD "\n\n" HEAD HEAD " ", &count, &line), HC_OK);
	assert_int_equal(count, 3);
	assert_int_equal(parse("[" HEAD ",\n" HEAD "]\n", &count, &line), HC_OK);
	assert_int_equal(count, 2);
}

static void lines_of_the_system_log_are_read(void **state)
{
	size_t count = 0;
	int line = 0;

	(void)state;
	assert_int_equal(parse("Jan  2 03:04:05 ward3 hospiconnect-authd[123]: " LOG_HEAD "\n" HEAD
			       "\n" LOG_HEAD,
			       &count, &line),
			 HC_OK);
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(anchors[i].seq, 7);
		assert_int_equal(anchors[i].time_ms, UINT64_C(1767323045678));
		assert_int_equal(anchors[i].public_key[1], 0x23);
		assert_int_equal(anchors[i].signature[63], 0xef);
	}
}

static void more_heads_than_there_is_room_for_are_refused(void **state)
{
	size_t count = 0, len = (sizeof(HEAD) - 1) * (HC_ANCHORS_MAX + 1);
	char *text = malloc(len);
	int line = 0;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= HC_ANCHORS_MAX; i++)
		memcpy(text + i * (sizeof(HEAD) - 1), HEAD, sizeof(HEAD) - 1);
	assert_int_equal(hc_anchor_parse(text, len, anchors, &count, &line), HC_ERR_TOOBIG);
	free(text);
}

static void what_is_printed_is_read_back(void **state)
{
	struct hc_anchor anchor = {.seq = UINT64_C(1) << 40, .time_ms = UINT64_C(1798761599250)};
	struct hc_json json;
	char *text = NULL;
	size_t len = 0, count = 0;
	int line = 0;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	memset(anchor.hash, 0xab, sizeof(anchor.hash));
	memset(anchor.public_key, 0x01, sizeof(anchor.public_key));
	memset(anchor.signature, 0xfe, sizeof(anchor.signature));
	hc_json_init(&json, file);
	hc_anchor_print(&anchor, &json);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(parse(text, &count, &line), HC_OK);
	assert_memory_equal(&anchors[0], &anchor, sizeof(anchor));
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_head_is_refused_with_its_line),
		cmocka_unit_test(one_several_and_a_list_are_read),
		cmocka_unit_test(lines_of_the_system_log_are_read),
		cmocka_unit_test(more_heads_than_there_is_room_for_are_refused),
		cmocka_unit_test(what_is_printed_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
