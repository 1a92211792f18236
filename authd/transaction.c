/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change and its audit record, together or not at all.
 *
 * No state. Whoever tells somebody a verdict does it after hc_tx_commit returned HC_OK and never
 * before.
 */
#include "transaction.h"

#include "audit.h"
#include "store/store.h"

enum hc_err hc_tx_begin(const struct hc_authd *authd)
{
	return hc_store_begin(authd->store);
}

enum hc_err hc_tx_commit(const struct hc_authd *authd)
{
	enum hc_err err = hc_store_commit(authd->store);

	if (err == HC_OK)
		hc_audit_committed(authd->audit);
	else
		hc_tx_rollback(authd);
	return err;
}

void hc_tx_rollback(const struct hc_authd *authd)
{
	hc_store_rollback(authd->store);
	hc_audit_rolled_back(authd->audit);
}
