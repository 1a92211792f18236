/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards that wait for their person to sign in by other means.
 *
 * State: the cards, each with its ticket, in memory alone. Threats: a ticket that is guessed (128 random bits, compared in
 * constant time), one that another process or person shows, that is used twice or late (it goes with its first use; five
 * minutes), a flood of cards (the oldest goes). A card that waits here is proven and linked to nobody: what links it is
 * the person's own word behind two other factors, and that is not decided here. It must never give a card out without
 * its ticket.
 */
#include "factor_cps_pairing.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "store/store.h"

struct waiting {
	int64_t until_ms; /* monotonic; 0: free */
	struct hc_pairing_holder holder;
	uint8_t ticket[HC_CARD_TICKET_LEN];
	struct hc_stored_card *card; /* owned */
};

struct hc_pairings {
	const struct hc_clock *clock;
	struct waiting waiting[HC_PAIRINGS_MAX];
};

enum hc_err hc_pairings_new(const struct hc_clock *clock, struct hc_pairings **ret_pairings)
{
	struct hc_pairings *pairings = calloc(1, sizeof(*pairings));

	if (pairings == NULL)
		return HC_ERR_NOMEM;
	pairings->clock = clock;
	*ret_pairings = pairings;
	return HC_OK;
}

static void forget(struct waiting *waiting)
{
	free(waiting->card);
	hc_scrub(waiting, sizeof(*waiting));
}

void hc_pairings_free(struct hc_pairings **pairings)
{
	if (pairings == NULL || *pairings == NULL)
		return;
	for (size_t i = 0; i < HC_PAIRINGS_MAX; i++)
		forget(&(*pairings)->waiting[i]);
	free(*pairings);
	*pairings = NULL;
}

/* A free place, one whose time is over, or the oldest: all wait equally long. */
static struct waiting *make_room(struct hc_pairings *pairings)
{
	struct waiting *oldest = &pairings->waiting[0];

	for (size_t i = 1; i < HC_PAIRINGS_MAX; i++) {
		if (pairings->waiting[i].until_ms < oldest->until_ms)
			oldest = &pairings->waiting[i];
	}
	forget(oldest);
	return oldest;
}

enum hc_err hc_pairings_keep(struct hc_pairings *pairings, const struct hc_pairing_holder *holder,
			     const struct hc_stored_card *card, uint8_t ret_ticket[HC_CARD_TICKET_LEN])
{
	struct waiting waiting = {.until_ms = hc_mono_ms(pairings->clock) + HC_PAIRING_MS, .holder = *holder};
	const enum hc_err err = hc_random(waiting.ticket, sizeof(waiting.ticket));

	if (err != HC_OK)
		return err;
	waiting.card = calloc(1, sizeof(*waiting.card));
	if (waiting.card == NULL)
		return HC_ERR_NOMEM;
	*waiting.card = *card;
	memcpy(ret_ticket, waiting.ticket, HC_CARD_TICKET_LEN);
	*make_room(pairings) = waiting;
	return HC_OK;
}

static bool is_holder(const struct waiting *waiting, const struct hc_pairing_holder *holder)
{
	return waiting->holder.pid == holder->pid &&
	       strcmp(waiting->holder.service.text, holder->service.text) == 0 &&
	       (waiting->holder.login.text[0] == '\0' ||
		strcmp(waiting->holder.login.text, holder->login.text) == 0);
}

enum hc_err hc_pairings_take(struct hc_pairings *pairings, const struct hc_pairing_holder *holder,
			     const uint8_t ticket[HC_CARD_TICKET_LEN], struct hc_stored_card **ret_card)
{
	const int64_t now_ms = hc_mono_ms(pairings->clock);
	struct waiting *found = NULL;

	for (size_t i = 0; i < HC_PAIRINGS_MAX; i++) {
		struct waiting *waiting = &pairings->waiting[i];

		if (hc_bytes_equal(waiting->ticket, ticket, HC_CARD_TICKET_LEN) && waiting->card != NULL &&
		    now_ms < waiting->until_ms && is_holder(waiting, holder))
			found = waiting;
	}
	if (found == NULL)
		return HC_ERR_NOTFOUND;
	*ret_card = hc_steal_ptr(&found->card);
	forget(found);
	return HC_OK;
}
