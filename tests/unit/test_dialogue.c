/* SPDX-License-Identifier: Apache-2.0 */
#include "dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct hc_login martin = {.text = "martin"};

/* What a message may hold; has_… says which fields are put. */
struct words {
	enum hc_msg_type type;
	const char *text;
	uint32_t kind, verdict, reason;
	bool has_kind, has_verdict, has_reason;
	const char *user;
	const char *ticket; /* 16 bytes, or it is none */
	bool has_stray;	    /* a field that no message to the module has */
};

static void write_message(const struct words *words, struct hc_msg *msg)
{
	hc_msg_init(msg, words->type);
	if (words->has_kind)
		hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, words->kind);
	if (words->has_verdict)
		hc_msg_put_u32(msg, HC_FIELD_VERDICT, words->verdict);
	if (words->has_reason)
		hc_msg_put_u32(msg, HC_FIELD_REASON, words->reason);
	if (words->has_stray)
		hc_msg_put_u32(msg, HC_FIELD_METHODS, 1);
	hc_msg_put_text(msg, HC_FIELD_TEXT, words->text);
	hc_msg_put_text(msg, HC_FIELD_USER, words->user);
	if (words->ticket != NULL)
		hc_msg_put_bytes(msg, HC_FIELD_TICKET, words->ticket, strlen(words->ticket));
	assert_int_equal(hc_msg_finish(msg), HC_OK);
	assert_int_equal(hc_msg_parse(msg, msg->len), HC_OK);
}

static struct hc_turn turn_of(enum hc_request request, bool remote, const struct words *words)
{
	static struct hc_msg msg;
	struct hc_dialogue dialogue;
	struct hc_turn turn;

	write_message(words, &msg);
	hc_dialogue_init(&dialogue, request, &martin, remote);
	hc_dialogue_next(&dialogue, &msg, &turn);
	return turn;
}

#define RESULT(v, r)                                                                            \
	{                                                                                       \
		.type = HC_MSG_RESULT, .has_verdict = true, .verdict = (v), .has_reason = true, \
		.reason = (r)                                                                   \
	}
#define TICKET(v, t)                                                                              \
	{                                                                                         \
		.type = HC_MSG_RESULT, .has_verdict = true, .verdict = (v), .has_reason = true,   \
		.reason = (v) == HC_DENY ? HC_REASON_CARD_UNKNOWN : HC_REASON_NONE, .ticket = (t) \
	}
#define STEP(k, t)                                                              \
	{                                                                       \
		.type = HC_MSG_STEP, .has_kind = true, .kind = (k), .text = (t) \
	}

static const struct {
	enum hc_request request;
	bool remote;
	struct words words;
} broken[] = {
	/* numbers that are no verdict of a broker */
	{HC_REQUEST_AUTHENTICATE, false, RESULT(8, 0)},
	{HC_REQUEST_AUTHENTICATE, false, RESULT(0xffffffff, 0)},
	{HC_REQUEST_AUTHENTICATE, false, RESULT(HC_ALLOW ^ 1, 0)},
	{HC_REQUEST_AUTHENTICATE, false, RESULT(HC_EXEMPT, 0)},
	{HC_REQUEST_ACCOUNT, false, RESULT(HC_EXEMPT, 0)},
	/* grace is for local sign-ins */
	{HC_REQUEST_AUTHENTICATE, true, RESULT(HC_GRACE, HC_REASON_GRACE)},
	{HC_REQUEST_ACCOUNT, false, RESULT(HC_GRACE, HC_REASON_GRACE)},
	/* fields that lack, or have no place */
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_RESULT}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_RESULT, .has_verdict = true, .verdict = HC_ALLOW}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_RESULT, .has_reason = true}},
	{HC_REQUEST_AUTHENTICATE,
	 false,
	 {.type = HC_MSG_RESULT,
	  .has_verdict = true,
	  .verdict = HC_ALLOW,
	  .has_reason = true,
	  .has_stray = true}},
	{HC_REQUEST_AUTHENTICATE, false, RESULT(HC_ALLOW, 999)},
	/* a verdict about somebody else */
	{HC_REQUEST_AUTHENTICATE,
	 false,
	 {.type = HC_MSG_RESULT,
	  .has_verdict = true,
	  .verdict = HC_ALLOW,
	  .has_reason = true,
	  .user = "martin2"}},
	/* tickets that are none, or where there is nothing to come back with */
	{HC_REQUEST_AUTHENTICATE, false, TICKET(HC_DENY, "0123456789abcde")},
	{HC_REQUEST_AUTHENTICATE, false, TICKET(HC_DENY, "")},
	{HC_REQUEST_AUTHENTICATE, false, TICKET(HC_ALLOW, "0123456789abcdef")},
	{HC_REQUEST_AUTHENTICATE, false, TICKET(HC_GRACE, "0123456789abcdef")},
	{HC_REQUEST_AUTHENTICATE, true, TICKET(HC_DENY, "0123456789abcdef")},
	{HC_REQUEST_ACCOUNT, false, TICKET(HC_DENY, "0123456789abcdef")},
	/* questions that are none, or where nobody sits */
	{HC_REQUEST_AUTHENTICATE, false, STEP(0, "Code: ")},
	{HC_REQUEST_AUTHENTICATE, false, STEP(3, "Code: ")},
	{HC_REQUEST_AUTHENTICATE, false, STEP(HC_STEP_LOGIN, "Login: ")}, /* there is one */
	{HC_REQUEST_AUTHENTICATE, false, STEP(HC_STEP_SECRET, NULL)},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_STEP, .text = "Code: "}},
	{HC_REQUEST_ACCOUNT, false, STEP(HC_STEP_SECRET, "Code: ")},
	{HC_REQUEST_OPEN_SESSION, false, STEP(HC_STEP_SECRET, "Code: ")},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_INFO}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_INFO, .text = "x", .has_verdict = true}},
	/* messages that a broker does not send here */
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_HELLO}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_ANSWER}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_CANCEL}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_KEEPALIVE}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_ROW}},
	{HC_REQUEST_AUTHENTICATE, false, {.type = HC_MSG_END}},
};

static void a_surprise_ends_without_a_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(broken); i++) {
		struct hc_turn turn = turn_of(broken[i].request, broken[i].remote, &broken[i].words);

		if (turn.kind != HC_TURN_BROKEN || turn.verdict != HC_DENY_UNAVAILABLE ||
		    turn.reason != HC_REASON_PROTOCOL_ERROR || turn.text[0] != '\0')
			fail_msg("row %zu: turn %d, verdict 0x%x", i, (int)turn.kind, (unsigned)turn.verdict);
	}
}

static void a_turn_that_nobody_filled_in_is_broken(void **state)
{
	struct hc_turn turn = {0};

	(void)state;
	assert_int_equal(turn.kind, HC_TURN_BROKEN);
	assert_int_equal(turn.verdict, HC_DENY);
}

static const struct {
	enum hc_request request;
	bool remote;
	enum hc_verdict verdict;
	enum hc_reason reason;
} verdicts[] = {
	{HC_REQUEST_AUTHENTICATE, true, HC_DENY, HC_REASON_WRONG_CODE},
	{HC_REQUEST_AUTHENTICATE, false, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT},
	{HC_REQUEST_ACCOUNT, false, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED},
	{HC_REQUEST_ACCOUNT, true, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON},
	{HC_REQUEST_AUTHENTICATE, false, HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE},
	{HC_REQUEST_AUTHENTICATE, false, HC_GRACE, HC_REASON_GRACE},
	{HC_REQUEST_AUTHENTICATE, true, HC_ALLOW, HC_REASON_NONE},
	{HC_REQUEST_ACCOUNT, false, HC_ALLOW, HC_REASON_NONE},
};

static void a_result_gives_its_verdict_reason_and_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(verdicts); i++) {
		struct words words = RESULT(verdicts[i].verdict, verdicts[i].reason);
		struct hc_turn turn;

		words.text = "Texte";
		words.user = "martin";
		turn = turn_of(verdicts[i].request, verdicts[i].remote, &words);

		if (turn.kind != HC_TURN_END || turn.verdict != verdicts[i].verdict ||
		    turn.reason != verdicts[i].reason || strcmp(turn.text, "Texte") != 0)
			fail_msg("row %zu: turn %d, verdict 0x%x, reason %d, \"%s\"", i, (int)turn.kind,
				 (unsigned)turn.verdict, (int)turn.reason, turn.text);
	}
}

static void a_step_is_a_question_of_its_kind(void **state)
{
	struct words secret = STEP(HC_STEP_SECRET, "Code : ");
	struct words visible = STEP(HC_STEP_VISIBLE, "Choix : ");
	struct hc_turn turn;

	(void)state;
	turn = turn_of(HC_REQUEST_AUTHENTICATE, false, &secret);
	assert_int_equal(turn.kind, HC_TURN_ASK);
	assert_int_equal(turn.step, HC_STEP_SECRET);
	assert_string_equal(turn.text, "Code : ");

	turn = turn_of(HC_REQUEST_AUTHENTICATE, true, &visible);
	assert_int_equal(turn.kind, HC_TURN_ASK);
	assert_int_equal(turn.step, HC_STEP_VISIBLE);
}

static void a_refusal_may_give_a_ticket_to_come_back_with(void **state)
{
	struct words words = TICKET(HC_DENY, "0123456789abcdef");
	struct hc_turn turn = turn_of(HC_REQUEST_AUTHENTICATE, false, &words);

	(void)state;
	assert_int_equal(turn.kind, HC_TURN_END);
	assert_true(turn.ticket.known);
	assert_memory_equal(turn.ticket.bytes, "0123456789abcdef", HC_CARD_TICKET_LEN);
	words.ticket = NULL;
	assert_false(turn_of(HC_REQUEST_AUTHENTICATE, false, &words).ticket.known);
}

static void an_info_is_told_in_both_phases(void **state)
{
	struct words words = {.type = HC_MSG_INFO, .text = "Il reste 3 codes."};

	(void)state;
	assert_int_equal(turn_of(HC_REQUEST_AUTHENTICATE, false, &words).kind, HC_TURN_TELL);
	assert_int_equal(turn_of(HC_REQUEST_ACCOUNT, false, &words).kind, HC_TURN_TELL);
}

static void a_conversation_has_an_end(void **state)
{
	static struct hc_msg info, allow;
	const struct words info_words = {.type = HC_MSG_INFO, .text = "encore"};
	const struct words allow_words = RESULT(HC_ALLOW, 0);
	struct hc_dialogue dialogue;
	struct hc_turn turn;

	(void)state;
	write_message(&info_words, &info);
	write_message(&allow_words, &allow);
	hc_dialogue_init(&dialogue, HC_REQUEST_AUTHENTICATE, &martin, false);
	for (unsigned i = 0; i < HC_DIALOGUE_MESSAGES_MAX; i++) {
		hc_dialogue_next(&dialogue, &info, &turn);
		assert_int_equal(turn.kind, HC_TURN_TELL);
	}

	hc_dialogue_next(&dialogue, &allow, &turn);

	assert_int_equal(turn.kind, HC_TURN_BROKEN);
	assert_int_equal(turn.verdict, HC_DENY_UNAVAILABLE);
}

static void the_longest_text_of_the_protocol_fits(void **state)
{
	static char text[HC_DIALOGUE_TEXT_MAX + 1];
	struct words words = {.type = HC_MSG_INFO, .text = text};
	struct hc_turn turn;

	(void)state;
	memset(text, 'x', HC_DIALOGUE_TEXT_MAX);
	turn = turn_of(HC_REQUEST_AUTHENTICATE, false, &words);

	assert_int_equal(turn.kind, HC_TURN_TELL);
	assert_int_equal(strlen(turn.text), HC_DIALOGUE_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_surprise_ends_without_a_verdict),
		cmocka_unit_test(a_turn_that_nobody_filled_in_is_broken),
		cmocka_unit_test(a_conversation_has_an_end),
		cmocka_unit_test(a_result_gives_its_verdict_reason_and_text),
		cmocka_unit_test(a_step_is_a_question_of_its_kind),
		cmocka_unit_test(a_refusal_may_give_a_ticket_to_come_back_with),
		cmocka_unit_test(an_info_is_told_in_both_phases),
		cmocka_unit_test(the_longest_text_of_the_protocol_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
