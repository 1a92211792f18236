/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and lines on a terminal: aligned and cut by the width of characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"

#include "hospictl/glyph.h"
#include "hospictl/table.h"
#include "hospictl/wrap.h"

static const struct hc_table_column columns[] = {
	{"Login", true, false}, {"Name", false, false}, {"Number", true, true}, {"Note", false, false}};

static char *printed(const char *const (*rows)[4], size_t count, size_t width, bool bold)
{
	HC_AUTO(table) table = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_int_equal(hc_table_new(columns, HC_COUNT(columns), &table), HC_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(hc_table_add(table, rows[i]), HC_OK);
	assert_int_equal(hc_table_rows(table), count);
	hc_table_print(table, file, width, bold);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void expect(const char *const (*rows)[4], size_t count, size_t width, const char *expected)
{
	char *text = printed(rows, count, width, false);

	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_aligned_by_the_width_of_characters(void **state)
{
	static const char *const rows[][4] = {
		{"zoe", "Zo\xc3\xa9", "1", "\xe6\xbc\xa2\xe5\xad\x97"},
		{"e", "e\xcc\x81", "100", "x"},
		{"longer", "ab", NULL, "y"},
	};

	(void)state;
	expect(rows, 3, 80,
	       "Login   Name  Number  Note\n"
	       "zoe     Zo\xc3\xa9        1  \xe6\xbc\xa2\xe5\xad\x97\n"
	       "e       e\xcc\x81        100  x\n"
	       "longer  ab            y\n");
}

static void a_column_without_values_is_left_out(void **state)
{
	static const char *const rows[][4] = {{"zoe", "", NULL, ""}};

	(void)state;
	expect(rows, 1, 80, "Login\nzoe\n");
}

static void long_cells_are_cut_and_whole_ones_are_not(void **state)
{
	static const char *const rows[][4] = {
		{"a-login-of-some-length",
		 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		 "abcdef",
		 "7", "0123456789abcdef"},
	};

	(void)state;
	expect(rows, 1, 56,
	       "Login                   Name         Number  Note\n"
	       "a-login-of-some-length  "
	       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9…       7  "
	       "0123456789…\n");
	expect(rows, 1, 45,
	       "Login                   Name           Number\n"
	       "a-login-of-some-length  "
	       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	       "ab…       7\n");
	expect(rows, 1, 10, "Login                   Number\na-login-of-some-length       7\n");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	static const char *const rows[][4] = {
		{"abc", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12",
		 "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5"
		 "\xad\x97\xe6\xbc\xa2"},
	};

	(void)state;
	for (size_t width = 16; width < 120; width++) {
		char *text = printed(rows, 1, width, false);

		for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
			*end = '\0';
			if (hc_glyph_columns(at) > width)
				fail_msg("width %zu: \"%s\"", width, at);
		}
		free(text);
	}
}

static void the_header_alone_is_bold(void **state)
{
	static const char *const rows[][4] = {{"zoe", "", NULL, ""}};
	char *text = printed(rows, 1, 80, true);

	(void)state;
	assert_string_equal(text, "\033[1mLogin\033[0m\nzoe\n");
	free(text);
}

static void malformed_characters_count_as_one_each(void **state)
{
	size_t used = 0;

	(void)state;
	assert_int_equal(hc_glyph_columns("\xff\xfe"), 2);
	assert_int_equal(hc_glyph_columns("\xc3"), 1);
	assert_int_equal(hc_glyph_columns("\xed\xa0\x80"), 3);
	assert_int_equal(hc_glyph_fit("\xe6\xbc\xa2\xe5\xad\x97", 3, &used), 3);
	assert_int_equal(used, 2);
}

static void words_are_broken_into_lines_and_never_within(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	struct hc_wrap wrap;

	(void)state;
	hc_wrap_begin(&wrap, file, 12, 2, 2);
	hc_wrap_text(&wrap, "one two three a\xc2\xa0:\xc2\xa0"
			    "b incomprehensible x\ny");
	hc_wrap_word(&wrap, "[--a B]");
	hc_wrap_end(&wrap);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "one two\n  three\n  a\xc2\xa0:\xc2\xa0"
				  "b\n  incomprehensible\n  x\n  y [--a B]\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned_by_the_width_of_characters),
		cmocka_unit_test(a_column_without_values_is_left_out),
		cmocka_unit_test(long_cells_are_cut_and_whole_ones_are_not),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(the_header_alone_is_bold),
		cmocka_unit_test(malformed_characters_count_as_one_each),
		cmocka_unit_test(words_are_broken_into_lines_and_never_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
