/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OCSP_H
#define HC_OCSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authd.h"
#include "device.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/cps_ocsp.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"

/*
 * Whether a card was revoked, asked online: the question, which hc-ocsp carries, the judgement of the answer, and
 * what it is worth beside the revocation list. The broker itself speaks to no network. One thread.
 */
struct hc_ocsp;

HC_CHECK enum hc_err hc_ocsp_new(struct hc_ocsp **ret_ocsp);
void hc_ocsp_free(struct hc_ocsp **ocsp);

/* A card's certificate, and by whom it is judged; all borrowed. crls may be NULL. */
struct hc_ocsp_card {
	const struct hc_trust *trust;
	const struct hc_cps_crls *crls;
	const uint8_t *der;
	size_t len;
};

#define HC_OCSP_REST_MS 30000 /* when-reachable: after no answer, nobody else waits for one this long */

/*
 * hc_ocsp_consult: for consult of struct hc_device_method: the DEVICE_START (begun here, not finished) for ret_helper. HC_ERR_STATE:
 * nobody is to be asked: by the configuration, because it is known, because the responder was away a moment
 * ago and need not answer, or because the card's authority is not trusted, which verify says.
 */
HC_CHECK enum hc_err hc_ocsp_consult(const struct hc_authd *authd, const struct hc_ocsp_card *card,
				     struct hc_msg *start, enum hc_device_helper *ret_helper);

/*
 * hc_ocsp_result: what is known of the card now. more: the helper's DEVICE_DONE, or NULL where there was none or none was needed.
 * An answer is good once: asked again with the same one, what it said is remembered.
 */
enum hc_cps_ocsp_status hc_ocsp_result(const struct hc_authd *authd, const struct hc_ocsp_card *card,
				       const struct hc_msg *more);

/*
 * hc_ocsp_combine: the one decision about revocation, pure: what the list says (hc_cps_crls_check) and what the authority said
 * online. HC_REASON_NONE, CERTIFICATE_REVOKED or REVOCATION_UNKNOWN. ret_degraded: it rests on a list that has run out, which
 * goes into the trail.
 */
enum hc_reason hc_ocsp_combine(enum hc_ocsp_mode mode, enum hc_cps_revocation list,
			       enum hc_cps_ocsp_status word, bool *ret_degraded);

#endif
