/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a card's certificate, and judging it: what may not sign anybody in comes first. */
#include "hospiconnect/cps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cps_ca.h"

static struct hc_test_party people, test_people, organisations;

static int make_authorities(void **state)
{
	(void)state;
	people = hc_test_authority("AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE", NULL);
	test_people = hc_test_authority("TEST AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE TEST", NULL);
	organisations = hc_test_authority("AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", "IGC-SANTE", NULL);
	return 0;
}

static int clear_authorities(void **state)
{
	(void)state;
	hc_test_party_clear(&people);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&organisations);
	return 0;
}

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static enum hc_err read_issued(const struct hc_test_subject *subject, const struct hc_test_party *issuer,
			       struct hc_cps_certificate *certificate)
{
	uint8_t der[HC_X509_MAX];
	struct hc_test_party party = hc_test_issue(subject, issuer);
	const size_t len = hc_test_der(party.certificate, der, sizeof(der));

	hc_test_party_clear(&party);
	return hc_cps_read(der, len, certificate);
}

static enum hc_reason judge(const struct hc_test_subject *subject, const struct hc_test_party *issuer,
			    bool allow_test, bool *ret_bound)
{
	const struct hc_cps_rules rules = {.allow_test = allow_test};
	struct hc_cps_certificate certificate;

	assert_int_equal(read_issued(subject, issuer, &certificate), HC_OK);
	return hc_cps_judge(&certificate, &rules, now_ms(), ret_bound);
}

/* ---- judging ---- */

enum change { EXTENSION, GIVEN_NAME, BOTH_NAMES, COMMON_NAME, UNIT, FROM, UNTIL, RSA_BITS };

static const struct {
	const char *what;
	enum change change;
	const char *name, *value;
	int number;
	enum hc_reason reason;
} refused[] = {
	{"a signature certificate", EXTENSION, "keyUsage", "critical,nonRepudiation", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"signing and committing", EXTENSION, "keyUsage", "critical,digitalSignature,nonRepudiation", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"a usage that is not critical", EXTENSION, "keyUsage", "digitalSignature", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"no usage at all", EXTENSION, "keyUsage", NULL, 0, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"mail alone", EXTENSION, "extendedKeyUsage", "emailProtection", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"no smart-card logon", EXTENSION, "extendedKeyUsage", "clientAuth", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"no client authentication", EXTENSION, "extendedKeyUsage", "msSmartcardLogin", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"an authority", EXTENSION, "basicConstraints", "CA:TRUE", 0, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"a certificate in software", EXTENSION, "1.2.250.1.71.1.2.5", "DER:040103", 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"a weak key", RSA_BITS, NULL, NULL, 1024, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"a test card", EXTENSION, "1.2.250.1.71.1.2.5", "DER:040180", 0, HC_REASON_TEST_CARD},
	{"neither card nor category", EXTENSION, "1.2.250.1.71.1.2.5", NULL, 0,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
	{"no card type", EXTENSION, "1.2.250.1.71.1.2.2", NULL, 0, HC_REASON_CARD_SHARED},
	{"a card without a name", BOTH_NAMES, NULL, NULL, 0, HC_REASON_CARD_SHARED},
	{"half a name", GIVEN_NAME, NULL, NULL, 0, HC_REASON_CARD_SHARED},
	{"nobody's number", COMMON_NAME, NULL, NULL, 0, HC_REASON_CARD_SHARED},
	{"a legacy card", UNIT, NULL, NULL, 0, HC_REASON_LEGACY_CARD},
	{"from tomorrow on", FROM, NULL, NULL, 1, HC_REASON_CERTIFICATE_EXPIRED},
	{"until yesterday", UNTIL, NULL, NULL, -1, HC_REASON_CERTIFICATE_EXPIRED},
	{"another check digit", COMMON_NAME, NULL, "899900063481", 0, HC_REASON_CARD_CONTRADICTS_ITSELF},
	{"a number too short", COMMON_NAME, NULL, "89990006348", 0, HC_REASON_CARD_CONTRADICTS_ITSELF},
	{"a principal name of another person", EXTENSION, "subjectAltName",
	 "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr", 0, HC_REASON_CARD_CONTRADICTS_ITSELF},
	{"a principal name of another domain", EXTENSION, "subjectAltName",
	 "otherName:msUPN;UTF8:8.99900063480@carte-cps.example", 0, HC_REASON_CARD_CONTRADICTS_ITSELF},
	{"a principal name with more behind it", EXTENSION, "subjectAltName",
	 "otherName:msUPN;UTF8:8.999000634800@carte-cps.fr", 0, HC_REASON_CARD_CONTRADICTS_ITSELF},
};

static void change_card(struct hc_test_subject *card, size_t row)
{
	switch (refused[row].change) {
	case EXTENSION:
		hc_test_set(card, refused[row].name, refused[row].value);
		break;
	case GIVEN_NAME:
		card->given_name = NULL;
		break;
	case BOTH_NAMES:
		card->given_name = card->surname = NULL;
		break;
	case COMMON_NAME:
		card->common_name = refused[row].value;
		hc_test_set(card, "subjectAltName", NULL);
		break;
	case UNIT:
		card->unit = card->title;
		card->title = NULL;
		break;
	case FROM:
		card->from_days = refused[row].number;
		break;
	case UNTIL:
		card->until_days = refused[row].number;
		break;
	case RSA_BITS:
		card->rsa_bits = refused[row].number;
		break;
	}
}

static void what_is_not_a_persons_card_signs_nobody_in(void **state)
{
	bool bound;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(refused); row++) {
		struct hc_test_subject card = hc_test_card();

		change_card(&card, row);
		const enum hc_reason reason = judge(&card, &people, false, &bound);

		if (reason != refused[row].reason)
			fail_msg("row %zu, %s: %s, wanted %s", row, refused[row].what, hc_reason_name(reason),
				 hc_reason_name(refused[row].reason));
	}
}

static void an_organisations_certificate_is_told_from_a_persons(void **state)
{
	struct hc_test_subject server = hc_test_card();
	bool bound;

	(void)state;
	assert_int_equal(judge(&server, &organisations, false, &bound), HC_REASON_ORGANISATION_CARD);
	server.given_name = server.surname = NULL;
	hc_test_set(&server, "1.2.250.1.71.1.2.2", NULL);
	hc_test_set(&server, "1.2.250.1.71.1.2.5", "DER:040103");
	assert_int_equal(judge(&server, &people, false, &bound), HC_REASON_ORGANISATION_CARD);
}

static void a_test_authority_makes_test_cards_whatever_they_say(void **state)
{
	const struct hc_test_subject card = hc_test_card();
	bool bound;

	(void)state;
	assert_int_equal(judge(&card, &test_people, false, &bound), HC_REASON_TEST_CARD);
	assert_int_equal(judge(&card, &test_people, true, &bound), HC_REASON_NONE);
}

static void a_persons_card_is_one(void **state)
{
	struct hc_test_subject card = hc_test_card();
	bool bound = true;

	(void)state;
	assert_int_equal(judge(&card, &people, false, &bound), HC_REASON_NONE);
	assert_false(bound);
	hc_test_set(&card, "subjectAltName", NULL); /* cards from before 2011 have none */
	card.rsa_bits = 0;
	assert_int_equal(judge(&card, &people, false, &bound), HC_REASON_NONE);
}

static void a_number_within_a_structure_says_so(void **state)
{
	struct hc_test_subject card = hc_test_card();
	struct hc_cps_certificate certificate;
	bool bound = false;

	(void)state;
	card.common_name = "3760021832/000000018";
	card.unit = "1760021832";
	card.organization = "CHU DE TEST";
	hc_test_set(&card, "1.2.250.1.71.1.2.2", "DER:020102");
	hc_test_set(&card, "subjectAltName", "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr");
	assert_int_equal(judge(&card, &people, false, &bound), HC_REASON_NONE);
	assert_true(bound);
	assert_int_equal(read_issued(&card, &people, &certificate), HC_OK);
	assert_string_equal(certificate.structure_id, "3760021832");
	assert_int_equal(certificate.card_type, HC_CPS_CPE);
}

/* ---- reading ---- */

static void everything_on_the_card_is_read(void **state)
{
	const struct hc_test_subject card = hc_test_card();
	struct hc_cps_certificate certificate;

	(void)state;
	assert_int_equal(read_issued(&card, &people, &certificate), HC_OK);
	assert_string_equal(certificate.national_id, "899900063480");
	assert_string_equal(certificate.structure_id, "");
	assert_string_equal(certificate.given_name.text, "MAX");
	assert_string_equal(certificate.family_name.text, "LIBRE");
	assert_string_equal(certificate.title.text, "M\xc3\xa9"
						    "decin");
	assert_int_equal(certificate.category, 0);
	assert_int_equal(certificate.card_type, HC_CPS_CPS);
	assert_int_equal(certificate.profession, 10);
	assert_int_equal(certificate.training, -1);
	assert_string_equal(certificate.card_issuer, "8025000001");
	assert_string_equal(certificate.card_number, "2600855206");
	assert_int_equal(certificate.skill_count, 1);
	assert_string_equal(certificate.skills[0], "SM26");
	assert_string_equal(certificate.upn, "8.99900063480@carte-cps.fr");
	assert_string_equal(certificate.issuer_name, "AC IGC-SANTE ELEMENTAIRE PERSONNES");
	assert_string_equal(certificate.issuer,
			    "CN=AC IGC-SANTE ELEMENTAIRE PERSONNES,OU=IGC-SANTE,O=ASIP-SANTE,C=FR");
	assert_true(certificate.rsa);
	assert_int_equal(certificate.key_bits, 2048);
	assert_true(certificate.not_before_ms < now_ms() && certificate.not_after_ms > now_ms());
}

static const struct {
	const char *what, *oid, *value;
} malformed[] = {
	{"category of two bytes", "1.2.250.1.71.1.2.5", "DER:04028000"},
	{"category as a number", "1.2.250.1.71.1.2.5", "DER:020180"},
	{"category with something behind", "1.2.250.1.71.1.2.5", "DER:04018000"},
	{"category in a long form", "1.2.250.1.71.1.2.5", "DER:04810180"},
	{"an empty category", "1.2.250.1.71.1.2.5", "DER:0400"},
	{"card type 4", "1.2.250.1.71.1.2.2", "DER:020104"},
	{"a negative card type", "1.2.250.1.71.1.2.2", "DER:0201FF"},
	{"card type with a leading zero", "1.2.250.1.71.1.2.2", "DER:02020001"},
	{"an empty card type", "1.2.250.1.71.1.2.2", "DER:0200"},
	{"card number without slash", "1.2.250.1.71.1.2.3", "DER:130A32363030383535323036"},
	{"card number with letters", "1.2.250.1.71.1.2.3", "DER:1303412F42"},
	{"card number as UTF-8", "1.2.250.1.71.1.2.3", "DER:0C03312F32"},
	{"card number that ends with the slash", "1.2.250.1.71.1.2.3", "DER:1302312F"},
	{"a profession of four bytes", "1.2.250.1.71.1.2.7", "DER:02040000000A"},
	{"a profession cut off", "1.2.250.1.71.1.2.7", "DER:0202000A"},
	{"skills that are no sequence", "1.2.250.1.71.4.2.5", "DER:0C04534D3236"},
	{"a skill with a space", "1.2.250.1.71.4.2.5", "DER:30050C03534D20"},
	{"a skill longer than the sequence", "1.2.250.1.71.4.2.5", "DER:30060C05534D3236"},
	{"no skill in the sequence", "1.2.250.1.71.4.2.5", "DER:3000"},
	{"a critical extension that nobody knows", "1.2.3.4", "critical,DER:0500"},
};

static void one_wrong_byte_in_a_private_extension_refuses_the_certificate(void **state)
{
	(void)state;
	for (size_t row = 0; row < HC_COUNT(malformed); row++) {
		struct hc_test_subject card = hc_test_card();
		struct hc_cps_certificate certificate;

		hc_test_set(&card, malformed[row].oid, malformed[row].value);
		const enum hc_err err = read_issued(&card, &people, &certificate);

		if (err != HC_ERR_INVALID)
			fail_msg("row %zu, %s: %s", row, malformed[row].what, hc_strerror(err));
	}
}

static void a_name_that_reads_two_ways_refuses_the_certificate(void **state)
{
	static const char *const names[] = {"8999\n00063480", "8999\xe2\x80\xae"
							      "00063480"};
	struct hc_cps_certificate certificate;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(names); row++) {
		struct hc_test_subject card = hc_test_card();

		card.common_name = names[row];
		if (read_issued(&card, &people, &certificate) != HC_ERR_INVALID)
			fail_msg("row %zu was read", row);
	}
}

static void a_second_common_name_refuses_the_certificate(void **state)
{
	uint8_t der[HC_X509_MAX];
	struct hc_cps_certificate certificate;
	const struct hc_test_subject card = hc_test_card();
	struct hc_test_party party = hc_test_issue(&card, &people);

	(void)state;
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(party.certificate), "CN",
						    MBSTRING_UTF8, (const unsigned char *)"899700218896", -1,
						    -1, 0),
			 1);
	assert_true(X509_sign(party.certificate, people.key, EVP_sha256()) > 0);
	const size_t len = hc_test_der(party.certificate, der, sizeof(der));

	assert_int_equal(hc_cps_read(der, len, &certificate), HC_ERR_INVALID);
	hc_test_party_clear(&party);
}

static void a_private_extension_given_twice_refuses_the_certificate(void **state)
{
	struct hc_test_subject card = hc_test_card();
	struct hc_cps_certificate certificate;
	size_t end = 0;

	(void)state;
	while (card.extensions[end].name != NULL)
		end++;
	card.extensions[end] = (struct hc_test_extension){"1.2.250.1.71.1.2.5", "DER:040100"};
	assert_int_equal(read_issued(&card, &people, &certificate), HC_ERR_INVALID);
}

static void every_truncation_and_any_trailing_byte_is_refused(void **state)
{
	uint8_t der[HC_X509_MAX + 1];
	struct hc_cps_certificate certificate;
	const struct hc_test_subject card = hc_test_card();
	struct hc_test_party party = hc_test_issue(&card, &people);
	const size_t len = hc_test_der(party.certificate, der, HC_X509_MAX);

	(void)state;
	hc_test_party_clear(&party);
	for (size_t cut = 0; cut < len; cut++)
		if (hc_cps_read(der, cut, &certificate) == HC_OK)
			fail_msg("%zu of %zu bytes were read", cut, len);
	der[len] = 0;
	assert_int_equal(hc_cps_read(der, len + 1, &certificate), HC_ERR_INVALID);
	assert_int_equal(hc_cps_read(der, HC_X509_MAX + 1, &certificate), HC_ERR_TOOBIG);
	assert_int_equal(hc_cps_read(der, len, &certificate), HC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_a_persons_card_signs_nobody_in),
		cmocka_unit_test(an_organisations_certificate_is_told_from_a_persons),
		cmocka_unit_test(a_test_authority_makes_test_cards_whatever_they_say),
		cmocka_unit_test(a_persons_card_is_one),
		cmocka_unit_test(a_number_within_a_structure_says_so),
		cmocka_unit_test(everything_on_the_card_is_read),
		cmocka_unit_test(one_wrong_byte_in_a_private_extension_refuses_the_certificate),
		cmocka_unit_test(a_name_that_reads_two_ways_refuses_the_certificate),
		cmocka_unit_test(a_second_common_name_refuses_the_certificate),
		cmocka_unit_test(a_private_extension_given_twice_refuses_the_certificate),
		cmocka_unit_test(every_truncation_and_any_trailing_byte_is_refused),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
