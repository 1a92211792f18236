/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUTHORIZE_REQUEST_H
#define HC_AUTHORIZE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "http/url.h"
#include "store/client.h"
#include "store/code.h"

/*
 * Authorization requests (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1, RFC 7636): parameters into a typed
 * request, or a refusal. Pure: neither store nor time nor network.
 */
#define HC_STATE_MAX	      2048
#define HC_PKCE_CHALLENGE_LEN 43

/* What an application asks for, checked: it is all that a sign-in needs to know of the request. */
struct hc_authorization {
	char client_id[HC_CLIENT_ID_MAX + 1];
	char redirect_uri[HC_URI_MAX + 1]; /* one of the client's, byte for byte */
	char state[HC_STATE_MAX + 1];	   /* "": none */
	char nonce[HC_NONCE_MAX + 1];	   /* "": none */
	struct hc_scope_text scope;	   /* what the client asked for and may have */
	uint8_t challenge[32];		   /* PKCE S256 */
};

#define HC_PROMPT_NONE	  0x1u
#define HC_PROMPT_LOGIN	  0x2u
#define HC_PROMPT_CONSENT 0x4u /* of no effect: whoever runs the gateway has registered the application */
#define HC_PROMPT_SELECT  0x8u

struct hc_authorize_request {
	struct hc_authorization what;
	unsigned prompt;   /* HC_PROMPT_… */
	int64_t max_age_s; /* -1: none */
	/* Views into the parameters; NULL: absent. */
	struct hc_view id_token_hint, login_hint, ui_locales;
};

/* Why not: a page for the person, or an error that the application is told by a redirect. */
struct hc_authorize_refusal {
	enum hc_reason reason; /* of a page; HC_REASON_NONE: a redirect */
	const char *error;     /* RFC 6749 4.1.2.1, OIDC Core 3.1.2.6; static, also of a page (for the log) */
	const char *description;	   /* English, for developers; static, %x20-21 %x23-5B %x5D-7E */
	char redirect_uri[HC_URI_MAX + 1]; /* of a redirect */
	char state[HC_STATE_MAX + 1];
};

/*
 * hc_authorize_client_id: which client the parameters name: the first step, before anything else is looked
 * at. HC_ERR_INVALID, with ret_refusal filled: none, or a parameter stands there twice (whichever it is).
 */
HC_CHECK enum hc_err hc_authorize_client_id(const struct hc_params *params,
					    char ret_client_id[HC_CLIENT_ID_MAX + 1],
					    struct hc_authorize_refusal *ret_refusal);

/*
 * hc_authorize_request_read: params and client are borrowed; client NULL: nobody has that name.
 * HC_ERR_INVALID with ret_refusal filled; otherwise the views of ret_request live as long as params.
 * Parameters without a value count as absent (RFC 6749 3.1), unknown ones, display, claims, claims_locales and
 * acr_values as well. A text longer than its limit is an error, never cut.
 */
HC_CHECK enum hc_err hc_authorize_request_read(const struct hc_params *params, const struct hc_client *client,
					       struct hc_authorize_request *ret_request,
					       struct hc_authorize_refusal *ret_refusal);

#endif
