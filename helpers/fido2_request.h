/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_REQUEST_H
#define HC_FIDO2_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

#define HC_FIDO2_PATH_MAX  255
#define HC_FIDO2_LABEL_MAX 128

/* A relying party, and which of the credentials are its own; of MAKE: the one that it is made for. */
struct hc_fido2_group {
	char rp_id[256];
	size_t first, count; /* 0: whatever the key has for it */
};

/* A DEVICE_START, in types. Nothing in it is secret. */
struct hc_fido2_request {
	enum hc_device_operation operation;
	uint32_t flags;
	int64_t timeout_ms;
	char path[HC_FIDO2_PATH_MAX + 1]; /* empty: any key */
	char login[65], label[HC_FIDO2_LABEL_MAX + 1];
	uint8_t hash[HC_DEVICE_HASH_LEN];
	uint8_t user_handle[HC_DEVICE_USER_HANDLE_MAX];
	size_t user_handle_len;
	int32_t algorithms[HC_DEVICE_ALGORITHMS_MAX];
	size_t algorithm_count;
	uint32_t pin_min;
	struct hc_fido2_group groups[HC_DEVICE_GROUPS_MAX];
	size_t group_count;
	bool known;		    /* whose they are: a key is looked at before it is used */
	uint8_t bytes[8192 + 6144]; /* of all credentials */
	size_t bytes_len;
	struct {
		uint16_t offset, len;
	} credentials[HC_DEVICE_CREDENTIALS_MAX];
	size_t credential_count;
};

/*
 * hc_fido2_request_parse: reads a DEVICE_START. HC_ERR_PROTOCOL, and nothing of ret_request is to be
 * used, for anything that docs/PROTOCOL.broker.md does not allow: another type, a field that the
 * operation has no use for, one that is missing, a bound that is passed.
 */
HC_CHECK enum hc_err hc_fido2_request_parse(const struct hc_msg *msg, struct hc_fido2_request *ret_request);

/* hc_fido2_nameless: it is the key that says who it is. */
bool hc_fido2_nameless(const struct hc_fido2_request *request);

/* Whether an answer from a person can be a PIN: 4 characters and 63 bytes of UTF-8 without NUL; min may ask for more. */
bool hc_fido2_pin_possible(const uint8_t *data, size_t len, uint32_t min);

#endif
