/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a card's certificate to an authority that the administrator trusts, and the signature
 * that the card made. No state. Threats: certificates that the card brings along (none is ever used:
 * every link comes from the trust directory), an authority over organisations, a test authority, a weak
 * link. It must never report a chain that OpenSSL did not verify as a whole.
 */
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#include "anchors.h"

static enum hc_reason reason_of(int error)
{
	if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
		return HC_REASON_CERTIFICATE_EXPIRED;
	return HC_REASON_AUTHORITY_NOT_TRUSTED;
}

static enum hc_reason verify(const struct hc_trust *trust, X509 *certificate, int64_t now_ms)
{
	const int error = hc_trust_chain(trust, certificate, NULL, now_ms);

	return error == X509_V_OK ? HC_REASON_NONE : reason_of(error);
}

/* Who issued the leaf decides which people it may speak for. */
static enum hc_reason judge_issuer(X509 *issuer, const struct hc_cps_rules *rules)
{
	const X509_NAME *subject = X509_get_subject_name(issuer);

	if (hc_x509_name_has(subject, NID_commonName, "ORGANISATIONS"))
		return HC_REASON_ORGANISATION_CARD;
	const bool test = hc_x509_name_has(subject, NID_commonName, "TEST ") ||
			  hc_x509_name_has(subject, NID_organizationalUnitName, "IGC-SANTE TEST");

	if (test && !rules->allow_test)
		return HC_REASON_TEST_CARD;
	return hc_trust_over_persons(issuer) ? HC_REASON_NONE : HC_REASON_AUTHORITY_NOT_TRUSTED;
}

enum hc_reason hc_cps_verify_chain(const struct hc_trust *trust, const void *der, size_t len,
				   const struct hc_cps_rules *rules, int64_t now_ms)
{
	HC_X509(certificate);

	if (hc_x509_parse(der, len, &certificate) != HC_OK)
		return HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN;
	X509 *issuer = hc_trust_issuer(trust, certificate);

	if (issuer == NULL)
		return HC_REASON_AUTHORITY_NOT_TRUSTED;
	const enum hc_reason reason = judge_issuer(issuer, rules);

	return reason == HC_REASON_NONE ? verify(trust, certificate, now_ms) : reason;
}

static void free_digest_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

enum hc_err hc_cps_verify_signature(const void *der, size_t len, const void *message, size_t message_len,
				    const void *signature, size_t signature_len)
{
	HC_X509(certificate);
	EVP_MD_CTX *context HC_CLEANUP(free_digest_context) = EVP_MD_CTX_new();
	enum hc_err err = hc_x509_parse(der, len, &certificate);

	if (err != HC_OK)
		return err;
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (key == NULL || !(EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC")))
		return HC_ERR_INVALID;
	/* RSA keys sign with PKCS#1 v1.5 by default, EC keys with DER: nothing to choose. */
	if (context == NULL || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1)
		return HC_ERR_CRYPTO;
	return EVP_DigestVerify(context, signature, signature_len, message, message_len) == 1 ? HC_OK
											      : HC_ERR_PERM;
}
