/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person should do with a device, where the front end shows nothing but questions: put as one.
 *
 * State: the conversation; of each device the last thing that it said while the question is open. The device goes on
 * working meanwhile, and what it says is acted on once the answer is there, so that no second question lies over the
 * first and nobody is let in behind his own prompt. Threats: an answer that is taken for a factor (it is never read: the
 * packet that it came in is wiped), a helper that talks without end (so many words and no more), a person who walks away
 * (the question has its time, and its end is a refusal).
 */
#include "session_internal.h"

#include <string.h>

#include "hospiconnect/log.h"
#include "reply.h"

void hc_session_cue_pose(struct hc_session *session, uint32_t methods)
{
	int64_t seconds = hc_session_wait_s(session);

	if (session->device_waits == HC_DEVICE_INSERT)
		seconds = session->authd->config->fido.insert_timeout_s;
	hc_session_device_wait(session, seconds);
	session->state = HC_SESSION_ASKING;
	session->cue = true;
	session->untold = false;
	hc_reply_device_cue(session->out, &session->hello, methods, session->device_waits,
			    session->device_why, seconds);
	hc_session_send(session);
}

void hc_session_cue_forget(struct hc_session *session)
{
	for (size_t i = 0; i < session->run_count; i++)
		hc_msg_free(&session->runs[i].kept);
	session->cue = false;
	session->untold = false;
}

/* ---- while the question is open ---- */

static uint32_t wait_of(const struct hc_msg *msg)
{
	uint32_t wait = 0;

	if (msg->type != HC_MSG_DEVICE_WAIT || hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK)
		return 0;
	return wait;
}

static bool has_found(const struct hc_msg *msg)
{
	return msg->type == HC_MSG_DEVICE_ASK || msg->type == HC_MSG_DEVICE_DONE ||
	       wait_of(msg) > HC_DEVICE_INSERT;
}

/* The same again, without the reason that is not told yet. */
static bool says_less(const struct hc_msg *msg, const struct hc_msg *kept)
{
	return kept != NULL && wait_of(kept) == HC_DEVICE_INSERT && wait_of(msg) == HC_DEVICE_INSERT &&
	       hc_session_reason_of(msg) == HC_REASON_NONE;
}

static enum hc_err keep(struct hc_session_run *run, const struct hc_msg *msg)
{
	enum hc_err err = HC_OK;

	if (says_less(msg, run->kept))
		return HC_OK;
	if (run->kept == NULL)
		err = hc_msg_new(&run->kept);
	if (err != HC_OK)
		return err;
	memcpy(run->kept->packet, msg->packet, msg->len);
	return hc_msg_parse(run->kept, msg->len);
}

void hc_session_cue_keep(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg)
{
	enum hc_err err = ++session->device_says > HC_SESSION_SAYS_MAX ? HC_ERR_FULL : keep(run, msg);

	if (err != HC_OK) {
		hc_log(HC_LOG_WARNING, "what a device says cannot be kept",
		       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_strerror(err)));
		hc_session_device_let_go(session, run);
		return;
	}
	/* Who did as he was told has his time to say so; the others are let go at once. */
	if (session->winner != NULL || !has_found(msg) || wait_of(msg) == HC_DEVICE_WORKING ||
	    (msg->type != HC_MSG_DEVICE_DONE && hc_session_unwelcome(session, run, msg) != HC_REASON_NONE))
		return;
	hc_session_device_win(session, run);
	hc_session_device_wait(session, hc_session_wait_s(session));
	session->state = HC_SESSION_ASKING;
}

/* ---- behind it ---- */

void hc_session_cue_answered(struct hc_session *session)
{
	const bool inserts = session->device_waits == HC_DEVICE_INSERT && session->winner == NULL;

	hc_session_device_wait(session, inserts ? session->authd->config->fido.insert_timeout_s
						: hc_session_wait_s(session));
	/* The question counts as open until all of it is acted on: one new one may come of it, not one for each word. */
	for (size_t i = 0; i < session->run_count; i++) {
		struct hc_session_run *run = &session->runs[i];
		struct hc_msg *kept = hc_steal_ptr(&run->kept);

		if (kept != NULL && run->works)
			hc_session_device_take(session, run, kept);
		hc_msg_free(&kept);
	}
	session->cue = false;
	if (session->state == HC_SESSION_DEVICE && !session->consults)
		hc_session_device_resume(session);
}

void hc_session_cue_late(struct hc_session *session)
{
	const bool nobody_came = session->device_waits == HC_DEVICE_INSERT && session->winner == NULL;
	const struct hc_decision end = {.verdict = nobody_came ? HC_DENY_UNAVAILABLE : HC_DENY,
					.reason = nobody_came ? HC_REASON_NO_DEVICE : HC_REASON_TIMED_OUT};

	/* A question for a code would get the answer to this one. */
	hc_session_record_and_conclude(session, &end);
}
