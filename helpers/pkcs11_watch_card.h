/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_WATCH_CARD_H
#define HC_PKCS11_WATCH_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch_link.h"

/*
 * A process that looks at one reader through pcscd and nothing else, blocked there most of the time. It tells, one
 * message each:
 */
enum hc_p11_news {
	HC_P11_HERE = 1,      /* the card is there; again at least every HC_P11_NEWS_MS */
	HC_P11_LEFT = 2,      /* taken out, or another one; it ends */
	HC_P11_UNPLUGGED = 3, /* the reader itself has gone; it ends */
	HC_P11_AWAY = 4	      /* pcscd does not answer any more; it ends */
};

struct hc_p11_card_news {
	uint32_t news;
	uint32_t instance; /* HERE: how often pcscd saw a card come or go at this reader */
};

#define HC_P11_NEWS_MS 5000

/* hc_p11_instance_of: pcscd's count of insertions and removals, in what it says of a reader. */
static inline uint32_t hc_p11_instance_of(unsigned long event_state)
{
	return (uint32_t)((event_state >> 16) & 0xffff);
}

/*
 * hc_p11_watch_card: forks it. patient: a reader or card that is not there is waited for, until the process is ended.
 * Of the two ends of the pair the parent gets ret_fd. False where the system refuses.
 */
bool hc_p11_watch_card(const struct hc_watch_request *request, bool patient, int *ret_fd, int *ret_pid);

#endif
