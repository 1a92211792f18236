/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate of which card signs in, and when a PIN may go to a card. */
#include "pkcs11_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#define USABLE (CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED)

static struct hc_p11_cards *cards;

static int setup(void **state)
{
	(void)state;
	cards = calloc(1, sizeof(*cards));
	return cards == NULL;
}

static int teardown(void **state)
{
	(void)state;
	free(cards);
	return 0;
}

static struct hc_p11_card *add_card(const char *reader, bool present, bool readable)
{
	struct hc_p11_card *card = &cards->cards[cards->count++];

	card->present = present;
	card->readable = readable;
	(void)snprintf(card->reader, sizeof(card->reader), "%s", reader);
	return card;
}

static struct hc_p11_certificate *add_certificate(struct hc_p11_card *card, uint8_t last)
{
	struct hc_p11_certificate *certificate = &card->certificates[card->count++];

	certificate->id_len = 13;
	certificate->id[12] = last;
	certificate->usage = (struct hc_p11_usage){
		.has_key_usage = true, .may_sign = true, .client_auth = true, .smart_card = true};
	return certificate;
}

/* ---- certificates ---- */

static void nothing_fits_that_lacks_one_usage(void **state)
{
	static const struct hc_p11_usage rows[] = {
		{.client_auth = true, .smart_card = true},
		{.may_commit = true, .client_auth = true, .smart_card = true},
		{.may_sign = true, .smart_card = true},
		{.may_sign = true, .client_auth = true},
		{.may_sign = true, .client_auth = true, .smart_card = true, .authority = true},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_p11_certificate certificate = {.id_len = 1, .id = {0x20}, .usage = rows[i]};

		if (hc_p11_fits(&certificate))
			fail_msg("row %zu: fits", i);
	}
}

static void nothing_fits_that_is_numbered_as_signature_key_or_not_at_all(void **state)
{
	struct hc_p11_certificate *certificate =
		add_certificate(add_card("A", true, true), HC_P11_ID_SIGNATURE);

	(void)state;
	assert_false(hc_p11_fits(certificate));
	certificate->id[12] = HC_P11_ID_SIGN_IN;
	assert_true(hc_p11_fits(certificate));
	certificate->id_len = 0;
	assert_false(hc_p11_fits(certificate));
}

static void of_one_card_the_numbered_certificate_is_taken(void **state)
{
	struct hc_p11_candidate found[HC_P11_CANDIDATES_MAX];
	struct hc_p11_card *card = add_card("A", true, true);

	(void)state;
	(void)add_certificate(card, 0x01);
	(void)add_certificate(card, HC_P11_ID_SIGNATURE);
	assert_int_equal(hc_p11_candidates(cards, found), 1);
	assert_int_equal(found[0].certificate, 0);

	(void)add_certificate(card, HC_P11_ID_SIGN_IN);
	assert_int_equal(hc_p11_candidates(cards, found), 1);
	assert_int_equal(found[0].certificate, 2);
}

static void a_number_alone_makes_no_certificate_fit(void **state)
{
	struct hc_p11_candidate found[HC_P11_CANDIDATES_MAX];
	struct hc_p11_card *card = add_card("A", true, true);

	(void)state;
	add_certificate(card, HC_P11_ID_SIGN_IN)->usage.smart_card = false;
	(void)add_certificate(card, 0x01);

	assert_int_equal(hc_p11_candidates(cards, found), 1);
	assert_int_equal(found[0].certificate, 1);
}

static void cards_that_cannot_be_read_are_no_candidates(void **state)
{
	struct hc_p11_candidate found[HC_P11_CANDIDATES_MAX];

	(void)state;
	(void)add_certificate(add_card("A", true, false), HC_P11_ID_SIGN_IN);

	assert_int_equal(hc_p11_candidates(cards, found), 0);
}

static void more_candidates_than_places_are_left_out(void **state)
{
	struct hc_p11_candidate found[HC_P11_CANDIDATES_MAX];

	(void)state;
	for (size_t i = 0; i < HC_P11_CARDS_MAX; i++)
		(void)add_certificate(add_card("A", true, true), HC_P11_ID_SIGN_IN);

	assert_int_equal(hc_p11_candidates(cards, found), HC_P11_CANDIDATES_MAX);
}

static void without_a_fitting_card_it_waits_only_for_an_empty_reader(void **state)
{
	enum hc_reason seen = HC_REASON_INTERNAL;

	(void)state;
	assert_int_equal(hc_p11_why_none(cards, &seen), HC_REASON_NO_DEVICE);
	assert_int_equal(seen, HC_REASON_NONE);

	(void)add_card("Reader A", true, false);
	assert_int_equal(hc_p11_why_none(cards, &seen), HC_REASON_CARD_UNKNOWN);
	add_certificate(add_card("Reader B", true, true), HC_P11_ID_SIGNATURE)->usage.may_sign = false;
	assert_int_equal(hc_p11_why_none(cards, NULL), HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN);

	/* A second slot of a reader that is in use is no place for a card. */
	(void)add_card("Reader A", false, false);
	assert_int_equal(hc_p11_why_none(cards, &seen), HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN);
	(void)add_card("Reader C", false, false);
	assert_int_equal(hc_p11_why_none(cards, &seen), HC_REASON_NO_DEVICE);
	assert_int_equal(seen, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN);
}

/* ---- the PIN ---- */

static void a_pin_goes_nowhere_before_the_flags_allow_it(void **state)
{
	static const struct {
		unsigned long flags;
		unsigned wrong;
		bool confirmed;
		enum hc_p11_pin_step step;
		enum hc_reason reason;
	} rows[] = {
		{USABLE | CKF_USER_PIN_LOCKED, 0, true, HC_P11_PIN_REFUSE, HC_REASON_PIN_BLOCKED},
		{USABLE | CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY, 0, true, HC_P11_PIN_REFUSE,
		 HC_REASON_PIN_BLOCKED},
		{CKF_TOKEN_INITIALIZED, 0, true, HC_P11_PIN_REFUSE, HC_REASON_CARD_WITHOUT_PIN},
		{USABLE & ~CKF_LOGIN_REQUIRED, 0, false, HC_P11_PIN_REFUSE, HC_REASON_CARD_WITHOUT_PIN},
		{USABLE & ~CKF_USER_PIN_INITIALIZED, 0, false, HC_P11_PIN_REFUSE, HC_REASON_CARD_WITHOUT_PIN},
		{USABLE | CKF_USER_PIN_FINAL_TRY, 0, false, HC_P11_PIN_CONFIRM, HC_REASON_NONE},
		{USABLE | CKF_USER_PIN_FINAL_TRY | CKF_PROTECTED_AUTHENTICATION_PATH, 0, false,
		 HC_P11_PIN_CONFIRM, HC_REASON_NONE},
		{USABLE | CKF_USER_PIN_FINAL_TRY, 0, true, HC_P11_PIN_ASK, HC_REASON_NONE},
		{USABLE | CKF_USER_PIN_COUNT_LOW, 0, false, HC_P11_PIN_ASK, HC_REASON_NONE},
		{USABLE, 0, false, HC_P11_PIN_ASK, HC_REASON_NONE},
		{USABLE, 1, false, HC_P11_PIN_ASK, HC_REASON_NONE},
		{USABLE, 2, false, HC_P11_PIN_CONFIRM, HC_REASON_NONE},
		{USABLE, 2, true, HC_P11_PIN_ASK, HC_REASON_NONE},
		{USABLE, 3, true, HC_P11_PIN_REFUSE, HC_REASON_TOO_MANY_TRIES},
		{USABLE | CKF_PROTECTED_AUTHENTICATION_PATH, 0, false, HC_P11_PIN_PAD, HC_REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_reason reason = HC_REASON_NONE;

		if (hc_p11_pin_step(rows[i].flags, rows[i].wrong, rows[i].confirmed, &reason) !=
			    rows[i].step ||
		    reason != rows[i].reason)
			fail_msg("row %zu: reason %d", i, (int)reason);
	}
}

static void tries_are_never_more_than_flags_and_wrong_pins_leave(void **state)
{
	static const struct {
		unsigned long flags;
		unsigned wrong;
		uint32_t tries;
	} rows[] = {
		{CKF_USER_PIN_LOCKED | CKF_USER_PIN_COUNT_LOW, 0, 0},
		{CKF_USER_PIN_FINAL_TRY, 0, 1},
		{CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY, 0, 1},
		{CKF_USER_PIN_COUNT_LOW, 0, 2},
		{0, 0, HC_P11_TRIES_UNKNOWN},
		{0, 1, 2},
		{0, 2, 1},
		{0, 3, 1},
		{CKF_USER_PIN_COUNT_LOW, 2, 1},
		{CKF_SO_PIN_LOCKED | CKF_SO_PIN_FINAL_TRY, 0, HC_P11_TRIES_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_p11_tries_left(rows[i].flags, rows[i].wrong) != rows[i].tries)
			fail_msg("row %zu", i);
	}
}

static void what_cannot_be_a_pin_is_seen(void **state)
{
	static const struct {
		const char *pin;
		size_t len;
		unsigned long min, max;
		bool possible;
	} rows[] = {
		{"", 0, 4, 4, false},
		{"", 0, 0, 0, false},
		{"1", 1, 0, 1, false},
		{"123", 3, 1, 8, false},
		{"1234", 4, 4, 4, true},
		{"12345", 5, 4, 4, false},
		{"1234", 4, 6, 8, false},
		{"123456", 6, 6, 8, true},
		{"12a4", 4, 4, 8, false},
		{"123\0", 4, 4, 8, false},
		{"\xd9\xa1\xd9\xa2", 4, 4, 8, false},
		{" 1234", 5, 4, 8, false},
		{"1234", 4, 0, 0, true},
		{"1234", 4, ~0ul, ~0ul, true},
		{"1234", 4, 4, ~0ul, true},
		{"1234567890123", 13, 4, ~0ul, false},
		{"123456789012", 12, 4, 0, true},
		{"1234", 4, 65, 70, true},
		{"1234", 4, 20, 10, false},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_p11_pin_possible(rows[i].pin, rows[i].len, rows[i].min, rows[i].max) !=
		    rows[i].possible)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fits_that_lacks_one_usage),
		cmocka_unit_test_setup_teardown(nothing_fits_that_is_numbered_as_signature_key_or_not_at_all,
						setup, teardown),
		cmocka_unit_test_setup_teardown(of_one_card_the_numbered_certificate_is_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_number_alone_makes_no_certificate_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(cards_that_cannot_be_read_are_no_candidates, setup, teardown),
		cmocka_unit_test_setup_teardown(more_candidates_than_places_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_fitting_card_it_waits_only_for_an_empty_reader,
						setup, teardown),
		cmocka_unit_test(a_pin_goes_nowhere_before_the_flags_allow_it),
		cmocka_unit_test(tries_are_never_more_than_flags_and_wrong_pins_leave),
		cmocka_unit_test(what_cannot_be_a_pin_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
