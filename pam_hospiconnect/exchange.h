/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_EXCHANGE_H
#define HC_PAM_EXCHANGE_H

#include <security/pam_modules.h>

#include "dialogue.h"
#include "facts.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "options.h"

/*
 * What came of a request. Zero-initialised it is a denial. err: what went wrong with the broker,
 * HC_OK if nothing did. text: the broker's; empty: none.
 */
struct hc_outcome {
	enum hc_verdict verdict;
	enum hc_reason reason;
	enum hc_err err;
	char text[HC_DIALOGUE_TEXT_MAX + 1];
	struct hc_login user;	 /* ALLOW where nobody was named: who proved to be there */
	struct hc_ticket ticket; /* of a card that was shown and is nobody's; not known: none */
	bool asked;		 /* a question was put */
	bool named;  /* the person typed a login instead: it is PAM_USER now, and there is no verdict */
	bool lapsed; /* while the person took his time before a question for a device: to be begun again */
};

/*
 * hc_exchange_run: one conversation with the broker: connect, check the peer, HELLO, questions,
 * RESULT. Blocks as long as the person takes, and for the times of broker_client.h. Whatever fails
 * is a denial in ret_outcome. Without a login in facts nobody is named: a device may say who is there,
 * and PAM_USER is set if the person types a login.
 */
void hc_exchange_run(pam_handle_t *pamh, const struct hc_options *options, const struct hc_facts *facts,
		     enum hc_request request, struct hc_outcome *ret_outcome);

/*
 * hc_exchange_notify: tells the broker about a session, within a second altogether. Nothing depends
 * on it; the error is for the log.
 */
HC_CHECK enum hc_err hc_exchange_notify(const struct hc_options *options, const struct hc_facts *facts,
					enum hc_request request);

#endif
