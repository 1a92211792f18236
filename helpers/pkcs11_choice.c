/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificate of which card may sign in, and whether a PIN may go to it. Decisions alone, no state,
 * no card.
 *
 * Threats: a signature certificate or an authority that passes for the one of sign-in; labels (they are not
 * looked at); a card whose last try is spent without its owner's word, or on what cannot be a PIN.
 */
#include "pkcs11_choice.h"

#include <string.h>

#include <p11-kit/pkcs11.h>

#define PIN_LEAST   4
#define PIN_DEFAULT 12

static uint8_t last_of_id(const struct hc_p11_certificate *certificate)
{
	return certificate->id_len > 0 ? certificate->id[certificate->id_len - 1] : 0;
}

bool hc_p11_fits(const struct hc_p11_certificate *certificate)
{
	const struct hc_p11_usage *usage = &certificate->usage;

	return certificate->id_len > 0 && usage->may_sign && usage->client_auth && usage->smart_card &&
	       !usage->authority && last_of_id(certificate) != HC_P11_ID_SIGNATURE;
}

/* Whether one of the card's certificates both fits and is numbered as the one for signing in. */
static bool has_numbered(const struct hc_p11_card *card)
{
	for (size_t i = 0; i < card->count; i++) {
		if (hc_p11_fits(&card->certificates[i]) &&
		    last_of_id(&card->certificates[i]) == HC_P11_ID_SIGN_IN)
			return true;
	}
	return false;
}

size_t hc_p11_candidates(const struct hc_p11_cards *cards,
			 struct hc_p11_candidate ret_candidates[HC_P11_CANDIDATES_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < cards->count; i++) {
		const struct hc_p11_card *card = &cards->cards[i];
		bool numbered = has_numbered(card);

		for (size_t k = 0; card->readable && k < card->count; k++) {
			const struct hc_p11_certificate *certificate = &card->certificates[k];

			if (found < HC_P11_CANDIDATES_MAX && hc_p11_fits(certificate) &&
			    (!numbered || last_of_id(certificate) == HC_P11_ID_SIGN_IN))
				ret_candidates[found++] = (struct hc_p11_candidate){i, k};
		}
	}
	return found;
}

/* Some modules show one reader as several slots. */
static bool reader_is_used(const struct hc_p11_cards *cards, const char *reader)
{
	for (size_t i = 0; i < cards->count; i++) {
		if (cards->cards[i].present && strcmp(cards->cards[i].reader, reader) == 0)
			return true;
	}
	return false;
}

enum hc_reason hc_p11_why_none(const struct hc_p11_cards *cards, enum hc_reason *ret_seen)
{
	enum hc_reason seen = HC_REASON_NONE;
	bool empty = cards->count == 0;

	for (size_t i = 0; i < cards->count; i++) {
		const struct hc_p11_card *card = &cards->cards[i];

		if (!card->present)
			empty = empty || !reader_is_used(cards, card->reader);
		else if (card->readable && card->count > 0)
			seen = HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN;
		else if (seen == HC_REASON_NONE)
			seen = HC_REASON_CARD_UNKNOWN;
	}
	if (ret_seen != NULL)
		*ret_seen = seen;
	return empty || seen == HC_REASON_NONE ? HC_REASON_NO_DEVICE : seen;
}

/* ---- the PIN ---- */

uint32_t hc_p11_tries_left(unsigned long flags, unsigned wrong)
{
	if ((flags & CKF_USER_PIN_LOCKED) != 0)
		return 0;
	if ((flags & CKF_USER_PIN_FINAL_TRY) != 0 || wrong + 1 >= HC_P11_WRONG_MAX)
		return 1;
	return (flags & CKF_USER_PIN_COUNT_LOW) != 0 || wrong > 0 ? 2 : HC_P11_TRIES_UNKNOWN;
}

enum hc_p11_pin_step hc_p11_pin_step(unsigned long flags, unsigned wrong, bool confirmed,
				     enum hc_reason *ret_reason)
{
	uint32_t tries = hc_p11_tries_left(flags, wrong);

	if (tries == 0 || wrong >= HC_P11_WRONG_MAX) {
		*ret_reason = tries == 0 ? HC_REASON_PIN_BLOCKED : HC_REASON_TOO_MANY_TRIES;
		return HC_P11_PIN_REFUSE;
	}
	/* What signs without a PIN proves that a card is there, and not who holds it. */
	if ((flags & CKF_LOGIN_REQUIRED) == 0 || (flags & CKF_USER_PIN_INITIALIZED) == 0) {
		*ret_reason = HC_REASON_CARD_WITHOUT_PIN;
		return HC_P11_PIN_REFUSE;
	}
	if (tries == 1 && !confirmed)
		return HC_P11_PIN_CONFIRM;
	return (flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0 ? HC_P11_PIN_PAD : HC_P11_PIN_ASK;
}

bool hc_p11_pin_possible(const void *pin, size_t len, unsigned long min, unsigned long max)
{
	const uint8_t *bytes = pin;
	uint8_t wrong = 0;

	if (min < PIN_LEAST || min > HC_P11_PIN_MAX)
		min = PIN_LEAST;
	if (max < min || max > HC_P11_PIN_MAX)
		max = min > PIN_DEFAULT ? HC_P11_PIN_MAX : PIN_DEFAULT;
	if (len < min || len > max)
		return false;
	for (size_t i = 0; i < len; i++) /* all of them, whatever stands at the front */
		wrong |= (uint8_t)(bytes[i] < '0' || bytes[i] > '9');
	return wrong == 0;
}
