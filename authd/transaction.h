/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TRANSACTION_H
#define HC_TRANSACTION_H

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * One transaction of the store together with the audit records that were added in it: both are on
 * disk, or neither is. As hc_store_begin, _commit and _rollback. After a failed commit nothing is
 * open. hc_tx_rollback is safe at any time.
 */
HC_CHECK enum hc_err hc_tx_begin(const struct hc_authd *authd);
HC_CHECK enum hc_err hc_tx_commit(const struct hc_authd *authd);
void hc_tx_rollback(const struct hc_authd *authd);

#endif
