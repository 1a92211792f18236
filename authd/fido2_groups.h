/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_GROUPS_H
#define HC_FIDO2_GROUPS_H

#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * hc_fido2_put_credentials: what a person's keys are asked for, into a DEVICE_START: RP_ID, CREDENTIALS and, where there
 * is more than one list of one relying party, GROUPS. Ours come first, then the oldest. HC_ERR_STATE: the person has no key.
 */
HC_CHECK enum hc_err hc_fido2_put_credentials(const struct hc_authd *authd, int64_t person_id,
					      struct hc_msg *start);

#endif
