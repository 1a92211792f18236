/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that come in: base32 seeds, lines, files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospictl/input.h"

static enum hc_err decode(const char *text, struct hc_secret **ret_bytes)
{
	HC_AUTO(secret) input = NULL;

	if (text[0] == '\0')
		assert_int_equal(hc_secret_new(1, &input), HC_OK);
	else
		assert_int_equal(hc_secret_from(text, strlen(text), &input), HC_OK);
	return hc_input_base32(input, ret_bytes);
}

static void base32_refuses_what_is_none(void **state)
{
	static const char *const bad[] = {"",	       " ",  "=",      "A", "AAA",  "AAAAAA",	"M1======",
					  "MZ======X", "AB", "MZXW6!", "0", "8AAA", "MY=A====", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(bad); i++) {
		HC_AUTO(secret) bytes = NULL;

		if (decode(bad[i], &bytes) != HC_ERR_INVALID || bytes != NULL)
			fail_msg("row %zu: \"%s\" was taken", i, bad[i]);
	}
}

/* RFC 4648, section 10. */
static void base32_decodes_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *text, *bytes;
	} rows[] = {
		{"MY======", "f"},	  {"MZXQ====", "fo"},
		{"MZXW6===", "foo"},	  {"MZXW6YQ=", "foob"},
		{"MZXW6YTB", "fooba"},	  {"MY", "f"},
		{"MZXW6YTBOI", "foobar"}, {"mzxw 6ytb-oi======\r\n", "foobar"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		HC_AUTO(secret) bytes = NULL;

		if (decode(rows[i].text, &bytes) != HC_OK || hc_secret_len(bytes) != strlen(rows[i].bytes) ||
		    memcmp(hc_secret_data(bytes), rows[i].bytes, strlen(rows[i].bytes)) != 0)
			fail_msg("row %zu: \"%s\"", i, rows[i].text);
	}
}

static void lines_end_at_the_newline_and_are_bounded(void **state)
{
	static const char content[] = "123 456\r\nsecond\n\nlast";
	static const char *const lines[] = {"123 456", "second", "", "last"};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], content, sizeof(content) - 1), sizeof(content) - 1);
	assert_int_equal(close(ends[1]), 0);
	for (size_t i = 0; i < HC_COUNT(lines); i++) {
		HC_AUTO(secret) line = NULL;

		assert_int_equal(hc_input_line(ends[0], 16, &line), HC_OK);
		assert_int_equal(hc_secret_len(line), strlen(lines[i]));
		assert_memory_equal(hc_secret_data(line), lines[i], strlen(lines[i]));
	}
	HC_AUTO(secret) line = NULL;
	assert_int_equal(hc_input_line(ends[0], 16, &line), HC_ERR_CLOSED);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "12345\n", 6), 6);
	assert_int_equal(hc_input_line(ends[0], 4, &line), HC_ERR_TOOBIG);
	assert_null(line);
	(void)close(ends[0]); /* the test is over */
	(void)close(ends[1]);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	char path[] = "/tmp/hc-seed-XXXXXX";
	int fd = mkstemp(path);
	HC_AUTO(secret) content = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "MZXW6YTB\n", 9), 9);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(hc_input_file(path, 512, &content), HC_ERR_PERM);
	assert_null(content);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(hc_input_file(path, 4, &content), HC_ERR_TOOBIG);
	assert_int_equal(hc_input_file(path, 512, &content), HC_OK);
	assert_int_equal(hc_secret_len(content), 9);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	HC_AUTO(secret) gone = NULL;
	assert_int_equal(hc_input_file(path, 512, &gone), HC_ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base32_refuses_what_is_none),
		cmocka_unit_test(base32_decodes_the_vectors_of_rfc_4648),
		cmocka_unit_test(lines_end_at_the_newline_and_are_bounded),
		cmocka_unit_test(a_file_that_others_can_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
