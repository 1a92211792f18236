/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker asks for, checked and in types.
 *
 * State: none. The broker is not believed: every bound is checked again here, and a request that says
 * more than its operation needs is refused whole. Pure, and fuzzed (tests/fuzz/fuzz_fido2.c).
 */
#include "fido2_request.h"

#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/identity.h"

static enum hc_err read_u32(const struct hc_msg *msg, enum hc_field field, uint32_t *ret_value)
{
	enum hc_err err = hc_msg_u32(msg, field, ret_value);

	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static enum hc_err read_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(msg, field, out, cap);

	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

/* The identifiers of the group that was added last. */
static enum hc_err read_list(struct hc_fido2_request *out, const uint8_t *view, size_t len)
{
	struct hc_fido2_group *group = &out->groups[out->group_count - 1];
	uint8_t *bytes = out->bytes + out->bytes_len;
	const uint8_t *id = NULL;
	struct hc_reader reader;
	uint16_t id_len = 0;

	if (len > sizeof(out->bytes) - out->bytes_len)
		return HC_ERR_PROTOCOL;
	memcpy(bytes, view, len);
	out->bytes_len += len;
	group->first = out->credential_count;
	hc_reader_init(&reader, bytes, len);
	while (hc_reader_left(&reader) > 0) {
		if (out->credential_count == HC_DEVICE_CREDENTIALS_MAX ||
		    hc_reader_u16(&reader, &id_len) != HC_OK || id_len == 0 ||
		    id_len > HC_DEVICE_CREDENTIAL_MAX || hc_reader_bytes(&reader, id_len, &id) != HC_OK)
			return HC_ERR_PROTOCOL;
		out->credentials[out->credential_count].offset = (uint16_t)(id - out->bytes);
		out->credentials[out->credential_count++].len = id_len;
		group->count++;
	}
	return HC_OK;
}

static enum hc_err read_credentials(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(msg, HC_FIELD_CREDENTIALS, &view, &len) != HC_OK)
		return HC_OK; /* none */
	return read_list(out, view, len);
}

/* One more relying party. */
static enum hc_err read_group(struct hc_reader *reader, struct hc_fido2_request *out)
{
	const uint8_t *rp_id = NULL, *list = NULL;
	uint16_t rp_id_len = 0, list_len = 0;

	if (out->group_count == HC_DEVICE_GROUPS_MAX || hc_reader_u16(reader, &rp_id_len) != HC_OK ||
	    rp_id_len == 0 || rp_id_len >= sizeof(out->groups[0].rp_id) ||
	    hc_reader_bytes(reader, rp_id_len, &rp_id) != HC_OK ||
	    !hc_utf8_valid((const char *)rp_id, rp_id_len) || memchr(rp_id, '\0', rp_id_len) != NULL ||
	    hc_reader_u16(reader, &list_len) != HC_OK || hc_reader_bytes(reader, list_len, &list) != HC_OK)
		return HC_ERR_PROTOCOL;
	memcpy(out->groups[out->group_count++].rp_id, rp_id, rp_id_len);
	return read_list(out, list, list_len);
}

static enum hc_err read_groups(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	const uint8_t *view = NULL;
	struct hc_reader reader;
	size_t len = 0;
	enum hc_err err = HC_OK;

	if (hc_msg_bytes(msg, HC_FIELD_GROUPS, &view, &len) != HC_OK)
		return HC_OK; /* none */
	out->known = true;
	hc_reader_init(&reader, view, len);
	while (err == HC_OK && hc_reader_left(&reader) > 0)
		err = read_group(&reader, out);
	return err;
}

static enum hc_err read_algorithms(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	const uint8_t *view = NULL;
	struct hc_reader reader;
	size_t len = 0;
	uint32_t number = 0;

	if (hc_msg_bytes(msg, HC_FIELD_ALGORITHMS, &view, &len) != HC_OK || len == 0)
		return HC_ERR_PROTOCOL;
	hc_reader_init(&reader, view, len);
	while (hc_reader_left(&reader) > 0) {
		if (out->algorithm_count == HC_DEVICE_ALGORITHMS_MAX ||
		    hc_reader_u32(&reader, &number) != HC_OK)
			return HC_ERR_PROTOCOL;
		out->algorithms[out->algorithm_count++] = (int32_t)number;
	}
	return HC_OK;
}

static enum hc_err read_handle(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(msg, HC_FIELD_USER_HANDLE, &view, &len) != HC_OK || len == 0 ||
	    len > sizeof(out->user_handle))
		return HC_ERR_PROTOCOL;
	memcpy(out->user_handle, view, len);
	out->user_handle_len = len;
	return HC_OK;
}

/* What ASSERT and MAKE have in common. */
static enum hc_err read_ceremony(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_text(msg, HC_FIELD_RP_ID, out->groups[0].rp_id, sizeof(out->groups[0].rp_id)) != HC_OK ||
	    hc_msg_bytes(msg, HC_FIELD_CLIENT_DATA_HASH, &view, &len) != HC_OK || len != sizeof(out->hash) ||
	    !hc_msg_has(msg, HC_FIELD_FLAGS))
		return HC_ERR_PROTOCOL;
	memcpy(out->hash, view, sizeof(out->hash));
	/* A key that nobody touched proves that it is plugged in, and nothing about a person. */
	if ((out->flags & HC_DEVICE_FLAG_UP) == 0)
		return HC_ERR_PROTOCOL;
	out->group_count = 1;
	return read_credentials(msg, out);
}

static enum hc_err read_assertion(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	enum hc_err err = read_ceremony(msg, out);

	return err == HC_OK ? read_groups(msg, out) : err;
}

static enum hc_err read_make(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	enum hc_err err = read_ceremony(msg, out);

	if (err == HC_OK)
		err = read_handle(msg, out);
	if (err == HC_OK)
		err = read_algorithms(msg, out);
	if (err == HC_OK)
		err = hc_msg_text(msg, HC_FIELD_LOGIN, out->login, sizeof(out->login));
	if (err == HC_OK)
		err = read_text(msg, HC_FIELD_LABEL, out->label, sizeof(out->label));
	return err;
}

static enum hc_err read_operation(const struct hc_msg *msg, struct hc_fido2_request *out)
{
	static const enum hc_field list[] = {HC_FIELD_DEVICE_OPERATION, HC_FIELD_TIMEOUT_S};
	static const enum hc_field assertion[] = {
		HC_FIELD_DEVICE_OPERATION, HC_FIELD_TIMEOUT_S, HC_FIELD_RP_ID,
		HC_FIELD_CLIENT_DATA_HASH, HC_FIELD_FLAGS,     HC_FIELD_CREDENTIALS,
		HC_FIELD_DEVICE_PATH,	   HC_FIELD_GROUPS};
	static const enum hc_field make[] = {HC_FIELD_DEVICE_OPERATION,
					     HC_FIELD_TIMEOUT_S,
					     HC_FIELD_RP_ID,
					     HC_FIELD_CLIENT_DATA_HASH,
					     HC_FIELD_FLAGS,
					     HC_FIELD_CREDENTIALS,
					     HC_FIELD_DEVICE_PATH,
					     HC_FIELD_USER_HANDLE,
					     HC_FIELD_LOGIN,
					     HC_FIELD_LABEL,
					     HC_FIELD_ALGORITHMS};
	static const enum hc_field set_pin[] = {HC_FIELD_DEVICE_OPERATION, HC_FIELD_TIMEOUT_S,
						HC_FIELD_DEVICE_PATH, HC_FIELD_PIN_MIN};

	switch (out->operation) {
	case HC_DEVICE_LIST:
		return hc_msg_only(msg, list, HC_COUNT(list));
	case HC_DEVICE_ASSERT:
		return hc_msg_only(msg, assertion, HC_COUNT(assertion)) == HC_OK ? read_assertion(msg, out)
										 : HC_ERR_PROTOCOL;
	case HC_DEVICE_MAKE:
		return hc_msg_only(msg, make, HC_COUNT(make)) == HC_OK ? read_make(msg, out)
								       : HC_ERR_PROTOCOL;
	case HC_DEVICE_SET_PIN:
		return hc_msg_only(msg, set_pin, HC_COUNT(set_pin));
	case HC_DEVICE_SIGN: /* cards are hc-pkcs11's */
	case HC_DEVICE_READ:
	case HC_DEVICE_WATCH:
	case HC_DEVICE_CHECK: /* hc-ocsp's */
		break;
	}
	return HC_ERR_PROTOCOL;
}

enum hc_err hc_fido2_request_parse(const struct hc_msg *msg, struct hc_fido2_request *ret_request)
{
	uint32_t operation = 0, timeout_s = 0;

	*ret_request = (struct hc_fido2_request){0};
	if (msg->type != HC_MSG_DEVICE_START ||
	    hc_msg_u32(msg, HC_FIELD_DEVICE_OPERATION, &operation) != HC_OK ||
	    hc_msg_u32(msg, HC_FIELD_TIMEOUT_S, &timeout_s) != HC_OK || timeout_s == 0 ||
	    timeout_s > HC_DEVICE_TIMEOUT_MAX_S ||
	    read_u32(msg, HC_FIELD_FLAGS, &ret_request->flags) != HC_OK ||
	    (ret_request->flags & ~HC_DEVICE_FLAGS_ALL) != 0 ||
	    read_u32(msg, HC_FIELD_PIN_MIN, &ret_request->pin_min) != HC_OK ||
	    ret_request->pin_min > HC_DEVICE_PIN_MAX ||
	    read_text(msg, HC_FIELD_DEVICE_PATH, ret_request->path, sizeof(ret_request->path)) != HC_OK)
		return HC_ERR_PROTOCOL;
	ret_request->operation = (enum hc_device_operation)operation;
	ret_request->timeout_ms = (int64_t)timeout_s * 1000;
	return read_operation(msg, ret_request) == HC_OK ? HC_OK : HC_ERR_PROTOCOL;
}

bool hc_fido2_nameless(const struct hc_fido2_request *request)
{
	return request->operation == HC_DEVICE_ASSERT && request->credential_count == 0 && !request->known;
}

bool hc_fido2_pin_possible(const uint8_t *data, size_t len, uint32_t min)
{
	uint32_t characters = 0;

	if (len > HC_DEVICE_PIN_MAX || memchr(data, '\0', len) != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		characters += (data[i] & 0xc0) != 0x80 ? 1 : 0;
	return characters >= (min > HC_DEVICE_PIN_MIN ? min : HC_DEVICE_PIN_MIN);
}
