/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ROUTE_H
#define HC_ROUTE_H

#include "http/http.h"

#define HC_ALLOW_MAX 24 /* "GET, HEAD, POST" */

struct hc_route_found {
	hc_http_handler_fn handler; /* NULL: status says why */
	unsigned status;	    /* 404 or 405 */
	char allow[HC_ALLOW_MAX];   /* with 405 */
};

/* hc_route_find: by the exact path and the method. not_found (or NULL) takes what no path matches. */
void hc_route_find(const struct hc_http_route *routes, hc_http_handler_fn not_found,
		   const struct hc_http_request *request, struct hc_route_found *ret_found);

#endif
