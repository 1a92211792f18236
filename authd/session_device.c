/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices in a conversation: which kinds are asked, which of them goes on, and what the person is told meanwhile.
 *
 * State: the conversation. Several kinds may be asked at once; the first that finds its device goes on, the others are
 * dropped. Threats: a helper that was taken over (its words are numbers that are known here, its evidence is verified,
 * and it has so many words and no more), a device that keeps somebody waiting (each thing that is waited for has its
 * end), a person at another machine (never asked for a device). It must never let anybody on without the decision of
 * policy.c, on disk.
 */
#include "session_internal.h"

#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "reply.h"

#define MS_PER_S 1000

/* ---- the end of the devices' part ---- */

static void stop(struct hc_session *session, struct hc_session_run *run)
{
	run->challenge.open = false;
	if (!run->works)
		return;
	run->works = false;
	session->devices->drop(session->ctx, run->method->helper);
}

void hc_session_device_drop(struct hc_session *session)
{
	hc_session_pin_forget(session);
	hc_msg_free(&session->done);
	hc_session_cue_forget(session);
	session->device_asks = 0;
	for (size_t i = 0; i < session->run_count; i++)
		stop(session, &session->runs[i]);
	if (session->consults)
		session->devices->drop(session->ctx, session->consulted);
	session->consults = false;
}

static uint32_t working_methods(const struct hc_session *session)
{
	uint32_t methods = 0;

	for (size_t i = 0; i < session->run_count; i++)
		methods |= session->runs[i].works ? session->runs[i].method->factor->method : 0;
	return methods;
}

const char *hc_session_device_factor(const struct hc_session *session)
{
	if (session->winner != NULL)
		return session->winner->method->factor->name;
	if (session->refused[0] != '\0')
		return session->refused_by->factor->name;
	return session->run_count == 1 ? session->runs[0].method->factor->name : NULL;
}

/* How much a reason tells: nothing, that no device is there, that the machine has trouble, what is wrong with a device. */
static int weight(enum hc_reason reason)
{
	switch ((int)reason) {
	case HC_REASON_NONE:
		return 0;
	case HC_REASON_NO_DEVICE:
		return 1;
	case HC_REASON_DEVICE_ERROR:
	case HC_REASON_BROKER_BUSY:
	case HC_REASON_READER_ERROR:
	case HC_REASON_MODULE_ERROR:
		return 2;
	default:
		return 3;
	}
}

static void remember(struct hc_session *session, enum hc_reason reason)
{
	if (weight(reason) > weight(session->device_failed))
		session->device_failed = reason;
}

/* Nothing came of it: a code where one will do, or the end. */
static void give_up(struct hc_session *session, enum hc_reason reason)
{
	/* Whether the machine lacks something, rather than that somebody was refused. */
	const struct hc_decision end = {.verdict = weight(reason) < 3 ? HC_DENY_UNAVAILABLE : HC_DENY,
					.reason = reason};
	struct hc_situation situation;
	bool changed = false;

	if (session->nameless != HC_NAMELESS_NOT) {
		hc_session_nameless_give_up(session, &end);
		return;
	}
	if (reason == HC_REASON_CANCELLED) {
		hc_session_record_and_conclude(session, &end);
		return;
	}
	if (!hc_session_open_decision(session, &situation, &changed))
		return;
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);
	uint32_t codes = decision.methods & ~HC_METHOD_DEVICES;

	if (hc_policy_asks(&decision) && codes != 0) {
		const bool kept = session->refused[0] != '\0'
					  ? hc_session_record(session, &end, session->refused)
					  : hc_session_close_decision(session, changed);

		/* Who has no device with him is asked for a code without a word about devices. */
		if (kept)
			hc_session_ask(session, codes,
				       reason == HC_REASON_NO_DEVICE ? HC_REASON_NONE : reason, 0);
		return;
	}
	if (hc_policy_asks(&decision))
		decision = end;
	if (hc_session_record(session, &decision, hc_session_refused(session)))
		hc_session_conclude(session, &decision, situation.retry_after_s);
}

bool hc_session_device_late(struct hc_session *session)
{
	/* While devices are looked for without a word, nobody knows that anything is waited for. */
	bool nobody_came = session->device_waits == HC_DEVICE_INSERT ||
			   (session->nameless == HC_NAMELESS_LOOKING && session->winner == NULL);

	if (session->consults) {
		session->devices->drop(session->ctx, session->consulted);
		hc_session_consulted(session, NULL);
		return true;
	}
	if (session->cue) {
		hc_session_cue_late(session);
		return true;
	}
	if (working_methods(session) == 0)
		return false;
	remember(session, nobody_came ? HC_REASON_NO_DEVICE : HC_REASON_TIMED_OUT);
	hc_session_device_drop(session);
	give_up(session, session->device_failed);
	return true;
}

void hc_session_device_break(struct hc_session *session, const char *what)
{
	hc_log(HC_LOG_WARNING, "device helper does not keep to the protocol", HC_F_TEXT("what", what),
	       HC_F_TEXT("user", session->hello.login.text));
	hc_session_device_drop(session);
	give_up(session, HC_REASON_DEVICE_ERROR);
}

/* ---- the beginning ---- */

void hc_session_device_wait(struct hc_session *session, int64_t seconds)
{
	session->state = HC_SESSION_DEVICE;
	session->deadline_ms = hc_mono_ms(session->authd->clock) + seconds * MS_PER_S;
}

static void start_one(struct hc_session *session, const struct hc_device_method *method,
		      const struct hc_device_wish *wish)
{
	struct hc_session_run *run = &session->runs[session->run_count];
	enum hc_err err;

	*run = (struct hc_session_run){.method = method};
	err = method->ask(session->authd, wish, session->out, &run->challenge);
	if (err == HC_ERR_STATE)
		return; /* nothing to ask for */
	if (err == HC_OK)
		err = session->devices->start(session->ctx, method->helper, session->out);
	if (err == HC_OK) {
		run->works = true;
		session->run_count++;
		return;
	}
	hc_log(HC_LOG_WARNING, "no device can be asked", HC_F_TEXT("kind", method->factor->name),
	       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_strerror(err)));
	remember(session, err == HC_ERR_FULL ? HC_REASON_BROKER_BUSY : HC_REASON_DEVICE_ERROR);
}

void hc_session_device_begin(struct hc_session *session, const struct hc_person *person, uint32_t methods,
			     bool present)
{
	/* Each thing that a person does may take its time; the helper's own limit is for all of them. */
	const struct hc_device_wish wish = {.person = person,
					    .hello = &session->hello,
					    .verify = session->hello.mode == HC_MODE_PRIMARY,
					    .present = present,
					    .timeout_s = 4 * hc_session_wait_s(session)};
	const struct hc_device_method *const *method =
		session->devices != NULL ? session->devices->methods : NULL;

	session->device_tried = true;
	session->run_count = 0;
	session->winner = NULL;
	session->device_failed = HC_REASON_NONE;
	session->device_waits = 0;
	session->touch_told = false;
	session->refused[0] = '\0';
	for (; method != NULL && *method != NULL && session->run_count < HC_DEVICE_METHODS_MAX; method++) {
		if (((*method)->factor->method & methods) != 0)
			start_one(session, *method, &wish);
	}
	if (session->run_count > 0) {
		hc_session_device_wait(session, hc_session_wait_s(session));
		return;
	}
	give_up(session,
		session->device_failed != HC_REASON_NONE ? session->device_failed : HC_REASON_DEVICE_ERROR);
}

/* ---- what they say ---- */

void hc_session_device_win(struct hc_session *session, struct hc_session_run *winner)
{
	if (session->winner != NULL)
		return;
	session->winner = winner;
	session->refused[0] = '\0';
	for (size_t i = 0; i < session->run_count; i++) {
		if (&session->runs[i] != winner)
			stop(session, &session->runs[i]);
	}
}

void hc_session_device_let_go(struct hc_session *session, struct hc_session_run *run)
{
	stop(session, run);
	remember(session, HC_REASON_DEVICE_ERROR);
}

/* A front end that loses texts is asked instead, unless a question that it was asked says the same. */
static void tell(struct hc_session *session)
{
	if (session->cue) {
		session->untold = true;
	} else if ((session->hello.flags & HC_FLAG_PROMPT_ONLY) == 0) {
		hc_reply_devices_wait(session->out, &session->hello, working_methods(session),
				      session->device_waits, session->device_why);
		hc_session_send(session);
	} else if (session->device_waits != HC_DEVICE_TOUCH || !session->touch_told) {
		hc_session_cue_pose(session, working_methods(session));
	}
}

void hc_session_device_resume(struct hc_session *session)
{
	if (working_methods(session) == 0) {
		hc_session_device_drop(session);
		give_up(session, session->device_failed);
	} else if (session->untold) {
		tell(session);
	}
}

static void tell_wait(struct hc_session *session, enum hc_device_wait wait, enum hc_reason why)
{
	/* What is wrong with another device, nobody has said yet. */
	if (wait == HC_DEVICE_INSERT && why == HC_REASON_NONE && weight(session->device_failed) == 3)
		why = session->device_failed;
	bool news = wait != session->device_waits || (why != HC_REASON_NONE && why != session->device_why);

	if (wait == HC_DEVICE_WORKING || !news)
		return;
	session->device_waits = wait;
	session->device_why = why;
	if ((session->hello.flags & HC_FLAG_SILENT) == 0 && session->device_asks == 0)
		tell(session);
}

static void take_wait(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg)
{
	uint32_t wait = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK || wait < HC_DEVICE_INSERT ||
	    wait > HC_DEVICE_PIN_PAD) {
		hc_session_device_break(session, "an unknown wait");
		return;
	}
	/* A helper that works may still be looking: it has not found anything by that. */
	if (wait != HC_DEVICE_INSERT && wait != HC_DEVICE_WORKING)
		hc_session_device_win(session, run);
	if (wait == HC_DEVICE_WORKING && session->device_asks == 0)
		hc_session_pin_was(session, true);
	/* While a question is open, its time counts; and nobody's trouble makes another one's time longer. */
	if (session->device_asks == 0 &&
	    (session->winner != NULL || session->nameless != HC_NAMELESS_LOOKING) &&
	    (wait != HC_DEVICE_WORKING || working_methods(session) == run->method->factor->method))
		hc_session_device_wait(session, wait == HC_DEVICE_INSERT
							? session->authd->config->fido.insert_timeout_s
							: hc_session_wait_s(session));
	tell_wait(session, (enum hc_device_wait)wait, hc_session_reason_of(msg));
}

/* Nothing came of this one: at the end, or while another kind is waited for. */
static void lose(struct hc_session *session, struct hc_session_run *run, enum hc_reason reason)
{
	if (session->winner == run)
		session->device_failed = HC_REASON_NONE;
	remember(session, reason);
	if (working_methods(session) == 0) {
		hc_session_device_drop(session);
		give_up(session, session->device_failed);
	} else if (session->device_waits == HC_DEVICE_INSERT && weight(reason) > 1) {
		/* Who was told to insert it must not stand there until the time is over. */
		tell_wait(session, HC_DEVICE_INSERT, reason);
	}
}

/* It is there and serves nobody here: it is asked for nothing, and no try of it is spent. */
static void turn_away(struct hc_session *session, struct hc_session_run *run, enum hc_reason reason)
{
	hc_log(HC_LOG_INFO, "a device serves nobody here", HC_F_TEXT("kind", run->method->factor->name),
	       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_reason_name(reason)),
	       HC_F_TEXT("detail", session->refused));
	stop(session, run);
	lose(session, run, reason);
}

static void take_failure(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg)
{
	enum hc_reason reason = hc_session_reason_of(msg);
	char detail[513] = "";

	(void)!hc_msg_text(msg, HC_FIELD_DETAIL, detail,
			   sizeof(detail)); /* for the log alone; may be absent */
	hc_log(HC_LOG_INFO, "nothing came of a device", HC_F_TEXT("kind", run->method->factor->name),
	       HC_F_TEXT("user", session->hello.login.text), HC_F_TEXT("reason", hc_reason_name(reason)),
	       HC_F_TEXT("detail", detail));
	run->works = false;
	run->challenge.open = false;
	/* What was sent last before one of these was tried, and wrong. */
	if (session->winner == run && (reason == HC_REASON_WRONG_PIN || reason == HC_REASON_PIN_BLOCKED ||
				       reason == HC_REASON_TOO_MANY_TRIES))
		hc_session_pin_was(session, false);
	lose(session, run, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
}

static struct hc_session_run *run_of(struct hc_session *session, enum hc_device_helper helper)
{
	for (size_t i = 0; i < session->run_count; i++) {
		if (session->runs[i].works && session->runs[i].method->helper == helper)
			return &session->runs[i];
	}
	return NULL;
}

/* What the one who was asked about an answer says: its word, or that it has none. Signs of life are not looked at. */
static void take_word(struct hc_session *session, const struct hc_msg *msg)
{
	if (msg->type == HC_MSG_DEVICE_DONE || msg->type == HC_MSG_DEVICE_FAILED) {
		hc_session_consulted(session, msg->type == HC_MSG_DEVICE_DONE ? msg : NULL);
	} else if (msg->type != HC_MSG_DEVICE_WAIT || ++session->device_says > HC_SESSION_SAYS_MAX) {
		session->devices->drop(session->ctx, session->consulted);
		hc_session_consulted(session, NULL);
	}
}

void hc_session_device_take(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg)
{
	enum hc_reason unwelcome;

	if (msg->type == HC_MSG_DEVICE_DONE) {
		hc_session_device_win(session, run);
		run->works = false;
		hc_session_device_done(session, msg);
	} else if (msg->type == HC_MSG_DEVICE_FAILED) {
		take_failure(session, run, msg);
	} else if (++session->device_says > HC_SESSION_SAYS_MAX) {
		hc_session_device_break(session, "too many words");
	} else if ((unwelcome = hc_session_unwelcome(session, run, msg)) != HC_REASON_NONE) {
		turn_away(session, run, unwelcome);
	} else if (msg->type == HC_MSG_DEVICE_WAIT) {
		take_wait(session, run, msg);
	} else if (msg->type == HC_MSG_DEVICE_ASK && session->device_asks == 0) {
		hc_session_device_win(session, run);
		hc_session_device_asked(session, msg);
	} else {
		hc_session_device_break(session, hc_msg_type_name(msg->type));
	}
}

void hc_session_device(struct hc_session *session, enum hc_device_helper helper, const struct hc_msg *msg)
{
	struct hc_session_run *run = run_of(session, helper);

	if (session->consults && helper == session->consulted) {
		take_word(session, msg);
		return;
	}
	if (run == NULL)
		return;
	if (session->cue)
		hc_session_cue_keep(session, run, msg);
	else
		hc_session_device_take(session, run, msg);
}
