/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations and administration when memory runs out: the n-th allocation fails, for all n. Nobody
 * is let on who would not be otherwise, an answer is never taken for another one, and once there is
 * memory again everything is as if nothing had been tried.
 */
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "tests/support/fault.h"

enum { TRIES_MAX = 200 };

static void a_wrong_code_stays_wrong_without_memory(void **state)
{
	struct rig *rig = *state;
	char code[16];
	unsigned n = 1;

	rig->log_expected = true;
	rig->config.policy.free_tries = 20;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_wrong_code(rig, RIG_SEED, code);
	for (bool hit = true; hit; n++) {
		struct talk talk;

		rig_begin(rig, "martin", &talk);
		hc_fault_arm(HC_FAULT_MEMORY, n);
		rig_answer(&talk, code);
		hit = hc_fault_hit();
		hc_fault_disarm();
		if (talk.results == 1 && talk.verdict != HC_DENY_UNAVAILABLE)
			fail_msg("allocation %u: verdict %u", n, talk.verdict);
		if (talk.results == 0 && strstr(talk.prompt, "HC-201") == NULL)
			fail_msg("allocation %u: %s", n, talk.prompt);
		rig_end(&talk);
		assert_true(n < TRIES_MAX);
	}
	assert_true(n > 5);
	rig_trail_holds(rig);
}

/* With the right answer: let on, or not available; never refused as wrong. */
static void use_up(struct rig *rig, const char *answer)
{
	unsigned n = 1;

	for (bool hit = true; hit; n++) {
		struct talk talk;

		rig_begin(rig, "martin", &talk);
		hc_fault_arm(HC_FAULT_MEMORY, n);
		rig_answer(&talk, answer);
		hit = hc_fault_hit();
		hc_fault_disarm();
		rig_end(&talk);
		if (talk.results == 1 && talk.verdict == HC_ALLOW)
			break;
		if (talk.results != 1 || talk.verdict != HC_DENY_UNAVAILABLE)
			fail_msg("allocation %u: verdict %u reason %u", n, talk.verdict, talk.reason);
		assert_true(hit && n < TRIES_MAX);
	}
	assert_true(n > 5);
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
	rig_trail_holds(rig);
}

static void the_right_code_is_neither_refused_nor_lost_without_memory(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	char code[16];

	rig->log_expected = true;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_recovery(rig, "martin", codes);
	use_up(rig, rig_code(rig, RIG_SEED, 0, code));
	use_up(rig, codes[0]);
}

static void a_session_without_memory_is_none(void **state)
{
	struct rig *rig = *state;
	unsigned n = 1;

	for (bool hit = true; hit; n++) {
		HC_AUTO(session) session = NULL;
		enum hc_err err;

		hc_fault_arm(HC_FAULT_MEMORY, n);
		err = hc_session_new(&rig->authd, &rig->root, NULL, NULL, &session);
		hit = hc_fault_hit();
		hc_fault_disarm();
		assert_int_equal(err, hit ? HC_ERR_NOMEM : HC_OK);
		assert_true((session == NULL) == hit);
	}
	assert_true(n > 2);
}

/* One request with the n-th allocation failing; whether one failed. ret_reply only where it came to an END. */
static bool starved(struct rig *rig, struct hc_msg *request, unsigned n, enum hc_err *ret_err,
		    unsigned *ret_rows)
{
	static struct hc_msg out;
	HC_AUTO(admin_job) job = NULL;
	bool done = false, ready = false;
	uint32_t wire = HC_ERR_MAX_;
	bool hit;

	*ret_rows = 0;
	hc_fault_arm(HC_FAULT_MEMORY, n);
	enum hc_err err = hc_admin_start(&rig->authd, &rig->admin, request, &job);

	while (err == HC_OK && !done) {
		err = hc_admin_next(job, &out, &ready, &done);
		*ret_rows += ready && !done;
	}
	hit = hc_fault_hit();
	hc_fault_disarm();
	if (err == HC_OK)
		assert_int_equal(hc_msg_u32(&out, HC_FIELD_ERR, &wire), HC_OK);
	*ret_err = err == HC_OK ? (enum hc_err)wire : err;
	return hit;
}

static size_t held(struct rig *rig, int64_t person_id)
{
	static struct hc_credential all[256];
	size_t count;

	assert_int_equal(
		hc_store_credential_list(rig->authd.store, person_id, true, HC_COUNT(all), all, &count),
		HC_OK);
	return count;
}

static void an_enrolment_without_memory_enrols_nothing(void **state)
{
	static const enum hc_msg_type types[] = {HC_MSG_ENROLL_OTP, HC_MSG_ENROLL_RECOVERY};
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");

	rig->log_expected = true;
	for (size_t i = 0; i < HC_COUNT(types); i++) {
		HC_AUTO(msg) request = rig_request(types[i]);
		size_t before = held(rig, person.id);
		bool hit = true;

		hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
		assert_int_equal(hc_msg_finish(request), HC_OK);
		assert_int_equal(hc_msg_parse(request, request->len), HC_OK);
		for (unsigned n = 1; hit; n++) {
			enum hc_err err;
			unsigned rows;

			hit = starved(rig, request, n, &err, &rows);
			size_t after = held(rig, person.id);

			/* Enrolled and shown, or neither. */
			if (err == HC_OK ? after == before || rows == 0 : after != before || rows != 0)
				fail_msg("type %zu allocation %u: %d, %zu held", i, n, (int)err, after);
			if (err != HC_OK && !hit)
				fail_msg("type %zu: %d without a fault", i, (int)err);
			before = after;
			assert_true(n < TRIES_MAX);
		}
	}
	rig_trail_holds(rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_code_stays_wrong_without_memory),
		TEST(the_right_code_is_neither_refused_nor_lost_without_memory),
		TEST(a_session_without_memory_is_none),
		TEST(an_enrolment_without_memory_enrols_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
