/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OCSP_FETCH_H
#define HC_OCSP_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "hc_ocsp_request.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* What came back. Nothing of it is believed: whoever asked verifies it. */
struct hc_ocsp_response {
	uint8_t data[HC_CPS_OCSP_RESPONSE_MAX];
	size_t len;
	char why[256]; /* on failure, English, for the log */
};

/*
 * hc_ocsp_fetch: one post over libcurl: no redirect, no proxy, no cookie, no second try. Blocks until it is answered, its time is
 * over, or link (-1: none) has something to read. HC_ERR_STATE: link has. HC_ERR_TIMEOUT, HC_ERR_TOOBIG, HC_ERR_AWAY
 * (nobody there), HC_ERR_NOTFOUND (another status than 200), HC_ERR_PROTOCOL (everything else), HC_ERR_NOMEM.
 * Once a process: a thread that resolves a name may be left behind.
 */
HC_CHECK enum hc_err hc_ocsp_fetch(const struct hc_ocsp_request *request, int link,
				   struct hc_ocsp_response *ret_response);

#endif
