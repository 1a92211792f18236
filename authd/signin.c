/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation of the gateway, without I/O of its own.
 *
 * State: how far it is, what hc-password said, and the code until that is known. It begins as a denial, and
 * the only verdict that lets anybody on is the one that policy.c returned.
 *
 * Threats: an oracle for names, passwords or codes. So nothing is told before both were given; the person's
 * state decides nothing before the end; whoever would be refused anyway has a decoy checked for the password;
 * and refusals leave at a time that says nothing about their cause. As in session.c each decision is one
 * transaction, on disk before anything of it leaves. It must never verify a code on anything but the word of
 * hc-password that the password is right, and keeps an answer no longer than that takes.
 */
#include "signin.h"

#include <stdlib.h>

#include "attempt.h"
#include "audit.h"
#include "credential.h"
#include "hello.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "origin.h"
#include "policy.h"
#include "reply.h"
#include "situation.h"
#include "transaction.h"

#define MS_PER_S   1000
#define ANSWER_MAX 512

enum stage {
	STAGE_NEW = 0,
	STAGE_PASSWORD, /* asked for */
	STAGE_CODE,	/* asked for; the password may be under way */
	STAGE_CHECK,	/* the code is here, what the password is worth is not */
	STAGE_HOLD,	/* decided and on disk; the refusal leaves at its time */
	STAGE_DONE
};

struct hc_signin {
	const struct hc_authd *authd; /* borrowed */
	struct hc_caller caller;
	hc_emit_fn emit;
	hc_signin_ask_fn ask;
	void *ctx;
	enum stage stage;
	struct hc_hello hello;
	bool decoy, answered;
	struct hc_decision foreseen; /* decoy: the refusal that made it one */
	enum hc_password password;   /* if answered */
	struct hc_secret *code;
	int64_t deadline_ms, password_ms; /* monotonic */
	struct hc_decision refusal;	  /* STAGE_HOLD */
	int64_t retry_s;
	struct hc_msg *out; /* made with the conversation, so that no verdict lacks memory */
};

enum hc_err hc_signin_new(const struct hc_authd *authd, const struct hc_caller *caller, hc_emit_fn emit,
			  hc_signin_ask_fn ask, void *ctx, struct hc_signin **ret_signin)
{
	HC_AUTO(signin) signin = calloc(1, sizeof(*signin));
	enum hc_err err;

	if (signin == NULL)
		return HC_ERR_NOMEM;
	err = hc_msg_new(&signin->out);
	if (err != HC_OK)
		return err;
	signin->authd = authd;
	signin->caller = *caller;
	signin->emit = emit;
	signin->ask = ask;
	signin->ctx = ctx;
	signin->deadline_ms = INT64_MAX;
	*ret_signin = hc_steal_ptr(&signin);
	return HC_OK;
}

void hc_signin_free(struct hc_signin **signin)
{
	if (signin == NULL || *signin == NULL)
		return;
	hc_secret_free(&(*signin)->code);
	hc_msg_free(&(*signin)->out);
	free(*signin);
	*signin = NULL;
}

enum hc_session_state hc_signin_state(const struct hc_signin *signin)
{
	switch (signin->stage) {
	case STAGE_NEW:
		return HC_SESSION_NEW;
	case STAGE_PASSWORD:
	case STAGE_CODE:
		return HC_SESSION_ASKING;
	case STAGE_CHECK:
	case STAGE_HOLD:
		return HC_SESSION_WAITING;
	case STAGE_DONE:
		break;
	}
	return HC_SESSION_DONE;
}

int64_t hc_signin_deadline_ms(const struct hc_signin *signin)
{
	return signin->deadline_ms;
}

/* ---- what leaves ---- */

static void send_out(struct hc_signin *signin)
{
	enum hc_err err = hc_msg_finish(signin->out);

	if (err == HC_OK) {
		signin->emit(signin->out, signin->ctx);
		return;
	}
	/* Without a RESULT the connection ends, which is a refusal at the other side. */
	hc_log(HC_LOG_ERROR, "message could not be made",
	       HC_F_TEXT("type", hc_msg_type_name(signin->out->type)), HC_F_TEXT("reason", hc_strerror(err)));
	signin->stage = STAGE_DONE;
}

static void enter(struct hc_signin *signin, enum stage stage, int64_t deadline_ms)
{
	signin->stage = stage;
	signin->deadline_ms = deadline_ms;
}

static void end(struct hc_signin *signin)
{
	enter(signin, STAGE_DONE, INT64_MAX);
	hc_secret_free(&signin->code);
}

/* Nothing of it may come before its transaction is on disk. */
static void conclude(struct hc_signin *signin, const struct hc_decision *decision, int64_t retry_s)
{
	const struct hc_reply_facts facts = {.retry_s = retry_s};

	end(signin);
	hc_reply_result(signin->out, &signin->hello, decision, &facts);
	send_out(signin);
}

static void conclude_allowed(struct hc_signin *signin, const struct hc_attempt *attempt,
			     const struct hc_person *person)
{
	const struct hc_reply_facts facts = {0};

	end(signin);
	hc_reply_result(signin->out, &signin->hello, &attempt->decision, &facts);
	hc_reply_person(signin->out, person);
	hc_msg_put_u32(signin->out, HC_FIELD_METHODS, attempt->decision.methods);
	if (attempt->factor == &hc_factor_recovery)
		hc_msg_put_u32(signin->out, HC_FIELD_CODES_LEFT, attempt->codes_left);
	send_out(signin);
}

/* Decided and recorded, to be told when its time says nothing about its cause. */
static void hold(struct hc_signin *signin, const struct hc_decision *refusal, int64_t retry_s)
{
	int64_t due_ms = hc_mono_ms(signin->authd->clock) + HC_SIGNIN_CODE_MS;

	if (due_ms < signin->password_ms + HC_SIGNIN_PASSWORD_MS)
		due_ms = signin->password_ms + HC_SIGNIN_PASSWORD_MS;
	signin->refusal = *refusal;
	signin->retry_s = retry_s;
	hc_secret_free(&signin->code);
	enter(signin, STAGE_HOLD, due_ms);
}

static int64_t timeout_s(const struct hc_signin *signin)
{
	int64_t limit_s = signin->authd->config->policy.answer_timeout_s;

	return signin->hello.timeout_s > 0 && signin->hello.timeout_s < limit_s ? signin->hello.timeout_s
										: limit_s;
}

static void ask_for(struct hc_signin *signin, enum stage stage)
{
	const struct hc_reply_facts nothing = {0};

	enter(signin, stage, hc_mono_ms(signin->authd->clock) + timeout_s(signin) * MS_PER_S);
	if (stage == STAGE_PASSWORD)
		hc_reply_password(signin->out, &signin->hello, timeout_s(signin));
	else
		hc_reply_step(signin->out, &signin->hello, HC_METHOD_TOTP, timeout_s(signin), HC_REASON_NONE,
			      &nothing);
	send_out(signin);
}

/* ---- ends ---- */

/* The broker itself is in trouble: nobody gets in, and nothing about the answers is said. */
static void conclude_unavailable(struct hc_signin *signin, enum hc_reason reason)
{
	struct hc_audit_entry entry = hc_hello_entry(&signin->hello, &signin->caller, HC_AUDIT_SIGN_IN);
	const struct hc_decision decision = {.verdict = HC_DENY_UNAVAILABLE, .reason = reason};

	hc_tx_rollback(signin->authd);
	entry.reason = reason;
	if (hc_audit_note(signin->authd->audit, &entry) != HC_OK)
		hc_log(HC_LOG_WARNING, "refusal could not be recorded in the trail",
		       HC_F_TEXT("reason", hc_reason_name(reason)));
	conclude(signin, &decision, 0);
}

static bool commit(struct hc_signin *signin)
{
	enum hc_err err = hc_tx_commit(signin->authd);

	if (err == HC_OK)
		return true;
	conclude_unavailable(signin, err == HC_ERR_IO ? HC_REASON_STORE_NOT_WRITABLE : hc_reason_of_err(err));
	return false;
}

/* Records a refusal in the open transaction, commits. False: concluded as not available. */
static bool record_and_commit(struct hc_signin *signin, const struct hc_decision *decision)
{
	struct hc_audit_entry entry = hc_hello_entry(&signin->hello, &signin->caller, HC_AUDIT_SIGN_IN);
	enum hc_err err;

	entry.reason = decision->reason;
	err = hc_audit_add(signin->authd->audit, &entry);
	if (err == HC_OK)
		return commit(signin);
	conclude_unavailable(signin, hc_reason_of_err(err));
	return false;
}

/*
 * A password that was sent and left before the verdict counts, unless it is known to be right: whoever leaves
 * early would have real checks without end, and each of them may count against the account in the directory.
 */
static bool is_left_unproven(const struct hc_signin *signin)
{
	const bool is_right = signin->answered && signin->password == HC_PASSWORD_RIGHT;

	return (signin->stage == STAGE_CODE || signin->stage == STAGE_CHECK) && !signin->decoy && !is_right;
}

/* What the person or the front end did; it says nothing about anybody, and is told at once. */
static void give_up(struct hc_signin *signin, enum hc_reason reason)
{
	const struct hc_decision decision = {.verdict = HC_DENY, .reason = reason};
	const enum hc_err err = hc_attempt_left(signin->authd, &signin->caller, &signin->hello, reason,
						is_left_unproven(signin));

	if (err == HC_OK)
		conclude(signin, &decision, 0);
	else
		conclude_unavailable(signin, hc_reason_of_err(err));
}

/* ---- the decision ---- */

static void judge_code(struct hc_signin *signin, const struct hc_situation *situation)
{
	struct hc_attempt attempt = {0};
	struct hc_decision refusal = {.verdict = HC_DENY};
	enum hc_err err = hc_attempt_password_right(signin->authd, situation);

	if (err == HC_OK)
		err = hc_attempt_judge(signin->authd, &signin->caller, &signin->hello, situation,
				       signin->code, &attempt);
	if (err != HC_OK) {
		conclude_unavailable(signin, attempt.trouble != HC_REASON_NONE ? attempt.trouble
									       : hc_reason_of_err(err));
		return;
	}
	if (!commit(signin))
		return;
	if (attempt.decision.verdict == HC_ALLOW) {
		conclude_allowed(signin, &attempt, &situation->person);
		return;
	}
	refusal.reason = attempt.reason;
	hold(signin, &refusal, 0);
}

static void refuse_password(struct hc_signin *signin, const struct hc_situation *situation,
			    const struct hc_decision *refusal)
{
	enum hc_err err =
		hc_attempt_password_wrong(signin->authd, &signin->caller, &signin->hello, situation);

	if (err != HC_OK)
		conclude_unavailable(signin, hc_reason_of_err(err));
	else if (commit(signin))
		hold(signin, refusal, 0);
}

static int64_t retry_of(const struct hc_situation *situation)
{
	return situation->password_retry_s > situation->retry_after_s ? situation->password_retry_s
								      : situation->retry_after_s;
}

static struct hc_decision decide(const struct hc_signin *signin, const struct hc_situation *situation)
{
	const struct hc_policy_rules *rules = &signin->authd->config->policy;
	struct hc_decision decision;

	if (!signin->hello.login_valid)
		return (struct hc_decision){.verdict = HC_DENY_UNKNOWN, .reason = HC_REASON_NAME_MALFORMED};
	if (!signin->decoy)
		return hc_policy_authenticate(&situation->facts, rules);
	/* The password was not looked at: what was in the way still is, or is gone too late for this one. */
	decision = hc_policy_foresee(&situation->facts, rules);
	return hc_policy_asks(&decision) ? signin->foreseen : decision;
}

/* Both answers are here: one transaction, and then the verdict, at once or at its time. */
static void judge(struct hc_signin *signin)
{
	struct hc_situation situation;
	bool changed = false;
	enum hc_err err = hc_tx_begin(signin->authd);

	if (err == HC_OK)
		err = hc_situation_read(signin->authd, &signin->caller, &signin->hello, &situation);
	if (err == HC_OK)
		err = hc_situation_settle(signin->authd, &situation, &changed);
	if (err != HC_OK) {
		conclude_unavailable(signin, hc_reason_of_err(err));
		return;
	}
	situation.facts.password = signin->password;
	situation.facts.password_answered = !signin->decoy;

	struct hc_decision decision = decide(signin, &situation);

	if (hc_policy_asks(&decision))
		judge_code(signin, &situation);
	else if (!signin->decoy && decision.reason == HC_REASON_WRONG_PASSWORD)
		refuse_password(signin, &situation, &decision);
	else if (record_and_commit(signin, &decision))
		hold(signin, &decision, retry_of(&situation));
}

void hc_signin_password(struct hc_signin *signin, enum hc_password answer)
{
	if (signin->answered || (signin->stage != STAGE_CODE && signin->stage != STAGE_CHECK))
		return;
	signin->answered = true;
	signin->password = answer;
	switch (answer) {
	case HC_PASSWORD_UNAVAILABLE:
		/* The same for everybody, decoys included: there is no need to ask for a code in vain. */
		conclude_unavailable(signin, HC_REASON_PASSWORD_HELPER_AWAY);
		return;
	case HC_PASSWORD_BUSY:
		conclude_unavailable(signin, HC_REASON_BROKER_BUSY);
		return;
	case HC_PASSWORD_WRONG:
	case HC_PASSWORD_RIGHT:
		break;
	}
	if (signin->stage == STAGE_CHECK)
		judge(signin);
}

/* ---- what arrives ---- */

static enum hc_err take_hello(struct hc_signin *signin, const struct hc_msg *msg)
{
	char scope[HC_SCOPE_MAX];
	enum hc_err err = hc_hello_parse(msg, (enum hc_lang)signin->authd->config->lang, &signin->hello);

	if (err != HC_OK)
		return err;
	/* What the gateway's program never sends: it asks for sign-ins, and says from where they come. */
	if (signin->hello.request != HC_REQUEST_AUTHENTICATE || signin->hello.mode != HC_MODE_PRIMARY ||
	    signin->hello.has_ticket || !signin->hello.service_valid ||
	    !hc_password_scope(&signin->hello.rhost, scope))
		return HC_ERR_PROTOCOL;
	ask_for(signin, STAGE_PASSWORD);
	return HC_OK;
}

/* Whether the password is looked at, or only hashed: for whom nothing could come of it. */
static void choose_decoy(struct hc_signin *signin)
{
	struct hc_situation situation;

	signin->decoy = true;
	signin->foreseen =
		(struct hc_decision){.verdict = HC_DENY_UNKNOWN, .reason = HC_REASON_UNKNOWN_PERSON};
	if (!signin->hello.login_valid)
		return;
	if (hc_situation_read(signin->authd, &signin->caller, &signin->hello, &situation) != HC_OK) {
		/* It will not be readable at the end either, or this one try is lost. */
		signin->foreseen = (struct hc_decision){.verdict = HC_DENY_UNAVAILABLE,
							.reason = HC_REASON_STORE_UNREADABLE};
		return;
	}
	signin->foreseen = hc_policy_foresee(&situation.facts, &signin->authd->config->policy);
	signin->decoy = !hc_policy_asks(&signin->foreseen);
}

static void take_password(struct hc_signin *signin, const struct hc_secret *password)
{
	signin->password_ms = hc_mono_ms(signin->authd->clock);
	/* The question leaves before anything is looked up: its time tells nothing about anybody. */
	ask_for(signin, STAGE_CODE);
	if (signin->stage != STAGE_CODE)
		return;
	choose_decoy(signin);

	enum hc_err err = signin->ask(signin->ctx, signin->hello.login_valid ? &signin->hello.login : NULL,
				      password, signin->decoy);

	if (err != HC_OK)
		conclude_unavailable(signin, hc_reason_of_err(err));
}

static void take_code(struct hc_signin *signin, struct hc_secret **code)
{
	signin->code = hc_steal_ptr(code);
	enter(signin, STAGE_CHECK, INT64_MAX); /* hc-password has a deadline of its own */
	if (signin->answered)
		judge(signin);
}

static enum hc_err take_answer(struct hc_signin *signin, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_ANSWER};
	HC_AUTO(secret) answer = NULL;
	const uint8_t *view;
	size_t len;

	if (hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_bytes(msg, HC_FIELD_ANSWER, &view, &len) != HC_OK || len > ANSWER_MAX)
		return HC_ERR_PROTOCOL;
	enum hc_err err = hc_secret_from(view, len, &answer);

	if (err != HC_OK)
		conclude_unavailable(signin, hc_reason_of_err(err));
	else if (signin->stage == STAGE_PASSWORD)
		take_password(signin, answer);
	else
		take_code(signin, &answer);
	return HC_OK;
}

enum hc_err hc_signin_receive(struct hc_signin *signin, const struct hc_msg *msg)
{
	switch (signin->stage) {
	case STAGE_NEW:
		return msg->type == HC_MSG_HELLO ? take_hello(signin, msg) : HC_ERR_PROTOCOL;
	case STAGE_PASSWORD:
	case STAGE_CODE:
		if (msg->type == HC_MSG_ANSWER)
			return take_answer(signin, msg);
		if (msg->type != HC_MSG_CANCEL || hc_msg_only(msg, NULL, 0) != HC_OK)
			return HC_ERR_PROTOCOL;
		give_up(signin, HC_REASON_CANCELLED);
		return HC_OK;
	case STAGE_CHECK:
	case STAGE_HOLD:
	case STAGE_DONE:
		break;
	}
	return HC_ERR_PROTOCOL;
}

void hc_signin_timeout(struct hc_signin *signin)
{
	switch (signin->stage) {
	case STAGE_PASSWORD:
	case STAGE_CODE:
		give_up(signin, HC_REASON_TIMED_OUT);
		break;
	case STAGE_HOLD:
		conclude(signin, &signin->refusal, signin->retry_s);
		break;
	case STAGE_NEW:
	case STAGE_CHECK:
	case STAGE_DONE:
		break;
	}
}

void hc_signin_closed(struct hc_signin *signin)
{
	const bool open = signin->stage == STAGE_PASSWORD || signin->stage == STAGE_CODE ||
			  signin->stage == STAGE_CHECK;

	if (open && hc_attempt_left(signin->authd, &signin->caller, &signin->hello, HC_REASON_CANCELLED,
				    is_left_unproven(signin)) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "abandoned sign-in could not be recorded");
	end(signin);
}
