/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_RESPONSE_H
#define HC_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* The bytes of one answer on their way out. */
struct hc_response {
	char *data; /* owned */
	size_t len, sent;
	bool sensitive;
};

/* What the connection knows and the handler does not. */
struct hc_response_frame {
	bool head;	  /* no body, but its length */
	bool version_1_0; /* the client's: keeping alive must be said */
	bool close;
	const char *date; /* as hc_http_date has it; borrowed */
};

/*
 * hc_response_make: into an empty ret_response, to be cleared by hc_response_clear. headers and body
 * as in hc_exchange_reply. HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_response_make(const struct hc_response_frame *frame, unsigned status,
				      const char *const *headers, const void *body, size_t len,
				      struct hc_response *ret_response);
void hc_response_clear(struct hc_response *response);

/* hc_response_reason: "Not Found" for 404; static; for an unknown status the phrase of its class. */
const char *hc_response_reason(unsigned status);

#define HC_HTTP_DATE_LEN 29
/* hc_http_date: "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale. */
void hc_http_date(int64_t now_ms, char out[HC_HTTP_DATE_LEN + 1]);

#endif
