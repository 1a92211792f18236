/* SPDX-License-Identifier: Apache-2.0 */
/* Forms and query strings. */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) (text), sizeof(text) - 1

static void what_has_no_or_two_readings_is_refused(void **state)
{
	static const struct {
		const char *name, *data;
		size_t len;
	} rows[] = {
		{"%00", BYTES("a=%00")},
		{"%00 in a name", BYTES("a%00b=c")},
		{"raw NUL", BYTES("a=b\0c")},
		{"lone %", BYTES("a=%")},
		{"% and one digit", BYTES("a=%4")},
		{"% and one digit before &", BYTES("a=%4&b=c")},
		{"% and no digits", BYTES("a=%zz")},
		{"% and a sign", BYTES("a=%+1")},
		{"%u of old browsers", BYTES("a=%u0041")},
		{"overlong slash", BYTES("a=%c0%af")},
		{"overlong NUL", BYTES("a=%c0%80")},
		{"surrogate", BYTES("a=%ed%a0%80")},
		{"cut sequence", BYTES("a=%c3")},
		{"cut sequence before a line break", BYTES("a=%c3%0a")},
		{"sequence over two values", BYTES("a=%c3&%a9=b")},
		{"beyond Unicode", BYTES("a=%f4%90%80%80")},
		{"raw byte outside of ASCII", BYTES("a=\xc3\xa9")},
		{"raw blank", BYTES("a=b c")},
		{"raw line break", BYTES("a=b\r\n")},
		{"control byte", BYTES("a=%1b[0m")},
		{"DEL", BYTES("a=%7f")},
		{"text that runs backwards", BYTES("a=%e2%80%ae")},
		{"empty name", BYTES("=b")},
		{"empty name later", BYTES("a=b&=c")},
	};
	struct hc_params params;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_err err = hc_params_parse(rows[i].data, rows[i].len, &params);

		if (err != HC_ERR_INVALID)
			fail_msg("row %zu, %s: %s", i, rows[i].name, hc_strerror(err));
		assert_null(params.memory);
		assert_int_equal(params.count, 0);
	}
}

static size_t many(char *out, size_t cap, unsigned count)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, cap - len, "%sp%u=%u", i > 0 ? "&" : "", i, i);
	return len;
}

static void lists_are_bounded(void **state)
{
	static char data[HC_HTTP_BODY_MAX + 1];
	struct hc_params params;

	(void)state;
	assert_int_equal(hc_params_parse(data, many(data, sizeof(data), HC_PARAMS_MAX + 1), &params),
			 HC_ERR_TOOBIG);
	memset(data, 'a', sizeof(data));
	assert_int_equal(hc_params_parse(data, sizeof(data), &params), HC_ERR_TOOBIG);
	assert_int_equal(hc_params_parse(data, sizeof(data) - 1, &params), HC_OK);
	hc_params_clear(&params);
	assert_int_equal(hc_params_parse(data, many(data, sizeof(data), HC_PARAMS_MAX), &params), HC_OK);
	assert_int_equal(params.count, HC_PARAMS_MAX);
	hc_params_clear(&params);
}

static void assert_value(const struct hc_params *params, const char *name, const char *value)
{
	struct hc_view view = {.data = NULL};

	assert_int_equal(hc_params_get(params, name, &view), HC_OK);
	assert_int_equal(view.len, strlen(value));
	assert_string_equal(view.data, value);
}

static void a_repeated_parameter_is_seen(void **state)
{
	struct hc_params params;
	struct hc_view value;

	(void)state;
	assert_int_equal(hc_params_parse(BYTES("a=1&b=2&%61=1"), &params), HC_OK);
	assert_int_equal(params.count, 3);
	assert_int_equal(hc_params_get(&params, "a", &value), HC_ERR_EXISTS);
	assert_string_equal(hc_params_repeated(&params), "a");
	assert_value(&params, "b", "2");
	hc_params_clear(&params);
	assert_int_equal(hc_params_parse(BYTES("a=1&b=2&A=1"), &params), HC_OK);
	assert_null(hc_params_repeated(&params));
	hc_params_clear(&params);
}

static void names_and_values_are_decoded_once(void **state)
{
	struct hc_params params;
	struct hc_view value;

	(void)state;
	assert_int_equal(
		hc_params_parse(BYTES("user+name=%C3%a9lodie+d%27Ys&next=a%3Db%26c%2525&empty=&bare&&x=y==z&"
				      "lines=1%0d%0a2%09"),
				&params),
		HC_OK);
	assert_int_equal(params.count, 6);
	assert_value(&params, "user name", "élodie d'Ys");
	assert_value(&params, "next", "a=b&c%25");
	assert_value(&params, "empty", "");
	assert_value(&params, "bare", "");
	assert_value(&params, "x", "y==z");
	assert_value(&params, "lines", "1\r\n2\t");
	assert_int_equal(hc_params_get(&params, "nothing", &value), HC_ERR_NOTFOUND);
	hc_params_clear(&params);
	assert_int_equal(hc_params_parse("", 0, &params), HC_OK);
	assert_int_equal(params.count, 0);
	hc_params_clear(&params);
}

static void what_is_encoded_comes_back(void **state)
{
	static const char text[] = "aZ09-._~ &=%+/?#\"\xc3\xa9\n";
	char query[128] = "v=";
	struct hc_params params;
	size_t len = 0;

	(void)state;
	assert_int_equal(hc_url_encode(text, sizeof(text) - 1, query + 2, sizeof(query) - 2, &len), HC_OK);
	assert_string_equal(query, "v=aZ09-._~%20%26%3D%25%2B%2F%3F%23%22%C3%A9%0A");
	assert_int_equal(strlen(query), len + 2);
	assert_int_equal(hc_params_parse(query, len + 2, &params), HC_OK);
	assert_value(&params, "v", text);
	hc_params_clear(&params);
}

static void encoding_does_not_write_beyond_its_room(void **state)
{
	char out[8] = "";
	size_t len = 0;

	(void)state;
	assert_int_equal(hc_url_encode("a", 1, out, 0, &len), HC_ERR_TOOBIG);
	assert_int_equal(hc_url_encode("", 0, out, 0, &len), HC_ERR_TOOBIG);
	assert_int_equal(hc_url_encode("a&", 2, out, 4, &len), HC_ERR_TOOBIG);
	assert_int_equal(hc_url_encode("a&", 2, out, 5, &len), HC_OK);
	assert_string_equal(out, "a%26");
	assert_int_equal(hc_url_encode("abc", 3, out, 3, &len), HC_ERR_TOOBIG);
	assert_int_equal(hc_url_encode("", 1, out, 4, &len), HC_OK);
	assert_string_equal(out, "%00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_or_two_readings_is_refused),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(a_repeated_parameter_is_seen),
		cmocka_unit_test(names_and_values_are_decoded_once),
		cmocka_unit_test(what_is_encoded_comes_back),
		cmocka_unit_test(encoding_does_not_write_beyond_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
