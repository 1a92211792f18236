/* SPDX-License-Identifier: Apache-2.0 */
/* Cards in the broker: whose they are, and what renews them. */
#include "cps_cards_support.h"
#include "hello.h"

/* ---- whose it is ---- */

static void the_right_card_lets_its_person_on(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	const struct hc_credential_id id = enroll(cards, &card, &cards->martin, "cardcard0001");
	struct hc_device_answer answer = answer_of(cards);
	enum hc_reason reason = HC_REASON_NONE;
	struct hc_factor_outcome outcome;
	struct hc_person person;

	outcome = sign_in(cards, &card, &cards->martin);
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_true(outcome.person_verified);
	assert_false(outcome.degraded);
	assert_string_equal(outcome.credential.text, id.text);
	OK(hc_device_cps.who(&cards->rig->authd, &answer, &person, &reason));
	assert_string_equal(person.login.text, "martin");
	assert_int_equal(rig_credential(cards->rig, &id).last_used_ms, hc_now_ms(cards->rig->authd.clock));
	hc_test_party_clear(&card);
}

static void a_newer_card_of_the_same_profession_takes_the_place_of_the_former(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party former = hc_test_issue(&subject, &people);
	const struct hc_credential_id id = enroll(cards, &former, &cards->martin, "cardcard0001");
	struct hc_stored_card stored;

	subject.until_days = 1100;
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	cards->rig->config.cps.renewed_cards = HC_CPS_RENEWED_REFUSE;
	assert_int_equal(refusal(cards, &newer), HC_REASON_CARD_UNKNOWN);
	cards->rig->config.cps.renewed_cards = HC_CPS_RENEWED_ACCEPT;
	assert_int_equal(sign_in(cards, &newer, &cards->durand).reason, HC_REASON_CARD_OF_SOMEBODY_ELSE);
	assert_int_equal(sign_in(cards, &newer, &cards->martin).result, HC_FACTOR_VERIFIED);
	OK(hc_store_card_get(cards->rig->authd.store, &id, &stored));
	assert_true(stored.renewed_ms > 0);
	assert_string_equal(rig_trail(cards->rig, 0).event, "card-renew");
	/* and the former one is no longer anybody's, nor renews it back */
	assert_int_equal(refusal(cards, &former), HC_REASON_CARD_UNKNOWN);
	assert_int_equal(sign_in(cards, &newer, &cards->martin).result, HC_FACTOR_VERIFIED);
	hc_test_party_clear(&former);
	hc_test_party_clear(&newer);
}

static void a_card_of_another_profession_or_branch_renews_nothing(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party doctor = hc_test_issue(&subject, &people);

	(void)enroll(cards, &doctor, &cards->martin, "cardcard0001");
	subject.until_days = 1100;
	hc_test_set(&subject, "1.2.250.1.71.1.2.7", "DER:020128");
	struct hc_test_party dentist = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &dentist), HC_REASON_CARD_UNKNOWN);
	(void)enroll(cards, &dentist, &cards->martin, "cardcard0002"); /* two professions, two links */
	assert_int_equal(sign_in(cards, &doctor, &cards->martin).result, HC_FACTOR_VERIFIED);
	assert_int_equal(sign_in(cards, &dentist, &cards->martin).result, HC_FACTOR_VERIFIED);
	subject = hc_test_card();
	subject.until_days = 1200;
	hc_test_set(&subject, "1.2.250.1.71.1.2.5", "DER:040180");
	struct hc_test_party test = hc_test_issue(&subject, &test_people);

	cards->rig->config.cps.allow_test_cards = true;
	assert_int_equal(refusal(cards, &test), HC_REASON_CARD_UNKNOWN);
	hc_test_party_clear(&doctor);
	hc_test_party_clear(&dentist);
	hc_test_party_clear(&test);
}

static void an_identifier_of_a_structure_is_never_followed(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();

	subject.common_name = "3760021832/000000018";
	subject.organization = "CH";
	subject.unit = "1760021832";
	hc_test_set(&subject, "subjectAltName", NULL);
	hc_test_set(&subject, "1.2.250.1.71.1.2.2", "DER:020102");
	struct hc_test_party employee = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &employee), HC_REASON_CARD_NEEDS_MAPPING);
	(void)enroll(cards, &employee, &cards->martin, "cardcard0001");
	assert_int_equal(sign_in(cards, &employee, &cards->martin).result, HC_FACTOR_VERIFIED);
	subject.until_days = 1100;
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &newer), HC_REASON_CARD_NEEDS_MAPPING);
	hc_test_party_clear(&employee);
	hc_test_party_clear(&newer);
}

/* Why it is not asked for its PIN. */
static enum hc_reason unwelcome(struct cards *cards, const struct hc_test_party *card, const char *login)
{
	char detail[HC_DEVICE_DETAIL_MAX] = "";
	struct hc_hello hello = {.login_valid = login != NULL, .nameless = login == NULL};

	snprintf(hello.login.text, sizeof(hello.login.text), "%s", login != NULL ? login : "");
	answer_with(cards, card, "x", 1);
	const enum hc_reason reason =
		hc_device_cps.unwelcome(&cards->rig->authd, &hello, &cards->done, detail);

	assert_int_equal(detail[0] != '\0', reason != HC_REASON_NONE);
	return reason;
}

static void a_card_that_can_sign_nobody_in_is_not_asked_for_its_pin(void **state)
{
	struct cards *cards = *state;
	const struct hc_label lost = {"lost"};
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);

	assert_int_equal(unwelcome(cards, &card, NULL), HC_REASON_CARD_UNKNOWN);
	const struct hc_credential_id id = enroll(cards, &card, &cards->martin, "cardcard0001");

	assert_int_equal(unwelcome(cards, &card, NULL), HC_REASON_NONE);
	assert_int_equal(unwelcome(cards, &card, "martin"), HC_REASON_NONE);
	assert_int_equal(unwelcome(cards, &card, "durand"), HC_REASON_CARD_OF_SOMEBODY_ELSE);
	subject.until_days = 1500;
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	assert_int_equal(unwelcome(cards, &newer, "martin"), HC_REASON_NONE);
	assert_int_equal(unwelcome(cards, &newer, "durand"), HC_REASON_CARD_OF_SOMEBODY_ELSE);
	subject.from_days = -3;
	subject.until_days = -1;
	struct hc_test_party over = hc_test_issue(&subject, &people);

	assert_int_equal(unwelcome(cards, &over, "martin"), HC_REASON_CERTIFICATE_EXPIRED);
	OK(hc_tx_begin(&cards->rig->authd));
	OK(hc_store_credential_revoke(cards->rig->authd.store, &id, &lost, 1));
	OK(hc_tx_commit(&cards->rig->authd));
	assert_int_equal(unwelcome(cards, &card, "martin"), HC_REASON_CREDENTIAL_REVOKED);
	assert_int_equal(unwelcome(cards, &card, NULL), HC_REASON_CREDENTIAL_REVOKED);
	hc_test_party_clear(&card);
	hc_test_party_clear(&newer);
	hc_test_party_clear(&over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_right_card_lets_its_person_on),
		TEST(a_newer_card_of_the_same_profession_takes_the_place_of_the_former),
		TEST(a_card_of_another_profession_or_branch_renews_nothing),
		TEST(an_identifier_of_a_structure_is_never_followed),
		TEST(a_card_that_can_sign_nobody_in_is_not_asked_for_its_pin),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
