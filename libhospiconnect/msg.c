/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/msg.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/secret.h"
#include "utf8.h"

/*
 * The one bounded reader and the one bounded writer of the broker protocol.
 *
 * No state beyond the caller's struct hc_msg. Whatever arrives is hostile: a packet is taken whole
 * or refused whole, and one that was refused leaves no field behind that a later call could find.
 * What is absent has one form only (no field), so an empty TEXT is refused on the way in and not
 * written on the way out. Packets carry codes and passwords: nothing here prints or copies a value
 * except to the caller who asks for it.
 */
#define FIELD_HEADER_LEN 4

enum kind { KIND_NONE, KIND_U32, KIND_U64, KIND_TEXT, KIND_BYTES };

struct rule {
	enum kind kind;
	uint16_t max;
};

static struct rule rule_of(uint16_t id)
{
	switch (id) {
#define FIELD_RULE(number, name, field_kind, field_max) \
	case (number):                                  \
		return (struct rule){.kind = KIND_##field_kind, .max = (field_max)};
		HC_FIELDS(FIELD_RULE)
#undef FIELD_RULE
	default:
		return (struct rule){.kind = KIND_NONE, .max = 0};
	}
}

static bool len_fits(struct rule rule, size_t len)
{
	switch (rule.kind) {
	case KIND_U32:
	case KIND_U64:
		return len == rule.max;
	case KIND_TEXT:
		return len > 0 && len <= rule.max;
	case KIND_BYTES:
		return len <= rule.max;
	case KIND_NONE:
		break;
	}
	return false;
}

static const struct hc_msg_field *find(const struct hc_msg *msg, uint16_t id)
{
	for (size_t i = 0; i < msg->field_count; i++) {
		if (msg->fields[i].id == id)
			return &msg->fields[i];
	}
	return NULL;
}

static void fail(struct hc_msg *msg, enum hc_err err)
{
	if (msg->err == HC_OK)
		msg->err = err;
}

void hc_msg_init(struct hc_msg *msg, enum hc_msg_type type)
{
	msg->type = type;
	msg->err = HC_OK;
	msg->len = HC_MSG_HEADER_LEN;
	msg->field_count = 0;
}

static void put(struct hc_msg *msg, enum hc_field field, enum kind kind, const void *data, size_t len)
{
	uint16_t id = (uint16_t)field;
	struct rule rule = rule_of(id);

	if (msg->err != HC_OK)
		return;
	if (rule.kind != kind || find(msg, id) != NULL)
		return fail(msg, HC_ERR_INVALID);
	if (!len_fits(rule, len) || msg->field_count == HC_MSG_FIELDS_MAX)
		return fail(msg, HC_ERR_TOOBIG);
	if (kind == KIND_TEXT && !hc_utf8_well_formed(data, len))
		return fail(msg, HC_ERR_INVALID);

	struct hc_writer writer;

	hc_writer_init(&writer, msg->packet + msg->len, HC_MSG_MAX - msg->len);
	hc_writer_u16(&writer, id);
	hc_writer_u16(&writer, (uint16_t)len);
	hc_writer_bytes(&writer, data, len);
	if (writer.err != HC_OK)
		return fail(msg, writer.err);
	msg->fields[msg->field_count++] = (struct hc_msg_field){
		.id = id, .len = (uint16_t)len, .offset = (uint16_t)(msg->len + FIELD_HEADER_LEN)};
	msg->len += writer.len;
}

void hc_msg_put_u32(struct hc_msg *msg, enum hc_field field, uint32_t value)
{
	uint8_t bytes[4];
	struct hc_writer writer;

	hc_writer_init(&writer, bytes, sizeof(bytes));
	hc_writer_u32(&writer, value);
	put(msg, field, KIND_U32, bytes, sizeof(bytes));
}

void hc_msg_put_u64(struct hc_msg *msg, enum hc_field field, uint64_t value)
{
	uint8_t bytes[8];
	struct hc_writer writer;

	hc_writer_init(&writer, bytes, sizeof(bytes));
	hc_writer_u64(&writer, value);
	put(msg, field, KIND_U64, bytes, sizeof(bytes));
}

void hc_msg_put_text(struct hc_msg *msg, enum hc_field field, const char *text)
{
	if (text != NULL && text[0] != '\0')
		put(msg, field, KIND_TEXT, text, strlen(text));
}

void hc_msg_put_bytes(struct hc_msg *msg, enum hc_field field, const void *data, size_t len)
{
	put(msg, field, KIND_BYTES, data, len);
}

static bool is_type_known(uint16_t type)
{
	return strcmp(hc_msg_type_name((enum hc_msg_type)type), "unknown") != 0;
}

enum hc_err hc_msg_finish(struct hc_msg *msg)
{
	if (msg->err == HC_OK && !is_type_known((uint16_t)msg->type))
		msg->err = HC_ERR_INVALID;
	if (msg->err != HC_OK)
		return msg->err;

	struct hc_writer writer;

	hc_writer_init(&writer, msg->packet, HC_MSG_HEADER_LEN);
	hc_writer_u8(&writer, HC_MSG_VERSION);
	hc_writer_u8(&writer, 0);
	hc_writer_u16(&writer, (uint16_t)msg->type);
	hc_writer_u32(&writer, (uint32_t)(msg->len - HC_MSG_HEADER_LEN));
	return writer.err;
}

static enum hc_err parse_header(struct hc_reader *reader, uint16_t *ret_type)
{
	uint8_t version = 0, flags = 0;
	uint16_t type = 0;
	uint32_t payload_len = 0;

	if (hc_reader_u8(reader, &version) != HC_OK || hc_reader_u8(reader, &flags) != HC_OK ||
	    hc_reader_u16(reader, &type) != HC_OK || hc_reader_u32(reader, &payload_len) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (version != HC_MSG_VERSION || flags != 0 || payload_len != hc_reader_left(reader) ||
	    !is_type_known(type))
		return HC_ERR_PROTOCOL;
	*ret_type = type;
	return HC_OK;
}

static enum hc_err parse_field(struct hc_msg *msg, struct hc_reader *reader)
{
	uint16_t id = 0, len = 0;
	const uint8_t *value = NULL;

	if (hc_reader_u16(reader, &id) != HC_OK || hc_reader_u16(reader, &len) != HC_OK ||
	    hc_reader_bytes(reader, len, &value) != HC_OK)
		return HC_ERR_PROTOCOL;

	struct rule rule = rule_of(id);

	if (!len_fits(rule, len) || find(msg, id) != NULL || msg->field_count == HC_MSG_FIELDS_MAX ||
	    (rule.kind == KIND_TEXT && !hc_utf8_well_formed(value, len)))
		return HC_ERR_PROTOCOL;
	msg->fields[msg->field_count++] =
		(struct hc_msg_field){.id = id, .len = len, .offset = (uint16_t)(reader->pos - len)};
	return HC_OK;
}

enum hc_err hc_msg_parse(struct hc_msg *msg, size_t len)
{
	struct hc_reader reader;
	uint16_t type = 0;
	enum hc_err err = HC_ERR_PROTOCOL;

	msg->type = (enum hc_msg_type)0;
	msg->err = HC_OK;
	msg->len = 0;
	msg->field_count = 0;
	if (len > HC_MSG_MAX)
		return HC_ERR_PROTOCOL;
	hc_reader_init(&reader, msg->packet, len);
	err = parse_header(&reader, &type);
	while (err == HC_OK && hc_reader_left(&reader) > 0)
		err = parse_field(msg, &reader);
	if (err != HC_OK) {
		msg->field_count = 0;
		return err;
	}
	msg->type = (enum hc_msg_type)type;
	msg->len = len;
	return HC_OK;
}

bool hc_msg_has(const struct hc_msg *msg, enum hc_field field)
{
	return find(msg, (uint16_t)field) != NULL;
}

static enum hc_err get_number(const struct hc_msg *msg, enum hc_field field, enum kind kind,
			      uint64_t *ret_value)
{
	if (rule_of((uint16_t)field).kind != kind)
		return HC_ERR_INVALID;

	const struct hc_msg_field *found = find(msg, (uint16_t)field);

	if (found == NULL)
		return HC_ERR_NOTFOUND;

	uint64_t value = 0;

	for (size_t i = 0; i < found->len; i++)
		value = value << 8 | msg->packet[found->offset + i];
	*ret_value = value;
	return HC_OK;
}

enum hc_err hc_msg_u32(const struct hc_msg *msg, enum hc_field field, uint32_t *ret_value)
{
	uint64_t value = 0;
	enum hc_err err = get_number(msg, field, KIND_U32, &value);

	if (err == HC_OK)
		*ret_value = (uint32_t)value;
	return err;
}

enum hc_err hc_msg_u64(const struct hc_msg *msg, enum hc_field field, uint64_t *ret_value)
{
	return get_number(msg, field, KIND_U64, ret_value);
}

enum hc_err hc_msg_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	if (rule_of((uint16_t)field).kind != KIND_TEXT)
		return HC_ERR_INVALID;

	const struct hc_msg_field *found = find(msg, (uint16_t)field);

	if (found == NULL)
		return HC_ERR_NOTFOUND;
	if (found->len >= cap)
		return HC_ERR_TOOBIG;
	memcpy(out, msg->packet + found->offset, found->len);
	out[found->len] = '\0';
	return HC_OK;
}

enum hc_err hc_msg_bytes(const struct hc_msg *msg, enum hc_field field, const uint8_t **ret_view,
			 size_t *ret_len)
{
	const struct hc_msg_field *found = find(msg, (uint16_t)field);

	if (found == NULL)
		return HC_ERR_NOTFOUND;
	*ret_view = msg->packet + found->offset;
	*ret_len = found->len;
	return HC_OK;
}

void hc_msg_clear(struct hc_msg *msg)
{
	hc_scrub(msg->packet, sizeof(msg->packet));
	msg->type = (enum hc_msg_type)0;
	msg->err = HC_OK;
	msg->len = 0;
	msg->field_count = 0;
}

enum hc_err hc_msg_new(struct hc_msg **ret_msg)
{
	struct hc_msg *msg = calloc(1, sizeof(*msg));

	if (msg == NULL)
		return HC_ERR_NOMEM;
	*ret_msg = msg;
	return HC_OK;
}

void hc_msg_free(struct hc_msg **msg)
{
	if (msg == NULL || *msg == NULL)
		return;
	hc_msg_clear(*msg);
	free(*msg);
	*msg = NULL;
}

enum hc_err hc_msg_only(const struct hc_msg *msg, const enum hc_field *allowed, size_t count)
{
	for (size_t i = 0; i < msg->field_count; i++) {
		size_t j = 0;

		while (j < count && (uint16_t)allowed[j] != msg->fields[i].id)
			j++;
		if (j == count)
			return HC_ERR_PROTOCOL;
	}
	return HC_OK;
}
