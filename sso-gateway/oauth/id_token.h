/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ID_TOKEN_H
#define HC_ID_TOKEN_H

#include "gateway.h"
#include "store/client.h"
#include "store/grant.h"
#include "store/session.h"

/* ID tokens (OIDC Core 2), and reading our own back as id_token_hint. */

/*
 * hc_id_token_make: iss, sub, aud, exp, iat, auth_time (unless 0), nonce (unless empty), acr, amr, sid, at_hash, signed
 * with the client's algorithm. compact: transferred, NUL-terminated.
 */
HC_CHECK enum hc_err hc_id_token_make(struct hc_worker *worker, const struct hc_client *client,
				      const struct hc_browser_session *session, const char *sub,
				      const char *nonce, const char *access_token, int64_t now_ms,
				      char **ret_compact);

/*
 * hc_id_token_hint: a token that we signed, of whatever age (OIDC Core 3.1.2.1, RP-Initiated Logout 2):
 * for whom and for which client. HC_ERR_PERM for every token that we did not sign, alg none included.
 */
struct hc_id_token_hint {
	char client_id[HC_CLIENT_ID_MAX + 1];
	char sub[HC_SUB_MAX + 1];
	char sid[HC_SID_MAX + 1];
	int64_t expires_ms;
};
HC_CHECK enum hc_err hc_id_token_hint(struct hc_worker *worker, const char *compact, size_t len,
				      struct hc_id_token_hint *ret_hint);

/* hc_subject: the stable `sub` of a person at this issuer: no login, no national identifier. */
HC_CHECK enum hc_err hc_subject(const struct hc_gateway *gateway, int64_t person_id,
				char out[HC_SUB_MAX + 1]);

#endif
