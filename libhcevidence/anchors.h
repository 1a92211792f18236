/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVIDENCE_ANCHORS_H
#define HC_EVIDENCE_ANCHORS_H

#include "hospiconnect/trust.h"
#include "x509.h"

/* Private to libhcevidence/. */
struct hc_trust {
	size_t count;
	X509 *certificates[HC_TRUST_MAX]; /* owned */
};

/* hc_trust_issuer: the authority that signed this certificate, its signature verified; NULL: none of ours. */
X509 *hc_trust_issuer(const struct hc_trust *trust, X509 *certificate);

#endif
