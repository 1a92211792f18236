/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_COOKIE_H
#define HC_COOKIE_H

#include "http/http.h"

/*
 * hc_cookie_find: the value of one of our cookies, a view into the request. HC_ERR_NOTFOUND;
 * HC_ERR_INVALID where it was sent more than once, holds a byte that no cookie value may (RFC 6265
 * section 4.1.1; quotes too, since we never send them), or where there is more than one Cookie
 * header. Other cookies of the same host may be as odd as they like.
 */
HC_CHECK enum hc_err hc_cookie_find(const struct hc_http_request *request, const char *name,
				    struct hc_view *ret_value);

/* hc_cookie_in: the same in the text of a Cookie header (borrowed). */
HC_CHECK enum hc_err hc_cookie_in(const char *data, size_t len, const char *name, struct hc_view *ret_value);

#endif
