/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BEARER_H
#define HC_BEARER_H

#include "http/http.h"
#include "http/url.h"

/*
 * hc_bearer_find: the access token of a request (RFC 6750 section 2): the Authorization header, or a form's
 * parameter access_token; never the query. HC_ERR_NOTFOUND: none. HC_ERR_INVALID: more than one, one
 * in the query, a form that is malformed. HC_ERR_NOMEM. params is the caller's, to be cleared in every case; ret_token
 * is a view into it or into the request.
 */
HC_CHECK enum hc_err hc_bearer_find(const struct hc_http_request *request, struct hc_params *params,
				    struct hc_view *ret_token);

/* The answers of RFC 6750 section 3. Each ends the exchange. */
void hc_bearer_missing(struct hc_exchange *exchange);	/* 401, without an error code in the challenge */
void hc_bearer_malformed(struct hc_exchange *exchange); /* 400 invalid_request */
void hc_bearer_dead(struct hc_exchange *exchange);	/* 401 invalid_token */
void hc_bearer_too_weak(struct hc_exchange *exchange);	/* 403 insufficient_scope: openid */

#endif
