/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of a security key, judged over a store that fails: at each of its calls in turn. Nobody is let on, a right
 * answer is not used up by the failure, and a wrong one is not forgotten.
 */
#include "session_device_support.h"

#include "failing_store.h"

enum { FAIL_MAX = 64 };

static const enum hc_err ERRORS[] = {HC_ERR_IO, HC_ERR_FULL, HC_ERR_CORRUPT, HC_ERR_NOMEM};

static bool is_trouble(uint32_t reason)
{
	return reason == HC_REASON_STORE_UNREADABLE || reason == HC_REASON_STORE_NOT_WRITABLE ||
	       reason == HC_REASON_INTERNAL;
}

/* Lets every call of one judgement fail in turn; what the last one, in which nothing failed, came to. */
static struct talk fail_each_call(struct rig *rig, const struct key *key, const struct given *given,
				  enum hc_err err, int *ret_calls)
{
	for (int n = 1; n < FAIL_MAX; n++) {
		struct link link;
		struct talk talk = {.session = NULL};

		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		arm(n, err);
		give(&talk, key, given);
		disarm();
		const char *failed = fault.failed;

		rig_end(&talk);
		if (failed == NULL) {
			*ret_calls = n - 1;
			return talk;
		}
		if (talk.results != 1 || talk.verdict != HC_DENY_UNAVAILABLE || !is_trouble(talk.reason))
			fail_msg("call %d (%s): %u results, verdict %x reason %u", n, failed, talk.results,
				 talk.verdict, talk.reason);
	}
	fail_msg("more than %d calls", FAIL_MAX);
	return (struct talk){.session = NULL};
}

static void no_failing_call_lets_a_wrong_answer_on_or_forgets_it(void **state)
{
	const struct given bent = {.flags = TWO_FACTORS, .counter = 7, .bent = true};
	struct rig *rig = *state;
	struct key key;
	int calls = 0;

	rig->config.policy.free_tries = 200; /* what was counted before the call that failed stays counted */
	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(ERRORS); i++) {
		const int64_t before = rig_trail_len(rig);
		const struct talk talk = fail_each_call(rig, &key, &bent, ERRORS[i], &calls);

		assert_in_range(calls, 5, FAIL_MAX - 1);
		assert_int_equal(talk.verdict, HC_DENY);
		assert_int_equal(talk.reason, HC_REASON_SIGNATURE_INVALID);
		assert_true(rig_trail_len(rig) > before);
		assert_string_equal(rig_trail(rig, 0).outcome, "failure");
		assert_int_equal(rig_credential(rig, &key.credential.id).counter, 0);
	}
	rig_trail_holds(rig);
}

static void no_failing_call_lets_a_right_answer_on_or_uses_its_counter_up(void **state)
{
	struct rig *rig = *state;
	struct key key;
	int calls = 0;

	martin_with(rig, &key);
	for (size_t i = 0; i < HC_COUNT(ERRORS); i++) {
		/* The same counter each time: the last round, in which nothing fails, must find it unused. */
		const struct given right = {.flags = TWO_FACTORS, .counter = (uint32_t)(7 + i)};
		const struct talk talk = fail_each_call(rig, &key, &right, ERRORS[i], &calls);

		assert_in_range(calls, 5, FAIL_MAX - 1);
		assert_int_equal(talk.verdict, HC_ALLOW);
		assert_string_equal(rig_trail(rig, 0).outcome, "success");
		assert_int_equal(rig_credential(rig, &key.credential.id).counter, 7 + i);
	}
	rig_trail_holds(rig);
}

/* As if another conversation had used this very counter between the look and the write. */
static void a_counter_that_another_sign_in_used_meanwhile_is_refused(void **state)
{
	const struct given right = {.flags = TWO_FACTORS, .counter = 7};
	struct rig *rig = *state;
	struct key key;
	bool met = false;

	rig->config.policy.free_tries = 40;
	martin_with(rig, &key);
	for (int n = 1; n < FAIL_MAX && !met; n++) {
		struct link link;
		struct talk talk = {.session = NULL};

		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		arm(n, HC_ERR_STATE);
		give(&talk, &key, &right);
		disarm();
		met = fault.failed != NULL && strcmp(fault.failed, "hc_store_key_consume") == 0;
		rig_end(&talk);
		assert_true(fault.failed != NULL);
		assert_int_not_equal(talk.verdict, HC_ALLOW);
		if (met)
			assert_int_equal(talk.reason, HC_REASON_COUNTER_NOT_ADVANCED);
	}
	assert_true(met);
	assert_string_equal(rig_trail(rig, 0).outcome, "failure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_failing_call_lets_a_wrong_answer_on_or_forgets_it),
		TEST(no_failing_call_lets_a_right_answer_on_or_uses_its_counter_up),
		TEST(a_counter_that_another_sign_in_used_meanwhile_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
