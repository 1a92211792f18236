/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_TRUST_H
#define HC_CPS_TRUST_H

#include "x509.h"

/* Private to libhccps/. */
struct hc_cps_trust {
	size_t count;
	X509 *certificates[HC_CPS_AUTHORITIES_MAX]; /* owned */
};

/* hc_cps_issuer: the authority that signed this certificate, its signature verified; NULL: none of ours. */
X509 *hc_cps_issuer(const struct hc_cps_trust *trust, X509 *certificate);

#endif
