/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision about a person: facts in, verdict and reason out.
 *
 * Pure; no state. This is the only file of the broker that names HC_ALLOW or HC_GRACE: whoever wants
 * to know how somebody can get in reads these functions and no others. Every path begins as a denial,
 * and a fact that nobody established (zero) never grants. The order of the checks is part of the
 * contract: it decides what a caller can learn about a person.
 *
 * It must never look at a clock or a store, and never grant on the word of an unprivileged caller
 * anything but that caller's own verified answer.
 */
#include "policy.h"

static struct hc_decision refuse(enum hc_verdict verdict, enum hc_reason reason)
{
	return (struct hc_decision){.verdict = verdict, .reason = reason};
}

/* An unprivileged caller may ask for itself, from a screen locker; anything else is not a caller. */
static enum hc_reason caller_objection(const struct hc_facts *facts)
{
	switch (facts->caller) {
	case HC_CALLER_ROOT:
		return HC_REASON_NONE;
	case HC_CALLER_USER:
		if (!facts->caller_is_person)
			return HC_REASON_CALLER_NOT_ALLOWED;
		if (!facts->service_is_locker)
			return HC_REASON_SERVICE_NOT_ALLOWED;
		return HC_REASON_NONE;
	case HC_CALLER_GATEWAY:
		return HC_REASON_NONE;
	case HC_CALLER_ADMIN:
		break;
	}
	return HC_REASON_CALLER_NOT_ALLOWED;
}

static enum hc_reason person_objection(const struct hc_facts *facts)
{
	if (facts->person_state != HC_PERSON_ACTIVE)
		return HC_REASON_PERSON_DISABLED;
	if (facts->valid_from_ms != 0 && facts->now_ms < facts->valid_from_ms)
		return HC_REASON_NOT_YET_VALID;
	if (facts->valid_until_ms != 0 && facts->now_ms >= facts->valid_until_ms)
		return HC_REASON_VALIDITY_OVER;
	return HC_REASON_NONE;
}

/* A clock that was set back, or never set, does not reopen a period that is over. */
static bool grace_applies(const struct hc_facts *facts, const struct hc_policy_rules *rules)
{
	int64_t now_ms = facts->now_ms > facts->latest_ms ? facts->now_ms : facts->latest_ms;

	return rules->unenrolled == HC_UNENROLLED_GRACE && facts->now_ms > 0 &&
	       now_ms < rules->grace_until_ms && !facts->remote && facts->caller == HC_CALLER_ROOT;
}

static struct hc_decision decide_unenrolled(const struct hc_facts *facts, const struct hc_policy_rules *rules)
{
	if (facts->ever_enrolled)
		return refuse(HC_DENY, HC_REASON_CREDENTIAL_REVOKED);
	if (!grace_applies(facts, rules))
		return refuse(HC_DENY, HC_REASON_NOT_ENROLLED);
	return (struct hc_decision){.verdict = HC_GRACE, .reason = HC_REASON_GRACE};
}

/* One of methods is to be asked for, or was, and the verdict that it leads to. */
static struct hc_decision decide_among(const struct hc_facts *facts, uint32_t methods)
{
	uint32_t usable = facts->methods_held & facts->methods_offered & methods;

	if (usable == 0)
		return refuse(HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE);
	usable &= ~facts->methods_locked;
	if (usable == 0)
		return refuse(HC_DENY_LOCKED, HC_REASON_LOCKED_OUT);
	if (facts->method_verified == 0)
		return (struct hc_decision){.verdict = HC_DENY, .methods = usable};

	/* Exactly one method, and one that could have been asked for. */
	if (__builtin_popcount(facts->method_verified) != 1 || (facts->method_verified & usable) == 0)
		return refuse(HC_DENY, HC_REASON_INTERNAL);
	return (struct hc_decision){.verdict = HC_ALLOW, .methods = facts->method_verified};
}

static struct hc_decision decide_second_factor(const struct hc_facts *facts,
					       const struct hc_policy_rules *rules)
{
	if (facts->methods_held == 0)
		return decide_unenrolled(facts, rules);
	return decide_among(facts, HC_METHOD_ALL);
}

/* A line that needs two factors: a device that checked who the person is, and nothing less. */
static struct hc_decision decide_primary(const struct hc_facts *facts)
{
	struct hc_decision decision = decide_among(facts, HC_METHOD_DEVICES);

	if (decision.verdict == HC_ALLOW && !facts->person_verified)
		return refuse(HC_DENY, HC_REASON_FLAGS_MISSING);
	return decision;
}

/*
 * The gateway asks for both factors itself. Whether the password was right is said only where a code
 * could be right as well: a lock of either hides it.
 */
static struct hc_decision decide_gateway(const struct hc_facts *facts, const struct hc_policy_rules *rules)
{
	if (facts->password_locked)
		return refuse(HC_DENY_LOCKED, HC_REASON_LOCKED_OUT);
	if (!facts->password_answered)
		return refuse(HC_DENY_UNAVAILABLE, HC_REASON_PASSWORD_HELPER_AWAY);
	switch (facts->password) {
	case HC_PASSWORD_RIGHT:
		return decide_second_factor(facts, rules);
	case HC_PASSWORD_WRONG:
		return refuse(HC_DENY, HC_REASON_WRONG_PASSWORD);
	case HC_PASSWORD_BUSY:
		return refuse(HC_DENY_UNAVAILABLE, HC_REASON_BROKER_BUSY);
	case HC_PASSWORD_UNAVAILABLE:
		break;
	}
	return refuse(HC_DENY_UNAVAILABLE, HC_REASON_PASSWORD_HELPER_AWAY);
}

struct hc_decision hc_policy_authenticate(const struct hc_facts *facts, const struct hc_policy_rules *rules)
{
	enum hc_reason reason = caller_objection(facts);

	if (reason != HC_REASON_NONE)
		return refuse(HC_DENY, reason);
	if (!facts->person_known)
		return refuse(HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON);
	reason = person_objection(facts);
	if (reason != HC_REASON_NONE)
		return refuse(HC_DENY, reason);
	/* Only its own conversation asks for a password, and that is a primary one. */
	if (facts->caller == HC_CALLER_GATEWAY)
		return facts->mode == HC_MODE_PRIMARY ? decide_gateway(facts, rules)
						      : refuse(HC_DENY, HC_REASON_CALLER_NOT_ALLOWED);
	switch (facts->mode) {
	case HC_MODE_PRIMARY:
		return decide_primary(facts);
	case HC_MODE_SECOND_FACTOR:
		return decide_second_factor(facts, rules);
	}
	return refuse(HC_DENY, HC_REASON_INTERNAL);
}

struct hc_decision hc_policy_foresee(const struct hc_facts *facts, const struct hc_policy_rules *rules)
{
	struct hc_facts imagined = *facts;

	imagined.password = HC_PASSWORD_RIGHT;
	imagined.password_answered = true;
	imagined.method_verified = 0;
	return hc_policy_authenticate(&imagined, rules);
}

struct hc_decision hc_policy_account(const struct hc_facts *facts)
{
	enum hc_reason reason = caller_objection(facts);

	if (reason != HC_REASON_NONE)
		return refuse(HC_DENY, reason);
	if (!facts->person_known)
		return refuse(HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON);
	reason = person_objection(facts);
	if (reason != HC_REASON_NONE)
		return refuse(HC_DENY_EXPIRED, reason);
	return (struct hc_decision){.verdict = HC_ALLOW};
}

struct hc_decision hc_policy_session(const struct hc_facts *facts)
{
	/* Only what opens sessions may say that one was opened: a locker has no part in it. */
	if (facts->caller != HC_CALLER_ROOT)
		return refuse(HC_DENY, HC_REASON_CALLER_NOT_ALLOWED);
	return (struct hc_decision){.verdict = HC_ALLOW};
}
