/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a card in a reader, for an administrator: what a helper may say and ask for. */
#include "admin_cps_support.h"

/* ---- a card in a reader ---- */

static struct hc_admin_job *read_card(struct rig *rig)
{
	struct hc_msg *request = rig_request(HC_MSG_CPS_READ);
	struct hc_admin_job *job = NULL;

	assert_int_equal(hc_msg_finish(request), HC_OK);
	assert_int_equal(hc_msg_parse(request, request->len), HC_OK);
	assert_int_equal(hc_admin_start(&rig->authd, &rig->admin, request, &job), HC_OK);
	hc_msg_free(&request);
	return job;
}

static enum hc_admin_device_act said(struct hc_admin_job *job, struct hc_msg *msg, struct hc_msg *out)
{
	assert_int_equal(hc_msg_finish(msg), HC_OK);
	assert_int_equal(hc_msg_parse(msg, msg->len), HC_OK);
	hc_msg_init(out, HC_MSG_INFO);
	return hc_admin_device(job, msg, out);
}

static void a_helper_that_asks_for_a_pin_or_a_touch_is_broken_off(void **state)
{
	static const struct {
		enum hc_msg_type type;
		enum hc_field field;
		uint32_t value;
	} rows[] = {{HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN},
		    {HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_NEW_PIN},
		    {HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE},
		    {HC_MSG_DEVICE_WAIT, HC_FIELD_DEVICE_WAIT, HC_DEVICE_TOUCH},
		    {HC_MSG_DEVICE_WAIT, HC_FIELD_DEVICE_WAIT, 0}};
	struct hc_admin_job *job = read_card(*state);
	static struct hc_msg msg, out;

	assert_true(hc_admin_waits(job));
	assert_int_equal(hc_admin_device_helper(job), HC_HELPER_PKCS11);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		hc_msg_init(&msg, rows[i].type);
		hc_msg_put_u32(&msg, rows[i].field, rows[i].value);
		if (said(job, &msg, &out) != HC_ADMIN_DEVICE_BREAK)
			fail_msg("row %zu", i);
	}
	hc_admin_job_free(&job);
}

static void choices_are_listed_and_hostile_ones_end_it(void **state)
{
	static const struct {
		size_t len;
		uint8_t list[16];
		enum hc_admin_device_act act;
	} rows[] = {{10, {0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'}, HC_ADMIN_DEVICE_SEND},
		    {5, {0, 0, 0, 2, 'a'}, HC_ADMIN_DEVICE_BREAK},
		    {5, {0, 0, 0, 1, 0}, HC_ADMIN_DEVICE_BREAK},
		    {4, {0, 0, 2, 0}, HC_ADMIN_DEVICE_BREAK},
		    {1, {0}, HC_ADMIN_DEVICE_BREAK},
		    {0, {0}, HC_ADMIN_DEVICE_BREAK}};
	static struct hc_msg msg, out;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_admin_job *job = read_card(*state);

		hc_msg_init(&msg, HC_MSG_DEVICE_ASK);
		hc_msg_put_u32(&msg, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE);
		hc_msg_put_bytes(&msg, HC_FIELD_CHOICES, rows[i].list, rows[i].len);
		if (said(job, &msg, &out) != rows[i].act)
			fail_msg("row %zu", i);
		assert_int_equal(hc_admin_device_asks(job), rows[i].act == HC_ADMIN_DEVICE_SEND);
		hc_admin_job_free(&job);
	}
}

static void what_a_reader_gives_is_read_before_it_is_passed_on(void **state)
{
	static struct hc_msg msg, out;
	const struct der card = good_card();
	struct hc_admin_job *job;
	bool ready = false, done = false;

	for (size_t i = 0; i < 2; i++) {
		job = read_card(*state);
		hc_msg_init(&msg, HC_MSG_DEVICE_DONE);
		hc_msg_put_bytes(&msg, HC_FIELD_CERTIFICATE, card.data, i == 0 ? card.len - 1 : card.len);
		assert_int_equal(said(job, &msg, &out), HC_ADMIN_DEVICE_END);
		assert_false(hc_admin_waits(job));
		assert_int_equal(hc_admin_next(job, &out, &ready, &done), HC_OK);
		assert_true(ready);
		assert_int_equal(hc_msg_parse(&out, out.len), HC_OK);
		assert_int_equal(out.type, i == 0 ? HC_MSG_END : HC_MSG_ROW);
		hc_admin_job_free(&job);
	}
}

static void without_a_module_nothing_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_CPS_READ);

	rig->config.cps.module[0] = '\0';
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_REASON_INVALID_VALUE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_helper_that_asks_for_a_pin_or_a_touch_is_broken_off),
		TEST(choices_are_listed_and_hostile_ones_end_it),
		TEST(what_a_reader_gives_is_read_before_it_is_passed_on),
		TEST(without_a_module_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
