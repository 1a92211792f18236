/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_CHOICE_H
#define HC_FIDO2_CHOICE_H

#include "fido2_key.h"
#include "hospiconnect/reason.h"

/*
 * What a request needs of a key. Pure.
 *
 * hc_fido2_unfit: HC_REASON_NONE where the key can be used; else why not.
 */
enum hc_reason hc_fido2_unfit(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts);

/* hc_fido2_sure: it is known, not just possible, that the key holds what is asked for. */
bool hc_fido2_sure(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts);

/* hc_fido2_verify_by: how a key that is fit learns who the person is. without_finger: that way is used up. */
enum hc_fido2_verify hc_fido2_verify_by(const struct hc_fido2_request *request,
					const struct hc_fido2_facts *facts, bool without_finger);

/*
 * hc_fido2_final: waiting for another key makes no sense, since the person's own one is there and
 * cannot be used for this reason.
 */
bool hc_fido2_final(const struct hc_fido2_request *request, enum hc_reason reason);

/* hc_fido2_worse: the reason that tells a person more, of two. */
enum hc_reason hc_fido2_worse(enum hc_reason a, enum hc_reason b);

/* hc_fido2_algorithm: the first of the request's that the key has; 0: none. */
int32_t hc_fido2_algorithm(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts);

#endif
