/* SPDX-License-Identifier: Apache-2.0 */
#include "cps_ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void add_name(X509_NAME *name, const char *field, const char *value, int set)
{
	if (value != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
							    (const unsigned char *)value, -1, -1, set),
				 1);
}

/* As on cards: given name, surname and CN in one RDN. */
static void set_subject(X509 *certificate, const struct hc_test_subject *subject)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	add_name(name, "C", subject->country, 0);
	add_name(name, "ST", subject->state, 0);
	add_name(name, "O", subject->organization, 0);
	add_name(name, "OU", subject->unit, 0);
	add_name(name, "title", subject->title, 0);
	add_name(name, "GN", subject->given_name, 0);
	add_name(name, "SN", subject->surname, subject->given_name != NULL ? -1 : 0);
	add_name(name, "CN", subject->common_name, subject->surname != NULL ? -1 : 0);
}

/*
 * RSA keys take most of the time of these tests. One that its party gave back goes to the next party: two that are
 * there at the same time never have the same one. The store keeps a reference of its own, whatever a test frees.
 */
#define KEYS_MAX 64

static struct {
	EVP_PKEY *key;
	int bits;
	bool taken;
} keys[KEYS_MAX];

static EVP_PKEY *take_rsa_key(int bits)
{
	size_t at = 0;

	while (at < KEYS_MAX && keys[at].key != NULL && (keys[at].taken || keys[at].bits != bits))
		at++;
	if (at == KEYS_MAX)
		return EVP_RSA_gen((unsigned)bits);
	if (keys[at].key == NULL) {
		keys[at].key = EVP_RSA_gen((unsigned)bits);
		keys[at].bits = bits;
	}
	if (keys[at].key == NULL || EVP_PKEY_up_ref(keys[at].key) != 1)
		return NULL;
	keys[at].taken = true;
	return keys[at].key;
}

static void give_back(const EVP_PKEY *key)
{
	for (size_t i = 0; i < KEYS_MAX; i++) {
		if (keys[i].key == key)
			keys[i].taken = false;
	}
}

static EVP_PKEY *make_key(const struct hc_test_subject *subject)
{
	EVP_PKEY *key = subject->rsa_bits > 0 ? take_rsa_key(subject->rsa_bits)
					      : EVP_EC_gen(subject->curve != NULL ? subject->curve : "P-256");

	assert_non_null(key);
	return key;
}

static void add_extensions(X509 *certificate, X509 *issuer, const struct hc_test_subject *subject)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	for (size_t i = 0; i < HC_TEST_EXTENSIONS_MAX && subject->extensions[i].name != NULL; i++) {
		if (subject->extensions[i].value == NULL)
			continue;
		X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, subject->extensions[i].name,
							    subject->extensions[i].value);

		if (extension == NULL)
			fail_msg("extension %s = %s", subject->extensions[i].name,
				 subject->extensions[i].value);
		assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
}

struct hc_test_party hc_test_issue(const struct hc_test_subject *subject, const struct hc_test_party *issuer)
{
	static long serials = 0x1120;
	struct hc_test_party party = {X509_new(), make_key(subject)};
	X509 *above = issuer == NULL ? party.certificate : issuer->certificate;
	const char *digest = subject->digest == NULL ? "SHA256" : subject->digest;

	assert_non_null(party.certificate);
	assert_int_equal(X509_set_version(party.certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(party.certificate),
					  subject->serial != 0 ? subject->serial : ++serials),
			 1);
	assert_non_null(
		X509_time_adj_ex(X509_getm_notBefore(party.certificate), subject->from_days, 0, NULL));
	assert_non_null(
		X509_time_adj_ex(X509_getm_notAfter(party.certificate), subject->until_days, 0, NULL));
	set_subject(party.certificate, subject);
	assert_int_equal(X509_set_issuer_name(party.certificate, X509_get_subject_name(above)), 1);
	assert_int_equal(X509_set_pubkey(party.certificate, party.key), 1);
	add_extensions(party.certificate, above, subject);
	assert_true(X509_sign(party.certificate, issuer == NULL ? party.key : issuer->key,
			      EVP_get_digestbyname(digest)) > 0);
	return party;
}

void hc_test_party_clear(struct hc_test_party *party)
{
	X509_free(party->certificate);
	give_back(party->key);
	EVP_PKEY_free(party->key);
	*party = (struct hc_test_party){0};
}

struct hc_test_party hc_test_authority(const char *name, const char *unit, const struct hc_test_party *issuer)
{
	const struct hc_test_subject subject = {
		.country = "FR",
		.organization = "ASIP-SANTE",
		.unit = unit,
		.common_name = name,
		.extensions = {{"basicConstraints",
				issuer == NULL ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0"},
			       {"keyUsage", "critical,keyCertSign,cRLSign"},
			       {"subjectKeyIdentifier", "hash"},
			       {"authorityKeyIdentifier", issuer == NULL ? NULL : "keyid:always"}},
		.from_days = -1000,
		.until_days = 1000,
		.rsa_bits = 2048,
	};

	return hc_test_issue(&subject, issuer);
}

struct hc_test_subject hc_test_card(void)
{
	return (struct hc_test_subject){
		.country = "FR",
		.title = "M\xc3\xa9"
			 "decin",
		.given_name = "MAX",
		.surname = "LIBRE",
		.common_name = "899900063480",
		.extensions = {{"basicConstraints", "CA:FALSE"},
			       {"subjectKeyIdentifier", "hash"},
			       {"authorityKeyIdentifier", "keyid:always"},
			       {"keyUsage", "critical,digitalSignature"},
			       {"extendedKeyUsage", "clientAuth,msSmartcardLogin"},
			       {"subjectAltName", "otherName:msUPN;UTF8:8.99900063480@carte-cps.fr"},
			       {"1.2.250.1.71.1.2.5", "DER:040100"},
			       {"1.2.250.1.71.1.2.2", "DER:020100"},
			       {"1.2.250.1.71.1.2.3", "DER:1315383032353030303030312F32363030383535323036"},
			       {"1.2.250.1.71.1.2.7", "DER:02010A"},
			       {"1.2.250.1.71.4.2.5", "DER:30060C04534D3236"}},
		.from_days = -10,
		.until_days = 1000,
		.rsa_bits = 2048,
	};
}

void hc_test_set(struct hc_test_subject *subject, const char *name, const char *value)
{
	size_t i = 0;

	while (i < HC_TEST_EXTENSIONS_MAX - 1 && subject->extensions[i].name != NULL &&
	       strcmp(subject->extensions[i].name, name) != 0)
		i++;
	assert_true(i < HC_TEST_EXTENSIONS_MAX - 1);
	subject->extensions[i] = (struct hc_test_extension){name, value};
}

size_t hc_test_der(const X509 *certificate, uint8_t *out, size_t cap)
{
	const int len = i2d_X509(certificate, NULL);

	assert_true(len > 0 && (size_t)len <= cap);
	assert_int_equal(i2d_X509(certificate, &out), len);
	return (size_t)len;
}

size_t hc_test_pem(X509 *certificate, char *out, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_non_null(bio);
	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	const int len = BIO_read(bio, out, (int)cap);

	assert_true(len > 0 && (size_t)len < cap);
	BIO_free(bio);
	return (size_t)len;
}

static void revoke(X509_CRL *crl, long serial)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, time(NULL) - 60);

	assert_non_null(entry);
	assert_int_equal(ASN1_INTEGER_set(number, serial), 1);
	assert_int_equal(X509_REVOKED_set_serialNumber(entry, number), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(when);
}

size_t hc_test_crl(const struct hc_test_party *issuer, const long *revoked, int from_seconds,
		   int until_seconds, const struct hc_test_extension *extension, uint8_t *out, size_t cap)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, time(NULL) + from_seconds);
	ASN1_TIME *until = ASN1_TIME_set(NULL, time(NULL) + until_seconds);

	assert_non_null(crl);
	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, until), 1);
	for (size_t i = 0; revoked != NULL && revoked[i] != 0; i++)
		revoke(crl, revoked[i]);
	if (extension != NULL) {
		X509_EXTENSION *made = X509V3_EXT_conf(NULL, NULL, extension->name, extension->value);

		assert_non_null(made);
		assert_int_equal(X509_CRL_add_ext(crl, made, -1), 1);
		X509_EXTENSION_free(made);
	}
	assert_int_equal(X509_CRL_sort(crl), 1);
	assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	const int len = i2d_X509_CRL(crl, NULL);

	assert_true(len > 0 && (size_t)len <= cap);
	assert_int_equal(i2d_X509_CRL(crl, &out), len);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
	return (size_t)len;
}
