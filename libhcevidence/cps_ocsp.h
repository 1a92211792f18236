/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVIDENCE_CPS_OCSP_H
#define HC_EVIDENCE_CPS_OCSP_H

#include <stdbool.h>

#include <openssl/ocsp.h>

#include "anchors.h"
#include "hospiconnect/cps_ocsp.h"

/* Private to libhcevidence/: an answer of a responder, taken apart. */

static inline void hc_ocsp_basic_free(OCSP_BASICRESP **answer)
{
	OCSP_BASICRESP_free(*answer);
}

/* hc_ocsp_basic: the signed part of a whole response; NULL: ret_fault says why not. Owned by the caller. */
OCSP_BASICRESP *hc_ocsp_basic(const void *response, size_t len, enum hc_cps_ocsp_fault *ret_fault);

/* hc_ocsp_basic_nonce: as hc_cps_ocsp_nonce. */
HC_CHECK enum hc_err hc_ocsp_basic_nonce(OCSP_BASICRESP *answer, uint8_t out[HC_CPS_OCSP_NONCE_LEN]);

/*
 * hc_ocsp_signed_for: whether answer is signed by issuer, or by somebody whom issuer certified for that, valid now and not
 * revoked.
 */
bool hc_ocsp_signed_for(OCSP_BASICRESP *answer, X509 *issuer, const struct hc_cps_ocsp_question *question);

#endif
