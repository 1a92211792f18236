/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate as people hand it over: PEM or DER. No state. Threats: a file with several, of which
 * one would be shown and another one used: it must be exactly one.
 */
#include <string.h>

#include <openssl/pem.h>

#include "x509.h"

#define FILE_MAX (1024 * 1024)

static enum hc_err take(const void *der, size_t len, uint8_t *out, size_t *ret_len)
{
	HC_X509(certificate);
	const enum hc_err err = hc_x509_parse(der, len, &certificate);

	if (err != HC_OK)
		return err;
	memcpy(out, der, len); /* hc_x509_parse takes HC_X509_MAX bytes at most */
	*ret_len = len;
	return HC_OK;
}

static enum hc_err read_pem(BIO *bio, uint8_t *out, size_t *ret_len)
{
	enum hc_err err = HC_OK;
	char *name = NULL;
	char *header = NULL;
	unsigned char *data = NULL;
	long len = 0;
	size_t found = 0; /* its length */

	while (err == HC_OK && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		if (strcmp(name, PEM_STRING_X509) == 0) {
			err = found > 0 ? HC_ERR_EXISTS : take(data, (size_t)len, out, &found);
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)len); /* a private key may stand beside it */
	}
	if (err == HC_OK && found == 0)
		err = HC_ERR_NOTFOUND;
	if (err == HC_OK)
		*ret_len = found;
	return err;
}

enum hc_err hc_cps_decode(const void *data, size_t len, uint8_t out[HC_X509_MAX], size_t *ret_len)
{
	if (len == 0 || len > FILE_MAX)
		return len == 0 ? HC_ERR_NOTFOUND : HC_ERR_TOOBIG;
	if (*(const unsigned char *)data == 0x30)
		return take(data, len, out, ret_len);
	BIO *bio = BIO_new_mem_buf(data, (int)len);

	if (bio == NULL)
		return HC_ERR_NOMEM;
	const enum hc_err err = read_pem(bio, out, ret_len);

	BIO_free(bio);
	return err;
}
