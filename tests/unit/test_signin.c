/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's conversation: nothing before both answers, no code looked at without a right password, what
 * is counted where, and refusals that leave at their time whatever their cause.
 */
#include "signin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"

#define OK(expression) assert_int_equal((expression), HC_OK)

/* One conversation as the gateway sees it, and what hc-password was asked. */
struct visit {
	struct hc_signin *signin;
	unsigned steps, results, asked;
	uint32_t step_kind, verdict, reason, methods, retry_after_s;
	uint64_t person_id;
	bool has_login, decoy, had_person;
	char login[HC_LOGIN_MAX + 1], given_name[129], typed[513];
	enum hc_err ask_err;
};

static const struct hc_caller GATEWAY = {
	.kind = HC_CALLER_GATEWAY, .uid = 990, .actor = "uid 990 (hospiconnect-gateway)"};

static void take_number(const struct hc_msg *msg, enum hc_field field, uint32_t *out)
{
	*out = 0;
	if (hc_msg_has(msg, field))
		OK(hc_msg_u32(msg, field, out));
}

static void listen(struct hc_msg *sent, void *ctx)
{
	struct visit *visit = ctx;
	static struct hc_msg msg;

	memcpy(msg.packet, sent->packet, sent->len);
	OK(hc_msg_parse(&msg, sent->len));
	assert_int_equal(visit->results, 0); /* nothing behind a RESULT */
	if (msg.type == HC_MSG_STEP) {
		visit->steps++;
		take_number(&msg, HC_FIELD_STEP_KIND, &visit->step_kind);
		return;
	}
	assert_int_equal(msg.type, HC_MSG_RESULT);
	visit->results++;
	take_number(&msg, HC_FIELD_VERDICT, &visit->verdict);
	take_number(&msg, HC_FIELD_REASON, &visit->reason);
	take_number(&msg, HC_FIELD_METHODS, &visit->methods);
	take_number(&msg, HC_FIELD_RETRY_AFTER_S, &visit->retry_after_s);
	visit->had_person = hc_msg_u64(&msg, HC_FIELD_PERSON_ID, &visit->person_id) == HC_OK;
	(void)!hc_msg_text(&msg, HC_FIELD_GIVEN_NAME, visit->given_name, sizeof(visit->given_name));
}

static enum hc_err ask(void *ctx, const struct hc_login *login, const struct hc_secret *password, bool decoy)
{
	struct visit *visit = ctx;

	visit->asked++;
	visit->has_login = login != NULL;
	if (login != NULL)
		memcpy(visit->login, login->text, sizeof(visit->login));
	memcpy(visit->typed, hc_secret_data(password), hc_secret_len(password));
	visit->typed[hc_secret_len(password)] = '\0';
	visit->decoy = decoy;
	return visit->ask_err;
}

static enum hc_err deliver(struct visit *visit, struct hc_msg *msg)
{
	OK(hc_msg_finish(msg));
	OK(hc_msg_parse(msg, msg->len));
	return hc_signin_receive(visit->signin, msg);
}

static void begin(struct rig *rig, struct visit *visit)
{
	*visit = (struct visit){0};
	OK(hc_signin_new(&rig->authd, &GATEWAY, listen, ask, visit, &visit->signin));
}

static void start_hello(struct hc_msg *msg, const char *login, const char *address)
{
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, "gateway");
	hc_msg_put_text(msg, HC_FIELD_USER, login);
	hc_msg_put_text(msg, HC_FIELD_RHOST, address);
}

static void hello(struct rig *rig, struct visit *visit, const char *login, const char *address)
{
	struct hc_msg msg;

	begin(rig, visit);
	start_hello(&msg, login, address);
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(&msg, HC_FIELD_MODE, HC_MODE_PRIMARY);
	OK(deliver(visit, &msg));
	assert_int_equal(visit->steps, 1);
	assert_int_equal(visit->step_kind, HC_STEP_PASSWORD);
}

static enum hc_err answer(struct visit *visit, const char *text)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, text, strlen(text));
	return deliver(visit, &msg);
}

/* Lets the time of a held refusal come. */
static void wait_out(struct rig *rig, struct visit *visit)
{
	assert_int_equal(hc_signin_state(visit->signin), HC_SESSION_WAITING);
	rig->clock.monotonic_ms = hc_signin_deadline_ms(visit->signin);
	hc_signin_timeout(visit->signin);
}

static void leave(struct visit *visit)
{
	assert_int_equal(hc_signin_state(visit->signin), HC_SESSION_DONE);
	assert_int_equal(visit->results, 1);
	hc_signin_free(&visit->signin);
}

/* A whole conversation; hc-password says what it is told here. */
static struct visit sign_in(struct rig *rig, const char *login, const char *address,
			    enum hc_password password, const char *code)
{
	struct visit visit;

	hello(rig, &visit, login, address);
	OK(answer(&visit, "typed"));
	assert_int_equal(visit.steps, 2);
	assert_int_equal(visit.step_kind, HC_STEP_SECRET);
	assert_int_equal(visit.asked, 1);
	/* A decoy is never right: hc-password keeps that promise. */
	hc_signin_password(visit.signin,
			   visit.decoy && password == HC_PASSWORD_RIGHT ? HC_PASSWORD_WRONG : password);
	if (visit.results == 0) {
		OK(answer(&visit, code));
		if (visit.results == 0)
			wait_out(rig, &visit);
	}
	leave(&visit);
	return visit;
}

static struct hc_throttle_row counter(struct rig *rig, int64_t person_id, enum hc_factor factor,
				      const char *scope)
{
	struct hc_throttle_row row;

	OK(hc_store_throttle_get(rig->authd.store, person_id, factor, scope, &row));
	return row;
}

#define IP "192.0.2.1"

static void expect(const struct visit *visit, uint32_t verdict, uint32_t reason)
{
	if (visit->verdict != verdict || visit->reason != reason)
		fail_msg("verdict %x reason %u, expected %x and %u", visit->verdict, visit->reason, verdict,
			 reason);
	assert_int_equal(visit->had_person, verdict == (uint32_t)HC_ALLOW);
}

static void a_right_code_is_worth_nothing_without_a_right_password_and_stays_unused(void **state)
{
	static const enum hc_password answers[] = {HC_PASSWORD_WRONG, HC_PASSWORD_BUSY,
						   HC_PASSWORD_UNAVAILABLE};
	static const uint32_t reasons[] = {HC_REASON_WRONG_PASSWORD, HC_REASON_BROKER_BUSY,
					   HC_REASON_PASSWORD_HELPER_AWAY};
	struct rig *rig = *state;
	char code[16];

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	for (size_t i = 0; i < HC_COUNT(answers); i++) {
		struct visit visit = sign_in(rig, "martin", IP, answers[i], rig_code(rig, RIG_SEED, 0, code));

		expect(&visit, i == 0 ? HC_DENY : HC_DENY_UNAVAILABLE, reasons[i]);
		assert_false(visit.decoy);
	}
	struct visit visit = sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, rig_code(rig, RIG_SEED, 0, code));
	expect(&visit, HC_ALLOW, 0);
	assert_int_equal(visit.methods, HC_METHOD_TOTP);
	visit = sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, code);
	assert_int_equal(visit.verdict, HC_DENY);
	rig_trail_holds(rig);
}

static void a_number_that_is_no_answer_is_not_a_yes(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	char code[16];

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	visit = sign_in(rig, "martin", IP, (enum hc_password)3, rig_code(rig, RIG_SEED, 0, code));
	assert_int_not_equal(visit.verdict, HC_ALLOW);
}

static void a_code_that_pam_has_taken_is_refused_and_the_reverse(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	char code[16];

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
	visit = sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, code);
	assert_int_equal(visit.verdict, HC_DENY);
	visit = sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, rig_code(rig, RIG_SEED, 1, code));
	expect(&visit, HC_ALLOW, 0);
	assert_int_not_equal(rig_sign_in(rig, "martin", code).verdict, HC_ALLOW);
}

static void everybody_is_asked_both_and_refused_at_the_same_time(void **state)
{
	static const struct {
		const char *login;
		enum hc_password password;
		bool right_code, decoy;
		uint32_t reason;
	} rows[] = {
		{"nobody", HC_PASSWORD_WRONG, false, true, HC_REASON_UNKNOWN_PERSON},
		{"Not a login", HC_PASSWORD_WRONG, false, true, HC_REASON_NAME_MALFORMED},
		{NULL, HC_PASSWORD_WRONG, false, true, HC_REASON_NAME_MALFORMED},
		{"bare", HC_PASSWORD_WRONG, false, true, HC_REASON_NOT_ENROLLED},
		{"gone", HC_PASSWORD_WRONG, false, true, HC_REASON_VALIDITY_OVER},
		{"martin", HC_PASSWORD_WRONG, true, false, HC_REASON_WRONG_PASSWORD},
		{"martin", HC_PASSWORD_RIGHT, false, false, HC_REASON_WRONG_CODE},
	};
	struct rig *rig = *state;

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	(void)rig_person(rig, "bare");
	rig_temporary(rig, "gone", 0, RIG_NOW - 1);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		for (int64_t typing_ms = 0; typing_ms <= 5000; typing_ms += 2500) {
			int64_t begun_ms = rig->clock.monotonic_ms;
			struct visit visit;
			char code[16];

			hello(rig, &visit, rows[i].login, IP);
			OK(answer(&visit, "typed"));
			assert_int_equal(visit.decoy, rows[i].decoy);
			hc_signin_password(visit.signin, rows[i].password);
			rig->clock.monotonic_ms += typing_ms;
			OK(answer(&visit, rows[i].right_code ? rig_code(rig, RIG_SEED, 0, code)
							     : rig_wrong_code(rig, RIG_SEED, code)));
			assert_int_equal(visit.results, 0);
			assert_int_equal(hc_signin_deadline_ms(visit.signin) - begun_ms,
					 typing_ms == 0 ? HC_SIGNIN_PASSWORD_MS
							: typing_ms + HC_SIGNIN_CODE_MS);
			wait_out(rig, &visit);
			leave(&visit);
			if (visit.reason != rows[i].reason)
				fail_msg("row %zu: reason %u", i, visit.reason);
			assert_false(visit.had_person);
		}
		OK(hc_store_begin(rig->authd.store));
		OK(hc_store_throttle_clear(rig->authd.store, 1, 0, NULL, NULL));
		OK(hc_store_commit(rig->authd.store));
	}
}

static void the_verdict_is_on_disk_before_its_time_comes(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	int64_t before;
	struct visit visit;

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	hello(rig, &visit, "martin", IP);
	OK(answer(&visit, "typed"));
	hc_signin_password(visit.signin, HC_PASSWORD_WRONG);
	before = rig_trail_len(rig);
	OK(answer(&visit, "123456"));
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 1);
	assert_int_equal(rig_trail_len(rig), before + 1);
	hc_signin_closed(visit.signin); /* who leaves now has been refused already */
	assert_int_equal(rig_trail_len(rig), before + 1);
	hc_signin_free(&visit.signin);
}

static void the_code_waits_for_the_password_and_no_question_is_answered_twice(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	char code[16];

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	hello(rig, &visit, "martin", IP);
	OK(answer(&visit, "typed"));
	assert_string_equal(visit.typed, "typed");
	assert_string_equal(visit.login, "martin");
	OK(answer(&visit, rig_code(rig, RIG_SEED, 0, code)));
	assert_int_equal(visit.results, 0);
	assert_int_equal(hc_signin_state(visit.signin), HC_SESSION_WAITING);
	assert_int_equal(answer(&visit, code), HC_ERR_PROTOCOL);
	hc_signin_password(visit.signin, HC_PASSWORD_RIGHT);
	expect(&visit, HC_ALLOW, 0);
	hc_signin_password(visit.signin, HC_PASSWORD_RIGHT);
	assert_int_equal(answer(&visit, code), HC_ERR_PROTOCOL);
	leave(&visit);
}

static void wrong_passwords_lock_their_origin_and_codes_lock_everywhere(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct visit visit;
	char code[16];

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	for (unsigned i = 0; i < 5; i++)
		(void)sign_in(rig, "martin", "2001:db8::7", HC_PASSWORD_WRONG, "123456");
	visit = sign_in(rig, "martin", "2001:db8::8", HC_PASSWORD_RIGHT, rig_code(rig, RIG_SEED, 0, code));
	expect(&visit, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT);
	assert_true(visit.decoy && visit.retry_after_s == 30);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:2001:db8::/64").failures, 5);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 0);
	visit = sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, rig_code(rig, RIG_SEED, 0, code));
	expect(&visit, HC_ALLOW, 0);

	for (unsigned i = 0; i < 5; i++)
		(void)sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, rig_wrong_code(rig, RIG_SEED, code));
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 5);
	visit = sign_in(rig, "martin", "198.51.100.1", HC_PASSWORD_WRONG, "123456");
	expect(&visit, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT);
	/* A lock does not say what the password is worth, and counts nothing. */
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:198.51.100.1").failures, 0);
}

static void a_right_password_takes_its_own_count_back_and_no_other(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	char code[16];

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	(void)sign_in(rig, "martin", IP, HC_PASSWORD_WRONG, "123456");
	(void)sign_in(rig, "martin", "192.0.2.2", HC_PASSWORD_WRONG, "123456");
	(void)sign_in(rig, "martin", IP, HC_PASSWORD_RIGHT, rig_wrong_code(rig, RIG_SEED, code));
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 0);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:192.0.2.2").failures, 1);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_OTP, "").failures, 1);
}

static void a_decoy_whose_reason_ends_meanwhile_is_still_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct visit visit;
	char code[16];

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	OK(hc_store_begin(rig->authd.store));
	OK(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_DISABLED));
	OK(hc_store_commit(rig->authd.store));
	hello(rig, &visit, "martin", IP);
	OK(answer(&visit, "typed"));
	assert_true(visit.decoy);
	OK(hc_store_begin(rig->authd.store));
	OK(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_ACTIVE));
	OK(hc_store_commit(rig->authd.store));
	hc_signin_password(visit.signin, HC_PASSWORD_RIGHT); /* even if hc-password lied about a decoy */
	OK(answer(&visit, rig_code(rig, RIG_SEED, 0, code)));
	wait_out(rig, &visit);
	expect(&visit, HC_DENY, HC_REASON_PERSON_DISABLED);
	leave(&visit);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 0);
}

static void a_person_disabled_between_the_answers_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct visit visit;
	char code[16];

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	hello(rig, &visit, "martin", IP);
	OK(answer(&visit, "typed"));
	hc_signin_password(visit.signin, HC_PASSWORD_RIGHT);
	OK(hc_store_begin(rig->authd.store));
	OK(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_DISABLED));
	OK(hc_store_commit(rig->authd.store));
	OK(answer(&visit, rig_code(rig, RIG_SEED, 0, code)));
	wait_out(rig, &visit);
	expect(&visit, HC_DENY, HC_REASON_PERSON_DISABLED);
	leave(&visit);
}

static void what_the_gateway_never_sends_ends_the_connection(void **state)
{
	static const struct {
		uint32_t request, mode;
		const char *service, *address;
	} rows[] = {
		{HC_REQUEST_ACCOUNT, HC_MODE_PRIMARY, "gateway", IP},
		{HC_REQUEST_OPEN_SESSION, HC_MODE_PRIMARY, "gateway", IP},
		{HC_REQUEST_AUTHENTICATE, HC_MODE_SECOND_FACTOR, "gateway", IP},
		{HC_REQUEST_AUTHENTICATE, HC_MODE_PRIMARY, "gate way", IP},
		{HC_REQUEST_AUTHENTICATE, HC_MODE_PRIMARY, "gateway", NULL},
		{HC_REQUEST_AUTHENTICATE, HC_MODE_PRIMARY, "gateway", "ward-3"},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct visit visit;
		struct hc_msg msg;

		begin(rig, &visit);
		hc_msg_init(&msg, HC_MSG_HELLO);
		hc_msg_put_u32(&msg, HC_FIELD_REQUEST, rows[i].request);
		hc_msg_put_u32(&msg, HC_FIELD_MODE, rows[i].mode);
		hc_msg_put_u32(&msg, HC_FIELD_METHODS, HC_METHOD_TOTP);
		hc_msg_put_text(&msg, HC_FIELD_SERVICE, rows[i].service);
		hc_msg_put_text(&msg, HC_FIELD_RHOST, rows[i].address);
		if (deliver(&visit, &msg) != HC_ERR_PROTOCOL || visit.steps != 0)
			fail_msg("row %zu", i);
		hc_signin_free(&visit.signin);
	}
	assert_int_equal(rig_trail_len(rig), 0);
}

/* Sends a password, and leaves when hc-password has said that (or nothing: false). */
static void cancel(struct rig *rig, struct visit *visit, bool answered, enum hc_password password)
{
	struct hc_msg msg;

	hello(rig, visit, "martin", IP);
	OK(answer(visit, "typed"));
	if (answered)
		hc_signin_password(visit->signin, password);
	hc_msg_init(&msg, HC_MSG_CANCEL);
	OK(deliver(visit, &msg));
	expect(visit, HC_DENY, HC_REASON_CANCELLED);
	leave(visit);
}

static void whoever_leaves_before_the_verdict_has_no_more_tries_than_who_stays(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct visit visit;
	char code[16];

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	for (unsigned i = 0; i < 5; i++)
		cancel(rig, &visit, i % 2 == 0, HC_PASSWORD_WRONG);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 5);
	assert_string_equal(rig_trail(rig, 0).event, "sign-in");
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_CANCELLED);
	assert_string_equal(rig_trail(rig, 1).event, "lockout");
	/* And from now on hc-password is asked about nobody. */
	cancel(rig, &visit, false, HC_PASSWORD_WRONG);
	assert_true(visit.decoy);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 5);
	visit = sign_in(rig, "martin", "198.51.100.1", HC_PASSWORD_RIGHT, rig_code(rig, RIG_SEED, 0, code));
	expect(&visit, HC_ALLOW, 0);
}

static void cancel_time_out_and_leaving_are_recorded_and_a_right_password_does_not_count(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct visit visit;

	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	cancel(rig, &visit, true, HC_PASSWORD_RIGHT);

	hello(rig, &visit, "martin", IP);
	rig->clock.monotonic_ms = hc_signin_deadline_ms(visit.signin);
	hc_signin_timeout(visit.signin);
	expect(&visit, HC_DENY, HC_REASON_TIMED_OUT);
	leave(&visit);
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 0);

	hello(rig, &visit, "martin", IP);
	OK(answer(&visit, "typed"));
	OK(answer(&visit, "123456"));
	hc_signin_closed(visit.signin);
	hc_signin_password(visit.signin, HC_PASSWORD_RIGHT);
	assert_int_equal(visit.results, 0);
	hc_signin_free(&visit.signin);
	assert_string_equal(rig_trail(rig, 0).detail, "abandoned by the caller");
	/* What it was worth was not known yet. */
	assert_int_equal(counter(rig, person.id, HC_FACTOR_PASSWORD, "ip:" IP).failures, 1);
}

static void a_question_that_cannot_be_asked_is_not_a_yes(void **state)
{
	struct rig *rig = *state;
	struct visit visit;

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	hello(rig, &visit, "martin", IP);
	visit.ask_err = HC_ERR_NOMEM;
	OK(answer(&visit, "typed"));
	expect(&visit, HC_DENY_UNAVAILABLE, HC_REASON_INTERNAL);
	leave(&visit);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_right_code_is_worth_nothing_without_a_right_password_and_stays_unused),
		TEST(a_number_that_is_no_answer_is_not_a_yes),
		TEST(a_code_that_pam_has_taken_is_refused_and_the_reverse),
		TEST(everybody_is_asked_both_and_refused_at_the_same_time),
		TEST(the_verdict_is_on_disk_before_its_time_comes),
		TEST(the_code_waits_for_the_password_and_no_question_is_answered_twice),
		TEST(wrong_passwords_lock_their_origin_and_codes_lock_everywhere),
		TEST(a_right_password_takes_its_own_count_back_and_no_other),
		TEST(a_decoy_whose_reason_ends_meanwhile_is_still_refused),
		TEST(a_person_disabled_between_the_answers_is_refused),
		TEST(what_the_gateway_never_sends_ends_the_connection),
		TEST(whoever_leaves_before_the_verdict_has_no_more_tries_than_who_stays),
		TEST(cancel_time_out_and_leaving_are_recorded_and_a_right_password_does_not_count),
		TEST(a_question_that_cannot_be_asked_is_not_a_yes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
