/* SPDX-License-Identifier: Apache-2.0 */
/* A card that is nobody's, shown before its person signs in by other means: to whom it is offered, and when it is linked. */
#include "session_pairing_support.h"

static void only_a_card_that_lacks_nothing_but_a_person_gets_a_ticket(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party good = hc_test_issue(&subject, &people),
			     foreign = hc_test_issue(&subject, &stranger);
	uint8_t ticket[HC_CARD_TICKET_LEN];

	subject.serial = 666;
	struct hc_test_party lost = hc_test_issue(&subject, &people);

	subject = hc_test_card();
	subject.until_days = -1;
	struct hc_test_party old = hc_test_issue(&subject, &people);

	subject = hc_test_card();
	hc_test_set(&subject, "1.2.250.1.71.1.2.5", "DER:040180");
	struct hc_test_party test = hc_test_issue(&subject, &test_people);

	subject = hc_test_card();
	subject.common_name = "3760021832/000000018";
	subject.organization = "CH";
	subject.unit = "1760021832";
	hc_test_set(&subject, "subjectAltName", NULL);
	hc_test_set(&subject, "1.2.250.1.71.1.2.2", "DER:020102");
	struct hc_test_party bound = hc_test_issue(&subject, &people);
	struct hc_test_party forged = {.certificate = good.certificate, .key = foreign.key};

	assert_false(show(cards, &foreign, ticket));
	assert_false(show(cards, &lost, ticket));
	assert_false(show(cards, &old, ticket));
	assert_false(show(cards, &test, ticket));
	assert_false(show(cards, &bound, ticket));
	assert_false(show(cards, &forged, ticket));
	assert_true(show(cards, &good, ticket));
	publish(cards, "people.crl", &people, 666, -2 * DAY, -DAY);
	cards->rig->config.cps.crl_degraded_max_age_s = 3 * DAY;
	fake_clock_pass(&cards->rig->clock, 1500);
	assert_false(show(cards, &good, ticket)); /* whether it was lost is known by an old list only */
	hc_test_party_clear(&good);
	hc_test_party_clear(&foreign);
	hc_test_party_clear(&lost);
	hc_test_party_clear(&old);
	hc_test_party_clear(&test);
	hc_test_party_clear(&bound);
}

static void where_administrators_link_cards_there_is_no_ticket(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN];

	hc_pairings_free(&cards->rig->authd.pairings);
	assert_false(show(cards, &card, ticket));
	OK(hc_pairings_new(cards->rig->authd.clock, &cards->rig->authd.pairings));
	hc_test_party_clear(&card);
}

static void a_ticket_from_elsewhere_or_too_late_offers_nothing(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN], guess[HC_CARD_TICKET_LEN] = {1};
	const struct rig_hello with = {.user = "martin", .service = "login", .ticket = ticket};
	const struct rig_hello guessed = {.user = "martin", .service = "login", .ticket = guess};
	const struct rig_hello elsewhere = {.user = "martin", .service = "sudo", .ticket = ticket};
	const struct rig_hello remote = {
		.user = "martin", .service = "sshd", .rhost = "192.0.2.7", .ticket = ticket};

	assert_true(show(cards, &card, ticket));
	signs_in_without_a_question(cards, &guessed);
	signs_in_without_a_question(cards, &remote);
	signs_in_without_a_question(cards, &elsewhere);
	cards->rig->root.pid = 11; /* another process */
	signs_in_without_a_question(cards, &with);
	cards->rig->root.pid = 10;
	fake_clock_pass(&cards->rig->clock, HC_PAIRING_MS);
	signs_in_without_a_question(cards, &with);
	assert_false(is_linked(cards, &card, "martin"));
	hc_test_party_clear(&card);
}

static void whoever_is_not_root_has_no_ticket(void **state)
{
	struct cards *cards = *state;
	const uint8_t ticket[HC_CARD_TICKET_LEN] = {1};
	struct hc_caller user = rig_user(1000, "martin"), gateway = {.kind = HC_CALLER_GATEWAY};
	const struct rig_hello locker = {.user = "martin", .service = "swaylock", .ticket = ticket};
	const struct rig_hello account = {
		.request = HC_REQUEST_ACCOUNT, .user = "martin", .service = "login", .ticket = ticket};
	struct talk talk = {.session = NULL};

	assert_int_equal(rig_hello(cards->rig, &user, &locker, &talk), HC_ERR_PROTOCOL);
	rig_end(&talk);
	assert_int_equal(rig_hello(cards->rig, &gateway, &locker, &talk), HC_ERR_PROTOCOL);
	rig_end(&talk);
	assert_int_equal(rig_hello(cards->rig, &cards->rig->root, &account, &talk), HC_ERR_PROTOCOL);
	rig_end(&talk);
}

static void one_factor_or_a_recovery_code_never_pairs(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	uint8_t ticket[HC_CARD_TICKET_LEN];
	const struct rig_hello with = {.user = "martin", .service = "login", .ticket = ticket};
	const struct rig_hello primary = {
		.user = "martin", .service = "login", .mode = HC_MODE_PRIMARY, .ticket = ticket};
	struct talk talk = {.session = NULL};

	(void)rig_recovery(cards->rig, "martin", codes);
	assert_true(show(cards, &card, ticket));
	OK(rig_hello(cards->rig, &cards->rig->root, &with, &talk));
	rig_answer(&talk, "000000");
	rig_answer(&talk, codes[0]);
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(talk.steps, 2);
	rig_end(&talk);
	OK(rig_hello(cards->rig, &cards->rig->root, &primary, &talk));
	assert_int_equal(talk.steps, 0);
	assert_int_not_equal(talk.verdict, HC_ALLOW);
	rig_end(&talk);
	assert_false(is_linked(cards, &card, "martin"));
	hc_test_party_clear(&card);
}

static void a_card_that_contradicts_the_record_is_refused_without_a_question(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	struct hc_national_id other;
	uint8_t ticket[HC_CARD_TICKET_LEN];
	const struct rig_hello hello = {.user = "martin", .service = "login", .ticket = ticket};
	struct talk talk = {.session = NULL};

	OK(hc_national_id_parse("810001033801", 12, &other));
	OK(hc_tx_begin(&cards->rig->authd));
	OK(hc_store_person_identify(cards->rig->authd.store, cards->martin.id, &other));
	OK(hc_tx_commit(&cards->rig->authd));
	assert_true(show(cards, &card, ticket));
	begin_code(cards, &cards->rig->root, &hello, &talk);
	assert_int_equal(talk.steps, 1);
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_non_null(strstr(talk.info, "HC-268"));
	assert_non_null(strstr(rig_trail(cards->rig, 0).detail, "person=810001033801"));
	assert_false(is_linked(cards, &card, "martin"));
	rig_end(&talk);
	hc_test_party_clear(&card);
}

static void a_second_card_with_another_identifier_is_not_the_same_persons(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN];
	const struct rig_hello hello = {
		.user = "martin", .service = "login", .ticket = ticket, .methods = HC_METHOD_TOTP};
	struct talk talk = {.session = NULL};

	(void)enroll(cards, &card, &cards->martin, "cardcard0001");
	subject.common_name = "899700218896";
	hc_test_set(&subject, "subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr");
	struct hc_test_party other = hc_test_issue(&subject, &people);

	assert_true(show(cards, &other, ticket));
	begin_code(cards, &cards->rig->root, &hello, &talk);
	assert_int_equal(talk.steps, 1);
	assert_non_null(strstr(talk.info, "HC-268"));
	assert_false(is_linked(cards, &other, "martin"));
	rig_end(&talk);
	hc_test_party_clear(&card);
	hc_test_party_clear(&other);
}

static void yes_links_the_card_as_an_administrator_would(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN];
	const struct rig_hello again = {
		.user = "martin", .service = "login", .ticket = ticket, .methods = HC_METHOD_TOTP};
	struct talk talk = {.session = NULL};
	struct hc_person person;

	offer(cards, &card, "fr", &talk, ticket);
	assert_string_equal(talk.prompt, "Lier la carte de Médecin MAX LIBRE (899900063480) à votre compte "
					 "martin\u00a0? [oui/non] ");
	rig_answer(&talk, "Oui");
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_int_equal(talk.infos, 1);
	rig_end(&talk);
	const struct hc_audit_record record = rig_trail(cards->rig, 0);

	assert_string_equal(record.event, "enroll");
	assert_string_equal(record.outcome, "success");
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.factor, "cps");
	assert_string_equal(record.detail,
			    "first use after strong sign-in; card=2600855206 national-id=899900063480");
	assert_true(is_linked(cards, &card, "martin"));
	assert_int_equal(sign_in(cards, &card, &cards->martin).result, HC_FACTOR_VERIFIED);
	OK(hc_store_person_by_id(cards->rig->authd.store, cards->martin.id, &person));
	assert_string_equal(person.national_id.text, ""); /* that is an administrator's word */
	signs_in_without_a_question(cards, &again);
	rig_trail_holds(cards->rig);
	hc_test_party_clear(&card);
}

static void in_one_conversation_no_ticket_is_needed_and_a_refusal_hands_one_out(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party mine = hc_test_issue(&subject, &people);
	const struct rig_hello hello = {.user = "martin", .service = "login"};
	struct talk talk = {.session = NULL};
	char code[16];

	(void)enroll(cards, &mine, &cards->martin, "cardcard0001");
	subject.until_days = 1100;
	hc_test_set(&subject, "1.2.250.1.71.1.2.7", "DER:020128"); /* another profession */
	struct hc_test_party second = hc_test_issue(&subject, &people);

	OK(rig_hello(cards->rig, &cards->rig->root, &hello, &talk));
	card_answers(cards, &second, &talk);
	assert_int_equal(talk.results, 0);
	assert_non_null(strstr(talk.prompt, "HC-250"));
	OK(rig_message(&talk, HC_MSG_CANCEL));
	assert_true(talk.has_ticket);
	rig_end(&talk);
	OK(rig_hello(cards->rig, &cards->rig->root, &hello, &talk));
	card_answers(cards, &second, &talk);
	rig_answer(&talk, rig_code(cards->rig, RIG_SEED, 0, code));
	assert_int_equal(talk.step_kind, HC_STEP_OFFER);
	rig_answer(&talk, "yes");
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_true(is_linked(cards, &second, "martin"));
	rig_end(&talk);
	hc_test_party_clear(&mine);
	hc_test_party_clear(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_a_card_that_lacks_nothing_but_a_person_gets_a_ticket),
		TEST(where_administrators_link_cards_there_is_no_ticket),
		TEST(a_ticket_from_elsewhere_or_too_late_offers_nothing),
		TEST(whoever_is_not_root_has_no_ticket),
		TEST(one_factor_or_a_recovery_code_never_pairs),
		TEST(a_card_that_contradicts_the_record_is_refused_without_a_question),
		TEST(a_second_card_with_another_identifier_is_not_the_same_persons),
		TEST(yes_links_the_card_as_an_administrator_would),
		TEST(in_one_conversation_no_ticket_is_needed_and_a_refusal_hands_one_out),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
