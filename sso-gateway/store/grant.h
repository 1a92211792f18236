/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GRANT_H
#define HC_GRANT_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/client.h"

struct hc_gstore_tx;
struct hc_gstore_view;

/*
 * A grant: what one client was given by one act of authorization. Its code, its refresh tokens (the
 * "family") and its access tokens name it; all of them die with it in one statement. Also the
 * access token of client_credentials has one, without person and session.
 */
#define HC_SUB_MAX 128

struct hc_grant {
	int64_t id;	    /* hc_gstore_new_id */
	int64_t client;	    /* hc_client.number */
	int64_t session_id; /* 0: none */
	int64_t person_id;  /* 0: none */
	char sub[HC_SUB_MAX + 1];
	struct hc_scope_text scope;
	int64_t created_ms;
	int64_t expires_ms; /* nothing of it outlives this */
};

/* hc_grant_add: HC_ERR_EXISTS for a taken id; HC_ERR_STATE for a client
 * that is gone, a session that was ended in the meantime, is unknown or is not kept that long. */
HC_CHECK enum hc_err hc_grant_add(struct hc_gstore_tx *tx, const struct hc_grant *grant);
/* hc_grant_find: one that was not ended and has not expired, of a client that exists. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_grant_find(struct hc_gstore_view *view, int64_t id, int64_t now_ms,
				   struct hc_grant *ret_grant);
/* hc_grant_end: code, tokens and family are worthless from now on. HC_ERR_NOTFOUND where it was ended or is unknown. */
HC_CHECK enum hc_err hc_grant_end(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms);

/* What became of a code or refresh token that a client handed in. Only HC_REDEEM_OK is good for anything. */
enum hc_redeem {
	HC_REDEEM_REFUSED = 0, /* unknown, expired, ended, another client's, another request's */
	HC_REDEEM_REUSED = 1,  /* used before: its grant has now been ended, in the same transaction */
	HC_REDEEM_OK = 0x5A    /* used up by this call */
};

/*
 * hc_grant_reused: something of the grant came a second time: ends it, HC_REDEEM_REUSED with ret_grant, what it
 * was. HC_REDEEM_REFUSED where it was over before: whoever sends the same for ever is told of in the trail once.
 */
HC_CHECK enum hc_err hc_grant_reused(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms,
				     enum hc_redeem *ret_outcome, struct hc_grant *ret_grant);

#endif
