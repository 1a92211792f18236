/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVIDENCE_X509_H
#define HC_EVIDENCE_X509_H

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "hospiconnect/cps.h"

/* Private to libhcevidence/: OpenSSL's objects, and what several files need of them. */

static inline void hc_x509_free(X509 **certificate)
{
	X509_free(*certificate);
}
static inline void hc_evp_key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
#define HC_X509(name) X509 *name HC_CLEANUP(hc_x509_free) = NULL

/* hc_x509_parse: exactly one DER certificate and nothing behind it. HC_ERR_INVALID, HC_ERR_TOOBIG. */
HC_CHECK enum hc_err hc_x509_parse(const void *der, size_t len, X509 **ret_certificate);

/* hc_x509_time: milliseconds since 1970. HC_ERR_INVALID. */
HC_CHECK enum hc_err hc_x509_time(const ASN1_TIME *time, int64_t *ret_ms);

/*
 * hc_x509_name_text: the one attribute of that NID as UTF-8 into out, "" where there is none. HC_ERR_INVALID where there
 * are several, or with control characters; HC_ERR_TOOBIG beyond cap.
 */
HC_CHECK enum hc_err hc_x509_name_text(const X509_NAME *name, int nid, char *out, size_t cap);

/* hc_x509_name_has: whether an attribute of that NID contains needle (ASCII). */
bool hc_x509_name_has(const X509_NAME *name, int nid, const char *needle);

/* hc_cps_read_private: the national extensions. */
HC_CHECK enum hc_err hc_cps_read_private(const X509 *certificate, struct hc_cps_certificate *out);

#endif
