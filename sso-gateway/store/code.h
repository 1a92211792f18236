/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CODE_H
#define HC_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/client.h"
#include "store/grant.h"
#include "store/ticket.h"

/* Authorization codes. */
#define HC_NONCE_MAX 512

struct hc_code {
	struct hc_ticket_ref ref;
	int64_t grant_id;
	int64_t client;
	char redirect_uri[HC_URI_MAX + 1]; /* as in the request, byte for byte */
	uint8_t challenge[32];		   /* PKCE S256: SHA-256 of the verifier */
	char nonce[HC_NONCE_MAX + 1];	   /* empty: none */
	int64_t issued_ms, expires_ms;
	int64_t keep_until_ms; /* a second use is recognised until then; not beyond the grant's end */
};

/* hc_code_add: HC_ERR_EXISTS for a taken id; HC_ERR_STATE unless the grant is the client's, alive and lasts that long. */
HC_CHECK enum hc_err hc_code_add(struct hc_gstore_tx *tx, const struct hc_code *code);

/*
 * hc_code_grant: which grant an unused code is of, whatever its time; says nothing about whether it may be
 * redeemed. HC_ERR_NOTFOUND for a used one, an unknown one and another client's.
 */
HC_CHECK enum hc_err hc_code_grant(struct hc_gstore_view *view, const struct hc_ticket_ref *ref,
				   int64_t client, int64_t *ret_grant_id);

/* What the token endpoint received, after the client was authenticated. */
struct hc_code_try {
	struct hc_ticket_ref ref;
	int64_t client;
	const char *redirect_uri;
	uint8_t challenge[32]; /* SHA-256 of the verifier that was sent */
};

/*
 * hc_code_redeem: one UPDATE that names the code, its client, redirect URI, challenge, unused state and
 * time. HC_REDEEM_OK: used up, ret_grant and ret_nonce are filled. Anything that does not match is
 * HC_REDEEM_REFUSED and uses nothing up. A code that its client uses a second time is HC_REDEEM_REUSED
 * and ends the grant (hc_grant_reused: ret_grant, and once). The member must return HC_OK in all three cases,
 * or the trace is undone.
 */
HC_CHECK enum hc_err hc_code_redeem(struct hc_gstore_tx *tx, const struct hc_code_try *code_try,
				    int64_t now_ms, enum hc_redeem *ret_outcome, struct hc_grant *ret_grant,
				    char ret_nonce[HC_NONCE_MAX + 1]);

#endif
