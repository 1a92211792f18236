/* SPDX-License-Identifier: Apache-2.0 */
/* The permission table, compared with what the protocol allows, over every combination and beyond. */
#include "permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"

static void an_administrator_may_not_sign_in_and_a_user_may_not_administer(void **state)
{
	(void)state;
	assert_false(hc_permit(HC_MSG_HELLO, HC_CALLER_ADMIN, HC_SESSION_NEW));
	assert_false(hc_permit(HC_MSG_ANSWER, HC_CALLER_ADMIN, HC_SESSION_NEW));
	assert_false(hc_permit(HC_MSG_ANSWER, HC_CALLER_ADMIN, HC_SESSION_WAITING));
	assert_false(hc_permit(HC_MSG_USER_ADD, HC_CALLER_USER, HC_SESSION_NEW));
	assert_false(hc_permit(HC_MSG_USER_ADD, HC_CALLER_ROOT, HC_SESSION_NEW));
}

static void the_gateway_may_not_administer_and_nobody_else_may_ask_about_persons(void **state)
{
	static const enum hc_msg_type forbidden[] = {
		HC_MSG_USER_ADD,	  HC_MSG_USER_LIST,	HC_MSG_ENROLL_OTP, HC_MSG_ENROLL_RECOVERY,
		HC_MSG_CREDENTIAL_REVOKE, HC_MSG_LOCKOUT_CLEAR, HC_MSG_AUDIT_LIST, HC_MSG_PASSWORD_CHECK};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(forbidden); i++)
		assert_false(hc_permit(forbidden[i], HC_CALLER_GATEWAY, HC_SESSION_NEW));
	for (int caller = HC_CALLER_ROOT; caller <= HC_CALLER_ADMIN; caller++) {
		assert_false(hc_permit(HC_MSG_PERSON_GET, (enum hc_caller_kind)caller, HC_SESSION_NEW));
		assert_false(hc_permit(HC_MSG_WATCH, (enum hc_caller_kind)caller, HC_SESSION_NEW));
		assert_false(hc_permit(HC_MSG_EVENT, (enum hc_caller_kind)caller, HC_SESSION_NEW));
		assert_false(hc_permit(HC_MSG_EVENTS_END, (enum hc_caller_kind)caller, HC_SESSION_NEW));
	}
	assert_false(hc_permit(HC_MSG_ANSWER, HC_CALLER_GATEWAY, HC_SESSION_WAITING));
	assert_false(hc_permit(HC_MSG_HELLO, HC_CALLER_GATEWAY, HC_SESSION_WAITING));
}

static void an_answer_without_a_question_is_refused(void **state)
{
	(void)state;
	assert_false(hc_permit(HC_MSG_ANSWER, HC_CALLER_ROOT, HC_SESSION_NEW));
	assert_false(hc_permit(HC_MSG_ANSWER, HC_CALLER_ROOT, HC_SESSION_DONE));
	assert_false(hc_permit(HC_MSG_HELLO, HC_CALLER_ROOT, HC_SESSION_ASKING));
	assert_false(hc_permit(HC_MSG_HELLO, HC_CALLER_ROOT, HC_SESSION_DONE));
}

/* What only the broker says is refused from anybody. */
static void what_the_broker_says_nobody_may_say_to_it(void **state)
{
	static const enum hc_msg_type types[] = {HC_MSG_STEP,
						 HC_MSG_INFO,
						 HC_MSG_RESULT,
						 HC_MSG_KEEPALIVE,
						 HC_MSG_ROW,
						 HC_MSG_END,
						 HC_MSG_PERSON,
						 HC_MSG_PERSON_CHANGED,
						 HC_MSG_EVENTS_KEPT,
						 HC_MSG_PASSWORD_CHECK,
						 HC_MSG_PASSWORD_RESULT,
						 HC_MSG_DEVICE_START,
						 HC_MSG_DEVICE_WAIT,
						 HC_MSG_DEVICE_ASK,
						 HC_MSG_DEVICE_ANSWER,
						 HC_MSG_DEVICE_CANCEL,
						 HC_MSG_DEVICE_DONE,
						 HC_MSG_DEVICE_FAILED,
						 HC_MSG_DEVICE_ITEM};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(types); i++) {
		for (int caller = HC_CALLER_ROOT; caller <= HC_CALLER_GATEWAY; caller++) {
			for (int at = HC_SESSION_NEW; at <= HC_SESSION_DEVICE; at++) {
				if (hc_permit(types[i], (enum hc_caller_kind)caller,
					      (enum hc_session_state)at))
					fail_msg("row %zu: type %d allowed to %d in %d", i, types[i], caller,
						 at);
			}
		}
	}
}

static bool is_request(int type)
{
	static const int requests[] = {100, 110, 111, 112, 113, 114, 115, 120, 121, 122, 123, 124,
				       125, 126, 130, 131, 132, 140, 141, 150, 151, 152, 190, 191};

	for (size_t i = 0; i < HC_COUNT(requests); i++) {
		if (requests[i] == type)
			return true;
	}
	return false;
}

/* The protocol's own words, written down a second time. */
static bool expected(int type, int caller, int at)
{
	if (caller == HC_CALLER_ADMIN && is_request(type))
		return at == HC_SESSION_NEW;
	if (caller == HC_CALLER_GATEWAY && (type == HC_MSG_PERSON_GET || type == HC_MSG_WATCH ||
					    type == HC_MSG_EVENT || type == HC_MSG_EVENTS_END))
		return at == HC_SESSION_NEW;
	if (caller < HC_CALLER_ROOT || caller > HC_CALLER_GATEWAY)
		return false;
	if (type == HC_MSG_HELLO)
		return at == HC_SESSION_NEW && caller != HC_CALLER_ADMIN;
	if (type == HC_MSG_CANCEL)
		return at == HC_SESSION_ASKING || at == HC_SESSION_DEVICE;
	return at == HC_SESSION_ASKING && type == HC_MSG_ANSWER;
}

static void nothing_is_allowed_that_the_protocol_does_not_name(void **state)
{
	(void)state;
	for (int type = -1; type < 1024; type++) {
		for (int caller = -1; caller < 70; caller++) {
			for (int at = -1; at < 70; at++) {
				bool allowed = hc_permit((enum hc_msg_type)type, (enum hc_caller_kind)caller,
							 (enum hc_session_state)at);

				if (allowed != expected(type, caller, at))
					fail_msg("type %d caller %d state %d: %d", type, caller, at, allowed);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_administrator_may_not_sign_in_and_a_user_may_not_administer),
		cmocka_unit_test(the_gateway_may_not_administer_and_nobody_else_may_ask_about_persons),
		cmocka_unit_test(an_answer_without_a_question_is_refused),
		cmocka_unit_test(what_the_broker_says_nobody_may_say_to_it),
		cmocka_unit_test(nothing_is_allowed_that_the_protocol_does_not_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
