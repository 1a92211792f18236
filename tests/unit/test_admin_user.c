/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of persons, locks and the broker's state. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decision_rig.h"

static struct reply with_login(struct rig *rig, enum hc_msg_type type, const char *login)
{
	struct hc_msg *request = rig_request(type);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
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

static void assert_done(struct reply reply)
{
	assert_string_equal(reply.text, "");
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.reason, HC_REASON_NONE);
	reply_free(&reply);
}

static void who_is_no_administrator_is_refused_and_recorded(void **state)
{
	struct rig *rig = *state;
	struct hc_caller user = rig_user(1000, "martin");
	struct hc_msg *request = rig_request(HC_MSG_USER_ADD);

	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	assert_refused(rig_admin(rig, &user, &request), HC_ERR_PERM, HC_REASON_NOT_PERMITTED);
	assert_string_equal(rig_trail(rig, 0).event, "admin-denied");
	assert_string_equal(rig_trail(rig, 0).actor, "uid 1000 (martin)");
	request = rig_request(HC_MSG_USER_LIST);
	assert_refused(rig_admin(rig, &rig->root, &request), HC_ERR_PERM, HC_REASON_NOT_PERMITTED);
	assert_refused(with_login(rig, HC_MSG_USER_SHOW, "martin"), HC_ERR_NOTFOUND,
		       HC_REASON_NO_SUCH_PERSON);
}

static void what_is_no_request_or_has_foreign_fields_breaks_the_protocol(void **state)
{
	static const struct {
		enum hc_msg_type type;
		enum hc_field field;
	} table[] = {
		{HC_MSG_HELLO, HC_FIELD_LANG},	   {HC_MSG_ROW, HC_FIELD_LANG},
		{HC_MSG_STATUS, HC_FIELD_LOGIN},   {HC_MSG_USER_SHOW, HC_FIELD_DETAIL},
		{HC_MSG_USER_ADD, HC_FIELD_STATE}, {HC_MSG_ENROLL_RECOVERY, HC_FIELD_LABEL},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(msg) request = NULL;
		HC_AUTO(admin_job) job = NULL;

		assert_int_equal(hc_msg_new(&request), HC_OK);
		hc_msg_init(request, table[i].type);
		hc_msg_put_text(request, table[i].field, "fr");
		assert_int_equal(hc_msg_finish(request), HC_OK);
		assert_int_equal(hc_msg_parse(request, request->len), HC_OK);
		if (hc_admin_start(&rig->authd, &rig->admin, request, &job) != HC_ERR_PROTOCOL || job != NULL)
			fail_msg("row %zu", i);
	}
}

static struct hc_msg *add_request(enum hc_field field, const char *value)
{
	struct hc_msg *request = rig_request(HC_MSG_USER_ADD);

	if (field != HC_FIELD_LOGIN)
		hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	hc_msg_put_text(request, field, value);
	return request;
}

static void bad_values_add_nobody_and_name_the_field(void **state)
{
	static const struct {
		enum hc_field field;
		const char *value;
		enum hc_reason reason;
		const char *says;
	} table[] = {
		{HC_FIELD_LOGIN, "", HC_REASON_NAME_MALFORMED, "account name"},
		{HC_FIELD_LOGIN, "Martin", HC_REASON_NAME_MALFORMED, "account name"},
		{HC_FIELD_LOGIN, "0", HC_REASON_NAME_MALFORMED, "account name"},
		{HC_FIELD_GIVEN_NAME, "a\x1b[2Jb", HC_REASON_INVALID_VALUE, "given-name"},
		{HC_FIELD_FAMILY_NAME, "a\nb", HC_REASON_INVALID_VALUE, "family-name"},
		{HC_FIELD_PROFESSION, "\xe2\x80\xae", HC_REASON_INVALID_VALUE, "profession"},
		{HC_FIELD_ORGANIZATION, "\x7f", HC_REASON_INVALID_VALUE, "organization"},
		{HC_FIELD_NATIONAL_ID, "810000000000", HC_REASON_NATIONAL_ID_INVALID, "RPPS"},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_msg *request = add_request(table[i].field, table[i].value);
		struct reply reply = rig_admin(rig, &rig->admin, &request);

		if (reply.reason != table[i].reason || reply.err != HC_ERR_INVALID ||
		    strstr(reply.text, table[i].says) == NULL)
			fail_msg("row %zu: %u %s", i, reply.reason, reply.text);
		reply_free(&reply);
	}
	assert_int_equal(rig_trail_len(rig), 0);
	int64_t count;

	assert_int_equal(hc_store_person_count(rig->authd.store, &count), HC_OK);
	assert_int_equal(count, 0);
}

static void a_window_that_ends_before_it_begins_is_refused(void **state)
{
	static const struct {
		uint64_t from, until;
		bool good;
	} table[] = {{2000, 2000, false},
		     {2000, 1000, false},
		     {0, UINT64_MAX, false},
		     {0, 253402300800000, false},
		     {1000, 2000, true}};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_msg *request = add_request(HC_FIELD_GIVEN_NAME, "Jean");

		if (table[i].from != 0)
			hc_msg_put_u64(request, HC_FIELD_VALID_FROM_MS, table[i].from);
		hc_msg_put_u64(request, HC_FIELD_VALID_UNTIL_MS, table[i].until);
		struct reply reply = rig_admin(rig, &rig->admin, &request);

		if ((reply.err == HC_OK) != table[i].good)
			fail_msg("row %zu: %s", i, reply.text);
		reply_free(&reply);
	}
}

static void a_person_is_added_shown_and_recorded(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_USER_ADD);
	struct reply reply;
	uint64_t until = 0;
	char text[2049];

	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	hc_msg_put_text(request, HC_FIELD_GIVEN_NAME, "Élodie");
	hc_msg_put_text(request, HC_FIELD_FAMILY_NAME, "Martin");
	hc_msg_put_text(request, HC_FIELD_NATIONAL_ID, "899700218896");
	hc_msg_put_text(request, HC_FIELD_PROFESSION, "Médecin");
	hc_msg_put_text(request, HC_FIELD_ORGANIZATION, "CHU");
	hc_msg_put_u64(request, HC_FIELD_VALID_UNTIL_MS, RIG_NOW + 5);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_string_equal(reply.text, "");
	assert_int_equal(reply.row_count, 1);
	assert_int_equal(reply.count, 1);
	reply_free(&reply);
	assert_string_equal(rig_trail(rig, 0).event, "user-add");
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
	assert_string_equal(rig_trail(rig, 0).actor, "uid 0 (root)");
	assert_string_equal(rig_trail(rig, 0).origin, "admin.sock");

	reply = with_login(rig, HC_MSG_USER_SHOW, "martin");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_GIVEN_NAME, text), "Élodie");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_NATIONAL_ID, text), "899700218896");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_STATE, text), "active");
	assert_int_equal(hc_msg_u64(reply.rows[0], HC_FIELD_VALID_UNTIL_MS, &until), HC_OK);
	assert_int_equal(until, RIG_NOW + 5);
	assert_false(hc_msg_has(reply.rows[0], HC_FIELD_VALID_FROM_MS));
	reply_free(&reply);

	assert_refused(with_login(rig, HC_MSG_USER_ADD, "martin"), HC_ERR_EXISTS, HC_REASON_PERSON_EXISTS);
	request = rig_request(HC_MSG_USER_ADD);
	hc_msg_put_text(request, HC_FIELD_LOGIN, "other");
	hc_msg_put_text(request, HC_FIELD_NATIONAL_ID, "899700218896");
	assert_refused(rig_admin(rig, &rig->admin, &request), HC_ERR_EXISTS, HC_REASON_NATIONAL_ID_TAKEN);
	assert_int_equal(rig_trail_len(rig), 1);
	rig_trail_holds(rig);
}

static void people_are_disabled_enabled_and_removed_with_a_record_each(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request;
	char code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	request = rig_request(HC_MSG_USER_DISABLE);
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	hc_msg_put_text(request, HC_FIELD_DETAIL, "congé");
	assert_done(rig_admin(rig, &rig->admin, &request));
	assert_string_equal(rig_trail(rig, 0).event, "user-disable");
	assert_string_equal(rig_trail(rig, 0).detail, "congé");
	assert_int_equal(rig_sign_in(rig, "martin", NULL).reason, HC_REASON_PERSON_DISABLED);

	assert_done(with_login(rig, HC_MSG_USER_ENABLE, "martin"));
	assert_string_equal(rig_trail(rig, 0).event, "user-enable");
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);

	assert_done(with_login(rig, HC_MSG_USER_REMOVE, "martin"));
	assert_string_equal(rig_trail(rig, 0).event, "user-remove");
	assert_string_equal(rig_trail(rig, 0).login, "martin");
	assert_int_equal(rig_sign_in(rig, "martin", NULL).reason, HC_REASON_UNKNOWN_PERSON);
	assert_refused(with_login(rig, HC_MSG_USER_REMOVE, "martin"), HC_ERR_NOTFOUND,
		       HC_REASON_NO_SUCH_PERSON);
	assert_refused(with_login(rig, HC_MSG_USER_ENABLE, "NOT A LOGIN"), HC_ERR_NOTFOUND,
		       HC_REASON_NO_SUCH_PERSON);
	assert_refused(with_login(rig, HC_MSG_USER_DISABLE, NULL), HC_ERR_INVALID, HC_REASON_INVALID_VALUE);
	rig_trail_holds(rig);
}

static void a_long_list_comes_whole_and_in_order(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_USER_LIST);
	struct reply reply;
	char login[32], text[2049];

	for (unsigned i = 0; i < 150; i++) {
		snprintf(login, sizeof(login), "person%03u", (i * 77) % 150);
		rig_person(rig, login);
	}
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, 150);
	assert_int_equal(reply.count, 150);
	for (unsigned i = 0; i < HC_COUNT(reply.rows); i++) {
		snprintf(login, sizeof(login), "person%03u", i);
		assert_string_equal(reply_text(&reply, i, HC_FIELD_LOGIN, text), login);
	}
	reply_free(&reply);
}

static void locks_are_listed_and_cleared(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_LOCKOUT_LIST);
	struct reply reply;
	uint32_t failures = 0;
	char text[2049], code[16];

	rig_person(rig, "martin");
	rig_totp(rig, "martin", RIG_SEED, 6);
	rig_fail(rig, "martin", 5);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, 1);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_LOGIN, text), "martin");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_FACTOR, text), "totp");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_SCOPE, text), "");
	assert_int_equal(hc_msg_u32(reply.rows[0], HC_FIELD_FAILURES, &failures), HC_OK);
	assert_int_equal(failures, 5);
	reply_free(&reply);

	reply = with_login(rig, HC_MSG_LOCKOUT_CLEAR, "martin");
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.count, 1);
	reply_free(&reply);
	assert_string_equal(rig_trail(rig, 0).event, "lockout-clear");
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
	request = rig_request(HC_MSG_LOCKOUT_LIST);
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, 0);
	reply_free(&reply);
}

static void status_tells_one_fact_a_row(void **state)
{
	static const char *const names[] = {"version",
					    "role",
					    "schema",
					    "pid",
					    "uid",
					    "uptime_s",
					    "state_dir",
					    "seal_key_id",
					    "persons",
					    "audit_seq",
					    "clock_ms",
					    "unenrolled",
					    "language",
					    "sessions",
					    "watches",
					    "system_bus",
					    "rp_id",
					    "keys_elsewhere",
					    "card_authorities",
					    "revocation_lists",
					    "revocation_next_update_ms"};
	struct rig *rig = *state;
	const uint32_t sessions = 3;
	struct hc_msg *request = rig_request(HC_MSG_STATUS);
	struct reply reply;
	char text[2049];

	rig->config.policy.unenrolled = HC_UNENROLLED_GRACE;
	rig->config.policy.grace_until_ms = INT64_C(1800057600000);
	rig->authd.started_mono_ms = rig->clock.monotonic_ms;
	rig->authd.sessions = &sessions;
	fake_clock_pass(&rig->clock, 7000);
	rig_person(rig, "martin");
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.row_count, HC_COUNT(names));
	for (size_t i = 0; i < HC_COUNT(names); i++)
		assert_string_equal(reply_text(&reply, i, HC_FIELD_NAME, text), names[i]);
	assert_string_equal(reply_text(&reply, 5, HC_FIELD_VALUE, text), "7");
	assert_string_equal(reply_text(&reply, 7, HC_FIELD_VALUE, text), hc_seal_key_id(rig->authd.seal));
	assert_string_equal(reply_text(&reply, 8, HC_FIELD_VALUE, text), "1");
	assert_string_equal(reply_text(&reply, 9, HC_FIELD_VALUE, text), "0");
	assert_string_equal(reply_text(&reply, 11, HC_FIELD_VALUE, text), "grace until 2027-01-16");
	assert_string_equal(reply_text(&reply, 12, HC_FIELD_VALUE, text), "en");
	assert_string_equal(reply_text(&reply, 13, HC_FIELD_VALUE, text), "3");
	for (size_t i = 18; i < HC_COUNT(names); i++) /* no card is read here */
		assert_string_equal(reply_text(&reply, i, HC_FIELD_VALUE, text), "none");
	reply_free(&reply);
}

static void refusals_speak_french_to_the_french(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(msg) request = NULL;
	struct reply reply;

	assert_int_equal(hc_msg_new(&request), HC_OK);
	hc_msg_init(request, HC_MSG_USER_SHOW);
	hc_msg_put_text(request, HC_FIELD_LANG, "fr");
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	reply = rig_admin(rig, &rig->admin, &request);
	assert_non_null(strstr(reply.text, "Aucune personne"));
	assert_non_null(strstr(reply.text, "(HC-402)"));
	reply_free(&reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_is_no_administrator_is_refused_and_recorded),
		TEST(what_is_no_request_or_has_foreign_fields_breaks_the_protocol),
		TEST(bad_values_add_nobody_and_name_the_field),
		TEST(a_window_that_ends_before_it_begins_is_refused),
		TEST(a_person_is_added_shown_and_recorded),
		TEST(people_are_disabled_enabled_and_removed_with_a_record_each),
		TEST(a_long_list_comes_whole_and_in_order),
		TEST(locks_are_listed_and_cleared),
		TEST(status_tells_one_fact_a_row),
		TEST(refusals_speak_french_to_the_french),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
