/* SPDX-License-Identifier: Apache-2.0 */
/* Base32: the vectors of RFC 4648 section 10, and what people make of a code when they type it. */
#include "base32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"

static void what_is_no_code_is_refused(void **state)
{
	static const char *const table[] = {
		"ABCD9", "ABC.D", "ABC\nD", "ABC=", "ÀBCD", "AB_CD", "AB/CD", "AB\x7f"};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) typed = NULL;
		HC_AUTO(secret) folded = NULL;

		assert_int_equal(hc_secret_from(table[i], strlen(table[i]), &typed), HC_OK);
		assert_int_equal(hc_secret_new(64, &folded), HC_OK);
		if (hc_base32_fold(typed, folded) != HC_ERR_INVALID)
			fail_msg("row %zu was taken", i);
	}
}

static void a_code_that_does_not_fit_is_too_big(void **state)
{
	HC_AUTO(secret) typed = NULL;
	HC_AUTO(secret) folded = NULL;

	(void)state;
	assert_int_equal(hc_secret_from("ABCDE", 5, &typed), HC_OK);
	assert_int_equal(hc_secret_new(4, &folded), HC_OK);
	assert_int_equal(hc_base32_fold(typed, folded), HC_ERR_TOOBIG);
}

static void typed_codes_are_folded(void **state)
{
	static const struct {
		const char *typed, *folded;
	} table[] = {
		{"", ""},
		{" -\t", ""},
		{"ABCD-EFGH", "ABCDEFGH"},
		{"abcd efgh", "ABCDEFGH"},
		{"a0b1c8", "AOBICB"},
		{"234567", "234567"},
		{"yz2-7", "YZ27"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) typed = NULL;
		HC_AUTO(secret) folded = NULL;

		assert_int_equal(hc_secret_from(table[i].typed, strlen(table[i].typed), &typed), HC_OK);
		assert_int_equal(hc_secret_new(64, &folded), HC_OK);
		assert_int_equal(hc_base32_fold(typed, folded), HC_OK);
		if (hc_secret_len(folded) != strlen(table[i].folded) ||
		    memcmp(hc_secret_data(folded), table[i].folded, strlen(table[i].folded)) != 0)
			fail_msg("row %zu", i);
	}
}

/* *= https://www.rfc-editor.org/rfc/rfc4648#section-10 (without the padding) */
static void encoding_gives_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} table[] = {
		{"", ""},
		{"f", "MY"},
		{"fo", "MZXQ"},
		{"foo", "MZXW6"},
		{"foob", "MZXW6YQ"},
		{"fooba", "MZXW6YTB"},
		{"foobar", "MZXW6YTBOI"},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		size_t len = strlen(table[i].plain), encoded = strlen(table[i].encoded);

		memset(out, '#', sizeof(out));
		if (hc_base32_len(len) != encoded)
			fail_msg("row %zu: length", i);
		assert_int_equal(
			hc_base32_encode((const uint8_t *)table[i].plain, len, HC_BASE32_UPPER, out, encoded),
			HC_OK);
		if (memcmp(out, table[i].encoded, encoded) != 0 || out[encoded] != '#')
			fail_msg("row %zu: %.15s", i, out);
		if (encoded > 0)
			assert_int_equal(hc_base32_encode((const uint8_t *)table[i].plain, len,
							  HC_BASE32_UPPER, out, encoded - 1),
					 HC_ERR_TOOBIG);
	}
}

static void every_symbol_of_the_alphabet_is_used(void **state)
{
	char out[8];
	uint8_t bytes[5];

	(void)state;
	for (unsigned symbol = 0; symbol < 32; symbol++) {
		uint64_t all = 0;

		for (unsigned i = 0; i < 8; i++)
			all = all << 5 | symbol;
		for (unsigned i = 0; i < 5; i++)
			bytes[i] = (uint8_t)(all >> (8 * (4 - i)));
		assert_int_equal(hc_base32_encode(bytes, sizeof(bytes), HC_BASE32_LOWER, out, sizeof(out)),
				 HC_OK);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(out[i], HC_BASE32_LOWER[symbol]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_code_is_refused),
		cmocka_unit_test(a_code_that_does_not_fit_is_too_big),
		cmocka_unit_test(typed_codes_are_folded),
		cmocka_unit_test(encoding_gives_the_vectors_of_rfc_4648),
		cmocka_unit_test(every_symbol_of_the_alphabet_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
