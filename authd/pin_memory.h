/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PIN_MEMORY_H
#define HC_PIN_MEMORY_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_secret;

/*
 * PINs that a card refused, so that none of its few tries is spent twice on the same one: for the life of the broker, as
 * keyed hashes, HC_PIN_MEMORY_CARDS cards and HC_PIN_MEMORY_PINS of each, the oldest forgotten first. A card is
 * known by what it is called (its serial number, borrowed).
 */
struct hc_pin_memory;

#define HC_PIN_MEMORY_CARDS 256
#define HC_PIN_MEMORY_PINS  3 /* of one card: so many block it */

/* hc_pin_memory_new: under a key that is made here and never leaves. HC_ERR_NOMEM, HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_pin_memory_new(struct hc_pin_memory **ret_memory);
void hc_pin_memory_free(struct hc_pin_memory **memory);

/* hc_pin_memory_refused: the card refused this PIN. */
void hc_pin_memory_refused(struct hc_pin_memory *memory, const char *card, const struct hc_secret *pin);
/* hc_pin_memory_right: the card took its PIN: all of its own are forgotten. */
void hc_pin_memory_right(struct hc_pin_memory *memory, const char *card);
/* hc_pin_memory_holds: this card has refused this PIN; true as well where that cannot be said. */
bool hc_pin_memory_holds(const struct hc_pin_memory *memory, const char *card, const struct hc_secret *pin);

#endif
