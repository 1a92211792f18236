/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that a gateway begins with, until its administrator has one of an authority.
 *
 * State: none. Threats: somebody puts it among the authorities that a browser trusts, so it is marked as none and can
 * sign nothing but the handshakes of its one host; a key that stays behind in memory.
 */
#include "http/self_made.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hospiconnect/secret.h"

#define CURVE		"P-256"
#define SERIAL_BITS	159 /* RFC 5280: at most 20 octets, positive */
#define COMMON_NAME_MAX 64  /* RFC 5280, ub-common-name */
#define HOST_MAX	253
#define ORGANISATION	"HospiConnect, made by itself"

static void clear_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

static void clear_certificate(X509 **certificate)
{
	X509_free(*certificate);
	*certificate = NULL;
}

static void clear_bio(BIO **bio)
{
	BIO_free(*bio);
	*bio = NULL;
}

static bool add_name(X509_NAME *name, const char *field, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
					  0) == 1;
}

/* Who it is, twice: subject and issuer are the same. A name that is too long stands in the extension alone. */
static bool put_names(X509 *certificate, const char *host)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return add_name(name, "O", ORGANISATION) &&
	       (strlen(host) > COMMON_NAME_MAX || add_name(name, "CN", host)) &&
	       X509_set_issuer_name(certificate, name) == 1;
}

static bool put_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool good = number != NULL &&
		    BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		    BN_add_word(number, 1) == 1 &&
		    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

	BN_free(number);
	return good;
}

static bool add_extension(X509 *certificate, int kind, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);

	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return good;
}

/* The host as the only name. Made as an object: a name must not be read as a line of a configuration. */
static bool put_host(X509 *certificate, const char *host)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	ASN1_IA5STRING *dns = address == NULL ? ASN1_IA5STRING_new() : NULL;
	bool good = names != NULL && name != NULL && (address != NULL || dns != NULL) &&
		    (dns == NULL || ASN1_STRING_set(dns, host, -1) == 1);

	if (good) {
		GENERAL_NAME_set0_value(name, address != NULL ? GEN_IPADD : GEN_DNS,
					address != NULL ? (void *)address : (void *)dns);
		address = NULL;
		dns = NULL;
		good = sk_GENERAL_NAME_push(names, name) > 0;
	}
	if (good) {
		name = NULL;
		good = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) ==
		       1;
	}
	ASN1_OCTET_STRING_free(address);
	ASN1_IA5STRING_free(dns);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return good;
}

static bool put_extensions(X509 *certificate, const char *host)
{
	return add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	       add_extension(certificate, NID_subject_key_identifier, "hash") && put_host(certificate, host);
}

static X509 *sign(EVP_PKEY *key, const char *host, int64_t now_s, int days)
{
	HC_CLEANUP(clear_certificate) X509 *certificate = X509_new();
	X509 *made = NULL;
	time_t now = (time_t)now_s;

	if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
	    !put_serial(certificate) || !put_names(certificate, host) ||
	    X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &now) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, &now) == NULL ||
	    X509_set_pubkey(certificate, key) != 1 || !put_extensions(certificate, host) ||
	    X509_sign(certificate, key, EVP_sha256()) <= 0)
		return NULL;
	made = certificate;
	certificate = NULL;
	return made;
}

/* The content of a memory BIO as memory of our own; the BIO's is scrubbed. */
static bool take_text(BIO *bio, char **ret_text, size_t *ret_len)
{
	char *data = NULL;
	const long len = BIO_get_mem_data(bio, &data);
	char *text = len > 0 ? malloc((size_t)len + 1) : NULL;

	if (text != NULL) {
		memcpy(text, data, (size_t)len);
		text[len] = '\0';
		*ret_text = text;
		*ret_len = (size_t)len;
	}
	if (len > 0)
		hc_scrub(data, (size_t)len);
	return text != NULL;
}

enum hc_err hc_self_made_new(const char *host, int64_t now_s, int days, struct hc_self_made *ret_made)
{
	HC_CLEANUP(clear_key) EVP_PKEY *key = NULL;
	HC_CLEANUP(clear_certificate) X509 *certificate = NULL;
	HC_CLEANUP(clear_bio) BIO *certificate_pem = BIO_new(BIO_s_mem());
	HC_CLEANUP(clear_bio) BIO *key_pem = BIO_new(BIO_s_secmem());
	struct hc_self_made made = {.certificate = NULL};

	if (host[0] == '\0' || strlen(host) > HOST_MAX || days < 1)
		return HC_ERR_INVALID;
	key = EVP_EC_gen(CURVE);
	certificate = key != NULL ? sign(key, host, now_s, days) : NULL;
	if (certificate == NULL || certificate_pem == NULL || key_pem == NULL ||
	    PEM_write_bio_X509(certificate_pem, certificate) != 1 ||
	    PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    !take_text(certificate_pem, &made.certificate, &made.certificate_len) ||
	    !take_text(key_pem, &made.key, &made.key_len)) {
		ERR_clear_error();
		hc_self_made_clear(&made);
		return HC_ERR_CRYPTO;
	}
	*ret_made = made;
	return HC_OK;
}

void hc_self_made_clear(struct hc_self_made *made)
{
	free(made->certificate);
	if (made->key != NULL)
		hc_scrub(made->key, made->key_len);
	free(made->key);
	*made = (struct hc_self_made){.certificate = NULL};
}
