/* SPDX-License-Identifier: Apache-2.0 */
/* The decision: every way to be refused, the two ways to be let on, and their order. */
#include "policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1800000000000)
#define DAY INT64_C(86400000)

static const struct hc_policy_rules DENY = {.unenrolled = HC_UNENROLLED_DENY};
static const struct hc_policy_rules GRACE = {.unenrolled = HC_UNENROLLED_GRACE, .grace_until_ms = NOW + DAY};

/* Somebody who holds a TOTP and recovery codes and may sign in. */
static struct hc_facts good(void)
{
	return (struct hc_facts){
		.caller = HC_CALLER_ROOT,
		.mode = HC_MODE_SECOND_FACTOR,
		.methods_offered = HC_METHOD_ALL,
		.person_known = true,
		.person_state = HC_PERSON_ACTIVE,
		.methods_held = HC_METHOD_TOTP | HC_METHOD_RECOVERY,
		.ever_enrolled = true,
		.now_ms = NOW,
	};
}

static struct hc_facts newcomer(void)
{
	struct hc_facts facts = good();

	facts.methods_held = 0;
	facts.ever_enrolled = false;
	return facts;
}

static void policy_denies_when_nothing_is_known(void **state)
{
	const struct hc_facts nothing = {0};
	struct hc_decision decision = hc_policy_authenticate(&nothing, &GRACE);

	(void)state;
	assert_int_equal(decision.verdict, HC_DENY);
	assert_int_equal(decision.reason, HC_REASON_CALLER_NOT_ALLOWED);
	assert_false(hc_policy_asks(&decision));
	assert_int_equal(hc_policy_account(&nothing).verdict, HC_DENY);
	assert_int_equal(hc_policy_session(&nothing).verdict, HC_DENY);
}

struct change {
	const char *what;
	void (*apply)(struct hc_facts *facts);
	enum hc_verdict verdict;
	enum hc_reason reason;
	uint32_t methods;
};

static void stranger(struct hc_facts *facts)
{
	facts->caller = HC_CALLER_USER;
	facts->service_is_locker = true;
}
static void own_but_no_locker(struct hc_facts *facts)
{
	facts->caller = HC_CALLER_USER;
	facts->caller_is_person = true;
}
static void own_locker(struct hc_facts *facts)
{
	own_but_no_locker(facts);
	facts->service_is_locker = true;
}
static void administrator(struct hc_facts *facts)
{
	facts->caller = HC_CALLER_ADMIN;
}
static void unknown_stranger(struct hc_facts *facts)
{
	stranger(facts);
	facts->person_known = false;
}
static void unknown(struct hc_facts *facts)
{
	facts->person_known = false;
}
static void disabled(struct hc_facts *facts)
{
	facts->person_state = HC_PERSON_DISABLED;
	facts->valid_until_ms = 1;
}
static void stateless(struct hc_facts *facts)
{
	facts->person_state = (enum hc_person_state)0;
}
static void too_early(struct hc_facts *facts)
{
	facts->valid_from_ms = NOW + 1;
}
static void first_instant(struct hc_facts *facts)
{
	facts->valid_from_ms = NOW;
	facts->valid_until_ms = NOW + 1;
}
static void over(struct hc_facts *facts)
{
	facts->valid_until_ms = NOW;
}
static void clock_went_backwards(struct hc_facts *facts)
{
	facts->valid_from_ms = NOW;
	facts->now_ms = NOW - DAY;
}
static void primary(struct hc_facts *facts)
{
	facts->mode = HC_MODE_PRIMARY;
}
static void primary_verified(struct hc_facts *facts)
{
	facts->mode = HC_MODE_PRIMARY;
	facts->method_verified = HC_METHOD_TOTP;
}
static void key_holder(struct hc_facts *facts)
{
	facts->mode = HC_MODE_PRIMARY;
	facts->methods_held |= HC_METHOD_FIDO2;
}
static void key_locked(struct hc_facts *facts)
{
	key_holder(facts);
	facts->methods_locked = HC_METHOD_FIDO2;
}
static void key_not_offered(struct hc_facts *facts)
{
	key_holder(facts);
	facts->methods_offered &= ~HC_METHOD_FIDO2;
}
static void key_touched(struct hc_facts *facts)
{
	key_holder(facts);
	facts->method_verified = HC_METHOD_FIDO2;
}
static void key_verified(struct hc_facts *facts)
{
	key_touched(facts);
	facts->person_verified = true;
}
static void key_touched_after_password(struct hc_facts *facts)
{
	key_touched(facts);
	facts->mode = HC_MODE_SECOND_FACTOR;
}
static void card_holder(struct hc_facts *facts)
{
	facts->mode = HC_MODE_PRIMARY;
	facts->methods_held |= HC_METHOD_CPS;
}
static void card_and_key_holder(struct hc_facts *facts)
{
	card_holder(facts);
	facts->methods_held |= HC_METHOD_FIDO2;
}
static void card_without_its_person(struct hc_facts *facts)
{
	card_holder(facts);
	facts->method_verified = HC_METHOD_CPS;
}
static void card_verified(struct hc_facts *facts)
{
	card_without_its_person(facts);
	facts->person_verified = true;
}
static void card_of_nobody_verified(struct hc_facts *facts)
{
	card_verified(facts);
	facts->methods_held = HC_METHOD_FIDO2;
}
static void card_locked(struct hc_facts *facts)
{
	card_verified(facts);
	facts->methods_locked = HC_METHOD_CPS;
}
static void card_after_password(struct hc_facts *facts)
{
	card_verified(facts);
	facts->mode = HC_MODE_SECOND_FACTOR;
}
static void code_said_to_be_verified_by_a_device(struct hc_facts *facts)
{
	key_holder(facts);
	facts->method_verified = HC_METHOD_TOTP;
	facts->person_verified = true;
}
static void no_mode(struct hc_facts *facts)
{
	facts->mode = (enum hc_mode)0;
}
static void nothing_left(struct hc_facts *facts)
{
	facts->methods_held = 0;
}
static void never_enrolled(struct hc_facts *facts)
{
	facts->methods_held = 0;
	facts->ever_enrolled = false;
}
static void other_methods_offered(struct hc_facts *facts)
{
	facts->methods_offered = HC_METHOD_FIDO2 | HC_METHOD_CPS;
}
static void nothing_offered(struct hc_facts *facts)
{
	facts->methods_offered = 0;
}
static void only_recovery_offered(struct hc_facts *facts)
{
	facts->methods_offered = HC_METHOD_RECOVERY;
}
static void all_locked(struct hc_facts *facts)
{
	facts->methods_locked = HC_METHOD_TOTP | HC_METHOD_RECOVERY;
}
static void totp_locked(struct hc_facts *facts)
{
	facts->methods_locked = HC_METHOD_TOTP;
}
static void held_and_offered_is_locked(struct hc_facts *facts)
{
	facts->methods_offered = HC_METHOD_TOTP;
	facts->methods_locked = HC_METHOD_TOTP;
}
static void untouched(struct hc_facts *facts)
{
	(void)facts;
}
static void totp_verified(struct hc_facts *facts)
{
	facts->method_verified = HC_METHOD_TOTP;
}
static void recovery_verified(struct hc_facts *facts)
{
	facts->method_verified = HC_METHOD_RECOVERY;
}
static void verified_while_locked(struct hc_facts *facts)
{
	facts->method_verified = HC_METHOD_TOTP;
	facts->methods_locked = HC_METHOD_TOTP;
}
static void verified_unoffered(struct hc_facts *facts)
{
	facts->methods_offered = HC_METHOD_RECOVERY;
	facts->method_verified = HC_METHOD_TOTP;
}
static void verified_unheld(struct hc_facts *facts)
{
	facts->methods_held = HC_METHOD_TOTP;
	facts->method_verified = HC_METHOD_RECOVERY;
}
static void verified_two(struct hc_facts *facts)
{
	facts->method_verified = HC_METHOD_TOTP | HC_METHOD_RECOVERY;
}
static void verified_but_disabled(struct hc_facts *facts)
{
	facts->method_verified = HC_METHOD_TOTP;
	facts->person_state = HC_PERSON_DISABLED;
}
static void verified_own_locker(struct hc_facts *facts)
{
	own_locker(facts);
	facts->method_verified = HC_METHOD_TOTP;
}

static void every_fact_has_its_decision(void **state)
{
	const uint32_t both = HC_METHOD_TOTP | HC_METHOD_RECOVERY;
	const struct change table[] = {
		{"a user asks for another", stranger, HC_DENY, HC_REASON_CALLER_NOT_ALLOWED, 0},
		{"a user learns nothing of unknown names", unknown_stranger, HC_DENY,
		 HC_REASON_CALLER_NOT_ALLOWED, 0},
		{"a user from sshd", own_but_no_locker, HC_DENY, HC_REASON_SERVICE_NOT_ALLOWED, 0},
		{"an administrator's socket", administrator, HC_DENY, HC_REASON_CALLER_NOT_ALLOWED, 0},
		{"unknown person", unknown, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, 0},
		{"disabled", disabled, HC_DENY, HC_REASON_PERSON_DISABLED, 0},
		{"no state", stateless, HC_DENY, HC_REASON_PERSON_DISABLED, 0},
		{"not yet valid", too_early, HC_DENY, HC_REASON_NOT_YET_VALID, 0},
		{"clock went backwards", clock_went_backwards, HC_DENY, HC_REASON_NOT_YET_VALID, 0},
		{"over", over, HC_DENY, HC_REASON_VALIDITY_OVER, 0},
		{"primary line", primary, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE, 0},
		{"primary line, key held", key_holder, HC_DENY, HC_REASON_NONE, HC_METHOD_FIDO2},
		{"primary line, key locked", key_locked, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT, 0},
		{"primary line, key not here", key_not_offered, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE,
		 0},
		{"primary line, key touched", key_touched, HC_DENY, HC_REASON_FLAGS_MISSING, 0},
		{"primary line, key verified", key_verified, HC_ALLOW, HC_REASON_NONE, HC_METHOD_FIDO2},
		{"second factor, key touched", key_touched_after_password, HC_ALLOW, HC_REASON_NONE,
		 HC_METHOD_FIDO2},
		{"primary line, card of nobody", card_of_nobody_verified, HC_DENY, HC_REASON_INTERNAL, 0},
		{"primary line, card held", card_holder, HC_DENY, HC_REASON_NONE, HC_METHOD_CPS},
		{"primary line, card and key held", card_and_key_holder, HC_DENY, HC_REASON_NONE,
		 HC_METHOD_DEVICES},
		{"primary line, card without PIN", card_without_its_person, HC_DENY, HC_REASON_FLAGS_MISSING,
		 0},
		{"primary line, card locked", card_locked, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT, 0},
		{"primary line, card verified", card_verified, HC_ALLOW, HC_REASON_NONE, HC_METHOD_CPS},
		{"second factor, card verified", card_after_password, HC_ALLOW, HC_REASON_NONE,
		 HC_METHOD_CPS},
		{"primary line, a code that a device vouches for", code_said_to_be_verified_by_a_device,
		 HC_DENY, HC_REASON_INTERNAL, 0},
		{"primary line, code verified", primary_verified, HC_DENY_UNAVAILABLE,
		 HC_REASON_NO_METHOD_HERE, 0},
		{"no mode", no_mode, HC_DENY, HC_REASON_INTERNAL, 0},
		{"all revoked", nothing_left, HC_DENY, HC_REASON_CREDENTIAL_REVOKED, 0},
		{"never enrolled", never_enrolled, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"held, not offered", other_methods_offered, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE,
		 0},
		{"nothing offered", nothing_offered, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE, 0},
		{"all locked", all_locked, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT, 0},
		{"the only one is locked", held_and_offered_is_locked, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT,
		 0},
		{"verified while locked", verified_while_locked, HC_DENY, HC_REASON_INTERNAL, 0},
		{"verified, not offered", verified_unoffered, HC_DENY, HC_REASON_INTERNAL, 0},
		{"verified, not held", verified_unheld, HC_DENY, HC_REASON_INTERNAL, 0},
		{"two verified by one answer", verified_two, HC_DENY, HC_REASON_INTERNAL, 0},
		{"disabled meanwhile", verified_but_disabled, HC_DENY, HC_REASON_PERSON_DISABLED, 0},
		{"one locked", totp_locked, HC_DENY, HC_REASON_NONE, HC_METHOD_RECOVERY},
		{"one offered", only_recovery_offered, HC_DENY, HC_REASON_NONE, HC_METHOD_RECOVERY},
		{"first instant of the window", first_instant, HC_DENY, HC_REASON_NONE, both},
		{"ask", untouched, HC_DENY, HC_REASON_NONE, both},
		{"ask in a locker", own_locker, HC_DENY, HC_REASON_NONE, both},
		{"code verified", totp_verified, HC_ALLOW, HC_REASON_NONE, HC_METHOD_TOTP},
		{"recovery code verified", recovery_verified, HC_ALLOW, HC_REASON_NONE, HC_METHOD_RECOVERY},
		{"code verified in a locker", verified_own_locker, HC_ALLOW, HC_REASON_NONE, HC_METHOD_TOTP},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_facts facts = good();

		table[i].apply(&facts);
		struct hc_decision decision = hc_policy_authenticate(&facts, &DENY);

		if (decision.verdict != table[i].verdict || decision.reason != table[i].reason ||
		    decision.methods != table[i].methods)
			fail_msg("row %zu (%s): verdict %d reason %d methods %u", i, table[i].what,
				 (int)decision.verdict, (int)decision.reason, decision.methods);
		if (hc_policy_asks(&decision) != (table[i].verdict == HC_DENY && table[i].methods != 0))
			fail_msg("row %zu (%s): asks", i, table[i].what);
	}
}

static void remote(struct hc_facts *facts)
{
	facts->remote = true;
}
static void date_reached(struct hc_facts *facts)
{
	facts->now_ms = NOW + DAY;
}
static void date_passed_then_clock_set_back(struct hc_facts *facts)
{
	facts->latest_ms = NOW + DAY;
}
static void clock_never_set(struct hc_facts *facts)
{
	facts->now_ms = 0;
}
static void had_one_once(struct hc_facts *facts)
{
	facts->ever_enrolled = true;
}
static void last_instant(struct hc_facts *facts)
{
	facts->now_ms = NOW + DAY - 1;
	facts->latest_ms = NOW;
}

static void grace_is_for_newcomers_at_the_machine_before_the_date_only(void **state)
{
	const struct change table[] = {
		{"remote", remote, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"in a locker", own_locker, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"date reached", date_reached, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"clock set back", date_passed_then_clock_set_back, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"clock never set", clock_never_set, HC_DENY, HC_REASON_NOT_ENROLLED, 0},
		{"had a credential", had_one_once, HC_DENY, HC_REASON_CREDENTIAL_REVOKED, 0},
		{"disabled", disabled, HC_DENY, HC_REASON_PERSON_DISABLED, 0},
		{"unknown", unknown, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, 0},
		{"primary", primary, HC_DENY_UNAVAILABLE, HC_REASON_NO_METHOD_HERE, 0},
		{"newcomer", untouched, HC_GRACE, HC_REASON_GRACE, 0},
		{"newcomer at the last instant", last_instant, HC_GRACE, HC_REASON_GRACE, 0},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_facts facts = newcomer();

		table[i].apply(&facts);
		struct hc_decision decision = hc_policy_authenticate(&facts, &GRACE);

		if (decision.verdict != table[i].verdict || decision.reason != table[i].reason)
			fail_msg("row %zu (%s): verdict %d reason %d", i, table[i].what,
				 (int)decision.verdict, (int)decision.reason);
	}
}

static void the_account_phase_looks_at_the_person_only(void **state)
{
	const struct change table[] = {
		{"a user asks for another", stranger, HC_DENY, HC_REASON_CALLER_NOT_ALLOWED, 0},
		{"a user from sshd", own_but_no_locker, HC_DENY, HC_REASON_SERVICE_NOT_ALLOWED, 0},
		{"unknown", unknown, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, 0},
		{"disabled", disabled, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED, 0},
		{"no state", stateless, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED, 0},
		{"not yet valid", too_early, HC_DENY_EXPIRED, HC_REASON_NOT_YET_VALID, 0},
		{"over", over, HC_DENY_EXPIRED, HC_REASON_VALIDITY_OVER, 0},
		{"locked out", all_locked, HC_ALLOW, HC_REASON_NONE, 0},
		{"nothing enrolled", never_enrolled, HC_ALLOW, HC_REASON_NONE, 0},
		{"a locker", own_locker, HC_ALLOW, HC_REASON_NONE, 0},
		{"primary", primary, HC_ALLOW, HC_REASON_NONE, 0},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_facts facts = good();

		table[i].apply(&facts);
		struct hc_decision decision = hc_policy_account(&facts);

		if (decision.verdict != table[i].verdict || decision.reason != table[i].reason)
			fail_msg("row %zu (%s): verdict %d reason %d", i, table[i].what,
				 (int)decision.verdict, (int)decision.reason);
	}
}

static void only_root_tells_of_sessions(void **state)
{
	struct hc_facts facts = good();

	(void)state;
	own_locker(&facts);
	assert_int_equal(hc_policy_session(&facts).verdict, HC_DENY);
	administrator(&facts);
	assert_int_equal(hc_policy_session(&facts).verdict, HC_DENY);
	facts.caller = HC_CALLER_ROOT;
	assert_int_equal(hc_policy_session(&facts).verdict, HC_ALLOW);
}

/* All 2^13 combinations of what can be true: no grant without its reasons. */
static struct hc_facts combination(unsigned bits)
{
	return (struct hc_facts){
		.caller = bits & 1 ? HC_CALLER_ROOT : HC_CALLER_USER,
		.mode = bits & 2 ? HC_MODE_SECOND_FACTOR : HC_MODE_PRIMARY,
		.methods_offered = bits & 4 ? HC_METHOD_ALL : HC_METHOD_RECOVERY,
		.remote = bits & 8,
		.service_is_locker = bits & 16,
		.caller_is_person = bits & 32,
		.person_known = bits & 64,
		.person_state = bits & 128 ? HC_PERSON_ACTIVE : HC_PERSON_DISABLED,
		.valid_until_ms = bits & 256 ? 0 : NOW,
		.methods_held = bits & 512 ? HC_METHOD_TOTP : 0,
		.methods_locked = bits & 1024 ? HC_METHOD_TOTP : 0,
		.ever_enrolled = bits & 2048,
		.method_verified = bits & 4096 ? HC_METHOD_TOTP : 0,
		.now_ms = NOW,
	};
}

static void no_combination_of_facts_grants_without_its_reasons(void **state)
{
	unsigned allowed = 0, graced = 0;

	(void)state;
	for (unsigned bits = 0; bits < 8192; bits++) {
		struct hc_facts facts = combination(bits);
		struct hc_decision decision = hc_policy_authenticate(&facts, &GRACE);
		bool caller_good = (bits & 1) || ((bits & 16) && (bits & 32));
		bool person_good = (bits & 2) && (bits & 64) && (bits & 128) && (bits & 256);

		if (decision.verdict == HC_ALLOW) {
			allowed++;
			if (!caller_good || !person_good || !(bits & 4) || !(bits & 512) || (bits & 1024) ||
			    !(bits & 4096))
				fail_msg("allowed with %#x", bits);
		} else if (decision.verdict == HC_GRACE) {
			graced++;
			if (!(bits & 1) || !person_good || (bits & 8) || (bits & 512) || (bits & 2048))
				fail_msg("grace with %#x", bits);
		}
	}
	/* root: free are remote, locker, own, ever; a user: remote, ever */
	assert_int_equal(allowed, 16 + 4);
	/* free are offered, locker, own, locked, verified */
	assert_int_equal(graced, 32);
}

/* Every combination of what the gateway's factors can be: one of them lets on. */
static void at_the_gateway_only_both_factors_let_on(void **state)
{
	static const enum hc_password answers[] = {HC_PASSWORD_WRONG, HC_PASSWORD_BUSY,
						   HC_PASSWORD_UNAVAILABLE, HC_PASSWORD_RIGHT,
						   (enum hc_password)1000};
	static const uint32_t verified[] = {0, HC_METHOD_TOTP, HC_METHOD_RECOVERY, HC_METHOD_FIDO2,
					    HC_METHOD_TOTP | HC_METHOD_RECOVERY};

	(void)state;
	for (unsigned i = 0; i < HC_COUNT(answers) * HC_COUNT(verified) * 16; i++) {
		struct hc_facts facts = good();

		facts.caller = HC_CALLER_GATEWAY;
		facts.mode = (i & 1) != 0 ? HC_MODE_PRIMARY : HC_MODE_SECOND_FACTOR;
		facts.password_answered = (i & 2) != 0;
		facts.password_locked = (i & 4) != 0;
		facts.methods_locked = (i & 8) != 0 ? HC_METHOD_TOTP : 0;
		facts.password = answers[i / 16 % HC_COUNT(answers)];
		facts.method_verified = verified[i / 16 / HC_COUNT(answers)];
		bool right = facts.mode == HC_MODE_PRIMARY && facts.password_answered &&
			     !facts.password_locked && facts.password == HC_PASSWORD_RIGHT &&
			     (facts.method_verified == HC_METHOD_RECOVERY ||
			      (facts.method_verified == HC_METHOD_TOTP && facts.methods_locked == 0));

		if ((hc_policy_authenticate(&facts, &GRACE).verdict == HC_ALLOW) != right)
			fail_msg("combination %u", i);
		assert_int_not_equal(hc_policy_foresee(&facts, &GRACE).verdict, HC_ALLOW);
	}
}

static void the_gateway_has_no_grace_and_opens_no_session(void **state)
{
	struct hc_facts facts = newcomer();

	(void)state;
	facts.caller = HC_CALLER_GATEWAY;
	facts.mode = HC_MODE_PRIMARY;
	facts.password = HC_PASSWORD_RIGHT;
	facts.password_answered = true;
	assert_int_equal(hc_policy_authenticate(&facts, &GRACE).verdict, HC_DENY);
	assert_int_equal(hc_policy_authenticate(&facts, &GRACE).reason, HC_REASON_NOT_ENROLLED);
	assert_int_equal(hc_policy_session(&facts).verdict, HC_DENY);
	assert_int_equal(hc_policy_account(&facts).verdict, HC_ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_denies_when_nothing_is_known),
		cmocka_unit_test(at_the_gateway_only_both_factors_let_on),
		cmocka_unit_test(the_gateway_has_no_grace_and_opens_no_session),
		cmocka_unit_test(every_fact_has_its_decision),
		cmocka_unit_test(grace_is_for_newcomers_at_the_machine_before_the_date_only),
		cmocka_unit_test(the_account_phase_looks_at_the_person_only),
		cmocka_unit_test(only_root_tells_of_sessions),
		cmocka_unit_test(no_combination_of_facts_grants_without_its_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
