/* SPDX-License-Identifier: Apache-2.0 */
/* What the person is asked about a key, and what of it the key is told. */
#include "fido2_support.h"

/* ---- PIN ---- */

static void no_pin_is_sent_that_was_not_given_for_this_key(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	rig_expect(&rig, "probe0 ask:pin");
	assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
	rig_expect(&rig, "assert0/pin");
	assert_string_equal(rig.pin, "1234");
	/* an answer that nobody asked for */
	assert_int_equal(rig_answer(&rig, "9999"), HC_ERR_PROTOCOL);
	rig_expect(&rig, "");
	hc_fido2_machine_clear(&rig.machine);
}

static void what_cannot_be_a_pin_and_what_was_refused_is_never_sent(void **state)
{
	static const char *const impossible[] = {
		"", "1", "123", "\xc3\xa9\xc3\xa9\xc3\xa9",
		"1234567890123456789012345678901234567890123456789012345678901234"};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	rig_expect(&rig, "probe0 ask:pin");
	for (size_t i = 0; i < HC_COUNT(impossible); i++) {
		assert_int_equal(rig_answer(&rig, impossible[i]), HC_OK);
		rig_expect(&rig, "ask:pin");
		assert_int_equal(rig.reason, HC_REASON_PIN_NOT_ACCEPTED);
		assert_int_equal(rig.tries, 8);
	}
	assert_int_equal(rig_answer(&rig, "9999"), HC_OK);
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_PIN_WRONG, 7);
	rig_expect(&rig, "assert0/pin ask:pin");
	assert_int_equal(rig.reason, HC_REASON_WRONG_PIN);
	assert_int_equal(rig_answer(&rig, "9999"), HC_OK);
	rig_expect(&rig, "ask:pin"); /* not sent */
	assert_int_equal(rig.reason, HC_REASON_WRONG_PIN);
	assert_int_equal(rig_answer(&rig, "9998"), HC_OK);
	rig_expect(&rig, "assert0/pin");
	hc_fido2_machine_clear(&rig.machine);
}

static void nobody_is_asked_for_ever(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	for (int i = 1; i < HC_FIDO2_ASKS_MAX; i++) {
		rig.said[0] = '\0';
		assert_int_equal(rig_answer(&rig, "12"), HC_OK);
		rig_expect(&rig, "ask:pin");
	}
	assert_int_equal(rig_answer(&rig, "12"), HC_OK);
	rig_expect(&rig, "failed:TOO_MANY_TRIES");
	hc_fido2_machine_clear(&rig.machine);
}

static void the_last_try_needs_a_yes_each_time(void **state)
{
	static const char *const no[] = {"no", "", "YES", "yes ", "y", "1234"};
	struct hc_fido2_facts facts = rig_facts();
	struct rig rig;

	(void)state;
	facts.pin_tries = 1;
	for (size_t i = 0; i < HC_COUNT(no); i++) {
		rig_init(&rig);
		rig_to_pin(&rig, facts);
		rig_expect(&rig, "probe0 ask:last");
		assert_int_equal(rig_answer(&rig, no[i]), HC_OK);
		rig_expect(&rig, "failed:CANCELLED");
		assert_int_equal(rig.tries, 1);
	}
	rig_init(&rig);
	rig_to_pin(&rig, facts);
	assert_int_equal(rig_answer(&rig, "yes"), HC_OK);
	assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
	rig_expect(&rig, "probe0 ask:last ask:pin assert0/pin");
	/* a key that says that there is one left once more: the yes was for the last one */
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_PIN_WRONG, 1);
	rig_expect(&rig, "ask:last");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_key_without_tries_or_that_hides_them_is_asked_nothing(void **state)
{
	static const struct {
		int tries;
		const char *said;
	} rows[] = {{0, "probe0 release0 failed:PIN_BLOCKED"}, {-1, "probe0 failed:DEVICE_ERROR"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_fido2_facts facts = rig_facts();
		struct rig rig;

		facts.pin_tries = rows[i].tries;
		rig_init(&rig);
		rig_to_pin(&rig, facts);
		rig_expect(&rig, rows[i].said);
	}
}

static void every_end_of_a_pin_has_its_word(void **state)
{
	static const struct {
		enum hc_fido2_status status;
		int tries;
		const char *said;
	} rows[] = {
		{HC_FIDO2_OK, -1, "done"},
		{HC_FIDO2_NO_CREDENTIAL, -1, "failed:KEY_NOT_REGISTERED"},
		{HC_FIDO2_EXCLUDED, -1, "failed:KEY_ALREADY_REGISTERED"},
		{HC_FIDO2_PIN_WRONG, 7, "ask:pin"},
		{HC_FIDO2_PIN_WRONG, 1, "ask:last"},
		{HC_FIDO2_PIN_WRONG, 0, "failed:PIN_BLOCKED"},
		{HC_FIDO2_PIN_LOCKED_NOW, 5, "failed:PIN_BLOCKED_FOR_NOW"},
		{HC_FIDO2_PIN_LOCKED, -1, "failed:PIN_BLOCKED"},
		{HC_FIDO2_PIN_MISSING, -1, "failed:PIN_NOT_SET"},
		{HC_FIDO2_PIN_CHANGE, -1, "failed:PIN_CHANGE_NEEDED"},
		/* found by fuzzing: it was no finger that failed, and the PIN went once more */
		{HC_FIDO2_FINGER_LOCKED, -1, "failed:DEVICE_ERROR"},
		{HC_FIDO2_FINGER_WRONG, 7, "failed:DEVICE_ERROR"},
		{HC_FIDO2_TIMED_OUT, -1, "failed:TOUCH_TIMED_OUT"},
		{HC_FIDO2_DENIED, -1, "failed:CANCELLED"},
		{HC_FIDO2_CANCELLED, -1, "failed:DEVICE_ERROR"},
		{HC_FIDO2_FULL, -1, "failed:KEY_FULL"},
		{HC_FIDO2_UNSUPPORTED, -1, "failed:KEY_LACKS_FEATURE"},
		{HC_FIDO2_FAILED, -1, "failed:DEVICE_ERROR"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct rig rig;

		rig_init(&rig);
		rig_to_pin(&rig, rig_facts());
		assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
		rig_expect(&rig, "probe0 ask:pin assert0/pin");
		rig.machine.slots[0].facts.finger_tries = 3;
		rig_ends(&rig, 0, HC_FIDO2_ASSERT, rows[i].status, rows[i].tries);
		/* libfido2 says the same of a key that was pulled out: it is given a moment to be missed */
		if (rows[i].status == HC_FIDO2_FAILED && rig.said[0] == '\0')
			rig_after(&rig, HC_FIDO2_LEAVE_MS);
		if (strcmp(rig.said, rows[i].said) != 0)
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, rig.said, rows[i].said);
		hc_fido2_machine_clear(&rig.machine);
	}
}

/* Found by fuzzing: the refused new PIN made way for another, and the old one went along with the last try. */
static void a_refused_new_pin_does_not_use_the_last_try_up(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.request.operation = HC_DEVICE_SET_PIN;
	rig_to_pin(&rig, rig_facts());
	assert_int_equal(rig_answer(&rig, "1111"), HC_OK);
	assert_int_equal(rig_answer(&rig, "2222"), HC_OK);
	rig_ends(&rig, 0, HC_FIDO2_SET_PIN, HC_FIDO2_PIN_REFUSED, 1);
	rig_expect(&rig, "probe0 ask:pin ask:new set0/pin ask:new");
	assert_int_equal(rig_answer(&rig, "3333"), HC_OK);
	rig_expect(&rig, "ask:last");
	assert_int_equal(rig_answer(&rig, "yes"), HC_OK);
	assert_int_equal(rig_answer(&rig, "1111"), HC_OK);
	rig_expect(&rig, "ask:pin set0/pin");
	assert_string_equal(rig.new_pin, "3333");
	hc_fido2_machine_clear(&rig.machine);
}

/* ---- fingers ---- */

static void a_finger_that_fails_leaves_the_pin(void **state)
{
	static const struct {
		enum hc_fido2_status status;
		const char *said;
		enum hc_reason reason;
	} rows[] = {
		{HC_FIDO2_FINGER_WRONG, "wait:finger assert0/finger", HC_REASON_NONE},
		{HC_FIDO2_DENIED, "wait:finger assert0/finger", HC_REASON_NONE},
		{HC_FIDO2_FINGER_LOCKED, "ask:pin", HC_REASON_FINGERPRINT_BLOCKED},
		{HC_FIDO2_TIMED_OUT, "ask:pin", HC_REASON_NONE},
	};
	struct hc_fido2_facts facts = rig_facts();

	(void)state;
	facts.can_finger = facts.has_finger = true;
	facts.finger_tries = 3;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct rig rig;

		rig_init(&rig);
		rig_to_pin(&rig, facts);
		rig_expect(&rig, "probe0 wait:finger assert0/finger");
		rig_ends(&rig, 0, HC_FIDO2_ASSERT, rows[i].status, -1);
		if (strcmp(rig.said, rows[i].said) != 0 || rig.reason != rows[i].reason)
			fail_msg("row %zu: \"%s\", %s", i, rig.said, hc_reason_name(rig.reason));
		hc_fido2_machine_clear(&rig.machine);
	}
}

static void without_a_pin_to_fall_back_to_the_finger_was_all(void **state)
{
	static const enum hc_fido2_status statuses[] = {HC_FIDO2_FINGER_LOCKED, HC_FIDO2_TIMED_OUT};
	static const char *const said[] = {"failed:FINGERPRINT_BLOCKED", "failed:TOUCH_TIMED_OUT"};
	struct hc_fido2_facts facts = rig_facts();

	(void)state;
	facts.can_finger = facts.has_finger = true;
	facts.has_pin = false;
	facts.finger_tries = 3;
	for (size_t i = 0; i < HC_COUNT(statuses); i++) {
		struct rig rig;

		rig_init(&rig);
		rig_to_pin(&rig, facts);
		rig_expect(&rig, "probe0 wait:finger assert0/finger");
		rig_ends(&rig, 0, HC_FIDO2_ASSERT, statuses[i], -1);
		rig_expect(&rig, said[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_pin_is_sent_that_was_not_given_for_this_key),
		cmocka_unit_test(what_cannot_be_a_pin_and_what_was_refused_is_never_sent),
		cmocka_unit_test(nobody_is_asked_for_ever),
		cmocka_unit_test(the_last_try_needs_a_yes_each_time),
		cmocka_unit_test(a_key_without_tries_or_that_hides_them_is_asked_nothing),
		cmocka_unit_test(every_end_of_a_pin_has_its_word),
		cmocka_unit_test(a_refused_new_pin_does_not_use_the_last_try_up),
		cmocka_unit_test(a_finger_that_fails_leaves_the_pin),
		cmocka_unit_test(without_a_pin_to_fall_back_to_the_finger_was_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
