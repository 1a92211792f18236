/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_SESSION_PAIRING_SUPPORT_H
#define HC_TEST_SESSION_PAIRING_SUPPORT_H

/* Conversations in which a card that is nobody's is shown, and then a code is typed. */
#include "cps_cards_support.h"
#include "factor_cps_pairing.h"

static struct hc_msg started;

static inline enum hc_err start_device(void *ctx, enum hc_device_helper helper, struct hc_msg *start)
{
	(void)ctx; /* there is one conversation at a time */
	if (helper != HC_HELPER_PKCS11)
		return HC_ERR_AWAY;
	OK(hc_msg_finish(start));
	memcpy(started.packet, start->packet, start->len);
	OK(hc_msg_parse(&started, start->len));
	return HC_OK;
}

static inline enum hc_err answer_device(void *ctx, enum hc_device_helper helper,
					const struct hc_secret *answer)
{
	(void)ctx; /* no card here asks for anything */
	(void)helper;
	(void)answer;
	return HC_OK;
}

static inline void drop_device(void *ctx, enum hc_device_helper helper)
{
	(void)ctx; /* nothing runs */
	(void)helper;
}

static const struct hc_session_devices DEVICES = {start_device, answer_device, drop_device,
						  hc_device_methods};

static inline int begin(void **state)
{
	struct cards *cards;

	if (setup(state) != 0)
		return -1;
	cards = *state;
	cards->rig->devices = &DEVICES;
	cards->rig->authd.device_methods = HC_METHOD_CPS;
	cards->rig->config.cps.pairing = HC_CPS_PAIRING_FIRST_USE;
	snprintf(cards->rig->config.policy.nameless_services[0].text, HC_SERVICE_MAX + 1, "login");
	cards->rig->config.policy.nameless_service_count = 1;
	cards->rig->root.pid = 10;
	cards->code = rig_totp(cards->rig, "martin", RIG_SEED, 6).id;
	return hc_pairings_new(cards->rig->authd.clock, &cards->rig->authd.pairings) == HC_OK ? 0 : -1;
}

static inline int end(void **state)
{
	struct cards *cards = *state;

	hc_pairings_free(&cards->rig->authd.pairings);
	return teardown(state);
}

static const struct rig_hello NAMELESS = {.mode = HC_MODE_PRIMARY, .service = "login", .tty = "tty1"};

/* The card in the reader answers the conversation's question. */
static inline void card_answers(struct cards *cards, const struct hc_test_party *card, struct talk *talk)
{
	const uint8_t *message;
	size_t len;

	OK(hc_msg_bytes(&started, HC_FIELD_TO_SIGN, &message, &len));
	answer_with(cards, card, message, len);
	hc_session_device(talk->session, HC_HELPER_PKCS11, &cards->done);
}

/* The card is shown before anybody was named; what the refusal had of a ticket. */
static inline bool show(struct cards *cards, const struct hc_test_party *card,
			uint8_t ticket[HC_CARD_TICKET_LEN])
{
	struct talk talk = {.session = NULL};

	OK(rig_hello(cards->rig, &cards->rig->root, &NAMELESS, &talk));
	card_answers(cards, card, &talk);
	rig_end(&talk);
	assert_int_equal(talk.results, 1);
	assert_int_equal(talk.verdict, HC_DENY);
	if (talk.has_ticket)
		memcpy(ticket, talk.ticket, HC_CARD_TICKET_LEN);
	return talk.has_ticket;
}

static inline void begin_code(struct cards *cards, const struct hc_caller *caller,
			      const struct rig_hello *hello, struct talk *talk)
{
	char code[16];

	fake_clock_pass(&cards->rig->clock, 60000); /* a code is good once */
	OK(rig_hello(cards->rig, caller, hello, talk));
	rig_answer(talk, rig_code(cards->rig, RIG_SEED, 0, code));
}

/* Signs in with a code as hello says; nobody is offered anything. */
static inline void signs_in_without_a_question(struct cards *cards, const struct rig_hello *hello)
{
	struct talk talk = {.session = NULL};

	begin_code(cards, &cards->rig->root, hello, &talk);
	assert_int_equal(talk.steps, 1);
	assert_int_equal(talk.results, 1);
	assert_int_equal(talk.verdict, HC_ALLOW);
	assert_false(talk.has_ticket);
	rig_end(&talk);
}

static inline bool is_linked(struct cards *cards, const struct hc_test_party *card, const char *login)
{
	struct hc_cps_shown shown;
	struct hc_cps_owner owner;
	enum hc_reason reason;
	struct hc_person person;

	answer_with(cards, card, "x", 1);
	(void)hc_cps_show(&cards->rig->authd, &cards->done, &shown);
	if (hc_cps_find(&cards->rig->authd, &shown, &owner, &reason) != HC_OK)
		return false;
	OK(hc_store_person_by_id(cards->rig->authd.store, owner.credential.person_id, &person));
	return strcmp(person.login.text, login) == 0;
}

/* Shown, and offered behind a code: the question is open. */
static inline void offer(struct cards *cards, const struct hc_test_party *card, const char *lang,
			 struct talk *talk, uint8_t ticket[HC_CARD_TICKET_LEN])
{
	const struct rig_hello hello = {.user = "martin", .service = "login", .ticket = ticket, .lang = lang};

	assert_true(show(cards, card, ticket));
	begin_code(cards, &cards->rig->root, &hello, talk);
	assert_int_equal(talk->steps, 2);
	assert_int_equal(talk->results, 0);
	assert_int_equal(talk->step_kind, HC_STEP_OFFER);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
