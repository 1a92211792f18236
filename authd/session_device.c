/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device in a conversation: what it waits for and asks becomes texts for the person, what the person answers goes
 * back, and what it gives is judged in one transaction.
 *
 * State: the conversation. Threats: a helper that was taken over (its words are numbers that are known here, its
 * evidence is verified, and it has so many words and no more), a device that keeps somebody waiting (each thing that is
 * waited for has its end), a person at another machine (never asked for a device). A text of a device never reaches a
 * screen. It must never let anybody on without the decision of policy.c, on disk.
 */
#include "session_internal.h"

#include <string.h>
#include <strings.h>

#include "attempt.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "reply.h"

#define MS_PER_S 1000
#define SAYS_MAX 40 /* questions and hints of a device in one conversation */

/* ---- the end of the device's part ---- */

void hc_session_device_drop(struct hc_session *session)
{
	session->challenge.open = false;
	session->device_asks = 0;
	if (!session->device_works)
		return;
	session->device_works = false;
	session->devices->drop(session->ctx);
}

/* Whether the machine lacks something, rather than that somebody was refused. */
static bool is_absence(enum hc_reason reason)
{
	return reason == HC_REASON_NO_DEVICE || reason == HC_REASON_DEVICE_ERROR ||
	       reason == HC_REASON_BROKER_BUSY || reason == HC_REASON_READER_ERROR ||
	       reason == HC_REASON_MODULE_ERROR;
}

/* Nothing came of it: a code where one will do, or the end. */
static void give_up(struct hc_session *session, enum hc_reason reason)
{
	const struct hc_decision end = {.verdict = is_absence(reason) ? HC_DENY_UNAVAILABLE : HC_DENY,
					.reason = reason};
	struct hc_situation situation;
	bool changed = false;

	if (reason == HC_REASON_CANCELLED || session->nameless) {
		hc_session_record_and_conclude(session, &end);
		return;
	}
	if (!hc_session_open_decision(session, &situation, &changed))
		return;
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);
	uint32_t codes = decision.methods & ~HC_METHOD_DEVICES;

	if (hc_policy_asks(&decision) && codes != 0) {
		/* Who has no key with him is asked for a code without a word about keys. */
		if (hc_session_close_decision(session, changed))
			hc_session_ask(session, codes,
				       reason == HC_REASON_NO_DEVICE ? HC_REASON_NONE : reason, 0);
		return;
	}
	if (hc_policy_asks(&decision))
		decision = end;
	if (hc_session_record(session, &decision, NULL))
		hc_session_conclude(session, &decision, situation.retry_after_s);
}

void hc_session_device_late(struct hc_session *session)
{
	bool nobody_came = session->device_waits == HC_DEVICE_INSERT && session->device_asks == 0;

	hc_session_device_drop(session);
	give_up(session, nobody_came ? HC_REASON_NO_DEVICE : HC_REASON_TIMED_OUT);
}

/* ---- the beginning ---- */

static void wait_for(struct hc_session *session, int64_t seconds)
{
	session->state = HC_SESSION_DEVICE;
	session->deadline_ms = hc_mono_ms(session->authd->clock) + seconds * MS_PER_S;
}

void hc_session_device_begin(struct hc_session *session, const struct hc_person *person, uint32_t codes)
{
	/* Each thing that a person does may take its time; the helper's own limit is for all of them. */
	const struct hc_fido2_ask ask = {.person = person,
					 .verify = session->hello.mode == HC_MODE_PRIMARY,
					 .present = codes != 0,
					 .timeout_s = 4 * hc_session_wait_s(session)};
	enum hc_err err = HC_ERR_STATE;

	session->device_tried = true;
	if (session->devices != NULL)
		err = hc_fido2_ask(session->authd, &ask, session->out, &session->challenge);
	if (err == HC_OK)
		err = session->devices->start(session->ctx, session->out);
	if (err == HC_OK) {
		session->device_works = true;
		wait_for(session, hc_session_wait_s(session));
		return;
	}
	hc_log(HC_LOG_WARNING, "no device can be asked", HC_F_TEXT("user", session->hello.login.text),
	       HC_F_TEXT("reason", hc_strerror(err)));
	session->challenge.open = false;
	give_up(session, err == HC_ERR_FULL ? HC_REASON_BROKER_BUSY : HC_REASON_DEVICE_ERROR);
}

/* ---- what it says ---- */

static enum hc_reason reason_of(const struct hc_msg *msg)
{
	enum hc_reason reason = HC_REASON_NONE;
	uint32_t wire = 0;

	if (hc_msg_u32(msg, HC_FIELD_REASON, &wire) != HC_OK || hc_reason_from_wire(wire, &reason) != HC_OK)
		return HC_REASON_NONE;
	return reason;
}

/* What it said makes no sense here. */
static void break_off(struct hc_session *session, const char *what)
{
	hc_log(HC_LOG_WARNING, "device helper does not keep to the protocol", HC_F_TEXT("what", what),
	       HC_F_TEXT("user", session->hello.login.text));
	hc_session_device_drop(session);
	give_up(session, HC_REASON_DEVICE_ERROR);
}

static void take_wait(struct hc_session *session, const struct hc_msg *msg)
{
	uint32_t wait = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK || wait < HC_DEVICE_INSERT ||
	    wait > HC_DEVICE_PIN_PAD) {
		break_off(session, "an unknown wait");
		return;
	}
	/* While a question is open, its time counts. */
	if (session->device_asks == 0)
		wait_for(session, wait == HC_DEVICE_INSERT ? session->authd->config->fido.insert_timeout_s
							   : hc_session_wait_s(session));
	if (wait == HC_DEVICE_WORKING || (enum hc_device_wait)wait == session->device_waits)
		return;
	session->device_waits = (enum hc_device_wait)wait;
	if ((session->hello.flags & HC_FLAG_SILENT) != 0 || session->device_asks != 0)
		return;
	hc_reply_device_wait(session->out, &session->hello, session->device_waits, reason_of(msg));
	hc_session_send(session);
}

/* One text of a list: its length in two bytes, and itself. */
static bool read_part(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len)
{
	uint16_t len = 0;

	if (hc_reader_u16(reader, &len) != HC_OK || hc_reader_bytes(reader, len, ret_view) != HC_OK)
		return false;
	*ret_len = len;
	return true;
}

/* The accounts of a CHOICE, by the names that the store has for them; what the key calls them nobody vouches for. */
static bool read_choices(const struct hc_session *session, const struct hc_msg *msg,
			 struct hc_reply_choices *choices)
{
	struct hc_reader reader;
	const uint8_t *view, *name;
	size_t len, name_len;

	if (hc_msg_bytes(msg, HC_FIELD_CHOICES, &view, &len) != HC_OK)
		return false;
	hc_reader_init(&reader, view, len);
	while (hc_reader_left(&reader) > 0) {
		struct hc_person person = {0};
		int64_t id = 0;

		if (!read_part(&reader, &view, &len) || !read_part(&reader, &name, &name_len) ||
		    choices->count == HC_COUNT(choices->logins))
			return false;
		if (hc_store_key_owner(session->authd->store, view, len, &id) == HC_OK)
			(void)!hc_store_person_by_id(session->authd->store, id, &person); /* nameless then */
		choices->logins[choices->count++] = person.login;
	}
	return choices->count > 0;
}

static void take_ask(struct hc_session *session, const struct hc_msg *msg)
{
	struct hc_reply_device ask = {.why = reason_of(msg), .tries_left = HC_REPLY_TRIES_UNKNOWN};
	uint32_t kind = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_ASK, &kind) != HC_OK || kind < HC_DEVICE_PIN ||
	    kind > HC_DEVICE_CHOICE ||
	    (kind == HC_DEVICE_CHOICE && !read_choices(session, msg, &ask.choices))) {
		break_off(session, "an unknown question");
		return;
	}
	if (hc_msg_has(msg, HC_FIELD_TRIES_LEFT) &&
	    hc_msg_u32(msg, HC_FIELD_TRIES_LEFT, &ask.tries_left) != HC_OK) {
		break_off(session, "tries");
		return;
	}
	ask.kind = (enum hc_device_ask)kind;
	ask.timeout_s = hc_session_wait_s(session);
	wait_for(session, ask.timeout_s);
	session->state = HC_SESSION_ASKING;
	session->device_asks = ask.kind;
	session->device_waits = 0;
	hc_reply_device_ask(session->out, &session->hello, &ask);
	hc_session_send(session);
}

/* ---- what it gives ---- */

static void judge(struct hc_session *session, const struct hc_situation *situation, const struct hc_msg *done)
{
	const struct hc_fido2_answer answer = {done, &session->challenge};
	const struct hc_evidence evidence = {&hc_factor_fido2, hc_fido2_verify, &answer};
	struct hc_attempt attempt;
	enum hc_err err = hc_attempt_judge_evidence(session->authd, &session->caller, &session->hello,
						    situation, &evidence, &attempt);

	session->challenge.open = false;
	if (err != HC_OK)
		hc_session_unavailable(session, attempt.trouble);
	else if (!hc_session_commit(session))
		return;
	else if (attempt.decision.verdict == HC_ALLOW)
		hc_session_conclude(session, &attempt.decision, 0);
	else
		hc_session_go_on(session, &hc_factor_fido2, attempt.reason);
}

/* The key says whose it is. Whether that is true is judged as if the name had been typed. */
static bool take_name(struct hc_session *session, const struct hc_msg *done)
{
	const struct hc_decision nobody = {.verdict = HC_DENY, .reason = HC_REASON_KEY_NOT_REGISTERED};
	struct hc_person person;
	enum hc_err err = hc_fido2_who(session->authd, done, &person);

	if (err == HC_OK) {
		session->hello.login = person.login;
		session->hello.login_valid = true;
	} else if (err == HC_ERR_NOTFOUND) {
		hc_session_record_and_conclude(session, &nobody);
	} else {
		hc_session_unavailable(session, hc_reason_of_err(err));
	}
	return err == HC_OK;
}

static void take_done(struct hc_session *session, const struct hc_msg *msg)
{
	struct hc_situation situation;
	bool changed = false;

	session->device_works = false;
	session->device_asks = 0;
	if (session->nameless && !take_name(session, msg))
		return;
	if (!hc_session_open_decision(session, &situation, &changed))
		return;
	/* The person may have been disabled, or locked from elsewhere, meanwhile. */
	struct hc_decision decision =
		hc_policy_authenticate(&situation.facts, &session->authd->config->policy);

	if (hc_policy_asks(&decision))
		judge(session, &situation, msg);
	else if (hc_session_record(session, &decision, NULL))
		hc_session_conclude(session, &decision, situation.retry_after_s);
}

static void take_failure(struct hc_session *session, const struct hc_msg *msg)
{
	enum hc_reason reason = reason_of(msg);
	char detail[513] = "";

	(void)!hc_msg_text(msg, HC_FIELD_DETAIL, detail,
			   sizeof(detail)); /* for the log alone; may be absent */
	hc_log(HC_LOG_INFO, "nothing came of a device", HC_F_TEXT("user", session->hello.login.text),
	       HC_F_TEXT("reason", hc_reason_name(reason)), HC_F_TEXT("detail", detail));
	session->device_works = false;
	session->device_asks = 0;
	session->challenge.open = false;
	give_up(session, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
}

void hc_session_device(struct hc_session *session, const struct hc_msg *msg)
{
	if (!session->device_works)
		return;
	if (msg->type == HC_MSG_DEVICE_DONE) {
		take_done(session, msg);
	} else if (msg->type == HC_MSG_DEVICE_FAILED) {
		take_failure(session, msg);
	} else if (++session->device_says > SAYS_MAX) {
		break_off(session, "too many words");
	} else if (msg->type == HC_MSG_DEVICE_WAIT) {
		take_wait(session, msg);
	} else if (msg->type == HC_MSG_DEVICE_ASK && session->device_asks == 0) {
		take_ask(session, msg);
	} else {
		break_off(session, hc_msg_type_name(msg->type));
	}
}

/* ---- what the person answers ---- */

/* Whether it says yes, in the languages that we ask in. */
static bool is_yes(const struct hc_secret *answer)
{
	static const char *const words[] = {"yes", "oui"};

	for (size_t i = 0; i < HC_COUNT(words); i++) {
		if (hc_secret_len(answer) == 3 &&
		    strncasecmp((const char *)hc_secret_data(answer), words[i], 3) == 0)
			return true;
	}
	return false;
}

void hc_session_device_answer(struct hc_session *session, const struct hc_secret *answer)
{
	const char *word = is_yes(answer) ? "yes" : "no";
	HC_AUTO(secret) agreed = NULL;
	enum hc_err err = HC_OK;

	if (session->device_asks == HC_DEVICE_CONFIRM_LAST_TRY) {
		err = hc_secret_from(word, strlen(word), &agreed);
		answer = agreed;
	}
	session->device_asks = 0;
	if (err == HC_OK)
		err = session->devices->answer(session->ctx, answer);
	if (err == HC_OK)
		wait_for(session, hc_session_wait_s(session));
	else
		break_off(session, hc_strerror(err));
}
