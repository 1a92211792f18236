/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/msg.h"

/*
 * The broker protocol's reader. A packet that is refused leaves nothing behind; one that is accepted
 * is written again from its fields and must come out byte for byte, so that no two packets mean the
 * same and nothing was read that is not there.
 */

enum kind { KIND_U32, KIND_U64, KIND_TEXT, KIND_BYTES };

static enum kind kind_of(uint16_t id)
{
	switch (id) {
#define FIELD_KIND(number, name, kind, max) \
	case (number):                      \
		return KIND_##kind;
		HC_FIELDS(FIELD_KIND)
#undef FIELD_KIND
	default:
		(void)fprintf(stderr, "broken: field %u was accepted\n", id);
		abort();
	}
}

static void copy_text(const struct hc_msg *from, struct hc_msg *to, enum hc_field field, size_t len)
{
	char text[2049];

	FUZZ_REQUIRE(hc_msg_text(from, field, text, len) == HC_ERR_TOOBIG);
	FUZZ_REQUIRE(hc_msg_text(from, field, text, len + 1) == HC_OK);
	FUZZ_REQUIRE(strlen(text) == len && len > 0);
	hc_msg_put_text(to, field, text);
}

static void copy_field(const struct hc_msg *from, struct hc_msg *to, uint16_t id)
{
	enum hc_field field = (enum hc_field)id;
	const uint8_t *view = NULL;
	size_t len = 0;
	uint32_t u32 = 0;
	uint64_t u64 = 0;

	FUZZ_REQUIRE(hc_msg_bytes(from, field, &view, &len) == HC_OK);
	switch (kind_of(id)) {
	case KIND_U32:
		FUZZ_REQUIRE(hc_msg_u32(from, field, &u32) == HC_OK);
		return hc_msg_put_u32(to, field, u32);
	case KIND_U64:
		FUZZ_REQUIRE(hc_msg_u64(from, field, &u64) == HC_OK);
		return hc_msg_put_u64(to, field, u64);
	case KIND_TEXT:
		return copy_text(from, to, field, len);
	case KIND_BYTES:
		return hc_msg_put_bytes(to, field, view, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_msg *msg = NULL, *copy = NULL;

	if (hc_msg_new(&msg) != HC_OK || hc_msg_new(&copy) != HC_OK)
		abort();
	if (size > 0)
		memcpy(msg->packet, data, size < HC_MSG_MAX ? size : HC_MSG_MAX);
	if (hc_msg_parse(msg, size) == HC_OK) {
		FUZZ_REQUIRE(size >= HC_MSG_HEADER_LEN && size <= HC_MSG_MAX);
		FUZZ_REQUIRE(strcmp(hc_msg_type_name(msg->type), "unknown") != 0);
		hc_msg_init(copy, msg->type);
		for (size_t i = 0; i < msg->field_count; i++)
			copy_field(msg, copy, msg->fields[i].id);
		FUZZ_REQUIRE(hc_msg_finish(copy) == HC_OK);
		FUZZ_REQUIRE(copy->len == size && memcmp(copy->packet, data, size) == 0);
		FUZZ_REQUIRE(hc_msg_only(msg, NULL, 0) == (msg->field_count == 0 ? HC_OK : HC_ERR_PROTOCOL));
	} else {
		FUZZ_REQUIRE(msg->field_count == 0 && msg->len == 0 && msg->type == 0);
	}
	hc_msg_free(&msg);
	hc_msg_free(&copy);
	return 0;
}
