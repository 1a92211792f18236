/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SEAL_PLACE_H
#define HC_SEAL_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"

/*
 * Where a daemon's seal key is: the file that the configuration names (configured; "" for none), else the
 * systemd credential "seal-key", else STATE_DIR/seal.key. Failures are logged with what to do.
 */

/*
 * hc_seal_credential: before the drop, since a credential is readable for root alone. HC_OK also where
 * there is none to be used; *ret_seal is then left as it is.
 */
HC_CHECK enum hc_err hc_seal_credential(const char *configured, struct hc_seal **ret_seal);

/*
 * hc_seal_settle: after the drop, unless *seal is there already. A new key is made only where nothing
 * is sealed under an older one. HC_ERR_NOTFOUND: the key is missing and must come from the backup.
 */
HC_CHECK enum hc_err hc_seal_settle(const char *configured, const char *state_dir, bool sealed,
				    struct hc_seal **seal);

/* hc_seal_path: the file that hc_seal_settle opens. */
void hc_seal_path(const char *configured, const char *state_dir, char *out, size_t cap);

#endif
