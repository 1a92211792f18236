/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of hc-fido2 from start to end: which key is used, and when it is over. */
#include "fido2_support.h"

/* ---- which key ---- */

static void a_foreign_key_is_asked_nothing_and_another_one_waited_for(void **state)
{
	struct hc_fido2_facts foreign = rig_facts();
	struct rig rig;

	(void)state;
	foreign.holds = false;
	rig_init(&rig);
	rig_to_pin(&rig, foreign);
	rig_expect(&rig, "probe0 release0 wait:insert");
	assert_int_equal(rig.reason, HC_REASON_KEY_NOT_REGISTERED);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_expect(&rig, ""); /* said once */
	hc_fido2_arrived(&rig.machine, 3, "Late", rig.now_ms);
	rig_probed(&rig, 3, rig_facts());
	rig_expect(&rig, "probe3 release0 ask:pin");
	hc_fido2_machine_clear(&rig.machine);
}

static void hidden_credentials_make_a_key_possible_but_never_before_a_sure_one(void **state)
{
	struct hc_fido2_facts unsure = rig_facts();
	struct rig rig;

	(void)state;
	unsure.holds = false;
	rig_init(&rig);
	rig.request.flags |= HC_DEVICE_FLAG_HIDDEN;
	rig_to_pin(&rig, unsure);
	rig_expect(&rig, "probe0 ask:pin");
	rig_init(&rig);
	rig.request.flags |= HC_DEVICE_FLAG_HIDDEN;
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Key", rig.now_ms);
	rig_probed(&rig, 0, unsure);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_expect(&rig, "probe0 probe1");
	rig_probed(&rig, 1, rig_facts());
	rig_expect(&rig, "release0 ask:pin");
	assert_int_equal(rig.machine.chosen, 1);
	hc_fido2_machine_clear(&rig.machine);
}

static void of_several_keys_the_touched_one_is_asked_for_its_pin(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	for (unsigned i = 0; i < 3; i++)
		hc_fido2_arrived(&rig.machine, i, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	for (unsigned i = 0; i < 3; i++)
		rig_probed(&rig, i, rig_facts());
	rig_expect(&rig, "probe0 probe1 probe2 wait:touch select0 select1 select2");
	rig_ends(&rig, 1, HC_FIDO2_SELECT, HC_FIDO2_OK, -1);
	rig_expect(&rig, "cancel0 release0 cancel2 release2 ask:pin");
	assert_int_equal(rig.machine.chosen, 1);
	/* what the losers still say changes nothing */
	rig_ends(&rig, 0, HC_FIDO2_SELECT, HC_FIDO2_CANCELLED, -1);
	rig_ends(&rig, 2, HC_FIDO2_SELECT, HC_FIDO2_OK, -1);
	rig_expect(&rig, "");
	hc_fido2_machine_clear(&rig.machine);
}

static void where_a_touch_is_all_the_touch_is_the_answer(void **state)
{
	struct hc_fido2_facts always = rig_facts();
	struct rig rig;

	(void)state;
	always.always_verify = true;
	rig_init(&rig);
	rig.request.flags = HC_DEVICE_FLAG_UP;
	rig_begin(&rig);
	for (unsigned i = 0; i < 3; i++)
		hc_fido2_arrived(&rig.machine, i, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_probed(&rig, 1, rig_facts());
	rig_probed(&rig, 2, always);
	rig_expect(&rig, "probe0 probe1 probe2 wait:touch assert0 assert1 select2");
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_TIMED_OUT, -1);
	rig_expect(&rig, "assert0"); /* by its own, shorter clock */
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_GONE, -1);
	rig_expect(&rig, "release0");
	rig_ends(&rig, 1, HC_FIDO2_ASSERT, HC_FIDO2_OK, -1);
	rig_expect(&rig, "release0 cancel2 release2 done");
	hc_fido2_machine_clear(&rig.machine);
}

static void the_last_racer_that_leaves_means_waiting_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_probed(&rig, 1, rig_facts());
	hc_fido2_gone(&rig.machine, 0, rig.now_ms);
	rig_expect(&rig, "probe0 probe1 wait:touch select0 select1");
	hc_fido2_gone(&rig.machine, 1, rig.now_ms);
	rig_expect(&rig, "wait:insert");
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_expect(&rig, "probe0 ask:pin");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_slow_key_is_not_waited_for_once_another_fits(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Slow", rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_probed(&rig, 1, rig_facts());
	rig_expect(&rig, "probe0 probe1");
	assert_int_equal(hc_fido2_wake_ms(&rig.machine), rig.now_ms + HC_FIDO2_GATHER_MS);
	rig_after(&rig, HC_FIDO2_GATHER_MS);
	rig_expect(&rig, "cancel0 release0 ask:pin");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_key_that_cannot_be_opened_is_tried_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_ends(&rig, 0, HC_FIDO2_PROBE, HC_FIDO2_FAILED, -1);
	rig_expect(&rig, "probe0 release0 wait:insert");
	assert_int_equal(rig.reason, HC_REASON_DEVICE_ERROR);
	rig_after(&rig, HC_FIDO2_RETRY_MS - 1);
	rig_expect(&rig, "");
	rig_after(&rig, 1);
	rig_expect(&rig, "probe0");
	/* while it is opened, nothing keeps the loop awake for nothing */
	rig_after(&rig, HC_FIDO2_GATHER_MS);
	rig_expect(&rig, "wait:working");
	assert_true(hc_fido2_wake_ms(&rig.machine) > rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_expect(&rig, "ask:pin");
	hc_fido2_machine_clear(&rig.machine);
}

/* ---- the end ---- */

static void nothing_comes_out_behind_the_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	hc_fido2_cancelled(&rig.machine);
	rig_expect(&rig, "probe0 ask:pin failed:CANCELLED");
	hc_fido2_cancelled(&rig.machine);
	assert_int_equal(rig_answer(&rig, "1234"), HC_ERR_PROTOCOL);
	hc_fido2_gone(&rig.machine, 0, rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_OK, -1);
	rig_probed(&rig, 1, rig_facts());
	rig_after(&rig, 100000);
	rig_expect(&rig, "");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_key_that_is_pulled_out_ends_it(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	hc_fido2_gone(&rig.machine, 0, rig.now_ms);
	rig_expect(&rig, "probe0 ask:pin failed:DEVICE_REMOVED");

	for (int present = 0; present < 2; present++) {
		rig_init(&rig);
		rig_to_pin(&rig, rig_facts());
		assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
		rig_expect(&rig, "probe0 ask:pin assert0/pin");
		rig.present = present != 0;
		rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_GONE, -1);
		rig_expect(&rig, present != 0 ? "" : "failed:DEVICE_REMOVED");
		rig_after(&rig, HC_FIDO2_LEAVE_MS); /* still there: it is broken */
		rig_expect(&rig, present != 0 ? "failed:DEVICE_ERROR" : "");
		hc_fido2_machine_clear(&rig.machine);
	}
}

static void every_wait_ends(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig); /* for a key */
	rig_begin(&rig);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_after(&rig, 60000);
	rig_expect(&rig, "wait:insert failed:NO_DEVICE");

	rig_init(&rig); /* for an answer */
	rig_to_pin(&rig, rig_facts());
	rig_after(&rig, 60000);
	rig_expect(&rig, "probe0 ask:pin failed:TIMED_OUT");

	rig_init(&rig); /* for a touch: the key is told, and may be deaf */
	rig_to_pin(&rig, rig_facts());
	assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
	rig_after(&rig, HC_FIDO2_CUE_MS);
	rig_expect(&rig, "probe0 ask:pin assert0/pin wait:touch");
	rig_after(&rig, HC_FIDO2_TOUCH_MS);
	rig_expect(&rig, "cancel0");
	rig_after(&rig, HC_FIDO2_LEAVE_MS);
	rig_expect(&rig, "failed:TOUCH_TIMED_OUT");
	hc_fido2_machine_clear(&rig.machine);

	rig_init(&rig); /* for one of several */
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Key", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_probed(&rig, 1, rig_facts());
	rig_expect(&rig, "probe0 probe1 wait:touch select0 select1");
	rig_after(&rig, HC_FIDO2_TOUCH_MS);
	rig_expect(&rig, "failed:TOUCH_TIMED_OUT");
}

static void a_wrong_pin_shows_no_cue_for_a_touch(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	assert_int_equal(rig_answer(&rig, "9999"), HC_OK);
	rig_after(&rig, HC_FIDO2_CUE_MS - 1);
	rig_ends(&rig, 0, HC_FIDO2_ASSERT, HC_FIDO2_PIN_WRONG, 7);
	rig_after(&rig, 10000);
	rig_expect(&rig, "probe0 ask:pin assert0/pin ask:pin");
	hc_fido2_machine_clear(&rig.machine);
}

/* ---- accounts, PINs to set, lists ---- */

static void of_several_accounts_one_is_chosen_by_its_number(void **state)
{
	static const char *const wrong[] = {"0", "3", "", "x", "1x", "-1", "18446744073709551617"};
	struct rig rig;

	(void)state;
	for (size_t i = 0; i <= HC_COUNT(wrong); i++) {
		struct hc_fido2_outcome outcome = {.account_count = 2};

		rig_init(&rig);
		rig.request.credential_count = rig.request.groups[0].count = 0;
		rig_to_pin(&rig, rig_facts());
		assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
		outcome.accounts = calloc(2, sizeof(*outcome.accounts));
		assert_non_null(outcome.accounts);
		rig_finish(&rig, 0, HC_FIDO2_ASSERT, outcome);
		rig_expect(&rig, "probe0 ask:pin assert0/pin ask:choice");
		assert_int_equal(rig.choices, 2);
		hc_fido2_gone(&rig.machine, 0, rig.now_ms); /* it has answered */
		if (i < HC_COUNT(wrong)) {
			assert_int_equal(rig_answer(&rig, wrong[i]), HC_ERR_PROTOCOL);
			rig_expect(&rig, "");
		} else {
			assert_int_equal(rig_answer(&rig, "2"), HC_OK);
			rig_expect(&rig, "done");
			assert_int_equal(rig.chosen, 1);
		}
		hc_fido2_machine_clear(&rig.machine);
	}
}

static void several_assertions_to_a_list_are_no_choice(void **state)
{
	struct hc_fido2_outcome outcome = {.account_count = 2};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_to_pin(&rig, rig_facts());
	assert_int_equal(rig_answer(&rig, "1234"), HC_OK);
	outcome.accounts = calloc(2, sizeof(*outcome.accounts));
	assert_non_null(outcome.accounts);
	rig_finish(&rig, 0, HC_FIDO2_ASSERT, outcome);
	rig_expect(&rig, "probe0 ask:pin assert0/pin done");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_new_pin_is_long_enough_and_kept_while_the_old_one_is_asked_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.request.operation = HC_DEVICE_SET_PIN;
	rig.request.pin_min = 6;
	rig_to_pin(&rig, rig_facts());
	assert_int_equal(rig_answer(&rig, "1111"), HC_OK);
	assert_int_equal(rig_answer(&rig, "12345"), HC_OK);
	rig_expect(&rig, "probe0 ask:pin ask:new ask:new");
	assert_int_equal(rig.reason, HC_REASON_PIN_NOT_ACCEPTED);
	assert_int_equal(rig_answer(&rig, "123456"), HC_OK);
	rig_expect(&rig, "set0/pin");
	assert_string_equal(rig.pin, "1111");
	assert_string_equal(rig.new_pin, "123456");
	rig_ends(&rig, 0, HC_FIDO2_SET_PIN, HC_FIDO2_PIN_WRONG, 7);
	assert_int_equal(rig_answer(&rig, "2222"), HC_OK);
	rig_expect(&rig, "ask:pin set0/pin");
	assert_string_equal(rig.new_pin, "123456");
	rig_ends(&rig, 0, HC_FIDO2_SET_PIN, HC_FIDO2_PIN_REFUSED, -1);
	rig_expect(&rig, "ask:new");
	assert_int_equal(rig_answer(&rig, "654321"), HC_OK);
	rig_ends(&rig, 0, HC_FIDO2_SET_PIN, HC_FIDO2_OK, -1);
	rig_expect(&rig, "set0/pin done");
	hc_fido2_machine_clear(&rig.machine);
}

static void a_list_waits_for_slow_keys_and_then_names_them(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.request.operation = HC_DEVICE_LIST;
	rig_begin(&rig);
	hc_fido2_arrived(&rig.machine, 0, "Key", rig.now_ms);
	hc_fido2_arrived(&rig.machine, 1, "Slow", rig.now_ms);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_probed(&rig, 0, rig_facts());
	rig_after(&rig, HC_FIDO2_GATHER_MS);
	rig_expect(&rig, "probe0 probe1");
	rig_after(&rig, 4 * HC_FIDO2_GATHER_MS);
	rig_expect(&rig, "item0 item1! done");

	rig_init(&rig);
	rig.request.operation = HC_DEVICE_LIST;
	rig_begin(&rig);
	hc_fido2_scanned(&rig.machine, rig.now_ms);
	rig_expect(&rig, "done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_foreign_key_is_asked_nothing_and_another_one_waited_for),
		cmocka_unit_test(hidden_credentials_make_a_key_possible_but_never_before_a_sure_one),
		cmocka_unit_test(of_several_keys_the_touched_one_is_asked_for_its_pin),
		cmocka_unit_test(where_a_touch_is_all_the_touch_is_the_answer),
		cmocka_unit_test(the_last_racer_that_leaves_means_waiting_again),
		cmocka_unit_test(a_slow_key_is_not_waited_for_once_another_fits),
		cmocka_unit_test(a_key_that_cannot_be_opened_is_tried_again),
		cmocka_unit_test(nothing_comes_out_behind_the_end),
		cmocka_unit_test(a_key_that_is_pulled_out_ends_it),
		cmocka_unit_test(every_wait_ends),
		cmocka_unit_test(a_wrong_pin_shows_no_cue_for_a_touch),
		cmocka_unit_test(of_several_accounts_one_is_chosen_by_its_number),
		cmocka_unit_test(several_assertions_to_a_list_are_no_choice),
		cmocka_unit_test(a_new_pin_is_long_enough_and_kept_while_the_old_one_is_asked_again),
		cmocka_unit_test(a_list_waits_for_slow_keys_and_then_names_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
