/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CPS_CA_H
#define HC_TEST_CPS_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/*
 * A hierarchy like IGC-Santé's, made for one test: real keys, real signatures, extensions encoded byte for
 * byte as on real cards. Every failure ends the test.
 */
#define HC_TEST_EXTENSIONS_MAX 24

struct hc_test_extension {
	const char *name;  /* "keyUsage" or an OID; NULL ends the list */
	const char *value; /* as in an OpenSSL configuration; NULL: leave it out */
};

/* What a certificate is made of; NULL and 0: absent. */
struct hc_test_subject {
	const char *country, *state, *title, *organization, *unit, *given_name, *surname, *common_name;
	struct hc_test_extension extensions[HC_TEST_EXTENSIONS_MAX];
	int from_days, until_days; /* from now */
	int rsa_bits;		   /* 0: an EC key */
	const char *curve;	   /* NULL: P-256 */
	const char *digest;	   /* NULL: SHA256 */
	long serial;		   /* 0: counted up */
};

struct hc_test_party {
	X509 *certificate;
	EVP_PKEY *key;
};

/* hc_test_issue: issuer NULL: self-signed. */
struct hc_test_party hc_test_issue(const struct hc_test_subject *subject, const struct hc_test_party *issuer);
void hc_test_party_clear(struct hc_test_party *party);

/* An authority named name, below issuer (NULL: a root). */
struct hc_test_party hc_test_authority(const char *name, const char *unit,
				       const struct hc_test_party *issuer);

/* What the authentication certificate of Dr Max Libre says; to be changed by the test. */
struct hc_test_subject hc_test_card(void);
/* hc_test_set: replaces, adds or (NULL) removes an extension. */
void hc_test_set(struct hc_test_subject *subject, const char *name, const char *value);

/* hc_test_der, _pem: of a certificate, into memory of the test's until its end. */
size_t hc_test_der(const X509 *certificate, uint8_t *out, size_t cap);
size_t hc_test_pem(X509 *certificate, char *out, size_t cap);

/* hc_test_crl: DER of a list; revoked: serials, ended by 0; extension: a critical one to add, or NULL. */
size_t hc_test_crl(const struct hc_test_party *issuer, const long *revoked, int from_seconds,
		   int until_seconds, const struct hc_test_extension *extension, uint8_t *out, size_t cap);

#endif
