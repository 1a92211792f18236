/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations in which nobody was named: who may begin them, what is asked, and whom a device makes of it. */
#include "session_device_support.h"

static const struct rig_hello NOBODY = {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .tty = ":0"};

/* A key of somebody's that names him by itself, or nobody is looked for. */
static int setup_with_key(void **state)
{
	struct key key;

	if (setup(state) != 0)
		return -1;
	rig_person(*state, "durand");
	enroll(*state, "durand", 9, &key);
	return 0;
}

static void where_no_key_names_anybody_none_is_asked(void **state)
{
	const struct hc_label reason = {"lost"};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	begin_with(rig, &talk, &link, &NOBODY);
	assert_int_equal(link.starts, 0);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
	martin_with(rig, &key);
	begin_with(rig, &talk, &link, &NOBODY);
	assert_int_equal(link.starts, 1);
	rig_end(&talk);
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_revoke(rig->authd.store, &key.credential.id, &reason, 1));
	OK(hc_tx_commit(&rig->authd));
	begin_with(rig, &talk, &link, &NOBODY);
	assert_int_equal(link.starts, 0);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
}

static void nobody_is_looked_for_where_that_is_not_allowed(void **state)
{
	struct rig *rig = *state;
	const struct {
		struct hc_caller caller;
		struct rig_hello hello;
		enum hc_verdict verdict;
		enum hc_reason reason;
	} rows[] = {
		{rig->root,
		 {.mode = HC_MODE_PRIMARY, .service = "sshd"},
		 HC_DENY_UNAVAILABLE,
		 HC_REASON_LOGIN_NEEDED},
		{rig->root,
		 {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .rhost = "10.0.0.7"},
		 HC_DENY_UNKNOWN,
		 HC_REASON_NAME_MALFORMED},
		{rig->root,
		 {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .flags = HC_FLAG_REMOTE},
		 HC_DENY_UNKNOWN,
		 HC_REASON_NAME_MALFORMED},
		{rig->root,
		 {.mode = HC_MODE_SECOND_FACTOR, .service = "gdm-password"},
		 HC_DENY_UNKNOWN,
		 HC_REASON_NAME_MALFORMED},
		{rig_user(1000, "martin"),
		 {.mode = HC_MODE_PRIMARY, .service = "gdm-password"},
		 HC_DENY_UNAVAILABLE,
		 HC_REASON_LOGIN_NEEDED},
		{rig->root,
		 {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .user = "Martin"},
		 HC_DENY_UNKNOWN,
		 HC_REASON_NAME_MALFORMED},
		{rig->root,
		 {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .methods = HC_METHOD_TOTP},
		 HC_DENY_UNAVAILABLE,
		 HC_REASON_NO_METHOD_HERE},
	};
	struct link link;
	struct talk talk;
	struct key key;

	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		memset(&link, 0, sizeof(link));
		talk.device = &link;
		OK(rig_hello(rig, &rows[i].caller, &rows[i].hello, &talk));
		if (link.starts != 0 || talk.results != 1 || talk.steps != 0 ||
		    talk.verdict != rows[i].verdict || talk.reason != rows[i].reason)
			fail_msg("row %zu: %u %u", i, talk.verdict, talk.reason);
		rig_end(&talk);
	}
}

static void where_no_device_can_be_asked_that_is_said_at_once_and_not_recorded(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	int64_t before = rig_trail_len(rig);

	rig->authd.device_methods = 0;
	begin_with(rig, &talk, &link, &NOBODY);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
	rig->authd.device_methods = HC_METHOD_FIDO2;
	rig->config.fido.rp_id[0] = '\0';
	begin_with(rig, &talk, &link, &NOBODY);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
	assert_int_equal(rig_trail_len(rig), before);
}

static void no_device_leads_to_one_question_and_nothing_typed_waits_for_one(void **state)
{
	const struct given given = {.flags = TWO_FACTORS, .counter = 3};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	uint32_t flags = 0;

	martin_with(rig, &key);
	begin_with(rig, &talk, &link, &NOBODY);
	OK(hc_msg_u32(&link.start, HC_FIELD_FLAGS, &flags));
	assert_int_not_equal(flags & HC_DEVICE_FLAG_PRESENT, 0);
	assert_int_equal(hc_session_deadline_ms(talk.session), hc_mono_ms(rig->authd.clock) + 3000);
	assert_int_equal(talk.steps + talk.infos, 0);
	fail_with(&talk, HC_REASON_NO_DEVICE);
	assert_int_equal(talk.step_kind, HC_STEP_LOGIN);
	assert_string_equal(talk.prompt, "Plug in your security key and press Enter, or type your login: ");
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_ASKING);
	rig_answer(&talk, "");
	assert_int_equal(link.starts, 2);
	OK(hc_msg_u32(&link.start, HC_FIELD_FLAGS, &flags));
	assert_int_equal(flags & HC_DEVICE_FLAG_PRESENT, 0);
	wait_for(&talk, HC_DEVICE_INSERT);
	assert_int_equal(hc_session_deadline_ms(talk.session), hc_mono_ms(rig->authd.clock) + 30000);
	give(&talk, &key, &given);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_string_equal(talk.user, "martin");
	rig_end(&talk);
}

static void a_helper_that_takes_its_time_does_not_keep_the_question(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	int64_t deadline_ms;

	begin_with(rig, &talk, &link, &NOBODY);
	deadline_ms = hc_session_deadline_ms(talk.session);
	wait_for(&talk, HC_DEVICE_WORKING);
	assert_int_equal(hc_session_deadline_ms(talk.session), deadline_ms);
	hc_session_timeout(talk.session);
	assert_int_equal(talk.step_kind, HC_STEP_LOGIN);
	assert_null(strstr(talk.prompt, "HC-")); /* nobody was kept waiting */
	assert_int_equal(talk.results, 0);
	assert_int_equal(link.drops, 1);
	rig_end(&talk);
}

static void a_pin_that_nobody_types_is_a_sign_in_that_timed_out(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	begin_with(rig, &talk, &link, &NOBODY);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
	hc_session_timeout(talk.session);
	assert_end(&talk, HC_DENY, HC_REASON_TIMED_OUT);
	rig_end(&talk);
}

static void a_login_is_not_taken_there(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg sent;
	struct link link;
	struct talk talk;

	begin_with(rig, &talk, &link, &NOBODY);
	fail_with(&talk, HC_REASON_NO_DEVICE);
	hc_msg_init(&sent, HC_MSG_ANSWER);
	hc_msg_put_bytes(&sent, HC_FIELD_ANSWER, "martin", 6);
	OK(hc_msg_finish(&sent));
	OK(hc_msg_parse(&sent, sent.len));
	assert_int_equal(hc_session_receive(talk.session, &sent), HC_ERR_PROTOCOL);
	rig_end(&talk);
}

static void a_prompt_that_is_left_alone_is_not_recorded(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	int64_t before = rig_trail_len(rig);

	for (int row = 0; row < 4; row++) {
		begin_with(rig, &talk, &link, &NOBODY);
		if (row != 3)
			fail_with(&talk, HC_REASON_NO_DEVICE);
		if (row == 0)
			OK(rig_message(&talk, HC_MSG_CANCEL));
		else if (row == 1)
			hc_session_timeout(talk.session);
		else
			hc_session_closed(talk.session);
		assert_int_equal(hc_session_state(talk.session), HC_SESSION_DONE);
		if (row < 2)
			assert_end(&talk, HC_DENY, row == 0 ? HC_REASON_CANCELLED : HC_REASON_TIMED_OUT);
		assert_int_equal(link.drops, row == 3 ? 1 : 0);
		rig_end(&talk);
	}
	assert_int_equal(rig_trail_len(rig), before);
}

static void a_strangers_device_leads_to_the_question_with_its_reason(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (int row = 0; row < 2; row++) {
		begin_with(rig, &talk, &link, &NOBODY);
		if (row == 1) {
			ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
			rig_answer(&talk, "1234");
		}
		fail_with(&talk, HC_REASON_KEY_NOT_REGISTERED);
		assert_int_equal(talk.step_kind, HC_STEP_LOGIN);
		assert_non_null(strstr(talk.prompt, "HC-234"));
		assert_non_null(strstr(talk.prompt, "type your login: "));
		rig_answer(&talk, "");
		fail_with(&talk, HC_REASON_KEY_NOT_REGISTERED); /* there again: that is the end */
		assert_end(&talk, HC_DENY, HC_REASON_KEY_NOT_REGISTERED);
		rig_end(&talk);
	}
}

static void a_device_that_refused_ends_it(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	begin_with(rig, &talk, &link, &NOBODY);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
	rig_answer(&talk, "1234");
	fail_with(&talk, HC_REASON_PIN_BLOCKED_FOR_NOW);
	assert_end(&talk, HC_DENY, HC_REASON_PIN_BLOCKED_FOR_NOW);
	assert_string_equal(rig_trail(rig, 0).factor, "fido2");
	rig_end(&talk);
}

static void who_stands_before_anothers_device_can_type_a_login(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	begin_with(rig, &talk, &link, &NOBODY);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
	rig_answer(&talk, "");
	assert_int_equal(link.answers, 0);
	assert_int_equal(link.drops, 1);
	assert_int_equal(talk.step_kind, HC_STEP_LOGIN);
	rig_end(&talk);
	/* Whoever is named has nothing else to type there. */
	struct key key;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
	rig_answer(&talk, "");
	assert_int_equal(link.answers, 1);
	rig_end(&talk);
}

static void a_key_says_who_is_there_where_nobody_was_named(void **state)
{
	struct given given = {.flags = TWO_FACTORS, .counter = 3};
	struct rig *rig = *state;
	struct key key, stranger;
	struct link link;
	struct talk talk;

	rig_person(rig, "martin");
	rig_person(rig, "petit");
	enroll(rig, "martin", 1, &key);
	memset(&stranger, 7, sizeof(stranger));
	given.handle = key.handle;
	begin_with(rig, &talk, &link, &NOBODY);
	assert_false(hc_msg_has(&link.start, HC_FIELD_CREDENTIALS));
	give(&talk, &key, &given);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_string_equal(talk.user, "martin");
	assert_string_equal(rig_trail(rig, 0).login, "martin");
	rig_end(&talk);

	begin_with(rig, &talk, &link, &NOBODY);
	give(&talk, &stranger, &given);
	assert_end(&talk, HC_DENY, HC_REASON_KEY_NOT_REGISTERED);
	assert_string_equal(talk.user, "");
	rig_end(&talk);

	begin_with(rig, &talk, &link, &NOBODY);
	give(&talk, &key, &given); /* whoever has no valid answer is not told whose key it is */
	assert_end(&talk, HC_DENY, HC_REASON_COUNTER_NOT_ADVANCED);
	assert_string_equal(talk.user, "");
	rig_end(&talk);

	/* A name that was given is never changed. */
	begin(rig, "petit", HC_MODE_PRIMARY, &talk, &link);
	assert_int_equal(link.starts, 0);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
}

static void a_choice_shows_the_names_that_we_gave(void **state)
{
	const struct rig_hello nobody = {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .tty = "tty1"};
	struct rig *rig = *state;
	struct key one, two;
	uint8_t list[256];
	struct hc_writer writer;
	static struct hc_msg msg;
	struct link link;
	struct talk talk;

	rig_person(rig, "martin");
	rig_person(rig, "petit");
	enroll(rig, "martin", 1, &one);
	enroll(rig, "petit", 2, &two);
	begin_with(rig, &talk, &link, &nobody);
	hc_writer_init(&writer, list, sizeof(list));
	hc_writer_u16(&writer, sizeof(one.handle));
	hc_writer_bytes(&writer, one.handle, sizeof(one.handle));
	hc_writer_u16(&writer, 4);
	hc_writer_bytes(&writer, "evil", 4);
	hc_writer_u16(&writer, 3);
	hc_writer_bytes(&writer, "xyz", 3);
	hc_writer_u16(&writer, 0);
	hc_writer_u16(&writer, sizeof(two.handle));
	hc_writer_bytes(&writer, two.handle, sizeof(two.handle));
	hc_writer_u16(&writer, 0);
	hc_msg_init(&msg, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&msg, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE);
	hc_msg_put_bytes(&msg, HC_FIELD_CHOICES, list, writer.len);
	OK(hc_msg_finish(&msg));
	OK(hc_msg_parse(&msg, msg.len));
	hc_session_device(talk.session, HC_HELPER_FIDO2, &msg);
	assert_string_equal(talk.prompt, "1) martin\n2) (an account that is unknown here)\n3) petit\n"
					 "Number of your account: ");
	rig_answer(&talk, "3");
	assert_string_equal(link.answer, "3");
	rig_end(&talk);
}

#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_with_key, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_no_key_names_anybody_none_is_asked),
		KEY_TEST(nobody_is_looked_for_where_that_is_not_allowed),
		KEY_TEST(where_no_device_can_be_asked_that_is_said_at_once_and_not_recorded),
		KEY_TEST(no_device_leads_to_one_question_and_nothing_typed_waits_for_one),
		KEY_TEST(a_helper_that_takes_its_time_does_not_keep_the_question),
		KEY_TEST(a_pin_that_nobody_types_is_a_sign_in_that_timed_out),
		KEY_TEST(a_login_is_not_taken_there),
		KEY_TEST(a_prompt_that_is_left_alone_is_not_recorded),
		KEY_TEST(a_strangers_device_leads_to_the_question_with_its_reason),
		KEY_TEST(a_device_that_refused_ends_it),
		KEY_TEST(who_stands_before_anothers_device_can_type_a_login),
		KEY_TEST(a_key_says_who_is_there_where_nobody_was_named),
		KEY_TEST(a_choice_shows_the_names_that_we_gave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
