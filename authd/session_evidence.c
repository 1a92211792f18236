/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device gave in a conversation, and what comes of it.
 *
 * State: the conversation. Threats: an answer of somebody else's device, one that was given before (a challenge is
 * closed before the verdict leaves), a word from elsewhere that never comes (it has its own short time, and without it
 * the method decides what the answer is worth). Everything is judged in one transaction; nobody is told whose device it
 * is but who proved that it is his.
 */
#include "session_internal.h"

#include <string.h>

#include "attempt.h"
#include "hospiconnect/log.h"
#include "removal.h"
#include "reply.h"

#define CONSULT_MAX_S 30

static struct hc_device_answer answer_of(const struct hc_session *session, const struct hc_msg *done,
					 const struct hc_msg *more)
{
	return (struct hc_device_answer){
		.done = done, .more = more, .challenge = &session->winner->challenge};
}

/* ---- the judgement ---- */

/* Whoever is told so can tell who looks after the lists. */
static void tell_of_list(struct hc_session *session, const struct hc_attempt *attempt)
{
	if (!attempt->degraded || (session->hello.flags & HC_FLAG_SILENT) != 0)
		return;
	hc_reply_degraded(session->out, &session->hello);
	hc_session_send(session);
}

static void judge_now(struct hc_session *session, const struct hc_situation *situation,
		      const struct hc_device_answer *answer)
{
	const struct hc_device_method *method = session->winner->method;
	const struct hc_evidence evidence = {method->factor, method->verify, answer};
	struct hc_attempt attempt;
	enum hc_err err = hc_attempt_judge_evidence(session->authd, &session->caller, &session->hello,
						    situation, &evidence, &attempt);

	const bool committed = err == HC_OK && hc_session_commit(session);

	if (committed && attempt.reason == HC_REASON_CARD_UNKNOWN)
		hc_session_pairing_show(session, answer);
	session->winner->challenge.open = false;
	if (err != HC_OK) {
		hc_session_unavailable(session, attempt.trouble);
	} else if (!committed) {
		return;
	} else if (attempt.decision.verdict == HC_ALLOW) {
		hc_removal_signed_in(session->authd->removal, &session->caller, &session->hello,
				     method->factor, method->helper, answer->done);
		tell_of_list(session, &attempt);
		hc_session_allow(session, &attempt);
	} else {
		hc_session_go_on(session, method->factor, attempt.reason);
	}
}

/* It is refused in any case; what it could become is nobody's but the next sign-in's. */
static void judge_unplaced(struct hc_session *session, const struct hc_device_answer *answer)
{
	const struct hc_decision nobody = {.verdict = HC_DENY, .reason = HC_REASON_CARD_UNKNOWN};

	hc_session_pairing_show(session, answer);
	hc_session_record_and_conclude(session, &nobody);
}

static void judge(struct hc_session *session, const struct hc_msg *done, const struct hc_msg *more)
{
	const struct hc_device_answer answer = answer_of(session, done, more);
	struct hc_situation situation;
	bool changed = false;

	if (session->unplaced) {
		judge_unplaced(session, &answer);
		return;
	}
	if (!hc_session_open_decision(session, &situation, &changed))
		return;
	/* The person may have been disabled, or locked from elsewhere, meanwhile. */
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (hc_policy_asks(&decision))
		judge_now(session, &situation, &answer);
	else if (hc_session_record(session, &decision, NULL))
		hc_session_conclude(session, &decision, situation.retry_after_s);
}

/* ---- a word from elsewhere ---- */

/* How long it may take: what the question itself says, and not for ever. */
static int64_t time_for(const struct hc_msg *start)
{
	uint32_t seconds = 0;

	if (hc_msg_u32(start, HC_FIELD_TIMEOUT_S, &seconds) != HC_OK || seconds == 0 ||
	    seconds > CONSULT_MAX_S)
		return CONSULT_MAX_S;
	return seconds;
}

/* False: nothing is needed, or nobody can be asked. */
static bool consult(struct hc_session *session, const struct hc_msg *done)
{
	const struct hc_device_answer answer = answer_of(session, done, NULL);
	const struct hc_device_method *method = session->winner->method;
	enum hc_err err = HC_ERR_STATE;
	int64_t seconds = 0;

	if (method->consult != NULL)
		err = method->consult(session->authd, &answer, session->out, &session->consulted);
	if (err == HC_OK)
		err = hc_msg_new(&session->done);
	if (err == HC_OK) {
		memcpy(session->done->packet, done->packet, done->len);
		err = hc_msg_parse(session->done, done->len);
	}
	if (err == HC_OK) {
		seconds = time_for(session->out);
		err = session->devices->start(session->ctx, session->consulted, session->out);
	}
	if (err == HC_OK) {
		session->consults = true;
		hc_session_device_wait(session, seconds);
		return true;
	}
	hc_msg_free(&session->done);
	if (err != HC_ERR_STATE)
		hc_log(HC_LOG_WARNING, "nobody can be asked about the answer of a device",
		       HC_F_TEXT("kind", method->factor->name), HC_F_TEXT("reason", hc_strerror(err)));
	return false;
}

void hc_session_consulted(struct hc_session *session, const struct hc_msg *more)
{
	struct hc_msg *done = hc_steal_ptr(&session->done);

	session->consults = false;
	judge(session, done, more);
	hc_msg_free(&done);
}

/* ---- what it gave ---- */

/*
 * False: the conversation has ended. The device says whose it is. Whether that is true is judged as if the name had been
 * typed.
 */
static bool take_name(struct hc_session *session, const struct hc_msg *done)
{
	const struct hc_device_answer answer = answer_of(session, done, NULL);
	struct hc_decision nobody = {.verdict = HC_DENY, .reason = HC_REASON_NONE};
	struct hc_person person;
	enum hc_err err = session->winner->method->who(session->authd, &answer, &person, &nobody.reason);

	if (err == HC_OK) {
		session->hello.login = person.login;
		session->hello.login_valid = true;
	} else if (err == HC_ERR_NOTFOUND) {
		if (nobody.reason == HC_REASON_NONE)
			nobody.reason = HC_REASON_KEY_NOT_REGISTERED;
		session->unplaced = nobody.reason == HC_REASON_CARD_UNKNOWN &&
				    session->authd->pairings != NULL &&
				    session->winner->method->stranger != NULL;
		if (session->unplaced)
			return true;
		hc_session_record_and_conclude(session, &nobody);
	} else {
		hc_session_unavailable(session, hc_reason_of_err(err));
	}
	return err == HC_OK;
}

void hc_session_device_done(struct hc_session *session, const struct hc_msg *done)
{
	session->device_asks = 0;
	hc_session_pin_was(session, true);
	if (session->nameless != HC_NAMELESS_NOT && !take_name(session, done))
		return;
	if (!consult(session, done))
		judge(session, done, NULL);
}
