/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that are plugged in, and their PINs, for the help desk: lists, a first PIN, another PIN. */
#include "admin_fido2_support.h"

static void begin(struct desk *desk, struct rig *rig, uint32_t operation, uint32_t change)
{
	struct hc_msg *request = rig_request(HC_MSG_FIDO2_PIN);

	hc_msg_put_u32(request, HC_FIELD_DEVICE_OPERATION, operation);
	if (change != 0)
		hc_msg_put_u32(request, HC_FIELD_PIN_CHANGE, change);
	desk_request(desk, rig, &request);
	if (hc_admin_waits(desk->job))
		desk_start(desk);
}

static void bad_requests_wait_for_no_key(void **state)
{
	static const struct {
		uint32_t operation, change;
		const char *path;
	} rows[] = {{0, 0, ""},
		    {HC_DEVICE_MAKE, 0, ""},
		    {HC_DEVICE_ASSERT, 0, ""},
		    {HC_DEVICE_SET_PIN, 2, ""},
		    {HC_DEVICE_LIST, 1, ""},
		    {HC_DEVICE_LIST, 0, "/dev/hidraw3"}};
	struct rig *rig = *state;
	struct desk desk;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_msg *request = rig_request(HC_MSG_FIDO2_PIN);

		hc_msg_put_u32(request, HC_FIELD_DEVICE_OPERATION, rows[i].operation);
		hc_msg_put_u32(request, HC_FIELD_PIN_CHANGE, rows[i].change);
		hc_msg_put_text(request, HC_FIELD_DEVICE_PATH, rows[i].path);
		desk_request(&desk, rig, &request);
		desk_refused(&desk, HC_REASON_INVALID_VALUE);
	}
	rig->authd.device_methods = 0;
	begin(&desk, rig, HC_DEVICE_LIST, 0);
	desk_refused(&desk, HC_REASON_INVALID_VALUE);
	assert_int_equal(rig_trail_len(rig), 0);
}

static void nobody_but_an_administrator_sees_keys(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_FIDO2_PIN);
	struct reply reply;

	hc_msg_put_u32(request, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_LIST);
	reply = rig_admin(rig, &rig->root, &request);
	assert_int_equal(reply.reason, HC_REASON_NOT_PERMITTED);
	reply_free(&reply);
}

/* ---- the list ---- */

static void item(struct desk *desk, const char *options, int tries)
{
	hc_msg_init(&desk->said, HC_MSG_DEVICE_ITEM);
	hc_msg_put_text(&desk->said, HC_FIELD_DEVICE_PATH, "/dev/hidraw3");
	hc_msg_put_text(&desk->said, HC_FIELD_LABEL, "Blue key");
	hc_msg_put_text(&desk->said, HC_FIELD_OPTIONS, options);
	hc_msg_put_bytes(&desk->said, HC_FIELD_AAGUID, "0123456789abcdef", 16);
	if (tries >= 0)
		hc_msg_put_u32(&desk->said, HC_FIELD_TRIES_LEFT, (uint32_t)tries);
	hc_msg_put_u32(&desk->said, HC_FIELD_PIN_MIN, 4);
}

static void what_cannot_be_a_key_ends_the_list(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	for (unsigned row = 0; row < 3; row++) {
		begin(&desk, rig, HC_DEVICE_LIST, 0);
		hc_msg_init(&desk.said, row == 2 ? HC_MSG_DEVICE_ASK : HC_MSG_DEVICE_ITEM);
		if (row == 0)
			hc_msg_put_bytes(&desk.said, HC_FIELD_AAGUID, "short", 5);
		else if (row == 1) /* none would have room for so many: the same helper 17 times */
			for (unsigned i = 0; i < 16; i++) {
				item(&desk, "clientPin=true", 8);
				assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_GO_ON);
			}
		else
			hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN);
		if (row == 1)
			item(&desk, "", -1);
		if (desk_hear(&desk) != HC_ADMIN_DEVICE_BREAK)
			fail_msg("row %u", row);
		hc_admin_device_refused(desk.job, HC_REASON_DEVICE_ERROR);
		desk_refused(&desk, HC_REASON_DEVICE_ERROR);
	}
	assert_int_equal(rig_trail_len(rig), 0); /* to look is no act */
}

static void keys_are_listed_with_the_state_of_their_pins(void **state)
{
	static const struct {
		const char *options, *pin;
		int tries;
	} rows[] = {{"rk=true clientPin=true", "set", 8},
		    {"clientPin=true", "blocked", 0},
		    {"clientPin=true forcePINChange=true", "change", 8},
		    {"rk=true clientPin=false up=true", "unset", -1},
		    {"", "impossible", -1},
		    {"xclientPin=true clientPin=truey", "impossible", -1}};
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;
	char text[2049];

	begin(&desk, rig, HC_DEVICE_LIST, 0);
	assert_int_equal(number_of(&desk.start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_LIST);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		item(&desk, rows[i].options, rows[i].tries);
		assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_GO_ON);
	}
	hc_msg_init(&desk.said, HC_MSG_DEVICE_ITEM);
	hc_msg_put_text(&desk.said, HC_FIELD_DEVICE_PATH, "/dev/hidraw9");
	hc_msg_put_u32(&desk.said, HC_FIELD_REASON, HC_REASON_DEVICE_ERROR);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_GO_ON);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);

	assert_int_equal(reply.row_count, HC_COUNT(rows) + 1);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (strcmp(reply_text(&reply, i, HC_FIELD_STATE, text), rows[i].pin) != 0)
			fail_msg("row %zu: %s", i, text);
		assert_int_equal(hc_msg_has(reply.rows[i], HC_FIELD_TRIES_LEFT), rows[i].tries >= 0);
	}
	assert_false(hc_msg_has(reply.rows[HC_COUNT(rows)], HC_FIELD_STATE));
	assert_int_equal(number_of(reply.rows[HC_COUNT(rows)], HC_FIELD_REASON), HC_REASON_DEVICE_ERROR);
	reply_free(&reply);

	begin(&desk, rig, HC_DEVICE_LIST, 0); /* and none is no error */
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, 0);
	reply_free(&reply);
}

/* ---- PINs ---- */

static void a_first_pin_is_no_change_and_a_change_no_first_pin(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	begin(&desk, rig, HC_DEVICE_SET_PIN, 0);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_PIN_IS_SET);
	begin(&desk, rig, HC_DEVICE_SET_PIN, 1);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_PIN_NOT_SET);
	assert_int_equal(rig_trail_len(rig), 2);
	assert_string_equal(rig_trail(rig, 0).event, "key-pin");
	assert_string_equal(rig_trail(rig, 0).outcome, "failure");
}

static void a_pin_that_nobody_typed_is_not_believed(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	for (uint32_t change = 0; change < 2; change++) {
		begin(&desk, rig, HC_DEVICE_SET_PIN, change);
		hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
		assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_BREAK);
		item(&desk, "", -1);
		assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_BREAK);
		hc_admin_job_free(&desk.job);
	}
}

static void a_key_gets_its_first_pin(void **state)
{
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;

	begin(&desk, rig, HC_DEVICE_SET_PIN, 0);
	assert_int_equal(number_of(&desk.start, HC_FIELD_PIN_MIN), 6);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_PASS);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.err, HC_OK);
	assert_string_equal(rig_trail(rig, 0).event, "key-pin");
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
	assert_string_equal(rig_trail(rig, 0).detail, "first PIN");
	reply_free(&reply);
}

static void a_change_asks_the_old_pin_and_twice_the_new_one(void **state)
{
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;

	begin(&desk, rig, HC_DEVICE_SET_PIN, 1);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "0000"), HC_ADMIN_DEVICE_PASS);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_PASS);
	/* The old one was wrong, as the key says with the new one in hand. */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_WRONG_PIN), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "HC-231"));
	assert_int_equal(desk_answer(&desk, "1111"), HC_ADMIN_DEVICE_PASS);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.err, HC_OK);
	assert_string_equal(rig_trail(rig, 0).detail, "another PIN");
	reply_free(&reply);
}

static void a_key_that_fails_is_told_and_recorded(void **state)
{
	static const enum hc_reason reasons[] = {HC_REASON_PIN_BLOCKED, HC_REASON_NO_DEVICE,
						 HC_REASON_KEY_WITHOUT_VERIFICATION, HC_REASON_TIMED_OUT,
						 HC_REASON_DEVICE_REMOVED};
	struct rig *rig = *state;
	struct desk desk;

	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		begin(&desk, rig, HC_DEVICE_SET_PIN, 1);
		assert_int_equal(desk_fails(&desk, reasons[i]), HC_ADMIN_DEVICE_END);
		desk_refused(&desk, reasons[i]);
		assert_int_equal(rig_trail(rig, 0).reason, reasons[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_requests_wait_for_no_key),
		TEST(nobody_but_an_administrator_sees_keys),
		TEST(what_cannot_be_a_key_ends_the_list),
		TEST(keys_are_listed_with_the_state_of_their_pins),
		TEST(a_first_pin_is_no_change_and_a_change_no_first_pin),
		TEST(a_pin_that_nobody_typed_is_not_believed),
		TEST(a_key_gets_its_first_pin),
		TEST(a_change_asks_the_old_pin_and_twice_the_new_one),
		TEST(a_key_that_fails_is_told_and_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
