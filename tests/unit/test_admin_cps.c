/* SPDX-License-Identifier: Apache-2.0 */
/* Cards and administrators: what is linked to whom, what is not, and a reader's helper that speaks out of turn. */
#include <stdlib.h>

#include "admin_cps_support.h"

/* ---- refusals ---- */

static void who_is_no_administrator_enrols_nothing(void **state)
{
	struct rig *rig = *state;
	const struct hc_caller user = rig_user(1000, "martin");
	const struct der card = good_card();

	rig_person(rig, "martin");
	for (size_t i = 0; i < 2; i++) {
		struct hc_msg *request = request_for("martin", &card, 0);

		assert_refused(rig_admin(rig, i == 0 ? &rig->root : &user, &request), HC_REASON_NOT_PERMITTED,
			       i);
		request = rig_request(HC_MSG_CPS_READ);
		assert_refused(rig_admin(rig, i == 0 ? &rig->root : &user, &request), HC_REASON_NOT_PERMITTED,
			       i);
	}
	assert_int_equal(held(rig, "martin"), 0);
}

static void nobody_and_the_disabled_get_no_card(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();
	struct hc_person person = rig_person(rig, "martin");

	assert_refused(enroll(rig, "nobody", &card, 0), HC_REASON_NO_SUCH_PERSON, 0);
	assert_int_equal(hc_store_begin(rig->authd.store), HC_OK);
	assert_int_equal(hc_store_person_set_state(rig->authd.store, person.id, HC_PERSON_DISABLED), HC_OK);
	assert_int_equal(hc_store_commit(rig->authd.store), HC_OK);
	assert_refused(enroll(rig, "martin", &card, 0), HC_REASON_PERSON_DISABLED, 1);
	assert_int_equal(held(rig, "martin"), 0);
}

static void what_is_no_certificate_is_a_bad_value(void **state)
{
	struct rig *rig = *state;
	struct der garbage = {.len = 3, .data = "xyz"};
	struct der longer = good_card();
	const struct der card = longer;

	rig_person(rig, "martin");
	longer.data[longer.len++] = 0;
	assert_refused(enroll(rig, "martin", NULL, 0), HC_REASON_INVALID_VALUE, 0);
	assert_refused(enroll(rig, "martin", &garbage, 0), HC_REASON_INVALID_VALUE, 1);
	assert_refused(enroll(rig, "martin", &longer, 0), HC_REASON_INVALID_VALUE, 2);
	assert_refused(enroll(rig, "martin", &card, 4), HC_REASON_INVALID_VALUE, 3);
	assert_int_equal(rig_trail_len(rig), 0);
}

/* Each row spoils a good card in one way. */
static void spoil(size_t row, struct hc_test_subject *subject, const struct hc_test_party **issuer)
{
	if (row == 0)
		subject->until_days = -1;
	else if (row == 1)
		subject->serial = 4711;
	else if (row == 2)
		hc_test_set(subject, "1.2.250.1.71.1.2.5", "DER:040180");
	else if (row == 3)
		*issuer = &organisations;
	else if (row == 4)
		hc_test_set(subject, "keyUsage", "critical,nonRepudiation");
	else if (row == 5)
		*issuer = &stranger;
	else if (row == 6)
		hc_test_set(subject, "subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr");
	else if (row == 7)
		*issuer = &test_people;
}

static void what_could_never_sign_in_is_refused_for_its_own_reason(void **state)
{
	static const enum hc_reason reasons[] = {HC_REASON_CERTIFICATE_EXPIRED,
						 HC_REASON_CERTIFICATE_REVOKED,
						 HC_REASON_TEST_CARD,
						 HC_REASON_ORGANISATION_CARD,
						 HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
						 HC_REASON_AUTHORITY_NOT_TRUSTED,
						 HC_REASON_CARD_CONTRADICTS_ITSELF,
						 HC_REASON_TEST_CARD};
	struct rig *rig = *state;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		struct hc_test_subject subject = hc_test_card();
		const struct hc_test_party *issuer = &people;

		spoil(i, &subject, &issuer);
		const struct der card = issue(&subject, issuer);

		assert_refused(enroll(rig, "martin", &card, 0), reasons[i], i);
		assert_int_equal(rig_trail_len(rig), i + 1);
		assert_int_equal(rig_trail(rig, 0).reason, reasons[i]);
		assert_string_equal(rig_trail(rig, 0).factor, "cps");
	}
	assert_int_equal(held(rig, "martin"), 0);
}

static void without_authorities_no_card_is_enrolled(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();

	rig->log_expected = true;
	rig_person(rig, "martin");
	(void)snprintf(rig->config.cps.trust_dir, sizeof(rig->config.cps.trust_dir), "/nonexistent");
	read_trust(rig);
	assert_refused(enroll(rig, "martin", &card, 0), HC_REASON_AUTHORITY_NOT_TRUSTED, 0);
}

/* A list may take a second to read, in which nobody could sign in. */
static void authorities_are_those_of_the_sign_ins_and_not_read_for_each_enrolment(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();

	rig_person(rig, "martin");
	hc_cps_trust_free(&rig->authd.cps_trust);
	assert_refused(enroll(rig, "martin", &card, 0), HC_REASON_AUTHORITY_NOT_TRUSTED, 0);
}

/* ---- whose it is ---- */

static struct hc_national_id national_id(struct rig *rig, int64_t id)
{
	struct hc_person person;

	assert_int_equal(hc_store_person_by_id(rig->authd.store, id, &person), HC_OK);
	return person.national_id;
}

static void a_card_of_an_establishment_needs_the_administrators_word(void **state)
{
	struct rig *rig = *state;
	const struct der card = bound_card();
	const struct hc_person person = rig_person(rig, "martin");

	assert_refused(enroll(rig, "martin", &card, 0), HC_REASON_CARD_NEEDS_MAPPING, 0);
	struct reply reply = enroll(rig, "martin", &card, HC_CPS_ENROLL_BOUND);

	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
	assert_string_equal(national_id(rig, person.id).text, "");
	assert_non_null(strstr(rig_trail(rig, 0).detail, "identifier-by=mapping"));
}

static void a_card_names_whoever_has_no_identifier_and_contradicts_nobody(void **state)
{
	struct rig *rig = *state;
	struct hc_test_subject subject = hc_test_card();
	const struct der card = good_card();
	const struct hc_person person = rig_person(rig, "martin");
	char text[2049];

	struct reply reply = enroll(rig, "martin", &card, 0);

	assert_int_equal(reply.err, HC_OK);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_NATIONAL_ID, text), "899900063480");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_HOLDER, text), "MAX LIBRE");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_CARD_NUMBER, text), "2600855206");
	assert_false(hc_msg_has(reply.rows[0], HC_FIELD_REASON));
	reply_free(&reply);
	assert_string_equal(national_id(rig, person.id).text, "899900063480");

	rig_person(rig, "durand");
	const struct der again = issue(&subject, &people);

	assert_refused(enroll(rig, "durand", &again, 0), HC_REASON_NATIONAL_ID_TAKEN, 0);
	subject.common_name = "899700218896";
	hc_test_set(&subject, "subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr");
	const struct der other = issue(&subject, &people);

	reply = enroll(rig, "martin", &other, 0);
	assert_int_equal(reply.reason, HC_REASON_NATIONAL_ID_DIFFERS);
	assert_non_null(strstr(reply.text, "899900063480"));
	assert_non_null(strstr(reply.text, "899700218896"));
	reply_free(&reply);
	assert_int_equal(held(rig, "martin"), 1);
	assert_int_equal(held(rig, "durand"), 0);
}

static void a_certificate_is_enrolled_once_and_the_text_says_whose_it_is(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();

	rig_person(rig, "martin");
	rig_person(rig, "durand");
	struct reply reply = enroll(rig, "martin", &card, 0);

	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
	reply = enroll(rig, "durand", &card, 0);
	assert_int_equal(reply.err, HC_ERR_EXISTS);
	assert_int_equal(reply.reason, HC_REASON_CARD_ALREADY_ENROLLED);
	assert_non_null(strstr(reply.text, "martin"));
	reply_free(&reply);
}

static void a_question_changes_nothing(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();
	const struct hc_person person = rig_person(rig, "martin");
	struct reply reply = enroll(rig, "martin", &card, HC_CPS_ENROLL_CHECK);

	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, 1);
	assert_false(hc_msg_has(reply.rows[0], HC_FIELD_CREDENTIAL_ID));
	reply_free(&reply);
	assert_int_equal(held(rig, "martin"), 0);
	assert_string_equal(national_id(rig, person.id).text, "");
	assert_int_equal(rig_trail_len(rig), 0);
}

static void without_a_list_a_card_is_enrolled_and_the_row_says_so(void **state)
{
	struct rig *rig = *state;
	const struct der card = good_card();
	uint32_t reason = 0;

	rig_person(rig, "martin");
	(void)snprintf(rig->config.cps.crl_dir, sizeof(rig->config.cps.crl_dir), "/nonexistent");
	rig->log_expected = true;
	read_trust(rig);
	struct reply reply = enroll(rig, "martin", &card, 0);

	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(hc_msg_u32(reply.rows[0], HC_FIELD_REASON, &reason), HC_OK);
	assert_int_equal(reason, HC_REASON_REVOCATION_UNKNOWN);
	reply_free(&reply);
}

/* ---- what an administrator reads of it ---- */

static int64_t status_of(struct rig *rig, const char *name)
{
	struct hc_msg *request = rig_request(HC_MSG_STATUS);
	struct reply reply = rig_admin(rig, &rig->admin, &request);
	char text[2049], value[2049] = "absent";

	for (size_t i = 0; i < reply.row_count; i++) {
		if (strcmp(reply_text(&reply, i, HC_FIELD_NAME, text), name) == 0)
			(void)reply_text(&reply, i, HC_FIELD_VALUE, value);
	}
	reply_free(&reply);
	return strcmp(value, "none") == 0 ? -1 : strtoll(value, NULL, 10);
}

static void status_says_by_what_cards_are_judged(void **state)
{
	struct rig *rig = *state;
	const int64_t now_ms = hc_now_ms(rig->authd.clock);

	assert_int_equal(status_of(rig, "card_authorities"), 4);
	assert_int_equal(status_of(rig, "revocation_lists"), 1);
	assert_true(status_of(rig, "revocation_next_update_ms") > now_ms);
	rig->log_expected = true;
	(void)snprintf(rig->config.cps.trust_dir, sizeof(rig->config.cps.trust_dir), "/nonexistent");
	read_trust(rig);
	assert_int_equal(status_of(rig, "card_authorities"), 0);
	assert_int_equal(status_of(rig, "revocation_lists"), 0);
	assert_int_equal(status_of(rig, "revocation_next_update_ms"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_no_administrator_enrols_nothing),
		TEST(nobody_and_the_disabled_get_no_card),
		TEST(what_is_no_certificate_is_a_bad_value),
		TEST(what_could_never_sign_in_is_refused_for_its_own_reason),
		TEST(without_authorities_no_card_is_enrolled),
		TEST(authorities_are_those_of_the_sign_ins_and_not_read_for_each_enrolment),
		TEST(a_card_of_an_establishment_needs_the_administrators_word),
		TEST(a_card_names_whoever_has_no_identifier_and_contradicts_nobody),
		TEST(a_certificate_is_enrolled_once_and_the_text_says_whose_it_is),
		TEST(a_question_changes_nothing),
		TEST(without_a_list_a_card_is_enrolled_and_the_row_says_so),
		TEST(status_says_by_what_cards_are_judged),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
