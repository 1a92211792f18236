/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PINs that a card refused.
 *
 * State: for each card, under a hash of its name, the hashes of the last refused PINs. A PIN of four digits is found from
 * a plain hash at once, so each is keyed (HMAC-SHA256), with a key that is made at each start and lies in locked memory
 * that no core dump holds; without it the table is noise. Threats: a memory dump, a flood of cards (bounded: the
 * card that was not seen for longest goes), and a PIN that is sent twice because it could not be looked up (then it
 * counts as refused). It must never hold a PIN, nor write anything to disk.
 */
#include "pin_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"

#define KEY_LEN	  32
#define INPUT_MAX 512

struct entry {
	uint64_t seen; /* 0: free */
	uint8_t card[HC_SHA256_LEN];
	uint8_t pins[HC_PIN_MEMORY_PINS][HC_SHA256_LEN];
	unsigned count; /* of all that were ever refused; the last ones are kept */
};

struct hc_pin_memory {
	struct hc_secret *key;
	uint64_t turn;
	struct entry entries[HC_PIN_MEMORY_CARDS];
};

enum hc_err hc_pin_memory_new(struct hc_pin_memory **ret_memory)
{
	struct hc_pin_memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return HC_ERR_NOMEM;
	const enum hc_err err = hc_random_secret(KEY_LEN, &memory->key);

	if (err != HC_OK)
		hc_pin_memory_free(&memory);
	else
		*ret_memory = memory;
	return err;
}

void hc_pin_memory_free(struct hc_pin_memory **memory)
{
	if (memory == NULL || *memory == NULL)
		return;
	hc_secret_free(&(*memory)->key);
	hc_scrub((*memory)->entries, sizeof((*memory)->entries));
	free(*memory);
	*memory = NULL;
}

/* pin NULL: of the card alone. The name ends with its NUL, so that no two pairs make one input. */
static bool hash_of(const struct hc_pin_memory *memory, const char *card, const struct hc_secret *pin,
		    uint8_t out[HC_SHA256_LEN])
{
	HC_AUTO(secret) input = NULL;
	enum hc_err err = hc_secret_new(INPUT_MAX, &input);

	if (err == HC_OK)
		err = hc_secret_append(input, pin != NULL ? "p" : "c", 1);
	if (err == HC_OK)
		err = hc_secret_append(input, card, strlen(card) + 1);
	if (err == HC_OK && pin != NULL)
		err = hc_secret_append(input, hc_secret_data(pin), hc_secret_len(pin));
	if (err == HC_OK)
		err = hc_hmac_sha256(memory->key, hc_secret_data(input), hc_secret_len(input), out);
	return err == HC_OK;
}

static size_t find(const struct hc_pin_memory *memory, const uint8_t card[HC_SHA256_LEN])
{
	size_t at = 0;

	while (at < HC_COUNT(memory->entries) &&
	       (memory->entries[at].seen == 0 ||
		!hc_bytes_equal(memory->entries[at].card, card, HC_SHA256_LEN)))
		at++;
	return at;
}

/* A free place, or that of the card that was not seen for longest. */
static struct entry *make_room(struct hc_pin_memory *memory, const uint8_t card[HC_SHA256_LEN])
{
	struct entry *oldest = &memory->entries[0];

	for (size_t i = 1; i < HC_COUNT(memory->entries); i++) {
		if (memory->entries[i].seen < oldest->seen)
			oldest = &memory->entries[i];
	}
	hc_scrub(oldest, sizeof(*oldest));
	memcpy(oldest->card, card, HC_SHA256_LEN);
	return oldest;
}

static bool entry_holds(const struct entry *entry, const uint8_t pin[HC_SHA256_LEN])
{
	bool found = false;

	for (size_t i = 0; i < HC_PIN_MEMORY_PINS && i < entry->count; i++)
		found = hc_bytes_equal(entry->pins[i], pin, HC_SHA256_LEN) || found;
	return found;
}

void hc_pin_memory_refused(struct hc_pin_memory *memory, const char *card, const struct hc_secret *pin)
{
	uint8_t card_hash[HC_SHA256_LEN], pin_hash[HC_SHA256_LEN];

	/* What cannot be computed cannot be looked up either: holds() says that it is refused. */
	if (!hash_of(memory, card, NULL, card_hash) || !hash_of(memory, card, pin, pin_hash))
		return;
	const size_t at = find(memory, card_hash);
	struct entry *entry =
		at < HC_COUNT(memory->entries) ? &memory->entries[at] : make_room(memory, card_hash);

	entry->seen = ++memory->turn;
	if (entry_holds(entry, pin_hash))
		return;
	memcpy(entry->pins[entry->count % HC_PIN_MEMORY_PINS], pin_hash, HC_SHA256_LEN);
	entry->count++;
}

void hc_pin_memory_right(struct hc_pin_memory *memory, const char *card)
{
	uint8_t card_hash[HC_SHA256_LEN];

	if (!hash_of(memory, card, NULL, card_hash))
		return;
	const size_t at = find(memory, card_hash);

	if (at < HC_COUNT(memory->entries))
		hc_scrub(&memory->entries[at], sizeof(memory->entries[at]));
}

bool hc_pin_memory_holds(const struct hc_pin_memory *memory, const char *card, const struct hc_secret *pin)
{
	uint8_t card_hash[HC_SHA256_LEN], pin_hash[HC_SHA256_LEN];

	if (!hash_of(memory, card, NULL, card_hash) || !hash_of(memory, card, pin, pin_hash))
		return true;
	const size_t at = find(memory, card_hash);

	return at < HC_COUNT(memory->entries) && entry_holds(&memory->entries[at], pin_hash);
}
