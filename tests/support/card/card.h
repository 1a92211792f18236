/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CARD_H
#define HC_TEST_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

/*
 * A card as NIST SP 800-73-4 has it, made of a folder:
 *
 *   serial       ten digits, from which the card's identifiers are made
 *   pin, tries   what opens it, and how often that may go wrong; tries is written
 *   9a.der .key  certificate and key (PEM) of a slot: 9a 9c 9d 9e; key or certificate may be missing
 *
 * As on real cards the PIN's state is the card's: it stays open for every program until it is reset or loses
 * power. What cannot be read ends the program: a test that has no card must not go on.
 */
#define TC_SLOTS     4
#define TC_TRIES_MAX 3
#define TC_PIN_LEN   8
#define TC_APDU_MAX  4096
#define TC_BODY_MAX  8192
#define TC_PATH_MAX  512

struct tc_slot {
	uint8_t number; /* 0x9a, … */
	uint8_t *certificate;
	size_t certificate_len;
	EVP_PKEY *key; /* NULL: none */
};

struct tc_card {
	char folder[TC_PATH_MAX];
	char serial[11];
	uint8_t pin[TC_PIN_LEN]; /* padded */
	unsigned tries;
	bool open;	/* the PIN was given since the last reset */
	bool pin_fresh; /* … and no signature made with it: 9C wants it each time */
	struct tc_slot slots[TC_SLOTS];
	uint8_t chain[TC_APDU_MAX]; /* of commands */
	size_t chain_len;
	uint8_t rest[TC_BODY_MAX]; /* for GET RESPONSE */
	size_t rest_len;
};

/* What a test may count and disturb: the kinds of command. VERIFY has a PIN; TRIES is one without, that asks. */
enum tc_kind { TC_SELECT, TC_GET, TC_VERIFY, TC_TRIES, TC_SIGN, TC_OTHER, TC_KINDS };

/* object.c: tc_card_load: of folder; the caller owns it. tc_card_free: NULL-safe. */
struct tc_card *tc_card_load(const char *folder);
void tc_card_free(struct tc_card **card);
/* tc_card_tries: sets and writes them. */
void tc_card_tries(struct tc_card *card, unsigned tries);
/* tc_card_object: contents of an object, with its outer tag; 0: there is none. */
size_t tc_card_object(const struct tc_card *card, const uint8_t *tag, size_t tag_len, uint8_t *out,
		      size_t cap);
/* tc_put: tag, length and value behind *at; false where there is no room. */
bool tc_put(uint8_t *out, size_t cap, size_t *at, uint8_t tag, const void *value, size_t len);

/* key.c: tc_sign: a signature over input as the slot makes it; 0 where the key cannot. */
size_t tc_sign(EVP_PKEY *key, uint8_t algorithm, const uint8_t *input, size_t len, uint8_t *out, size_t cap);

/* apdu.c: tc_apdu_kind: of a command. tc_apdu: the answer, with its status; 0: no room. tc_reset: after a reset,
 * or without power. */
enum tc_kind tc_apdu_kind(const uint8_t *command, size_t len);
size_t tc_apdu(struct tc_card *card, const uint8_t *command, size_t len, uint8_t *out, size_t cap);
void tc_reset(struct tc_card *card);

#endif
