/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Keys of the bare numbers that other programs keep. */
#include "hospiconnect/fido.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/buf.h"

static void put(struct hc_writer *writer, const char *hex)
{
	for (; hex[0] != '\0'; hex += 2) {
		const char pair[3] = {hex[0], hex[1], '\0'};

		hc_writer_u8(writer, (uint8_t)strtoul(pair, NULL, 16));
	}
}

/* The base point of P-256. */
#define POINT_X "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define POINT_Y "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

static void bare_numbers_become_a_key_where_they_are_one(void **state)
{
	static const struct {
		enum hc_cose_alg alg;
		const char *raw;
		size_t more;	  /* bytes ff in front of it, as a modulus */
		const char *made; /* NULL: refused; "": by its length alone */
		size_t len;
	} rows[] = {
		{HC_COSE_ES256, "", 0, NULL, 0},
		{HC_COSE_ES256, POINT_X, 0, NULL, 0},
		{HC_COSE_ES256, POINT_Y POINT_X, 0, NULL, 0},
		{HC_COSE_ES256, "02" POINT_X, 0, NULL, 0},
		{HC_COSE_ES256, "05" POINT_X POINT_Y, 0, NULL, 0},
		{HC_COSE_ES256, "04" POINT_X POINT_Y "00", 0, NULL, 0},
		{HC_COSE_EDDSA, POINT_X "00", 0, NULL, 0},
		{HC_COSE_EDDSA, POINT_X POINT_Y, 0, NULL, 0},
		{HC_COSE_RS256, "010001", 255, NULL, 0},
		{HC_COSE_RS256, "010001", 513, NULL, 0},
		{HC_COSE_RS256, "010000", 256, NULL, 0},
		{HC_COSE_RS256, "000001", 256, NULL, 0},
		{(enum hc_cose_alg)0, POINT_X POINT_Y, 0, NULL, 0},
		{HC_COSE_ES256, POINT_X POINT_Y, 0, "a5010203262001215820" POINT_X "225820" POINT_Y, 77},
		{HC_COSE_ES256, "04" POINT_X POINT_Y, 0, "a5010203262001215820" POINT_X "225820" POINT_Y, 77},
		{HC_COSE_EDDSA, POINT_X, 0, "a4010103272006215820" POINT_X, 42},
		{HC_COSE_RS256, "010001", 256, "", 272},
		{HC_COSE_RS256, "010001", 512, "", 528},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		uint8_t raw[600], wanted[128], made[HC_FIDO_KEY_MAX];
		struct hc_writer writer, expected;
		size_t len = 0;

		memset(raw, 0xff, sizeof(raw));
		hc_writer_init(&writer, raw, sizeof(raw));
		writer.len = rows[i].more;
		put(&writer, rows[i].raw);
		enum hc_err err = hc_fido_key_make(rows[i].alg, raw, writer.len, made, &len);

		if (err != (rows[i].made == NULL ? HC_ERR_INVALID : HC_OK) || len != rows[i].len)
			fail_msg("row %zu: %s, %zu bytes", i, hc_strerror(err), len);
		if (rows[i].made == NULL || rows[i].made[0] == '\0')
			continue;
		hc_writer_init(&expected, wanted, sizeof(wanted));
		put(&expected, rows[i].made);
		if (memcmp(made, wanted, len) != 0)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_numbers_become_a_key_where_they_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
