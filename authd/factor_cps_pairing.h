/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_CPS_PAIRING_H
#define HC_FACTOR_CPS_PAIRING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

struct hc_stored_card;

/*
 * Cards that were proven in every respect but that they are nobody's, with [cps] pairing =
 * first-use-after-strong-sign-in: kept for HC_PAIRING_MS, HC_PAIRINGS_MAX of them, in memory. Whoever holds the ticket of
 * one, in the process that it was given to, and signs in with two factors by other means, may link it to the own
 * account.
 */
struct hc_pairings;

#define HC_PAIRINGS_MAX 64
#define HC_PAIRING_MS	300000

/* Whose ticket it is: the process at the other end, its service, and who was named when the card was shown; empty: nobody. */
struct hc_pairing_holder {
	pid_t pid;
	struct hc_service service;
	struct hc_login login;
};

/* clock is borrowed. */
HC_CHECK enum hc_err hc_pairings_new(const struct hc_clock *clock, struct hc_pairings **ret_pairings);
void hc_pairings_free(struct hc_pairings **pairings);

/* hc_pairings_keep: card is copied. Without room the oldest one is forgotten. HC_ERR_NOMEM, HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_pairings_keep(struct hc_pairings *pairings, const struct hc_pairing_holder *holder,
				      const struct hc_stored_card *card,
				      uint8_t ret_ticket[HC_CARD_TICKET_LEN]);

/*
 * hc_pairings_take: the card of a ticket (transferred), which is good once. HC_ERR_NOTFOUND: there is none, it is too
 * late, or it is another one's: that stays where it is.
 */
HC_CHECK enum hc_err hc_pairings_take(struct hc_pairings *pairings, const struct hc_pairing_holder *holder,
				      const uint8_t ticket[HC_CARD_TICKET_LEN],
				      struct hc_stored_card **ret_card);

#endif
