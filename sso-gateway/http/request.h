/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REQUEST_H
#define HC_REQUEST_H

#include "http/http.h"
#include "http/prescan.h"

/*
 * A header block as a request. hc_request_parse: block is whole and passed the scan; the views of
 * ret_request point into it. The parser must find what the scan found (version, number of fields,
 * length of the body), or the request is refused. Returns 0, or the status to refuse with (400,
 * 501 for a method that nobody knows). body, peer and tls are the caller's to set.
 */
HC_CHECK unsigned hc_request_parse(const struct hc_prescan *scan, const char *block,
				   struct hc_http_request *ret_request, bool *ret_keep_alive);

#endif
