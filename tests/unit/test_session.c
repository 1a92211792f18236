/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations: what is asked, what is said, who is let on, and what the trail keeps of it. */
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

static void assert_refused(const struct talk *talk, enum hc_verdict verdict, enum hc_reason reason)
{
	assert_int_equal(talk->results, 1);
	assert_int_equal(talk->verdict, verdict);
	assert_int_equal(talk->reason, reason);
	assert_true(talk->text[0] != '\0');
}

static void assert_allowed(const struct talk *talk)
{
	assert_int_equal(talk->results, 1);
	assert_int_equal(talk->verdict, HC_ALLOW);
	assert_int_equal(talk->reason, HC_REASON_NONE);
	assert_string_equal(talk->text, "");
}

static void assert_trail(struct rig *rig, const char *event, const char *outcome, enum hc_reason reason)
{
	struct hc_audit_record record = rig_trail(rig, 0);

	assert_string_equal(record.event, event);
	assert_string_equal(record.outcome, outcome);
	assert_int_equal(record.reason, reason);
	rig_trail_holds(rig);
}

static void a_wrong_code_is_refused_and_asked_for_again(void **state)
{
	struct rig *rig = *state;
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	assert_int_equal(talk.steps, 1);
	assert_string_equal(talk.prompt, "Verification code: ");
	assert_int_equal(talk.step_kind, HC_STEP_SECRET);
	assert_int_equal(talk.timeout_s, 60);

	rig_answer(&talk, rig_wrong_code(rig, RIG_SEED, code));

	assert_int_equal(talk.results, 0);
	assert_int_equal(talk.steps, 2);
	assert_string_equal(talk.prompt, "Wrong code. (HC-201)\nVerification code: ");
	assert_trail(rig, "sign-in", "failure", HC_REASON_WRONG_CODE);

	rig_answer(&talk, code);
	rig_answer(&talk, code);
	assert_refused(&talk, HC_DENY, HC_REASON_WRONG_CODE);
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_DONE);
	assert_int_equal(rig_message(&talk, HC_MSG_CANCEL), HC_ERR_PROTOCOL);
	rig_end(&talk);
}

static void the_right_code_is_accepted_once(void **state)
{
	struct rig *rig = *state;
	struct hc_credential credential;
	struct hc_audit_record record;
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	credential = rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);
	talk = rig_sign_in(rig, "martin", code);
	assert_allowed(&talk);
	assert_trail(rig, "sign-in", "success", HC_REASON_NONE);
	record = rig_trail(rig, 0);
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.factor, "totp");
	assert_string_equal(record.credential, credential.id.text);
	assert_string_equal(record.service, "sshd");
	assert_string_equal(record.origin, "tty=ssh");
	assert_string_equal(record.actor, "uid 0 (root)");

	rig_begin(rig, "martin", &talk);
	rig_answer(&talk, code);
	assert_int_equal(talk.results, 0);
	assert_string_equal(
		talk.prompt,
		"This code was used already. Wait for the next one. (HC-202)\nVerification code: ");
	rig_end(&talk);
	assert_trail(rig, "sign-in", "failure", HC_REASON_CODE_ALREADY_USED);

	rig_restart(rig);
	rig_begin(rig, "martin", &talk);
	rig_answer(&talk, code);
	assert_int_equal(talk.results, 0);
	assert_trail(rig, "sign-in", "failure", HC_REASON_CODE_ALREADY_USED);
	fake_clock_pass(&rig->clock, 30000);
	rig_answer(&talk, rig_code(rig, RIG_SEED, 0, code));
	assert_allowed(&talk);
	rig_end(&talk);
}

static void of_many_conversations_with_one_code_exactly_one_passes(void **state)
{
	struct rig *rig = *state;
	static struct talk talks[8];
	unsigned allowed = 0;
	char code[16];

	rig->config.policy.free_tries = 20;
	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);
	for (size_t i = 0; i < HC_COUNT(talks); i++)
		rig_begin(rig, "martin", &talks[i]);
	for (size_t i = 0; i < HC_COUNT(talks); i++) {
		rig_answer(&talks[i], code);
		allowed += talks[i].verdict == HC_ALLOW;
	}
	assert_int_equal(allowed, 1);
	assert_int_equal(talks[0].verdict, HC_ALLOW);
	for (size_t i = 0; i < HC_COUNT(talks); i++)
		rig_end(&talks[i]);
}

static void codes_pass_within_the_window_and_never_outside(void **state)
{
	static const struct {
		int64_t ahead;
		bool passes;
	} table[] = {{-20, false}, {-3, false}, {-2, false}, {-1, true},
		     {0, true},	   {1, true},	{2, false},  {3, false}};
	struct rig *rig = *state;

	rig->config.policy.free_tries = 20;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		char login[16], code[16];

		snprintf(login, sizeof(login), "person%zu", i);
		rig_person(rig, login);
		rig_totp(rig, login, RIG_SEED, 6);
		struct talk talk = rig_sign_in(rig, login, rig_code(rig, RIG_SEED, table[i].ahead, code));

		if ((talk.verdict == HC_ALLOW && talk.results == 1) != table[i].passes)
			fail_msg("row %zu", i);
	}
}

static void an_answer_in_the_form_of_no_code_counts_against_the_conversation_only(void **state)
{
	static const char *const table[] = {
		"", "hunter2", "12345", "1234567", "12345x", "ABCD-EFGH-IJKL-MNO9", "ABCD-EFGH-IJKL-MNO"};
	struct rig *rig = *state;
	struct hc_throttle_row row;
	struct hc_person person = rig_person(rig, "martin");

	rig_totp(rig, "martin", RIG_SEED, 6);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct talk talk;

		rig_begin(rig, "martin", &talk);
		rig_answer(&talk, table[i]);
		if (strcmp(talk.prompt, "That is no code. Enter the digits that your application shows, or a"
					" recovery code. (HC-212)\nVerification code: ") != 0)
			fail_msg("row %zu: %s", i, talk.prompt);
		rig_answer(&talk, table[i]);
		rig_answer(&talk, table[i]);
		assert_refused(&talk, HC_DENY, HC_REASON_NOT_A_CODE);
		rig_end(&talk);
	}
	assert_int_equal(hc_store_throttle_get(rig->authd.store, person.id, HC_FACTOR_OTP, "", &row), HC_OK);
	assert_int_equal(row.failures, 0);
	assert_trail(rig, "sign-in", "failure", HC_REASON_NOT_A_CODE);
}

static void a_code_may_be_written_in_groups(void **state)
{
	struct rig *rig = *state;
	char code[16], grouped[32];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_code(rig, RIG_SEED, 0, code);
	snprintf(grouped, sizeof(grouped), "%.3s %.2s-%s ", code, code + 3, code + 5);
	struct talk talk = rig_sign_in(rig, "martin", grouped);

	assert_allowed(&talk);
}

static void a_recovery_code_passes_once_and_tells_how_many_are_left(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_recovery(rig, "martin", codes);
	talk = rig_sign_in(rig, "martin", codes[3]);
	assert_allowed(&talk);
	assert_int_equal(talk.infos, 1);
	assert_string_equal(talk.info, "You used a recovery code. 9 are left.");
	assert_string_equal(rig_trail(rig, 0).factor, "recovery");

	talk = rig_sign_in(rig, "martin", codes[3]);
	assert_int_equal(talk.results, 0);
	assert_int_equal(talk.infos, 0);
	assert_string_equal(talk.prompt,
			    "This recovery code was used already. Take another one from your list. (HC-213)\n"
			    "Verification code: ");
	for (size_t i = 0; i < HC_RECOVERY_CODES - 1; i++) {
		if (i == 3)
			continue;
		talk = rig_sign_in(rig, "martin", codes[i]);
		assert_allowed(&talk);
	}
	assert_string_equal(talk.info,
			    "You used a recovery code. One is left: ask the help desk for a new set soon.");
	talk = rig_sign_in(rig, "martin", codes[9]);
	assert_string_equal(talk.info, "You used your last recovery code. Ask the help desk for a new set.");
	talk = rig_sign_in(rig, "martin", codes[9]);
	assert_int_equal(talk.results, 0);
}

static void who_holds_recovery_codes_only_is_asked_for_one(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	struct talk talk;

	rig_person(rig, "martin");
	rig_recovery(rig, "martin", codes);
	rig_begin(rig, "martin", &talk);
	assert_string_equal(talk.prompt, "Recovery code: ");
	rig_answer(&talk, "123456");
	assert_string_equal(talk.prompt, "Wrong code. (HC-201)\nRecovery code: ");
	rig_answer(&talk, codes[0]);
	assert_allowed(&talk);
	rig_end(&talk);
}

static void the_silent_are_told_nothing_but_the_question(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	const struct rig_hello hello = {.user = "martin", .flags = HC_FLAG_SILENT | HC_FLAG_PROMPT_ONLY};
	struct talk talk;

	rig_person(rig, "martin");
	rig_recovery(rig, "martin", codes);
	assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
	rig_answer(&talk, "x");
	assert_null(strchr(talk.prompt, '\n'));
	rig_answer(&talk, codes[0]);
	assert_allowed(&talk);
	assert_int_equal(talk.infos, 0);
	rig_end(&talk);
}

static void french_is_spoken_to_the_french(void **state)
{
	struct rig *rig = *state;
	const struct rig_hello hello = {
		.user = "martin", .lang = "fr_FR.UTF-8", .flags = HC_FLAG_PROMPT_ONLY};
	struct talk talk;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
	assert_string_equal(talk.prompt, "Code de vérification\u00a0: ");
	rig_answer(&talk, rig_wrong_code(rig, RIG_SEED, code));
	assert_string_equal(talk.prompt, "Code incorrect. (HC-201) Code de vérification\u00a0: ");
	rig_end(&talk);
}

/* ---- who is not asked at all ---- */

static void unknown_disabled_and_expired_people_are_refused_unasked(void **state)
{
	struct rig *rig = *state;
	struct talk talk;
	struct hc_person off = rig_person(rig, "off");

	talk = rig_sign_in(rig, "nobody", NULL);
	assert_int_equal(talk.steps, 0);
	assert_refused(&talk, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON);
	assert_trail(rig, "sign-in", "failure", HC_REASON_UNKNOWN_PERSON);

	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_person_set_state(rig->authd.store, off.id, HC_PERSON_DISABLED), HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	talk = rig_sign_in(rig, "off", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_PERSON_DISABLED);
	assert_trail(rig, "sign-in", "failure", HC_REASON_PERSON_DISABLED);

	rig_temporary(rig, "early", RIG_NOW + 1, 0);
	talk = rig_sign_in(rig, "early", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_YET_VALID);
	rig_temporary(rig, "gone", 0, RIG_NOW);
	talk = rig_sign_in(rig, "gone", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_VALIDITY_OVER);
	assert_trail(rig, "sign-in", "failure", HC_REASON_VALIDITY_OVER);
}

static void who_is_disabled_after_the_question_is_refused_with_the_right_code(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct talk talk;
	char code[16];

	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_DISABLED), HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	rig_answer(&talk, rig_code(rig, RIG_SEED, 0, code));
	assert_refused(&talk, HC_DENY, HC_REASON_PERSON_DISABLED);
	rig_end(&talk);
}

static void malformed_names_are_refused_and_never_repeated(void **state)
{
	static const char *const names[] = {NULL,  "",	"Martin", "../../etc/passwd",  "0", "12345",
					    "a b", "é", "a\nb",	  "my secret password"};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		const struct rig_hello hello = {.user = names[i]};
		struct hc_audit_record record;
		struct talk talk;

		if (rig_hello(rig, &rig->root, &hello, &talk) != HC_OK || talk.verdict != HC_DENY_UNKNOWN ||
		    talk.reason != HC_REASON_NAME_MALFORMED)
			fail_msg("row %zu", i);
		record = rig_trail(rig, 0);
		assert_int_equal(record.reason, HC_REASON_NAME_MALFORMED);
		assert_string_equal(record.login, "");
		rig_end(&talk);
	}
	const struct rig_hello service = {.user = "martin", .service = "../sshd"};
	struct talk talk;

	assert_int_equal(rig_hello(rig, &rig->root, &service, &talk), HC_OK);
	assert_refused(&talk, HC_DENY, HC_REASON_SERVICE_NOT_ALLOWED);
	rig_end(&talk);
}

static void a_line_that_needs_two_factors_finds_no_method_here(void **state)
{
	struct rig *rig = *state;
	const struct rig_hello hello = {.user = "martin", .mode = HC_MODE_PRIMARY};
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
	assert_refused(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	rig_end(&talk);
}

static void who_never_enrolled_is_refused_and_graced_before_the_date_at_the_machine_only(void **state)
{
	struct rig *rig = *state;
	const struct rig_hello remote = {.user = "new", .rhost = "10.0.0.7"};
	const struct rig_hello flagged = {.user = "new", .flags = HC_FLAG_REMOTE};
	const struct rig_hello locker = {.user = "new", .service = "swaylock"};
	const struct hc_caller self = rig_user(1000, "new");
	struct hc_credential credential;
	struct talk talk;

	rig_person(rig, "new");
	talk = rig_sign_in(rig, "new", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);

	rig->config.policy.unenrolled = HC_UNENROLLED_GRACE;
	rig->config.policy.grace_until_ms = INT64_C(1800057600000); /* 2027-01-16 */
	assert_int_equal(rig_hello(rig, &rig->root, &remote, &talk), HC_OK);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
	rig_end(&talk);
	assert_int_equal(rig_hello(rig, &rig->root, &flagged, &talk), HC_OK);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
	rig_end(&talk);
	assert_int_equal(rig_hello(rig, &self, &locker, &talk), HC_OK);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
	rig_end(&talk);

	talk = rig_sign_in(rig, "new", NULL);
	assert_int_equal(talk.verdict, HC_GRACE);
	assert_non_null(strstr(talk.text, "until 2027-01-16"));
	assert_trail(rig, "sign-in", "success", HC_REASON_GRACE);

	fake_clock_set(&rig->clock, rig->config.policy.grace_until_ms);
	talk = rig_sign_in(rig, "new", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
	fake_clock_set(&rig->clock, RIG_NOW);
	talk = rig_sign_in(rig, "new", NULL); /* a clock set back does not bring it back */
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);

	credential = rig_totp(rig, "new", RIG_SEED, 6);
	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_credential_revoke(rig->authd.store, &credential.id,
						    &(const struct hc_label){"lost"}, RIG_NOW),
			 HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	talk = rig_sign_in(rig, "new", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_CREDENTIAL_REVOKED);
}

/* The refusal itself is a record with the wrong time: the newest time counts, not the last one. */
static void a_clock_set_back_reopens_no_grace_however_often_one_asks(void **state)
{
	struct rig *rig = *state;
	struct talk talk;

	rig_person(rig, "new");
	rig->config.policy.unenrolled = HC_UNENROLLED_GRACE;
	rig->config.policy.grace_until_ms = RIG_NOW + 86400000;
	fake_clock_set(&rig->clock, rig->config.policy.grace_until_ms);
	talk = rig_sign_in(rig, "new", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);

	fake_clock_set(&rig->clock, RIG_NOW);
	for (int i = 0; i < 3; i++) {
		talk = rig_sign_in(rig, "new", NULL);
		assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
	}
	rig_restart(rig); /* which records its start with the wrong time as well */
	talk = rig_sign_in(rig, "new", NULL);
	assert_refused(&talk, HC_DENY, HC_REASON_NOT_ENROLLED);
}

static void remove_person(struct rig *rig, const char *login)
{
	struct hc_msg *request = rig_request(HC_MSG_USER_REMOVE);
	struct reply reply;

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
}

static void who_was_enrolled_removed_and_added_again_has_no_grace(void **state)
{
	struct rig *rig = *state;
	struct talk talk;

	rig->config.policy.unenrolled = HC_UNENROLLED_GRACE;
	rig->config.policy.grace_until_ms = RIG_NOW + 86400000;
	rig_person(rig, "new");
	rig_person(rig, "never");
	(void)rig_totp(rig, "new", RIG_SEED, 6);
	for (int i = 0; i < 2; i++) {
		remove_person(rig, "new");
		remove_person(rig, "never");
		rig_person(rig, "new");
		rig_person(rig, "never");
		talk = rig_sign_in(rig, "new", NULL);
		assert_refused(&talk, HC_DENY, HC_REASON_CREDENTIAL_REVOKED);
		talk = rig_sign_in(rig, "never", NULL);
		assert_int_equal(talk.verdict, HC_GRACE);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_code_is_refused_and_asked_for_again),
		TEST(the_right_code_is_accepted_once),
		TEST(of_many_conversations_with_one_code_exactly_one_passes),
		TEST(codes_pass_within_the_window_and_never_outside),
		TEST(an_answer_in_the_form_of_no_code_counts_against_the_conversation_only),
		TEST(a_code_may_be_written_in_groups),
		TEST(a_recovery_code_passes_once_and_tells_how_many_are_left),
		TEST(who_holds_recovery_codes_only_is_asked_for_one),
		TEST(the_silent_are_told_nothing_but_the_question),
		TEST(french_is_spoken_to_the_french),
		TEST(unknown_disabled_and_expired_people_are_refused_unasked),
		TEST(who_is_disabled_after_the_question_is_refused_with_the_right_code),
		TEST(malformed_names_are_refused_and_never_repeated),
		TEST(a_line_that_needs_two_factors_finds_no_method_here),
		TEST(who_never_enrolled_is_refused_and_graced_before_the_date_at_the_machine_only),
		TEST(a_clock_set_back_reopens_no_grace_however_often_one_asks),
		TEST(who_was_enrolled_removed_and_added_again_has_no_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
