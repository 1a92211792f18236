/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_CERTIFICATE_H
#define HC_PKCS11_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/*
 * What a certificate says it is for, read to choose between the certificates of a card. The broker judges
 * it and verifies its chain (hospiconnect/cps.h); here a certificate is picked, never trusted.
 */
struct hc_p11_usage {
	bool authority;		      /* basicConstraints: CA */
	bool has_key_usage;	      /* the extension is there */
	bool may_sign, may_commit;    /* digitalSignature; nonRepudiation */
	bool client_auth, smart_card; /* extended key usages */
	char holder[HC_LABEL_MAX +
		    1]; /* given name and surname, or the CN: to tell cards apart; escaped, may be empty */
};

/* hc_p11_usage_read: HC_ERR_INVALID unless der (borrowed) is exactly one X.509 certificate as far as it is read. */
HC_CHECK enum hc_err hc_p11_usage_read(const void *der, size_t len, struct hc_p11_usage *ret_usage);

/*
 * hc_p11_ecdsa_to_der: a signature of PKCS#11, r and s one behind the other, as the SEQUENCE that X.509 and
 * OpenSSL use. HC_ERR_INVALID for an odd or empty length or one beyond P-521, or zero; HC_ERR_TOOBIG.
 */
HC_CHECK enum hc_err hc_p11_ecdsa_to_der(const void *raw, size_t len, uint8_t *out, size_t cap,
					 size_t *ret_len);

#endif
