/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities, chains, signatures and revocation lists of cards. */
#include "hospiconnect/cps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cps_ca.h"

#define DAY 86400

static const struct hc_cps_rules production = {.allow_test = false};
static const struct hc_cps_rules with_tests = {.allow_test = true};

/* Two branches below one root each, and one that nobody trusts. */
static struct hc_test_party root, people, organisations, test_root, test_people, stranger;
static struct hc_trust *trust;

struct der {
	size_t len;
	uint8_t data[HC_X509_MAX];
};

static void trust_in(struct hc_trust *into, const struct hc_test_party *party)
{
	struct der der;
	size_t count = 0;

	der.len = hc_test_der(party->certificate, der.data, sizeof(der.data));
	assert_int_equal(hc_trust_add(into, der.data, der.len, &count), HC_OK);
	assert_int_equal(count, 1);
}

static int make_authorities(void **state)
{
	(void)state;
	root = hc_test_authority("AC RACINE IGC-SANTE ELEMENTAIRE", "IGC-SANTE", NULL);
	people = hc_test_authority("AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE", &root);
	organisations = hc_test_authority("AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", "IGC-SANTE", &root);
	test_root = hc_test_authority("TEST AC RACINE IGC-SANTE FORT", "IGC-SANTE TEST", NULL);
	test_people = hc_test_authority("TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST", &test_root);
	stranger = hc_test_authority("AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE", NULL);
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	trust_in(trust, &root);
	trust_in(trust, &people);
	trust_in(trust, &organisations);
	trust_in(trust, &test_root);
	trust_in(trust, &test_people);
	return 0;
}

static int clear_authorities(void **state)
{
	(void)state;
	hc_trust_free(&trust);
	hc_test_party_clear(&root);
	hc_test_party_clear(&people);
	hc_test_party_clear(&organisations);
	hc_test_party_clear(&test_root);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&stranger);
	return 0;
}

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static struct der issue(const struct hc_test_subject *subject, const struct hc_test_party *issuer)
{
	struct hc_test_party party = hc_test_issue(subject, issuer);
	struct der der;

	der.len = hc_test_der(party.certificate, der.data, sizeof(der.data));
	hc_test_party_clear(&party);
	return der;
}

static enum hc_reason chain_of(const struct hc_test_subject *subject, const struct hc_test_party *issuer,
			       const struct hc_cps_rules *rules)
{
	const struct der der = issue(subject, issuer);

	return hc_cps_verify_chain(trust, der.data, der.len, rules, now_ms());
}

/* ---- chains ---- */

static void nobody_trusts_a_stranger_of_the_same_name(void **state)
{
	const struct hc_test_subject card = hc_test_card();

	(void)state;
	assert_int_equal(chain_of(&card, &stranger, &production), HC_REASON_AUTHORITY_NOT_TRUSTED);
	assert_int_equal(chain_of(&card, NULL, &production), HC_REASON_AUTHORITY_NOT_TRUSTED);
}

static void a_root_speaks_for_nobody(void **state)
{
	const struct hc_test_subject card = hc_test_card();

	(void)state;
	assert_int_equal(chain_of(&card, &root, &production), HC_REASON_AUTHORITY_NOT_TRUSTED);
}

static void an_authority_over_organisations_speaks_for_no_person(void **state)
{
	const struct hc_test_subject card = hc_test_card();

	(void)state;
	assert_int_equal(chain_of(&card, &organisations, &production), HC_REASON_ORGANISATION_CARD);
}

/* What was decoded is remembered; the verdict over it never is. */
static void a_card_that_chained_is_judged_anew(void **state)
{
	const struct hc_test_subject card = hc_test_card();
	const struct der good = issue(&card, &people);
	const int64_t later = now_ms() + 50LL * 365 * DAY * 1000;
	struct der bad = good;

	(void)state;
	bad.data[bad.len - 1] ^= 1; /* of the authority's signature */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hc_cps_verify_chain(trust, good.data, good.len, &production, now_ms()),
				 HC_REASON_NONE);
		assert_int_equal(hc_cps_verify_chain(trust, bad.data, bad.len, &production, now_ms()),
				 HC_REASON_AUTHORITY_NOT_TRUSTED);
		assert_int_equal(hc_cps_verify_chain(trust, good.data, good.len, &production, later),
				 HC_REASON_CERTIFICATE_EXPIRED);
	}
}

static void a_card_is_no_authority_over_cards(void **state)
{
	const struct hc_test_subject card = hc_test_card();
	struct hc_test_party clinician = hc_test_issue(&card, &people);

	(void)state;
	assert_int_equal(chain_of(&card, &clinician, &production), HC_REASON_AUTHORITY_NOT_TRUSTED);
	hc_test_party_clear(&clinician);
}

static void an_expired_card_does_not_chain(void **state)
{
	struct hc_test_subject card = hc_test_card();

	(void)state;
	card.until_days = -1;
	assert_int_equal(chain_of(&card, &people, &production), HC_REASON_CERTIFICATE_EXPIRED);
}

static void sha1_does_not_chain(void **state)
{
	struct hc_test_subject card = hc_test_card();

	(void)state;
	card.digest = "SHA1";
	assert_int_equal(chain_of(&card, &people, &production), HC_REASON_AUTHORITY_NOT_TRUSTED);
}

static void a_changed_byte_breaks_the_chain(void **state)
{
	const struct hc_test_subject card = hc_test_card();
	struct der der = issue(&card, &people);
	uint8_t *name = memmem(der.data, der.len, "LIBRE", 5);

	(void)state;
	assert_non_null(name);
	name[0] = 'Z';
	assert_int_equal(hc_cps_verify_chain(trust, der.data, der.len, &production, now_ms()),
			 HC_REASON_AUTHORITY_NOT_TRUSTED);
}

static void test_cards_chain_where_they_are_allowed_alone(void **state)
{
	const struct hc_test_subject card = hc_test_card();

	(void)state;
	assert_int_equal(chain_of(&card, &test_people, &production), HC_REASON_TEST_CARD);
	assert_int_equal(chain_of(&card, &test_people, &with_tests), HC_REASON_NONE);
}

static void a_persons_card_chains(void **state)
{
	const struct hc_test_subject card = hc_test_card();

	(void)state;
	assert_int_equal(chain_of(&card, &people, &production), HC_REASON_NONE);
}

/* ---- signatures ---- */

static size_t sign(EVP_PKEY *key, const char *message, uint8_t *out, size_t cap)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = cap;

	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, out, &len, (const uint8_t *)message, strlen(message)), 1);
	EVP_MD_CTX_free(context);
	return len;
}

static void check_signatures(int rsa_bits)
{
	struct hc_test_subject card = hc_test_card();
	uint8_t signature[512];
	struct der der;

	card.rsa_bits = rsa_bits;
	struct hc_test_party party = hc_test_issue(&card, &people);
	struct hc_test_party other = hc_test_issue(&card, &people);
	const size_t foreign_len = sign(other.key, "message", signature, sizeof(signature));

	der.len = hc_test_der(party.certificate, der.data, sizeof(der.data));
	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "message", 7, signature, foreign_len),
			 HC_ERR_PERM);
	const size_t len = sign(party.key, "message", signature, sizeof(signature));

	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "messagf", 7, signature, len),
			 HC_ERR_PERM);
	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "message", 7, signature, len - 1),
			 HC_ERR_PERM);
	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "message", 7, signature, 0), HC_ERR_PERM);
	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "message", 7, signature, len), HC_OK);
	signature[len / 2] ^= 1;
	assert_int_equal(hc_cps_verify_signature(der.data, der.len, "message", 7, signature, len),
			 HC_ERR_PERM);
	hc_test_party_clear(&party);
	hc_test_party_clear(&other);
}

static void only_the_cards_own_signature_over_the_message_holds(void **state)
{
	(void)state;
	check_signatures(2048);
	check_signatures(0);
}

/* ---- the trust directory ---- */

static void a_bundle_with_anything_but_authorities_adds_nothing(void **state)
{
	struct hc_test_subject weak = hc_test_card();
	struct hc_trust *fresh = NULL;
	char pem[2 * HC_X509_MAX];
	struct der der = issue(&weak, &people);

	(void)state;
	assert_int_equal(hc_trust_new(&fresh), HC_OK);
	assert_int_equal(hc_trust_add(fresh, der.data, der.len, NULL), HC_ERR_INVALID);
	weak.rsa_bits = 1024;
	hc_test_set(&weak, "basicConstraints", "critical,CA:TRUE");
	hc_test_set(&weak, "keyUsage", "critical,keyCertSign");
	der = issue(&weak, NULL);
	assert_int_equal(hc_trust_add(fresh, der.data, der.len, NULL), HC_ERR_INVALID);
	assert_int_equal(hc_trust_add(fresh, "", 0, NULL), HC_ERR_INVALID);
	assert_int_equal(hc_trust_add(fresh, "0\x03xxx", 5, NULL), HC_ERR_INVALID);

	size_t len = hc_test_pem(root.certificate, pem, sizeof(pem));
	struct hc_test_subject card = hc_test_card();
	struct hc_test_party clinician = hc_test_issue(&card, &people);

	len += hc_test_pem(clinician.certificate, pem + len, sizeof(pem) - len);
	assert_int_equal(hc_trust_add(fresh, pem, len, NULL), HC_ERR_INVALID);
	assert_int_equal(hc_trust_count(fresh), 0);
	hc_test_party_clear(&clinician);
	hc_trust_free(&fresh);
}

static void a_pem_bundle_is_taken_whole_and_once(void **state)
{
	struct hc_trust *fresh = NULL;
	struct hc_trust_anchor authority;
	char pem[2 * HC_X509_MAX];
	size_t count = 0;
	size_t len = hc_test_pem(test_root.certificate, pem, sizeof(pem));

	(void)state;
	len += hc_test_pem(organisations.certificate, pem + len, sizeof(pem) - len);
	assert_int_equal(hc_trust_new(&fresh), HC_OK);
	assert_int_equal(hc_trust_add(fresh, pem, len, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(hc_trust_add(fresh, pem, len, &count), HC_OK);
	assert_int_equal(count, 0);
	hc_trust_get(fresh, 0, &authority);
	assert_string_equal(authority.name, "TEST AC RACINE IGC-SANTE FORT");
	assert_true(authority.root && authority.test && !authority.organisations);
	hc_trust_get(fresh, 1, &authority);
	assert_true(!authority.root && !authority.test && authority.organisations);
	hc_trust_free(&fresh);
}

static void an_authority_of_ones_own_speaks_for_people_by_its_name_alone(void **state)
{
	static const struct {
		const char *name;
		bool persons;
	} rows[] = {{"AC HOPITAL", false},
		    {"AC HOPITAL PERSONNES ORGANISATIONS", false},
		    {"AC HOPITAL PERSONNES", true}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_test_party own = hc_test_authority(rows[i].name, "HOPITAL", NULL);
		struct hc_trust *fresh = NULL;
		struct hc_trust_anchor authority;
		char pem[HC_X509_MAX];
		const size_t len = hc_test_pem(own.certificate, pem, sizeof(pem));

		assert_int_equal(hc_trust_new(&fresh), HC_OK);
		assert_int_equal(hc_trust_add(fresh, pem, len, NULL), HC_OK);
		hc_trust_get(fresh, 0, &authority);
		if (!authority.root || authority.persons != rows[i].persons)
			fail_msg("row %zu (%s): root %d, persons %d", i, rows[i].name, authority.root,
				 authority.persons);
		hc_trust_free(&fresh);
		hc_test_party_clear(&own);
	}
}

static void write_file(const char *directory, const char *name, const void *data, size_t len, mode_t mode)
{
	char path[256];

	assert_true(snprintf(path, sizeof(path), "%s/%s", directory, name) > 0);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void a_directory_is_loaded_only_if_nobody_else_could_write_it(void **state)
{
	char directory[] = "/tmp/hc-trust-XXXXXX";
	char command[64];
	struct hc_trust *loaded = NULL;
	char pem[HC_X509_MAX];
	const size_t len = hc_test_pem(root.certificate, pem, sizeof(pem));

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(hc_trust_load("/nonexistent/trust", &loaded), HC_ERR_NOTFOUND);
	write_file(directory, "root.pem", pem, len, 0644);
	write_file(directory, "README", "not looked at", 13, 0644);
	assert_int_equal(hc_trust_load(directory, &loaded), HC_OK);
	assert_int_equal(hc_trust_count(loaded), 1);
	hc_trust_free(&loaded);
	assert_int_equal(chmod(directory, 0775), 0);
	assert_int_equal(hc_trust_load(directory, &loaded), HC_ERR_PERM);
	assert_int_equal(chmod(directory, 0755), 0);
	write_file(directory, "root.pem", pem, len, 0666);
	assert_int_equal(hc_trust_load(directory, &loaded), HC_ERR_PERM);
	write_file(directory, "root.pem", "not a certificate", 17, 0644);
	assert_int_equal(hc_trust_load(directory, &loaded), HC_ERR_INVALID);
	assert_null(loaded);
	(void)snprintf(command, sizeof(command), "%s/root.pem", directory);
	assert_int_equal(unlink(command), 0);
	(void)snprintf(command, sizeof(command), "%s/README", directory);
	assert_int_equal(unlink(command), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* ---- revocation ---- */

static enum hc_err add_list(struct hc_cps_crls *crls, const struct hc_test_party *issuer, const long *revoked,
			    int from, int until, const struct hc_test_extension *extension)
{
	uint8_t list[HC_X509_MAX];
	struct hc_cps_crl_state state;
	const size_t len = hc_test_crl(issuer, revoked, from, until, extension, list, sizeof(list));

	return hc_cps_crls_add(crls, trust, list, len, now_ms(), &state);
}

static enum hc_cps_revocation check(const struct hc_cps_crls *crls, const struct der *card, int64_t later_s,
				    int64_t degraded_s)
{
	return hc_cps_crls_check(crls, card->data, card->len, now_ms() + later_s * 1000, degraded_s * 1000,
				 NULL);
}

static void no_list_is_not_good_news(void **state)
{
	const struct hc_test_subject subject = hc_test_card();
	const struct der card = issue(&subject, &people);
	struct hc_cps_crls *crls = NULL;

	(void)state;
	assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
	assert_int_equal(check(crls, &card, 0, DAY), HC_CPS_REVOCATION_UNKNOWN);
	assert_int_equal(add_list(crls, &organisations, NULL, -60, DAY, NULL), HC_OK);
	assert_int_equal(check(crls, &card, 0, DAY), HC_CPS_REVOCATION_UNKNOWN);
	hc_cps_crls_free(&crls);
}

static void a_list_is_taken_from_its_authority_alone(void **state)
{
	static const struct hc_test_extension delta = {"deltaCRL", "critical,DER:020101"};
	static const struct hc_test_extension odd = {"1.2.3.4", "critical,DER:0500"};
	struct hc_cps_crls *crls = NULL;

	(void)state;
	assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
	assert_int_equal(add_list(crls, &stranger, NULL, -60, DAY, NULL), HC_ERR_PERM);
	assert_int_equal(add_list(crls, &people, NULL, DAY, 2 * DAY, NULL), HC_ERR_INVALID);
	assert_int_equal(add_list(crls, &people, NULL, -60, -120, NULL), HC_ERR_INVALID);
	assert_int_equal(add_list(crls, &people, NULL, -60, DAY, &delta), HC_ERR_INVALID);
	assert_int_equal(add_list(crls, &people, NULL, -60, DAY, &odd), HC_ERR_INVALID);
	assert_int_equal(hc_cps_crls_add(crls, trust, "0\x01x", 3, now_ms(), NULL), HC_ERR_INVALID);
	assert_int_equal(hc_cps_crls_add(crls, trust, "", 0, now_ms(), NULL), HC_ERR_INVALID);
	assert_int_equal(hc_cps_crls_count(crls), 0);
	hc_cps_crls_free(&crls);
}

static void an_older_list_never_replaces_a_newer_one(void **state)
{
	static const long revoked[] = {4711, 0};
	struct hc_test_subject subject = hc_test_card();
	struct hc_cps_crls *crls = NULL;

	(void)state;
	subject.serial = 4711;
	const struct der card = issue(&subject, &people);

	assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
	assert_int_equal(add_list(crls, &people, NULL, -3600, DAY, NULL), HC_OK);
	assert_int_equal(check(crls, &card, 0, 0), HC_CPS_GOOD);
	assert_int_equal(add_list(crls, &people, revoked, -60, DAY, NULL), HC_OK);
	assert_int_equal(check(crls, &card, 0, 0), HC_CPS_REVOKED);
	assert_int_equal(add_list(crls, &people, NULL, -1800, DAY, NULL), HC_ERR_EXISTS);
	assert_int_equal(check(crls, &card, 0, 0), HC_CPS_REVOKED);
	assert_int_equal(hc_cps_crls_count(crls), 1);
	hc_cps_crls_free(&crls);
}

static void a_list_past_its_time_serves_as_long_as_the_rules_say_and_says_so(void **state)
{
	static const long revoked[] = {4712, 0};
	struct hc_test_subject subject = hc_test_card();
	struct hc_cps_crls *crls = NULL;

	(void)state;
	const struct der good = issue(&subject, &people);

	subject.serial = 4712;
	const struct der bad = issue(&subject, &people);

	assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
	assert_int_equal(add_list(crls, &people, revoked, -60, 3600, NULL), HC_OK);
	assert_int_equal(check(crls, &good, 3500, 0), HC_CPS_GOOD);
	assert_int_equal(check(crls, &good, 3700, 0), HC_CPS_REVOCATION_UNKNOWN);
	assert_int_equal(check(crls, &good, 3700, DAY), HC_CPS_GOOD_STALE);
	assert_int_equal(check(crls, &good, 3600 + 2 * DAY, DAY), HC_CPS_REVOCATION_UNKNOWN);
	assert_int_equal(check(crls, &bad, 3600 + 2 * DAY, DAY), HC_CPS_REVOKED);
	assert_int_equal(check(crls, &good, -DAY, DAY), HC_CPS_REVOCATION_UNKNOWN); /* the clock went back */
	hc_cps_crls_free(&crls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_trusts_a_stranger_of_the_same_name),
		cmocka_unit_test(a_root_speaks_for_nobody),
		cmocka_unit_test(an_authority_over_organisations_speaks_for_no_person),
		cmocka_unit_test(an_authority_of_ones_own_speaks_for_people_by_its_name_alone),
		cmocka_unit_test(a_card_that_chained_is_judged_anew),
		cmocka_unit_test(a_card_is_no_authority_over_cards),
		cmocka_unit_test(an_expired_card_does_not_chain),
		cmocka_unit_test(sha1_does_not_chain),
		cmocka_unit_test(a_changed_byte_breaks_the_chain),
		cmocka_unit_test(test_cards_chain_where_they_are_allowed_alone),
		cmocka_unit_test(a_persons_card_chains),
		cmocka_unit_test(only_the_cards_own_signature_over_the_message_holds),
		cmocka_unit_test(a_bundle_with_anything_but_authorities_adds_nothing),
		cmocka_unit_test(a_pem_bundle_is_taken_whole_and_once),
		cmocka_unit_test(a_directory_is_loaded_only_if_nobody_else_could_write_it),
		cmocka_unit_test(no_list_is_not_good_news),
		cmocka_unit_test(a_list_is_taken_from_its_authority_alone),
		cmocka_unit_test(an_older_list_never_replaces_a_newer_one),
		cmocka_unit_test(a_list_past_its_time_serves_as_long_as_the_rules_say_and_says_so),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
