/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_DIALOGUE_H
#define HC_PAM_DIALOGUE_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "ticket.h"

/*
 * What a message of the broker means for a conversation: pure, without I/O.
 *
 *   STEP ── a question, when a person signs in      INFO ── something to show
 *   RESULT ── the verdict, and the end              anything else ── the end, without a verdict
 */
#define HC_DIALOGUE_MESSAGES_MAX 64
#define HC_DIALOGUE_TEXT_MAX	 2048 /* as HC_FIELD_TEXT */

enum hc_turn_kind {
	HC_TURN_BROKEN = 0, /* the broker does not keep to the protocol: no verdict was given */
	HC_TURN_ASK,
	HC_TURN_TELL,
	HC_TURN_END
};

struct hc_turn {
	enum hc_turn_kind kind;
	enum hc_step_kind step;		     /* ASK */
	char text[HC_DIALOGUE_TEXT_MAX + 1]; /* ASK, TELL; END: may be empty */
	enum hc_verdict verdict;	     /* END; a denial otherwise */
	enum hc_reason reason;		     /* END */
	struct hc_login
		user; /* END with ALLOW, where HELLO named nobody: who proved to be there; else empty */
	struct hc_ticket
		ticket; /* END without ALLOW: of a card that was shown and is nobody's; not known: none */
};

struct hc_dialogue {
	enum hc_request request;
	struct hc_login login; /* of whom the verdict must speak; empty: HELLO named nobody */
	bool remote;
	unsigned received;
};

void hc_dialogue_init(struct hc_dialogue *dialogue, enum hc_request request, const struct hc_login *login,
		      bool remote);

/*
 * hc_dialogue_next: the next turn. Refused as broken: a message or field that has no place here, a
 * question outside of a sign-in, a question for a login where HELLO had one, a number that is no verdict of a broker,
 * a grace outside of a local sign-in or for nobody, a verdict about somebody else, one that names
 * somebody without letting him in, a ticket with a verdict that lets on or outside of a local sign-in, and more than HC_DIALOGUE_MESSAGES_MAX messages.
 */
void hc_dialogue_next(struct hc_dialogue *dialogue, const struct hc_msg *msg, struct hc_turn *ret_turn);

#endif
