/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: documents that are whole and harmless, whatever texts are put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"

#include "hospictl/json.h"

struct page {
	FILE *file;
	char *text;
	size_t len;
	struct hc_json json;
};

static void open_page(struct page *page)
{
	page->text = NULL;
	page->file = open_memstream(&page->text, &page->len);
	assert_non_null(page->file);
	hc_json_init(&page->json, page->file);
}

static void expect_page(struct page *page, const char *expected)
{
	assert_int_equal(fclose(page->file), 0);
	assert_string_equal(page->text, expected);
	free(page->text);
}

static void text_cannot_end_its_string_or_act_on_a_terminal(void **state)
{
	static const struct {
		const char *text, *written;
	} rows[] = {
		{"\"}, \"admin\": true", "\"\\\"}, \\\"admin\\\": true\"\n"},
		{"a\\", "\"a\\\\\"\n"},
		{"\033[2J\n\t\001\177", "\"\\u001b[2J\\u000a\\u0009\\u0001\\u007f\"\n"},
		{"\xc2\x9b", "\"\\u009b\"\n"},
		{"\xe2\x80\xae"
		 "x",
		 "\"\\u202ex\"\n"},
		{"\xe2\x80\xa8", "\"\\u2028\"\n"},
		{"\xff\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},
		{"Zo\xc3\xa9 \xf0\x9f\x98\x80", "\"Zo\xc3\xa9 \xf0\x9f\x98\x80\"\n"},
		{"cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct page page;

		open_page(&page);
		hc_json_text(&page.json, NULL, rows[i].text);
		(void)fputc('\n', page.file);
		assert_int_equal(fclose(page.file), 0);
		if (strcmp(page.text, rows[i].written) != 0)
			fail_msg("row %zu: %s", i, page.text);
		free(page.text);
	}
}

static void bytes_are_written_to_their_length(void **state)
{
	struct page page;

	(void)state;
	open_page(&page);
	hc_json_bytes(&page.json, NULL, "ab\0cd", 5);
	expect_page(&page, "\"ab\\u0000cd\"");
}

static void an_object_holds_every_kind(void **state)
{
	struct page page;

	(void)state;
	open_page(&page);
	hc_json_object(&page.json, NULL);
	hc_json_text(&page.json, "t", "x");
	hc_json_number(&page.json, "n", INT64_MIN);
	hc_json_unsigned(&page.json, "u", UINT64_MAX);
	hc_json_bool(&page.json, "b", false);
	hc_json_null(&page.json, "z");
	hc_json_array(&page.json, "a");
	hc_json_number(&page.json, NULL, 1);
	hc_json_number(&page.json, NULL, 2);
	hc_json_close(&page.json);
	hc_json_object(&page.json, "o");
	hc_json_close(&page.json);
	hc_json_close(&page.json);
	expect_page(&page,
		    "{\"t\": \"x\", \"n\": -9223372036854775808, \"u\": 18446744073709551615, \"b\": false, "
		    "\"z\": null, \"a\": [1, 2], \"o\": {}}\n");
}

static void elements_of_the_outermost_array_stand_one_a_line(void **state)
{
	struct page page;

	(void)state;
	open_page(&page);
	hc_json_array(&page.json, NULL);
	hc_json_object(&page.json, NULL);
	hc_json_number(&page.json, "a", 1);
	hc_json_close(&page.json);
	hc_json_object(&page.json, NULL);
	hc_json_close(&page.json);
	hc_json_close(&page.json);
	expect_page(&page, "[\n  {\"a\": 1},\n  {}\n]\n");
	open_page(&page);
	hc_json_array(&page.json, NULL);
	hc_json_close(&page.json);
	expect_page(&page, "[]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_cannot_end_its_string_or_act_on_a_terminal),
		cmocka_unit_test(bytes_are_written_to_their_length),
		cmocka_unit_test(an_object_holds_every_kind),
		cmocka_unit_test(elements_of_the_outermost_array_stand_one_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
