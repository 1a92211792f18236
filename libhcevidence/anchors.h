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

/* hc_trust_over_persons: whether cards of people may come from it, by its name; a test authority as well. */
bool hc_trust_over_persons(const X509 *authority);

/*
 * hc_trust_chain: X509_V_OK only for a chain from certificate, over links (may be NULL) and authorities, to an authority,
 * all valid at now_ms; otherwise OpenSSL's X509_V_ERR_….
 */
int hc_trust_chain(const struct hc_trust *trust, X509 *certificate, STACK_OF(X509) * links, int64_t now_ms);

#endif
