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
#include "session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "removal.h"

#define ANSWER_MAX 512

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
	hc_session_pin_forget(*session);
	hc_session_pairing_forget(*session);
	hc_session_cue_forget(*session);
	hc_msg_free(&(*session)->done);
	hc_msg_free(&(*session)->out);
	free(*session);
	*session = NULL;
}

enum hc_session_state hc_session_state(const struct hc_session *session)
{
	return session->state;
}

/* Somebody or something is waited for. */
static bool waits(const struct hc_session *session)
{
	return session->state == HC_SESSION_ASKING || session->state == HC_SESSION_DEVICE;
}

int64_t hc_session_deadline_ms(const struct hc_session *session)
{
	return waits(session) ? session->deadline_ms : INT64_MAX;
}

void hc_session_use(struct hc_session *session, const struct hc_session_devices *devices)
{
	session->devices = devices;
}

/* ---- authentication ---- */

/* Who is asked for a recovery code because the device is locked is told so, or would not understand. */
static enum hc_err explain_first(const struct hc_session *session, const struct hc_situation *situation,
				 int64_t *ret_locked_s)
{
	const struct hc_facts *facts = &situation->facts;

	if ((facts->methods_held & facts->methods_offered & facts->methods_locked & HC_METHOD_TOTP) == 0)
		return HC_OK;
	return hc_situation_locked_s(session->authd, situation, HC_FACTOR_OTP, ret_locked_s);
}

void hc_session_pose(struct hc_session *session, const struct hc_situation *situation,
		     const struct hc_decision *decision, enum hc_reason why, int64_t locked_s)
{
	const struct hc_decision end = {.verdict = HC_DENY, .reason = why};
	uint32_t codes = decision->methods & ~HC_METHOD_DEVICES;

	if ((decision->methods & HC_METHOD_DEVICES) != 0 && !session->device_tried)
		hc_session_device_begin(session, &situation->person, decision->methods, codes != 0);
	else if (codes != 0)
		hc_session_ask(session, codes, why, locked_s);
	else
		hc_session_conclude(session, &end, 0);
}

static void begin_authentication(struct hc_session *session)
{
	struct hc_situation situation;
	bool changed = false;
	int64_t locked_s = 0;

	if (!hc_session_open_decision(session, &situation, &changed))
		return;
	enum hc_err err = explain_first(session, &situation, &locked_s);

	if (err != HC_OK) {
		hc_session_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (!hc_policy_asks(&decision)) {
		if (hc_session_record(session, &decision, NULL))
			hc_session_conclude(session, &decision, situation.retry_after_s);
	} else if (hc_session_close_decision(session, changed)) {
		hc_session_pose(session, &situation, &decision,
				locked_s > 0 ? HC_REASON_LOCKED_OUT : HC_REASON_NONE, locked_s);
	}
}

void hc_session_go_on(struct hc_session *session, const struct hc_factor_ops *factor, enum hc_reason reason)
{
	const struct hc_authd *authd = session->authd;
	struct hc_situation situation;
	int64_t locked_s = 0;
	enum hc_err err = hc_situation_read(authd, &session->caller, &session->hello, &situation);

	session->wrong_answers++;
	if (err == HC_OK && factor != NULL)
		err = hc_situation_locked_s(authd, &situation, factor->factor, &locked_s);
	if (err != HC_OK) {
		hc_session_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_authenticate(&situation.facts, &authd->config->policy);

	if (hc_policy_asks(&decision) && session->wrong_answers >= authd->config->policy.attempts)
		decision = (struct hc_decision){.verdict = HC_DENY, .reason = reason};
	if (!hc_policy_asks(&decision)) {
		hc_session_conclude(session, &decision,
				    situation.retry_after_s > 0 ? situation.retry_after_s : locked_s);
		return;
	}
	hc_session_pose(session, &situation, &decision, locked_s > 0 ? HC_REASON_LOCKED_OUT : reason,
			locked_s);
}

static void judge(struct hc_session *session, const struct hc_situation *situation,
		  const struct hc_secret *answer)
{
	struct hc_attempt attempt;
	enum hc_err err = hc_attempt_judge(session->authd, &session->caller, &session->hello, situation,
					   answer, &attempt);

	if (err != HC_OK) {
		hc_session_unavailable(session, attempt.trouble);
		return;
	}
	if (!hc_session_commit(session))
		return;
	if (attempt.decision.verdict == HC_ALLOW) {
		if (attempt.factor == &hc_factor_recovery)
			hc_session_tell_codes_left(session, attempt.codes_left);
		hc_session_allow(session, &attempt);
		return;
	}
	hc_session_go_on(session, attempt.factor, attempt.reason);
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
	if (session->nameless == HC_NAMELESS_ASKING)
		return hc_session_nameless_answer(session, len);
	if (session->cue) {
		hc_session_cue_answered(session);
		return HC_OK;
	}
	enum hc_err err = hc_secret_from(view, len, &answer);

	if (err != HC_OK) {
		hc_session_unavailable(session, hc_reason_of_err(err));
		return HC_OK;
	}
	if (session->offers_link) {
		hc_session_pairing_answer(session, answer);
		return HC_OK;
	}
	if (session->device_asks != 0) {
		hc_session_device_answer(session, answer);
		return HC_OK;
	}
	if (!hc_session_open_decision(session, &situation, &changed))
		return HC_OK;
	/* The person may have been disabled, or locked from elsewhere, since the question. */
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (hc_policy_asks(&decision))
		judge(session, &situation, answer);
	else if (hc_session_record(session, &decision, NULL))
		hc_session_conclude(session, &decision, situation.retry_after_s);
	return HC_OK;
}

/* ---- account, sessions ---- */

static void answer_account(struct hc_session *session)
{
	struct hc_situation situation;
	enum hc_err err = hc_situation_read(session->authd, &session->caller, &session->hello, &situation);

	if (err != HC_OK) {
		hc_session_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_account(&situation.facts);

	/*
	 * Every cron job of every system account comes by here: a name that HospiConnect does not know is
	 * no decision of ours, and would bury those that are.
	 */
	if (decision.verdict == HC_ALLOW || decision.verdict == HC_DENY_UNKNOWN)
		hc_session_conclude(session, &decision, 0);
	else
		hc_session_record_and_conclude(session, &decision);
}

static void note_session(struct hc_session *session)
{
	struct hc_situation situation;
	enum hc_err err = hc_situation_read(session->authd, &session->caller, &session->hello, &situation);

	if (err != HC_OK) {
		hc_session_unavailable(session, hc_reason_of_err(err));
		return;
	}
	struct hc_decision decision = hc_policy_session(&situation.facts);

	if (session->hello.request == HC_REQUEST_CLOSE_SESSION)
		hc_removal_session_closed(session->authd->removal, &session->caller, &session->hello);
	else if (decision.verdict == HC_ALLOW)
		hc_removal_session_opened(session->authd->removal, &session->caller, &session->hello);
	if (decision.verdict == HC_ALLOW && !situation.facts.person_known)
		hc_session_conclude(session, &decision, 0);
	else
		hc_session_record_and_conclude(session, &decision);
}

/* ---- what arrives ---- */

static enum hc_err take_hello(struct hc_session *session, const struct hc_msg *msg)
{
	enum hc_lang fallback = (enum hc_lang)session->authd->config->lang;
	enum hc_err err = hc_hello_parse(msg, fallback, &session->hello);
	struct hc_decision decision = {.verdict = HC_DENY_UNKNOWN, .reason = HC_REASON_NAME_MALFORMED};

	if (err != HC_OK)
		return err;
	/* None is ever given to anybody else. */
	if (session->hello.has_ticket && session->caller.kind != HC_CALLER_ROOT)
		return HC_ERR_PROTOCOL;
	if (hc_session_is_nameless(session)) {
		hc_session_nameless_begin(session);
		return HC_OK;
	}
	if (!session->hello.service_valid)
		decision = (struct hc_decision){.verdict = HC_DENY, .reason = HC_REASON_SERVICE_NOT_ALLOWED};
	if (!session->hello.login_valid || !session->hello.service_valid) {
		hc_session_record_and_conclude(session, &decision);
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

/* Ends what nobody goes on with. A login prompt that was left alone is no sign-in. */
static void break_off(struct hc_session *session, const struct hc_decision *decision)
{
	if (session->offers_link)
		hc_session_pairing_end(session, decision->reason);
	else if (session->nameless == HC_NAMELESS_ASKING)
		hc_session_conclude(session, decision, 0);
	else
		hc_session_record_and_conclude(session, decision);
}

enum hc_err hc_session_receive(struct hc_session *session, const struct hc_msg *msg)
{
	const struct hc_decision cancelled = {.verdict = HC_DENY, .reason = HC_REASON_CANCELLED};

	switch (session->state) {
	case HC_SESSION_NEW:
		return msg->type == HC_MSG_HELLO ? take_hello(session, msg) : HC_ERR_PROTOCOL;
	case HC_SESSION_ASKING:
	case HC_SESSION_DEVICE:
		if (msg->type == HC_MSG_ANSWER && session->state == HC_SESSION_ASKING)
			return take_answer(session, msg);
		if (msg->type != HC_MSG_CANCEL || hc_msg_only(msg, NULL, 0) != HC_OK)
			return HC_ERR_PROTOCOL;
		break_off(session, &cancelled);
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
	hc_session_conclude(session, &busy, 0);
	return HC_OK;
}

bool hc_session_asks(const struct hc_session *session, const char *login)
{
	return waits(session) && strcmp(session->hello.login.text, login) == 0;
}

void hc_session_timeout(struct hc_session *session)
{
	const struct hc_decision timed_out = {.verdict = HC_DENY, .reason = HC_REASON_TIMED_OUT};

	if (!hc_session_device_late(session) && session->state == HC_SESSION_ASKING)
		break_off(session, &timed_out);
}

void hc_session_closed(struct hc_session *session)
{
	struct hc_audit_entry entry = hc_session_entry(session);

	if (!waits(session))
		return;
	hc_session_device_drop(session);
	session->state = HC_SESSION_DONE;
	/* The trail has the verdict, since the code is spent; that nobody heard of it comes behind. */
	if (session->offers_link)
		hc_session_pairing_closed(session);
	if (session->nameless == HC_NAMELESS_ASKING || session->nameless == HC_NAMELESS_LOOKING)
		return;
	entry.reason = HC_REASON_CANCELLED;
	entry.detail = "abandoned by the caller";
	enum hc_err err = hc_audit_note(session->authd->audit, &entry);

	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "abandoned sign-in could not be recorded",
		       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_strerror(err)));
}
