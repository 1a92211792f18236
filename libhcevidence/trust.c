/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorities that the administrator decided to trust. State: their certificates. Threats: a bundle
 * with something in it that is no authority, a weak one, a directory that others may write. It must
 * never take in a part of a bundle: all of it, or nothing.
 */
#include "hospiconnect/trust.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "anchors.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"

#define BUNDLE_MAX   (1024 * 1024)
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN  256

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_pop_free(*stack, X509_free);
}

enum hc_err hc_trust_new(struct hc_trust **ret_trust)
{
	*ret_trust = calloc(1, sizeof(**ret_trust));
	return *ret_trust == NULL ? HC_ERR_NOMEM : HC_OK;
}

void hc_trust_free(struct hc_trust **trust)
{
	if (trust == NULL || *trust == NULL)
		return;
	for (size_t i = 0; i < (*trust)->count; i++)
		X509_free((*trust)->certificates[i]);
	free(*trust);
	*trust = NULL;
}

/* ---- what a bundle may hold ---- */

static bool has_good_digest(X509 *certificate)
{
	int digest = NID_undef;

	if (X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1)
		return false;
	return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

static bool is_authority(X509 *certificate)
{
	const uint32_t flags = X509_get_extension_flags(certificate);
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	if ((flags & EXFLAG_INVALID) != 0 || (flags & EXFLAG_CA) == 0 || key == NULL)
		return false;
	if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(certificate) & X509v3_KU_KEY_CERT_SIGN) == 0)
		return false;
	const int bits = EVP_PKEY_get_bits(key);

	return has_good_digest(certificate) &&
	       (EVP_PKEY_is_a(key, "RSA") == 1 ? bits >= RSA_BITS_MIN
					       : EVP_PKEY_is_a(key, "EC") == 1 && bits >= EC_BITS_MIN);
}

/* Everything of a PKCS#7 bundle, which is a bag of certificates here and signs nothing. */
static enum hc_err take_pkcs7(PKCS7 *bundle, STACK_OF(X509) * into)
{
	STACK_OF(X509) *certificates = NULL;
	enum hc_err err = HC_OK;

	if (PKCS7_type_is_signed(bundle) && bundle->d.sign != NULL)
		certificates = bundle->d.sign->cert;
	for (int i = 0; err == HC_OK && certificates != NULL && i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (X509_up_ref(certificate) != 1 || sk_X509_push(into, certificate) == 0)
			err = HC_ERR_NOMEM;
	}
	PKCS7_free(bundle);
	return err;
}

static enum hc_err read_pem(const void *bundle, size_t len, STACK_OF(X509) * into)
{
	BIO *bio = BIO_new_mem_buf(bundle, (int)len);
	enum hc_err err = bio == NULL ? HC_ERR_NOMEM : HC_OK;
	char *name = NULL;
	char *header = NULL;
	unsigned char *data = NULL;
	long data_len = 0;

	while (err == HC_OK && PEM_read_bio(bio, &name, &header, &data, &data_len) == 1) {
		const unsigned char *at = data;
		X509 *certificate = NULL;

		if (strcmp(name, PEM_STRING_X509) == 0) {
			err = hc_x509_parse(data, (size_t)data_len, &certificate);
			if (err == HC_OK && sk_X509_push(into, certificate) == 0)
				err = HC_ERR_NOMEM;
		} else if (strcmp(name, PEM_STRING_PKCS7) == 0) {
			PKCS7 *inner = d2i_PKCS7(NULL, &at, data_len);

			err = inner == NULL ? HC_ERR_INVALID : take_pkcs7(inner, into);
		} else {
			err = HC_ERR_INVALID; /* a private key has no business here */
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	BIO_free(bio);
	return err;
}

static enum hc_err read_der(const void *bundle, size_t len, STACK_OF(X509) * into)
{
	const unsigned char *at = bundle;
	X509 *certificate = NULL;

	if (hc_x509_parse(bundle, len, &certificate) == HC_OK)
		return sk_X509_push(into, certificate) == 0 ? HC_ERR_NOMEM : HC_OK;
	PKCS7 *inner = d2i_PKCS7(NULL, &at, (long)len);

	return inner == NULL ? HC_ERR_INVALID : take_pkcs7(inner, into);
}

static bool is_known(const struct hc_trust *trust, const X509 *certificate)
{
	for (size_t i = 0; i < trust->count; i++)
		if (X509_cmp(trust->certificates[i], certificate) == 0)
			return true;
	return false;
}

static enum hc_err check_all(const struct hc_trust *trust, STACK_OF(X509) * certificates)
{
	if (sk_X509_num(certificates) == 0)
		return HC_ERR_INVALID;
	if (trust->count + (size_t)sk_X509_num(certificates) > HC_TRUST_MAX)
		return HC_ERR_FULL;
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (!is_authority(sk_X509_value(certificates, i)))
			return HC_ERR_INVALID;
	return HC_OK;
}

enum hc_err hc_trust_add(struct hc_trust *trust, const void *bundle, size_t len, size_t *ret_count)
{
	STACK_OF(X509) * certificates HC_CLEANUP(free_stack) = sk_X509_new_null();
	enum hc_err err = HC_OK;
	size_t added = 0;

	if (certificates == NULL)
		return HC_ERR_NOMEM;
	if (len == 0 || len > BUNDLE_MAX)
		return len == 0 ? HC_ERR_INVALID : HC_ERR_TOOBIG;
	err = *(const unsigned char *)bundle == 0x30 ? read_der(bundle, len, certificates)
						     : read_pem(bundle, len, certificates);
	if (err == HC_OK)
		err = check_all(trust, certificates);
	if (err != HC_OK)
		return err;
	while (sk_X509_num(certificates) > 0) {
		X509 *certificate = sk_X509_shift(certificates);

		if (is_known(trust, certificate)) {
			X509_free(certificate);
			continue;
		}
		trust->certificates[trust->count++] = certificate;
		added++;
	}
	if (ret_count != NULL)
		*ret_count = added;
	return HC_OK;
}

bool hc_trust_over_persons(const X509 *authority)
{
	const X509_NAME *subject = X509_get_subject_name(authority);

	return hc_x509_name_has(subject, NID_commonName, "PERSONNES") &&
	       !hc_x509_name_has(subject, NID_commonName, "ORGANISATIONS");
}

size_t hc_trust_count(const struct hc_trust *trust)
{
	return trust->count;
}

void hc_trust_get(const struct hc_trust *trust, size_t index, struct hc_trust_anchor *ret_anchor)
{
	X509 *certificate = trust->certificates[index];
	const X509_NAME *subject = X509_get_subject_name(certificate);

	*ret_anchor = (struct hc_trust_anchor){0};
	/* A name that is no text is shown as none; the fingerprint tells which one it is. */
	if (hc_x509_name_text(subject, NID_commonName, ret_anchor->name, sizeof(ret_anchor->name)) != HC_OK)
		ret_anchor->name[0] = '\0';
	ret_anchor->root = X509_NAME_cmp(subject, X509_get_issuer_name(certificate)) == 0;
	ret_anchor->test = strncmp(ret_anchor->name, "TEST ", 5) == 0 ||
			   hc_x509_name_has(subject, NID_organizationalUnitName, "IGC-SANTE TEST");
	ret_anchor->organisations = strstr(ret_anchor->name, "ORGANISATIONS") != NULL;
	ret_anchor->persons = hc_trust_over_persons(certificate);
	if (hc_x509_time(X509_get0_notAfter(certificate), &ret_anchor->not_after_ms) != HC_OK)
		ret_anchor->not_after_ms = 0;
	(void)X509_digest(certificate, EVP_sha256(), ret_anchor->fingerprint,
			  NULL); /* zeros where it fails */
}

enum hc_err hc_trust_pem(const struct hc_trust *trust, size_t index, char *out, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum hc_err err = bio == NULL ? HC_ERR_NOMEM : HC_OK;

	if (err == HC_OK && PEM_write_bio_X509(bio, trust->certificates[index]) != 1)
		err = HC_ERR_NOMEM;
	if (err == HC_OK && BIO_ctrl_pending(bio) >= cap)
		err = HC_ERR_TOOBIG;
	if (err == HC_OK)
		out[BIO_read(bio, out, (int)(cap - 1))] = '\0';
	BIO_free(bio);
	return err;
}

X509 *hc_trust_issuer(const struct hc_trust *trust, X509 *certificate)
{
	for (size_t i = 0; i < trust->count; i++) {
		X509 *candidate = trust->certificates[i];

		if (X509_check_issued(candidate, certificate) == X509_V_OK &&
		    X509_verify(certificate, X509_get0_pubkey(candidate)) == 1)
			return candidate;
	}
	return NULL;
}

/* ---- the directory ---- */

static int is_bundle(const struct dirent *entry)
{
	static const char *const endings[] = {".pem", ".crt", ".cer", ".der", ".p7b", ".p7c"};
	const size_t len = strlen(entry->d_name);

	for (size_t i = 0; entry->d_name[0] != '.' && i < HC_COUNT(endings); i++)
		if (len > 4 && strcmp(entry->d_name + len - 4, endings[i]) == 0)
			return 1;
	return 0;
}

static enum hc_err load_file(struct hc_trust *trust, const char *directory, const char *name)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = true, .forbidden = 0022, .max_len = BUNDLE_MAX};
	char path[PATH_MAX];
	char *data = NULL;
	size_t len = 0;
	const int written = snprintf(path, sizeof(path), "%s/%s", directory, name);
	enum hc_err err = written < 0 || (size_t)written >= sizeof(path) ? HC_ERR_TOOBIG : HC_OK;

	if (err == HC_OK)
		err = hc_file_read(path, &rules, &data, &len);
	if (err == HC_OK)
		err = hc_trust_add(trust, data, len, NULL);
	free(data);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "trust anchor was not accepted", HC_F_TEXT("file", path),
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

static enum hc_err check_directory(const char *directory)
{
	struct stat info;

	if (stat(directory, &info) != 0)
		return HC_ERR_NOTFOUND;
	if (!S_ISDIR(info.st_mode) || (info.st_uid != 0 && info.st_uid != geteuid()) ||
	    (info.st_mode & 0022) != 0)
		return HC_ERR_PERM;
	return HC_OK;
}

enum hc_err hc_trust_load(const char *directory, struct hc_trust **ret_trust)
{
	HC_AUTO(trust) trust = NULL;
	struct dirent **entries = NULL;
	enum hc_err err = check_directory(directory);

	if (err == HC_OK)
		err = hc_trust_new(&trust);
	if (err != HC_OK)
		return err;
	const int count = scandir(directory, &entries, is_bundle, alphasort);

	if (count < 0)
		return HC_ERR_IO;
	for (int i = 0; i < count; i++) {
		if (err == HC_OK)
			err = load_file(trust, directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (err == HC_OK)
		*ret_trust = hc_steal_ptr(&trust);
	return err;
}
