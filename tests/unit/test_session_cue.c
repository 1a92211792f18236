/* SPDX-License-Identifier: Apache-2.0 */
/* Front ends that show questions alone: what to do with a device is one, and no answer to it means anything. */
#include "session_device_support.h"

static const struct given TOUCHED = {.flags = HC_FIDO_UP, .counter = 7};

static void begin_cued(struct rig *rig, enum hc_mode mode, uint32_t flags, struct talk *talk,
		       struct link *link)
{
	const struct rig_hello hello = {.user = "martin",
					.mode = mode,
					.service = "swaylock",
					.tty = ":0",
					.flags = HC_FLAG_PROMPT_ONLY | flags};

	begin_with(rig, talk, link, &hello);
}

static int setup_cued(void **state)
{
	struct rig *rig;

	if (setup(state) != 0)
		return -1;
	rig = *state;
	rig_person(rig, "martin");
	return 0;
}

static void no_answer_to_a_cue_signs_anybody_in(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	enroll(rig, "martin", 1, &key);
	const char *const answers[] = {"", "yes", "oui", "1234", rig_code(rig, RIG_SEED, 0, code)};

	for (size_t i = 0; i < HC_COUNT(answers); i++) {
		begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
		wait_for(&talk, HC_DEVICE_TOUCH);
		assert_int_equal(talk.steps, 1);
		rig_answer(&talk, answers[i]);
		if (talk.results != 0 || talk.steps != 1 || link.answers != 0 ||
		    hc_session_state(talk.session) != HC_SESSION_DEVICE)
			fail_msg("row %zu: %u %u", i, talk.results, talk.steps);
		assert_int_equal(rig_message(&talk, HC_MSG_ANSWER), HC_ERR_PROTOCOL); /* once */
		fail_with(&talk, HC_REASON_TOUCH_TIMED_OUT);
		assert_int_equal(talk.results, 0);
		assert_non_null(strstr(talk.prompt, "Verification code: "));
		rig_end(&talk);
	}
	/* The code that was typed there was not used up: nobody looked at it. */
	begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
	fail_with(&talk, HC_REASON_NO_DEVICE);
	rig_answer(&talk, code);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
}

static void a_touch_without_a_question_lets_in_behind_the_answer(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	enroll(rig, "martin", 1, &key);
	begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
	wait_for(&talk, HC_DEVICE_TOUCH);
	assert_string_equal(talk.prompt, "Touch your security key, then press Enter: ");
	assert_int_equal(talk.step_kind, HC_STEP_VISIBLE);
	assert_int_equal(talk.infos, 0);
	give(&talk, &key, &TOUCHED);
	assert_int_equal(talk.results, 0); /* a prompt is open */
	assert_int_equal(rig_credential(rig, &key.credential.id).counter, 0);
	rig_answer(&talk, "");
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_int_equal(rig_credential(rig, &key.credential.id).counter, 7);
	assert_int_equal(talk.steps, 1);
	rig_end(&talk);

	/* Enter first: the touch ends it at once. */
	begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
	wait_for(&talk, HC_DEVICE_TOUCH);
	rig_answer(&talk, "");
	give(&talk, &key, &(struct given){.flags = HC_FIDO_UP, .counter = 8});
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
}

static void each_wait_has_its_question_and_a_silent_caller_none(void **state)
{
	static const struct {
		enum hc_device_wait wait;
		uint32_t seconds;
		const char *prompt;
	} rows[] = {
		{HC_DEVICE_INSERT, 30, "Plug in your security key, then press Enter: "},
		{HC_DEVICE_TOUCH, 20, "Touch your security key, then press Enter: "},
		{HC_DEVICE_FINGER, 20, "Put your finger on the sensor of the key, then press Enter: "},
		{HC_DEVICE_PIN_PAD, 20, "Type your PIN at the reader, then press Enter here: "},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	rig->config.policy.answer_timeout_s = 20;
	enroll(rig, "martin", 1, &key);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		begin_cued(rig, HC_MODE_PRIMARY, 0, &talk, &link);
		wait_for(&talk, rows[i].wait);
		if (strcmp(talk.prompt, rows[i].prompt) != 0 || talk.timeout_s != rows[i].seconds)
			fail_msg("row %zu: %s, %u s", i, talk.prompt, talk.timeout_s);
		wait_for(&talk, rows[i].wait);
		assert_int_equal(talk.steps, 1);
		rig_end(&talk);
		begin_cued(rig, HC_MODE_PRIMARY, HC_FLAG_SILENT, &talk, &link);
		wait_for(&talk, rows[i].wait);
		assert_int_equal(talk.steps + talk.infos, 0);
		rig_end(&talk);
	}
}

static void what_comes_meanwhile_opens_no_second_question(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	enroll(rig, "martin", 1, &key);
	begin_cued(rig, HC_MODE_PRIMARY, 0, &talk, &link);
	wait_for(&talk, HC_DEVICE_INSERT);
	wait_for(&talk, HC_DEVICE_WORKING);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 8);
	assert_int_equal(talk.steps, 1);
	rig_answer(&talk, "1234");
	assert_int_equal(link.answers, 0); /* it was no answer to the PIN */
	assert_string_equal(talk.prompt, "PIN of your key (then touch it when it blinks): ");
	assert_int_equal(talk.step_kind, HC_STEP_SECRET);
	rig_answer(&talk, "1234");
	assert_string_equal(link.answer, "1234");
	wait_for(&talk, HC_DEVICE_TOUCH); /* the question said so */
	assert_int_equal(talk.steps, 2);
	give(&talk, &key, &(struct given){.flags = TWO_FACTORS, .counter = 1});
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);

	/* A wait that has changed is asked for behind the answer, with its reason; that of another key is not lost. */
	begin_cued(rig, HC_MODE_PRIMARY, 0, &talk, &link);
	wait_for(&talk, HC_DEVICE_INSERT);
	say(&talk, HC_MSG_DEVICE_WAIT, HC_FIELD_DEVICE_WAIT, HC_DEVICE_INSERT, HC_REASON_KEY_NOT_REGISTERED,
	    0);
	wait_for(&talk, HC_DEVICE_INSERT);
	rig_answer(&talk, "");
	assert_int_equal(talk.steps, 2);
	assert_non_null(strstr(talk.prompt, "HC-234"));
	wait_for(&talk, HC_DEVICE_FINGER);
	assert_int_equal(talk.steps, 2);
	rig_answer(&talk, "");
	assert_int_equal(talk.steps, 3);
	assert_string_equal(talk.prompt, "Put your finger on the sensor of the key, then press Enter: ");
	fail_with(&talk, HC_REASON_DEVICE_REMOVED);
	assert_int_equal(talk.results, 0);
	rig_answer(&talk, "");
	assert_end(&talk, HC_DENY, HC_REASON_DEVICE_REMOVED);
	rig_end(&talk);
}

static void who_gives_up_or_does_not_answer_is_refused(void **state)
{
	static const struct {
		enum hc_device_wait wait;
		bool found; /* it gave its answer, and nobody said that he was there */
		enum hc_reason reason;
		enum hc_verdict verdict;
	} rows[] = {
		{HC_DEVICE_INSERT, false, HC_REASON_NO_DEVICE, HC_DENY_UNAVAILABLE},
		{HC_DEVICE_INSERT, true, HC_REASON_TIMED_OUT, HC_DENY},
		{HC_DEVICE_TOUCH, false, HC_REASON_TIMED_OUT, HC_DENY},
		{HC_DEVICE_TOUCH, true, HC_REASON_TIMED_OUT, HC_DENY},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	rig_totp(rig, "martin", RIG_SEED, 6); /* a code would do, and is not asked for over an open prompt */
	enroll(rig, "martin", 1, &key);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
		wait_for(&talk, rows[i].wait);
		if (rows[i].found)
			give(&talk, &key, &TOUCHED);
		hc_session_timeout(talk.session);
		if (talk.results != 1 || talk.reason != rows[i].reason || talk.verdict != rows[i].verdict ||
		    talk.steps != 1 || link.drops != 1)
			fail_msg("row %zu: %u, %u steps, %u drops", i, talk.reason, talk.steps, link.drops);
		rig_end(&talk);
		begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
		wait_for(&talk, rows[i].wait);
		if (rows[i].found)
			give(&talk, &key, &TOUCHED);
		OK(rig_message(&talk, HC_MSG_CANCEL));
		assert_end(&talk, HC_DENY, HC_REASON_CANCELLED);
		rig_end(&talk);
		begin_cued(rig, HC_MODE_SECOND_FACTOR, 0, &talk, &link);
		wait_for(&talk, rows[i].wait);
		if (rows[i].found)
			give(&talk, &key, &TOUCHED);
		hc_session_closed(talk.session);
		assert_string_equal(rig_trail(rig, 0).outcome, "failure");
		rig_end(&talk);
	}
	rig_trail_holds(rig);
}

static void a_helper_that_talks_without_end_is_let_go(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	enroll(rig, "martin", 1, &key);
	begin_cued(rig, HC_MODE_PRIMARY, 0, &talk, &link);
	wait_for(&talk, HC_DEVICE_TOUCH);
	for (unsigned i = 0; i < 100; i++)
		wait_for(&talk, i % 2 == 0 ? HC_DEVICE_FINGER : HC_DEVICE_TOUCH);
	assert_int_equal(link.drops, 1);
	assert_int_equal(talk.steps, 1);
	assert_int_equal(talk.results, 0);
	rig_answer(&talk, "");
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_DEVICE_ERROR);
	rig_end(&talk);
}

#define CUED(name) cmocka_unit_test_setup_teardown(name, setup_cued, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUED(no_answer_to_a_cue_signs_anybody_in),
		CUED(a_touch_without_a_question_lets_in_behind_the_answer),
		CUED(each_wait_has_its_question_and_a_silent_caller_none),
		CUED(what_comes_meanwhile_opens_no_second_question),
		CUED(who_gives_up_or_does_not_answer_is_refused),
		CUED(a_helper_that_talks_without_end_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
