/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OCSP_REQUEST_H
#define HC_OCSP_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/cps_ocsp.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

#define HC_OCSP_URL_MAX	      255
#define HC_OCSP_TIMEOUT_MAX_S 60

/* What hc-ocsp is to post, and where. */
struct hc_ocsp_request {
	char url[HC_OCSP_URL_MAX + 1];
	uint8_t body[HC_CPS_OCSP_REQUEST_MAX];
	size_t body_len;
	long timeout_s; /* for everything */
};

/* hc_ocsp_request_parse: a DEVICE_START for CHECK, and nothing else in it. HC_ERR_PROTOCOL. */
HC_CHECK enum hc_err hc_ocsp_request_parse(const struct hc_msg *msg, struct hc_ocsp_request *ret_request);

#endif
