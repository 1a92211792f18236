/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_TICKET_H
#define HC_PAM_TICKET_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/msg.h"

/*
 * The ticket of a card that was shown in this transaction and is nobody's: the broker gave it with its refusal, and a
 * later line shows it, so that a person who signs in by other means can be asked whether the card is his. It belongs to
 * one process, is shown by one line, and never leaves the handle but to the broker. Without it a card is not linked;
 * nothing else depends on it, and so no failure here is anybody's refusal.
 */
struct hc_ticket {
	bool known;
	uint8_t bytes[HC_CARD_TICKET_LEN];
};

/* hc_ticket_keep: takes the place of a former one. Where it cannot be kept, there is none. */
void hc_ticket_keep(pam_handle_t *pamh, const struct hc_ticket *ticket);

/* hc_ticket_take: whatever there is goes off the handle; ret_ticket is known only if this process kept it. */
void hc_ticket_take(pam_handle_t *pamh, struct hc_ticket *ret_ticket);

#endif
