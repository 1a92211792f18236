/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_CHOICE_H
#define HC_PKCS11_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/reason.h"
#include "pkcs11_certificate.h"

/*
 * Decisions of hc-pkcs11, without a card: which certificate of which card, and whether a PIN may go to one.
 * The cards are data here, and hostile.
 */
#define HC_P11_ID_MAX		64
#define HC_P11_DER_MAX		8192
#define HC_P11_CERTIFICATES_MAX 8
#define HC_P11_CARDS_MAX	32
#define HC_P11_CANDIDATES_MAX	7
#define HC_P11_TEXT_MAX		64
#define HC_P11_PATH_MAX		255
#define HC_P11_READER_MAX	64 /* of a slot's description */

/* The last byte of CKA_ID, as the health-professional cards number their keys. */
#define HC_P11_ID_SIGN_IN   0x20
#define HC_P11_ID_SIGNATURE 0x10

struct hc_p11_certificate {
	uint8_t id[HC_P11_ID_MAX];
	size_t id_len;
	uint8_t der[HC_P11_DER_MAX];
	size_t der_len;
	struct hc_p11_usage usage;
};

/* One slot and what is in it. The texts are escaped: they can be shown and sent. */
struct hc_p11_card {
	unsigned long slot;
	bool present;			/* something is in the slot */
	bool readable;			/* and the module knows what it is */
	unsigned long flags;		/* of the token: CKF_… */
	unsigned long pin_min, pin_max; /* as the token says */
	char reader[HC_P11_READER_MAX +
		    1]; /* the slot's description, as it is: not escaped, not to be shown */
	char reader_name[HC_P11_PATH_MAX + 1];
	char label[HC_LABEL_MAX + 1];
	char serial[HC_P11_TEXT_MAX + 1];
	size_t count;
	struct hc_p11_certificate certificates[HC_P11_CERTIFICATES_MAX];
};

struct hc_p11_cards {
	size_t count;
	struct hc_p11_card cards[HC_P11_CARDS_MAX];
};

/* A certificate that may sign a person in, by its place. */
struct hc_p11_candidate {
	size_t card, certificate;
};

/*
 * hc_p11_fits: whether a certificate may be used for signing in: a digital signature, client
 * authentication and smart-card logon, no authority, and not numbered as the signature key.
 */
bool hc_p11_fits(const struct hc_p11_certificate *certificate);

/*
 * hc_p11_candidates: those that fit, of every readable card. Of a card with a fitting certificate that is
 * numbered as the one for signing in, only such ones. Returns how many are in ret_candidates.
 */
size_t hc_p11_candidates(const struct hc_p11_cards *cards,
			 struct hc_p11_candidate ret_candidates[HC_P11_CANDIDATES_MAX]);

/*
 * hc_p11_why_none: with no candidate: whether to go on waiting for a card (NO_DEVICE: a reader is empty, or
 * there is none), or what to tell of the cards that are there: CERTIFICATE_NOT_FOR_SIGN_IN, CARD_UNKNOWN.
 * ret_seen (may be NULL): the same about the cards alone, NONE without a card.
 */
enum hc_reason hc_p11_why_none(const struct hc_p11_cards *cards, enum hc_reason *ret_seen);

/* ---- the PIN ---- */

#define HC_P11_TRIES_UNKNOWN UINT32_MAX
#define HC_P11_PIN_MAX	     64

#define HC_P11_WRONG_MAX 3

/*
 * hc_p11_tries_left: at most so many, from a token's flags and the wrong PINs that were sent to it in this operation: some
 * modules tell nothing, and three tries are what these cards have.
 */
uint32_t hc_p11_tries_left(unsigned long flags, unsigned wrong);

/* What must happen before a PIN may go to a card. */
enum hc_p11_pin_step {
	HC_P11_PIN_REFUSE = 0, /* no PIN of this card signs anybody in: ret_reason */
	HC_P11_PIN_CONFIRM,    /* the last try is to be confirmed first */
	HC_P11_PIN_ASK,	       /* ask for it */
	HC_P11_PIN_PAD	       /* the reader asks for it */
};

/*
 * hc_p11_pin_step: by the token's flags as they are now. confirmed: the last try was agreed to. REFUSE:
 * PIN_BLOCKED, CARD_WITHOUT_PIN, or TOO_MANY_TRIES after HC_P11_WRONG_MAX wrong ones.
 */
enum hc_p11_pin_step hc_p11_pin_step(unsigned long flags, unsigned wrong, bool confirmed,
				     enum hc_reason *ret_reason);

/*
 * hc_p11_pin_possible: whether these bytes can be this card's PIN: digits, at least 4 of them or what the
 * card says if that is more, at most what it says. A card that says nothing sensible: 4 to 12.
 */
bool hc_p11_pin_possible(const void *pin, size_t len, unsigned long min, unsigned long max);

#endif
