/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_POLICY_H
#define HC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "store/store.h"

/*
 * The decision, as pure functions: facts in, verdict and reason out; no store, no clock, no text.
 * The one place of the broker that can grant.
 */

/* What is known of one request. Everything is false or zero until it was found to be so. */
struct hc_facts {
	enum hc_caller_kind caller;
	enum hc_mode mode;
	uint32_t methods_offered; /* by the module's arguments */
	bool remote;
	bool service_is_locker;
	bool caller_is_person; /* an unprivileged caller asks for itself */
	bool person_known;
	enum hc_person_state person_state;
	int64_t valid_from_ms, valid_until_ms;
	uint32_t methods_held;	 /* active credentials */
	uint32_t methods_locked; /* of those held */
	bool ever_enrolled;
	enum hc_password password; /* gateway: what hc-password said; only RIGHT is a factor */
	bool password_answered;	   /* gateway: it has said something */
	bool password_locked;	   /* gateway: too many wrong passwords from where this one comes */
	uint32_t method_verified;  /* the one bit of the method whose answer was verified, 0 before */
	bool person_verified;	   /* by the device itself (PIN, fingerprint): it is two factors then */
	int64_t now_ms;
	int64_t latest_ms; /* newest time in the trail: a clock set back does not bring grace back */
};

struct hc_decision {
	enum hc_verdict verdict;
	enum hc_reason reason;
	uint32_t methods; /* with verdict HC_DENY and reason HC_REASON_NONE: ask for one of these */
};

/* hc_policy_authenticate: before an answer what to ask for, or why not; after it the verdict. */
struct hc_decision hc_policy_authenticate(const struct hc_facts *facts, const struct hc_policy_rules *rules);

/* hc_policy_asks: the decision is not final: one of decision->methods is to be asked for. */
static inline bool hc_policy_asks(const struct hc_decision *decision)
{
	return decision->verdict == HC_DENY && decision->reason == HC_REASON_NONE && decision->methods != 0;
}

/*
 * hc_policy_foresee: what a right password of this person at the gateway would lead to: to the question
 * for a code (hc_policy_asks), or to a refusal whatever the password is. Never a grant.
 */
struct hc_decision hc_policy_foresee(const struct hc_facts *facts, const struct hc_policy_rules *rules);

/* hc_policy_account: the account phase. Never looks at factors or locks. */
struct hc_decision hc_policy_account(const struct hc_facts *facts);

/* hc_policy_session: whether the opening or closing of a session may be told by this caller. */
struct hc_decision hc_policy_session(const struct hc_facts *facts);

#endif
