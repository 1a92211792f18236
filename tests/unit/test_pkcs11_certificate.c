/* SPDX-License-Identifier: Apache-2.0 */
/* What hc-pkcs11 reads of a certificate, and how it writes ECDSA signatures. */
#include "pkcs11_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ecdsa.h>

#include "cps_ca.h"
#include "hospiconnect/attrs.h"

#define DER_MAX 4096

static size_t card_der(const struct hc_test_subject *subject, uint8_t der[DER_MAX])
{
	struct hc_test_party party = hc_test_issue(subject, NULL);
	size_t len = hc_test_der(party.certificate, der, DER_MAX);

	hc_test_party_clear(&party);
	return len;
}

static void usage_of_a_cut_or_changed_certificate_is_never_read_past_its_end(void **state)
{
	struct hc_test_subject subject = hc_test_card();
	struct hc_p11_usage usage;
	uint8_t der[DER_MAX];
	size_t len;

	(void)state;
	len = card_der(&subject, der);

	assert_int_equal(hc_p11_usage_read(NULL, 0, &usage), HC_ERR_INVALID);
	for (size_t cut = 1; cut < len; cut++) {
		uint8_t *exact = malloc(cut);

		assert_non_null(exact);
		memcpy(exact, der, cut);
		if (hc_p11_usage_read(exact, cut, &usage) != HC_ERR_INVALID)
			fail_msg("cut at %zu: read", cut);
		free(exact);
	}
	for (size_t at = 0; at < len; at++) {
		uint8_t *changed = malloc(len);

		assert_non_null(changed);
		memcpy(changed, der, len);
		changed[at] ^= 0x81;
		/* Some bytes are nobody's business here; what counts is that no length is followed out of the block. */
		if (hc_p11_usage_read(changed, len, &usage) == HC_OK)
			assert_true(memchr(usage.holder, '\0', sizeof(usage.holder)) != NULL);
		free(changed);
	}
}

static void usage_with_a_byte_behind_the_certificate_is_refused(void **state)
{
	struct hc_test_subject subject = hc_test_card();
	struct hc_p11_usage usage;
	uint8_t der[DER_MAX];
	size_t len;

	(void)state;
	len = card_der(&subject, der);
	der[len] = 0;

	assert_int_equal(hc_p11_usage_read(der, len + 1, &usage), HC_ERR_INVALID);
	assert_int_equal(hc_p11_usage_read(der, len, &usage), HC_OK);
}

static void usage_says_what_the_extensions_say(void **state)
{
	static const struct {
		const char *name, *value;
		struct hc_p11_usage expected;
	} rows[] = {
		{"2.5.29.99",
		 NULL,
		 {.has_key_usage = true, .may_sign = true, .client_auth = true, .smart_card = true}},
		{"keyUsage",
		 "critical,nonRepudiation",
		 {.has_key_usage = true, .may_commit = true, .client_auth = true, .smart_card = true}},
		{"keyUsage",
		 "critical,digitalSignature,nonRepudiation",
		 {.has_key_usage = true,
		  .may_sign = true,
		  .may_commit = true,
		  .client_auth = true,
		  .smart_card = true}},
		{"keyUsage", NULL, {.client_auth = true, .smart_card = true}},
		{"extendedKeyUsage",
		 "clientAuth",
		 {.has_key_usage = true, .may_sign = true, .client_auth = true}},
		{"extendedKeyUsage",
		 "msSmartcardLogin",
		 {.has_key_usage = true, .may_sign = true, .smart_card = true}},
		{"extendedKeyUsage", "emailProtection,serverAuth", {.has_key_usage = true, .may_sign = true}},
		{"extendedKeyUsage", NULL, {.has_key_usage = true, .may_sign = true}},
		{"basicConstraints",
		 "critical,CA:TRUE",
		 {.authority = true,
		  .has_key_usage = true,
		  .may_sign = true,
		  .client_auth = true,
		  .smart_card = true}},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_test_subject subject = hc_test_card();
		struct hc_p11_usage usage;
		uint8_t der[DER_MAX];
		size_t len;

		hc_test_set(&subject, rows[i].name, rows[i].value);
		len = card_der(&subject, der);
		if (hc_p11_usage_read(der, len, &usage) != HC_OK)
			fail_msg("row %zu: not read", i);
		if (usage.authority != rows[i].expected.authority ||
		    usage.has_key_usage != rows[i].expected.has_key_usage ||
		    usage.may_sign != rows[i].expected.may_sign ||
		    usage.may_commit != rows[i].expected.may_commit ||
		    usage.client_auth != rows[i].expected.client_auth ||
		    usage.smart_card != rows[i].expected.smart_card)
			fail_msg("row %zu: another usage", i);
	}
}

static void holder_is_named_from_either_form_and_cannot_act_on_a_terminal(void **state)
{
	static const struct {
		const char *given, *surname, *common, *holder;
	} rows[] = {
		{"MAX", "LIBRE", "899900063480", "MAX LIBRE"},
		{NULL, NULL, "3760021832/000000018", "3760021832/000000018"},
		{NULL, "LIBRE", "899900063480", "LIBRE"},
		{"L\xc3\x89"
		 "A",
		 "D\x1b[2J", "8",
		 "L\xc3\x89"
		 "A D\\x1b[2J"},
		{NULL, NULL, NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_test_subject subject = hc_test_card();
		struct hc_p11_usage usage;
		uint8_t der[DER_MAX];
		size_t len;

		subject.given_name = rows[i].given;
		subject.surname = rows[i].surname;
		subject.common_name = rows[i].common;
		len = card_der(&subject, der);
		assert_int_equal(hc_p11_usage_read(der, len, &usage), HC_OK);
		if (strcmp(usage.holder, rows[i].holder) != 0)
			fail_msg("row %zu: %s", i, usage.holder);
	}
}

static void usage_of_an_ec_certificate_is_read_too(void **state)
{
	struct hc_test_subject subject = hc_test_card();
	struct hc_p11_usage usage;
	uint8_t der[DER_MAX];
	size_t len;

	(void)state;
	subject.rsa_bits = 0;
	len = card_der(&subject, der);

	assert_int_equal(hc_p11_usage_read(der, len, &usage), HC_OK);
	assert_true(usage.may_sign && usage.client_auth && usage.smart_card);
}

/* ---- ECDSA ---- */

static void ecdsa_that_is_no_signature_is_refused(void **state)
{
	static const size_t lengths[] = {0, 1, 63, 65, 134, 200};
	uint8_t raw[200], out[200];
	size_t len = 7;

	(void)state;
	memset(raw, 1, sizeof(raw));
	for (size_t i = 0; i < HC_COUNT(lengths); i++) {
		if (hc_p11_ecdsa_to_der(raw, lengths[i], out, sizeof(out), &len) != HC_ERR_INVALID)
			fail_msg("row %zu: taken", i);
	}
	memset(raw, 0, 32);
	assert_int_equal(hc_p11_ecdsa_to_der(raw, 64, out, sizeof(out), &len), HC_ERR_INVALID);
	memset(raw, 1, 32);
	memset(raw + 32, 0, 32);
	assert_int_equal(hc_p11_ecdsa_to_der(raw, 64, out, sizeof(out), &len), HC_ERR_INVALID);
	memset(raw, 1, sizeof(raw));
	assert_int_equal(hc_p11_ecdsa_to_der(raw, 64, out, 10, &len), HC_ERR_TOOBIG);
	assert_int_equal(len, 7);
}

static void ecdsa_numbers_are_written_as_der_wants_them(void **state)
{
	static const struct {
		uint8_t raw[4];
		uint8_t der[10];
		size_t len;
	} rows[] = {
		{{0x01, 0x02, 0x03, 0x04}, {0x30, 8, 2, 2, 1, 2, 2, 2, 3, 4}, 10},
		{{0x00, 0x02, 0x00, 0x7f}, {0x30, 6, 2, 1, 2, 2, 1, 0x7f}, 8},
		{{0x00, 0x80, 0x00, 0x01}, {0x30, 7, 2, 2, 0, 0x80, 2, 1, 1}, 9},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		uint8_t out[16];
		size_t len = 0;

		assert_int_equal(hc_p11_ecdsa_to_der(rows[i].raw, 4, out, sizeof(out), &len), HC_OK);
		if (len != rows[i].len || memcmp(out, rows[i].der, len) != 0)
			fail_msg("row %zu: another encoding", i);
	}
}

static void ecdsa_of_the_largest_curve_has_a_long_length(void **state)
{
	uint8_t raw[132], out[160];
	const uint8_t *at = out;
	size_t len = 0;
	ECDSA_SIG *signature;

	(void)state;
	memset(raw, 0xff, sizeof(raw));

	assert_int_equal(hc_p11_ecdsa_to_der(raw, sizeof(raw), out, sizeof(out), &len), HC_OK);
	signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(signature);
	assert_ptr_equal(at, out + len);
	assert_int_equal(BN_num_bits(ECDSA_SIG_get0_r(signature)), 528);
	ECDSA_SIG_free(signature);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usage_of_a_cut_or_changed_certificate_is_never_read_past_its_end),
		cmocka_unit_test(usage_with_a_byte_behind_the_certificate_is_refused),
		cmocka_unit_test(usage_says_what_the_extensions_say),
		cmocka_unit_test(holder_is_named_from_either_form_and_cannot_act_on_a_terminal),
		cmocka_unit_test(usage_of_an_ec_certificate_is_read_too),
		cmocka_unit_test(ecdsa_that_is_no_signature_is_refused),
		cmocka_unit_test(ecdsa_numbers_are_written_as_der_wants_them),
		cmocka_unit_test(ecdsa_of_the_largest_curve_has_a_long_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
