/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device asks in a conversation, and what the person answers.
 *
 * State: the conversation; of a PIN that was sent a copy, until it is known whether it was right, for the method that
 * keeps account of it. Threats: a PIN that costs a try without need (the method may object before it is passed on), a
 * text of a device on a screen (accounts are called what the store calls them; what a card says of its holder is shown
 * only where it is a plain label, as one choice among several). An answer goes to the device that asked, and nowhere
 * else; nothing but an answer to that very question ever goes to a device.
 */
#include "session_internal.h"

#include <string.h>
#include <strings.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "reply.h"

enum hc_reason hc_session_reason_of(const struct hc_msg *msg)
{
	enum hc_reason reason = HC_REASON_NONE;
	uint32_t wire = 0;

	if (hc_msg_u32(msg, HC_FIELD_REASON, &wire) != HC_OK || hc_reason_from_wire(wire, &reason) != HC_OK)
		return HC_REASON_NONE;
	return reason;
}

/* ---- the PIN that was sent ---- */

void hc_session_pin_forget(struct hc_session *session)
{
	hc_secret_free(&session->pin);
	hc_msg_free(&session->asked);
}

void hc_session_pin_was(struct hc_session *session, bool right)
{
	const struct hc_session_run *run = session->winner;

	if (session->pin != NULL && session->asked != NULL && run != NULL && run->method->pin_was != NULL)
		run->method->pin_was(session->authd, session->asked, session->pin, right);
	hc_session_pin_forget(session);
}

/* The question is kept for methods that keep account of PINs. */
static enum hc_err keep_question(struct hc_session *session, const struct hc_msg *msg)
{
	const struct hc_device_method *method = session->winner->method;
	enum hc_err err;

	if (session->device_asks != HC_DEVICE_PIN || (method->objection == NULL && method->pin_was == NULL))
		return HC_OK;
	err = hc_msg_new(&session->asked);
	if (err != HC_OK)
		return err;
	memcpy(session->asked->packet, msg->packet, msg->len);
	return hc_msg_parse(session->asked, msg->len);
}

static enum hc_err keep_answer(struct hc_session *session, const struct hc_secret *answer)
{
	hc_secret_free(&session->pin);
	if (session->asked == NULL || session->winner->method->pin_was == NULL)
		return HC_OK;
	return hc_secret_from(hc_secret_data(answer), hc_secret_len(answer), &session->pin);
}

/* ---- whether it is asked at all ---- */

enum hc_reason hc_session_unwelcome(struct hc_session *session, const struct hc_session_run *run,
				    const struct hc_msg *msg)
{
	char detail[HC_DEVICE_DETAIL_MAX] = "";
	enum hc_reason reason;

	if (run->method->unwelcome == NULL)
		return HC_REASON_NONE;
	reason = run->method->unwelcome(session->authd, &session->hello, msg, detail);
	if (reason == HC_REASON_NONE)
		return reason;
	memcpy(session->refused, detail, sizeof(session->refused));
	session->refused_by = run->method;
	return reason;
}

/* ---- what it asks ---- */

/* One text of a list: its length in two bytes, and itself. */
static bool read_part(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len)
{
	uint16_t len = 0;

	if (hc_reader_u16(reader, &len) != HC_OK || hc_reader_bytes(reader, len, ret_view) != HC_OK)
		return false;
	*ret_len = len;
	return true;
}

/* The accounts of a CHOICE, by the names that the store has for them; what a key calls them nobody vouches for. */
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
		struct hc_label *label = &choices->labels[choices->count];
		struct hc_person person = {0};
		int64_t id = 0;

		if (choices->count == HC_COUNT(choices->labels) || !read_part(&reader, &view, &len) ||
		    !read_part(&reader, &name, &name_len))
			return false;
		choices->count++;
		if (len == 0) {
			/* A card has no handles: the holder's name is all that tells two of them apart. */
			(void)!hc_label_parse((const char *)name, name_len, label); /* nameless then */
			continue;
		}
		if (hc_store_key_owner(session->authd->store, view, len, &id) == HC_OK &&
		    hc_store_person_by_id(session->authd->store, id, &person) == HC_OK)
			memcpy(label->text, person.login.text, sizeof(person.login.text));
	}
	return choices->count > 0;
}

static bool read_ask(const struct hc_session *session, const struct hc_msg *msg, struct hc_reply_device *ask)
{
	uint32_t kind = 0;

	*ask = (struct hc_reply_device){.why = hc_session_reason_of(msg),
					.method = session->winner->method->factor->method,
					.tries_left = HC_REPLY_TRIES_UNKNOWN,
					.timeout_s = hc_session_wait_s(session)};
	if (hc_msg_u32(msg, HC_FIELD_DEVICE_ASK, &kind) != HC_OK || kind < HC_DEVICE_PIN ||
	    kind > HC_DEVICE_CHOICE ||
	    (kind == HC_DEVICE_CHOICE && !read_choices(session, msg, &ask->choices)))
		return false;
	ask->kind = (enum hc_device_ask)kind;
	return !hc_msg_has(msg, HC_FIELD_TRIES_LEFT) ||
	       hc_msg_u32(msg, HC_FIELD_TRIES_LEFT, &ask->tries_left) == HC_OK;
}

static void pose(struct hc_session *session, const struct hc_reply_device *ask)
{
	hc_session_device_wait(session, ask->timeout_s);
	session->state = HC_SESSION_ASKING;
	session->device_asks = ask->kind;
	session->device_waits = 0;
	if (ask->kind == HC_DEVICE_PIN)
		session->touch_told = ask->method != HC_METHOD_CPS;
	hc_reply_device_ask(session->out, &session->hello, ask);
	hc_session_send(session);
}

void hc_session_device_asked(struct hc_session *session, const struct hc_msg *msg)
{
	struct hc_reply_device ask;

	if (hc_session_reason_of(msg) == HC_REASON_WRONG_PIN ||
	    hc_session_reason_of(msg) == HC_REASON_PIN_BLOCKED)
		hc_session_pin_was(session, false);
	hc_session_pin_forget(session);
	if (!read_ask(session, msg, &ask)) {
		hc_session_device_break(session, "an unknown question");
		return;
	}
	session->device_asks = ask.kind;
	if (keep_question(session, msg) != HC_OK) {
		hc_session_device_break(session, "a question that cannot be kept");
		return;
	}
	pose(session, &ask);
}

/* ---- what the person answers ---- */

bool hc_session_is_yes(const struct hc_secret *answer)
{
	static const char *const words[] = {"yes", "oui"};

	for (size_t i = 0; i < HC_COUNT(words); i++) {
		if (hc_secret_len(answer) == 3 &&
		    strncasecmp((const char *)hc_secret_data(answer), words[i], 3) == 0)
			return true;
	}
	return false;
}

/* Whether it is asked for again, without the device noticing, since the method would not have it tried. */
static bool objected(struct hc_session *session, const struct hc_secret *answer)
{
	const struct hc_device_method *method = session->winner->method;
	struct hc_reply_device ask;
	enum hc_reason why;

	if (session->device_asks != HC_DEVICE_PIN || session->asked == NULL || method->objection == NULL)
		return false;
	why = method->objection(session->authd, session->asked, answer);
	if (why == HC_REASON_NONE)
		return false;
	if (++session->device_says > HC_SESSION_SAYS_MAX || !read_ask(session, session->asked, &ask)) {
		hc_session_device_break(session, "too many words");
		return true;
	}
	ask.why = why;
	pose(session, &ask);
	return true;
}

void hc_session_device_answer(struct hc_session *session, const struct hc_secret *answer)
{
	const char *word = hc_session_is_yes(answer) ? "yes" : "no";
	HC_AUTO(secret) agreed = NULL;
	enum hc_err err = HC_OK;

	/* Whoever stands before another one's device, and wants to type a login. */
	if (session->nameless != HC_NAMELESS_NOT && session->device_asks == HC_DEVICE_PIN &&
	    hc_secret_len(answer) == 0) {
		hc_session_nameless_ask(session, HC_REASON_NONE);
		return;
	}
	if (objected(session, answer))
		return;
	if (session->device_asks == HC_DEVICE_CONFIRM_LAST_TRY) {
		err = hc_secret_from(word, strlen(word), &agreed);
		answer = agreed;
	}
	if (err == HC_OK)
		err = keep_answer(session, answer);
	session->device_asks = 0;
	if (err == HC_OK)
		err = session->devices->answer(session->ctx, session->winner->method->helper, answer);
	if (err == HC_OK)
		hc_session_device_wait(session, hc_session_wait_s(session));
	else
		hc_session_device_break(session, hc_strerror(err));
}
