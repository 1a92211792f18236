/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CREDENTIAL_H
#define HC_CREDENTIAL_H

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "store/store.h"

struct hc_secret;

/*
 * What the factors' credentials have in common: their ids, and their secrets under the seal. A sealed
 * secret opens only for the person, credential and type for which it was sealed.
 */

/* hc_credential_id_new: a random id (60 bits). */
HC_CHECK enum hc_err hc_credential_id_new(struct hc_credential_id *ret_id);

/* hc_credential_seal: fills credential->sealed; its id, person_id and type are set. */
HC_CHECK enum hc_err hc_credential_seal(const struct hc_seal *seal, struct hc_credential *credential,
					const struct hc_secret *plain);
/* hc_credential_unseal: HC_ERR_SEAL where it does not open. */
HC_CHECK enum hc_err hc_credential_unseal(const struct hc_seal *seal, const struct hc_credential *credential,
					  struct hc_secret **ret_plain);

/* hc_credential_room: HC_ERR_STATE when the person holds HC_CREDENTIALS_MAX that are not revoked. */
HC_CHECK enum hc_err hc_credential_room(const struct hc_authd *authd, int64_t person_id);

#endif
