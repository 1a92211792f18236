/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TOKEN_H
#define HC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/client.h"
#include "store/grant.h"
#include "store/ticket.h"

/*
 * Access tokens. Opaque ones are rows. JWT ones are not stored: one is dead when its grant is
 * (hc_grant_find; so a JWT has to tell its grant) or when its jti was revoked.
 */
struct hc_access {
	struct hc_ticket_ref ref;
	int64_t grant_id;
	int64_t client;
	struct hc_scope_text scope; /* of this token; empty: the grant's */
	int64_t issued_ms, expires_ms;
};

/* hc_access_add: HC_ERR_EXISTS for a taken id; HC_ERR_STATE unless the grant is the client's, alive and lasts that long. */
HC_CHECK enum hc_err hc_access_add(struct hc_gstore_tx *tx, const struct hc_access *access);

/* What an access token stands for. */
struct hc_access_info {
	int64_t grant_id, client, session_id, person_id; /* session, person: 0 for none */
	char client_id[HC_CLIENT_ID_MAX + 1];
	enum hc_client_profile profile; /* the client's */
	char sub[HC_SUB_MAX + 1];
	struct hc_scope_text scope;
	int64_t issued_ms, expires_ms;
};

/* hc_access_find: HC_ERR_NOTFOUND for one that is unknown, expired, revoked, or whose grant or client is gone. */
HC_CHECK enum hc_err hc_access_find(struct hc_gstore_view *view, const struct hc_ticket_ref *ref,
				    int64_t now_ms, struct hc_access_info *ret_info);
/* hc_access_revoke: by the client that it was issued to. HC_ERR_NOTFOUND for any other or an unknown one. */
HC_CHECK enum hc_err hc_access_revoke(struct hc_gstore_tx *tx, const struct hc_ticket_ref *ref,
				      int64_t client);

/* hc_jti_revoke: a JWT by the SHA-256 of its jti, kept until it expires by itself. Once more is no error. */
HC_CHECK enum hc_err hc_jti_revoke(struct hc_gstore_tx *tx, const uint8_t hash[32], int64_t expires_ms);
HC_CHECK enum hc_err hc_jti_is_revoked(struct hc_gstore_view *view, const uint8_t hash[32],
				       bool *ret_revoked);

#endif
