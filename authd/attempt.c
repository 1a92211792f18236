/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One answer: counted, verified, consumed, recorded, all in the caller's transaction.
 *
 * No state. The order is the defence: the failure is on the counter before anything is verified, and
 * taken off again by a success; so nothing that ends this program in between gives a free try. An
 * answer that looks like no code, or like one of a factor that is not asked for, is verified against
 * nothing and counts against nothing but the conversation.
 */
#include "attempt.h"

#include <stdio.h>

#include "audit.h"
#include "credential.h"
#include "hospiconnect/secret.h"
#include "throttle.h"
#include "transaction.h"

static const struct hc_factor_ops *const FACTORS[] = {&hc_factor_otp, &hc_factor_recovery};

static const struct hc_factor_ops *factor_of(const struct hc_secret *answer)
{
	for (size_t i = 0; i < HC_COUNT(FACTORS); i++) {
		if (FACTORS[i]->matches(answer))
			return FACTORS[i];
	}
	return NULL;
}

/* Why the answer is not verified at all, or HC_REASON_NONE. */
static enum hc_reason objection(const struct hc_facts *facts, const struct hc_factor_ops *factor)
{
	if (factor == NULL)
		return HC_REASON_NOT_A_CODE;
	if ((facts->methods_held & facts->methods_offered & factor->method) == 0)
		return HC_REASON_WRONG_CODE;
	if ((facts->methods_locked & factor->method) != 0)
		return HC_REASON_LOCKED_OUT;
	return HC_REASON_NONE;
}

struct judging {
	const struct hc_authd *authd;
	const struct hc_caller *caller;
	const struct hc_hello *hello;
	const struct hc_situation *situation;
	const struct hc_factor_ops *factor;
	const char *scope; /* of the counter that is moved */
};

static enum hc_err record(const struct judging *judging, const struct hc_attempt *attempt,
			  const struct hc_factor_outcome *outcome)
{
	struct hc_audit_entry entry = hc_hello_entry(judging->hello, judging->caller, HC_AUDIT_SIGN_IN);
	char detail[sizeof(outcome->detail) + 64];

	entry.success = attempt->reason == HC_REASON_NONE;
	entry.reason = attempt->reason;
	entry.factor = judging->factor != NULL ? judging->factor->name : NULL;
	entry.credential = outcome->credential.text[0] != '\0' ? outcome->credential.text : NULL;
	if (entry.success && outcome->by_device)
		entry.detail = outcome->person_verified ? "verified by the device" : "possession only";
	if (outcome->detail[0] != '\0') {
		snprintf(detail, sizeof(detail), "%s%s%s", entry.detail != NULL ? entry.detail : "",
			 entry.detail != NULL ? "; " : "", outcome->detail);
		entry.detail = detail;
	}
	enum hc_err err = hc_audit_add(judging->authd->audit, &entry);

	/* The key has a twin, or its answers were kept: somebody must look into it. */
	if (err == HC_OK && attempt->reason == HC_REASON_COUNTER_NOT_ADVANCED) {
		entry.event = HC_AUDIT_COUNTER_ALARM;
		err = hc_audit_add(judging->authd->audit, &entry);
	}
	return err;
}

static enum hc_err record_lockout(const struct judging *judging, const struct hc_throttle_row *row)
{
	struct hc_audit_entry entry = hc_hello_entry(judging->hello, judging->caller, HC_AUDIT_LOCKOUT);
	int64_t left_s =
		hc_throttle_left_s(row, &judging->authd->config->policy, hc_now_ms(judging->authd->clock));
	char detail[128];

	snprintf(detail, sizeof(detail), "failures=%u seconds=%lld scope=%s", row->failures,
		 (long long)left_s, row->scope[0] != '\0' ? row->scope : "all");
	entry.reason = HC_REASON_LOCKED_OUT;
	entry.factor = judging->factor->name;
	entry.detail = detail;
	return hc_audit_add(judging->authd->audit, &entry);
}

static enum hc_err count_failure(const struct judging *judging, struct hc_throttle_row *row, bool *ret_locks)
{
	const struct hc_situation *situation = judging->situation;
	struct hc_store *store = judging->authd->store;
	enum hc_err err = hc_store_throttle_get(store, situation->person.id, judging->factor->factor,
						judging->scope, row);

	if (err != HC_OK)
		return err;
	*ret_locks = hc_throttle_fail(row, &judging->authd->config->policy, hc_now_ms(judging->authd->clock));
	return hc_store_throttle_put(store, row);
}

static enum hc_err succeed(const struct judging *judging, const struct hc_factor_outcome *outcome,
			   struct hc_attempt *attempt)
{
	const struct hc_situation *situation = judging->situation;
	struct hc_facts facts = situation->facts;
	size_t cleared;
	enum hc_err err = hc_store_throttle_clear(judging->authd->store, situation->person.id,
						  judging->factor->factor, judging->scope, &cleared);

	if (err != HC_OK)
		return err;
	facts.method_verified = judging->factor->method;
	facts.person_verified = outcome->person_verified;
	attempt->decision = hc_policy_authenticate(&facts, &judging->authd->config->policy);
	attempt->reason = attempt->decision.reason;
	attempt->credential = outcome->credential;
	attempt->codes_left = outcome->codes_left;
	attempt->degraded = outcome->degraded;
	return record(judging, attempt, outcome);
}

/* Either what was typed, or what a device gave. */
struct shown {
	const struct hc_secret *answer;
	const struct hc_evidence *evidence;
};

static enum hc_err verify(const struct judging *judging, const struct shown *shown,
			  struct hc_attempt *attempt)
{
	struct hc_factor_outcome outcome = {0};
	struct hc_throttle_row row, before;
	bool locks = false;
	enum hc_err err = hc_store_throttle_get(judging->authd->store, judging->situation->person.id,
						judging->factor->factor, judging->scope, &before);

	if (err == HC_OK)
		err = count_failure(judging, &row, &locks);
	if (err != HC_OK)
		return err;
	if (shown->evidence != NULL)
		shown->evidence->verify(judging->authd, &judging->situation->person, shown->evidence->ctx,
					&outcome);
	else
		judging->factor->verify(judging->authd, &judging->situation->person, shown->answer, &outcome);
	outcome.by_device = shown->evidence != NULL;
	switch (outcome.result) {
	case HC_FACTOR_VERIFIED:
		return succeed(judging, &outcome, attempt);
	case HC_FACTOR_REFUSED:
		attempt->reason = outcome.reason != HC_REASON_NONE ? outcome.reason : HC_REASON_INTERNAL;
		err = record(judging, attempt, &outcome);
		if (err == HC_OK && outcome.blameless)
			return hc_store_throttle_put(judging->authd->store, &before);
		return err == HC_OK && locks ? record_lockout(judging, &row) : err;
	case HC_FACTOR_BROKEN:
		break;
	}
	attempt->trouble = outcome.reason != HC_REASON_NONE ? outcome.reason : HC_REASON_INTERNAL;
	return HC_ERR_STATE;
}

static enum hc_err judge(const struct judging *judging, const struct shown *shown,
			 struct hc_attempt *ret_attempt)
{
	struct hc_attempt attempt = {.factor = judging->factor};
	enum hc_err err;

	attempt.reason = objection(&judging->situation->facts, judging->factor);
	if (attempt.reason != HC_REASON_NONE) {
		const struct hc_factor_outcome nothing = {0};

		err = record(judging, &attempt, &nothing);
	} else {
		err = verify(judging, shown, &attempt);
	}
	if (err != HC_OK) {
		/* Whatever was found out is void with the transaction. */
		enum hc_reason trouble =
			attempt.trouble != HC_REASON_NONE ? attempt.trouble : hc_reason_of_err(err);

		attempt = (struct hc_attempt){.factor = judging->factor, .trouble = trouble};
	}
	*ret_attempt = attempt;
	return err;
}

enum hc_err hc_attempt_judge(const struct hc_authd *authd, const struct hc_caller *caller,
			     const struct hc_hello *hello, const struct hc_situation *situation,
			     const struct hc_secret *answer, struct hc_attempt *ret_attempt)
{
	const struct judging judging = {authd, caller, hello, situation, factor_of(answer), situation->scope};
	const struct shown shown = {.answer = answer};

	return judge(&judging, &shown, ret_attempt);
}

enum hc_err hc_attempt_judge_evidence(const struct hc_authd *authd, const struct hc_caller *caller,
				      const struct hc_hello *hello, const struct hc_situation *situation,
				      const struct hc_evidence *evidence, struct hc_attempt *ret_attempt)
{
	const struct judging judging = {authd, caller, hello, situation, evidence->factor, situation->scope};
	const struct shown shown = {.evidence = evidence};

	return judge(&judging, &shown, ret_attempt);
}

/* ---- the password, which hc-password has looked at ---- */

static const struct hc_factor_ops PASSWORD = {.name = HC_PASSWORD_NAME, .factor = HC_FACTOR_PASSWORD};

enum hc_err hc_attempt_password_wrong(const struct hc_authd *authd, const struct hc_caller *caller,
				      const struct hc_hello *hello, const struct hc_situation *situation)
{
	const struct judging judging = {authd,	   caller,    hello,
					situation, &PASSWORD, situation->password_scope};
	const struct hc_attempt attempt = {.factor = &PASSWORD, .reason = HC_REASON_WRONG_PASSWORD};
	const struct hc_factor_outcome nothing = {0};
	struct hc_throttle_row row;
	bool locks = false;
	enum hc_err err = count_failure(&judging, &row, &locks);

	if (err == HC_OK)
		err = record(&judging, &attempt, &nothing);
	return err == HC_OK && locks ? record_lockout(&judging, &row) : err;
}

enum hc_err hc_attempt_password_right(const struct hc_authd *authd, const struct hc_situation *situation)
{
	size_t cleared;

	return hc_store_throttle_clear(authd->store, situation->person.id, HC_FACTOR_PASSWORD,
				       situation->password_scope, &cleared);
}

/* A try whose verdict nobody waited for, against whoever is meant by hello, if anybody. */
static enum hc_err count_left(const struct hc_authd *authd, const struct hc_caller *caller,
			      const struct hc_hello *hello)
{
	struct hc_situation situation;
	const struct judging judging = {authd,	    caller,    hello,
					&situation, &PASSWORD, situation.password_scope};
	struct hc_throttle_row row;
	bool changed = false, locks = false;
	enum hc_err err = hc_situation_read(authd, caller, hello, &situation);

	if (err == HC_OK)
		err = hc_situation_settle(authd, &situation, &changed);
	if (err != HC_OK || !situation.facts.person_known)
		return err;
	err = count_failure(&judging, &row, &locks);
	return err == HC_OK && locks ? record_lockout(&judging, &row) : err;
}

enum hc_err hc_attempt_left(const struct hc_authd *authd, const struct hc_caller *caller,
			    const struct hc_hello *hello, enum hc_reason reason, bool counts)
{
	struct hc_audit_entry entry = hc_hello_entry(hello, caller, HC_AUDIT_SIGN_IN);
	enum hc_err err = hc_tx_begin(authd);

	if (err != HC_OK)
		return err;
	entry.reason = reason;
	entry.detail = reason == HC_REASON_CANCELLED ? "abandoned by the caller" : NULL;
	if (counts)
		err = count_left(authd, caller, hello);
	if (err == HC_OK)
		err = hc_audit_add(authd->audit, &entry);
	if (err == HC_OK)
		return hc_tx_commit(authd);
	hc_tx_rollback(authd);
	return err;
}
