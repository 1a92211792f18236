/* SPDX-License-Identifier: Apache-2.0 */
/* The strict scan of header blocks, and the parser behind it. */
#include "http/prescan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/request.h"

#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST /t HTTP/1.1\r\nHost: a\r\n"
#define HOST "Host: a\r\n"
#define END  "\r\n"

/* Text with NULs in it */
#define BYTES(text) (text), sizeof(text) - 1

struct row {
	const char *name, *data;
	size_t len;
	unsigned status; /* 0: accepted */
};

static const struct row refused[] = {
	{"NUL in the request line", BYTES("GET /\0 HTTP/1.1\r\n" HOST END), 400},
	{"NUL in a name", BYTES(GET HOST "X\0Y: 1\r\n" END), 400},
	{"NUL in a value", BYTES(GET HOST "X: 1\0\r\n" END), 400},
	{"other control byte in a value", BYTES(GET HOST "X: \x01\r\n" END), 400},
	{"DEL in a value", BYTES(GET HOST "X: \x7f\r\n" END), 400},
	{"tab in the request line", BYTES("GET\t/\tHTTP/1.1\r\n" HOST END), 400},
	{"bare LF behind the request line", BYTES("GET / HTTP/1.1\nHost: a\r\n" END), 400},
	{"bare LF behind a field", BYTES(GET "Host: a\n" END), 400},
	{"bare LF as the empty line", BYTES(GET HOST "\n"), 400},
	{"bare CR in a value", BYTES(GET HOST "X: 1\rY: 2\r\n" END), 400},
	{"bare CR in the request line", BYTES("GET /\rHTTP/1.1\r\n" HOST END), 400},
	{"CR CR LF", BYTES(GET HOST "X: 1\r\r\n" END), 400},
	{"folding with a space", BYTES(GET HOST "X: 1\r\n 2\r\n" END), 400},
	{"folding with a tab", BYTES(GET HOST "X: 1\r\n\t2\r\n" END), 400},
	{"folding of the first field", BYTES(GET " Host: a\r\n" END), 400},
	{"space before the colon", BYTES(GET "Host : a\r\n" END), 400},
	{"tab before the colon", BYTES(GET "Host\t: a\r\n" END), 400},
	{"space in a name", BYTES(GET HOST "X Y: 1\r\n" END), 400},
	{"no colon", BYTES(GET HOST "Nonsense\r\n" END), 400},
	{"empty name", BYTES(GET HOST ": 1\r\n" END), 400},
	{"name that is no token", BYTES(GET HOST "X(y): 1\r\n" END), 400},
	{"name outside of ASCII", BYTES(GET HOST "\xc3\xa9: 1\r\n" END), 400},
	{"Content-Length with Transfer-Encoding",
	 BYTES(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" END), 400},
	{"Transfer-Encoding with Content-Length",
	 BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n" END), 400},
	{"Content-Length twice, different", BYTES(POST "Content-Length: 3\r\nContent-Length: 4\r\n" END),
	 400},
	{"Content-Length twice, the same", BYTES(POST "Content-Length: 3\r\ncontent-length: 3\r\n" END), 400},
	{"Content-Length as a list", BYTES(POST "Content-Length: 3, 3\r\n" END), 400},
	{"Content-Length with a plus", BYTES(POST "Content-Length: +3\r\n" END), 400},
	{"Content-Length with a minus", BYTES(POST "Content-Length: -3\r\n" END), 400},
	{"Content-Length in hexadecimal", BYTES(POST "Content-Length: 0x3\r\n" END), 400},
	{"Content-Length with a leading zero", BYTES(POST "Content-Length: 03\r\n" END), 400},
	{"Content-Length with a blank in it", BYTES(POST "Content-Length: 1 0\r\n" END), 400},
	{"empty Content-Length", BYTES(POST "Content-Length:\r\n" END), 400},
	{"a body one byte too long", BYTES(POST "Content-Length: 65537\r\n" END), 413},
	{"a body of 2^64 bytes", BYTES(POST "Content-Length: 18446744073709551616\r\n" END), 413},
	{"a body of 2^64 + 1 bytes", BYTES(POST "Content-Length: 18446744073709551617\r\n" END), 413},
	{"chunked", BYTES(POST "Transfer-Encoding: chunked\r\n" END), 501},
	{"chunked in disguise", BYTES(POST "Transfer-Encoding: xchunked\r\n" END), 501},
	{"empty Transfer-Encoding", BYTES(POST "Transfer-Encoding:\r\n" END), 501},
	{"Transfer-Encoding twice", BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n" END),
	 400},
	{"Transfer-Encoding in 1.0", BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END), 400},
	{"no Host in 1.1", BYTES(GET END), 400},
	{"Host twice", BYTES(GET HOST HOST END), 400},
	{"Host twice in 1.0", BYTES("GET / HTTP/1.0\r\n" HOST HOST END), 400},
	{"empty Host", BYTES(GET "Host:\r\n" END), 400},
	{"Host with a path", BYTES(GET "Host: a/b\r\n" END), 400},
	{"Host with a user", BYTES(GET "Host: a@b\r\n" END), 400},
	{"Host as a list", BYTES(GET "Host: a, b\r\n" END), 400},
	{"an expectation that nobody has", BYTES(POST "Content-Length: 3\r\nExpect: 200-ok\r\n" END), 417},
	{"Expect twice", BYTES(POST "Expect: 100-continue\r\nExpect: 100-continue\r\n" END), 417},
	{"empty line first", BYTES("\r\n" GET HOST END), 400},
	{"no method", BYTES(" / HTTP/1.1\r\n" HOST END), 400},
	{"method that is no token", BYTES("G@T / HTTP/1.1\r\n" HOST END), 400},
	{"a TLS greeting", BYTES("\x16\x03\x01\x02"), 400},
	{"two blanks behind the method", BYTES("GET  / HTTP/1.1\r\n" HOST END), 400},
	{"two blanks behind the target", BYTES("GET /  HTTP/1.1\r\n" HOST END), 400},
	{"blank behind the version", BYTES("GET / HTTP/1.1 \r\n" HOST END), 400},
	{"blank in the target", BYTES("GET /a b HTTP/1.1\r\n" HOST END), 400},
	{"no target", BYTES("GET HTTP/1.1\r\n" HOST END), 400},
	{"no version", BYTES("GET /\r\n" HOST END), 400},
	{"absolute target", BYTES("GET http://a/ HTTP/1.1\r\n" HOST END), 400},
	{"authority target", BYTES("CONNECT a:443 HTTP/1.1\r\n" HOST END), 400},
	{"asterisk target", BYTES("OPTIONS * HTTP/1.1\r\n" HOST END), 400},
	{"fragment", BYTES("GET /a#b HTTP/1.1\r\n" HOST END), 400},
	{"backslash in the path", BYTES("GET /a\\b HTTP/1.1\r\n" HOST END), 400},
	{"target outside of ASCII", BYTES("GET /\xc3\xa9 HTTP/1.1\r\n" HOST END), 400},
	{"quote in the query", BYTES("GET /?a=\"b HTTP/1.1\r\n" HOST END), 400},
	{"HTTP/0.9", BYTES("GET / HTTP/0.9\r\n" END), 505},
	{"HTTP/1.2", BYTES("GET / HTTP/1.2\r\n" HOST END), 505},
	{"HTTP/2.0", BYTES("PRI / HTTP/2.0\r\n" END), 505},
	{"HTTP/1.10", BYTES("GET / HTTP/1.10\r\n" HOST END), 400},
	{"http in small letters", BYTES("GET / http/1.1\r\n" HOST END), 400},
};

static const struct row accepted[] = {
	{"the least", BYTES(GET HOST END), 0},
	{"1.0 without Host", BYTES("GET / HTTP/1.0\r\n" END), 0},
	{"Host with a port", BYTES(GET "Host: sso.chu.example:8443\r\n" END), 0},
	{"Host in brackets", BYTES(GET "hOST:[2001:db8::1]:443\r\n" END), 0},
	{"blanks and tabs around a value", BYTES(GET HOST "X: \t a \t\r\n" END), 0},
	{"an empty value", BYTES(GET HOST "X:\r\n" END), 0},
	{"a value outside of ASCII", BYTES(GET HOST "X: \xc3\xa9\xff\r\n" END), 0},
	{"a body of nothing", BYTES(POST "Content-Length: 0\r\n" END), 0},
	{"the longest body", BYTES(POST "Content-Length: 65536\r\n" END), 0},
	{"what browsers leave as it is", BYTES("GET /a;b=c/%7E?d={[|]}^`\\'&e=/? HTTP/1.1\r\n" HOST END), 0},
	{"continue, please", BYTES(POST "Content-Length: 3\r\nExpect: 100-Continue\r\n" END), 0},
	{"an upgrade that is not taken", BYTES(GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n" END), 0},
	{"two fields of one name", BYTES(GET HOST "X: 1\r\nX: 2\r\n" END), 0},
};

static unsigned scan_at_once(const char *data, size_t len, struct hc_prescan *scan)
{
	*scan = (struct hc_prescan){.pos = 0};
	switch (hc_prescan_step(scan, data, len)) {
	case HC_PRESCAN_MORE:
		return 1;
	case HC_PRESCAN_WHOLE:
		return 0;
	case HC_PRESCAN_REFUSED:
		return scan->status;
	}
	return 2;
}

/* Every prefix in turn; the answer must be the same. */
static unsigned scan_by_bytes(const char *data, size_t len, struct hc_prescan *scan)
{
	*scan = (struct hc_prescan){.pos = 0};
	for (size_t at = 1; at <= len; at++) {
		switch (hc_prescan_step(scan, data, at)) {
		case HC_PRESCAN_MORE:
			break;
		case HC_PRESCAN_WHOLE:
			return at == len ? 0 : 3;
		case HC_PRESCAN_REFUSED:
			return scan->status;
		}
	}
	return 1;
}

static void what_two_readers_could_understand_differently_is_refused(void **state)
{
	struct hc_prescan scan;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(refused); i++) {
		unsigned status = scan_at_once(refused[i].data, refused[i].len, &scan);

		if (status != refused[i].status)
			fail_msg("row %zu, %s: %u", i, refused[i].name, status);
		status = scan_by_bytes(refused[i].data, refused[i].len, &scan);
		if (status != refused[i].status)
			fail_msg("row %zu, %s, byte by byte: %u", i, refused[i].name, status);
	}
}

static void what_is_right_passes_the_scan_and_the_parser(void **state)
{
	static struct hc_http_request request;
	struct hc_prescan scan;
	bool keep_alive = false;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(accepted); i++) {
		if (scan_by_bytes(accepted[i].data, accepted[i].len, &scan) != 0 ||
		    scan_at_once(accepted[i].data, accepted[i].len, &scan) != 0)
			fail_msg("row %zu, %s: %u", i, accepted[i].name, scan.status);
		if (scan.pos != accepted[i].len)
			fail_msg("row %zu, %s: ends at %zu", i, accepted[i].name, scan.pos);

		unsigned status = hc_request_parse(&scan, accepted[i].data, &request, &keep_alive);

		if (status != 0)
			fail_msg("row %zu, %s: the parser says %u", i, accepted[i].name, status);
		assert_int_equal(request.header_count, scan.fields);
	}
}

static void the_scan_stops_behind_the_empty_line(void **state)
{
	static const char data[] = POST "Content-Length: 3\r\n" END "a=bGET / HTTP/1.1";
	struct hc_prescan scan;

	(void)state;
	assert_int_equal(scan_at_once(data, sizeof(data) - 1, &scan), 0);
	assert_memory_equal(data + scan.pos, "a=b", 3);
	assert_int_equal(scan.body_len, 3);
}

/* A block of len bytes: one long field, ended where whole says so. */
static size_t long_block(char *out, size_t len, bool whole)
{
	static const char end[4] = {'\r', '\n', '\r', '\n'};
	size_t at = (size_t)snprintf(out, 64, "%s", GET HOST "X: ");

	memset(out + at, 'x', len - at);
	if (whole)
		memcpy(out + len - sizeof(end), end, sizeof(end));
	return len;
}

static void more_than_8_kib_of_headers_are_refused(void **state)
{
	static char data[HC_HTTP_HEADER_BYTES_MAX + 64];
	struct hc_prescan scan;

	(void)state;
	assert_int_equal(scan_at_once(data, long_block(data, HC_HTTP_HEADER_BYTES_MAX + 1, true), &scan),
			 431);
	assert_int_equal(scan_at_once(data, long_block(data, HC_HTTP_HEADER_BYTES_MAX, false), &scan), 431);
	assert_int_equal(scan_at_once(data, long_block(data, HC_HTTP_HEADER_BYTES_MAX - 1, false), &scan), 1);
	assert_int_equal(scan_at_once(data, long_block(data, HC_HTTP_HEADER_BYTES_MAX, true), &scan), 0);
}

static void a_target_without_end_is_refused_as_such(void **state)
{
	static const char start[5] = {'G', 'E', 'T', ' ', '/'};
	static char data[HC_HTTP_HEADER_BYTES_MAX];
	struct hc_prescan scan;

	(void)state;
	memset(data, 'x', sizeof(data));
	memcpy(data, start, sizeof(start));
	assert_int_equal(scan_at_once(data, sizeof(data), &scan), 414);
}

static void more_than_64_headers_are_refused(void **state)
{
	char data[2048];
	struct hc_prescan scan;

	(void)state;
	for (unsigned count = HC_HTTP_HEADERS_MAX; count <= HC_HTTP_HEADERS_MAX + 1; count++) {
		size_t len = (size_t)snprintf(data, sizeof(data), "%s", GET HOST);

		for (unsigned i = 1; i < count; i++)
			len += (size_t)snprintf(data + len, sizeof(data) - len, "X-%u: %u\r\n", i, i);
		len += (size_t)snprintf(data + len, sizeof(data) - len, "\r\n");
		assert_int_equal(scan_at_once(data, len, &scan), count > HC_HTTP_HEADERS_MAX ? 431 : 0);
	}
}

static void parse(const char *data, struct hc_http_request *request, bool *keep_alive)
{
	struct hc_prescan scan;

	assert_int_equal(scan_at_once(data, strlen(data), &scan), 0);
	assert_int_equal(hc_request_parse(&scan, data, request, keep_alive), 0);
}

static void assert_view(struct hc_view view, const char *text)
{
	assert_int_equal(view.len, strlen(text));
	assert_memory_equal(view.data, text, view.len);
}

static void a_method_that_nobody_knows_is_not_implemented(void **state)
{
	static const char data[] = "BREW /pot HTTP/1.1\r\n" HOST END;
	static struct hc_http_request request;
	struct hc_prescan scan;
	bool keep_alive = false;

	(void)state;
	assert_int_equal(scan_at_once(data, sizeof(data) - 1, &scan), 0);
	assert_int_equal(hc_request_parse(&scan, data, &request, &keep_alive), 501);
}

static void a_request_is_taken_apart_as_it_was_sent(void **state)
{
	static struct hc_http_request request;
	struct hc_view value;
	bool keep_alive = false;

	(void)state;
	parse("POST /oauth2/%74oken?a=b?c HTTP/1.1\r\nHost:\ta \r\nX-Empty:\r\nCONTENT-TYPE: x; y=z \t\r\n"
	      "X: 1\r\nx: 2\r\n\r\n",
	      &request, &keep_alive);
	assert_int_equal(request.method, HC_HTTP_POST);
	assert_view(request.path, "/oauth2/%74oken");
	assert_view(request.query, "a=b?c");
	assert_true(hc_http_header_find(&request, "content-type", &value));
	assert_view(value, "x; y=z");
	assert_true(hc_http_header_find(&request, "Host", &value));
	assert_view(value, "a");
	assert_true(hc_http_header_find(&request, "X-Empty", &value));
	assert_view(value, "");
	assert_false(hc_http_header_find(&request, "X", &value));
	assert_false(hc_http_header_find(&request, "Y", &value));
	assert_false(hc_http_header_find(&request, "Content-Typ", &value));
	assert_true(keep_alive);
}

static void keeping_alive_is_decided_as_each_version_has_it(void **state)
{
	static const struct {
		const char *data;
		bool keep_alive;
	} rows[] = {
		{GET HOST "Connection: close\r\n" END, false},
		{GET HOST "Connection: keep-alive, close\r\n" END, false},
		{GET HOST "Connection: CLOSE\r\n" END, false},
		{"GET / HTTP/1.0\r\n" END, false},
		{"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n" END, false},
		{GET HOST END, true},
		{GET HOST "Connection: x\r\n" END, true},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, true},
	};
	static struct hc_http_request request;
	bool keep_alive = false;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		parse(rows[i].data, &request, &keep_alive);
		if (keep_alive != rows[i].keep_alive)
			fail_msg("row %zu", i);
	}
}

static void a_form_is_what_says_so(void **state)
{
	static const struct {
		const char *type;
		bool form;
	} rows[] = {
		{"", false},
		{"Content-Type: text/plain\r\n", false},
		{"Content-Type: application/x-www-form-urlencodedx\r\n", false},
		{"Content-Type: application/x-www-form-urlencoded;\r\n", false},
		{"Content-Type: application/x-www-form-urlencoded; charset=utf-16\r\n", false},
		{"Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/plain\r\n", false},
		{"Content-Type: application/x-www-form-urlencoded\r\n", true},
		{"Content-Type: Application/X-WWW-Form-Urlencoded;charset=UTF-8\r\n", true},
		{"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n", true},
	};
	static struct hc_http_request request;
	bool keep_alive = false;
	char data[256];

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		(void)snprintf(data, sizeof(data), "%s%s\r\n", GET HOST, rows[i].type);
		parse(data, &request, &keep_alive);
		if (hc_http_request_is_form(&request) != rows[i].form)
			fail_msg("row %zu: %s", i, rows[i].type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_two_readers_could_understand_differently_is_refused),
		cmocka_unit_test(more_than_8_kib_of_headers_are_refused),
		cmocka_unit_test(a_target_without_end_is_refused_as_such),
		cmocka_unit_test(more_than_64_headers_are_refused),
		cmocka_unit_test(a_method_that_nobody_knows_is_not_implemented),
		cmocka_unit_test(what_is_right_passes_the_scan_and_the_parser),
		cmocka_unit_test(the_scan_stops_behind_the_empty_line),
		cmocka_unit_test(a_request_is_taken_apart_as_it_was_sent),
		cmocka_unit_test(keeping_alive_is_decided_as_each_version_has_it),
		cmocka_unit_test(a_form_is_what_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
