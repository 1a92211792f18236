/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as bytes. */
#include "http/response.h"

#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static enum hc_err make(struct hc_response_frame frame, unsigned status, const char *const *headers,
			const char *body, struct hc_response *response)
{
	*response = (struct hc_response){.data = NULL};
	frame.date = DATE;
	return hc_response_make(&frame, status, headers, body, strlen(body), response);
}

static void be_silent(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

/* Whether a child that makes this answer ends by SIGABRT. */
static bool aborts(const char *const *headers)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct hc_response response;

		(void)signal(SIGABRT, SIG_DFL);
		hc_log_capture(be_silent, NULL);
		_exit(make((struct hc_response_frame){0}, 200, headers, "", &response) == HC_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_header_that_would_break_out_ends_the_process(void **state)
{
	static const char *const rows[][3] = {
		{"Location", "/a\r\nSet-Cookie: b", NULL},
		{"Location", "/a\nb", NULL},
		{"Location", "/a\rb", NULL},
		{"Location", "/a\x01", NULL},
		{"Location", "/a\x7f", NULL},
		{"Location", NULL, NULL},
		{"", "a", NULL},
		{"X Y", "a", NULL},
		{"X:", "a", NULL},
		{"X\r\nY", "a", NULL},
		{"Content-Length", "1", NULL},
		{"connection", "close", NULL},
		{"date", "now", NULL},
		{"TRANSFER-ENCODING", "chunked", NULL},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (!aborts(rows[i]))
			fail_msg("row %zu: %s", i, rows[i][0]);
	}
	assert_false(aborts((const char *const[]){"X-Ok", "a\tb", NULL}));
}

static void assert_made(struct hc_response_frame frame, unsigned status, const char *const *headers,
			const char *body, const char *expected)
{
	struct hc_response response;

	assert_int_equal(make(frame, status, headers, body, &response), HC_OK);
	if (response.len != strlen(expected) || memcmp(response.data, expected, response.len) != 0)
		fail_msg("got:\n%.*s\nexpected:\n%s", (int)response.len, response.data, expected);
	hc_response_clear(&response);
	assert_null(response.data);
	assert_int_equal(response.len, 0);
}

static void an_answer_is_framed_by_the_server(void **state)
{
	static const char *const headers[] = {"Content-Type", "text/plain", "X", "", NULL};

	(void)state;
	assert_made((struct hc_response_frame){0}, 200, headers, "abc",
		    "HTTP/1.1 200 OK\r\nDate: " DATE
		    "\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nX: "
		    "\r\n\r\nabc");
	assert_made((struct hc_response_frame){.close = true}, 404, NULL, "",
		    "HTTP/1.1 404 Not Found\r\nDate: " DATE
		    "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	assert_made((struct hc_response_frame){.version_1_0 = true}, 204, NULL, "",
		    "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\nConnection: keep-alive\r\n\r\n");
	assert_made((struct hc_response_frame){.version_1_0 = true, .close = true}, 303, NULL, "",
		    "HTTP/1.1 303 See Other\r\nDate: " DATE
		    "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	assert_made((struct hc_response_frame){0}, 299, NULL, "",
		    "HTTP/1.1 299 OK\r\nDate: " DATE "\r\nContent-Length: 0\r\n\r\n");
	assert_made((struct hc_response_frame){0}, 599, NULL, "",
		    "HTTP/1.1 599 Error\r\nDate: " DATE "\r\nContent-Length: 0\r\n\r\n");
}

static void head_gets_the_length_without_the_body(void **state)
{
	(void)state;
	assert_made((struct hc_response_frame){.head = true}, 200, NULL, "abc",
		    "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 3\r\n\r\n");
}

static void a_status_that_has_no_body_gets_none(void **state)
{
	(void)state;
	assert_made((struct hc_response_frame){0}, 304, NULL, "abc",
		    "HTTP/1.1 304 Not Modified\r\nDate: " DATE "\r\n\r\n");
}

static void dates_are_as_the_rfc_has_them(void **state)
{
	static const struct {
		int64_t ms;
		const char *date;
	} rows[] = {
		{784111777999, DATE},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{1709251199000, "Thu, 29 Feb 2024 23:59:59 GMT"},
		{4102444800000, "Fri, 01 Jan 2100 00:00:00 GMT"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char date[HC_HTTP_DATE_LEN + 1];

		hc_http_date(rows[i].ms, date);
		assert_string_equal(date, rows[i].date);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_would_break_out_ends_the_process),
		cmocka_unit_test(an_answer_is_framed_by_the_server),
		cmocka_unit_test(head_gets_the_length_without_the_body),
		cmocka_unit_test(a_status_that_has_no_body_gets_none),
		cmocka_unit_test(dates_are_as_the_rfc_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
