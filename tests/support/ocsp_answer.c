/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

struct hc_test_subject hc_test_responder(void)
{
	return (struct hc_test_subject){
		.country = "FR",
		.organization = "ASIP-SANTE",
		.common_name = "OCSP IGC-SANTE",
		.extensions = {{"basicConstraints", "CA:FALSE"},
			       {"subjectKeyIdentifier", "hash"},
			       {"authorityKeyIdentifier", "keyid:always"},
			       {"keyUsage", "critical,digitalSignature"},
			       {"extendedKeyUsage", "OCSPSigning"},
			       {"noCheck", "ignored"}},
		.from_days = -1,
		.until_days = 30,
		.rsa_bits = 2048,
	};
}

static X509_EXTENSION *make_extension(const struct hc_test_extension *wanted)
{
	X509_EXTENSION *extension = X509V3_EXT_conf(NULL, NULL, wanted->name, wanted->value);

	assert_non_null(extension);
	assert_int_equal(X509_EXTENSION_set_critical(extension, 1), 1);
	return extension;
}

static void add_statement(OCSP_BASICRESP *basic, const struct hc_test_answer *answer)
{
	const EVP_MD *digest = EVP_get_digestbyname(answer->id_digest == NULL ? "SHA1" : answer->id_digest);
	OCSP_CERTID *id = OCSP_cert_to_id(digest, answer->card->certificate, answer->issuer->certificate);
	ASN1_TIME *now = X509_time_adj_ex(NULL, 0, 0, NULL);
	ASN1_TIME *from = X509_time_adj_ex(NULL, 0, answer->from_s, NULL);
	ASN1_TIME *until = answer->until_s == 0 ? NULL : X509_time_adj_ex(NULL, 0, answer->until_s, NULL);
	OCSP_SINGLERESP *single =
		OCSP_basic_add1_status(basic, id, answer->status, answer->reason,
				       answer->status == V_OCSP_CERTSTATUS_REVOKED ? now : NULL, from, until);

	assert_non_null(single);
	if (answer->single_extension != NULL) {
		X509_EXTENSION *extension = make_extension(answer->single_extension);

		assert_int_equal(OCSP_SINGLERESP_add_ext(single, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
	OCSP_CERTID_free(id);
	ASN1_TIME_free(now);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
}

static void add_nonce(OCSP_BASICRESP *basic, const struct hc_test_answer *answer)
{
	ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING *outer = ASN1_OCTET_STRING_new();
	unsigned char *der = NULL;

	assert_int_equal(ASN1_OCTET_STRING_set(inner, answer->nonce, answer->nonce_len), 1);
	const int len = i2d_ASN1_OCTET_STRING(inner, &der);

	assert_true(len > 0);
	assert_int_equal(ASN1_OCTET_STRING_set(outer, der, len), 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_Nonce, 0, outer);

	assert_non_null(extension);
	assert_int_equal(OCSP_BASICRESP_add_ext(basic, extension, -1), 1);
	X509_EXTENSION_free(extension);
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(inner);
	ASN1_OCTET_STRING_free(outer);
}

static void sign(OCSP_BASICRESP *basic, const struct hc_test_answer *answer)
{
	const unsigned long flags = OCSP_NOCERTS | (answer->by_key ? OCSP_RESPID_KEY : 0);
	const EVP_MD *digest = EVP_get_digestbyname(answer->digest == NULL ? "SHA256" : answer->digest);
	const struct hc_test_party *along = answer->instead != NULL ? answer->instead : answer->signer;

	assert_int_equal(
		OCSP_basic_sign(basic, answer->signer->certificate, answer->signer->key, digest, NULL, flags),
		1);
	for (size_t i = 0; answer->with_certificate && i < answer->certificates + (answer->certificates == 0);
	     i++)
		assert_int_equal(OCSP_basic_add1_cert(basic, along->certificate), 1);
}

size_t hc_test_answer(const struct hc_test_answer *answer, uint8_t *out, size_t cap)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();

	assert_non_null(basic);
	add_statement(basic, answer);
	if (answer->twice)
		add_statement(basic, answer);
	if (answer->nonce_len > 0)
		add_nonce(basic, answer);
	if (answer->nonce_twice)
		add_nonce(basic, answer);
	if (answer->extension != NULL) {
		X509_EXTENSION *extension = make_extension(answer->extension);

		assert_int_equal(OCSP_BASICRESP_add_ext(basic, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
	sign(basic, answer);
	OCSP_RESPONSE *response =
		OCSP_response_create(answer->response_status, answer->response_status == 0 ? basic : NULL);

	assert_non_null(response);
	const int len = i2d_OCSP_RESPONSE(response, NULL);

	assert_true(len > 0 && (size_t)len <= cap);
	assert_int_equal(i2d_OCSP_RESPONSE(response, &out), len);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return (size_t)len;
}
