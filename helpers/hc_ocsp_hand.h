/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OCSP_HAND_H
#define HC_OCSP_HAND_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_trust;

/* Asking by hand, for support. */
struct hc_ocsp_hand {
	const char *url, *certificate, *issuer; /* the last two: files, PEM or DER; borrowed */
};

#define HC_OCSP_HAND_REFUSED 3 /* exit status: revoked, or not known */

/*
 * hc_ocsp_hand_load: reads the files, which takes the rights of whoever asks. hc_ocsp_hand_ask: afterwards; asks, verifies and
 * prints. Both return an exit status, HC_PROGRAM_FAILED for no answer that counts.
 */
HC_CHECK int hc_ocsp_hand_load(const struct hc_ocsp_hand *hand);
HC_CHECK int hc_ocsp_hand_ask(const struct hc_ocsp_hand *hand);

#endif
