/* SPDX-License-Identifier: Apache-2.0 */
/* The codes themselves, against the vectors of the RFCs. */
#include "otp.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"

#define DIGITS_64 "1234567890123456789012345678901234567890123456789012345678901234"

static struct hc_secret *seed_of(size_t len)
{
	struct hc_secret *seed = NULL;

	assert_int_equal(hc_secret_from(DIGITS_64, len, &seed), HC_OK);
	return seed;
}

static struct hc_secret *room(void)
{
	struct hc_secret *code = NULL;

	assert_int_equal(hc_secret_new(HC_OTP_DIGITS_MAX + 1, &code), HC_OK);
	return code;
}

static bool is(const struct hc_secret *code, const char *text)
{
	return hc_secret_len(code) == strlen(text) && memcmp(hc_secret_data(code), text, strlen(text)) == 0;
}

static void values_out_of_bounds_give_no_code(void **state)
{
	static const struct {
		size_t seed_len;
		enum hc_otp_algorithm algorithm;
		uint32_t period_s, digits;
		int64_t step;
	} table[] = {
		{15, HC_OTP_SHA1, 30, 6, 1},
		{20, (enum hc_otp_algorithm)0, 30, 6, 1},
		{20, (enum hc_otp_algorithm)4, 30, 6, 1},
		{20, HC_OTP_SHA1, 0, 6, 1},
		{20, HC_OTP_SHA1, 14, 6, 1},
		{20, HC_OTP_SHA1, 121, 6, 1},
		{20, HC_OTP_SHA1, 30, 0, 1},
		{20, HC_OTP_SHA1, 30, 5, 1},
		{20, HC_OTP_SHA1, 30, 7, 1},
		{20, HC_OTP_SHA1, 30, 9, 1},
		{20, HC_OTP_SHA1, 30, 6, -1},
		{20, HC_OTP_SHA1, 30, 6, INT64_MIN},
		{20, HC_OTP_SHA1, 120, 6, INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) seed = seed_of(table[i].seed_len);
		HC_AUTO(secret) code = room();

		if (hc_otp_totp(seed, table[i].algorithm, table[i].period_s, table[i].digits, table[i].step,
				code) != HC_ERR_INVALID)
			fail_msg("row %zu gave a code", i);
		assert_int_equal(hc_secret_len(code), 0);
	}
}

static void a_seed_beyond_64_bytes_or_no_room_gives_no_code(void **state)
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) good = seed_of(20);
	HC_AUTO(secret) small = NULL;
	HC_AUTO(secret) code = room();

	(void)state;
	assert_int_equal(hc_secret_from(DIGITS_64 "5", 65, &seed), HC_OK);
	assert_int_equal(hc_otp_totp(seed, HC_OTP_SHA512, 30, 6, 1, code), HC_ERR_INVALID);
	assert_int_equal(hc_otp_hotp(seed, 6, 1, code), HC_ERR_INVALID);
	assert_int_equal(hc_otp_hotp(good, 6, -1, code), HC_ERR_INVALID);
	assert_int_equal(hc_otp_hotp(good, 7, 1, code), HC_ERR_INVALID);
	assert_int_equal(hc_secret_new(6, &small), HC_OK); /* no room for the NUL */
	assert_int_equal(hc_otp_hotp(good, 6, 1, small), HC_ERR_INVALID);
}

/*
 *= https://www.rfc-editor.org/rfc/rfc4226#appendix-D
 */
static void hotp_gives_the_codes_of_rfc_4226_appendix_d(void **state)
{
	HC_AUTO(secret) seed = seed_of(20);
	FILE *file = fopen(HC_VECTORS "/rfc4226_D/hotp.txt", "re");
	char line[256], code[16];
	int64_t counter;
	unsigned rows = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		HC_AUTO(secret) out = room();

		if (sscanf(line, "%" SCNd64 " %15s", &counter, code) != 2)
			continue;
		assert_int_equal(hc_otp_hotp(seed, 6, counter, out), HC_OK);
		if (!is(out, code))
			fail_msg("counter %" PRId64, counter);
		rows++;
	}
	fclose(file);
	assert_int_equal(rows, 10);
}

/* *= https://www.rfc-editor.org/rfc/rfc6238#appendix-B */
static void totp_gives_the_codes_of_rfc_6238_appendix_b(void **state)
{
	FILE *file = fopen(HC_VECTORS "/rfc6238_B/totp.txt", "re");
	char line[256], code[16], name[16];
	int64_t time_s;
	unsigned rows = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		enum hc_otp_algorithm algorithm = HC_OTP_SHA512;
		size_t len = 64;

		if (sscanf(line, "%" SCNd64 " %15s %15s", &time_s, name, code) != 3)
			continue;
		if (strcmp(name, "SHA1") == 0) {
			algorithm = HC_OTP_SHA1;
			len = 20;
		} else if (strcmp(name, "SHA256") == 0) {
			algorithm = HC_OTP_SHA256;
			len = 32;
		}
		HC_AUTO(secret) seed = seed_of(len);
		HC_AUTO(secret) out = room();

		assert_int_equal(hc_otp_totp(seed, algorithm, 30, 8, time_s / 30, out), HC_OK);
		if (!is(out, code))
			fail_msg("time %" PRId64 " %s", time_s, name);
		rows++;
	}
	fclose(file);
	assert_int_equal(rows, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_out_of_bounds_give_no_code),
		cmocka_unit_test(a_seed_beyond_64_bytes_or_no_room_gives_no_code),
		cmocka_unit_test(hotp_gives_the_codes_of_rfc_4226_appendix_d),
		cmocka_unit_test(totp_gives_the_codes_of_rfc_6238_appendix_b),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
