/* SPDX-License-Identifier: Apache-2.0 */
/* Security keys in conversations: what is asked of key and person, and which answers let somebody on. */
#include "session_device_support.h"

static void no_answer_but_a_fresh_one_of_the_persons_own_key_lets_anybody_in(void **state)
{
	static const uint8_t OTHER[32] = {1};
	static const struct {
		const char *what;
		struct given given;
		enum hc_reason reason;
	} table[] = {
		{"not touched", {.flags = HC_FIDO_UV, .counter = 9}, HC_REASON_FLAGS_MISSING},
		{"nobody verified", {.flags = HC_FIDO_UP, .counter = 9}, HC_REASON_FLAGS_MISSING},
		{"another challenge",
		 {.flags = TWO_FACTORS, .counter = 9, .hash = OTHER},
		 HC_REASON_SIGNATURE_INVALID},
		{"a bent signature",
		 {.flags = TWO_FACTORS, .counter = 9, .bent = true},
		 HC_REASON_SIGNATURE_INVALID},
		{"another party",
		 {.rp_id = "evil.example", .flags = TWO_FACTORS, .counter = 9},
		 HC_REASON_KEY_NOT_REGISTERED},
		{"another handle",
		 {.flags = TWO_FACTORS, .counter = 9, .handle = OTHER},
		 HC_REASON_KEY_NOT_REGISTERED},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	rig->config.policy.free_tries = 20;
	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		assert_int_equal(talk.results, 0);
		give(&talk, &key, &table[i].given);
		if (talk.results != 1 || talk.verdict != HC_DENY || talk.reason != table[i].reason)
			fail_msg("%s: %u %u", table[i].what, talk.verdict, talk.reason);
		assert_string_equal(rig_trail(rig, 0).factor, "fido2");
		assert_string_equal(rig_trail(rig, 0).outcome, "failure");
		rig_end(&talk);
	}
	rig_trail_holds(rig);
}

static void pin_and_touch_are_two_factors_and_the_counter_is_kept(void **state)
{
	const struct given given = {.flags = TWO_FACTORS, .counter = 7};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	uint32_t flags = 0;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_DEVICE);
	OK(hc_msg_u32(&link.start, HC_FIELD_FLAGS, &flags));
	assert_int_equal(flags, HC_DEVICE_FLAG_UP | HC_DEVICE_FLAG_UV);
	wait_for(&talk, HC_DEVICE_INSERT);
	assert_string_equal(talk.info, "Plug in your security key.");
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 8);
	assert_string_equal(talk.prompt, "PIN of your key: ");
	assert_int_equal(talk.step_kind, HC_STEP_SECRET);
	rig_answer(&talk, "0000");
	assert_string_equal(link.answer, "0000");
	ask(&talk, HC_DEVICE_PIN, HC_REASON_WRONG_PIN, 3);
	assert_string_equal(talk.prompt, "Wrong PIN. (HC-231)\n3 tries are left.\nPIN of your key: ");
	rig_answer(&talk, "1234");
	wait_for(&talk, HC_DEVICE_TOUCH);
	assert_string_equal(talk.info, "Touch the key that blinks.");
	give(&talk, &key, &given);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_string_equal(talk.user, ""); /* the caller knows it */
	assert_int_equal(link.drops, 0);
	assert_int_equal(rig_credential(rig, &key.credential.id).counter, 7);
	assert_string_equal(rig_trail(rig, 0).detail, "verified by the device");
	assert_string_equal(rig_trail(rig, 0).credential, key.credential.id.text);
	rig_end(&talk);
}

static void an_answer_is_good_once(void **state)
{
	const struct given given = {.flags = TWO_FACTORS}; /* a key without a counter */
	static struct hc_msg done;
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	key_answers(&talk, &key, &given, &done);
	hc_session_device(talk.session, HC_HELPER_FIDO2, &done);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	hc_session_device(talk.session, HC_HELPER_FIDO2, &done); /* nothing more is said, or the rig fails */
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	hc_session_device(talk.session, HC_HELPER_FIDO2, &done);
	assert_end(&talk, HC_DENY, HC_REASON_SIGNATURE_INVALID);
	rig_end(&talk);
}

static void a_counter_that_stands_still_raises_the_alarm(void **state)
{
	const struct given given = {.flags = TWO_FACTORS, .counter = 7};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	give(&talk, &key, &given);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	give(&talk, &key, &given);
	assert_end(&talk, HC_DENY, HC_REASON_COUNTER_NOT_ADVANCED);
	assert_string_equal(rig_trail(rig, 0).event, "counter-alarm");
	assert_string_equal(rig_trail(rig, 0).credential, key.credential.id.text);
	assert_string_equal(rig_trail(rig, 1).event, "sign-in");
	assert_int_equal(rig_credential(rig, &key.credential.id).counter, 7);
	rig_end(&talk);
}

static void a_touch_completes_a_password_and_a_code_is_asked_for_where_no_key_is(void **state)
{
	const struct given touched = {.flags = HC_FIDO_UP, .counter = 1};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	uint32_t flags = 0;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	enroll(rig, "martin", 1, &key);
	begin(rig, "martin", HC_MODE_SECOND_FACTOR, &talk, &link);
	OK(hc_msg_u32(&link.start, HC_FIELD_FLAGS, &flags));
	assert_int_equal(flags, HC_DEVICE_FLAG_UP | HC_DEVICE_FLAG_PRESENT);
	give(&talk, &key, &touched);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_string_equal(rig_trail(rig, 0).detail, "possession only");
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_SECOND_FACTOR, &talk, &link);
	fail_with(&talk, HC_REASON_NO_DEVICE);
	assert_string_equal(talk.prompt, "Verification code: ");
	rig_answer(&talk, rig_code(rig, RIG_SEED, 0, code));
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_SECOND_FACTOR, &talk, &link);
	give(&talk, &key, &touched); /* the same counter again */
	assert_int_equal(talk.results, 0);
	assert_non_null(strstr(talk.prompt, "HC-239"));
	assert_non_null(strstr(talk.prompt, "Verification code: "));
	rig_end(&talk);
}

static void nobody_at_another_machine_is_asked_for_a_key(void **state)
{
	static const struct rig_hello hellos[] = {
		{.user = "martin", .mode = HC_MODE_PRIMARY, .flags = HC_FLAG_REMOTE},
		{.user = "martin", .mode = HC_MODE_PRIMARY, .rhost = "10.0.0.7"},
		{.user = "martin", .mode = HC_MODE_SECOND_FACTOR, .rhost = "10.0.0.7"},
		{.user = "martin", .mode = HC_MODE_PRIMARY, .methods = HC_METHOD_TOTP},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(hellos); i++) {
		begin_with(rig, &talk, &link, &hellos[i]);
		assert_int_equal(link.starts, 0);
		assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
		rig_end(&talk);
	}
	const struct rig_hello nobody = {.mode = HC_MODE_PRIMARY, .rhost = "10.0.0.7"};

	begin_with(rig, &talk, &link, &nobody);
	assert_int_equal(link.starts, 0);
	assert_end(&talk, HC_DENY_UNKNOWN, HC_REASON_NAME_MALFORMED);
	rig_end(&talk);
}

static void what_becomes_of_a_device_ends_the_conversation(void **state)
{
	static const struct {
		enum hc_reason reason;
		enum hc_verdict verdict;
	} table[] = {
		{HC_REASON_NO_DEVICE, HC_DENY_UNAVAILABLE}, {HC_REASON_DEVICE_ERROR, HC_DENY_UNAVAILABLE},
		{HC_REASON_PIN_BLOCKED, HC_DENY},	    {HC_REASON_PIN_BLOCKED_FOR_NOW, HC_DENY},
		{HC_REASON_KEY_NOT_REGISTERED, HC_DENY},    {HC_REASON_DEVICE_REMOVED, HC_DENY},
		{HC_REASON_TOUCH_TIMED_OUT, HC_DENY},	    {HC_REASON_CANCELLED, HC_DENY},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	struct hc_throttle_row row;
	struct hc_person person = rig_person(rig, "martin");

	enroll(rig, "martin", 1, &key);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		fail_with(&talk, table[i].reason);
		assert_end(&talk, table[i].verdict, table[i].reason);
		assert_int_equal(rig_trail(rig, 0).reason, table[i].reason);
		assert_string_equal(rig_trail(rig, 0).factor, "fido2");
		rig_end(&talk);
	}
	/* A key counts its own failures. */
	OK(hc_store_throttle_get(rig->authd.store, person.id, HC_FACTOR_FIDO2, "", &row));
	assert_int_equal(row.failures, 0);
}

static void a_key_that_does_not_come_is_waited_for_so_long(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;
	int64_t start_ms;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	start_ms = hc_mono_ms(rig->authd.clock);
	wait_for(&talk, HC_DEVICE_INSERT);
	assert_int_equal(hc_session_deadline_ms(talk.session), start_ms + 30000);
	hc_session_timeout(talk.session);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_DEVICE);
	assert_int_equal(link.drops, 1);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	wait_for(&talk, HC_DEVICE_TOUCH);
	hc_session_timeout(talk.session);
	assert_end(&talk, HC_DENY, HC_REASON_TIMED_OUT);
	assert_int_equal(link.drops, 1);
	rig_end(&talk);
}

static void who_gives_up_or_goes_away_leaves_no_device_at_work(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	begin_with_key(rig, HC_MODE_PRIMARY, &key, &talk, &link);
	assert_int_equal(rig_message(&talk, HC_MSG_ANSWER), HC_ERR_PROTOCOL); /* nothing was asked */
	OK(rig_message(&talk, HC_MSG_CANCEL));
	assert_end(&talk, HC_DENY, HC_REASON_CANCELLED);
	assert_int_equal(link.drops, 1);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	ask(&talk, HC_DEVICE_PIN, HC_REASON_NONE, 0);
	hc_session_closed(talk.session);
	assert_int_equal(link.drops, 1);
	assert_string_equal(rig_trail(rig, 0).detail, "abandoned by the caller");
	rig_end(&talk);
}

static void a_helper_that_says_what_makes_no_sense_is_not_listened_to(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	martin_with(rig, &key);
	for (uint32_t row = 0; row < 6; row++) {
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		if (row == 0)
			ask(&talk, HC_DEVICE_NEW_PIN, HC_REASON_NONE, 0);
		else if (row == 1)
			ask(&talk, (enum hc_device_ask)9, HC_REASON_NONE, 0);
		else if (row == 2)
			wait_for(&talk, (enum hc_device_wait)9);
		else if (row == 3)
			ask(&talk, HC_DEVICE_CHOICE, HC_REASON_NONE, 0); /* among nothing */
		else if (row == 4)
			say(&talk, HC_MSG_DEVICE_ITEM, HC_FIELD_TRIES_LEFT, 1, HC_REASON_NONE, 0);
		for (int i = 0; row == 5 && i < 100; i++)
			wait_for(&talk, i % 2 == 0 ? HC_DEVICE_TOUCH : HC_DEVICE_FINGER);
		if (talk.results != 1 || talk.reason != HC_REASON_DEVICE_ERROR || link.drops != 1 ||
		    talk.infos > 60)
			fail_msg("row %u: %u %u", row, talk.results, talk.reason);
		rig_end(&talk);
	}
}

static void the_last_try_takes_a_yes_in_either_language(void **state)
{
	static const char *const table[][2] = {
		{"yes", "yes"}, {"OUI", "yes"}, {"", "no"}, {"y", "no"}, {"yess", "no"}};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key;

	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		ask(&talk, HC_DEVICE_CONFIRM_LAST_TRY, HC_REASON_NONE, 1);
		assert_int_equal(talk.step_kind, HC_STEP_VISIBLE);
		rig_answer(&talk, table[i][0]);
		assert_string_equal(link.answer, table[i][1]);
		rig_end(&talk);
	}
}

static void anothers_key_and_a_revoked_one_do_not_open(void **state)
{
	const struct given given = {.flags = TWO_FACTORS, .counter = 3};
	const struct hc_label reason = {"lost"};
	struct rig *rig = *state;
	struct key first, second, foreign;
	struct link link;
	struct talk talk;

	rig_person(rig, "martin");
	rig_person(rig, "petit");
	enroll(rig, "martin", 1, &first);
	enroll(rig, "martin", 2, &second);
	enroll(rig, "petit", 3, &foreign);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	give(&talk, &foreign, &given);
	assert_end(&talk, HC_DENY, HC_REASON_KEY_NOT_REGISTERED);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_revoke(rig->authd.store, &second.credential.id, &reason, 1));
	OK(hc_tx_commit(&rig->authd));
	give(&talk, &second, &given);
	assert_end(&talk, HC_DENY, HC_REASON_CREDENTIAL_REVOKED);
	rig_end(&talk);
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	give(&talk, &first, &given);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
}

static void wrong_answers_lock_the_key_of_that_person_alone(void **state)
{
	const struct given bent = {.flags = TWO_FACTORS, .counter = 3, .bent = true};
	const struct given good = {.flags = TWO_FACTORS, .counter = 3};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	struct key key, other;

	martin_with(rig, &key);
	rig_person(rig, "petit");
	enroll(rig, "petit", 2, &other);
	for (int i = 0; i < 5; i++) {
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		give(&talk, &key, &bent);
		assert_end(&talk, i < 4 ? HC_DENY : HC_DENY_LOCKED,
			   i < 4 ? HC_REASON_SIGNATURE_INVALID : HC_REASON_LOCKED_OUT);
		rig_end(&talk);
	}
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	assert_int_equal(link.starts, 0);
	assert_end(&talk, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT);
	assert_int_equal(talk.retry_after_s, 30);
	rig_end(&talk);
	begin(rig, "petit", HC_MODE_PRIMARY, &talk, &link);
	give(&talk, &other, &good);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	rig_end(&talk);
}

static void a_helper_that_cannot_be_started_is_no_verdict_about_anybody(void **state)
{
	struct rig *rig = *state;
	struct talk talk = {0};
	struct key key;
	struct link link = {.refuses = HC_ERR_FULL};
	const struct rig_hello hello = {.user = "martin", .mode = HC_MODE_PRIMARY};

	martin_with(rig, &key);
	talk.device = &link;
	OK(rig_hello(rig, &rig->root, &hello, &talk));
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_BROKER_BUSY);
	rig_end(&talk);
	link.refuses = HC_ERR_NOTFOUND;
	OK(rig_hello(rig, &rig->root, &hello, &talk));
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_DEVICE_ERROR);
	rig_end(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_answer_but_a_fresh_one_of_the_persons_own_key_lets_anybody_in),
		TEST(pin_and_touch_are_two_factors_and_the_counter_is_kept),
		TEST(an_answer_is_good_once),
		TEST(a_counter_that_stands_still_raises_the_alarm),
		TEST(a_touch_completes_a_password_and_a_code_is_asked_for_where_no_key_is),
		TEST(nobody_at_another_machine_is_asked_for_a_key),
		TEST(what_becomes_of_a_device_ends_the_conversation),
		TEST(a_key_that_does_not_come_is_waited_for_so_long),
		TEST(who_gives_up_or_goes_away_leaves_no_device_at_work),
		TEST(a_helper_that_says_what_makes_no_sense_is_not_listened_to),
		TEST(the_last_try_takes_a_yes_in_either_language),
		TEST(anothers_key_and_a_revoked_one_do_not_open),
		TEST(wrong_answers_lock_the_key_of_that_person_alone),
		TEST(a_helper_that_cannot_be_started_is_no_verdict_about_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
