/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REFRESH_H
#define HC_REFRESH_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/grant.h"
#include "store/ticket.h"

/*
 * Refresh tokens. All of a grant are its family; each may be used once and has one successor. A used one
 * that comes back means that two hold it, and the family ends; except within the grace of a confidential
 * client, whose answer may have been lost: then a new successor takes the place of the earlier one,
 * provided that nobody used that.
 */
#define HC_REFRESH_GRACE_MAX_MS 10000

struct hc_refresh {
	struct hc_ticket_ref ref;
	int64_t grant_id;
	int64_t client;
	int64_t issued_ms, expires_ms;
};

/* hc_refresh_add: the first of a family. HC_ERR_EXISTS for a taken id; HC_ERR_STATE unless the grant is
 * the client's, alive and lasts that long. */
HC_CHECK enum hc_err hc_refresh_add(struct hc_gstore_tx *tx, const struct hc_refresh *refresh);

/* What the token endpoint received, after the client was authenticated, and the successor to be made. */
struct hc_refresh_try {
	struct hc_ticket_ref ref;
	int64_t client;
	int64_t grace_ms; /* 0 for a public client; beyond HC_REFRESH_GRACE_MAX_MS: HC_ERR_INVALID */
	struct hc_ticket_ref successor;
	int64_t successor_expires_ms; /* cut to the end of the grant */
};

/*
 * hc_refresh_rotate: one UPDATE that names the token, its client, its unused state, the time and that
 * its grant is alive. HC_REDEEM_OK: used up (or repeated within the grace), the successor is in the
 * store, ret_grant and ret_expires_ms (the successor's) are filled. HC_REDEEM_REUSED: the family has
 * been ended (hc_grant_reused: ret_grant, and once). HC_REDEEM_REFUSED: nothing changed. The member must return
 * HC_OK in all three cases.
 */
HC_CHECK enum hc_err hc_refresh_rotate(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try,
				       int64_t now_ms, enum hc_redeem *ret_outcome,
				       struct hc_grant *ret_grant, int64_t *ret_expires_ms);

/* What a refresh token stands for; for introspection. */
struct hc_refresh_info {
	struct hc_grant grant;
	int64_t issued_ms, expires_ms;
};

/* hc_refresh_find: one that could be used now. HC_ERR_NOTFOUND for any other. */
HC_CHECK enum hc_err hc_refresh_find(struct hc_gstore_view *view, const struct hc_ticket_ref *ref,
				     int64_t now_ms, struct hc_refresh_info *ret_info);

/*
 * hc_refresh_grant: which family a token is of, used or not; says nothing about whether it may be used.
 * HC_ERR_NOTFOUND for an unknown one and another client's.
 */
HC_CHECK enum hc_err hc_refresh_grant(struct hc_gstore_view *view, const struct hc_ticket_ref *ref,
				      int64_t client, int64_t *ret_grant_id);

/* hc_refresh_revoke: ends the family, by its client; also with a used one. HC_ERR_NOTFOUND for any other. */
HC_CHECK enum hc_err hc_refresh_revoke(struct hc_gstore_tx *tx, const struct hc_ticket_ref *ref,
				       int64_t client, int64_t now_ms);

#endif
