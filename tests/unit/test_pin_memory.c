/* SPDX-License-Identifier: Apache-2.0 */
/* PINs that a card refused are known again, and nothing else is. */
#include "pin_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"

static int setup(void **state)
{
	struct hc_pin_memory *memory = NULL;

	if (hc_pin_memory_new(&memory) != HC_OK)
		return -1;
	*state = memory;
	return 0;
}

static int teardown(void **state)
{
	struct hc_pin_memory *memory = *state;

	hc_pin_memory_free(&memory);
	assert_null(memory);
	return 0;
}

static bool holds(const struct hc_pin_memory *memory, const char *card, const char *pin)
{
	HC_AUTO(secret) secret = NULL;

	assert_int_equal(hc_secret_from(pin, strlen(pin), &secret), HC_OK);
	return hc_pin_memory_holds(memory, card, secret);
}

static void refuse(struct hc_pin_memory *memory, const char *card, const char *pin)
{
	HC_AUTO(secret) secret = NULL;

	assert_int_equal(hc_secret_from(pin, strlen(pin), &secret), HC_OK);
	hc_pin_memory_refused(memory, card, secret);
}

static void a_refused_pin_is_held_for_its_card_alone(void **state)
{
	struct hc_pin_memory *memory = *state;

	refuse(memory, "2600855206", "1234");
	assert_true(holds(memory, "2600855206", "1234"));
	assert_false(holds(memory, "2600855206", "1235"));
	assert_false(holds(memory, "2600855206", "12345"));
	assert_false(holds(memory, "2600855207", "1234"));
	assert_false(holds(memory, "260085520", "61234")); /* the same characters in a row */
}

static void a_right_pin_has_all_of_its_card_forgotten(void **state)
{
	struct hc_pin_memory *memory = *state;

	refuse(memory, "a", "1111");
	refuse(memory, "a", "2222");
	refuse(memory, "b", "1111");
	hc_pin_memory_right(memory, "a");
	hc_pin_memory_right(memory, "nobody's");
	assert_false(holds(memory, "a", "1111"));
	assert_false(holds(memory, "a", "2222"));
	assert_true(holds(memory, "b", "1111"));
}

static void of_one_card_the_last_three_are_held(void **state)
{
	struct hc_pin_memory *memory = *state;

	refuse(memory, "a", "1111");
	refuse(memory, "a", "2222");
	refuse(memory, "a", "2222"); /* once */
	refuse(memory, "a", "3333");
	assert_true(holds(memory, "a", "1111"));
	refuse(memory, "a", "4444");
	assert_false(holds(memory, "a", "1111"));
	assert_true(holds(memory, "a", "2222") && holds(memory, "a", "3333") && holds(memory, "a", "4444"));
}

static void beyond_its_bound_the_card_that_was_not_seen_for_longest_goes(void **state)
{
	struct hc_pin_memory *memory = *state;
	char card[16];

	for (int i = 0; i < HC_PIN_MEMORY_CARDS; i++) {
		(void)snprintf(card, sizeof(card), "card-%d", i);
		refuse(memory, card, "1234");
	}
	refuse(memory, "card-0", "5678"); /* seen again */
	refuse(memory, "one more", "1234");
	assert_true(holds(memory, "one more", "1234"));
	assert_true(holds(memory, "card-0", "1234"));
	assert_false(holds(memory, "card-1", "1234"));
	assert_true(holds(memory, "card-2", "1234"));
}

static void what_cannot_be_looked_up_counts_as_refused(void **state)
{
	struct hc_pin_memory *memory = *state;
	char card[600];

	memset(card, 'x', sizeof(card) - 1);
	card[sizeof(card) - 1] = '\0';
	assert_true(holds(memory, card, "1234"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refused_pin_is_held_for_its_card_alone),
		TEST(a_right_pin_has_all_of_its_card_forgotten),
		TEST(of_one_card_the_last_three_are_held),
		TEST(beyond_its_bound_the_card_that_was_not_seen_for_longest_goes),
		TEST(what_cannot_be_looked_up_counts_as_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
