/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of a distinguished name. No state. Threats: a name with a NUL, a control character or a
 * second CN, by which two programs read two people out of one certificate: all of them are refused.
 * It must never take the first of several.
 */
#include <string.h>

#include "hospiconnect/identity.h"
#include "x509.h"

static enum hc_err copy_text(const ASN1_STRING *value, char *out, size_t cap)
{
	unsigned char *utf8 = NULL;
	const int len = ASN1_STRING_to_UTF8(&utf8, value);
	enum hc_err err = HC_OK;

	if (len < 0)
		return HC_ERR_INVALID;
	if ((size_t)len >= cap)
		err = HC_ERR_TOOBIG;
	else if (len == 0 || !hc_utf8_valid(utf8, (size_t)len))
		err = HC_ERR_INVALID;
	if (err == HC_OK) {
		memcpy(out, utf8, (size_t)len);
		out[len] = '\0';
	}
	OPENSSL_free(utf8);
	return err;
}

enum hc_err hc_x509_name_text(const X509_NAME *name, int nid, char *out, size_t cap)
{
	const int at = X509_NAME_get_index_by_NID(name, nid, -1);

	out[0] = '\0';
	if (at < 0)
		return HC_OK;
	if (X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return HC_ERR_INVALID;
	return copy_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), out, cap);
}

bool hc_x509_name_has(const X509_NAME *name, int nid, const char *needle)
{
	char text[HC_CPS_ISSUER_MAX + 1];

	for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0;
	     at = X509_NAME_get_index_by_NID(name, nid, at)) {
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

		if (copy_text(value, text, sizeof(text)) == HC_OK && strstr(text, needle) != NULL)
			return true;
	}
	return false;
}
