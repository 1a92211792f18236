/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-ins over the link: what is a verdict, and all that is none. */
#include "broker_support.h"

/* ---- no verdict ---- */

static void an_allow_that_comes_before_both_answers_lets_nobody_in(void **state)
{
	struct rig *rig = *state;

	for (enum point point = AT_HELLO; point < AT_VERDICT; point++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, point);
		say_allow(rig, fd);
		assert_failed(&visit, HC_ERR_PROTOCOL);
		assert_int_equal(heard(rig, fd), -1);
		(void)close(fd);
	}
}

/* Each row takes one thing from a good RESULT, or adds one. */
static void an_allow_that_is_not_whole_lets_nobody_in(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *what;
		uint32_t verdict, reason;
		uint64_t person_id; /* 0: none */
		const char *login;
		uint32_t methods; /* 0: none */
		enum hc_field extra;
		bool codes_left;
	} rows[] = {
		{"another person", HC_ALLOW, 0, 7, "moreau", HC_METHOD_TOTP, 0, false},
		{"nobody", HC_ALLOW, 0, 0, NULL, HC_METHOD_TOTP, 0, false},
		{"no login", HC_ALLOW, 0, 7, NULL, HC_METHOD_TOTP, 0, false},
		{"no id", HC_ALLOW, 0, 0, "martin", HC_METHOD_TOTP, 0, false},
		{"an id beyond", HC_ALLOW, 0, UINT64_MAX, "martin", HC_METHOD_TOTP, 0, false},
		{"no method", HC_ALLOW, 0, 7, "martin", 0, 0, false},
		{"two methods", HC_ALLOW, 0, 7, "martin", HC_METHOD_TOTP | HC_METHOD_RECOVERY, 0, false},
		{"a method not offered", HC_ALLOW, 0, 7, "martin", HC_METHOD_FIDO2, 0, false},
		{"recovery without what is left", HC_ALLOW, 0, 7, "martin", HC_METHOD_RECOVERY, 0, false},
		{"grace", HC_GRACE, 0, 7, "martin", HC_METHOD_TOTP, 0, false},
		{"exempt", HC_EXEMPT, 0, 7, "martin", HC_METHOD_TOTP, 0, false},
		{"no verdict of ours", 1 + (uint32_t)HC_ALLOW, 0, 7, "martin", HC_METHOD_TOTP, 0, false},
		{"no reason of ours", HC_ALLOW, 999, 7, "martin", HC_METHOD_TOTP, 0, false},
		{"a field without use", HC_ALLOW, 0, 7, "martin", HC_METHOD_TOTP, HC_FIELD_SERVICE, false},
		{"a denial that names somebody", HC_DENY, 201, 7, "martin", HC_METHOD_TOTP, 0, false},
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, AT_VERDICT);
		make_result(rig, rows[i].verdict, (enum hc_reason)rows[i].reason);
		if (rows[i].person_id > 0)
			hc_msg_put_u64(&rig->msg, HC_FIELD_PERSON_ID, rows[i].person_id);
		hc_msg_put_text(&rig->msg, HC_FIELD_LOGIN, rows[i].login);
		if (rows[i].methods > 0)
			hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, rows[i].methods);
		if (rows[i].extra > 0)
			hc_msg_put_text(&rig->msg, rows[i].extra, "x");
		say(rig, fd);
		if (visit.failures != 1 || visit.results != 0 || visit.last.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu: %s", i, rows[i].what);
		(void)close(fd);
	}
}

static void a_verdict_without_its_fields_is_none(void **state)
{
	struct rig *rig = *state;
	static const enum hc_field missing[] = {HC_FIELD_VERDICT, HC_FIELD_REASON};

	for (size_t i = 0; i < HC_COUNT(missing); i++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, AT_VERDICT);
		hc_msg_init(&rig->msg, HC_MSG_RESULT);
		if (missing[i] != HC_FIELD_VERDICT)
			hc_msg_put_u32(&rig->msg, HC_FIELD_VERDICT, (uint32_t)HC_DENY);
		if (missing[i] != HC_FIELD_REASON)
			hc_msg_put_u32(&rig->msg, HC_FIELD_REASON, 0);
		say(rig, fd);
		assert_failed(&visit, HC_ERR_PROTOCOL);
		(void)close(fd);
	}
}

static void a_question_out_of_turn_ends_the_conversation(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum point point;
		enum hc_step_kind kind;
	} rows[] = {{AT_HELLO, HC_STEP_SECRET},	     {AT_HELLO, HC_STEP_VISIBLE},
		    {AT_PASSWORD, HC_STEP_PASSWORD}, {AT_PASSWORD, HC_STEP_VISIBLE},
		    {AT_CODE, HC_STEP_SECRET},	     {AT_CODE, HC_STEP_PASSWORD},
		    {AT_VERDICT, HC_STEP_SECRET},    {AT_VERDICT, HC_STEP_PASSWORD}};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, rows[i].point);
		say_step(rig, fd, rows[i].kind);
		if (visit.failures != 1 || visit.last.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

static void a_message_that_is_none_of_a_conversation_ends_it(void **state)
{
	struct rig *rig = *state;
	static const enum hc_msg_type types[] = {HC_MSG_HELLO,		HC_MSG_ANSWER,	   HC_MSG_INFO,
						 HC_MSG_PERSON,		HC_MSG_END,	   HC_MSG_ROW,
						 HC_MSG_PERSON_CHANGED, HC_MSG_EVENTS_KEPT};

	for (size_t i = 0; i < HC_COUNT(types); i++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, i % 2 == 0 ? AT_CODE : AT_VERDICT);
		say_type(rig, fd, types[i]);
		if (visit.failures != 1 || visit.last.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

/* ---- verdicts ---- */

static void refusals_are_told_with_their_cause_and_let_nobody_in(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum hc_verdict verdict;
		enum hc_reason reason;
		bool unavailable;
	} rows[] = {
		{HC_DENY, HC_REASON_WRONG_PASSWORD, false},
		{HC_DENY_LOCKED, HC_REASON_LOCKED_OUT, false},
		{HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, false},
		{HC_DENY_EXPIRED, HC_REASON_VALIDITY_OVER, false},
		{HC_DENY_UNAVAILABLE, HC_REASON_BROKER_BUSY, true},
		{HC_DENY_CONVERSATION, HC_REASON_INTERNAL, true},
		{HC_DENY_CONFIG, HC_REASON_INTERNAL, true},
		{HC_DENY_NOMEM, HC_REASON_INTERNAL, true},
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, AT_VERDICT);
		make_result(rig, (uint32_t)rows[i].verdict, rows[i].reason);
		hc_msg_put_text(&rig->msg, HC_FIELD_TEXT, "Why not. (HC-1)");
		if (rows[i].verdict == HC_DENY_LOCKED)
			hc_msg_put_u32(&rig->msg, HC_FIELD_RETRY_AFTER_S, 30);
		say(rig, fd);
		if (visit.results != 1 || visit.last.allowed || visit.last.reason != rows[i].reason ||
		    visit.last.unavailable != rows[i].unavailable || visit.last.person.id != 0)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

static void both_answers_and_an_allow_sign_in(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	char text[2049];
	const uint8_t *view = NULL;
	size_t len = 0;
	int fd = -1;

	start(rig, &visit);
	fd = accepted(rig);
	assert_int_equal(heard(rig, fd), HC_MSG_HELLO);
	assert_int_equal(number_of(rig, HC_FIELD_REQUEST), HC_REQUEST_AUTHENTICATE);
	assert_int_equal(number_of(rig, HC_FIELD_MODE), HC_MODE_PRIMARY);
	assert_int_equal(number_of(rig, HC_FIELD_METHODS), HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	assert_int_equal(number_of(rig, HC_FIELD_TIMEOUT_S), 60);
	assert_string_equal(text_of(rig, HC_FIELD_SERVICE, text), "gateway");
	assert_string_equal(text_of(rig, HC_FIELD_USER, text), "martin");
	assert_string_equal(text_of(rig, HC_FIELD_RHOST, text), "192.0.2.7");
	assert_string_equal(text_of(rig, HC_FIELD_LANG, text), "fr");
	say_step(rig, fd, HC_STEP_PASSWORD);
	assert_int_equal(visit.codes, 0);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	assert_int_equal(hc_msg_bytes(&rig->msg, HC_FIELD_ANSWER, &view, &len), HC_OK);
	assert_int_equal(len, 12);
	assert_memory_equal(view, "the password", 12);
	say_step(rig, fd, HC_STEP_SECRET);
	assert_int_equal(visit.codes, 1);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	assert_int_equal(hc_broker_signin_code(visit.signin, "492039", 6), HC_OK);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	assert_int_equal(hc_msg_bytes(&rig->msg, HC_FIELD_ANSWER, &view, &len), HC_OK);
	assert_int_equal(len, 6);
	assert_memory_equal(view, "492039", 6);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	say_allow(rig, fd);

	assert_int_equal(visit.results, 1);
	assert_true(visit.last.allowed);
	assert_false(visit.last.unavailable);
	assert_int_equal(visit.last.method, HC_METHOD_TOTP);
	assert_int_equal(visit.last.person.id, 7);
	assert_string_equal(visit.last.person.login, "martin");
	assert_string_equal(visit.last.person.given_name, "Anne");
	assert_string_equal(visit.last.person.family_name, "Martin");
	assert_string_equal(visit.last.person.national_id, "810001288385");
	assert_string_equal(visit.last.person.organization, "CHU");
	assert_int_equal(heard(rig, fd), -1);
	assert_string_equal(rig->log, "");
	(void)close(fd);
}

static void a_recovery_code_says_how_many_are_left(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_VERDICT);
	make_result(rig, (uint32_t)HC_ALLOW, HC_REASON_NONE);
	hc_msg_put_u64(&rig->msg, HC_FIELD_PERSON_ID, 7);
	hc_msg_put_text(&rig->msg, HC_FIELD_LOGIN, "martin");
	hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_RECOVERY);
	hc_msg_put_u32(&rig->msg, HC_FIELD_CODES_LEFT, 9);
	say(rig, fd);
	assert_true(visit.last.allowed);
	assert_int_equal(visit.last.codes_left, 9);
	assert_string_equal(visit.last.person.given_name, "");
	(void)close(fd);
}

static void a_result_comes_while_the_code_is_awaited(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_CODE);
	make_result(rig, (uint32_t)HC_DENY_UNAVAILABLE, HC_REASON_PASSWORD_HELPER_AWAY);
	say(rig, fd);
	assert_int_equal(visit.results, 1);
	assert_true(visit.last.unavailable);
	assert_int_equal(visit.last.reason, HC_REASON_PASSWORD_HELPER_AWAY);
	assert_null(visit.signin);
	(void)close(fd);
}

/* The broker closes right behind its RESULT, with our code unread: sending says EPIPE, and the RESULT counts. */
static void a_result_that_crosses_the_code_is_still_read(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_CODE);
	make_result(rig, (uint32_t)HC_DENY, HC_REASON_TIMED_OUT);
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
	(void)close(fd);
	assert_int_equal(hc_broker_signin_code(visit.signin, "492039", 6), HC_OK);
	turn(rig);
	assert_int_equal(visit.results, 1);
	assert_int_equal(visit.last.reason, HC_REASON_TIMED_OUT);
}

static void what_was_sent_and_never_read_does_not_hide_a_result(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_CODE);
	assert_int_equal(hc_broker_signin_code(visit.signin, "492039", 6), HC_OK);
	make_result(rig, (uint32_t)HC_DENY, HC_REASON_TIMED_OUT);
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
	(void)close(fd); /* resets */
	turn(rig);
	assert_int_equal(visit.results, 1);
}

/* ---- the caller ---- */

static void a_code_is_taken_once_and_only_when_it_was_asked_for(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	char long_code[513] = "";
	int fd = -1;

	start(rig, &visit);
	assert_int_equal(hc_broker_signin_code(visit.signin, "1", 1), HC_ERR_STATE);
	fd = accepted(rig);
	assert_int_equal(heard(rig, fd), HC_MSG_HELLO);
	assert_int_equal(hc_broker_signin_code(visit.signin, "1", 1), HC_ERR_STATE);
	say_step(rig, fd, HC_STEP_PASSWORD);
	assert_int_equal(hc_broker_signin_code(visit.signin, "1", 1), HC_ERR_STATE);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	say_step(rig, fd, HC_STEP_SECRET);
	assert_int_equal(hc_broker_signin_code(visit.signin, long_code, sizeof(long_code)), HC_ERR_TOOBIG);
	assert_int_equal(hc_broker_signin_code(visit.signin, "", 0), HC_OK);
	assert_int_equal(hc_broker_signin_code(visit.signin, "1", 1), HC_ERR_STATE);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	assert_int_equal(heard(rig, fd), 0);
	(void)close(fd);
	turn(rig);
	assert_failed(&visit, HC_ERR_AWAY);
}

static void giving_up_is_told_where_a_question_is_open_and_is_the_end(void **state)
{
	struct rig *rig = *state;

	for (enum point point = AT_HELLO; point < POINTS; point++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, point);
		hc_broker_signin_cancel(&visit.signin);
		assert_null(visit.signin);
		hc_broker_signin_cancel(&visit.signin);
		if (point == AT_CODE)
			assert_int_equal(heard(rig, fd), HC_MSG_CANCEL);
		assert_int_equal(heard(rig, fd), -1);
		assert_int_equal(visit.results + visit.failures, 0);
		(void)close(fd);
	}
	struct visit visit;

	start(rig, &visit); /* not even connected */
	hc_broker_signin_cancel(&visit.signin);
	hc_broker_signin_cancel(NULL);
	turn(rig);
	assert_int_equal(accept_one(rig), -1);
}

static void on_code_give_up(const struct hc_signin_report *report, void *ctx)
{
	struct visit *visit = ctx;

	on_report(report, ctx);
	hc_broker_signin_cancel(&visit->signin);
}

static void giving_up_inside_of_the_report_is_allowed(void **state)
{
	struct rig *rig = *state;
	struct hc_signin_ask ask = {.user = "martin", .rhost = "192.0.2.7", .lang = HC_LANG_EN};
	struct visit visit = {.signin = NULL};
	int fd = -1;

	assert_int_equal(hc_secret_from("x", 1, &ask.password), HC_OK);
	assert_int_equal(hc_broker_signin_start(rig->link, &ask, on_code_give_up, &visit, &visit.signin),
			 HC_OK);
	fd = bring_to(rig, &visit, AT_CODE);
	assert_int_equal(heard(rig, fd), HC_MSG_CANCEL);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

static void what_nobody_can_be_called_is_asked_for_as_nobody(void **state)
{
	struct rig *rig = *state;
	char longest[258] = "";
	const char *const users[] = {"", "\xff\xfe", "a\nb", longest};

	memset(longest, 'a', sizeof(longest) - 1);
	for (size_t i = 0; i < HC_COUNT(users); i++) {
		struct visit visit;
		int fd = -1;

		assert_int_equal(try_start(rig, users[i], &visit), HC_OK);
		fd = accepted(rig);
		assert_int_equal(heard(rig, fd), HC_MSG_HELLO);
		if (hc_msg_has(&rig->msg, HC_FIELD_USER))
			fail_msg("row %zu: a name was sent", i);
		hc_broker_signin_cancel(&visit.signin);
		(void)close(fd);
	}
}

/* Nobody was asked for, so nobody can be let in, whatever the broker says. */
static void an_allow_for_nobody_lets_nobody_in(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	assert_int_equal(try_start(rig, "\xff", &visit), HC_OK);
	fd = bring_to(rig, &visit, AT_VERDICT);
	say_allow(rig, fd);
	assert_failed(&visit, HC_ERR_PROTOCOL);
	(void)close(fd);
}

static void a_password_that_no_account_can_have_is_not_sent(void **state)
{
	struct rig *rig = *state;
	struct hc_signin_ask ask = {.user = "martin", .rhost = "192.0.2.7"};
	struct visit visit = {.signin = NULL};
	static const char longest[513];

	assert_int_equal(hc_secret_from(longest, sizeof(longest), &ask.password), HC_OK);
	assert_int_equal(hc_broker_signin_start(rig->link, &ask, on_report, &visit, &visit.signin),
			 HC_ERR_TOOBIG);
	assert_null(ask.password);
	assert_int_equal(accept_one(rig), -1);
}

static void beyond_its_limit_a_link_takes_no_more(void **state)
{
	struct rig *rig = *state;
	struct visit visits[3];

	hc_broker_link_limit(rig->link, 2);
	start(rig, &visits[0]);
	start(rig, &visits[1]);
	assert_int_equal(try_start(rig, "martin", &visits[2]), HC_ERR_FULL);
	hc_broker_signin_cancel(&visits[0].signin);
	assert_int_equal(try_start(rig, "martin", &visits[2]), HC_OK);
	hc_broker_signin_cancel(&visits[1].signin);
	hc_broker_signin_cancel(&visits[2].signin);
}

static void a_link_that_ends_calls_nobody(void **state)
{
	struct rig *rig = *state;
	struct visit visits[POINTS];
	int fds[POINTS];

	for (enum point point = AT_HELLO; point < POINTS; point++) {
		start(rig, &visits[point]);
		fds[point] = bring_to(rig, &visits[point], point);
	}
	hc_broker_link_free(&rig->link);
	turn(rig);
	for (enum point point = AT_HELLO; point < POINTS; point++) {
		assert_int_equal(visits[point].results + visits[point].failures, 0);
		assert_int_equal(heard(rig, fds[point]), -1);
		(void)close(fds[point]);
	}
}

static void a_thousand_sign_ins_leave_nothing_open(void **state)
{
	struct rig *rig = *state;
	int before = 0;

	for (int i = 0; i < 1000; i++) {
		struct visit visit;
		int fd = -1;

		if (i == 1)
			before = open_descriptors();
		start(rig, &visit);
		fd = bring_to(rig, &visit, (enum point)(i % POINTS));
		if (i % 3 == 0)
			(void)shutdown(fd, SHUT_RDWR);
		else if (i % POINTS == AT_VERDICT)
			say_allow(rig, fd);
		turn(rig);
		hc_broker_signin_cancel(&visit.signin);
		(void)close(fd);
	}
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(rig->link->signin_count, 0);
	assert_null(rig->link->channels.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(an_allow_that_comes_before_both_answers_lets_nobody_in),
		LISTENING(an_allow_that_is_not_whole_lets_nobody_in),
		LISTENING(a_verdict_without_its_fields_is_none),
		LISTENING(a_question_out_of_turn_ends_the_conversation),
		LISTENING(a_message_that_is_none_of_a_conversation_ends_it),
		LISTENING(refusals_are_told_with_their_cause_and_let_nobody_in),
		LISTENING(both_answers_and_an_allow_sign_in),
		LISTENING(a_recovery_code_says_how_many_are_left),
		LISTENING(a_result_comes_while_the_code_is_awaited),
		LISTENING(a_result_that_crosses_the_code_is_still_read),
		LISTENING(what_was_sent_and_never_read_does_not_hide_a_result),
		LISTENING(a_code_is_taken_once_and_only_when_it_was_asked_for),
		LISTENING(giving_up_is_told_where_a_question_is_open_and_is_the_end),
		LISTENING(giving_up_inside_of_the_report_is_allowed),
		LISTENING(what_nobody_can_be_called_is_asked_for_as_nobody),
		LISTENING(an_allow_for_nobody_lets_nobody_in),
		LISTENING(a_password_that_no_account_can_have_is_not_sent),
		LISTENING(beyond_its_limit_a_link_takes_no_more),
		LISTENING(a_link_that_ends_calls_nobody),
		LISTENING(a_thousand_sign_ins_leave_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
