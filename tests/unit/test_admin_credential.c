/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of credentials: enrolment, confirmation, lists, revocation. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

static struct hc_msg *enroll_request(void)
{
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_OTP);

	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	return request;
}

static struct reply with_id(struct rig *rig, enum hc_msg_type type, const char *id, enum hc_field field,
			    const char *value)
{
	struct hc_msg *request = rig_request(type);

	hc_msg_put_text(request, HC_FIELD_CREDENTIAL_ID, id);
	if (field == HC_FIELD_CODE && value != NULL)
		hc_msg_put_bytes(request, field, value, strlen(value));
	else
		hc_msg_put_text(request, field, value);
	return rig_admin(rig, &rig->admin, &request);
}

static struct reply list(struct rig *rig)
{
	struct hc_msg *request = rig_request(HC_MSG_CREDENTIAL_LIST);

	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	return rig_admin(rig, &rig->admin, &request);
}

static void assert_refused(struct reply reply, enum hc_err err, enum hc_reason reason)
{
	assert_int_equal(reply.err, err);
	assert_int_equal(reply.reason, reason);
	assert_int_equal(reply.row_count, 0);
	assert_true(reply.text[0] != '\0');
	reply_free(&reply);
}

static void bad_text(struct hc_msg *msg, unsigned row)
{
	static const struct {
		enum hc_field field;
		const char *value;
	} texts[] = {{HC_FIELD_CREDENTIAL_TYPE, "fido2"},
		     {HC_FIELD_CREDENTIAL_TYPE, "TOTP"},
		     {HC_FIELD_ALGORITHM, "MD5"},
		     {HC_FIELD_ALGORITHM, "sha1"},
		     {HC_FIELD_LABEL, "a\nb"},
		     {HC_FIELD_PROOFED_BY, "a\x1b"},
		     {HC_FIELD_DOCUMENT, "\xc2\x85"}};

	hc_msg_put_text(msg, texts[row].field, texts[row].value);
}

static void bad_number(struct hc_msg *msg, unsigned row)
{
	static const struct {
		enum hc_field field;
		uint32_t value;
	} numbers[] = {{HC_FIELD_DIGITS, 7},	 {HC_FIELD_DIGITS, 0},	{HC_FIELD_PERIOD_S, 14},
		       {HC_FIELD_PERIOD_S, 121}, {HC_FIELD_CONFIRM, 2}, {HC_FIELD_FACE_TO_FACE, 2}};

	hc_msg_put_u32(msg, numbers[row].field, numbers[row].value);
}

static void bad_seed(struct hc_msg *msg, unsigned row)
{
	static const size_t lens[] = {0, 1, 15, 65, 128};
	uint8_t seed[128] = {0};

	hc_msg_put_bytes(msg, HC_FIELD_SEED, seed, lens[row]);
}

static void bad_hotp(struct hc_msg *msg, unsigned row)
{
	hc_msg_put_text(msg, HC_FIELD_CREDENTIAL_TYPE, "hotp");
	if (row == 0)
		hc_msg_put_u32(msg, HC_FIELD_PERIOD_S, 30);
	else
		hc_msg_put_text(msg, HC_FIELD_ALGORITHM, "SHA256");
}

static void bad_values_enroll_nothing(void **state)
{
	static const struct {
		void (*spoil)(struct hc_msg *msg, unsigned row);
		unsigned rows;
	} table[] = {{bad_text, 7}, {bad_number, 6}, {bad_seed, 5}, {bad_hotp, 2}};
	struct rig *rig = *state;
	struct reply reply;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		for (unsigned row = 0; row < table[i].rows; row++) {
			struct hc_msg *request = enroll_request();

			table[i].spoil(request, row);
			reply = rig_admin(rig, &rig->admin, &request);
			if (reply.err != HC_ERR_INVALID || reply.reason != HC_REASON_INVALID_VALUE)
				fail_msg("table %zu row %u: %s", i, row, reply.text);
			reply_free(&reply);
		}
	}
	reply = list(rig);
	assert_int_equal(reply.row_count, 0);
	assert_int_equal(rig_trail_len(rig), 0);
	reply_free(&reply);
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_OTP);

	hc_msg_put_text(request, HC_FIELD_LOGIN, "nobody");
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_NOTFOUND, HC_REASON_NO_SUCH_PERSON);
}

static void a_required_proofing_record_must_be_there(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request;
	struct reply reply;
	char text[2049];

	rig->config.policy.require_proofing = true;
	rig_person(rig, "martin");
	request = enroll_request();
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_INVALID, HC_REASON_PROOFING_MISSING);
	request = enroll_request();
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, "DRH");
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_INVALID, HC_REASON_PROOFING_MISSING);
	request = rig_request(HC_MSG_ENROLL_RECOVERY);
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_INVALID, HC_REASON_PROOFING_MISSING);

	request = enroll_request();
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, "DRH");
	hc_msg_put_text(request, HC_FIELD_DOCUMENT, "passeport");
	hc_msg_put_u32(request, HC_FIELD_FACE_TO_FACE, 1);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
	assert_string_equal(rig_trail(rig, 0).detail,
			    "state=pending digits=6 period=30 seed=made proofed-by=DRH"
			    " document=passeport face-to-face=yes");
	reply = list(rig);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_PROOFED_BY, text), "DRH");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_DOCUMENT, text), "passeport");
	reply_free(&reply);
}

/* A pending TOTP of martin's over RIG_SEED. */
static void enroll_pending(struct rig *rig, char id[2049])
{
	struct hc_msg *request = enroll_request();
	struct reply reply;
	char text[2049];

	rig_person(rig, "martin");
	hc_msg_put_bytes(request, HC_FIELD_SEED, RIG_SEED, strlen(RIG_SEED));
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, 1);
	reply_text(&reply, 0, HC_FIELD_CREDENTIAL_ID, id);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_STATE, text), "pending");
	reply_free(&reply);
}

static void a_device_is_pending_until_its_code_confirms_it(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record record;
	struct reply reply;
	char id[2049], code[16], wrong[16];

	enroll_pending(rig, id);
	record = rig_trail(rig, 0);
	assert_string_equal(record.event, "enroll");
	assert_string_equal(record.credential, id);
	assert_null(strstr(record.detail, RIG_SEED));
	rig_code(rig, RIG_SEED, 0, code);
	assert_int_equal(rig_sign_in(rig, "martin", code).reason, HC_REASON_NOT_ENROLLED);

	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_CONFIRM, id, HC_FIELD_CODE,
			       rig_wrong_code(rig, RIG_SEED, wrong)),
		       HC_ERR_PERM, HC_REASON_CONFIRMATION_FAILED);
	record = rig_trail(rig, 0);
	assert_string_equal(record.event, "credential-confirm");
	assert_string_equal(record.outcome, "failure");
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_CONFIRM, id, HC_FIELD_CODE, NULL), HC_ERR_INVALID,
		       HC_REASON_INVALID_VALUE);
	reply = with_id(rig, HC_MSG_CREDENTIAL_CONFIRM, id, HC_FIELD_CODE, code);
	assert_int_equal(reply.err, HC_OK);
	record = rig_trail(rig, 0);
	assert_string_equal(record.outcome, "success");
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_CONFIRM, id, HC_FIELD_CODE, code), HC_ERR_STATE,
		       HC_REASON_WRONG_STATE);
	fake_clock_pass(&rig->clock, 30000);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
}

static void a_device_is_revoked_with_a_reason_and_once(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record record;
	struct reply reply;
	char id[2049], text[2049];

	rig_person(rig, "durand");
	enroll_pending(rig, id);
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_REVOKE, id, HC_FIELD_REVOKE_REASON, ""), HC_ERR_INVALID,
		       HC_REASON_REASON_MISSING);
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_REVOKE, "aaaaaaaaaaaa", HC_FIELD_REVOKE_REASON, "lost"),
		       HC_ERR_NOTFOUND, HC_REASON_NO_SUCH_CREDENTIAL);
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_REVOKE, "no id", HC_FIELD_REVOKE_REASON, "lost"),
		       HC_ERR_NOTFOUND, HC_REASON_NO_SUCH_CREDENTIAL);
	reply = with_id(rig, HC_MSG_CREDENTIAL_REVOKE, id, HC_FIELD_REVOKE_REASON, "perdu");
	assert_int_equal(reply.err, HC_OK);
	record = rig_trail(rig, 0);
	assert_string_equal(record.event, "credential-revoke");
	assert_string_equal(record.detail, "perdu");
	assert_string_equal(record.login, "martin");
	assert_refused(with_id(rig, HC_MSG_CREDENTIAL_REVOKE, id, HC_FIELD_REVOKE_REASON, "lost"),
		       HC_ERR_STATE, HC_REASON_WRONG_STATE);

	reply = list(rig);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_STATE, text), "revoked");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_REVOKE_REASON, text), "perdu");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_ALGORITHM, text), "SHA1");
	assert_false(hc_msg_has(reply.rows[0], HC_FIELD_SEED) || hc_msg_has(reply.rows[0], HC_FIELD_URI));
	reply_free(&reply);
	rig_trail_holds(rig);
}

static void a_hotp_device_is_active_at_once_where_asked(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = enroll_request();
	struct reply reply;
	uint64_t counter = 7;
	char text[2049], code[16];

	rig_person(rig, "martin");
	hc_msg_put_text(request, HC_FIELD_CREDENTIAL_TYPE, "hotp");
	hc_msg_put_bytes(request, HC_FIELD_SEED, RIG_SEED, strlen(RIG_SEED));
	hc_msg_put_u32(request, HC_FIELD_CONFIRM, 0);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_STATE, text), "active");
	reply_free(&reply);
	assert_string_equal(rig_trail(rig, 0).factor, "hotp");
	assert_int_equal(rig_sign_in(rig, "martin", rig_hotp_code(RIG_SEED, 0, code)).verdict, HC_ALLOW);
	reply = list(rig);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_CREDENTIAL_TYPE, text), "hotp");
	assert_int_equal(hc_msg_u64(reply.rows[0], HC_FIELD_COUNTER, &counter), HC_OK);
	assert_int_equal(counter, 1);
	assert_false(hc_msg_has(reply.rows[0], HC_FIELD_DRIFT));
	reply_free(&reply);
}

static void a_drift_behind_us_travels_as_twos_complement(void **state)
{
	struct rig *rig = *state;
	struct reply reply;
	uint64_t drift = 0;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, -1, code)).verdict, HC_ALLOW);
	reply = list(rig);
	assert_int_equal(hc_msg_u64(reply.rows[0], HC_FIELD_DRIFT, &drift), HC_OK);
	assert_true((int64_t)drift == -1);
	reply_free(&reply);
}

static void recovery_codes_are_given_once_and_replace_the_former(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_RECOVERY);
	struct reply reply;
	uint32_t left = 0;
	const uint8_t *view;
	size_t len;
	char first[HC_RECOVERY_CODE_LEN + 1] = "", text[2049];

	rig_person(rig, "martin");
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, 1 + HC_RECOVERY_CODES);
	assert_int_equal(strlen(reply_text(&reply, 0, HC_FIELD_CREDENTIAL_ID, text)), HC_CREDENTIAL_ID_LEN);
	for (size_t i = 1; i < reply.row_count; i++) {
		assert_int_equal(hc_msg_bytes(reply.rows[i], HC_FIELD_CODE, &view, &len), HC_OK);
		assert_int_equal(len, HC_RECOVERY_CODE_LEN);
		if (i == 1)
			memcpy(first, view, len);
	}
	reply_free(&reply);
	assert_int_equal(rig_sign_in(rig, "martin", first).verdict, HC_ALLOW);

	reply = list(rig);
	assert_int_equal(hc_msg_u32(reply.rows[0], HC_FIELD_CODES_LEFT, &left), HC_OK);
	assert_int_equal(left, HC_RECOVERY_CODES - 1);
	reply_free(&reply);

	request = rig_request(HC_MSG_ENROLL_RECOVERY);
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	reply = rig_admin(rig, &rig->admin, &request);
	reply_free(&reply);
	assert_string_equal(rig_trail(rig, 0).factor, "recovery");
	reply = list(rig);
	assert_int_equal(reply.row_count, 2);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_STATE, text), "revoked");
	assert_string_equal(reply_text(&reply, 1, HC_FIELD_STATE, text), "active");
	reply_free(&reply);
}

static void a_person_who_holds_too_many_gets_no_more(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request;

	rig_person(rig, "martin");
	for (unsigned i = 0; i < HC_CREDENTIALS_MAX; i++)
		rig_totp(rig, "martin", RIG_SEED, 6);
	request = enroll_request();
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_STATE, HC_REASON_WRONG_STATE);
	request = rig_request(HC_MSG_ENROLL_RECOVERY);
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_STATE, HC_REASON_WRONG_STATE);
	assert_int_equal(rig_trail_len(rig), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(bad_values_enroll_nothing),
		TEST(a_required_proofing_record_must_be_there),
		TEST(a_device_is_pending_until_its_code_confirms_it),
		TEST(a_device_is_revoked_with_a_reason_and_once),
		TEST(a_hotp_device_is_active_at_once_where_asked),
		TEST(a_drift_behind_us_travels_as_twos_complement),
		TEST(recovery_codes_are_given_once_and_replace_the_former),
		TEST(a_person_who_holds_too_many_gets_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
