/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which handler a request goes to. No state. The path is compared byte by byte as it was sent: no
 * decoding, no "..", no trailing slash, so that there is one way to write each path and a rule of a
 * proxy in front cannot be walked around.
 */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

static unsigned allowed(unsigned methods)
{
	return (methods & HC_HTTP_GET) != 0 ? methods | HC_HTTP_HEAD : methods;
}

static void write_allow(unsigned methods, char out[HC_ALLOW_MAX])
{
	(void)snprintf(out, HC_ALLOW_MAX, "%s%s%s", (methods & HC_HTTP_GET) != 0 ? "GET, HEAD" : "",
		       (methods & HC_HTTP_GET) != 0 && (methods & HC_HTTP_POST) != 0 ? ", " : "",
		       (methods & HC_HTTP_POST) != 0 ? "POST" : "");
}

void hc_route_find(const struct hc_http_route *routes, hc_http_handler_fn not_found,
		   const struct hc_http_request *request, struct hc_route_found *ret_found)
{
	unsigned methods = 0;

	*ret_found = (struct hc_route_found){.handler = NULL};
	for (const struct hc_http_route *route = routes; route->path != NULL; route++) {
		if (strlen(route->path) != request->path.len ||
		    memcmp(route->path, request->path.data, request->path.len) != 0)
			continue;
		if ((allowed(route->methods) & (unsigned)request->method) != 0) {
			ret_found->handler = route->handler;
			return;
		}
		methods |= route->methods;
	}
	if (methods == 0) {
		ret_found->handler = not_found;
		ret_found->status = 404;
		return;
	}
	ret_found->status = 405;
	write_allow(methods, ret_found->allow);
}
