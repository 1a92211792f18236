/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ATTEMPT_H
#define HC_ATTEMPT_H

#include "authd.h"
#include "factor.h"
#include "hello.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "policy.h"
#include "situation.h"

struct hc_secret;

/* What became of one answer. Worth nothing before the transaction is committed. */
struct hc_attempt {
	struct hc_decision decision; /* with a verdict that lets on: the last word; otherwise: refused */
	enum hc_reason reason;	     /* why it was refused */
	enum hc_reason trouble;	     /* with an error: why it could not be verified */
	const struct hc_factor_ops *factor; /* whose form the answer had; NULL: nobody's */
	struct hc_credential_id credential; /* that it verified with, where it lets on */
	uint32_t codes_left;		    /* after a recovery code was accepted */
	bool degraded;			    /* accepted by what was known last of it: to be told */
};

/*
 * hc_attempt_judge: judges one answer inside an open transaction: counts the failure first, verifies
 * and consumes, clears the counter on success, adds the audit records. situation was read in the same
 * transaction, and the policy asks. On an error the caller rolls back, and
 * ret_attempt->trouble says what is out of order.
 */
HC_CHECK enum hc_err hc_attempt_judge(const struct hc_authd *authd, const struct hc_caller *caller,
				      const struct hc_hello *hello, const struct hc_situation *situation,
				      const struct hc_secret *answer, struct hc_attempt *ret_attempt);

/* hc_attempt_judge_evidence: the same for what a device gave. */
HC_CHECK enum hc_err hc_attempt_judge_evidence(const struct hc_authd *authd, const struct hc_caller *caller,
					       const struct hc_hello *hello,
					       const struct hc_situation *situation,
					       const struct hc_evidence *evidence,
					       struct hc_attempt *ret_attempt);

/*
 * hc_attempt_password_wrong: inside an open transaction: counts a wrong password against the place where
 * it comes from, and adds the audit records. hc_attempt_password_right: takes that count back; to be
 * followed by the judgement of the code.
 */
HC_CHECK enum hc_err hc_attempt_password_wrong(const struct hc_authd *authd, const struct hc_caller *caller,
					       const struct hc_hello *hello,
					       const struct hc_situation *situation);
HC_CHECK enum hc_err hc_attempt_password_right(const struct hc_authd *authd,
					       const struct hc_situation *situation);

/*
 * hc_attempt_left: in a transaction of its own: the record of a conversation that ended without a verdict, and,
 * where it counts, a wrong password (against nobody, if nobody has that name).
 */
HC_CHECK enum hc_err hc_attempt_left(const struct hc_authd *authd, const struct hc_caller *caller,
				     const struct hc_hello *hello, enum hc_reason reason, bool counts);

#endif
