/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue of an enrolment: a first PIN, a key that checks nobody, and a helper that speaks out of turn. */
#include "admin_fido2_support.h"

/* ---- a key without PIN ---- */

static void a_new_key_gets_its_pin_typed_twice_and_then_makes(void **state)
{
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	assert_non_null(strstr(desk.text, "no PIN yet"));
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_SET_PIN);
	assert_int_equal(number_of(&desk.start, HC_FIELD_PIN_MIN), 6);

	hc_msg_init(&desk.said, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_ASK, HC_DEVICE_NEW_PIN);
	hc_msg_put_u32(&desk.said, HC_FIELD_PIN_MIN, 8); /* the key's own, which is more than ours */
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "8 characters"));
	assert_int_equal(number_of(&desk.out, HC_FIELD_STEP_KIND), HC_STEP_SECRET);
	assert_int_equal(desk_answer(&desk, "1234567"), HC_ADMIN_DEVICE_SEND); /* one too few */
	assert_non_null(strstr(desk.text, "HC-248"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "once more"));
	assert_int_equal(desk_answer(&desk, "12345679"), HC_ADMIN_DEVICE_SEND); /* a slip of the finger */
	assert_non_null(strstr(desk.text, "HC-270"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_SEND);
	assert_null(strstr(desk.text, "12345678"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_PASS);
	assert_false(hc_admin_device_asks(desk.job));

	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_START);
	assert_string_equal(rig_trail(rig, 0).event, "key-pin");
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_MAKE);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_PASS);
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(keys_of(rig, "martin"), 1);
	reply_free(&reply);
}

static void what_can_be_no_pin_is_not_asked_for_twice(void **state)
{
	static const char *const rows[] = {
		"", "12345", "\xc3\xa9\xc3\xa9\xc3\xa9", "123456\xff",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (desk_answer(&desk, rows[i]) != HC_ADMIN_DEVICE_SEND ||
		    strstr(desk.text, "HC-248") == NULL)
			fail_msg("row %zu: %s", i, desk.text);
	}
	/* The key may find it too simple all the same; a first typing is forgotten then. */
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_PIN_NOT_ACCEPTED),
			 HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "HC-248"));
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	hc_admin_job_free(&desk.job); /* with a PIN in it, which the sanitizer would miss */
}

static void a_pin_is_set_once_and_never_over_another_one(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	/* Another key lies there now: it asks for the PIN that it has. */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_BREAK);
	hc_admin_device_refused(desk.job, HC_REASON_DEVICE_ERROR);
	desk_refused(&desk, HC_REASON_DEVICE_ERROR);

	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_BREAK);
	hc_admin_job_free(&desk.job);

	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_PASS);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_END); /* not in a circle */
	desk_refused(&desk, HC_REASON_PIN_NOT_SET);
}

static void a_pin_that_nobody_typed_twice_is_not_set(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (unsigned typed = 0; typed < 2; typed++) {
		desk_begin(&desk, rig, "martin");
		assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
		if (typed > 0) {
			assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE),
					 HC_ADMIN_DEVICE_SEND);
			assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
		}
		hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
		if (desk_hear(&desk) != HC_ADMIN_DEVICE_BREAK)
			fail_msg("typed %u times", typed);
		hc_admin_job_free(&desk.job);
	}
}

static void a_key_that_checks_nobody_is_possession_and_that_is_said(void **state)
{
	struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;
	char text[2049];

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	assert_int_equal(number_of(&desk.start, HC_FIELD_FLAGS) & HC_DEVICE_FLAG_UV, HC_DEVICE_FLAG_UV);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	assert_non_null(strstr(desk.text, "completes a password"));
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_FLAGS), HC_DEVICE_FLAG_UP);
	making.flags = HC_FIDO_UP;
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.row_count, 1);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_OPTIONS, text),
			    "discoverable=false verifies=false");
	reply_free(&reply);

	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION);
}

/* ---- words out of turn, and ends ---- */

static void out_of_turn(struct desk *desk, unsigned row)
{
	static const enum hc_msg_type types[] = {HC_MSG_DEVICE_ITEM, HC_MSG_DEVICE_ASK,	 HC_MSG_DEVICE_ASK,
						 HC_MSG_DEVICE_ASK,  HC_MSG_DEVICE_ASK,	 HC_MSG_DEVICE_WAIT,
						 HC_MSG_DEVICE_WAIT, HC_MSG_DEVICE_WAIT, HC_MSG_RESULT};

	hc_msg_init(&desk->said, types[row]);
	if (row == 2)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE);
	if (row == 3)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, 99);
	if (row == 4) {
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, HC_DEVICE_NEW_PIN);
		hc_msg_put_u32(&desk->said, HC_FIELD_PIN_MIN, HC_DEVICE_PIN_MAX + 1);
	}
	if (row == 6 || row == 7)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_WAIT, row == 6 ? 0 : HC_DEVICE_PIN_PAD + 1);
}

static void a_helper_out_of_turn_is_broken_off(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (unsigned row = 0; row < 9; row++) {
		desk_begin(&desk, rig, "martin");
		out_of_turn(&desk, row);
		if (desk_hear(&desk) != HC_ADMIN_DEVICE_BREAK)
			fail_msg("row %u", row);
		hc_admin_device_refused(desk.job, HC_REASON_DEVICE_ERROR);
		desk_refused(&desk, HC_REASON_DEVICE_ERROR);
	}
}

/* A key that is enrolled already is no reason to wait for another one. */
static void a_key_that_is_not_there_is_waited_for_and_one_that_does_not_serve_is_not(void **state)
{
	static const enum hc_reason reasons[] = {HC_REASON_KEY_ALREADY_REGISTERED, HC_REASON_DEVICE_ERROR,
						 HC_REASON_KEY_LACKS_FEATURE, HC_REASON_NONE};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		const bool waits = reasons[i] == HC_REASON_NONE;

		desk_begin(&desk, rig, "martin");
		assert_int_equal(number_of(&desk.start, HC_FIELD_FLAGS) & HC_DEVICE_FLAG_PRESENT, 0);
		assert_false(hc_admin_device_inserts(desk.job));
		hc_msg_init(&desk.said, HC_MSG_DEVICE_WAIT);
		hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_WAIT, HC_DEVICE_INSERT);
		if (!waits)
			hc_msg_put_u32(&desk.said, HC_FIELD_REASON, (uint32_t)reasons[i]);
		if (desk_hear(&desk) != (waits ? HC_ADMIN_DEVICE_SEND : HC_ADMIN_DEVICE_END) ||
		    hc_admin_device_inserts(desk.job) != waits)
			fail_msg("row %zu", i);
		if (!waits)
			desk_refused(&desk, reasons[i]);
	}
	assert_non_null(strstr(desk.text, "Plug in your security key"));
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_false(hc_admin_device_inserts(desk.job)); /* its owner's time now */
	hc_admin_device_refused(desk.job, HC_REASON_CANCELLED);
	desk_refused(&desk, HC_REASON_CANCELLED);
}

static void every_end_without_a_key_is_told_and_recorded(void **state)
{
	static const enum hc_reason reasons[] = {
		HC_REASON_NO_DEVICE,	HC_REASON_PIN_BLOCKED,	       HC_REASON_PIN_BLOCKED_FOR_NOW,
		HC_REASON_TIMED_OUT,	HC_REASON_TOUCH_TIMED_OUT,     HC_REASON_DEVICE_REMOVED,
		HC_REASON_KEY_FULL,	HC_REASON_KEY_LACKS_FEATURE,   HC_REASON_PIN_CHANGE_NEEDED,
		HC_REASON_DEVICE_ERROR, HC_REASON_FINGERPRINT_BLOCKED, HC_REASON_CANCELLED};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		desk_begin(&desk, rig, "martin");
		assert_int_equal(desk_fails(&desk, reasons[i]), HC_ADMIN_DEVICE_END);
		desk_refused(&desk, reasons[i]);
		assert_int_equal(rig_trail(rig, 0).reason, reasons[i]);
	}
	desk_begin(&desk, rig, "martin"); /* the administrator gave up in the middle of a question */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	hc_admin_device_refused(desk.job, HC_REASON_CANCELLED);
	assert_false(hc_admin_device_asks(desk.job));
	desk_refused(&desk, HC_REASON_CANCELLED);
	assert_int_equal(keys_of(rig, "martin"), 0);
}

static void questions_and_cues_reach_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	hc_msg_init(&desk.said, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN);
	hc_msg_put_u32(&desk.said, HC_FIELD_TRIES_LEFT, 2);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "2"));
	assert_int_equal(desk_answer(&desk, "1234"),
			 HC_ADMIN_DEVICE_PASS); /* short: it is the key's to say so */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_CONFIRM_LAST_TRY, HC_REASON_WRONG_PIN),
			 HC_ADMIN_DEVICE_SEND);
	assert_int_equal(number_of(&desk.out, HC_FIELD_STEP_KIND), HC_STEP_VISIBLE);
	assert_int_equal(desk_answer(&desk, "yes"), HC_ADMIN_DEVICE_PASS);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_WAIT);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_WAIT, HC_DEVICE_TOUCH);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	hc_admin_job_free(&desk.job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_key_gets_its_pin_typed_twice_and_then_makes),
		TEST(what_can_be_no_pin_is_not_asked_for_twice),
		TEST(a_pin_is_set_once_and_never_over_another_one),
		TEST(a_pin_that_nobody_typed_twice_is_not_set),
		TEST(a_key_that_checks_nobody_is_possession_and_that_is_said),
		TEST(a_helper_out_of_turn_is_broken_off),
		TEST(a_key_that_is_not_there_is_waited_for_and_one_that_does_not_serve_is_not),
		TEST(every_end_without_a_key_is_told_and_recorded),
		TEST(questions_and_cues_reach_the_administrator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
