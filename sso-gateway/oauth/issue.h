/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ISSUE_H
#define HC_ISSUE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway.h"
#include "http/http.h"
#include "oauth/authorize_request.h"
#include "persons.h"
#include "store/session.h"

/*
 * The end of an authorization: a code for the application, in one write with the session that it belongs to,
 * and the redirect that carries it once that is on disk. Each call ends its exchange, now or later.
 */
#define HC_ISSUE_TOUCH_MS    60000  /* a session is written at most so often for being used */
#define HC_ISSUE_REMEMBER_MS 600000 /* a second use of a code is recognised so long after its end */

#define HC_ACR_TWO_FACTORS "https://refeds.org/profile/mfa"
#define HC_AMR_TWO_FACTORS "pwd otp mfa" /* also with a recovery code: a one-time password on paper */

struct hc_issue_ask {
	const struct hc_authorization *what; /* borrowed, copied */
	int64_t client;			     /* its number */
	bool quiet; /* prompt=none: troubles are told to the application, not to a person */
};

/* hc_issue_in_session: single sign-on. session: as the view has it just now; borrowed. */
void hc_issue_in_session(struct hc_worker *worker, struct hc_exchange *exchange,
			 const struct hc_issue_ask *ask, const struct hc_browser_session *session);

/*
 * hc_issue_after_sign_in: person (borrowed) has just proved both factors. The browser gets a new session
 * cookie. A session that it had before goes on under the new cookie if it is the same person's; another's is
 * ended.
 */
void hc_issue_after_sign_in(struct hc_worker *worker, struct hc_exchange *exchange,
			    const struct hc_issue_ask *ask, const struct hc_person *person);

#endif
