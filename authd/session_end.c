/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves a conversation, and how it ends: texts, verdicts, transactions and records, for session.c and
 * the session_….c of devices.
 *
 * State: the conversation. Threats: a verdict that is told and not on disk, a device that goes on after its
 * conversation. So whoever ends one comes by here: it must never be told anything from inside a transaction.
 */
#include "session_internal.h"

#include "audit.h"
#include "hospiconnect/log.h"
#include "reply.h"
#include "transaction.h"

#define MS_PER_S 1000

void hc_session_send(struct hc_session *session)
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

void hc_session_conclude(struct hc_session *session, const struct hc_decision *decision, int64_t retry_s)
{
	const struct hc_reply_facts facts = {
		.retry_s = retry_s,
		.grace_until_ms = session->authd->config->policy.grace_until_ms,
	};

	hc_session_device_drop(session);
	session->state = HC_SESSION_DONE;
	hc_reply_result(session->out, &session->hello, decision, &facts);
	/* Nobody is told whose key it is but who proved that it is his. */
	if (session->nameless != HC_NAMELESS_NOT && decision->verdict == HC_ALLOW)
		hc_msg_put_text(session->out, HC_FIELD_USER, session->hello.login.text);
	if (decision->verdict != HC_ALLOW)
		hc_session_pairing_hand_out(session);
	hc_session_send(session);
}

void hc_session_tell_codes_left(struct hc_session *session, uint32_t left)
{
	if ((session->hello.flags & HC_FLAG_SILENT) != 0)
		return;
	hc_reply_codes_left(session->out, &session->hello, left);
	hc_session_send(session);
}

int64_t hc_session_wait_s(const struct hc_session *session)
{
	int64_t timeout_s = session->authd->config->policy.answer_timeout_s;

	if (session->hello.timeout_s > 0 && session->hello.timeout_s < timeout_s)
		timeout_s = session->hello.timeout_s;
	return timeout_s;
}

void hc_session_ask(struct hc_session *session, uint32_t methods, enum hc_reason why, int64_t locked_s)
{
	const struct hc_reply_facts facts = {.retry_s = locked_s};
	int64_t timeout_s = hc_session_wait_s(session);

	session->state = HC_SESSION_ASKING;
	session->deadline_ms = hc_mono_ms(session->authd->clock) + timeout_s * MS_PER_S;
	hc_reply_step(session->out, &session->hello, methods, timeout_s, why, &facts);
	hc_session_send(session);
}

/* ---- ends ---- */

struct hc_audit_entry hc_session_entry(const struct hc_session *session)
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
	struct hc_audit_entry entry = hc_hello_entry(&session->hello, &session->caller, event);

	if (session->device_tried && session->wrong_answers == 0)
		entry.factor = hc_session_device_factor(session);
	return entry;
}

void hc_session_unavailable(struct hc_session *session, enum hc_reason reason)
{
	struct hc_audit_entry entry = hc_session_entry(session);
	const struct hc_decision decision = {.verdict = HC_DENY_UNAVAILABLE, .reason = reason};

	hc_tx_rollback(session->authd);
	hc_log(HC_LOG_ERROR, "sign-in refused, the broker is not able to decide",
	       HC_F_TEXT("user", session->hello.login.text),
	       HC_F_TEXT("service", session->hello.service.text),
	       HC_F_TEXT("reason", hc_reason_name(reason)));
	entry.reason = reason;
	if (hc_audit_note(session->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_WARNING, "refusal could not be recorded in the trail either");
	hc_session_conclude(session, &decision, 0);
}

bool hc_session_commit(struct hc_session *session)
{
	enum hc_err err = hc_tx_commit(session->authd);

	if (err == HC_OK)
		return true;
	hc_session_unavailable(session,
			       err == HC_ERR_IO ? HC_REASON_STORE_NOT_WRITABLE : hc_reason_of_err(err));
	return false;
}

bool hc_session_record(struct hc_session *session, const struct hc_decision *decision, const char *detail)
{
	struct hc_audit_entry entry = hc_session_entry(session);
	enum hc_err err;

	entry.success = decision->verdict == HC_ALLOW || decision->verdict == HC_GRACE;
	entry.reason = decision->reason;
	entry.detail = detail;
	err = hc_audit_add(session->authd->audit, &entry);
	if (err == HC_OK)
		return hc_session_commit(session);
	hc_session_unavailable(session, hc_reason_of_err(err));
	return false;
}

const char *hc_session_refused(const struct hc_session *session)
{
	return session->refused[0] != '\0' ? session->refused : NULL;
}

void hc_session_record_and_conclude(struct hc_session *session, const struct hc_decision *decision)
{
	enum hc_err err = hc_tx_begin(session->authd);

	if (err != HC_OK)
		hc_session_unavailable(session, hc_reason_of_err(err));
	else if (hc_session_record(session, decision, hc_session_refused(session)))
		hc_session_conclude(session, decision, 0);
}

bool hc_session_open_decision(struct hc_session *session, struct hc_situation *situation, bool *changed)
{
	enum hc_err err = hc_tx_begin(session->authd);

	if (err == HC_OK)
		err = hc_situation_read(session->authd, &session->caller, &session->hello, situation);
	if (err == HC_OK)
		err = hc_situation_settle(session->authd, situation, changed);
	if (err == HC_OK)
		return true;
	hc_session_unavailable(session, hc_reason_of_err(err));
	return false;
}

bool hc_session_close_decision(struct hc_session *session, bool changed)
{
	if (changed)
		return hc_session_commit(session);
	hc_tx_rollback(session->authd);
	return true;
}
