/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations that end otherwise: cancelled, timed out, abandoned, against the protocol; account and sessions. */
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

/* ---- ends that the caller makes ---- */

static void cancelling_a_question_refuses_and_is_recorded(void **state)
{
	struct rig *rig = *state;
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	assert_int_equal(rig_message(&talk, HC_MSG_CANCEL), HC_OK);
	assert_int_equal(talk.verdict, HC_DENY);
	assert_int_equal(talk.reason, HC_REASON_CANCELLED);
	assert_string_equal(rig_trail(rig, 0).login, "martin");
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_CANCELLED);
	hc_session_timeout(talk.session);
	hc_session_closed(talk.session);
	assert_int_equal(rig_trail_len(rig), 1);
	rig_end(&talk);
}

static void a_question_without_an_answer_times_out_and_is_recorded(void **state)
{
	struct rig *rig = *state;
	const struct rig_hello hasty = {.user = "martin", .timeout_s = 5};
	const struct rig_hello patient = {.user = "martin", .timeout_s = 3600};
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(rig_hello(rig, &rig->root, &patient, &talk), HC_OK);
	assert_int_equal(hc_session_deadline_ms(talk.session), rig->clock.monotonic_ms + 60000);
	rig_end(&talk);
	assert_int_equal(rig_hello(rig, &rig->root, &hasty, &talk), HC_OK);
	assert_int_equal(talk.timeout_s, 5);
	assert_int_equal(hc_session_deadline_ms(talk.session), rig->clock.monotonic_ms + 5000);
	fake_clock_pass(&rig->clock, 5000);
	hc_session_timeout(talk.session);
	assert_int_equal(talk.verdict, HC_DENY);
	assert_int_equal(talk.reason, HC_REASON_TIMED_OUT);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_TIMED_OUT);
	assert_int_equal(hc_session_deadline_ms(talk.session), INT64_MAX);
	rig_end(&talk);
}

static void an_abandoned_question_is_recorded(void **state)
{
	struct rig *rig = *state;
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	hc_session_closed(talk.session);
	assert_int_equal(talk.results, 0);
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_DONE);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_CANCELLED);
	assert_string_equal(rig_trail(rig, 0).detail, "abandoned by the caller");
	rig_end(&talk);
}

/* ---- against the protocol ---- */

static void put_hello(struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, "sshd");
	hc_msg_put_text(msg, HC_FIELD_USER, "martin");
}

static void no_request(struct hc_msg *msg)
{
	put_hello(msg);
}
static void unknown_request(struct hc_msg *msg)
{
	put_hello(msg);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, 5);
}
static void no_service(struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_ACCOUNT);
	hc_msg_put_text(msg, HC_FIELD_USER, "martin");
}
static void no_mode(struct hc_msg *msg)
{
	put_hello(msg);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, HC_METHOD_ALL);
}
static void no_methods(struct hc_msg *msg)
{
	put_hello(msg);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(msg, HC_FIELD_MODE, HC_MODE_SECOND_FACTOR);
}
static void unknown_method(struct hc_msg *msg)
{
	no_methods(msg);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, 0x10);
}
static void unknown_mode(struct hc_msg *msg)
{
	no_mode(msg);
	hc_msg_put_u32(msg, HC_FIELD_MODE, 3);
}
static void unknown_flag(struct hc_msg *msg)
{
	put_hello(msg);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_ACCOUNT);
	hc_msg_put_u32(msg, HC_FIELD_FLAGS, 8);
}
static void foreign_field(struct hc_msg *msg)
{
	put_hello(msg);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_ACCOUNT);
	hc_msg_put_u32(msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
}
static void answer_first(struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, "123456", 6);
}
static void own_result(struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_RESULT);
	hc_msg_put_u32(msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
}

static void count_emit(struct hc_msg *msg, void *ctx)
{
	unsigned *sent = ctx;

	(void)msg;
	(*sent)++;
}

static void what_breaks_the_protocol_gets_no_answer(void **state)
{
	static void (*const table[])(struct hc_msg *) = {
		no_request,   unknown_request, no_service,    no_mode,	    no_methods, unknown_method,
		unknown_mode, unknown_flag,    foreign_field, answer_first, own_result,
	};
	struct rig *rig = *state;
	HC_AUTO(msg) msg = NULL;

	rig_person(rig, "martin");
	assert_int_equal(hc_msg_new(&msg), HC_OK);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(session) session = NULL;
		unsigned sent = 0;

		assert_int_equal(hc_session_new(&rig->authd, &rig->root, count_emit, &sent, &session), HC_OK);
		table[i](msg);
		assert_int_equal(hc_msg_finish(msg), HC_OK);
		assert_int_equal(hc_msg_parse(msg, msg->len), HC_OK);
		if (hc_session_receive(session, msg) != HC_ERR_PROTOCOL || sent != 0)
			fail_msg("row %zu", i);
	}
	assert_int_equal(rig_trail_len(rig), 0);
}

static void a_second_hello_and_an_empty_answer_message_break_the_protocol(void **state)
{
	struct rig *rig = *state;
	struct talk talk;

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_begin(rig, "martin", &talk);
	assert_int_equal(rig_message(&talk, HC_MSG_HELLO), HC_ERR_PROTOCOL);
	assert_int_equal(rig_message(&talk, HC_MSG_ANSWER), HC_ERR_PROTOCOL);
	assert_int_equal(rig_message(&talk, HC_MSG_STATUS), HC_ERR_PROTOCOL);
	assert_int_equal(talk.results, 0);
	rig_end(&talk);
}

/* ---- account and sessions ---- */

static struct talk ask(struct rig *rig, const struct hc_caller *caller, enum hc_request request,
		       const char *login)
{
	const struct rig_hello hello = {.request = request, .user = login, .service = "swaylock"};
	struct talk talk;

	assert_int_equal(rig_hello(rig, caller, &hello, &talk), HC_OK);
	assert_int_equal(talk.results, 1);
	assert_int_equal(talk.steps, 0);
	rig_end(&talk);
	return talk;
}

static void the_account_phase_refuses_the_disabled_and_records_refusals_only(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct talk talk;

	rig_temporary(rig, "gone", 0, RIG_NOW);
	talk = ask(rig, &rig->root, HC_REQUEST_ACCOUNT, "gone");
	assert_int_equal(talk.verdict, HC_DENY_EXPIRED);
	assert_int_equal(talk.reason, HC_REASON_VALIDITY_OVER);
	assert_string_equal(rig_trail(rig, 0).event, "account");
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_VALIDITY_OVER);

	talk = ask(rig, &rig->root, HC_REQUEST_ACCOUNT, "martin");
	assert_int_equal(talk.verdict, HC_ALLOW);
	talk = ask(rig, &rig->root, HC_REQUEST_ACCOUNT, "nobody");
	assert_int_equal(talk.verdict, HC_DENY_UNKNOWN);
	assert_int_equal(rig_trail_len(rig), 1);

	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_DISABLED), HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	talk = ask(rig, &rig->root, HC_REQUEST_ACCOUNT, "martin");
	assert_int_equal(talk.verdict, HC_DENY_EXPIRED);
	assert_int_equal(talk.reason, HC_REASON_PERSON_DISABLED);
}

static void sessions_are_recorded_for_people_on_roots_word_only(void **state)
{
	struct rig *rig = *state;
	const struct hc_caller self = rig_user(1000, "martin");
	struct talk talk;

	rig_person(rig, "martin");
	talk = ask(rig, &self, HC_REQUEST_OPEN_SESSION, "martin");
	assert_int_equal(talk.verdict, HC_DENY);
	assert_int_equal(talk.reason, HC_REASON_CALLER_NOT_ALLOWED);
	assert_int_equal(rig_trail_len(rig), 1);
	talk = ask(rig, &rig->root, HC_REQUEST_OPEN_SESSION, "nobody");
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(rig_trail_len(rig), 1);
	talk = ask(rig, &rig->root, HC_REQUEST_OPEN_SESSION, "martin");
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_string_equal(rig_trail(rig, 0).event, "session-open");
	talk = ask(rig, &rig->root, HC_REQUEST_CLOSE_SESSION, "martin");
	assert_string_equal(rig_trail(rig, 0).event, "session-close");
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
}

static void the_origin_is_recorded_and_what_is_no_word_is_not_repeated(void **state)
{
	struct rig *rig = *state;
	const struct rig_hello hello = {
		.user = "nobody", .tty = "pts/3", .rhost = "10.0.0.7", .ruser = "evil name rhost=1.2.3.4"};
	struct talk talk;

	assert_int_equal(rig_hello(rig, &rig->root, &hello, &talk), HC_OK);
	rig_end(&talk);
	assert_string_equal(rig_trail(rig, 0).origin, "tty=pts/3 rhost=10.0.0.7 ruser=?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(cancelling_a_question_refuses_and_is_recorded),
		TEST(a_question_without_an_answer_times_out_and_is_recorded),
		TEST(an_abandoned_question_is_recorded),
		TEST(what_breaks_the_protocol_gets_no_answer),
		TEST(a_second_hello_and_an_empty_answer_message_break_the_protocol),
		TEST(the_account_phase_refuses_the_disabled_and_records_refusals_only),
		TEST(sessions_are_recorded_for_people_on_roots_word_only),
		TEST(the_origin_is_recorded_and_what_is_no_word_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
