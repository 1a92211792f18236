/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_RESET_H
#define HC_PKCS11_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/device.h"

/* What became of it. */
enum hc_p11_reset {
	HC_P11_RESET_DONE = 0,
	HC_P11_RESET_NO_SERVICE = 1, /* no pcscd: the card is not one of its readers' */
	HC_P11_RESET_NO_CARD = 2,    /* no card is there any more: its state went with its power */
	HC_P11_RESET_FAILED = 3	     /* the card may be open still */
};

/* Which card that was, if it was one alone: its removal can be watched for. */
#define HC_P11_READER_NAME_MAX 127
struct hc_p11_used {
	bool known;
	char reader[HC_P11_READER_NAME_MAX + 1]; /* as pcscd calls it; not escaped, not to be shown */
	uint8_t atr[HC_DEVICE_ATR_MAX];
	size_t atr_len;
	uint32_t instance; /* pcscd's count of insertions and removals */
};

struct hc_p11_watch;

/*
 * A process that waits until it is told to reset the card whose reader watch (shared memory) names, or until
 * whoever started it has ended, however: then it does so by itself if a PIN may have gone to a card. So a card does not stay open
 * when everybody else was killed. Nothing of it is needed behind hc_p11_guard_end.
 */
struct hc_p11_guard {
	int fd; /* -1: none */
};

/* hc_p11_guard_start: false where the system refuses. */
bool hc_p11_guard_start(struct hc_p11_guard *guard, const struct hc_p11_watch *watch);

/*
 * hc_p11_guard_reset: resets the card; where no reader has that name (modules name slots as they like), every
 * card that is there. ret_used: which one that was. Blocks for timeout_ms at most.
 */
enum hc_p11_reset hc_p11_guard_reset(struct hc_p11_guard *guard, int timeout_ms,
				     struct hc_p11_used *ret_used);

/* hc_p11_guard_end: it ends, and resets nothing if it did already, or no PIN was sent. */
void hc_p11_guard_end(struct hc_p11_guard *guard);

#endif
