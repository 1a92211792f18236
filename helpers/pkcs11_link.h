/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_LINK_H
#define HC_PKCS11_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "pkcs11_choice.h"

struct hc_msg;
struct hc_secret;

/* The link as the process with the vendor's library sees it: one end of a pair, the watcher at the other. */
struct hc_p11_link {
	int fd;		     /* borrowed */
	struct hc_msg *msg;  /* borrowed; scratch */
	int64_t deadline_ms; /* of the operation, monotonic */
};

/* What goes with a message; NULL, 0 and HC_P11_TRIES_UNKNOWN are left out. */
struct hc_p11_note {
	const char *label, *serial, *detail;
	uint32_t tries;
	enum hc_reason reason;
	const struct hc_p11_certificate *certificate; /* whose PIN it is about */
};

/* What the operation gave. */
struct hc_p11_result {
	const struct hc_p11_card *card;
	const struct hc_p11_certificate *certificate;
	const uint8_t *signature; /* NULL: none was asked for */
	size_t signature_len;
};

/* All block until the watcher has taken the message, and fail only if it has gone. */
HC_CHECK enum hc_err hc_p11_tell(struct hc_p11_link *link, enum hc_device_wait wait,
				 const struct hc_p11_note *note);
HC_CHECK enum hc_err hc_p11_ask(struct hc_p11_link *link, enum hc_device_ask ask,
				const struct hc_p11_note *note);
/* hc_p11_ask_choice: which of the candidates of cards. */
HC_CHECK enum hc_err hc_p11_ask_choice(struct hc_p11_link *link, const struct hc_p11_cards *cards,
				       const struct hc_p11_candidate *candidates, size_t count);
/* hc_p11_item: certificate NULL: the card, or the empty reader. */
HC_CHECK enum hc_err hc_p11_item(struct hc_p11_link *link, const struct hc_p11_card *card,
				 const struct hc_p11_certificate *certificate, enum hc_reason reason);
/* hc_p11_done: result NULL: nothing to hand over. */
HC_CHECK enum hc_err hc_p11_done(struct hc_p11_link *link, const struct hc_p11_result *result);
HC_CHECK enum hc_err hc_p11_failed(struct hc_p11_link *link, const struct hc_p11_note *note);

/*
 * hc_p11_listen: waits up to wait_ms for an answer, which the caller then owns. HC_ERR_AWAY: nothing yet.
 * HC_ERR_TIMEOUT: the operation's time is over. HC_ERR_CLOSED: cancelled, or the watcher has gone. ret_answer NULL: no
 * question is open, and an answer ends the link.
 */
HC_CHECK enum hc_err hc_p11_listen(struct hc_p11_link *link, int wait_ms, struct hc_secret **ret_answer);

#endif
