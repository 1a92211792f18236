/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_REQUEST_H
#define HC_PKCS11_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

#define HC_P11_MODULE_MAX  255
#define HC_P11_MESSAGE_MAX 1024
#define HC_P11_LINK_FD	   HC_DEVICE_LINK_FD

/* A DEVICE_START, in types. Nothing in it is secret. */
struct hc_p11_request {
	enum hc_device_operation operation; /* LIST, READ or SIGN */
	bool present_only;		    /* no card is waited for */
	int64_t timeout_ms;
	char module[HC_P11_MODULE_MAX + 1]; /* an absolute path */
	uint8_t message[HC_P11_MESSAGE_MAX];
	size_t message_len; /* 0 but for SIGN */
};

/*
 * hc_p11_request_parse: reads a DEVICE_START. HC_ERR_PROTOCOL, with ret_request untouched, for anything that
 * docs/PROTOCOL.broker.md does not allow of a card's: another type, a field that the operation has no use
 * for, one that is missing, a bound that is passed.
 */
HC_CHECK enum hc_err hc_p11_request_parse(const struct hc_msg *msg, struct hc_p11_request *ret_request);

/* Where the link stands; hospiconnect/device.h. */
enum hc_p11_link_state { HC_P11_LINK_WORKING, HC_P11_LINK_ASKING, HC_P11_LINK_ENDED };

/*
 * hc_p11_from_broker, hc_p11_from_module: whether a message may come from that side now, with those fields, and where the
 * link stands behind it. HC_ERR_PROTOCOL: the link ends. CANCEL does not move it.
 */
HC_CHECK enum hc_err hc_p11_from_broker(enum hc_p11_link_state *state, const struct hc_msg *msg);
HC_CHECK enum hc_err hc_p11_from_module(enum hc_p11_link_state *state, enum hc_device_operation operation,
					const struct hc_msg *msg);

#endif
