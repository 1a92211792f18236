/* SPDX-License-Identifier: Apache-2.0 */
/* Cards that wait for their person: who gets one by which ticket, when, and how often. */
#include "factor_cps_pairing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/support/fake_clock.h"

#define OK(what) assert_int_equal((what), HC_OK)

struct room {
	struct fake_clock clock;
	struct hc_pairings *pairings;
};

static const struct hc_pairing_holder HERE = {.pid = 10, .service = {"login"}, .login = {"martin"}};
static const struct hc_pairing_holder NOBODY = {.pid = 10, .service = {"login"}};

static int setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	if (room == NULL)
		return -1;
	fake_clock_init(&room->clock, INT64_C(1800000000000));
	*state = room;
	return hc_pairings_new(&room->clock.clock, &room->pairings) == HC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct room *room = *state;

	hc_pairings_free(&room->pairings);
	free(room);
	return 0;
}

static void keep(struct room *room, const struct hc_pairing_holder *holder, unsigned number,
		 uint8_t ticket[HC_CARD_TICKET_LEN])
{
	static struct hc_stored_card card;

	snprintf(card.number, sizeof(card.number), "%u", number);
	OK(hc_pairings_keep(room->pairings, holder, &card, ticket));
}

/* The number of the card, or "" without one. */
static const char *take(struct room *room, const struct hc_pairing_holder *holder,
			const uint8_t ticket[HC_CARD_TICKET_LEN])
{
	static char number[sizeof(((struct hc_stored_card *)NULL)->number)];
	struct hc_stored_card *card = NULL;

	number[0] = '\0';
	if (hc_pairings_take(room->pairings, holder, ticket, &card) == HC_OK)
		snprintf(number, sizeof(number), "%s", card->number);
	free(card);
	return number;
}

static void a_ticket_of_another_process_or_person_is_none_and_is_not_used_up(void **state)
{
	static const struct hc_pairing_holder others[] = {
		{.pid = 11, .service = {"login"}, .login = {"martin"}},
		{.pid = 10, .service = {"sudo"}, .login = {"martin"}},
		{.pid = 10, .service = {"login"}, .login = {"durand"}},
		{.pid = 10, .service = {"login"}}};
	uint8_t ticket[HC_CARD_TICKET_LEN], guess[HC_CARD_TICKET_LEN] = {0};

	keep(*state, &HERE, 1, ticket);
	for (size_t i = 0; i < HC_COUNT(others); i++) {
		if (take(*state, &others[i], ticket)[0] != '\0')
			fail_msg("row %zu", i);
	}
	assert_string_equal(take(*state, &HERE, guess), "");
	memcpy(guess, ticket, sizeof(guess));
	guess[HC_CARD_TICKET_LEN - 1] ^= 1;
	assert_string_equal(take(*state, &HERE, guess), "");
	assert_string_equal(take(*state, &HERE, ticket), "1");
}

static void a_ticket_is_good_once_and_for_five_minutes(void **state)
{
	struct room *room = *state;
	uint8_t ticket[HC_CARD_TICKET_LEN];

	keep(room, &HERE, 1, ticket);
	fake_clock_pass(&room->clock, 299999);
	assert_string_equal(take(room, &HERE, ticket), "1");
	assert_string_equal(take(room, &HERE, ticket), "");
	keep(room, &HERE, 2, ticket);
	fake_clock_pass(&room->clock, 300000);
	assert_string_equal(take(room, &HERE, ticket), "");
}

static void a_card_that_nobody_was_named_with_is_anybodys_of_that_process(void **state)
{
	const struct hc_pairing_holder other = {.pid = 11, .service = {"login"}, .login = {"martin"}};
	uint8_t ticket[HC_CARD_TICKET_LEN];

	keep(*state, &NOBODY, 1, ticket);
	assert_string_equal(take(*state, &other, ticket), "");
	assert_string_equal(take(*state, &HERE, ticket), "1");
}

static void without_room_the_oldest_goes(void **state)
{
	struct room *room = *state;
	uint8_t tickets[HC_PAIRINGS_MAX + 1][HC_CARD_TICKET_LEN];
	char number[16];

	for (unsigned i = 0; i <= HC_PAIRINGS_MAX; i++) {
		keep(room, &HERE, i, tickets[i]);
		fake_clock_pass(&room->clock, 1);
	}
	assert_string_equal(take(room, &HERE, tickets[0]), "");
	for (unsigned i = 1; i <= HC_PAIRINGS_MAX; i++) {
		snprintf(number, sizeof(number), "%u", i);
		assert_string_equal(take(room, &HERE, tickets[i]), number);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ticket_of_another_process_or_person_is_none_and_is_not_used_up),
		TEST(a_ticket_is_good_once_and_for_five_minutes),
		TEST(a_card_that_nobody_was_named_with_is_anybodys_of_that_process),
		TEST(without_room_the_oldest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
