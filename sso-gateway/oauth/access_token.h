/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ACCESS_TOKEN_H
#define HC_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway.h"
#include "store/client.h"
#include "store/session.h"
#include "store/token.h"

/*
 * Access tokens: opaque ones are tickets with a row; JWT (RFC 9068, typ at+jwt) have none and name their
 * grant in the private claim "grant". Whoever reads one sees no difference.
 */
#define HC_JTI_LEN 22 /* base64url of 128 random bits */

struct hc_access_claims {
	const struct hc_client *client;
	const char *sub;
	const char *scope;
	const struct hc_browser_session *session; /* NULL: no person; auth_ms 0: not told */
	int64_t grant_id;			  /* 0: none (client_credentials) */
	int64_t issued_ms, expires_ms;
};

/* hc_access_token_sign: a JWT, signed with the algorithm of the client's record. compact: transferred. */
HC_CHECK enum hc_err hc_access_token_sign(struct hc_worker *worker, const struct hc_access_claims *claims,
					  char **ret_compact);

struct hc_access_token {
	struct hc_access_info info; /* of a JWT without a grant: grant_id, session_id and person_id are 0 */
	bool is_jwt;
	struct hc_ticket_ref ref; /* of an opaque one */
	uint8_t jti_hash[32];	  /* of a JWT */
};

/*
 * hc_access_token_find: what a text stands for now (borrowed, len bytes of anything). HC_ERR_NOTFOUND for
 * whatever is not alive: malformed, foreign, expired, revoked, of a client that is gone. Other errors are
 * the store's.
 */
HC_CHECK enum hc_err hc_access_token_find(struct hc_worker *worker, const char *text, size_t len,
					  int64_t now_ms, struct hc_access_token *ret_token);

#endif
