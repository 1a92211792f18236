/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every shape of certificate that the authorities over cards issue, or that somebody might make of one: each is
 * read exactly and judged, or refused with its reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cps_ca.h"
#include "hospiconnect/cps.h"

#define CATEGORY    "1.2.250.1.71.1.2.5"
#define TYPE	    "1.2.250.1.71.1.2.2"
#define NUMBER	    "1.2.250.1.71.1.2.3"
#define PROFESSION  "1.2.250.1.71.1.2.7"
#define TRAINING    "1.2.250.1.71.1.2.8"
#define SKILLS	    "1.2.250.1.71.4.2.5"
#define RESPONSIBLE "1.2.250.1.71.1.2.12"
#define PRIVATE	    "1.2.250."
#define MEDECIN     \
	"M\xc3\xa9" \
	"decin"

/* ---- authorities ---- */

enum branch {
	FORT,
	STANDARD,
	ELEMENTAIRE,
	FORT_TEST,
	STANDARD_TEST,
	ELEMENTAIRE_TEST,
	ORGANISATIONS,
	LEGACY,
	BRANCHES
};

static const struct {
	const char *root, *name, *unit;
} names[BRANCHES] = {
	{"AC RACINE IGC-SANTE FORT", "AC IGC-SANTE FORT PERSONNES", "IGC-SANTE"},
	{"AC RACINE IGC-SANTE STANDARD", "AC IGC-SANTE STANDARD PERSONNES", "IGC-SANTE"},
	{"AC RACINE IGC-SANTE ELEMENTAIRE", "AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE"},
	{"TEST AC RACINE IGC-SANTE FORT", "TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST"},
	{"TEST AC RACINE IGC-SANTE STANDARD", "TEST AC IGC-SANTE STANDARD PERSONNES", "IGC-SANTE TEST"},
	{"TEST AC RACINE IGC-SANTE ELEMENTAIRE", "TEST AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE TEST"},
	{"AC RACINE IGC-SANTE FORT", "AC IGC-SANTE FORT ORGANISATIONS", "IGC-SANTE"},
	{"AC RACINE GIP-CPS", "TEST CLASSE-1", "GIP-CPS"},
};
static struct hc_test_party roots[BRANCHES], authorities[BRANCHES];
static struct hc_trust *trust;

static int make_authorities(void **state)
{
	uint8_t der[HC_X509_MAX];

	(void)state;
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	for (size_t i = 0; i < BRANCHES; i++) {
		size_t ignored = 0;

		roots[i] = hc_test_authority(names[i].root, names[i].unit, NULL);
		authorities[i] = hc_test_authority(names[i].name, names[i].unit, &roots[i]);
		assert_int_equal(hc_trust_add(trust, der, hc_test_der(roots[i].certificate, der, sizeof(der)),
					      &ignored),
				 HC_OK);
		assert_int_equal(hc_trust_add(trust, der,
					      hc_test_der(authorities[i].certificate, der, sizeof(der)),
					      &ignored),
				 HC_OK);
	}
	return 0;
}

static int clear_authorities(void **state)
{
	(void)state;
	hc_trust_free(&trust);
	for (size_t i = 0; i < BRANCHES; i++) {
		hc_test_party_clear(&roots[i]);
		hc_test_party_clear(&authorities[i]);
	}
	return 0;
}

/* ---- shapes ---- */

/* The rest of the profile, which decides nothing: policies, period of use, lists, responder. */
static void add_profile(struct hc_test_subject *card)
{
	hc_test_set(card, "certificatePolicies", "DER:3011300F060D2A817A01815501070201010101");
	hc_test_set(card, "2.5.29.16",
		    "DER:3022800F32303236303130313030303030305A810F32303239303130313030303030305A");
	hc_test_set(card, "crlDistributionPoints", "URI:http://igc-sante.esante.gouv.fr/CRL/ACI-EL-PP.crl");
	hc_test_set(card, "freshestCRL", "URI:ldap://annuaire-igc.esante.gouv.fr/cn=delta");
	hc_test_set(card, "authorityInfoAccess", "OCSP;URI:http://ocsp.esante.gouv.fr");
}

static void plain(struct hc_test_subject *card)
{
	(void)card;
}

static void whole(struct hc_test_subject *card)
{
	add_profile(card);
	card->rsa_bits = 2048;
}

static void of_4096_bits(struct hc_test_subject *card)
{
	card->rsa_bits = 4096;
}

static void on_p384(struct hc_test_subject *card)
{
	card->curve = "P-384";
}

static void on_p521(struct hc_test_subject *card)
{
	card->curve = "P-521";
}

static void on_koblitz(struct hc_test_subject *card)
{
	card->curve = "secp256k1";
}

static void on_p192(struct hc_test_subject *card)
{
	card->curve = "P-192";
}

static void test_card(struct hc_test_subject *card)
{
	hc_test_set(card, CATEGORY, "DER:040180");
}

static void cpf(struct hc_test_subject *card)
{
	card->title = "Etudiant";
	card->common_name = "9990000001";
	hc_test_set(card, "subjectAltName", "otherName:msUPN;UTF8:9.990000001@carte-cps.fr");
	hc_test_set(card, TYPE, "DER:020101");
	hc_test_set(card, PROFESSION, NULL);
	hc_test_set(card, TRAINING, "DER:02010A");
	hc_test_set(card, SKILLS, NULL);
}

static void cpe(struct hc_test_subject *card)
{
	card->state = "Seine-Maritime (76)";
	card->organization = "CABINET M TEST";
	card->unit = "1760021832";
	card->title = "Secr\xc3\xa9taire";
	card->common_name = "3760021832/000000018";
	hc_test_set(card, "subjectAltName", "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr");
	hc_test_set(card, TYPE, "DER:020102");
	hc_test_set(card, PROFESSION, NULL);
	hc_test_set(card, RESPONSIBLE, "DER:020101");
	hc_test_set(card, SKILLS, NULL);
}

static void cpe_without_name(struct hc_test_subject *card)
{
	cpe(card);
	card->given_name = card->surname = NULL;
	card->common_name = "3760021832/EMPLOYE018";
	hc_test_set(card, "subjectAltName", NULL);
}

static void cpa(struct hc_test_subject *card)
{
	cpe(card);
	hc_test_set(card, TYPE, "DER:020103");
}

static void organisation(struct hc_test_subject *card)
{
	*card = (struct hc_test_subject){.country = "FR",
					 .state = "Rh\xc3\xb4ne (69)",
					 .organization = "HOPITAL DE TEST",
					 .unit = "10B0127189",
					 .common_name = "www.example.org",
					 .extensions = {{"basicConstraints", "CA:FALSE"},
							{"subjectKeyIdentifier", "hash"},
							{"authorityKeyIdentifier", "keyid:always"},
							{"keyUsage", "critical,digitalSignature"},
							{"extendedKeyUsage", "clientAuth"},
							{CATEGORY, "DER:040103"}},
					 .from_days = -10,
					 .until_days = 900};
}

static void legacy(struct hc_test_subject *card)
{
	card->unit = MEDECIN;
	card->organization = "TEST";
	card->title = NULL;
	hc_test_set(card, "certificatePolicies", "DER:3010300E060C2A817A014703070901010201");
}

static void signature_only(struct hc_test_subject *card)
{
	hc_test_set(card, "keyUsage", "critical,nonRepudiation");
	hc_test_set(card, "extendedKeyUsage", "emailProtection");
	hc_test_set(card, "subjectAltName", NULL);
}

static void in_software(struct hc_test_subject *card)
{
	hc_test_set(card, CATEGORY, "DER:040103");
	hc_test_set(card, NUMBER, NULL);
}

static void expired(struct hc_test_subject *card)
{
	card->from_days = -900;
	card->until_days = -1;
}

static void from_tomorrow(struct hc_test_subject *card)
{
	card->from_days = 1;
}

static void for_servers(struct hc_test_subject *card)
{
	hc_test_set(card, "extendedKeyUsage", "serverAuth");
}

static void for_anything(struct hc_test_subject *card)
{
	hc_test_set(card, "extendedKeyUsage", "anyExtendedKeyUsage");
}

static void without_category(struct hc_test_subject *card)
{
	hc_test_set(card, CATEGORY, NULL);
}

static void without_type(struct hc_test_subject *card)
{
	hc_test_set(card, TYPE, NULL);
}

static void without_number(struct hc_test_subject *card)
{
	hc_test_set(card, NUMBER, NULL);
}

static void without_profession(struct hc_test_subject *card)
{
	hc_test_set(card, PROFESSION, NULL);
}

static void without_skills(struct hc_test_subject *card)
{
	hc_test_set(card, SKILLS, NULL);
}

static void with_two_skills(struct hc_test_subject *card)
{
	hc_test_set(card, SKILLS, "DER:300C0C04534D32360C04534D3534");
}

static void adeli(struct hc_test_subject *card)
{
	card->common_name = "0691234567";
	hc_test_set(card, "subjectAltName", "otherName:msUPN;UTF8:0.691234567@carte-cps.fr");
}

static const struct shape {
	const char *what;
	enum branch branch;
	void (*make)(struct hc_test_subject *card);
	enum hc_reason reason, with_tests; /* without and with allow_test */
	enum hc_reason chain;		   /* with allow_test */
	int type, profession, training;
	size_t skills;
	bool bound, numbered;
} shapes[] = {
	{"software", FORT, in_software, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, false},
	{"signature alone", FORT, signature_only, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"for servers", FORT, for_servers, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"for anything", FORT, for_anything, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"organisation", ORGANISATIONS, organisation, HC_REASON_ORGANISATION_CARD,
	 HC_REASON_ORGANISATION_CARD, HC_REASON_ORGANISATION_CARD, -1, -1, -1, 0, false, false},
	{"person below organisations", ORGANISATIONS, plain, HC_REASON_ORGANISATION_CARD,
	 HC_REASON_ORGANISATION_CARD, HC_REASON_ORGANISATION_CARD, 0, 10, -1, 1, false, true},
	{"organisation below persons", FORT, organisation, HC_REASON_ORGANISATION_CARD,
	 HC_REASON_ORGANISATION_CARD, HC_REASON_NONE, -1, -1, -1, 0, false, false},
	{"legacy", LEGACY, legacy, HC_REASON_LEGACY_CARD, HC_REASON_LEGACY_CARD,
	 HC_REASON_AUTHORITY_NOT_TRUSTED, 0, 10, -1, 1, false, true},
	{"CPE without a name", ELEMENTAIRE, cpe_without_name, HC_REASON_CARD_SHARED, HC_REASON_CARD_SHARED,
	 HC_REASON_NONE, 2, -1, -1, 0, true, true},
	{"expired", FORT, expired, HC_REASON_CERTIFICATE_EXPIRED, HC_REASON_CERTIFICATE_EXPIRED,
	 HC_REASON_CERTIFICATE_EXPIRED, 0, 10, -1, 1, false, true},
	{"from tomorrow", FORT, from_tomorrow, HC_REASON_CERTIFICATE_EXPIRED, HC_REASON_CERTIFICATE_EXPIRED,
	 HC_REASON_CERTIFICATE_EXPIRED, 0, 10, -1, 1, false, true},
	{"P-192", FORT, on_p192, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_AUTHORITY_NOT_TRUSTED, 0, 10, -1, 1, false, true},
	{"P-521", FORT, on_p521, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"secp256k1", FORT, on_koblitz, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"no category", FORT, without_category, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
	 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"no card type", FORT, without_type, HC_REASON_CARD_SHARED, HC_REASON_CARD_SHARED, HC_REASON_NONE, -1,
	 10, -1, 1, false, true},
	{"test card of production", FORT, test_card, HC_REASON_TEST_CARD, HC_REASON_NONE, HC_REASON_NONE, 0,
	 10, -1, 1, false, true},
	{"test FORT", FORT_TEST, test_card, HC_REASON_TEST_CARD, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1,
	 false, true},
	{"test STANDARD", STANDARD_TEST, test_card, HC_REASON_TEST_CARD, HC_REASON_NONE, HC_REASON_NONE, 0,
	 10, -1, 1, false, true},
	{"test ELEMENTAIRE", ELEMENTAIRE_TEST, test_card, HC_REASON_TEST_CARD, HC_REASON_NONE, HC_REASON_NONE,
	 0, 10, -1, 1, false, true},
	{"production card of a test authority", FORT_TEST, plain, HC_REASON_TEST_CARD, HC_REASON_NONE,
	 HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"no card number", FORT, without_number, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1,
	 false, false},
	{"no profession", FORT, without_profession, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, -1, -1,
	 1, false, true},
	{"no skills", FORT, without_skills, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 0,
	 false, true},
	{"two skills", FORT, with_two_skills, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 2,
	 false, true},
	{"FORT", FORT, whole, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"STANDARD", STANDARD, whole, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false,
	 true},
	{"ELEMENTAIRE", ELEMENTAIRE, whole, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1,
	 false, true},
	{"4096 bits", FORT, of_4096_bits, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false,
	 true},
	{"P-256", FORT, plain, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"P-384", FORT, on_p384, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"ADELI", FORT, adeli, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 0, 10, -1, 1, false, true},
	{"CPF", ELEMENTAIRE, cpf, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 1, -1, 10, 0, false, true},
	{"CPE", ELEMENTAIRE, cpe, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 2, -1, -1, 0, true, true},
	{"CPA", ELEMENTAIRE, cpa, HC_REASON_NONE, HC_REASON_NONE, HC_REASON_NONE, 3, -1, -1, 0, true, true},
};

static size_t issue(const struct hc_test_subject *subject, enum branch branch, uint8_t der[HC_X509_MAX])
{
	struct hc_test_party party = hc_test_issue(subject, &authorities[branch]);
	const size_t len = hc_test_der(party.certificate, der, HC_X509_MAX);

	hc_test_party_clear(&party);
	return len;
}

static struct hc_test_subject quick_card(void)
{
	struct hc_test_subject card = hc_test_card();

	card.rsa_bits = 0;
	return card;
}

static void expect(size_t row, const char *what, const char *whose, enum hc_reason got, enum hc_reason wanted)
{
	if (got != wanted)
		fail_msg("row %zu, %s: %s %s, wanted %s", row, what, whose, hc_reason_name(got),
			 hc_reason_name(wanted));
}

static void every_shape_is_read_exactly_and_judged_for_what_it_is(void **state)
{
	static const struct hc_cps_rules production = {.allow_test = false},
					 with_tests = {.allow_test = true};
	const int64_t now_ms = (int64_t)time(NULL) * 1000;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(shapes); row++) {
		const struct shape *shape = &shapes[row];
		struct hc_test_subject card = quick_card();
		struct hc_cps_certificate read;
		uint8_t der[HC_X509_MAX];
		bool bound;
		size_t len;

		shape->make(&card);
		len = issue(&card, shape->branch, der);
		if (hc_cps_read(der, len, &read) != HC_OK)
			fail_msg("row %zu, %s: not read", row, shape->what);
		expect(row, shape->what, "judged", hc_cps_judge(&read, &production, now_ms, &bound),
		       shape->reason);
		expect(row, shape->what, "judged with tests",
		       hc_cps_judge(&read, &with_tests, now_ms, &bound), shape->with_tests);
		expect(row, shape->what, "chained", hc_cps_verify_chain(trust, der, len, &with_tests, now_ms),
		       shape->chain);
		if (bound != shape->bound || read.card_type != shape->type ||
		    read.profession != shape->profession || read.training != shape->training ||
		    read.skill_count != shape->skills || (read.card_number[0] != '\0') != shape->numbered ||
		    strcmp(read.national_id, card.common_name) != 0 ||
		    strcmp(read.issuer_name, names[shape->branch].name) != 0)
			fail_msg("row %zu, %s: bound %d, type %d, profession %d, training %d, skills %zu, "
				 "number '%s', id %s, of %s",
				 row, shape->what, bound, read.card_type, read.profession, read.training,
				 read.skill_count, read.card_number, read.national_id, read.issuer_name);
	}
}

/* ---- broken extensions ---- */

static const struct {
	const char *what, *name, *value;
} broken[] = {
	{"basic constraints cut off", "basicConstraints", "DER:3003"},
	{"basic constraints that are a number", "basicConstraints", "DER:020100"},
	{"a usage that is a number", "keyUsage", "critical,DER:020180"},
	{"a usage without bits", "keyUsage", "critical,DER:0300"},
	{"a usage with something behind", "keyUsage", "critical,DER:0302078000"},
	{"extended usages without any", "extendedKeyUsage", "DER:3000"},
	{"an extended usage that is text", "extendedKeyUsage", "DER:30030C0161"},
	{"extended usages cut off", "extendedKeyUsage", "DER:300A06082B06010505"},
	{"a principal name cut off", "subjectAltName", "DER:30FF"},
	{"a principal name without a value", "subjectAltName", "DER:300EA00C060A2B060104018237140203"},
	{"alternative names that are none", "subjectAltName", "DER:0500"},
	{"category: a byte that is none", CATEGORY, "DER:00"},
	{"category: another type", CATEGORY, "DER:0C0100"},
	{"category: cut off", CATEGORY, "DER:0401"},
	{"type: another type", TYPE, "DER:0A0100"},
	{"type: cut off", TYPE, "DER:0201"},
	{"type: behind", TYPE, "DER:02010000"},
	{"number: cut off", NUMBER, "DER:1316383032353030303030312F32363030383535323036"},
	{"number: two slashes", NUMBER, "DER:1305312F322F33"},
	{"number: behind", NUMBER, "DER:1303312F3200"},
	{"number: longer than one", NUMBER,
	 "DER:132431323334353637383930313233343536373839303132333435363738393031323334352F31"},
	{"profession: another type", PROFESSION, "DER:04010A"},
	{"profession: negative", PROFESSION, "DER:0201F0"},
	{"profession: behind", PROFESSION, "DER:02010A00"},
	{"training: another type", TRAINING, "DER:13023130"},
	{"training: two lengths", TRAINING, "DER:0281010A"},
	{"training: cut off", TRAINING, "DER:02020A"},
	{"training: behind", TRAINING, "DER:02010A00"},
	{"skills: printable", SKILLS, "DER:30061304534D3236"},
	{"skills: behind", SKILLS, "DER:30060C04534D323600"},
	{"skills: an indefinite length", SKILLS, "DER:30800C04534D32360000"},
	{"skills: an empty one", SKILLS, "DER:30020C00"},
};

static void a_broken_extension_signs_nobody_in(void **state)
{
	static const struct hc_cps_rules rules = {.allow_test = true};
	const int64_t now_ms = (int64_t)time(NULL) * 1000;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(broken); row++) {
		struct hc_test_subject card = quick_card();
		struct hc_cps_certificate read;
		uint8_t der[HC_X509_MAX];
		bool bound;
		size_t len;

		hc_test_set(&card, broken[row].name, broken[row].value);
		len = issue(&card, FORT, der);
		if (hc_cps_read(der, len, &read) != HC_OK)
			continue;
		/* What is not the cards' own may be read as absent, and is missed then. */
		if (strncmp(broken[row].name, PRIVATE, strlen(PRIVATE)) == 0)
			fail_msg("row %zu, %s: was read", row, broken[row].what);
		if (hc_cps_judge(&read, &rules, now_ms, &bound) == HC_REASON_NONE)
			fail_msg("row %zu, %s: would sign in", row, broken[row].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_extension_signs_nobody_in),
		cmocka_unit_test(every_shape_is_read_exactly_and_judged_for_what_it_is),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
