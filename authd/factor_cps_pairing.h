/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_CPS_PAIRING_H
#define HC_FACTOR_CPS_PAIRING_H

#include <stddef.h>
#include <stdint.h>

#include "authd.h"
#include "device_method.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_cps_shown;

/*
 * Cards that were proven in every respect but that they are nobody's, with [cps] pairing = first-use-after-strong-sign-in:
 * kept for HC_PAIRING_MS, HC_PAIRINGS_MAX of them, in memory. Whoever holds the ticket of one, and signs in
 * with two factors by other means, may link it to the own account.
 */
struct hc_pairings;

#define HC_PAIRINGS_MAX	      32
#define HC_PAIRING_MS	      300000
#define HC_PAIRING_TICKET_LEN 16

/* clock is borrowed. */
HC_CHECK enum hc_err hc_pairings_new(const struct hc_clock *clock, struct hc_pairings **ret_pairings);
void hc_pairings_free(struct hc_pairings **pairings);

/*
 * hc_pairings_keep: a card that answered this challenge (both borrowed); a new ticket is made. Without room the oldest one
 * is forgotten. HC_ERR_INVALID: its identifier is none; HC_ERR_TOOBIG, HC_ERR_NOMEM, HC_ERR_CRYPTO.
 */
HC_CHECK enum hc_err hc_pairings_keep(struct hc_pairings *pairings,
				      const struct hc_device_challenge *challenge,
				      const struct hc_cps_shown *shown);

/* hc_pairings_ticket: of the card that answered this challenge. HC_ERR_NOTFOUND: none was kept. */
HC_CHECK enum hc_err hc_pairings_ticket(const struct hc_pairings *pairings,
					const struct hc_device_challenge *challenge,
					uint8_t ret_ticket[HC_PAIRING_TICKET_LEN]);

/* hc_pairings_take: the card of a ticket, which is good once. HC_ERR_NOTFOUND: there is none, or it is too late. */
HC_CHECK enum hc_err hc_pairings_take(struct hc_pairings *pairings,
				      const uint8_t ticket[HC_PAIRING_TICKET_LEN],
				      struct hc_stored_card *ret_card);

#endif
