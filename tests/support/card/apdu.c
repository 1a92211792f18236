/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of a PIV card (NIST SP 800-73-4, part 2), as far as a program that signs uses them.
 *
 * State: in struct tc_card. Whatever is not understood is answered by a status, never by an end: a card's
 * reader sends what any program likes.
 */
#include "card.h"

#include <string.h>

#define STATUS_OK	    0x9000
#define STATUS_WRONG_LENGTH 0x6700
#define STATUS_SECURITY	    0x6982
#define STATUS_BLOCKED	    0x6983
#define STATUS_WRONG_DATA   0x6a80
#define STATUS_NOT_FOUND    0x6a82
#define STATUS_NO_REFERENCE 0x6a88
#define STATUS_NO_COMMAND   0x6d00
#define STATUS_TRIES	    0x63c0
#define STATUS_MORE	    0x6100
#define CLASS_CHAINED	    0x10
#define INS_VERIFY	    0x20
#define INS_AUTHENTICATE    0x87
#define INS_SELECT	    0xa4
#define INS_GET_RESPONSE    0xc0
#define INS_GET_DATA	    0xcb
#define KEY_OF_PIN	    0x80
#define KEY_CARD	    0x9e
#define KEY_SIGNATURE	    0x9c
#define HEADER		    4
#define PIECE		    256

struct command {
	uint8_t class, ins, p1, p2;
	const uint8_t *data;
	size_t len;
};

static const uint8_t aid[] = {0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};

/* Short and extended lengths; what stands behind the data, the length of the answer, does not matter here. */
static bool parse(const uint8_t *bytes, size_t len, struct command *command)
{
	if (len < HEADER)
		return false;
	*command = (struct command){.class = bytes[0], .ins = bytes[1], .p1 = bytes[2], .p2 = bytes[3]};
	if (len <= HEADER + 1)
		return true;
	command->data = bytes + HEADER + 1;
	command->len = bytes[HEADER];
	if (command->len == 0 && len > HEADER + 3) {
		command->data = bytes + HEADER + 3;
		command->len = (size_t)bytes[HEADER + 1] << 8 | bytes[HEADER + 2];
	}
	return command->data + command->len <= bytes + len;
}

enum tc_kind tc_apdu_kind(const uint8_t *bytes, size_t len)
{
	struct command command;

	if (!parse(bytes, len, &command))
		return TC_OTHER;
	switch (command.ins) {
	case INS_SELECT:
		return TC_SELECT;
	case INS_GET_DATA:
		return TC_GET;
	case INS_VERIFY:
		return command.len > 0 ? TC_VERIFY : TC_TRIES;
	case INS_AUTHENTICATE: /* the last piece of a chain stands for all of them */
		return (command.class & CLASS_CHAINED) == 0 ? TC_SIGN : TC_OTHER;
	default:
		return TC_OTHER;
	}
}

void tc_reset(struct tc_card *card)
{
	card->open = card->pin_fresh = false;
	card->chain_len = card->rest_len = 0;
}

/* ---- commands; each leaves its data in card->rest and returns the status ---- */

static unsigned do_select(struct tc_card *card, const struct command *command)
{
	uint8_t inner[64], allocator[] = {0x4f, 0x05, 0xa0, 0x00, 0x00, 0x03, 0x08};
	static const uint8_t version[] = {0x00, 0x00, 0x10, 0x00, 0x01, 0x00};
	size_t len = 0;

	/* Of its name at least the provider's part. */
	if (command->p1 != 0x04 || command->len < 5 ||
	    memcmp(command->data, aid, command->len < sizeof(aid) ? command->len : sizeof(aid)) != 0)
		return STATUS_NOT_FOUND;
	if (!tc_put(inner, sizeof(inner), &len, 0x4f, version, sizeof(version)) ||
	    !tc_put(inner, sizeof(inner), &len, 0x79, allocator, sizeof(allocator)) ||
	    !tc_put(card->rest, sizeof(card->rest), &card->rest_len, 0x61, inner, len))
		return STATUS_WRONG_LENGTH;
	return STATUS_OK;
}

static unsigned do_get_data(struct tc_card *card, const struct command *command)
{
	if (command->p1 != 0x3f || command->p2 != 0xff || command->len < 3 || command->data[0] != 0x5c ||
	    command->data[1] != command->len - 2)
		return STATUS_WRONG_DATA;
	card->rest_len =
		tc_card_object(card, command->data + 2, command->len - 2, card->rest, sizeof(card->rest));
	return card->rest_len > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

static unsigned tell_tries(const struct tc_card *card)
{
	return card->tries == 0 ? STATUS_BLOCKED : STATUS_TRIES | card->tries;
}

static unsigned do_verify(struct tc_card *card, const struct command *command)
{
	if (command->p1 != 0x00 || command->p2 != KEY_OF_PIN)
		return STATUS_NO_REFERENCE;
	if (command->len == 0)
		return card->open ? STATUS_OK : tell_tries(card);
	if (card->tries == 0)
		return STATUS_BLOCKED;
	if (command->len != TC_PIN_LEN)
		return STATUS_WRONG_DATA; /* no try is used */
	if (memcmp(command->data, card->pin, TC_PIN_LEN) != 0) {
		card->open = card->pin_fresh = false;
		tc_card_tries(card, card->tries - 1);
		return tell_tries(card);
	}
	tc_card_tries(card, TC_TRIES_MAX);
	card->open = card->pin_fresh = true;
	return STATUS_OK;
}

/* A length in one to three bytes behind a tag; false where it goes beyond. */
static bool take(const uint8_t **at, const uint8_t *end, uint8_t *tag, const uint8_t **value, size_t *len)
{
	size_t left = (size_t)(end - *at), head = 2;

	if (left < 2)
		return false;
	*tag = (*at)[0];
	*len = (*at)[1];
	if (*len > 0x80) {
		head += *len - 0x80;
		if (head > 4 || left < head)
			return false;
		*len = head == 3 ? (*at)[2] : (size_t)(*at)[2] << 8 | (*at)[3];
	}
	if (left - head < *len)
		return false;
	*value = *at + head;
	*at = *value + *len;
	return true;
}

/* The challenge out of the dynamic authentication template. */
static bool find_challenge(const uint8_t *data, size_t data_len, const uint8_t **input, size_t *len)
{
	const uint8_t *at = data, *value;
	uint8_t tag;

	if (!take(&at, data + data_len, &tag, &value, len) || tag != 0x7c)
		return false;
	for (const uint8_t *end = value + *len; value < end; value = at) {
		at = value;
		if (!take(&at, end, &tag, input, len))
			return false;
		if (tag == 0x81)
			return true;
	}
	return false;
}

static bool may_sign(const struct tc_card *card, uint8_t number)
{
	if (number == KEY_CARD)
		return true;
	return number == KEY_SIGNATURE ? card->pin_fresh : card->open;
}

static unsigned do_authenticate(struct tc_card *card, const struct command *command)
{
	uint8_t signature[512], inner[600];
	const uint8_t *input;
	size_t input_len, len = 0;

	for (size_t i = 0; i < TC_SLOTS; i++) {
		const struct tc_slot *slot = &card->slots[i];

		if (slot->number != command->p2)
			continue;
		if (!may_sign(card, slot->number))
			return STATUS_SECURITY;
		card->pin_fresh = false;
		if (!find_challenge(command->data, command->len, &input, &input_len))
			return STATUS_WRONG_DATA;
		input_len = tc_sign(slot->key, command->p1, input, input_len, signature, sizeof(signature));
		if (input_len == 0 || !tc_put(inner, sizeof(inner), &len, 0x82, signature, input_len) ||
		    !tc_put(card->rest, sizeof(card->rest), &card->rest_len, 0x7c, inner, len))
			return STATUS_WRONG_DATA;
		return STATUS_OK;
	}
	return STATUS_NO_REFERENCE;
}

/* ---- the answer ---- */

/* Collects a chain of commands; true when this was its last piece. */
static bool is_whole(struct tc_card *card, struct command *command, unsigned *status)
{
	*status = STATUS_OK;
	if (command->len > sizeof(card->chain) - card->chain_len) {
		card->chain_len = 0;
		*status = STATUS_WRONG_LENGTH;
		return false;
	}
	if (command->len > 0)
		memcpy(card->chain + card->chain_len, command->data, command->len);
	card->chain_len += command->len;
	if ((command->class & CLASS_CHAINED) != 0)
		return false;
	command->data = card->chain;
	command->len = card->chain_len;
	card->chain_len = 0;
	return true;
}

static unsigned execute(struct tc_card *card, const struct command *command)
{
	switch (command->ins) {
	case INS_SELECT:
		return do_select(card, command);
	case INS_GET_DATA:
		return do_get_data(card, command);
	case INS_VERIFY:
		return do_verify(card, command);
	case INS_AUTHENTICATE:
		return do_authenticate(card, command);
	default:
		return STATUS_NO_COMMAND;
	}
}

/* Up to 256 bytes of what is there; the status says how much is left. */
static size_t answer(struct tc_card *card, unsigned status, uint8_t *out)
{
	size_t len = card->rest_len < PIECE ? card->rest_len : PIECE, left = card->rest_len - len;

	if (len > 0)
		memcpy(out, card->rest, len);
	memmove(card->rest, card->rest + len, left);
	card->rest_len = left;
	if (status == STATUS_OK && left > 0)
		status = STATUS_MORE | (left < PIECE ? (unsigned)left : 0);
	out[len] = (uint8_t)(status >> 8);
	out[len + 1] = (uint8_t)status;
	return len + 2;
}

size_t tc_apdu(struct tc_card *card, const uint8_t *bytes, size_t len, uint8_t *out, size_t cap)
{
	struct command command;
	unsigned status;

	if (cap < PIECE + 2)
		return 0;
	if (!parse(bytes, len, &command))
		return answer(card, STATUS_WRONG_LENGTH, out);
	if (command.ins == INS_GET_RESPONSE)
		return answer(card, card->rest_len > 0 ? STATUS_OK : STATUS_NOT_FOUND, out);
	card->rest_len = 0;
	if (is_whole(card, &command, &status))
		status = execute(card, &command);
	return answer(card, status, out);
}
