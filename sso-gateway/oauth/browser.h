/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROWSER_H
#define HC_BROWSER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway.h"
#include "hospiconnect/crypto.h"
#include "http/http.h"
#include "http/url.h"
#include "store/ticket.h"

/*
 * What a browser brings along: parameters, our two cookies, where a form came from. Pure but for randomness.
 *
 * The login cookie is 128 random bits that a browser gets with its first sign-in page; forms are bound to
 * it. The session cookie is a ticket (store/ticket.h), new at each sign-in. Both end with the browser.
 */
#define HC_COOKIE_LOGIN	    "__Host-hc_login"
#define HC_COOKIE_SESSION   "__Host-hc_session"
#define HC_LOGIN_COOKIE_LEN 22
#define HC_SET_COOKIE_MAX   128

struct hc_login_cookie {
	char value[HC_LOGIN_COOKIE_LEN + 1];
	uint8_t hash[HC_SHA256_LEN];
};

/* hc_browser_login: HC_ERR_NOTFOUND where there is none that we could have made. */
HC_CHECK enum hc_err hc_browser_login(const struct hc_http_request *request,
				      struct hc_login_cookie *ret_cookie);
HC_CHECK enum hc_err hc_browser_login_make(struct hc_login_cookie *ret_cookie);

/* hc_browser_session: the ticket of the session cookie; HC_ERR_NOTFOUND where there is none, or none of ours. */
HC_CHECK enum hc_err hc_browser_session(const struct hc_http_request *request, struct hc_ticket_ref *ret_ref);

/* hc_browser_set_cookie: the value of a Set-Cookie header; value NULL: the browser shall forget it. */
void hc_browser_set_cookie(const char *name, const char *value, char out[HC_SET_COOKIE_MAX]);

/*
 * hc_browser_params: of the query (GET, HEAD) or the form (POST). HC_ERR_INVALID also for a POST that is no form
 * or has a query as well; others as hc_params_parse. To be cleared on HC_OK.
 */
HC_CHECK enum hc_err hc_browser_params(const struct hc_http_request *request, struct hc_params *ret_params);

/* hc_browser_form_is_ours: the browser says that the form came from our own page, or does not say. */
bool hc_browser_form_is_ours(const struct hc_gateway_config *config, const struct hc_http_request *request);

/* hc_browser_base: the path of the issuer, "" for none; a part of config. */
const char *hc_browser_base(const struct hc_gateway_config *config);

#endif
