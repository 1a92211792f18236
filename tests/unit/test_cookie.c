/* SPDX-License-Identifier: Apache-2.0 */
/* Reading our cookies. */
#include "http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NAME "__Host-hc_session"

struct row {
	const char *header;
	enum hc_err err;
	const char *value;
};

static const struct row rows[] = {
	{NAME "=a; " NAME "=b", HC_ERR_INVALID, NULL},
	{NAME "=a; x=y; " NAME "=a", HC_ERR_INVALID, NULL},
	{NAME "=a;" NAME "=", HC_ERR_INVALID, NULL},
	{NAME "=\"a\"", HC_ERR_INVALID, NULL},
	{NAME "=a b", HC_ERR_INVALID, NULL},
	{NAME "=a,b", HC_ERR_INVALID, NULL},
	{NAME "=a\\b", HC_ERR_INVALID, NULL},
	{NAME "=a\tb", HC_ERR_INVALID, NULL},
	{NAME "=\xc3\xa9", HC_ERR_INVALID, NULL},
	{NAME "=a ; x=y", HC_ERR_INVALID, NULL},
	{"", HC_ERR_NOTFOUND, NULL},
	{NAME, HC_ERR_NOTFOUND, NULL},
	{"=" NAME "=a", HC_ERR_NOTFOUND, NULL},
	{"x" NAME "=a", HC_ERR_NOTFOUND, NULL},
	{NAME "x=a", HC_ERR_NOTFOUND, NULL},
	{NAME " =a", HC_ERR_NOTFOUND, NULL},
	{"__host-hc_session=a", HC_ERR_NOTFOUND, NULL},
	{"x=y," NAME "=a", HC_ERR_NOTFOUND, NULL},
	{"x=\"; " NAME "=a; y=\"", HC_OK, "a"}, /* quotes hide nothing: as browsers store it */
	{NAME "=", HC_OK, ""},
	{NAME "=abc", HC_OK, "abc"},
	{NAME "=a=b==", HC_OK, "a=b=="},
	{"x=y; " NAME "=abc; z", HC_OK, "abc"},
	{"x=y;" NAME "=abc;", HC_OK, "abc"},
	{"odd \xff, \"one\"; ; =; " NAME "=abc", HC_OK, "abc"},
};

static void ours_is_found_once_and_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_view value = {.data = NULL};
		enum hc_err err = hc_cookie_in(rows[i].header, strlen(rows[i].header), NAME, &value);

		if (err != rows[i].err)
			fail_msg("row %zu, %s: %s", i, rows[i].header, hc_strerror(err));
		if (err != HC_OK) {
			assert_null(value.data);
			continue;
		}
		if (value.len != strlen(rows[i].value) || memcmp(value.data, rows[i].value, value.len) != 0)
			fail_msg("row %zu: %.*s", i, (int)value.len, value.data);
	}
}

static void add(struct hc_http_request *request, const char *name, const char *value)
{
	request->headers[request->header_count++] = (struct hc_http_header){
		.name = {.data = name, .len = strlen(name)},
		.value = {.data = value, .len = strlen(value)},
	};
}

static void two_cookie_headers_are_refused(void **state)
{
	static struct hc_http_request request;
	struct hc_view value = {.data = NULL};

	(void)state;
	assert_int_equal(hc_cookie_find(&request, NAME, &value), HC_ERR_NOTFOUND);
	add(&request, "Cookies", NAME "=a");
	assert_int_equal(hc_cookie_find(&request, NAME, &value), HC_ERR_NOTFOUND);
	add(&request, "cookie", NAME "=a");
	assert_int_equal(hc_cookie_find(&request, NAME, &value), HC_OK);
	assert_int_equal(value.len, 1);
	add(&request, "COOKIE", "x=y");
	assert_int_equal(hc_cookie_find(&request, NAME, &value), HC_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_is_found_once_and_whole_or_not_at_all),
		cmocka_unit_test(two_cookie_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
