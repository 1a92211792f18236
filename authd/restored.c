/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first start on a store that was restored from a backup. No state.
 *
 * The store is older than the world: what was used up since may come again. In one transaction, before anybody is
 * served: every TOTP step up to now counts as used, the trail says that it goes on from a backup and what the
 * administrator has to look at, and the mark of the copy goes. Killed before the commit, it is done at the next start.
 */
#include "restored.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit.h"
#include "hospiconnect/log.h"
#include "transaction.h"

#define MS_PER_S 1000

/* Those of which nobody can tell how many were used since: the administrator renews them (docs/OPERATIONS.md). */
static enum hc_err describe(const struct hc_authd *authd, int64_t seq, char *out, size_t cap)
{
	int64_t counters = 0, recovery = 0;
	enum hc_err err = hc_store_count_kind(authd->store, HC_CREDENTIAL_HOTP, &counters);

	if (err == HC_OK)
		err = hc_store_count_kind(authd->store, HC_CREDENTIAL_RECOVERY, &recovery);
	(void)snprintf(out, cap, "to record %" PRId64 "; to be renewed: hotp %" PRId64 ", recovery %" PRId64,
		       seq, counters, recovery); /* fits */
	return err;
}

static enum hc_err settle(const struct hc_authd *authd, char *detail, size_t cap)
{
	struct hc_audit_record last = {.seq = 0};
	struct hc_audit_entry entry = {
		.event = HC_AUDIT_RESTORE, .success = true, .actor = "broker", .detail = detail};
	enum hc_err err = hc_store_audit_last(authd->store, &last);

	if (err == HC_OK || err == HC_ERR_NOTFOUND)
		err = describe(authd, last.seq, detail, cap);
	if (err == HC_OK)
		err = hc_store_settle(authd->store, hc_now_ms(authd->clock) / MS_PER_S,
				      authd->config->otp.totp_window);
	if (err == HC_OK)
		err = hc_audit_add(authd->audit, &entry);
	return err;
}

enum hc_err hc_restored_settle(const struct hc_authd *authd)
{
	char detail[128];
	enum hc_err err;

	if (!hc_store_restored(authd->store))
		return HC_OK;
	err = hc_tx_begin(authd);
	if (err != HC_OK)
		return err;
	err = settle(authd, detail, sizeof(detail));
	if (err == HC_OK)
		err = hc_tx_commit(authd);
	else
		hc_tx_rollback(authd);
	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "the restored store cannot be put to use",
		       HC_F_TEXT("reason", hc_strerror(err)));
		return err;
	}
	hc_store_settled(authd->store);
	hc_log(HC_LOG_NOTICE, "the store was restored from a backup", HC_F_TEXT("state", detail));
	return HC_OK;
}
