/* SPDX-License-Identifier: Apache-2.0 */
/* The question whose a card becomes: how it may end, and what happens while it is open. */
#include "session_pairing_support.h"

static void a_question_that_is_not_answered_with_yes_links_nothing_and_costs_nothing(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	static const char *const answers[] = {"non", "", "o", "yes!", "ouiouioui", NULL};
	uint8_t ticket[HC_CARD_TICKET_LEN];
	struct talk talk = {.session = NULL};

	for (size_t i = 0; i < HC_COUNT(answers) + 1; i++) {
		offer(cards, &card, "en", &talk, ticket);
		if (i == HC_COUNT(answers))
			OK(rig_message(&talk, HC_MSG_CANCEL));
		else if (answers[i] != NULL)
			rig_answer(&talk, answers[i]);
		else
			hc_session_timeout(talk.session);
		if (talk.results != 1 || talk.verdict != HC_ALLOW || is_linked(cards, &card, "martin"))
			fail_msg("row %zu: %u", i, talk.verdict);
		const struct hc_audit_record record = rig_trail(cards->rig, 0);

		assert_string_equal(record.event, "enroll");
		assert_string_equal(record.outcome, "failure");
		assert_non_null(strstr(record.detail, "first use after strong sign-in; card=2600855206"));
		rig_end(&talk);
	}
	offer(cards, &card, "en", &talk, ticket);
	hc_session_closed(talk.session); /* and nobody is there any more */
	assert_string_equal(rig_trail(cards->rig, 0).detail, "abandoned by the caller");
	assert_string_equal(rig_trail(cards->rig, 1).event, "enroll");
	assert_string_equal(rig_trail(cards->rig, 2).outcome, "success"); /* its code is spent */
	assert_int_equal(talk.results, 0);
	rig_end(&talk);
	assert_false(is_linked(cards, &card, "martin"));
	hc_test_party_clear(&card);
}

enum change { DISABLED, REMOVED, REPLACED, REVOKED, REVOKED_OF_TWO, LOCKED };

static void make(struct cards *cards, enum change change)
{
	static const struct hc_label lost = {"lost"};
	struct hc_store *store = cards->rig->authd.store;
	const struct hc_throttle_row lock = {.person_id = cards->martin.id,
					     .factor = HC_FACTOR_OTP,
					     .failures = 9,
					     .locked_until_ms = hc_now_ms(cards->rig->authd.clock) + 60000};

	if (change == REVOKED_OF_TWO)
		(void)rig_totp(cards->rig, "martin", RIG_SEED, 8);
	OK(hc_tx_begin(&cards->rig->authd));
	if (change == DISABLED)
		OK(hc_store_person_set_state(store, cards->martin.id, HC_PERSON_DISABLED));
	else if (change == REVOKED || change == REVOKED_OF_TWO)
		OK(hc_store_credential_revoke(store, &cards->code, &lost, 1));
	else if (change == LOCKED)
		OK(hc_store_throttle_put(store, &lock));
	else
		OK(hc_store_person_remove(store, cards->martin.id));
	OK(hc_tx_commit(&cards->rig->authd));
	if (change == REPLACED)
		(void)rig_totp(cards->rig, rig_person(cards->rig, "martin").login.text, RIG_SEED, 6);
}

static void who_would_not_be_let_on_any_more_is_refused_behind_the_question(void **state)
{
	static const struct {
		enum change change;
		uint32_t verdict, reason;
	} rows[] = {{DISABLED, HC_DENY, HC_REASON_PERSON_DISABLED},
		    {REMOVED, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON},
		    {REPLACED, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON},
		    {REVOKED, HC_DENY, HC_REASON_CREDENTIAL_REVOKED},
		    {REVOKED_OF_TWO, HC_DENY, HC_REASON_CREDENTIAL_REVOKED},
		    {LOCKED, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT}};
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN];
	struct talk talk;

	(void)state; /* each row has a broker of its own */
	for (size_t i = 0; i < 3 * HC_COUNT(rows); i++) {
		const size_t row = i / 3;
		void *own = NULL;

		assert_int_equal(begin(&own), 0);
		offer(own, &card, "en", &talk, ticket);
		make(own, rows[row].change);
		if (i % 3 == 2)
			hc_session_timeout(talk.session);
		else
			rig_answer(&talk, i % 3 == 0 ? "yes" : "no");
		if (talk.results != 1 || talk.verdict != rows[row].verdict ||
		    talk.reason != rows[row].reason || talk.has_ticket || is_linked(own, &card, "martin"))
			fail_msg("row %zu: %u %u", i, talk.verdict, talk.reason);
		assert_string_equal(rig_trail(((struct cards *)own)->rig, 0).outcome, "failure");
		rig_end(&talk);
		assert_int_equal(end(&own), 0);
	}
	hc_test_party_clear(&card);
}

static void what_became_somebody_elses_meanwhile_stays_so(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	uint8_t ticket[HC_CARD_TICKET_LEN];
	struct talk talk = {.session = NULL};

	offer(cards, &card, "en", &talk, ticket);
	(void)enroll(cards, &card, &cards->durand, "cardcard0001");
	rig_answer(&talk, "yes");
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_non_null(strstr(talk.info, "HC-269"));
	assert_true(is_linked(cards, &card, "durand"));
	rig_end(&talk);
	hc_test_party_clear(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_question_that_is_not_answered_with_yes_links_nothing_and_costs_nothing),
		cmocka_unit_test(who_would_not_be_let_on_any_more_is_refused_behind_the_question),
		TEST(what_became_somebody_elses_meanwhile_stays_so),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
