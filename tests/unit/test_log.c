/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one record a line, whatever the values hold. */
#include "hospiconnect/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/identity.h"

static char captured[8192];
static int capture_count;

static void capture(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	capture_count++;
	(void)snprintf(captured, sizeof(captured), "%s", line);
}

static int start_capture(void **state)
{
	(void)state;
	captured[0] = '\0';
	capture_count = 0;
	hc_log_init("test", HC_LOG_INFO);
	hc_log_capture(capture, NULL);
	return 0;
}

static int stop_capture(void **state)
{
	(void)state;
	hc_log_capture(NULL, NULL);
	return 0;
}

static void no_value_can_forge_a_record_or_a_field(void **state)
{
	static const struct {
		const char *value, *line;
	} rows[] = {
		{"martin", "m user=martin"},
		{"", "m user=\"\""},
		{"a b", "m user=\"a b\""},
		{"a\nerror: b", "m user=\"a\\x0aerror: b\""},
		{"x\" admin=\"yes", "m user=\"x\\\" admin=\\\"yes\""},
		{"x=y", "m user=\"x=y\""},
		{"a\\b", "m user=\"a\\\\b\""},
		{"\x1b[2J", "m user=\"\\x1b[2J\""},
		{"\xc3", "m user=\"\\xc3\""},
		{"Zo\xc3\xa9", "m user=Zo\xc3\xa9"},
		{"\xe2\x80\xae", "m user=\"\\xe2\\x80\\xae\""},
		{"\xc2\x85", "m user=\"\\xc2\\x85\""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		hc_log(HC_LOG_INFO, "m", HC_F_TEXT("user", rows[i].value));
		if (strcmp(captured, rows[i].line) != 0)
			fail_msg("row %zu: %s", i, captured);
	}
}

static void a_message_cannot_break_the_line(void **state)
{
	(void)state;
	hc_log_plain(HC_LOG_ERROR, "two\nlines");
	assert_string_equal(captured, "two\\x0alines");
}

static void fields_follow_the_message_in_order(void **state)
{
	(void)state;
	hc_log(HC_LOG_NOTICE, "refuse sign-in", HC_F_TEXT("user", "martin"), HC_F_NUM("tries", -3),
	       HC_F_NUM("max", INT64_MIN), HC_F_TEXT("factor", "totp"));
	assert_string_equal(captured,
			    "refuse sign-in user=martin tries=-3 max=-9223372036854775808 factor=totp");
}

static void records_below_the_level_are_not_written(void **state)
{
	(void)state;
	hc_log_plain(HC_LOG_DEBUG, "quiet");
	assert_int_equal(capture_count, 0);
	hc_log_plain(HC_LOG_INFO, "loud");
	assert_int_equal(capture_count, 1);
}

static void a_long_record_is_cut_and_marked_at_a_whole_character(void **state)
{
	char value[9001];

	(void)state;
	for (size_t start = 0; start < 3; start++) {
		memset(value, 'x', start);
		for (size_t i = start; i + 3 < sizeof(value); i += 3)
			memcpy(value + i, "\xe2\x82\xac", 4);
		hc_log(HC_LOG_INFO, "m", HC_F_TEXT("v", value), HC_F_TEXT("lost", "z"));

		size_t len = strlen(captured);

		assert_in_range(len, 3900, 4095);
		assert_string_equal(captured + len - 6, " [cut]");
		assert_true(hc_utf8_valid(captured, len));
		assert_null(strstr(captured, "lost"));
	}
}

static void every_cut_record_stays_below_the_limit(void **state)
{
	char value[4200];

	(void)state;
	for (size_t len = 4060; len < sizeof(value) - 1; len++) {
		memset(value, len % 2 == 0 ? '"' : 'y', len);
		value[len] = '\0';
		hc_log(HC_LOG_INFO, "m", HC_F_TEXT("v", value), HC_F_NUM("n", 1));
		assert_true(strlen(captured) < 4096);
	}
}

static void logging_keeps_errno(void **state)
{
	(void)state;
	hc_log_capture(NULL, NULL);

	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	(void)close(STDERR_FILENO);
	errno = EXDEV;
	hc_log_plain(HC_LOG_ERROR, "nobody reads this");

	int after = errno;

	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(after, EXDEV);
}

/* What one hc_log call writes to stderr, by one write(2) into a pipe in packet mode. */
static void written_line(char *out, size_t cap, bool journal)
{
	int ends[2];
	struct stat facts;
	char stream[64];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);

	int saved = dup(STDERR_FILENO);

	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(fstat(STDERR_FILENO, &facts), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)facts.st_dev,
		       (uintmax_t)facts.st_ino + (journal ? 0 : 1));
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	hc_log_capture(NULL, NULL);
	hc_log_init("test", HC_LOG_INFO);
	hc_log(HC_LOG_WARNING, "refuse", HC_F_TEXT("user", "martin"));
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);

	ssize_t got = read(ends[0], out, cap - 1);

	assert_true(got > 0);
	out[got] = '\0';
	(void)close(saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void the_journal_gets_priorities_and_nobody_else_does(void **state)
{
	char line[256];

	(void)state;
	written_line(line, sizeof(line), false);
	assert_string_equal(line, "test: warning: refuse user=martin\n");
	written_line(line, sizeof(line), true);
	assert_string_equal(line, "<4>refuse user=martin\n");
}

static void escaping_never_exceeds_its_room(void **state)
{
	char out[32];

	(void)state;
	for (size_t cap = 0; cap <= 20; cap++) {
		memset(out, 0x5a, sizeof(out));
		hc_escape("a\n\xe2\x82\xac\"\\\xff", out, cap);
		for (size_t i = cap; i < sizeof(out); i++)
			assert_int_equal((unsigned char)out[i], 0x5a);
		if (cap > 0) {
			assert_true(strlen(out) < cap);
			assert_true(hc_utf8_valid(out, strlen(out)));
		}
	}
	assert_string_equal(out, "a\\x0a\xe2\x82\xac\\\"\\\\\\xff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_value_can_forge_a_record_or_a_field, start_capture,
						stop_capture),
		cmocka_unit_test_setup_teardown(a_message_cannot_break_the_line, start_capture, stop_capture),
		cmocka_unit_test_setup_teardown(fields_follow_the_message_in_order, start_capture,
						stop_capture),
		cmocka_unit_test_setup_teardown(records_below_the_level_are_not_written, start_capture,
						stop_capture),
		cmocka_unit_test_setup_teardown(a_long_record_is_cut_and_marked_at_a_whole_character,
						start_capture, stop_capture),
		cmocka_unit_test_setup_teardown(every_cut_record_stays_below_the_limit, start_capture,
						stop_capture),
		cmocka_unit_test_setup_teardown(logging_keeps_errno, start_capture, stop_capture),
		cmocka_unit_test(the_journal_gets_priorities_and_nobody_else_does),
		cmocka_unit_test(escaping_never_exceeds_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
