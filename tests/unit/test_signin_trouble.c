/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's conversation over a store that fails, at each of its calls in turn: nobody is let on, every conversation
 * ends with a refusal, and a right code is still good afterwards.
 */
#include "signin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_store.h"
#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"

#define OK(expression) assert_int_equal((expression), HC_OK)

enum { FAIL_MAX = 96 };

static const struct hc_caller GATEWAY = {
	.kind = HC_CALLER_GATEWAY, .uid = 990, .actor = "uid 990 (hospiconnect-gateway)"};

struct visit {
	struct hc_signin *signin;
	unsigned results, asked;
	uint32_t verdict, reason;
	bool had_person, decoy;
};

static void hear(struct hc_msg *sent, void *ctx)
{
	struct visit *visit = ctx;
	static struct hc_msg msg;
	uint64_t person_id = 0;

	memcpy(msg.packet, sent->packet, sent->len);
	OK(hc_msg_parse(&msg, sent->len));
	if (msg.type != HC_MSG_RESULT)
		return;
	visit->results++;
	OK(hc_msg_u32(&msg, HC_FIELD_VERDICT, &visit->verdict));
	OK(hc_msg_u32(&msg, HC_FIELD_REASON, &visit->reason));
	visit->had_person = hc_msg_u64(&msg, HC_FIELD_PERSON_ID, &person_id) == HC_OK;
}

static enum hc_err ask(void *ctx, const struct hc_login *login, const struct hc_secret *password, bool decoy)
{
	struct visit *visit = ctx;

	(void)login;
	(void)password;
	visit->asked++;
	visit->decoy = decoy;
	return HC_OK;
}

static void deliver(struct visit *visit, struct hc_msg *msg)
{
	OK(hc_msg_finish(msg));
	OK(hc_msg_parse(msg, msg->len));
	if (visit->results == 0)
		OK(hc_signin_receive(visit->signin, msg));
}

static void answer(struct visit *visit, const char *text)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, text, strlen(text));
	deliver(visit, &msg);
}

static void hello(struct visit *visit)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_u32(&msg, HC_FIELD_METHODS, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	hc_msg_put_text(&msg, HC_FIELD_SERVICE, "gateway");
	hc_msg_put_text(&msg, HC_FIELD_USER, "martin");
	hc_msg_put_text(&msg, HC_FIELD_RHOST, "192.0.2.1");
	hc_msg_put_u32(&msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(&msg, HC_FIELD_MODE, HC_MODE_PRIMARY);
	deliver(visit, &msg);
}

/* A whole conversation, in which the n-th call of the store fails; a decoy's password is never right. */
static struct visit sign_in(struct rig *rig, int n, enum hc_err err, enum hc_password password,
			    const char *code)
{
	struct visit visit = {.signin = NULL};

	OK(hc_signin_new(&rig->authd, &GATEWAY, hear, ask, &visit, &visit.signin));
	arm(n, err);
	hello(&visit);
	answer(&visit, "typed");
	if (visit.asked > 0)
		hc_signin_password(visit.signin, visit.decoy ? HC_PASSWORD_WRONG : password);
	answer(&visit, code);
	if (visit.results == 0 && hc_signin_state(visit.signin) == HC_SESSION_WAITING) {
		rig->clock.monotonic_ms = hc_signin_deadline_ms(visit.signin);
		hc_signin_timeout(visit.signin);
	}
	disarm();
	hc_signin_free(&visit.signin);
	return visit;
}

static void martin(struct rig *rig)
{
	rig->log_expected = true;
	rig->config.policy.free_tries = 20;
	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
}

static void no_failing_call_lets_anybody_on(void **state)
{
	static const enum hc_err errors[] = {HC_ERR_IO, HC_ERR_FULL, HC_ERR_CORRUPT, HC_ERR_NOMEM};
	static const struct {
		enum hc_password password;
		bool right_code;
	} rows[] = {{HC_PASSWORD_WRONG, true}, {HC_PASSWORD_RIGHT, false}, {HC_PASSWORD_RIGHT, true}};
	struct rig *rig = *state;

	martin(rig);
	for (size_t i = 0; i < HC_COUNT(rows) * HC_COUNT(errors); i++) {
		const size_t row = i % HC_COUNT(rows);
		const bool good = rows[row].password == HC_PASSWORD_RIGHT && rows[row].right_code;
		char code[16];
		int n = 1;

		fake_clock_pass(&rig->clock, 60000);
		(void)(rows[row].right_code ? rig_code(rig, RIG_SEED, 0, code)
					    : rig_wrong_code(rig, RIG_SEED, code));
		for (bool failed = true; failed && n < FAIL_MAX; n++) {
			const struct visit visit =
				sign_in(rig, n, errors[i / HC_COUNT(rows)], rows[row].password, code);

			failed = fault.failed != NULL;
			if (visit.results != 1)
				fail_msg("row %zu call %d: %u results", row, n, visit.results);
			if ((visit.verdict == HC_ALLOW || visit.had_person) != (good && !failed))
				fail_msg("row %zu call %d (%s): verdict %x", row, n,
					 failed ? fault.failed : "none", visit.verdict);
		}
		assert_in_range(n, 6, FAIL_MAX - 1);
	}
	rig_trail_holds(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_failing_call_lets_anybody_on, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
