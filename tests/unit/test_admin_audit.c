/* SPDX-License-Identifier: Apache-2.0 */
/* The trail as an administrator sees it: lists, filters, heads, verification. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

static void note(struct rig *rig, enum hc_audit_event event, const char *login)
{
	const struct hc_audit_entry entry = {.event = event, .login = login, .actor = "uid 0 (root)"};

	assert_int_equal(hc_audit_note(rig->authd.audit, &entry), HC_OK);
}

static struct reply list(struct rig *rig, const char *login, const char *event, uint64_t since_ms,
			 uint32_t limit)
{
	struct hc_msg *request = rig_request(HC_MSG_AUDIT_LIST);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	hc_msg_put_text(request, HC_FIELD_EVENT, event);
	if (since_ms != 0)
		hc_msg_put_u64(request, HC_FIELD_SINCE_MS, since_ms);
	if (limit != 0)
		hc_msg_put_u32(request, HC_FIELD_LIMIT, limit);
	return rig_admin(rig, &rig->admin, &request);
}

static uint64_t seq_of(const struct reply *reply, size_t row)
{
	uint64_t seq = 0;

	assert_true(row < reply->row_count);
	assert_int_equal(hc_msg_u64(reply->rows[row], HC_FIELD_SEQ, &seq), HC_OK);
	return seq;
}

static void an_event_that_does_not_exist_is_refused(void **state)
{
	struct rig *rig = *state;
	struct reply reply = list(rig, NULL, "sign_in", 0, 0);

	assert_int_equal(reply.err, HC_ERR_INVALID);
	assert_int_equal(reply.reason, HC_REASON_INVALID_VALUE);
	assert_non_null(strstr(reply.text, "event"));
	reply_free(&reply);
}

static void an_empty_trail_is_an_empty_list_and_holds(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_AUDIT_VERIFY);
	struct reply reply = list(rig, NULL, NULL, 0, 5);

	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, 0);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.count, 0);
}

static void filters_choose_and_a_limit_keeps_the_newest(void **state)
{
	struct rig *rig = *state;
	struct reply reply;

	for (unsigned i = 0; i < 300; i++) {
		note(rig, i % 3 == 0 ? HC_AUDIT_SIGN_IN : HC_AUDIT_ACCOUNT, i % 2 == 0 ? "martin" : "durand");
		fake_clock_pass(&rig->clock, 1000);
	}
	reply = list(rig, NULL, NULL, 0, 0);
	assert_int_equal(reply.row_count, 300);
	assert_int_equal(reply.count, 300);
	assert_int_equal(seq_of(&reply, 0), 1);
	reply_free(&reply);

	reply = list(rig, "martin", "sign-in", 0, 0);
	assert_int_equal(reply.row_count, 50);
	assert_int_equal(seq_of(&reply, 1), 7);
	reply_free(&reply);

	reply = list(rig, "durand", "sign-in", 0, 3);
	assert_int_equal(reply.row_count, 3);
	assert_int_equal(seq_of(&reply, 0), 286);
	assert_int_equal(seq_of(&reply, 2), 298);
	reply_free(&reply);

	reply = list(rig, NULL, NULL, 0, 500);
	assert_int_equal(reply.row_count, 300);
	reply_free(&reply);

	reply = list(rig, NULL, NULL, RIG_NOW + 298000, 0);
	assert_int_equal(reply.row_count, 2);
	assert_int_equal(seq_of(&reply, 0), 299);
	reply_free(&reply);

	reply = list(rig, "nobody", NULL, 0, 2);
	assert_int_equal(reply.row_count, 0);
	reply_free(&reply);
}

static void the_list_does_not_hold_up_the_loop_for_longer_than_a_slice(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(msg) request = NULL;
	HC_AUTO(msg) out = NULL;
	HC_AUTO(admin_job) job = NULL;
	unsigned calls = 0;
	bool ready = false, done = false;

	for (unsigned i = 0; i < 200; i++)
		note(rig, HC_AUDIT_ACCOUNT, "martin");
	request = rig_request(HC_MSG_AUDIT_LIST);
	hc_msg_put_text(request, HC_FIELD_EVENT, "sign-in");
	assert_int_equal(hc_msg_finish(request), HC_OK);
	assert_int_equal(hc_msg_parse(request, request->len), HC_OK);
	assert_int_equal(hc_msg_new(&out), HC_OK);
	assert_int_equal(hc_admin_start(&rig->authd, &rig->admin, request, &job), HC_OK);
	while (!done) {
		assert_int_equal(hc_admin_next(job, out, &ready, &done), HC_OK);
		assert_true(ready == done); /* nothing matches */
		calls++;
	}
	assert_in_range(calls, 200 / 64 + 1, 8);
	assert_int_equal(hc_admin_next(job, out, &ready, &done), HC_ERR_STATE);
}

static void fetch_head(struct rig *rig, struct hc_msg **anchor)
{
	static const enum hc_field bytes[] = {HC_FIELD_HASH, HC_FIELD_PUBLIC_KEY, HC_FIELD_SIGNATURE};
	static const enum hc_field numbers[] = {HC_FIELD_SEQ, HC_FIELD_TIME_MS};
	struct hc_msg *request = rig_request(HC_MSG_AUDIT_HEAD);
	struct reply reply = rig_admin(rig, &rig->admin, &request);

	assert_int_equal(reply.row_count, 1);
	*anchor = rig_request(HC_MSG_AUDIT_VERIFY);
	for (size_t i = 0; i < HC_COUNT(bytes); i++) {
		const uint8_t *view;
		size_t len;

		assert_int_equal(hc_msg_bytes(reply.rows[0], bytes[i], &view, &len), HC_OK);
		hc_msg_put_bytes(*anchor, bytes[i], view, len);
	}
	for (size_t i = 0; i < HC_COUNT(numbers); i++) {
		uint64_t value = 0;

		assert_int_equal(hc_msg_u64(reply.rows[0], numbers[i], &value), HC_OK);
		hc_msg_put_u64(*anchor, numbers[i], value);
	}
	reply_free(&reply);
}

static void a_whole_trail_holds_with_and_without_its_anchor(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *anchor, *plain = rig_request(HC_MSG_AUDIT_VERIFY);
	struct reply reply;

	for (unsigned i = 0; i < 100; i++)
		note(rig, HC_AUDIT_SIGN_IN, "martin");
	fetch_head(rig, &anchor);
	for (unsigned i = 0; i < 50; i++)
		note(rig, HC_AUDIT_SIGN_IN, "martin");
	reply = rig_admin(rig, &rig->admin, &plain);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.count, 150);
	reply = rig_admin(rig, &rig->admin, &anchor);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.count, 150);
}

static void an_anchor_of_another_trail_or_with_parts_missing_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig other;
	struct hc_msg *anchor, *part = rig_request(HC_MSG_AUDIT_VERIFY);
	struct reply reply;

	note(rig, HC_AUDIT_SIGN_IN, "martin");
	rig_open(&other);
	note(&other, HC_AUDIT_SIGN_IN, "martin");
	fetch_head(&other, &anchor);
	rig_close(&other);
	reply = rig_admin(rig, &rig->admin, &anchor);
	assert_int_equal(reply.err, HC_ERR_INVALID);
	assert_int_equal(reply.reason, HC_REASON_ANCHOR_INVALID);

	hc_msg_put_u64(part, HC_FIELD_SEQ, 1);
	reply = rig_admin(rig, &rig->admin, &part);
	assert_int_equal(reply.err, HC_ERR_INVALID);
	assert_int_equal(reply.reason, HC_REASON_ANCHOR_INVALID);
}

static void a_trail_whose_chain_does_not_hold_is_told_with_the_record(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record forged;
	struct hc_msg *request = rig_request(HC_MSG_AUDIT_VERIFY);
	struct reply reply;

	note(rig, HC_AUDIT_SIGN_IN, "martin");
	forged = rig_trail(rig, 0);
	forged.seq++;
	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_audit_append(rig->authd.store, &forged), HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_ERR_CORRUPT);
	assert_int_equal(reply.reason, HC_REASON_AUDIT_BROKEN);
	assert_int_equal(reply.count, 1);
	assert_non_null(strstr(reply.text, "record 2"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_event_that_does_not_exist_is_refused),
		TEST(an_empty_trail_is_an_empty_list_and_holds),
		TEST(filters_choose_and_a_limit_keeps_the_newest),
		TEST(the_list_does_not_hold_up_the_loop_for_longer_than_a_slice),
		TEST(a_whole_trail_holds_with_and_without_its_anchor),
		TEST(an_anchor_of_another_trail_or_with_parts_missing_is_refused),
		TEST(a_trail_whose_chain_does_not_hold_is_told_with_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
