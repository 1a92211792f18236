/* SPDX-License-Identifier: Apache-2.0 */
/* What hc-fido2 is told and what it says: bounded, typed, and fit to be shown. */
#include "fido2_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fido2_say.h"
#include "hospiconnect/buf.h"

static const uint8_t hash[HC_DEVICE_HASH_LEN] = {1, 2, 3};

/* What a row changes of a request that is right. */
enum twist {
	AS_IT_IS,
	NO_OPERATION,
	NO_TIMEOUT,
	TIMEOUT_ZERO,
	TIMEOUT_TOO_LONG,
	NO_RP,
	NO_HASH,
	SHORT_HASH,
	NO_FLAGS,
	NO_UP,
	UNKNOWN_FLAG,
	FOREIGN_FIELD,
	LIST_CUT,
	LIST_EMPTY_ID,
	LIST_TOO_MANY,
	GROUP_CUT,
	GROUP_LIST_CUT,
	GROUP_UNNAMED,
	GROUP_NUL,
	GROUP_NO_TEXT,
	GROUP_NAME_TOO_LONG,
	GROUPS_TOO_MANY,
	GROUP_ONE_TOO_MANY,
	NO_HANDLE,
	EMPTY_HANDLE,
	NO_LOGIN,
	NO_ALGORITHMS,
	HALF_ALGORITHM,
	OTHER_TYPE
};

static void put_credentials(struct hc_msg *msg, enum twist twist)
{
	static const uint8_t list[] = {0, 3, 'a', 'b', 'c', 0, 1, 'd'}, empty[] = {0, 0};
	uint8_t many[3 * (HC_DEVICE_CREDENTIALS_MAX + 1)];

	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t) "\0\1x"[i % 3];
	if (twist == LIST_CUT)
		hc_msg_put_bytes(msg, HC_FIELD_CREDENTIALS, list, sizeof(list) - 1);
	else if (twist == LIST_EMPTY_ID)
		hc_msg_put_bytes(msg, HC_FIELD_CREDENTIALS, empty, sizeof(empty));
	else if (twist == LIST_TOO_MANY)
		hc_msg_put_bytes(msg, HC_FIELD_CREDENTIALS, many, sizeof(many));
	else
		hc_msg_put_bytes(msg, HC_FIELD_CREDENTIALS, list, sizeof(list));
}

static void put_group(struct hc_writer *writer, const char *rp_id, size_t rp_id_len, const void *list,
		      size_t len)
{
	hc_writer_u16(writer, (uint16_t)rp_id_len);
	hc_writer_bytes(writer, rp_id, rp_id_len);
	hc_writer_u16(writer, (uint16_t)len);
	hc_writer_bytes(writer, list, len);
}

static void put_groups(struct hc_msg *msg, enum twist twist)
{
	static const uint8_t list[] = {0, 2, 'e', 'f'};
	uint8_t many[3 * (HC_DEVICE_CREDENTIALS_MAX - 1)], bytes[4096];
	char name[HC_FIDO2_PATH_MAX + 2];
	struct hc_writer writer;

	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t) "\0\1x"[i % 3];
	memset(name, 'n', sizeof(name));
	hc_writer_init(&writer, bytes, sizeof(bytes));
	put_group(&writer, "pam://a", twist == GROUP_UNNAMED ? 0 : 7, list,
		  twist == GROUP_LIST_CUT ? sizeof(list) - 1 : sizeof(list));
	if (twist == GROUP_NUL)
		put_group(&writer, "a\0b", 3, list, 0);
	if (twist == GROUP_NO_TEXT)
		put_group(&writer, "a\xff", 2, list, 0);
	put_group(&writer, name, twist == GROUP_NAME_TOO_LONG ? sizeof(name) - 1 : sizeof(name) - 2, list, 0);
	for (int i = 0; twist == GROUPS_TOO_MANY && i < HC_DEVICE_GROUPS_MAX - 2; i++)
		put_group(&writer, "x", 1, list, 0);
	if (twist == GROUP_ONE_TOO_MANY)
		put_group(&writer, "y", 1, many, sizeof(many));
	assert_int_equal(writer.err, HC_OK);
	hc_msg_put_bytes(msg, HC_FIELD_GROUPS, bytes, writer.len - (twist == GROUP_CUT ? 1 : 0));
}

static void put_make(struct hc_msg *msg, enum twist twist)
{
	static const uint8_t algorithms[] = {0xff, 0xff, 0xff, 0xf9, 0xff, 0xff, 0xfe, 0xff};

	if (twist != NO_HANDLE)
		hc_msg_put_bytes(msg, HC_FIELD_USER_HANDLE, "handle", twist == EMPTY_HANDLE ? 0 : 6);
	if (twist != NO_LOGIN)
		hc_msg_put_text(msg, HC_FIELD_LOGIN, "martin");
	if (twist != NO_ALGORITHMS)
		hc_msg_put_bytes(msg, HC_FIELD_ALGORITHMS, algorithms,
				 sizeof(algorithms) - (twist == HALF_ALGORITHM ? 1 : 0));
}

static void build(struct hc_msg *msg, enum hc_device_operation operation, enum twist twist)
{
	uint32_t flags = HC_DEVICE_FLAG_UV | HC_DEVICE_FLAG_UP;

	hc_msg_init(msg, twist == OTHER_TYPE ? HC_MSG_DEVICE_ASK : HC_MSG_DEVICE_START);
	if (twist != NO_OPERATION)
		hc_msg_put_u32(msg, HC_FIELD_DEVICE_OPERATION, (uint32_t)operation);
	if (twist != NO_TIMEOUT)
		hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S,
			       twist == TIMEOUT_ZERO	   ? 0
			       : twist == TIMEOUT_TOO_LONG ? HC_DEVICE_TIMEOUT_MAX_S + 1
							   : 60);
	if (twist == FOREIGN_FIELD)
		hc_msg_put_text(msg, HC_FIELD_MODULE, "/usr/lib/x.so");
	if (operation != HC_DEVICE_ASSERT && operation != HC_DEVICE_MAKE)
		return;
	if (twist != NO_RP)
		hc_msg_put_text(msg, HC_FIELD_RP_ID, "sso.example.org");
	if (twist != NO_HASH)
		hc_msg_put_bytes(msg, HC_FIELD_CLIENT_DATA_HASH, hash,
				 sizeof(hash) - (twist == SHORT_HASH ? 1 : 0));
	if (twist == NO_UP)
		flags = HC_DEVICE_FLAG_UV;
	if (twist == UNKNOWN_FLAG)
		flags |= HC_DEVICE_FLAGS_ALL + 1;
	if (twist != NO_FLAGS)
		hc_msg_put_u32(msg, HC_FIELD_FLAGS, flags);
	put_credentials(msg, twist);
	/* Of MAKE it is a field too many. */
	if (operation == HC_DEVICE_ASSERT || (twist >= GROUP_CUT && twist <= GROUP_ONE_TOO_MANY))
		put_groups(msg, twist);
	if (operation == HC_DEVICE_MAKE)
		put_make(msg, twist);
}

static void a_request_that_says_more_or_less_than_it_may_is_refused(void **state)
{
	static const struct {
		enum hc_device_operation operation;
		enum twist first, last; /* of a row of twists */
	} rows[] = {
		{HC_DEVICE_ASSERT, NO_OPERATION, GROUP_ONE_TOO_MANY},
		{HC_DEVICE_MAKE, NO_OPERATION, HALF_ALGORITHM},
		{HC_DEVICE_LIST, NO_OPERATION, TIMEOUT_TOO_LONG},
		{HC_DEVICE_LIST, FOREIGN_FIELD, FOREIGN_FIELD},
		{HC_DEVICE_SET_PIN, FOREIGN_FIELD, FOREIGN_FIELD},
		{HC_DEVICE_ASSERT, OTHER_TYPE, OTHER_TYPE},
		{HC_DEVICE_SIGN, AS_IT_IS, AS_IT_IS},
		{HC_DEVICE_READ, AS_IT_IS, AS_IT_IS},
		{(enum hc_device_operation)0, AS_IT_IS, AS_IT_IS},
		{(enum hc_device_operation)99, AS_IT_IS, AS_IT_IS},
	};
	struct hc_msg msg;
	struct hc_fido2_request request;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		for (int twist = (int)rows[i].first; twist <= (int)rows[i].last; twist++) {
			build(&msg, rows[i].operation, (enum twist)twist);
			assert_int_equal(hc_msg_finish(&msg), HC_OK);
			if (hc_fido2_request_parse(&msg, &request) != HC_ERR_PROTOCOL)
				fail_msg("row %zu, twist %d", i, twist);
		}
	}
}

static void a_request_is_read_exactly(void **state)
{
	struct hc_msg msg;
	struct hc_fido2_request request;

	(void)state;
	build(&msg, HC_DEVICE_MAKE, AS_IT_IS);
	hc_msg_put_text(&msg, HC_FIELD_LABEL, "\xc3\x89lise Martin");
	hc_msg_put_text(&msg, HC_FIELD_DEVICE_PATH, "/dev/hidraw0");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_fido2_request_parse(&msg, &request), HC_OK);
	assert_int_equal(request.operation, HC_DEVICE_MAKE);
	assert_int_equal(request.timeout_ms, 60000);
	assert_string_equal(request.groups[0].rp_id, "sso.example.org");
	assert_string_equal(request.path, "/dev/hidraw0");
	assert_string_equal(request.login, "martin");
	assert_string_equal(request.label, "\xc3\x89lise Martin");
	assert_memory_equal(request.hash, hash, sizeof(hash));
	assert_int_equal(request.user_handle_len, 6);
	assert_int_equal(request.algorithm_count, 2);
	assert_int_equal(request.algorithms[0], -7);
	assert_int_equal(request.algorithms[1], -257);
	assert_int_equal(request.credential_count, 2);
	assert_int_equal(request.credentials[0].len, 3);
	assert_memory_equal(request.bytes + request.credentials[0].offset, "abc", 3);
	assert_memory_equal(request.bytes + request.credentials[1].offset, "d", 1);
}

static void relying_parties_keep_their_credentials_apart(void **state)
{
	struct hc_msg msg;
	struct hc_fido2_request request;

	(void)state;
	build(&msg, HC_DEVICE_ASSERT, AS_IT_IS);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_fido2_request_parse(&msg, &request), HC_OK);
	assert_int_equal(request.group_count, 3);
	assert_string_equal(request.groups[0].rp_id, "sso.example.org");
	assert_string_equal(request.groups[1].rp_id, "pam://a");
	assert_int_equal(strlen(request.groups[2].rp_id), 255);
	assert_int_equal(request.groups[0].count, 2);
	assert_int_equal(request.groups[1].first, 2);
	assert_int_equal(request.groups[1].count, 1);
	assert_int_equal(request.groups[2].count, 0);
	assert_int_equal(request.credential_count, 3);
	assert_memory_equal(request.bytes + request.credentials[2].offset, "ef", 2);
	assert_false(hc_fido2_nameless(&request));
	request.credential_count = 0;
	assert_false(hc_fido2_nameless(&request));
	request.known = false;
	assert_true(hc_fido2_nameless(&request));
}

static void a_pin_has_four_characters_and_no_more_than_63_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t min;
		bool possible;
	} rows[] = {
		{"", 0, 0, false},
		{"123", 3, 0, false},
		{"1234", 4, 0, true},
		{"\xc3\xa9\xc3\xa9", 4, 0, false},
		{"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 8, 0, true},
		{"12\0004", 4, 0, false},
		{"12345", 5, 6, false},
		{"123456", 6, 6, true},
		{"123456789012345678901234567890123456789012345678901234567890123", 63, 0, true},
		{"1234567890123456789012345678901234567890123456789012345678901234", 64, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_fido2_pin_possible((const uint8_t *)rows[i].text, rows[i].len, rows[i].min) !=
		    rows[i].possible)
			fail_msg("row %zu", i);
	}
}

static void what_is_wrapped_must_fill_its_wrapping(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		int size; /* -1: refused */
	} rows[] = {
		{"", 0, -1},
		{"\x40", 1, 0},
		{"\x42xy", 3, 2},
		{"\x42x", 2, -1},
		{"\x42xyz", 4, -1},
		{"\x58\x02xy", 4, 2},
		{"\x58", 1, -1},
		{"\x59\x00\x02xy", 5, 2},
		{"\x59\x00", 2, -1},
		{"\x59\xff\xffx", 4, -1},
		{"\x5a\x00\x00\x00\x01x", 6, -1},
		{"\x5fxy", 3, -1},
		{"\x62xy", 3, -1},
		{"\x82xy", 3, -1},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const uint8_t *view = NULL;
		size_t len = 0;
		enum hc_err err = hc_fido2_unwrap((const uint8_t *)rows[i].data, rows[i].len, &view, &len);

		if ((err == HC_OK) != (rows[i].size >= 0) || (err == HC_OK && len != (size_t)rows[i].size))
			fail_msg("row %zu: %s, %zu bytes", i, hc_strerror(err), len);
	}
}

static void what_a_key_calls_itself_cannot_act_on_a_screen(void **state)
{
	static const struct {
		const char *first, *second, *label;
	} rows[] = {
		{"Ex", "\xc3\x89toile 5", "Ex \xc3\x89toile 5"},
		{"Ex", "", "Ex"},
		{NULL, "Key", "Key"},
		{NULL, NULL, "FIDO"},
		{"", "", "FIDO"},
		{"a\x1b[2J", "b", "a?[2J b"},
		{"\xff", "b", "? b"},
		{"a\nb", NULL, "a?b"},
		{"\xe2\x80\xae", "b", "??? b"},
	};
	char label[HC_FIDO2_LABEL_MAX + 1], longer[301];

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		hc_fido2_label(rows[i].first, rows[i].second, label);
		if (strcmp(label, rows[i].label) != 0)
			fail_msg("row %zu: \"%s\"", i, label);
	}
	for (size_t i = 0; i + 1 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa9", 2);
	longer[300] = '\0';
	hc_fido2_label("x", longer, label);
	assert_int_equal(strlen(label), HC_FIDO2_LABEL_MAX); /* "x ", and whole characters */
}

static void messages_of_the_greatest_size_fit(void **state)
{
	struct hc_fido2_outcome outcome = {.account_count = HC_DEVICE_CHOICES_MAX,
					   .attestation_len = HC_DEVICE_ATTESTATION_MAX};
	struct hc_fido2_note note = {
		.label = "Key", .detail = "x", .tries = 8, .reason = HC_REASON_WRONG_PIN};
	struct hc_msg msg;

	(void)state;
	outcome.accounts = calloc(HC_DEVICE_CHOICES_MAX, sizeof(*outcome.accounts));
	outcome.attestation = calloc(1, HC_DEVICE_ATTESTATION_MAX);
	assert_non_null(outcome.accounts);
	assert_non_null(outcome.attestation);
	for (size_t i = 0; i < HC_DEVICE_CHOICES_MAX; i++) {
		outcome.accounts[i].credential_len = HC_DEVICE_CREDENTIAL_MAX;
		outcome.accounts[i].auth_data_len = HC_DEVICE_AUTH_DATA_MAX;
		outcome.accounts[i].signature_len = HC_DEVICE_SIGNATURE_MAX;
		outcome.accounts[i].handle_len = HC_DEVICE_USER_HANDLE_MAX;
		memset(outcome.accounts[i].name, 'n', HC_FIDO2_LABEL_MAX);
	}
	memcpy(outcome.format, "packed", 7);
	assert_int_equal(hc_fido2_say_done(&msg, &outcome, 0, &note), HC_OK);
	assert_int_equal(
		hc_fido2_say_ask(&msg, HC_DEVICE_CHOICE, &note, outcome.accounts, outcome.account_count),
		HC_OK);
	assert_int_equal(hc_fido2_say_failed(&msg, &note), HC_OK);
	assert_int_equal(hc_fido2_say_wait(&msg, HC_DEVICE_TOUCH, &note), HC_OK);
	outcome.accounts[0].auth_data_len = HC_DEVICE_AUTH_DATA_MAX + 1;
	assert_int_not_equal(hc_fido2_say_done(&msg, &outcome, 0, &note), HC_OK);
	hc_fido2_outcome_clear(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_that_says_more_or_less_than_it_may_is_refused),
		cmocka_unit_test(a_request_is_read_exactly),
		cmocka_unit_test(relying_parties_keep_their_credentials_apart),
		cmocka_unit_test(a_pin_has_four_characters_and_no_more_than_63_bytes),
		cmocka_unit_test(what_is_wrapped_must_fill_its_wrapping),
		cmocka_unit_test(what_a_key_calls_itself_cannot_act_on_a_screen),
		cmocka_unit_test(messages_of_the_greatest_size_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
