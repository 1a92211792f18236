/* SPDX-License-Identifier: Apache-2.0 */
/* What hc-pkcs11 takes for an operation, and whose turn it is on the link. */
#include "pkcs11_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/reason.h"

static struct hc_msg msg;

static void begin(uint32_t operation, const char *module, uint32_t timeout_s)
{
	hc_msg_init(&msg, HC_MSG_DEVICE_START);
	hc_msg_put_u32(&msg, HC_FIELD_DEVICE_OPERATION, operation);
	hc_msg_put_text(&msg, HC_FIELD_MODULE, module);
	hc_msg_put_u32(&msg, HC_FIELD_TIMEOUT_S, timeout_s);
}

static enum hc_err parse(struct hc_p11_request *request)
{
	if (hc_msg_finish(&msg) != HC_OK || hc_msg_parse(&msg, msg.len) != HC_OK)
		fail_msg("no message");
	return hc_p11_request_parse(&msg, request);
}

static void an_operation_of_a_key_is_refused(void **state)
{
	static const uint32_t operations[] = {0, HC_DEVICE_ASSERT, HC_DEVICE_MAKE, HC_DEVICE_SET_PIN,
					      7, UINT32_MAX};
	struct hc_p11_request request;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(operations); i++) {
		begin(operations[i], "/m.so", 10);
		if (parse(&request) != HC_ERR_PROTOCOL)
			fail_msg("row %zu: taken", i);
	}
}

static void a_module_that_is_searched_for_is_refused(void **state)
{
	struct hc_p11_request request;

	(void)state;
	begin(HC_DEVICE_LIST, "m.so", 10);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_LIST, NULL, 10);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_LIST, "/m.so", 10);
	assert_int_equal(parse(&request), HC_OK);
	assert_string_equal(request.module, "/m.so");
	assert_false(request.present_only);
}

static void a_message_is_signed_by_sign_alone(void **state)
{
	struct hc_p11_request request;

	(void)state;
	begin(HC_DEVICE_SIGN, "/m.so", 10);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_SIGN, "/m.so", 10);
	hc_msg_put_bytes(&msg, HC_FIELD_TO_SIGN, "", 0);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_READ, "/m.so", 10);
	hc_msg_put_bytes(&msg, HC_FIELD_TO_SIGN, "x", 1);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_SIGN, "/m.so", 600);
	hc_msg_put_bytes(&msg, HC_FIELD_TO_SIGN, "message", 7);
	hc_msg_put_u32(&msg, HC_FIELD_FLAGS, HC_DEVICE_FLAG_PRESENT);
	assert_int_equal(parse(&request), HC_OK);
	assert_int_equal(request.message_len, 7);
	assert_memory_equal(request.message, "message", 7);
	assert_int_equal(request.timeout_ms, 600000);
	assert_true(request.present_only);
}

static void what_the_operation_has_no_use_for_is_refused(void **state)
{
	struct hc_p11_request request;

	(void)state;
	begin(HC_DEVICE_READ, "/m.so", 10);
	hc_msg_put_u32(&msg, HC_FIELD_FLAGS, HC_DEVICE_FLAG_UV);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_READ, "/m.so", 10);
	hc_msg_put_text(&msg, HC_FIELD_RP_ID, "x");
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_READ, "/m.so", 0);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
	begin(HC_DEVICE_READ, "/m.so", HC_DEVICE_TIMEOUT_MAX_S + 1);
	assert_int_equal(parse(&request), HC_ERR_PROTOCOL);
}

/* ---- turns ---- */

static const struct hc_msg *of_type(enum hc_msg_type type)
{
	hc_msg_init(&msg, type);
	if (type == HC_MSG_DEVICE_ANSWER)
		hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "1234", 4);
	if (hc_msg_finish(&msg) != HC_OK || hc_msg_parse(&msg, msg.len) != HC_OK)
		fail_msg("no message");
	return &msg;
}

static void the_broker_answers_questions_only(void **state)
{
	enum hc_p11_link_state link = HC_P11_LINK_WORKING;

	(void)state;
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_ANSWER)), HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_START)), HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_ASK)), HC_OK);
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_ANSWER)), HC_OK);
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_ANSWER)), HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_CANCEL)), HC_OK);
	link = HC_P11_LINK_ENDED;
	assert_int_equal(hc_p11_from_broker(&link, of_type(HC_MSG_DEVICE_CANCEL)), HC_ERR_PROTOCOL);
}

static void the_modules_process_asks_once_and_ends_once(void **state)
{
	enum hc_p11_link_state link = HC_P11_LINK_WORKING;

	(void)state;
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_ITEM)),
			 HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_LIST, of_type(HC_MSG_DEVICE_ASK)),
			 HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_ANSWER)),
			 HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_RESULT)), HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_ASK)), HC_OK);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_ASK)),
			 HC_ERR_PROTOCOL);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_WAIT)), HC_OK);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_DONE)), HC_OK);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, of_type(HC_MSG_DEVICE_FAILED)),
			 HC_ERR_PROTOCOL);
}

static void the_modules_process_cannot_say_more_than_its_turn_has(void **state)
{
	enum hc_p11_link_state link = HC_P11_LINK_WORKING;

	(void)state;
	hc_msg_init(&msg, HC_MSG_DEVICE_DONE);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(hc_p11_from_module(&link, HC_DEVICE_SIGN, &msg), HC_ERR_PROTOCOL);
	assert_int_equal(link, HC_P11_LINK_WORKING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_of_a_key_is_refused),
		cmocka_unit_test(a_module_that_is_searched_for_is_refused),
		cmocka_unit_test(a_message_is_signed_by_sign_alone),
		cmocka_unit_test(what_the_operation_has_no_use_for_is_refused),
		cmocka_unit_test(the_broker_answers_questions_only),
		cmocka_unit_test(the_modules_process_asks_once_and_ends_once),
		cmocka_unit_test(the_modules_process_cannot_say_more_than_its_turn_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
