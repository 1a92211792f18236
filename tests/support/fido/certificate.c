/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of an attestation: a chain that the tests made, or one that the key makes for
 * itself, as U2F registration wants one always.
 */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "crypto.h"

#define CHAIN_MAX 4

static void must(bool done)
{
	if (!done)
		abort();
}

static void put_certificate(struct tk_writer *out, X509 *certificate)
{
	uint8_t *der = NULL;
	int len = i2d_X509(certificate, &der);

	must(len > 0);
	tk_put_bytes(out, der, (size_t)len);
	OPENSSL_free(der);
}

bool tk_certificates(const char *path, struct tk_writer *out)
{
	X509 *chain[CHAIN_MAX];
	BIO *file = BIO_new_file(path, "r");
	size_t count = 0;

	while (file && count < CHAIN_MAX &&
	       (chain[count] = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
		count++;
	BIO_free(file);
	if (count > 0)
		tk_put_array(out, count);
	for (size_t i = 0; i < count; i++) {
		put_certificate(out, chain[i]);
		X509_free(chain[i]);
	}
	return count > 0;
}

size_t tk_certificate_self(const struct tk_keypair *pair, const char *name, uint8_t out[TK_DER_MAX])
{
	uint8_t der[TK_DER_MAX];
	const unsigned char *at = der;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)tk_keypair_der(pair, der));
	X509 *certificate = X509_new();
	X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
	unsigned char *end = out;
	int len;

	must(pkey && subject && X509_set_version(certificate, X509_VERSION_3) == 1);
	must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
	must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
					0) == 1);
	must(X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, pkey) == 1);
	must(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 365) != NULL);
	must(X509_sign(certificate, pkey, EVP_sha256()) > 0);
	len = i2d_X509(certificate, NULL);
	must(len > 0 && len <= TK_DER_MAX && i2d_X509(certificate, &end) == len);
	X509_free(certificate);
	EVP_PKEY_free(pkey);
	return (size_t)len;
}
