/* SPDX-License-Identifier: Apache-2.0 */
/* The broker protocol's reader and writer: refused whole, or read exactly. */
#include "hospiconnect/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PACKET(bytes) (bytes), sizeof(bytes) - 1

/* Everything but the packet is garbage before, as it is for who just received one. */
static enum hc_err parse(struct hc_msg *msg, const void *packet, size_t len)
{
	memset(msg, 0x5a, sizeof(*msg));
	if (len > 0)
		memcpy(msg->packet, packet, len);
	return hc_msg_parse(msg, len);
}

static void whatever_breaks_a_rule_is_refused(void **state)
{
	static const struct {
		const char *what, *packet;
		size_t len;
	} rows[] = {
		{"nothing", PACKET("")},
		{"half a header", PACKET("\1\0\0\7\0\0\0")},
		{"version 0", PACKET("\0\0\0\7\0\0\0\0")},
		{"version 2", PACKET("\2\0\0\7\0\0\0\0")},
		{"flags", PACKET("\1\1\0\7\0\0\0\0")},
		{"type 0", PACKET("\1\0\0\0\0\0\0\0")},
		{"type 8", PACKET("\1\0\0\10\0\0\0\0")},
		{"type 65535", PACKET("\1\0\xff\xff\0\0\0\0")},
		{"length beyond the packet", PACKET("\1\0\0\7\0\0\0\1")},
		{"length of 4 GiB", PACKET("\1\0\0\7\xff\xff\xff\xff")},
		{"bytes behind the payload", PACKET("\1\0\0\7\0\0\0\0\0")},
		{"half a field header", PACKET("\1\0\0\1\0\0\0\3\0\1\0")},
		{"field beyond the end", PACKET("\1\0\0\1\0\0\0\7\0\1\0\4\0\0\0")},
		{"field of 64 KiB", PACKET("\1\0\0\1\0\0\0\4\0\5\xff\xff")},
		{"field 0", PACKET("\1\0\0\1\0\0\0\4\0\0\0\0")},
		{"unknown field", PACKET("\1\0\0\1\0\0\0\5\0\x63\0\1x")},
		{"u32 of 3 bytes", PACKET("\1\0\0\1\0\0\0\7\0\1\0\3\0\0\1")},
		{"u32 of 5 bytes", PACKET("\1\0\0\1\0\0\0\11\0\1\0\5\0\0\0\0\1")},
		{"u32 of no bytes", PACKET("\1\0\0\1\0\0\0\4\0\1\0\0")},
		{"u64 of 4 bytes", PACKET("\1\0\0\xc9\0\0\0\10\0\x12\0\4\0\0\0\1")},
		{"empty text", PACKET("\1\0\0\1\0\0\0\4\0\5\0\0")},
		{"text with NUL", PACKET("\1\0\0\1\0\0\0\7\0\5\0\3a\0b")},
		{"text that is not UTF-8", PACKET("\1\0\0\1\0\0\0\5\0\5\0\1\xff")},
		{"overlong text", PACKET("\1\0\0\1\0\0\0\6\0\5\0\2\xc0\xaf")},
		{"text beyond its maximum", PACKET("\1\0\0\1\0\0\0\x11\0\x32\0\x0d"
						   "abcdefghijklm")},
		{"duplicate field", PACKET("\1\0\0\1\0\0\0\x10\0\1\0\4\0\0\0\1\0\1\0\4\0\0\0\1")},
		{"a byte behind the last field", PACKET("\1\0\0\1\0\0\0\11\0\1\0\4\0\0\0\1x")},
	};
	struct hc_msg msg;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_err err = parse(&msg, rows[i].packet, rows[i].len);

		if (err != HC_ERR_PROTOCOL)
			fail_msg("row %zu (%s): %s", i, rows[i].what, hc_strerror(err));
		if (hc_msg_has(&msg, HC_FIELD_REQUEST) || msg.field_count != 0 || msg.len != 0 ||
		    msg.type != 0)
			fail_msg("row %zu (%s): something was left behind", i, rows[i].what);
	}
	assert_int_equal(hc_msg_parse(&msg, HC_MSG_MAX + 1), HC_ERR_PROTOCOL);
}

static void every_truncation_of_a_message_is_refused(void **state)
{
	struct hc_msg msg, copy;

	(void)state;
	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_text(&msg, HC_FIELD_SERVICE, "sshd");
	hc_msg_put_text(&msg, HC_FIELD_USER, "martin");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	for (size_t len = 0; len < msg.len; len++)
		assert_int_equal(parse(&copy, msg.packet, len), HC_ERR_PROTOCOL);
	assert_int_equal(parse(&copy, msg.packet, msg.len), HC_OK);
}

static void more_fields_than_the_limit_are_refused(void **state)
{
	/* every TEXT field of at least one byte, in the order of the list: more than 32 of them */
	static const uint16_t ids[] = {
#define TEXT_ID_U32(number)
#define TEXT_ID_U64(number)
#define TEXT_ID_BYTES(number)		 (number),
#define TEXT_ID_TEXT(number)		 (number),
#define TEXT_ID(number, name, kind, max) TEXT_ID_##kind(number)
		HC_FIELDS(TEXT_ID)
#undef TEXT_ID
	};
	uint8_t packet[HC_MSG_MAX] = {1, 0, 0, HC_MSG_ROW, 0, 0, 0, 0};
	struct hc_msg msg;

	(void)state;
	assert_true(HC_COUNT(ids) > HC_MSG_FIELDS_MAX);
	for (size_t count = 1; count <= HC_COUNT(ids); count++) {
		uint8_t *field = packet + HC_MSG_HEADER_LEN + 5 * (count - 1);

		memcpy(field, (uint8_t[5]){0, (uint8_t)ids[count - 1], 0, 1, 'x'}, 5);
		packet[7] = (uint8_t)(5 * count);
		assert_int_equal(parse(&msg, packet, HC_MSG_HEADER_LEN + 5 * count),
				 count <= HC_MSG_FIELDS_MAX ? HC_OK : HC_ERR_PROTOCOL);
	}
}

static void the_writer_refuses_what_the_reader_would(void **state)
{
	static const char long_text[66] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct hc_msg msg;

	(void)state;
	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_text(&msg, HC_FIELD_SERVICE, long_text);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_TOOBIG);
	hc_msg_put_text(&msg, HC_FIELD_USER, "martin"); /* the failure stays */
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_TOOBIG);
	assert_false(hc_msg_has(&msg, HC_FIELD_USER));

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, 1);
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, 2);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u64(&msg, HC_FIELD_REQUEST, 1);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_text(&msg, HC_FIELD_USER, "\xff");
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_bytes(&msg, HC_FIELD_USER, "x", 1);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);

	hc_msg_init(&msg, (enum hc_msg_type)99);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u32(&msg, (enum hc_field)99, 1);
	assert_int_equal(hc_msg_finish(&msg), HC_ERR_INVALID);
}

static void an_empty_text_is_absent(void **state)
{
	struct hc_msg msg;
	char out[8] = "kept";

	(void)state;
	hc_msg_init(&msg, HC_MSG_INFO);
	hc_msg_put_text(&msg, HC_FIELD_TEXT, "");
	hc_msg_put_text(&msg, HC_FIELD_TEXT, NULL);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(msg.len, HC_MSG_HEADER_LEN);
	assert_int_equal(hc_msg_text(&msg, HC_FIELD_TEXT, out, sizeof(out)), HC_ERR_NOTFOUND);
	assert_string_equal(out, "kept");
}

static void reading_needs_the_right_kind_and_room(void **state)
{
	struct hc_msg msg;
	char out[8] = "kept";
	uint32_t u32 = 7;
	uint64_t u64 = 7;
	const uint8_t *view = NULL;
	size_t len = 7;

	(void)state;
	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_text(&msg, HC_FIELD_USER, "12345678");
	hc_msg_put_u32(&msg, HC_FIELD_FLAGS, 1);
	assert_int_equal(hc_msg_text(&msg, HC_FIELD_USER, out, sizeof(out)), HC_ERR_TOOBIG);
	assert_int_equal(hc_msg_text(&msg, HC_FIELD_FLAGS, out, sizeof(out)), HC_ERR_INVALID);
	assert_int_equal(hc_msg_u32(&msg, HC_FIELD_USER, &u32), HC_ERR_INVALID);
	assert_int_equal(hc_msg_u64(&msg, HC_FIELD_FLAGS, &u64), HC_ERR_INVALID);
	assert_int_equal(hc_msg_u32(&msg, HC_FIELD_REASON, &u32), HC_ERR_NOTFOUND);
	assert_int_equal(hc_msg_bytes(&msg, HC_FIELD_ANSWER, &view, &len), HC_ERR_NOTFOUND);
	assert_string_equal(out, "kept");
	assert_int_equal(u32, 7);
	assert_int_equal(u64, 7);
	assert_null(view);
	assert_int_equal(len, 7);
	assert_int_equal(hc_msg_bytes(&msg, HC_FIELD_USER, &view, &len), HC_OK);
	assert_int_equal(len, 8);
}

static void a_field_that_is_not_allowed_is_found(void **state)
{
	static const enum hc_field allowed[] = {HC_FIELD_USER, HC_FIELD_SERVICE};
	struct hc_msg msg;

	(void)state;
	hc_msg_init(&msg, HC_MSG_HELLO);
	assert_int_equal(hc_msg_only(&msg, NULL, 0), HC_OK);
	hc_msg_put_text(&msg, HC_FIELD_USER, "martin");
	assert_int_equal(hc_msg_only(&msg, allowed, HC_COUNT(allowed)), HC_OK);
	assert_int_equal(hc_msg_only(&msg, NULL, 0), HC_ERR_PROTOCOL);
	hc_msg_put_u32(&msg, HC_FIELD_MODE, 1);
	assert_int_equal(hc_msg_only(&msg, allowed, HC_COUNT(allowed)), HC_ERR_PROTOCOL);
}

static void what_is_written_is_read_back(void **state)
{
	struct hc_msg msg, copy;
	char text[300];
	uint32_t u32 = 0;
	uint64_t u64 = 0;
	const uint8_t *view = NULL;
	size_t len = 0;

	(void)state;
	hc_msg_init(&msg, HC_MSG_ROW);
	hc_msg_put_u64(&msg, HC_FIELD_DRIFT, UINT64_MAX);
	hc_msg_put_text(&msg, HC_FIELD_TEXT, "Code incorrect.\nCode\xc2\xa0:");
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "a\0b", 3);
	hc_msg_put_bytes(&msg, HC_FIELD_CODE, NULL, 0);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(parse(&copy, msg.packet, msg.len), HC_OK);
	assert_int_equal(copy.type, HC_MSG_ROW);
	assert_int_equal(copy.len, msg.len);
	assert_int_equal(hc_msg_u64(&copy, HC_FIELD_DRIFT, &u64), HC_OK);
	assert_true(u64 == UINT64_MAX);
	assert_int_equal(hc_msg_text(&copy, HC_FIELD_TEXT, text, sizeof(text)), HC_OK);
	assert_string_equal(text, "Code incorrect.\nCode\xc2\xa0:");
	assert_int_equal(hc_msg_bytes(&copy, HC_FIELD_ANSWER, &view, &len), HC_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(view, "a\0b", 3);
	assert_int_equal(hc_msg_bytes(&copy, HC_FIELD_CODE, &view, &len), HC_OK);
	assert_int_equal(len, 0);
	assert_int_equal(hc_msg_u32(&copy, HC_FIELD_VERDICT, &u32), HC_OK);
	assert_int_equal(u32, HC_ALLOW);
}

static void the_wire_form_is_frozen(void **state)
{
	struct hc_msg msg;

	(void)state;
	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_text(&msg, HC_FIELD_SERVICE, "sshd");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_finish(&msg), HC_OK); /* finishing twice changes nothing */
	assert_int_equal(msg.len, 24);
	assert_memory_equal(msg.packet, "\1\0\0\1\0\0\0\x10\0\1\0\4\0\0\0\1\0\5\0\4sshd", 24);
}

static void clearing_scrubs_the_packet(void **state)
{
	static const uint8_t zeroes[HC_MSG_MAX];
	struct hc_msg *msg = NULL;

	(void)state;
	assert_int_equal(hc_msg_new(&msg), HC_OK);
	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, "123456", 6);
	memset(msg->packet + 12000, 0x5a, 100);
	hc_msg_clear(msg);
	assert_memory_equal(msg->packet, zeroes, sizeof(zeroes));
	assert_false(hc_msg_has(msg, HC_FIELD_ANSWER));
	hc_msg_free(&msg);
	assert_null(msg);
	hc_msg_free(&msg);
	hc_msg_free(NULL);
}

static const struct {
	enum hc_msg_type type;
	const char *name;
} types[] = {
#define TYPE_ROW(type)               \
	{                            \
		HC_MSG_##type, #type \
	}
	TYPE_ROW(HELLO),
	TYPE_ROW(STEP),
	TYPE_ROW(ANSWER),
	TYPE_ROW(CANCEL),
	TYPE_ROW(INFO),
	TYPE_ROW(RESULT),
	TYPE_ROW(KEEPALIVE),
	TYPE_ROW(PASSWORD_CHECK),
	TYPE_ROW(PASSWORD_RESULT),
	TYPE_ROW(DEVICE_START),
	TYPE_ROW(DEVICE_WAIT),
	TYPE_ROW(DEVICE_ASK),
	TYPE_ROW(DEVICE_ANSWER),
	TYPE_ROW(DEVICE_CANCEL),
	TYPE_ROW(DEVICE_DONE),
	TYPE_ROW(DEVICE_FAILED),
	TYPE_ROW(DEVICE_ITEM),
	TYPE_ROW(STATUS),
	TYPE_ROW(USER_ADD),
	TYPE_ROW(USER_SHOW),
	TYPE_ROW(USER_LIST),
	TYPE_ROW(USER_ENABLE),
	TYPE_ROW(USER_DISABLE),
	TYPE_ROW(USER_REMOVE),
	TYPE_ROW(ENROLL_OTP),
	TYPE_ROW(ENROLL_RECOVERY),
	TYPE_ROW(ENROLL_FIDO2),
	TYPE_ROW(ENROLL_CPS),
	TYPE_ROW(IMPORT_U2F),
	TYPE_ROW(CPS_READ),
	TYPE_ROW(CREDENTIAL_CONFIRM),
	TYPE_ROW(FIDO2_PIN),
	TYPE_ROW(CREDENTIAL_LIST),
	TYPE_ROW(CREDENTIAL_REVOKE),
	TYPE_ROW(LOCKOUT_LIST),
	TYPE_ROW(LOCKOUT_CLEAR),
	TYPE_ROW(AUDIT_LIST),
	TYPE_ROW(AUDIT_VERIFY),
	TYPE_ROW(AUDIT_HEAD),
	TYPE_ROW(CLIENT_ADD),
	TYPE_ROW(CLIENT_SHOW),
	TYPE_ROW(CLIENT_LIST),
	TYPE_ROW(CLIENT_REMOVE),
	TYPE_ROW(CLIENT_ROTATE_SECRET),
	TYPE_ROW(KEY_LIST),
	TYPE_ROW(KEY_ROTATE),
	TYPE_ROW(SESSION_LIST),
	TYPE_ROW(SESSION_REVOKE),
	TYPE_ROW(BACKUP),
	TYPE_ROW(SEAL_ROTATE),
	TYPE_ROW(PERSON_GET),
	TYPE_ROW(PERSON),
	TYPE_ROW(WATCH),
	TYPE_ROW(PERSON_CHANGED),
	TYPE_ROW(EVENT),
	TYPE_ROW(EVENTS_END),
	TYPE_ROW(EVENTS_KEPT),
	TYPE_ROW(ROW),
	TYPE_ROW(END),
#undef TYPE_ROW
};

static void every_type_has_its_name_and_travels(void **state)
{
	struct hc_msg msg, copy;
	size_t known = 0;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(types); i++) {
		assert_string_equal(hc_msg_type_name(types[i].type), types[i].name);
		hc_msg_init(&msg, types[i].type);
		assert_int_equal(hc_msg_finish(&msg), HC_OK);
		assert_int_equal(parse(&copy, msg.packet, msg.len), HC_OK);
		assert_int_equal(copy.type, types[i].type);
	}
	/* and there are no others */
	for (unsigned type = 0; type <= UINT16_MAX; type++)
		known += strcmp(hc_msg_type_name((enum hc_msg_type)type), "unknown") != 0 ? 1 : 0;
	assert_int_equal(known, HC_COUNT(types));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_breaks_a_rule_is_refused),
		cmocka_unit_test(every_truncation_of_a_message_is_refused),
		cmocka_unit_test(more_fields_than_the_limit_are_refused),
		cmocka_unit_test(the_writer_refuses_what_the_reader_would),
		cmocka_unit_test(an_empty_text_is_absent),
		cmocka_unit_test(reading_needs_the_right_kind_and_room),
		cmocka_unit_test(a_field_that_is_not_allowed_is_found),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_wire_form_is_frozen),
		cmocka_unit_test(clearing_scrubs_the_packet),
		cmocka_unit_test(every_type_has_its_name_and_travels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
