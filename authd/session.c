/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation on auth.sock, without I/O of its own.
 *
 * State: what HELLO said, how many answers were wrong, when the open question ends. It begins as a
 * denial, and the only verdicts that let anybody on are those that policy.c returned.
 *
 * Each decision is one transaction: the facts are read in it, failures counted, codes consumed, the
 * audit record added; and only after it is on disk does the caller learn anything. Where that fails,
 * the caller learns that the broker is not available, whatever the answer was: a full disk is no oracle.
 * It must never send a verdict from inside a transaction, and never keep an answer.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "audit.h"
#include "credential.h"
#include "hello.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "policy.h"
#include "reply.h"
#include "situation.h"
#include "transaction.h"

#define MS_PER_S   1000
#define TEXT_MAX   1024
#define ANSWER_MAX 512

struct hc_session {
	const struct hc_authd *authd; /* borrowed */
	struct hc_caller caller;
	hc_emit_fn emit;
	void *ctx;
	enum hc_session_state state;
	struct hc_hello hello;
	int64_t wrong_answers;
	int64_t deadline_ms;
	struct hc_msg *out; /* made with the session, so that no verdict lacks memory */
};

enum hc_err hc_session_new(const struct hc_authd *authd, const struct hc_caller *caller, hc_emit_fn emit,
			   void *ctx, struct hc_session **ret_session)
{
	HC_AUTO(session) session = calloc(1, sizeof(*session));
	enum hc_err err;

	if (session == NULL)
		return HC_ERR_NOMEM;
	err = hc_msg_new(&session->out);
	if (err != HC_OK)
		return err;
	session->authd = authd;
	session->caller = *caller;
	session->emit = emit;
	session->ctx = ctx;
	session->state = HC_SESSION_NEW;
	session->deadline_ms = INT64_MAX;
	*ret_session = hc_steal_ptr(&session);
	return HC_OK;
}

void hc_session_free(struct hc_session **session)
{
	if (session == NULL || *session == NULL)
		return;
	hc_msg_free(&(*session)->out);
	free(*session);
	*session = NULL;
}

enum hc_session_state hc_session_state(const struct hc_session *session)
{
	return session->state;
}

int64_t hc_session_deadline_ms(const struct hc_session *session)
{
	return session->state == HC_SESSION_ASKING ? session->deadline_ms : INT64_MAX;
}

/* ---- what leaves ---- */

static void send_out(struct hc_session *session)
{
	enum hc_err err = hc_msg_finish(session->out);

	if (err == HC_OK) {
		session->emit(session->out, session->ctx);
		return;
	}
	/* Without a RESULT the connection ends, which is a refusal at the other side. */
	hc_log(HC_LOG_ERROR, "message could not be made",
	       HC_F_TEXT("type", hc_msg_type_name(session->out->type)),
	       HC_F_TEXT("reason", hc_strerror(err)));
	session->state = HC_SESSION_DONE;
}

/* The end of every conversation. Nothing of it may come before its transaction is on disk. */
static void conclude(struct hc_session *session, const struct hc_decision *decision, int64_t retry_s)
{
	const struct hc_reply_facts facts = {
		.retry_s = retry_s,
		.grace_until_ms = session->authd->config->policy.grace_until_ms,
	};

	session->state = HC_SESSION_DONE;
	hc_reply_result(session->out, &session->hello, decision, &facts);
	send_out(session);
}

static void tell_codes_left(struct hc_session *session, uint32_t left)
{
	if ((session->hello.flags & HC_FLAG_SILENT) != 0)
		return;
	hc_reply_codes_left(session->out, &session->hello, left);
	send_out(session);
}

static void ask(struct hc_session *session, uint32_t methods, enum hc_reason why, int64_t locked_s)
{
	const struct hc_reply_facts facts = {.retry_s = locked_s};
	int64_t timeout_s = session->authd->config->policy.answer_timeout_s;

	if (session->hello.timeout_s > 0 && session->hello.timeout_s < timeout_s)
		timeout_s = session->hello.timeout_s;
	session->state = HC_SESSION_ASKING;
	session->deadline_ms = hc_mono_ms(session->authd->clock) + timeout_s * MS_PER_S;
	hc_reply_step(session->out, &session->hello, methods, timeout_s, why, &facts);
	send_out(session);
}

/* ---- ends ---- */

static struct hc_audit_entry entry_of(const struct hc_session *session)
{
	enum hc_audit_event event = HC_AUDIT_SIGN_IN;

	switch (session->hello.request) {
	case HC_REQUEST_AUTHENTICATE:
		break;
	case HC_REQUEST_ACCOUNT:
		event = HC_AUDIT_ACCOUNT;
		break;
	case HC_REQUEST_OPEN_SESSION:
		event = HC_AUDIT_SESSION_OPEN;
		break;
	case HC_REQUEST_CLOSE_SESSION:
		event = HC_AUDIT_SESSION_CLOSE;
		break;
	}
	return hc_hello_entry(&session->hello, &session->caller, event);
}

/* The broker itself is in trouble: nobody gets in, and nothing about the answer is said. */
static void conclude_unavailable(struct hc_session *session, enum hc_reason reason)
{
	struct hc_audit_entry entry = entry_of(session);
	const struct hc_decision decision = {.verdict = HC_DENY_UNAVAILABLE, .reason = reason};

	hc_tx_rollback(session->authd);
	hc_log(HC_LOG_ERROR, "sign-in refused, the broker is not able to decide",
	       HC_F_TEXT("user", session->hello.login.text),
	       HC_F_TEXT("service", session->hello.service.text),
	       HC_F_TEXT("reason", hc_reason_name(reason)));
	entry.reason = reason;
	if (hc_audit_note(session->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_WARNING, "refusal could not be recorded in the trail either");
	conclude(session, &decision, 0);
}

/* False: nothing is on disk, and the conversation has ended as not available. */
static bool commit(struct hc_session *session)
{
	enum hc_err err = hc_tx_commit(session->authd);

	if (err == HC_OK)
		return true;
	conclude_unavailable(session,
			     err == HC_ERR_IO ? HC_REASON_STORE_NOT_WRITABLE : hc_reason_of_err(err));
	return false;
}

/* Records in the open transaction, commits. False: the conversation has ended as not available. */
static bool record_and_commit(struct hc_session *session, const struct hc_decision *decision,
			      const char *detail)
{
	struct hc_audit_entry entry = entry_of(session);
	enum hc_err err;

	entry.success = decision->verdict == HC_ALLOW || decision->verdict == HC_GRACE;
	entry.reason = decision->reason;
	entry.detail = detail;
	err = hc_audit_add(session->authd->audit, &entry);
	if (err == HC_OK)
		return commit(session);
	conclude_unavailable(session, hc_reason_of_err(err));
	return false;
}

/* A decision without a situation of its own: recorded, then told. */
static void record_and_conclude(struct hc_session *session, const struct hc_decision *decision)
{
	enum hc_err err = hc_tx_begin(session->authd);

	if (err != HC_OK)
		conclude_unavailable(session, hc_reason_of_err(err));
	else if (record_and_commit(session, decision, NULL))
		conclude(session, decision, 0);
}

/* ---- authentication ---- */

/* Opens the transaction of a decision and reads its facts; false: concluded. */
static bool open_decision(struct hc_session *session, struct hc_situation *situation, bool *changed)
{
	enum hc_err err = hc_tx_begin(session->authd);

	if (err == HC_OK)
		err = hc_situation_read(session->authd, &session->caller, &session->hello, situation);
	if (err == HC_OK)
		err = hc_situation_settle(session->authd, situation, changed);
	if (err == HC_OK)
		return true;
	conclude_unavailable(session, hc_reason_of_err(err));
	return false;
}

/* A question needs nothing on disk, unless a lock was set anew. */
static bool close_without_record(struct hc_session *session, bool changed)
{
	if (changed)
		return commit(session);
	hc_tx_rollback(session->authd);
	return true;
}

/* Who is asked for a recovery code because the device is locked is told so, or would not understand. */
static enum hc_err explain_first(const struct hc_session *session, const struct hc_situation *situation,
				 int64_t *ret_locked_s)
{
	const struct hc_facts *facts = &situation->facts;

	if ((facts->methods_held & facts->methods_offered & facts->methods_locked & HC_METHOD_TOTP) == 0)
		return HC_OK;
	return hc_situation_locked_s(session->authd, situation, HC_FACTOR_OTP, ret_locked_s);
}

static void begin_authentication(struct hc_session *session)
{
	struct hc_situation situation;
	bool changed = false;
	int64_t locked_s = 0;

	if (!open_decision(session, &situation, &changed))
		return;
	enum hc_err err = explain_first(session, &situation, &locked_s);

	if (err != HC_OK) {
		conclude_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (!hc_policy_asks(&decision)) {
		if (record_and_commit(session, &decision, NULL))
			conclude(session, &decision, situation.retry_after_s);
	} else if (close_without_record(session, changed)) {
		ask(session, decision.methods, locked_s > 0 ? HC_REASON_LOCKED_OUT : HC_REASON_NONE,
		    locked_s);
	}
}

/* After a wrong answer that is on disk: the next question, or the end. */
static void go_on(struct hc_session *session, const struct hc_attempt *attempt)
{
	const struct hc_authd *authd = session->authd;
	struct hc_situation situation;
	int64_t locked_s = 0;
	enum hc_err err = hc_situation_read(authd, &session->caller, &session->hello, &situation);

	if (err == HC_OK && attempt->factor != NULL)
		err = hc_situation_locked_s(authd, &situation, attempt->factor->factor, &locked_s);
	if (err != HC_OK) {
		conclude_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_authenticate(&situation.facts, &authd->config->policy);

	if (hc_policy_asks(&decision) && session->wrong_answers >= authd->config->policy.attempts)
		decision = (struct hc_decision){.verdict = HC_DENY, .reason = attempt->reason};
	if (!hc_policy_asks(&decision)) {
		conclude(session, &decision,
			 situation.retry_after_s > 0 ? situation.retry_after_s : locked_s);
		return;
	}
	ask(session, decision.methods, locked_s > 0 ? HC_REASON_LOCKED_OUT : attempt->reason, locked_s);
}

static void judge(struct hc_session *session, const struct hc_situation *situation,
		  const struct hc_secret *answer)
{
	struct hc_attempt attempt;
	enum hc_err err = hc_attempt_judge(session->authd, &session->caller, &session->hello, situation,
					   answer, &attempt);

	if (err != HC_OK) {
		conclude_unavailable(session, attempt.trouble);
		return;
	}
	if (!commit(session))
		return;
	if (attempt.decision.verdict == HC_ALLOW) {
		if (attempt.factor == &hc_factor_recovery)
			tell_codes_left(session, attempt.codes_left);
		conclude(session, &attempt.decision, 0);
		return;
	}
	session->wrong_answers++;
	go_on(session, &attempt);
}

static enum hc_err take_answer(struct hc_session *session, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_ANSWER};
	HC_AUTO(secret) answer = NULL;
	struct hc_situation situation;
	const uint8_t *view;
	size_t len;
	bool changed = false;

	if (hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_bytes(msg, HC_FIELD_ANSWER, &view, &len) != HC_OK || len > ANSWER_MAX)
		return HC_ERR_PROTOCOL;
	enum hc_err err = hc_secret_from(view, len, &answer);

	if (err != HC_OK) {
		conclude_unavailable(session, hc_reason_of_err(err));
		return HC_OK;
	}
	if (!open_decision(session, &situation, &changed))
		return HC_OK;
	/* The person may have been disabled, or locked from elsewhere, since the question. */
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (hc_policy_asks(&decision))
		judge(session, &situation, answer);
	else if (record_and_commit(session, &decision, NULL))
		conclude(session, &decision, situation.retry_after_s);
	return HC_OK;
}

/* ---- account, sessions ---- */

static void answer_account(struct hc_session *session)
{
	struct hc_situation situation;
	enum hc_err err = hc_situation_read(session->authd, &session->caller, &session->hello, &situation);

	if (err != HC_OK) {
		conclude_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_account(&situation.facts);

	/*
	 * Every cron job of every system account comes by here: a name that HospiConnect does not know is
	 * no decision of ours, and would bury those that are.
	 */
	if (decision.verdict == HC_ALLOW || decision.verdict == HC_DENY_UNKNOWN)
		conclude(session, &decision, 0);
	else
		record_and_conclude(session, &decision);
}

static void note_session(struct hc_session *session)
{
	struct hc_situation situation;
	enum hc_err err = hc_situation_read(session->authd, &session->caller, &session->hello, &situation);

	if (err != HC_OK) {
		conclude_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_session(&situation.facts);

	if (decision.verdict == HC_ALLOW && !situation.facts.person_known)
		conclude(session, &decision, 0);
	else
		record_and_conclude(session, &decision);
}

/* ---- what arrives ---- */

static enum hc_err take_hello(struct hc_session *session, const struct hc_msg *msg)
{
	enum hc_lang fallback = (enum hc_lang)session->authd->config->lang;
	enum hc_err err = hc_hello_parse(msg, fallback, &session->hello);
	struct hc_decision decision = {.verdict = HC_DENY_UNKNOWN, .reason = HC_REASON_NAME_MALFORMED};

	if (err != HC_OK)
		return err;
	if (!session->hello.service_valid)
		decision = (struct hc_decision){.verdict = HC_DENY, .reason = HC_REASON_SERVICE_NOT_ALLOWED};
	if (!session->hello.login_valid || !session->hello.service_valid) {
		record_and_conclude(session, &decision);
		return HC_OK;
	}
	switch (session->hello.request) {
	case HC_REQUEST_AUTHENTICATE:
		begin_authentication(session);
		break;
	case HC_REQUEST_ACCOUNT:
		answer_account(session);
		break;
	case HC_REQUEST_OPEN_SESSION:
	case HC_REQUEST_CLOSE_SESSION:
		note_session(session);
		break;
	}
	return HC_OK;
}

enum hc_err hc_session_receive(struct hc_session *session, const struct hc_msg *msg)
{
	const struct hc_decision cancelled = {.verdict = HC_DENY, .reason = HC_REASON_CANCELLED};

	switch (session->state) {
	case HC_SESSION_NEW:
		return msg->type == HC_MSG_HELLO ? take_hello(session, msg) : HC_ERR_PROTOCOL;
	case HC_SESSION_ASKING:
		if (msg->type == HC_MSG_ANSWER)
			return take_answer(session, msg);
		if (msg->type != HC_MSG_CANCEL || hc_msg_only(msg, NULL, 0) != HC_OK)
			return HC_ERR_PROTOCOL;
		record_and_conclude(session, &cancelled);
		return HC_OK;
	case HC_SESSION_DONE:
	case HC_SESSION_WAITING:
		break;
	}
	return HC_ERR_PROTOCOL;
}

enum hc_err hc_session_refuse(struct hc_session *session, const struct hc_msg *msg)
{
	const struct hc_decision busy = {.verdict = HC_DENY_UNAVAILABLE, .reason = HC_REASON_BROKER_BUSY};
	enum hc_lang fallback = (enum hc_lang)session->authd->config->lang;

	if (session->state != HC_SESSION_NEW || msg->type != HC_MSG_HELLO ||
	    hc_hello_parse(msg, fallback, &session->hello) != HC_OK)
		return HC_ERR_PROTOCOL;
	conclude(session, &busy, 0);
	return HC_OK;
}

bool hc_session_asks(const struct hc_session *session, const char *login)
{
	return session->state == HC_SESSION_ASKING && strcmp(session->hello.login.text, login) == 0;
}

void hc_session_timeout(struct hc_session *session)
{
	const struct hc_decision timed_out = {.verdict = HC_DENY, .reason = HC_REASON_TIMED_OUT};

	if (session->state == HC_SESSION_ASKING)
		record_and_conclude(session, &timed_out);
}

void hc_session_closed(struct hc_session *session)
{
	struct hc_audit_entry entry = entry_of(session);

	if (session->state != HC_SESSION_ASKING)
		return;
	session->state = HC_SESSION_DONE;
	entry.reason = HC_REASON_CANCELLED;
	entry.detail = "abandoned by the caller";
	enum hc_err err = hc_audit_note(session->authd->audit, &entry);

	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "abandoned sign-in could not be recorded",
		       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_strerror(err)));
}
