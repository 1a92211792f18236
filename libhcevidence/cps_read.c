/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a certificate into plain fields. State: the last one that was decoded. Threats: whatever a card, a file or somebody who
 * made his own certificate puts there. Nothing here says that any of it is true: that is for
 * judge.c and chain.c. It must never fill a field from something that it only half understood.
 */
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "x509.h"

#define MS_PER_S 1000

/*
 * The last one. One sign-in looks at the same bytes up to seven times, and nine tenths of the time that takes are for
 * decoding. The same bytes are the same certificate; what is judged of it is judged anew each time.
 */
static struct {
	pthread_mutex_t lock;
	X509 *certificate;
	size_t len;
	unsigned char der[HC_X509_MAX];
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static X509 *recall(const void *der, size_t len)
{
	X509 *certificate = NULL;

	(void)pthread_mutex_lock(&last.lock); /* these fail for a wrong mutex only */
	if (last.certificate != NULL && last.len == len && memcmp(last.der, der, len) == 0 &&
	    X509_up_ref(last.certificate) == 1)
		certificate = last.certificate;
	(void)pthread_mutex_unlock(&last.lock);
	return certificate;
}

static void remember(const void *der, size_t len, X509 *certificate)
{
	(void)pthread_mutex_lock(&last.lock);
	if (X509_up_ref(certificate) == 1) {
		X509_free(last.certificate);
		last.certificate = certificate;
		memcpy(last.der, der, len);
		last.len = len;
	}
	(void)pthread_mutex_unlock(&last.lock);
}

enum hc_err hc_x509_parse(const void *der, size_t len, X509 **ret_certificate)
{
	const unsigned char *at = der;

	if (len > HC_X509_MAX)
		return HC_ERR_TOOBIG;
	HC_X509(certificate);
	certificate = recall(der, len);
	if (certificate == NULL) {
		certificate = d2i_X509(NULL, &at, (long)len);
		if (certificate == NULL || at != (const unsigned char *)der + len)
			return HC_ERR_INVALID;
		remember(der, len, certificate);
	}
	*ret_certificate = hc_steal_ptr(&certificate);
	return HC_OK;
}

enum hc_err hc_x509_time(const ASN1_TIME *time, int64_t *ret_ms)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0;
	int seconds = 0;
	const int ok = epoch == NULL ? 0 : ASN1_TIME_diff(&days, &seconds, epoch, time);

	ASN1_TIME_free(epoch);
	if (ok != 1)
		return HC_ERR_INVALID;
	*ret_ms = ((int64_t)days * 86400 + seconds) * MS_PER_S;
	return HC_OK;
}

static enum hc_err read_label(const X509_NAME *name, int nid, struct hc_label *out)
{
	return hc_x509_name_text(name, nid, out->text, sizeof(out->text));
}

/*
 * Legacy cards (IGC-CPS2ter) tell their profession in OU and have no title; the present ones the
 * other way round, but for those of employees, whose OU is the structure.
 */
static bool is_legacy(const X509_NAME *subject, const struct hc_cps_certificate *out)
{
	return X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, -1) >= 0 &&
	       out->title.text[0] == '\0' && out->given_name.text[0] != '\0';
}

static enum hc_err read_subject(const X509 *certificate, struct hc_cps_certificate *out)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	enum hc_err err =
		hc_x509_name_text(subject, NID_commonName, out->national_id, sizeof(out->national_id));

	if (err == HC_OK)
		err = read_label(subject, NID_givenName, &out->given_name);
	if (err == HC_OK)
		err = read_label(subject, NID_surname, &out->family_name);
	if (err == HC_OK)
		err = read_label(subject, NID_title, &out->title);
	if (err != HC_OK)
		return err;
	const char *slash = strchr(out->national_id, '/');

	if (slash != NULL) {
		const size_t len = (size_t)(slash - out->national_id);

		memcpy(out->structure_id, out->national_id, len);
		out->structure_id[len] = '\0';
	}
	out->legacy = is_legacy(subject, out);
	return HC_OK;
}

static enum hc_err read_issuer(const X509 *certificate, struct hc_cps_certificate *out)
{
	const X509_NAME *issuer = X509_get_issuer_name(certificate);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio == NULL)
		return HC_ERR_NOMEM;
	const int ok = X509_NAME_print_ex(bio, issuer, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	const long len = BIO_get_mem_data(bio, &text);
	enum hc_err err = ok < 0 || len <= 0 ? HC_ERR_INVALID : HC_OK;

	if (err == HC_OK && (size_t)len >= sizeof(out->issuer))
		err = HC_ERR_TOOBIG;
	if (err == HC_OK && !hc_utf8_valid(text, (size_t)len))
		err = HC_ERR_INVALID;
	if (err == HC_OK) {
		memcpy(out->issuer, text, (size_t)len);
		out->issuer[len] = '\0';
		err = hc_x509_name_text(issuer, NID_commonName, out->issuer_name, sizeof(out->issuer_name));
	}
	BIO_free(bio);
	out->test = out->test || hc_x509_name_has(issuer, NID_organizationalUnitName, "IGC-SANTE TEST");
	out->test = out->test || strncmp(out->issuer_name, "TEST ", 5) == 0;
	return err;
}

static enum hc_err read_serial(const X509 *certificate, struct hc_cps_certificate *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	const unsigned char *data = ASN1_STRING_get0_data(serial);
	const int len = ASN1_STRING_length(serial);
	static const char hex[] = "0123456789ABCDEF";

	if (len <= 0 || (size_t)len * 2 > HC_CPS_SERIAL_MAX || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
		return HC_ERR_INVALID;
	for (int i = 0; i < len; i++) {
		out->serial[2 * i] = hex[data[i] >> 4];
		out->serial[2 * i + 1] = hex[data[i] & 15];
	}
	out->serial[2 * len] = '\0';
	return HC_OK;
}

/* The user principal name of Windows sign-in: "8.99900063480@carte-cps.fr". */
static enum hc_err take_upn(const GENERAL_NAME *name, struct hc_cps_certificate *out)
{
	ASN1_OBJECT *oid = NULL;
	ASN1_TYPE *value = NULL;

	if (GENERAL_NAME_get0_otherName(name, &oid, &value) != 1 || OBJ_obj2nid(oid) != NID_ms_upn)
		return HC_OK;
	if (out->upn[0] != '\0' || ASN1_TYPE_get(value) != V_ASN1_UTF8STRING)
		return HC_ERR_INVALID;
	const ASN1_STRING *text = value->value.utf8string;
	const int len = ASN1_STRING_length(text);

	if (len <= 0 || (size_t)len >= sizeof(out->upn) ||
	    !hc_utf8_valid(ASN1_STRING_get0_data(text), (size_t)len))
		return HC_ERR_INVALID;
	memcpy(out->upn, ASN1_STRING_get0_data(text), (size_t)len);
	out->upn[len] = '\0';
	return HC_OK;
}

static enum hc_err read_alternative_names(const X509 *certificate, struct hc_cps_certificate *out)
{
	int critical = 0;
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
	enum hc_err err = HC_OK;

	if (names == NULL)
		return critical == -1 ? HC_OK : HC_ERR_INVALID; /* -1: there is none */
	for (int i = 0; err == HC_OK && i < sk_GENERAL_NAME_num(names); i++)
		err = take_upn(sk_GENERAL_NAME_value(names, i), out);
	GENERAL_NAMES_free(names);
	return err;
}

/* Nothing twice, nothing critical that is not understood. */
static enum hc_err check_extensions(const X509 *certificate)
{
	const int count = X509_get_ext_count(certificate);

	for (int i = 0; i < count; i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);

		if (X509_EXTENSION_get_critical(extension) == 1 && X509_supported_extension(extension) != 1)
			return HC_ERR_INVALID;
		if (X509_get_ext_by_OBJ(certificate, X509_EXTENSION_get_object(extension), i) >= 0)
			return HC_ERR_INVALID;
	}
	return HC_OK;
}

static bool is_critical(const X509 *certificate, int nid)
{
	const int at = X509_get_ext_by_NID(certificate, nid, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

static enum hc_err read_usage(X509 *certificate, struct hc_cps_certificate *out)
{
	const uint32_t flags = X509_get_extension_flags(certificate); /* also reads the rest in */

	if ((flags & EXFLAG_INVALID) != 0)
		return HC_ERR_INVALID;
	const uint32_t usage = (flags & EXFLAG_KUSAGE) != 0 ? X509_get_key_usage(certificate) : 0;
	EXTENDED_KEY_USAGE *extended = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);

	out->is_authority = (flags & EXFLAG_CA) != 0 || (usage & X509v3_KU_KEY_CERT_SIGN) != 0;
	out->key_usage_critical = is_critical(certificate, NID_key_usage);
	out->may_sign = (usage & X509v3_KU_DIGITAL_SIGNATURE) != 0;
	out->may_commit = (usage & X509v3_KU_NON_REPUDIATION) != 0;
	for (int i = 0; extended != NULL && i < sk_ASN1_OBJECT_num(extended); i++) {
		const int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(extended, i));

		out->for_client_auth = out->for_client_auth || nid == NID_client_auth;
		out->for_smart_card = out->for_smart_card || nid == NID_ms_smartcard_login;
	}
	EXTENDED_KEY_USAGE_free(extended);
	return HC_OK;
}

/* Of the two curves that cards may have; 0 for any other, strong or not, and for one that spells itself out. */
static int bits_of_curve(const EVP_PKEY *key)
{
	char name[32];

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1 ||
	    (strcmp(name, SN_X9_62_prime256v1) != 0 && strcmp(name, SN_secp384r1) != 0))
		return 0;
	return EVP_PKEY_get_bits(key);
}

static enum hc_err read_key(const X509 *certificate, const void *der, size_t len,
			    struct hc_cps_certificate *out)
{
	unsigned char *spki = NULL;
	const X509_PUBKEY *key_info = X509_get_X509_PUBKEY(certificate);
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	const int spki_len = i2d_X509_PUBKEY(key_info, &spki);
	enum hc_err err = HC_OK;

	if (key != NULL) {
		out->rsa = EVP_PKEY_is_a(key, "RSA") == 1;
		if (out->rsa)
			out->key_bits = EVP_PKEY_get_bits(key);
		else if (EVP_PKEY_is_a(key, "EC") == 1)
			out->key_bits = bits_of_curve(key);
	}
	if (spki_len <= 0 ||
	    EVP_Digest(spki, (size_t)spki_len, out->key_hash, NULL, EVP_sha256(), NULL) != 1 ||
	    EVP_Digest(der, len, out->fingerprint, NULL, EVP_sha256(), NULL) != 1)
		err = HC_ERR_CRYPTO;
	OPENSSL_free(spki);
	return err;
}

enum hc_err hc_cps_read(const void *der, size_t len, struct hc_cps_certificate *ret_certificate)
{
	struct hc_cps_certificate out = {0};
	HC_X509(certificate);
	enum hc_err err = hc_x509_parse(der, len, &certificate);

	if (err == HC_OK)
		err = check_extensions(certificate);
	if (err == HC_OK)
		err = hc_cps_read_private(certificate, &out);
	if (err == HC_OK)
		err = read_subject(certificate, &out);
	if (err == HC_OK)
		err = read_issuer(certificate, &out);
	if (err == HC_OK)
		err = read_serial(certificate, &out);
	if (err == HC_OK)
		err = read_alternative_names(certificate, &out);
	if (err == HC_OK)
		err = read_usage(certificate, &out);
	if (err == HC_OK)
		err = read_key(certificate, der, len, &out);
	if (err == HC_OK)
		err = hc_x509_time(X509_get0_notBefore(certificate), &out.not_before_ms);
	if (err == HC_OK)
		err = hc_x509_time(X509_get0_notAfter(certificate), &out.not_after_ms);
	if (err == HC_OK)
		*ret_certificate = out;
	return err;
}
