/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that is written by hand: no value leaves its string, no buffer its end; jansson reads it all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "oauth/json_out.h"

static void write_sample(struct hc_json_out *out)
{
	hc_json_object(out, NULL);
	hc_json_text(out, "text", "a\"},{\"b\\\n\x01 é");
	hc_json_number(out, "least", INT64_MIN);
	hc_json_number(out, "most", INT64_MAX);
	hc_json_bool(out, "yes", true);
	hc_json_bool(out, "no", false);
	hc_json_array(out, "list");
	hc_json_object(out, NULL);
	hc_json_object_end(out);
	hc_json_array(out, NULL);
	hc_json_array_end(out);
	hc_json_text(out, NULL, "");
	hc_json_text(out, NULL, ":");
	hc_json_text(out, NULL, "[");
	hc_json_array_end(out);
	hc_json_words(out, "words", "one two");
	hc_json_words(out, "none", "");
	hc_json_raw(out, "raw", "{\"a\":1}");
	hc_json_object_end(out);
}

static void a_value_that_closes_its_string_stays_a_value(void **state)
{
	char text[512];
	struct hc_json_out out;
	size_t len = 0;

	(void)state;
	hc_json_start(&out, text, sizeof(text));
	write_sample(&out);
	assert_int_equal(hc_json_end(&out, &len), HC_OK);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text,
			    "{\"text\":\"a\\\"},{\\\"b\\\\\\u000a\\u0001 é\",\"least\":-9223372036854775808,"
			    "\"most\":9223372036854775807,\"yes\":true,\"no\":false,"
			    "\"list\":[{},[],\"\",\":\",\"[\"],\"words\":[\"one\",\"two\"],\"none\":[],"
			    "\"raw\":{\"a\":1}}");
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "text")), "a\"},{\"b\\\n\x01 é");
	json_decref(json);
}

static void every_byte_comes_back_as_it_was(void **state)
{
	char text[1024], value[128];
	struct hc_json_out out;
	size_t len = 0;

	(void)state;
	for (int byte = 1; byte < 128; byte++)
		value[byte - 1] = (char)byte;
	value[127] = '\0';
	hc_json_start(&out, text, sizeof(text));
	hc_json_array(&out, NULL);
	hc_json_text(&out, NULL, value);
	hc_json_array_end(&out);
	assert_int_equal(hc_json_end(&out, &len), HC_OK);
	json_t *json = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_array_get(json, 0)), value);
	json_decref(json);
}

static void what_does_not_fit_fails_as_a_whole_and_writes_nowhere_else(void **state)
{
	char whole[512];
	struct hc_json_out out;
	size_t len = 0, untouched = 99;

	(void)state;
	hc_json_start(&out, whole, sizeof(whole));
	write_sample(&out);
	assert_int_equal(hc_json_end(&out, &len), HC_OK);
	for (size_t cap = 1; cap <= len; cap++) {
		char *text = malloc(cap); /* its end is watched by the sanitizer */

		assert_non_null(text);
		hc_json_start(&out, text, cap);
		write_sample(&out);
		if (hc_json_end(&out, &untouched) != HC_ERR_TOOBIG)
			fail_msg("%zu bytes were enough", cap);
		free(text);
	}
	assert_int_equal(untouched, 99);
	char *exact = malloc(len + 1);
	hc_json_start(&out, exact, len + 1);
	write_sample(&out);
	assert_int_equal(hc_json_end(&out, &untouched), HC_OK);
	free(exact);
}

static void an_open_object_is_no_text(void **state)
{
	char text[64];
	struct hc_json_out out;
	size_t len = 0;

	(void)state;
	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	assert_int_equal(hc_json_end(&out, &len), HC_ERR_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_closes_its_string_stays_a_value),
		cmocka_unit_test(every_byte_comes_back_as_it_was),
		cmocka_unit_test(what_does_not_fit_fails_as_a_whole_and_writes_nowhere_else),
		cmocka_unit_test(an_open_object_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
