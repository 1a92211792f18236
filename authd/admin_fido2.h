/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_FIDO2_H
#define HC_ADMIN_FIDO2_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "store/store.h"

/* A new credential of a security key: what was asked of the key, then what came of it. */
struct hc_new_key {
	uint32_t flags;		      /* HC_DEVICE_FLAG_… of MAKE */
	uint8_t client_data_hash[32]; /* ours */
	struct hc_credential credential;
	struct hc_stored_key key; /* its rp_id and handle: ours */
};

/*
 * hc_new_key_verify: judges a DEVICE_DONE of MAKE and takes over what it holds. HC_REASON_NONE: it was made for that
 * client data, does what was asked, and its make is good enough for our rules. Nothing of it was believed otherwise.
 */
enum hc_reason hc_new_key_verify(const struct hc_authd *authd, const struct hc_msg *done,
				 struct hc_new_key *made);

/*
 * hc_new_key_add: into the store, inside a transaction. HC_ERR_NOTFOUND: the person was removed meanwhile; HC_ERR_STATE:
 * has as many credentials as one may have; HC_ERR_EXISTS: the key's name for it is somebody's already.
 */
HC_CHECK enum hc_err hc_new_key_add(const struct hc_authd *authd, int64_t person_id, struct hc_new_key *made);

/* hc_key_attestation: the word for a kind. hc_key_put: what is known of a key, into a row. */
const char *hc_key_attestation(uint32_t kind);
void hc_key_put(struct hc_msg *out, const struct hc_stored_key *key);

#endif
