/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose signature stands under an answer about a card. No state. Threats: a responder that another authority of ours
 * certified, a certificate of the right authority that was made for something else (a card's, which its holder could
 * sign answers with), one that has run out or was revoked, a weak key, certificates without end in the answer. So OpenSSL's
 * OCSP_basic_verify, which builds a chain to anything in a store, is not called: the authority that issued the card is
 * known, and it signed either the answer or the one certificate that did. It must never look for another way.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "cps_ocsp.h"

#define CERTIFICATES_MAX 8
#define RSA_BITS_MIN	 2048
#define EC_BITS_MIN	 256

static bool is_good_algorithm(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object = NULL;

	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	const int nid = OBJ_obj2nid(object);

	return nid == NID_sha256WithRSAEncryption || nid == NID_sha384WithRSAEncryption ||
	       nid == NID_sha512WithRSAEncryption || nid == NID_ecdsa_with_SHA256 ||
	       nid == NID_ecdsa_with_SHA384;
}

static bool is_strong(EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA") == 1)
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_bits(key) >= EC_BITS_MIN;
}

/* What the key signed is the DER of what was read: an answer that was encoded in another way does not verify. */
static bool signed_by(const OCSP_BASICRESP *answer, X509 *signer)
{
	const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(answer);
	EVP_PKEY *key = X509_get0_pubkey(signer);

	return key != NULL && is_strong(key) && is_good_algorithm(algorithm) &&
	       ASN1_item_verify(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm, OCSP_resp_get0_signature(answer),
				OCSP_resp_get0_respdata(answer), key) == 1;
}

/* Whether the answer says that this is who signed it: by name, or by the hash of the key. */
static bool is_named(const OCSP_BASICRESP *answer, const X509 *certificate)
{
	const ASN1_OCTET_STRING *hash = NULL;
	const X509_NAME *name = NULL;
	uint8_t digest[SHA_DIGEST_LENGTH];

	if (OCSP_resp_get0_id(answer, &hash, &name) != 1)
		return false;
	if (name != NULL)
		return X509_NAME_cmp(name, X509_get_subject_name(certificate)) == 0;
	return hash != NULL && ASN1_STRING_length(hash) == (int)sizeof(digest) &&
	       X509_pubkey_digest(certificate, EVP_sha1(), digest, NULL) == 1 &&
	       memcmp(ASN1_STRING_get0_data(hash), digest, sizeof(digest)) == 0;
}

/* What its issuer made it for: answers, and no authority. */
static bool is_responder(X509 *certificate)
{
	const uint32_t flags = X509_get_extension_flags(certificate);

	if ((flags & (EXFLAG_INVALID | EXFLAG_CA | EXFLAG_CRITICAL)) != 0 || (flags & EXFLAG_XKUSAGE) == 0)
		return false;
	if ((flags & EXFLAG_KUSAGE) != 0 &&
	    (X509_get_key_usage(certificate) & X509v3_KU_DIGITAL_SIGNATURE) == 0)
		return false;
	/* anyExtendedKeyUsage is no word about answers. */
	return (X509_get_extended_key_usage(certificate) & XKU_OCSP_SIGN) != 0;
}

/* Its authority's list is asked, unless the authority said that nobody needs to; a list that names it counts always. */
static bool is_unrevoked(X509 *certificate, const struct hc_cps_ocsp_question *question)
{
	const bool no_check = X509_get_ext_by_NID(certificate, NID_id_pkix_OCSP_noCheck, -1) >= 0;
	unsigned char der[HC_X509_MAX];
	unsigned char *at = der;
	const int len = i2d_X509(certificate, NULL);

	if (question->crls == NULL)
		return no_check;
	if (len <= 0 || (size_t)len > sizeof(der) || i2d_X509(certificate, &at) != len)
		return false;
	const enum hc_cps_revocation state =
		hc_cps_crls_check(question->crls, der, (size_t)len, question->now_ms, 0, NULL);

	return state == HC_CPS_GOOD || (state != HC_CPS_REVOKED && no_check);
}

static bool is_delegate(X509 *certificate, X509 *issuer, const struct hc_cps_ocsp_question *question)
{
	return is_responder(certificate) && X509_check_issued(issuer, certificate) == X509_V_OK &&
	       X509_verify(certificate, X509_get0_pubkey(issuer)) == 1 &&
	       hc_trust_chain(question->trust, certificate, NULL, question->now_ms) == X509_V_OK &&
	       is_unrevoked(certificate, question);
}

bool hc_ocsp_signed_for(OCSP_BASICRESP *answer, X509 *issuer, const struct hc_cps_ocsp_question *question)
{
	const STACK_OF(X509) *certificates = OCSP_resp_get0_certs(answer);

	if (is_named(answer, issuer) && signed_by(answer, issuer))
		return true;
	if (certificates == NULL || sk_X509_num(certificates) > CERTIFICATES_MAX)
		return false;
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (is_named(answer, certificate) && is_delegate(certificate, issuer, question) &&
		    signed_by(answer, certificate))
			return true;
	}
	return false;
}
