/* SPDX-License-Identifier: Apache-2.0 */
/* TOTP and HOTP against the store: windows, drift, use once, several devices. */
#include "factor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

/* Verifies in a transaction of its own, committed on success as a session does. */
static struct hc_factor_outcome verify(struct rig *rig, const struct hc_person *person, const char *answer)
{
	HC_AUTO(secret) secret = NULL;
	struct hc_factor_outcome outcome;

	assert_int_equal(hc_secret_from(answer, strlen(answer), &secret), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	hc_factor_otp.verify(&rig->authd, person, secret, &outcome);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	return outcome;
}

static bool passes(struct rig *rig, const struct hc_person *person, int64_t ahead)
{
	char code[16];

	return verify(rig, person, rig_code(rig, RIG_SEED, ahead, code)).result == HC_FACTOR_VERIFIED;
}

static void who_holds_nothing_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_factor_outcome outcome = verify(rig, &person, "123456");

	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, HC_REASON_WRONG_CODE);
}

static void another_persons_code_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person martin = rig_person(rig, "martin"), durand = rig_person(rig, "durand");

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_totp(rig, "durand", RIG_SEED_2, 6);
	assert_false(passes(rig, &durand, 0));
	assert_true(passes(rig, &martin, 0));
}

static void a_secret_moved_to_another_person_does_not_open(void **state)
{
	struct rig *rig = *state;
	struct hc_person durand;
	struct hc_credential credential;

	rig->log_expected = true;
	rig_person(rig, "martin");
	durand = rig_person(rig, "durand");
	credential = rig_totp(rig, "martin", RIG_SEED, 6);
	credential.person_id = durand.id;
	memcpy(credential.id.text, "aaaaaaaaaaaa", HC_CREDENTIAL_ID_LEN);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_credential_add(rig->authd.store, &credential), HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	char code[16];
	struct hc_factor_outcome outcome = verify(rig, &durand, rig_code(rig, RIG_SEED, 0, code));

	assert_int_equal(outcome.result, HC_FACTOR_BROKEN);
	assert_int_equal(outcome.reason, HC_REASON_SECRET_NOT_READABLE);
}

static void a_device_that_does_not_open_does_not_stop_wrong_codes_from_counting(void **state)
{
	struct rig *rig = *state;
	struct hc_person person;
	struct hc_credential foreign;
	char code[16];

	rig->log_expected = true;
	rig_person(rig, "other");
	foreign = rig_totp(rig, "other", RIG_SEED_2, 6);
	person = rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	foreign.person_id = person.id;
	memcpy(foreign.id.text, "aaaaaaaaaaaa", HC_CREDENTIAL_ID_LEN);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_credential_add(rig->authd.store, &foreign), HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);

	struct hc_factor_outcome outcome = verify(rig, &person, rig_wrong_code(rig, RIG_SEED, code));

	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, HC_REASON_WRONG_CODE);
	assert_true(passes(rig, &person, 0));
}

static void drift_is_learned_step_by_step_and_bounded(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential credential = rig_totp(rig, "martin", RIG_SEED, 6);

	for (int64_t ahead = 1; ahead <= 21; ahead++) {
		if (passes(rig, &person, ahead + 1))
			fail_msg("%d steps ahead", (int)ahead + 1);
		if (!passes(rig, &person, ahead))
			fail_msg("%d steps ahead", (int)ahead);
		credential = rig_credential(rig, &credential.id);
		assert_int_equal(credential.drift_steps, ahead < 20 ? ahead : 20);
		assert_int_equal(credential.last_step, hc_now_ms(rig->authd.clock) / 30000 + ahead);
		fake_clock_pass(&rig->clock, 60000);
	}
	assert_false(passes(rig, &person, 22));
	assert_false(passes(rig, &person, 0));
	fake_clock_pass(&rig->clock, 30000);
	assert_true(passes(rig, &person, 19));
}

static void a_device_that_falls_behind_is_followed_too(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential credential = rig_totp(rig, "martin", RIG_SEED, 6);

	for (int64_t behind = 1; behind <= 21; behind++) {
		if (passes(rig, &person, -behind - 1) || !passes(rig, &person, -behind))
			fail_msg("%d steps behind", (int)behind);
		assert_int_equal(rig_credential(rig, &credential.id).drift_steps,
				 behind < 20 ? -behind : -20);
		fake_clock_pass(&rig->clock, 60000);
	}
	assert_false(passes(rig, &person, -22));
}

static void a_drift_learned_under_a_wider_rule_is_cut(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");

	rig_totp(rig, "martin", RIG_SEED, 6);
	for (int64_t ahead = 1; ahead <= 5; ahead++) {
		assert_true(passes(rig, &person, ahead));
		fake_clock_pass(&rig->clock, 60000);
	}
	rig->config.otp.totp_drift_max = 0;
	fake_clock_pass(&rig->clock, 90000);
	assert_false(passes(rig, &person, 5));
	assert_true(passes(rig, &person, 1));
}

static void a_step_before_the_last_one_is_used_up(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_factor_outcome outcome;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_true(passes(rig, &person, 1));
	outcome = verify(rig, &person, rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, HC_REASON_CODE_ALREADY_USED);
	fake_clock_set(&rig->clock, RIG_NOW - 30000);
	outcome = verify(rig, &person, rig_code(rig, RIG_SEED, 2, code)); /* the same step as before */
	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, HC_REASON_CODE_ALREADY_USED);
}

static void nothing_is_consumed_when_the_transaction_is_rolled_back(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	HC_AUTO(secret) secret = NULL;
	struct hc_factor_outcome outcome;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(hc_secret_from(rig_code(rig, RIG_SEED, 0, code), 6, &secret), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	hc_factor_otp.verify(&rig->authd, &person, secret, &outcome);
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	hc_tx_rollback(&rig->authd);
	assert_true(passes(rig, &person, 0));
}

static void each_of_several_devices_passes(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential first = rig_totp(rig, "martin", RIG_SEED, 6), second, third;
	struct hc_factor_outcome outcome;
	char code[16];

	second = rig_totp(rig, "martin", RIG_SEED_2, 6);
	third = rig_hotp(rig, "martin", "HOTPHOTPHOTPHOTPHOTP");
	outcome = verify(rig, &person, rig_code(rig, RIG_SEED_2, 0, code));
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_string_equal(outcome.credential.text, second.id.text);
	outcome = verify(rig, &person, rig_hotp_code("HOTPHOTPHOTPHOTPHOTP", 4, code));
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_string_equal(outcome.credential.text, third.id.text);
	outcome = verify(rig, &person, rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_string_equal(outcome.credential.text, first.id.text);
}

static void pending_and_revoked_devices_are_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_otp_request request = {
		.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30};
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) uri = NULL;
	struct hc_credential credential;

	assert_int_equal(hc_secret_from(RIG_SEED, strlen(RIG_SEED), &seed), HC_OK);
	request.seed = seed;
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_otp_enroll(&rig->authd, &person, &request, &credential, &uri), HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	assert_false(passes(rig, &person, 0));
	credential = rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_credential_revoke(rig->authd.store, &credential.id,
						    &(const struct hc_label){"lost"}, RIG_NOW),
			 HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	assert_false(passes(rig, &person, 0));
}

static void hotp_counters_pass_ahead_within_the_window_and_never_again(void **state)
{
	static const struct {
		int64_t counter;
		enum hc_factor_result result;
		enum hc_reason reason;
	} table[] = {
		{11, HC_FACTOR_REFUSED, HC_REASON_WRONG_CODE},
		{10, HC_FACTOR_VERIFIED, HC_REASON_NONE},
		{10, HC_FACTOR_REFUSED, HC_REASON_CODE_ALREADY_USED},
		{3, HC_FACTOR_REFUSED, HC_REASON_CODE_ALREADY_USED},
		{22, HC_FACTOR_REFUSED, HC_REASON_WRONG_CODE},
		{11, HC_FACTOR_VERIFIED, HC_REASON_NONE},
		{22, HC_FACTOR_VERIFIED, HC_REASON_NONE},
	};
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential credential = rig_hotp(rig, "martin", RIG_SEED);

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		char code[16];
		struct hc_factor_outcome outcome =
			verify(rig, &person, rig_hotp_code(RIG_SEED, table[i].counter, code));

		if (outcome.result != table[i].result ||
		    (table[i].reason != 0 && outcome.reason != table[i].reason))
			fail_msg("row %zu: %d %d", i, (int)outcome.result, (int)outcome.reason);
	}
	assert_int_equal(rig_credential(rig, &credential.id).counter, 23);
}

static void a_clock_before_1970_passes_nothing(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	char code[16];

	rig->log_expected = true;
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);
	fake_clock_set(&rig->clock, -30000);
	assert_int_not_equal(verify(rig, &person, code).result, HC_FACTOR_VERIFIED);
	fake_clock_set(&rig->clock, 0);
	assert_true(passes(rig, &person, 0));
}

static void answers_have_the_form_of_a_code_or_not(void **state)
{
	static const struct {
		const char *answer;
		bool matches;
	} table[] = {{"", false},	 {"12345", false},	 {"1234567", false},  {"123456789", false},
		     {"12345a", false},	 {"12 34 56", true},	 {"1234-5678", true}, {"\t123456 ", true},
		     {"123.456", false}, {"１２３４５６", false}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) secret = NULL;

		assert_int_equal(hc_secret_from(table[i].answer, strlen(table[i].answer), &secret), HC_OK);
		if (hc_factor_otp.matches(secret) != table[i].matches)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_holds_nothing_is_refused),
		TEST(another_persons_code_is_refused),
		TEST(a_secret_moved_to_another_person_does_not_open),
		TEST(a_device_that_does_not_open_does_not_stop_wrong_codes_from_counting),
		TEST(drift_is_learned_step_by_step_and_bounded),
		TEST(a_device_that_falls_behind_is_followed_too),
		TEST(a_drift_learned_under_a_wider_rule_is_cut),
		TEST(a_step_before_the_last_one_is_used_up),
		TEST(nothing_is_consumed_when_the_transaction_is_rolled_back),
		TEST(each_of_several_devices_passes),
		TEST(pending_and_revoked_devices_are_refused),
		TEST(hotp_counters_pass_ahead_within_the_window_and_never_again),
		TEST(a_clock_before_1970_passes_nothing),
		cmocka_unit_test(answers_have_the_form_of_a_code_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
