/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_FIDO2_H
#define HC_FACTOR_FIDO2_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "factor.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * Security keys: what is asked of a key, and the judgement of what it answers. A challenge is random, made for one
 * conversation and good for one answer.
 */
#define HC_FIDO2_CHALLENGE_LEN 32
#define HC_FIDO2_HANDLE_LEN    32

extern const struct hc_factor_ops hc_factor_fido2;

struct hc_fido2_challenge {
	char rp_id[HC_RP_ID_MAX + 1];
	uint8_t client_data_hash[32];
	bool open; /* not answered yet */
};

struct hc_fido2_ask {
	const struct hc_person *person; /* NULL: whoever the key names */
	bool verify;			/* PIN or fingerprint is needed */
	bool present;			/* a key that is not there is not waited for */
	int64_t timeout_s;
};

/*
 * hc_fido2_ask: the DEVICE_START of a sign-in into start (begun here, not finished). HC_ERR_STATE: there is no rp_id,
 * or the person has no key.
 */
HC_CHECK enum hc_err hc_fido2_ask(const struct hc_authd *authd, const struct hc_fido2_ask *ask,
				  struct hc_msg *start, struct hc_fido2_challenge *ret_challenge);

/* hc_fido2_client_data: the hash of the client data of a new challenge at this machine; type "webauthn.get" or ".create". */
HC_CHECK enum hc_err hc_fido2_client_data(const struct hc_authd *authd, const char *type, uint8_t out[32]);

/* hc_fido2_handle: the person's handle on keys: nothing about the person can be read from it. */
HC_CHECK enum hc_err hc_fido2_handle(const struct hc_authd *authd, int64_t person_id,
				     uint8_t out[HC_FIDO2_HANDLE_LEN]);

/* hc_fido2_who: whose credential a DEVICE_DONE is about; it proves nothing. HC_ERR_NOTFOUND: nobody's. */
HC_CHECK enum hc_err hc_fido2_who(const struct hc_authd *authd, const struct hc_msg *done,
				  struct hc_person *ret_person);

/* The answer to a challenge; ctx of hc_fido2_verify. Both borrowed. */
struct hc_fido2_answer {
	const struct hc_msg *done;
	const struct hc_fido2_challenge *challenge;
};

/* hc_fido2_verify: verify of struct hc_evidence: inside a transaction, in which the counter is kept. */
void hc_fido2_verify(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		     struct hc_factor_outcome *ret_outcome);

#endif
