/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker asks hc-ocsp for, checked and in types. No state. The broker is not believed: an address of another kind
 * than the web's would read files of this machine. Pure, and fuzzed (tests/fuzz/fuzz_ocsp.c).
 */
#include "hc_ocsp_request.h"

#include <string.h>

#include "hospiconnect/config.h"
#include "hospiconnect/device.h"

enum hc_err hc_ocsp_request_parse(const struct hc_msg *msg, struct hc_ocsp_request *ret_request)
{
	static const enum hc_field allowed[] = {HC_FIELD_DEVICE_OPERATION, HC_FIELD_TIMEOUT_S,
						HC_FIELD_OCSP_URL, HC_FIELD_OCSP_REQUEST};
	struct hc_ocsp_request request = {0};
	uint32_t operation = 0, timeout_s = 0;
	const uint8_t *view = NULL;
	size_t len = 0;

	if (msg->type != HC_MSG_DEVICE_START || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_u32(msg, HC_FIELD_DEVICE_OPERATION, &operation) != HC_OK ||
	    operation != (uint32_t)HC_DEVICE_CHECK ||
	    hc_msg_u32(msg, HC_FIELD_TIMEOUT_S, &timeout_s) != HC_OK || timeout_s == 0 ||
	    timeout_s > HC_OCSP_TIMEOUT_MAX_S ||
	    hc_msg_text(msg, HC_FIELD_OCSP_URL, request.url, sizeof(request.url)) != HC_OK ||
	    !hc_config_web_address(request.url, strlen(request.url)) ||
	    hc_msg_bytes(msg, HC_FIELD_OCSP_REQUEST, &view, &len) != HC_OK || len == 0 ||
	    len > sizeof(request.body))
		return HC_ERR_PROTOCOL;
	memcpy(request.body, view, len);
	request.body_len = len;
	request.timeout_s = (long)timeout_s;
	*ret_request = request;
	return HC_OK;
}
