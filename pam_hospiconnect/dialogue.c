/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's side of a conversation with the broker, as a step machine. Its only state is who is
 * asked about, and how many messages came.
 *
 * A surprise is never interpreted: whatever does not fit ends the conversation without a verdict.
 * Only the very number of an allowing verdict, in a RESULT about this person, allows.
 */
#include "dialogue.h"

#include <string.h>

void hc_dialogue_init(struct hc_dialogue *dialogue, enum hc_request request, const struct hc_login *login,
		      bool remote)
{
	*dialogue = (struct hc_dialogue){.request = request, .login = *login, .remote = remote};
}

static enum hc_err optional_text(const struct hc_msg *msg, char *out, size_t cap)
{
	if (!hc_msg_has(msg, HC_FIELD_TEXT)) {
		out[0] = '\0';
		return HC_OK;
	}
	return hc_msg_text(msg, HC_FIELD_TEXT, out, cap);
}

static enum hc_err required_text(const struct hc_msg *msg, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(msg, HC_FIELD_TEXT, out, cap);

	if (err != HC_OK)
		return err;
	return out[0] != '\0' ? HC_OK : HC_ERR_PROTOCOL;
}

static bool is_nameless(const struct hc_dialogue *dialogue)
{
	return dialogue->login.text[0] == '\0';
}

static enum hc_err read_step(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
			     struct hc_turn *turn)
{
	static const enum hc_field allowed[] = {HC_FIELD_STEP_KIND, HC_FIELD_TEXT, HC_FIELD_TIMEOUT_S};
	uint32_t kind = 0;
	enum hc_err err = hc_msg_only(msg, allowed, HC_COUNT(allowed));

	/* An account is checked, and a session opened, where nobody sits: cron, a public key. */
	if (dialogue->request != HC_REQUEST_AUTHENTICATE)
		return HC_ERR_PROTOCOL;
	if (err == HC_OK)
		err = hc_msg_u32(msg, HC_FIELD_STEP_KIND, &kind);
	if (err == HC_OK && kind != HC_STEP_SECRET && kind != HC_STEP_VISIBLE && kind != HC_STEP_OFFER &&
	    (kind != HC_STEP_LOGIN || !is_nameless(dialogue)))
		err = HC_ERR_PROTOCOL;
	if (err == HC_OK)
		err = required_text(msg, turn->text, sizeof(turn->text));
	if (err != HC_OK)
		return err;
	turn->step = (enum hc_step_kind)kind;
	turn->kind = HC_TURN_ASK;
	return HC_OK;
}

static enum hc_err read_info(const struct hc_msg *msg, struct hc_turn *turn)
{
	static const enum hc_field allowed[] = {HC_FIELD_TEXT};
	enum hc_err err = hc_msg_only(msg, allowed, HC_COUNT(allowed));

	if (err == HC_OK)
		err = required_text(msg, turn->text, sizeof(turn->text));
	if (err != HC_OK)
		return err;
	turn->kind = HC_TURN_TELL;
	return HC_OK;
}

static enum hc_err read_verdict(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
				struct hc_turn *turn)
{
	uint32_t wire = 0;
	enum hc_verdict verdict = HC_DENY;
	enum hc_err err = hc_msg_u32(msg, HC_FIELD_VERDICT, &wire);

	if (err == HC_OK)
		err = hc_verdict_from_wire(wire, &verdict);
	if (err != HC_OK)
		return err;
	/* Grace is for a person who stands at the machine; the broker knows, and we do not rely on it. */
	if (verdict == HC_GRACE &&
	    (dialogue->remote || dialogue->request != HC_REQUEST_AUTHENTICATE || is_nameless(dialogue)))
		return HC_ERR_PROTOCOL;
	/* A module's own verdict cannot come from outside. */
	if (verdict == HC_EXEMPT)
		return HC_ERR_PROTOCOL;
	turn->verdict = verdict;
	return HC_OK;
}

/* Nobody was named: whoever is let in must be, by a name that is one, and nobody else may be. */
static enum hc_err read_user(const struct hc_msg *msg, const char *user, struct hc_turn *turn)
{
	if (hc_msg_has(msg, HC_FIELD_USER) != (turn->verdict == HC_ALLOW))
		return HC_ERR_PROTOCOL;
	if (turn->verdict != HC_ALLOW)
		return HC_OK;
	return hc_login_parse(user, strlen(user), &turn->user) == HC_OK ? HC_OK : HC_ERR_PROTOCOL;
}

static enum hc_err check_user(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
			      struct hc_turn *turn)
{
	char user[HC_LOGIN_MAX + 1] = "";
	enum hc_err err = hc_msg_text(msg, HC_FIELD_USER, user, sizeof(user));

	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		return err;
	if (is_nameless(dialogue))
		return read_user(msg, user, turn);
	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	return strcmp(user, dialogue->login.text) == 0 ? HC_OK : HC_ERR_PROTOCOL;
}

/* Whoever was let on has no card to come back with. */
static enum hc_err read_ticket(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
			       struct hc_turn *turn)
{
	const uint8_t *ticket = NULL;
	size_t len = 0;

	if (!hc_msg_has(msg, HC_FIELD_TICKET))
		return HC_OK;
	if (turn->verdict == HC_ALLOW || turn->verdict == HC_GRACE || dialogue->remote ||
	    dialogue->request != HC_REQUEST_AUTHENTICATE ||
	    hc_msg_bytes(msg, HC_FIELD_TICKET, &ticket, &len) != HC_OK || len != sizeof(turn->ticket.bytes))
		return HC_ERR_PROTOCOL;
	memcpy(turn->ticket.bytes, ticket, sizeof(turn->ticket.bytes));
	turn->ticket.known = true;
	return HC_OK;
}

static enum hc_err read_result(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
			       struct hc_turn *turn)
{
	static const enum hc_field allowed[] = {HC_FIELD_VERDICT, HC_FIELD_REASON,	  HC_FIELD_TEXT,
						HC_FIELD_USER,	  HC_FIELD_RETRY_AFTER_S, HC_FIELD_TICKET};
	uint32_t reason = 0;
	enum hc_err err = hc_msg_only(msg, allowed, HC_COUNT(allowed));

	if (err == HC_OK)
		err = hc_msg_u32(msg, HC_FIELD_REASON, &reason);
	if (err == HC_OK)
		err = hc_reason_from_wire(reason, &turn->reason);
	if (err == HC_OK)
		err = optional_text(msg, turn->text, sizeof(turn->text));
	if (err == HC_OK)
		err = read_verdict(dialogue, msg, turn);
	if (err == HC_OK)
		err = check_user(dialogue, msg, turn);
	if (err == HC_OK)
		err = read_ticket(dialogue, msg, turn);
	if (err != HC_OK)
		return err;
	turn->kind = HC_TURN_END;
	return HC_OK;
}

static enum hc_err read_turn(const struct hc_dialogue *dialogue, const struct hc_msg *msg,
			     struct hc_turn *turn)
{
	if (msg->type == HC_MSG_STEP)
		return read_step(dialogue, msg, turn);
	if (msg->type == HC_MSG_INFO)
		return read_info(msg, turn);
	if (msg->type == HC_MSG_RESULT)
		return read_result(dialogue, msg, turn);
	return HC_ERR_PROTOCOL;
}

void hc_dialogue_next(struct hc_dialogue *dialogue, const struct hc_msg *msg, struct hc_turn *ret_turn)
{
	enum hc_err err = HC_ERR_PROTOCOL;

	*ret_turn = (struct hc_turn){.kind = HC_TURN_BROKEN, .verdict = HC_DENY_UNAVAILABLE};
	if (dialogue->received < HC_DIALOGUE_MESSAGES_MAX) {
		dialogue->received++;
		err = read_turn(dialogue, msg, ret_turn);
	}
	if (err != HC_OK)
		*ret_turn = (struct hc_turn){.kind = HC_TURN_BROKEN,
					     .verdict = HC_DENY_UNAVAILABLE,
					     .reason = HC_REASON_PROTOCOL_ERROR};
}
