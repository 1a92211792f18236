/* SPDX-License-Identifier: Apache-2.0 */
/* The escape of foreign text. What the pages make of it: test_page.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"
#include "pages/html.h"

static void text_is_escaped_character_by_character(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *expected;
	} rows[] = {
		{"", 10, ""},
		{"plain text", 10, "plain text"},
		{"a&b<c>d\"e'f", 99, "a&amp;b&lt;c&gt;d&quot;e&#39;f"},
		{"&amp;", 99, "&amp;amp;"},
		{"été €  \xf0\x9f\x98\x80", 99, "été €  \xf0\x9f\x98\x80"},
		{"a\xff"
		 "b",
		 99,
		 "a\xef\xbf\xbd"
		 "b"},
		{"\xc0\xaf"
		 "b",
		 99,
		 "\xef\xbf\xbd"
		 "b"},
		{"\xc3<", 99, "\xef\xbf\xbd&lt;"},
		{"\xe2\x82", 99, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", 99, "\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", 99, "\xef\xbf\xbd"},
		{"\x80\x80", 99, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"a\nb\x1b\x7f", 99,
		 "a\xef\xbf\xbd"
		 "b\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x80\xae"
		 "x",
		 99, "\xef\xbf\xbdx"},
		{"abcdef", 3, "abc…"},
		{"abc", 3, "abc"},
		{"abé", 3, "ab…"},
		{"ab€d", 4, "ab…"},
		{"ab€d", 5, "ab€…"},
		{"a\xf0\x9f\x98\x80"
		 "b",
		 4, "a…"},
		{"\x80\x80\x80\x80\x80\x80", 5, "\xef\xbf\xbd\xef\xbf\xbd…"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char out[128];
		struct hc_html text = {.out = out, .cap = sizeof(out)};

		hc_html_text(&text, rows[i].text, rows[i].max);
		assert_false(text.full);
		if (text.len != strlen(rows[i].expected) || memcmp(out, rows[i].expected, text.len) != 0)
			fail_msg("row %zu: %.*s", i, (int)text.len, out);
	}
}

static void a_full_buffer_stays_full(void **state)
{
	char out[8];
	struct hc_html text = {.out = out, .cap = sizeof(out)};

	(void)state;
	hc_html_markup(&text, "12345");
	hc_html_text(&text, "<", 1);
	assert_int_equal(text.len, 5);
	assert_true(text.full);
	hc_html_markup(&text, "6");
	assert_int_equal(text.len, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_escaped_character_by_character),
		cmocka_unit_test(a_full_buffer_stays_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
