/* SPDX-License-Identifier: Apache-2.0 */
/* Cards and administrators: what is linked to whom, what is not, and a reader's helper that speaks out of turn. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cps_ca.h"
#include "cps_trust.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/device.h"
#include "tests/support/decision_rig.h"

#define MODULE "/usr/lib/test-module.so"
#define BOUND  "3760021832/000000018"

static struct hc_test_party root, people, organisations, test_people, stranger;
static struct tempdir trust_dir, crl_dir;

/* ---- the hierarchy, made once ---- */

static void write_file(const struct tempdir *dir, const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *file = fopen(tempdir_file(dir, name, path, sizeof(path)), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void trust_in(const struct hc_test_party *party, const char *name)
{
	char pem[HC_TRUST_PEM_MAX];

	write_file(&trust_dir, name, pem, hc_test_pem(party->certificate, pem, sizeof(pem)));
}

static int make_authorities(void **state)
{
	static const long revoked[] = {4711, 0};
	static uint8_t list[65536];

	(void)state;
	if (!tempdir_make(&trust_dir) || !tempdir_make(&crl_dir))
		return -1;
	root = hc_test_authority("AC RACINE IGC-SANTE FORT", "IGC-SANTE", NULL);
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", &root);
	organisations = hc_test_authority("AC IGC-SANTE FORT ORGANISATIONS", "IGC-SANTE", &root);
	test_people = hc_test_authority("TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST", NULL);
	stranger = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	trust_in(&root, "1.pem");
	trust_in(&people, "2.pem");
	trust_in(&organisations, "3.pem");
	trust_in(&test_people, "4.pem");
	write_file(&crl_dir, "people.crl", list,
		   hc_test_crl(&people, revoked, -3600, 400 * 86400, NULL, list, sizeof(list)));
	return 0;
}

static int clear_authorities(void **state)
{
	(void)state;
	hc_test_party_clear(&root);
	hc_test_party_clear(&people);
	hc_test_party_clear(&organisations);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&stranger);
	tempdir_remove(&trust_dir);
	tempdir_remove(&crl_dir);
	return 0;
}

/* The directories, as they are called now, read anew. */
static void read_trust(struct rig *rig)
{
	hc_cps_trust_free(&rig->authd.cps_trust);
	assert_int_equal(hc_cps_trust_new(&rig->config.cps, rig->authd.clock, &rig->authd.cps_trust), HC_OK);
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hc_cps_trust_free(&rig->authd.cps_trust);
	return rig_teardown(state);
}

static int setup(void **state)
{
	if (rig_setup(state) != 0)
		return -1;
	struct hc_cps_settings *settings = &((struct rig *)*state)->config.cps;

	(void)snprintf(settings->module, sizeof(settings->module), "%s", MODULE);
	(void)snprintf(settings->trust_dir, sizeof(settings->trust_dir), "%s", trust_dir.path);
	(void)snprintf(settings->crl_dir, sizeof(settings->crl_dir), "%s", crl_dir.path);
	read_trust(*state);
	return 0;
}

/* ---- cards ---- */

struct der {
	size_t len;
	uint8_t data[HC_X509_MAX];
};

static struct der issue(const struct hc_test_subject *subject, const struct hc_test_party *issuer)
{
	struct hc_test_party party = hc_test_issue(subject, issuer);
	struct der der;

	der.len = hc_test_der(party.certificate, der.data, sizeof(der.data));
	hc_test_party_clear(&party);
	return der;
}

static struct der good_card(void)
{
	const struct hc_test_subject subject = hc_test_card();

	return issue(&subject, &people);
}

static struct der bound_card(void)
{
	struct hc_test_subject subject = hc_test_card();

	subject.common_name = BOUND;
	hc_test_set(&subject, "subjectAltName", "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr");
	hc_test_set(&subject, "1.2.250.1.71.1.2.2", "DER:020102");
	return issue(&subject, &people);
}

static struct hc_msg *request_for(const char *login, const struct der *der, uint32_t flags)
{
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_CPS);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	if (der != NULL)
		hc_msg_put_bytes(request, HC_FIELD_CERTIFICATE, der->data, der->len);
	hc_msg_put_u32(request, HC_FIELD_FLAGS, flags);
	return request;
}

static struct reply enroll(struct rig *rig, const char *login, const struct der *der, uint32_t flags)
{
	struct hc_msg *request = request_for(login, der, flags);

	return rig_admin(rig, &rig->admin, &request);
}

static void assert_refused(struct reply reply, enum hc_reason reason, size_t row)
{
	if (reply.err == HC_OK || reply.reason != (uint32_t)reason || reply.row_count != 0)
		fail_msg("row %zu: err %d, HC-%u: %s", row, reply.err, reply.reason, reply.text);
	reply_free(&reply);
}

static size_t held(struct rig *rig, const char *login)
{
	struct hc_msg *request = rig_request(HC_MSG_CREDENTIAL_LIST);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	struct reply reply = rig_admin(rig, &rig->admin, &request);
	const size_t count = reply.row_count;

	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
	return count;
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(a_helper_that_asks_for_a_pin_or_a_touch_is_broken_off),
		TEST(choices_are_listed_and_hostile_ones_end_it),
		TEST(what_a_reader_gives_is_read_before_it_is_passed_on),
		TEST(without_a_module_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
