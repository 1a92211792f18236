/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may travel on the link, and what DEVICE_START says. No state of its own.
 *
 * Threats: a broker that is none, and a vendor's library that has taken over the process it runs in: both
 * sides may send what their turn allows and nothing else.
 */
#include "pkcs11_request.h"

#include <string.h>

/* ---- DEVICE_START ---- */

static enum hc_err read_operation(const struct hc_msg *msg, struct hc_p11_request *request)
{
	uint32_t number = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_OPERATION, &number) != HC_OK ||
	    (number != HC_DEVICE_LIST && number != HC_DEVICE_SIGN && number != HC_DEVICE_READ))
		return HC_ERR_PROTOCOL;
	request->operation = (enum hc_device_operation)number;
	return HC_OK;
}

static enum hc_err read_bounds(const struct hc_msg *msg, struct hc_p11_request *request)
{
	uint32_t seconds = 0, flags = 0;

	if (hc_msg_u32(msg, HC_FIELD_TIMEOUT_S, &seconds) != HC_OK || seconds == 0 ||
	    seconds > HC_DEVICE_TIMEOUT_MAX_S)
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_FLAGS) &&
	    (hc_msg_u32(msg, HC_FIELD_FLAGS, &flags) != HC_OK || (flags & ~HC_DEVICE_FLAG_PRESENT) != 0))
		return HC_ERR_PROTOCOL;
	request->timeout_ms = (int64_t)seconds * 1000;
	request->present_only = flags != 0;
	return HC_OK;
}

static enum hc_err read_message(const struct hc_msg *msg, struct hc_p11_request *request)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (request->operation != HC_DEVICE_SIGN)
		return HC_OK;
	if (hc_msg_bytes(msg, HC_FIELD_TO_SIGN, &view, &len) != HC_OK || len == 0 ||
	    len > sizeof(request->message))
		return HC_ERR_PROTOCOL;
	memcpy(request->message, view, len);
	request->message_len = len;
	return HC_OK;
}

enum hc_err hc_p11_request_parse(const struct hc_msg *msg, struct hc_p11_request *ret_request)
{
	static const enum hc_field allowed[] = {HC_FIELD_DEVICE_OPERATION, HC_FIELD_TIMEOUT_S,
						HC_FIELD_MODULE, HC_FIELD_FLAGS, HC_FIELD_TO_SIGN};
	struct hc_p11_request request = {0};

	if (msg->type != HC_MSG_DEVICE_START || read_operation(msg, &request) != HC_OK)
		return HC_ERR_PROTOCOL;
	/* TO_SIGN stands last in the list. */
	if (hc_msg_only(msg, allowed, HC_COUNT(allowed) - (request.operation == HC_DEVICE_SIGN ? 0 : 1)) !=
		    HC_OK ||
	    read_bounds(msg, &request) != HC_OK || read_message(msg, &request) != HC_OK ||
	    hc_msg_text(msg, HC_FIELD_MODULE, request.module, sizeof(request.module)) != HC_OK ||
	    request.module[0] != '/')
		return HC_ERR_PROTOCOL;
	*ret_request = request;
	return HC_OK;
}

/* ---- turns ---- */

enum hc_err hc_p11_from_broker(enum hc_p11_link_state *state, const struct hc_msg *msg)
{
	static const enum hc_field answer[] = {HC_FIELD_ANSWER};

	if (*state == HC_P11_LINK_ENDED)
		return HC_ERR_PROTOCOL;
	if (msg->type == HC_MSG_DEVICE_CANCEL)
		return hc_msg_only(msg, NULL, 0);
	if (msg->type != HC_MSG_DEVICE_ANSWER || *state != HC_P11_LINK_ASKING ||
	    !hc_msg_has(msg, HC_FIELD_ANSWER) || hc_msg_only(msg, answer, HC_COUNT(answer)) != HC_OK)
		return HC_ERR_PROTOCOL;
	*state = HC_P11_LINK_WORKING;
	return HC_OK;
}

/* Which fields a message of ours has; the broker looks at their values. */
static enum hc_err check_fields(const struct hc_msg *msg)
{
	static const enum hc_field wait[] = {HC_FIELD_DEVICE_WAIT, HC_FIELD_LABEL, HC_FIELD_REASON,
					     HC_FIELD_TRIES_LEFT, HC_FIELD_CERTIFICATE};
	static const enum hc_field ask[] = {HC_FIELD_DEVICE_ASK, HC_FIELD_LABEL,      HC_FIELD_SERIAL,
					    HC_FIELD_REASON,	 HC_FIELD_TRIES_LEFT, HC_FIELD_CHOICES,
					    HC_FIELD_CERTIFICATE};
	static const enum hc_field item[] = {HC_FIELD_DEVICE_PATH, HC_FIELD_LABEL, HC_FIELD_SERIAL,
					     HC_FIELD_CERTIFICATE, HC_FIELD_NAME,  HC_FIELD_REASON,
					     HC_FIELD_TRIES_LEFT};
	static const enum hc_field done[] = {HC_FIELD_CERTIFICATE, HC_FIELD_SIGNATURE_DER, HC_FIELD_LABEL,
					     HC_FIELD_SERIAL};
	static const enum hc_field failed[] = {HC_FIELD_REASON, HC_FIELD_TRIES_LEFT, HC_FIELD_LABEL,
					       HC_FIELD_DETAIL};

	if (msg->type == HC_MSG_DEVICE_WAIT)
		return hc_msg_only(msg, wait, HC_COUNT(wait));
	if (msg->type == HC_MSG_DEVICE_ASK)
		return hc_msg_only(msg, ask, HC_COUNT(ask));
	if (msg->type == HC_MSG_DEVICE_ITEM)
		return hc_msg_only(msg, item, HC_COUNT(item));
	if (msg->type == HC_MSG_DEVICE_DONE)
		return hc_msg_only(msg, done, HC_COUNT(done));
	if (msg->type == HC_MSG_DEVICE_FAILED)
		return hc_msg_only(msg, failed, HC_COUNT(failed));
	return HC_ERR_PROTOCOL;
}

enum hc_err hc_p11_from_module(enum hc_p11_link_state *state, enum hc_device_operation operation,
			       const struct hc_msg *msg)
{
	if (*state == HC_P11_LINK_ENDED || check_fields(msg) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (msg->type == HC_MSG_DEVICE_ITEM && operation != HC_DEVICE_LIST)
		return HC_ERR_PROTOCOL;
	if (msg->type == HC_MSG_DEVICE_ASK) {
		if (*state == HC_P11_LINK_ASKING || operation == HC_DEVICE_LIST)
			return HC_ERR_PROTOCOL;
		*state = HC_P11_LINK_ASKING;
	}
	if (msg->type == HC_MSG_DEVICE_DONE || msg->type == HC_MSG_DEVICE_FAILED)
		*state = HC_P11_LINK_ENDED;
	return HC_OK;
}
