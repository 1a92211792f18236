/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_FIDO2_H
#define HC_FACTOR_FIDO2_H

#include <stdint.h>

#include "authd.h"
#include "factor.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Security keys. What is asked of a key at a sign-in and the judgement of what it answers is hc_device_fido2
 * (device_method.h); here is what enrolment shares with it. A challenge is random, made for one conversation and good for
 * one answer.
 */
#define HC_FIDO2_CHALLENGE_LEN 32
#define HC_FIDO2_HANDLE_LEN    32

extern const struct hc_factor_ops hc_factor_fido2;

/* hc_fido2_client_data: the hash of the client data of a new challenge at this machine; type "webauthn.get" or ".create". */
HC_CHECK enum hc_err hc_fido2_client_data(const struct hc_authd *authd, const char *type, uint8_t out[32]);

/* hc_fido2_handle: the person's handle on keys: nothing about the person can be read from it. */
HC_CHECK enum hc_err hc_fido2_handle(const struct hc_authd *authd, int64_t person_id,
				     uint8_t out[HC_FIDO2_HANDLE_LEN]);

#endif
