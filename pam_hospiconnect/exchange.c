/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with the broker, from the connection to the verdict. All state is on the stack
 * of the call, and in one message on the heap that is scrubbed when it goes.
 *
 * A broker that is away, hung, cut off or not the broker gives no verdict: the outcome is then
 * "unavailable". Only a RESULT that dialogue.c accepted carries another verdict. A question that
 * cannot be put or answered is withdrawn with CANCEL, so that the broker need not wait for it.
 */
#include "exchange.h"

#include <string.h>

#include "converse.h"
#include "hospiconnect/broker_client.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/secret.h"
#include "verdict.h"

#define NOTIFY_CONNECT_MS 500
#define NOTIFY_ANSWER_MS  400

struct exchange {
	pam_handle_t *pamh;
	const struct hc_facts *facts;
	struct hc_broker *broker;
	struct hc_msg *msg;
	bool closed;	    /* the broker has gone; what it said before is still to be read */
	bool awaits_device; /* nothing was typed where a login was asked for, and nothing was said since */
	struct hc_dialogue dialogue;
	struct hc_turn turn;
};

static void conclude(struct hc_outcome *outcome, enum hc_verdict verdict, enum hc_reason reason)
{
	outcome->verdict = verdict;
	outcome->reason = reason;
	outcome->text[0] = '\0';
}

/* The broker could not be asked, or stopped answering: why, for person and log. */
static void conclude_error(struct hc_outcome *outcome, enum hc_err err)
{
	outcome->err = err;
	switch (err) {
	case HC_ERR_NOMEM:
		conclude(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
		return;
	case HC_ERR_TIMEOUT:
		conclude(outcome, HC_DENY_UNAVAILABLE, HC_REASON_BROKER_HUNG);
		return;
	case HC_ERR_PEER:
		conclude(outcome, HC_DENY_UNAVAILABLE, HC_REASON_BROKER_IMPOSTOR);
		return;
	case HC_ERR_PROTOCOL:
	case HC_ERR_TOOBIG:
	case HC_ERR_INVALID:
		conclude(outcome, HC_DENY_UNAVAILABLE, HC_REASON_PROTOCOL_ERROR);
		return;
	case HC_OK:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_PERM:
	case HC_ERR_IO:
	case HC_ERR_FULL:
	case HC_ERR_AWAY:
	case HC_ERR_CLOSED:
	case HC_ERR_SEAL:
	case HC_ERR_CRYPTO:
	case HC_ERR_CORRUPT:
	case HC_ERR_MAX_:
		break;
	}
	conclude(outcome, HC_DENY_UNAVAILABLE, HC_REASON_BROKER_AWAY);
}

static void withdraw(struct exchange *exchange)
{
	hc_msg_init(exchange->msg, HC_MSG_CANCEL);
	(void)!hc_broker_send(exchange->broker, exchange->msg); /* the connection ends right after */
}

/* The question went unanswered. */
static void conclude_unasked(struct exchange *exchange, enum hc_err err, struct hc_outcome *outcome)
{
	withdraw(exchange);
	if (err == HC_ERR_TOOBIG && exchange->turn.step == HC_STEP_LOGIN)
		conclude(outcome, HC_DENY_UNKNOWN, HC_REASON_NAME_MALFORMED);
	else if (err == HC_ERR_TOOBIG)
		conclude(outcome, HC_DENY, HC_REASON_NOT_A_CODE);
	else if (err == HC_ERR_NOMEM)
		conclude(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
	else
		conclude(outcome, HC_DENY_CONVERSATION, HC_REASON_CONVERSATION_FAILED);
}

/*
 * A broker that refused at once, or that tired of waiting, sent its RESULT before it closed. So a
 * closed connection is not an error yet: that RESULT is to be read.
 */
static enum hc_err send_message(struct exchange *exchange)
{
	enum hc_err err = hc_broker_send(exchange->broker, exchange->msg);

	if (err != HC_ERR_CLOSED)
		return err;
	exchange->closed = true;
	return HC_OK;
}

static enum hc_err receive_message(struct exchange *exchange, int64_t silence_ms)
{
	enum hc_err err =
		hc_broker_receive(exchange->broker, exchange->msg, exchange->closed ? 0 : silence_ms);

	return exchange->closed && err == HC_ERR_TIMEOUT ? HC_ERR_CLOSED : err;
}

static enum hc_err send_answer(struct exchange *exchange, const struct hc_secret *answer)
{
	enum hc_err err;

	hc_msg_init(exchange->msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(exchange->msg, HC_FIELD_ANSWER, hc_secret_data(answer), hc_secret_len(answer));
	err = send_message(exchange);
	hc_msg_clear(exchange->msg);
	return err;
}

/*
 * A login was typed: it becomes PAM_USER as if libpam had asked for it, and the sign-in goes on with it. The broker need
 * not know: it could be that of an exempt account, or a password in the wrong place.
 */
static void take_login(struct exchange *exchange, const struct hc_secret *answer, struct hc_outcome *outcome)
{
	char name[HC_ANSWER_MAX + 1];
	size_t len = hc_secret_len(answer);

	withdraw(exchange);
	memcpy(name, hc_secret_data(answer), len);
	name[len] = '\0';
	if (hc_pam_ok(pam_set_item(exchange->pamh, PAM_USER, name)))
		outcome->named = true;
	else
		conclude(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
	hc_scrub(name, sizeof(name));
}

/* Puts the question; false: the conversation has ended, and outcome says how. */
static bool ask(struct exchange *exchange, struct hc_outcome *outcome)
{
	HC_AUTO(secret) answer = NULL;
	enum hc_err err;

	outcome->asked = true;
	err = hc_converse_ask(exchange->pamh, exchange->turn.step, exchange->turn.text, &answer);
	/* What is only offered costs nobody his sign-in. */
	if (exchange->turn.step == HC_STEP_OFFER && err != HC_OK)
		err = hc_secret_from("", 0, &answer);
	if (err != HC_OK) {
		conclude_unasked(exchange, err, outcome);
		return false;
	}
	exchange->awaits_device = exchange->turn.step == HC_STEP_LOGIN;
	if (exchange->awaits_device && hc_secret_len(answer) > 0) {
		take_login(exchange, answer, outcome);
		return false;
	}
	err = send_answer(exchange, answer);
	if (err != HC_OK) {
		outcome->lapsed = exchange->awaits_device;
		conclude_error(outcome, err);
		return false;
	}
	return true;
}

/* Acts on one turn; false: the conversation has ended. */
static bool take_turn(struct exchange *exchange, struct hc_outcome *outcome)
{
	const struct hc_turn *turn = &exchange->turn;

	switch (turn->kind) {
	case HC_TURN_ASK:
		return ask(exchange, outcome);
	case HC_TURN_TELL:
		exchange->awaits_device = false;
		if (!exchange->facts->silent)
			hc_converse_inform(exchange->pamh, turn->text);
		return true;
	case HC_TURN_END:
		outcome->verdict = turn->verdict;
		outcome->reason = turn->reason;
		outcome->user = turn->user;
		outcome->ticket = turn->ticket;
		outcome->lapsed = exchange->awaits_device && turn->reason == HC_REASON_TIMED_OUT;
		memcpy(outcome->text, turn->text, sizeof(outcome->text));
		return false;
	case HC_TURN_BROKEN:
		break;
	}
	conclude(outcome, HC_DENY_UNAVAILABLE, HC_REASON_PROTOCOL_ERROR);
	return false;
}

static void talk(struct exchange *exchange, struct hc_outcome *outcome)
{
	int64_t silence_ms = HC_BROKER_FIRST_ANSWER_MS;
	enum hc_err err;

	do {
		err = receive_message(exchange, silence_ms);
		if (err != HC_OK) {
			outcome->lapsed = exchange->awaits_device && err == HC_ERR_CLOSED;
			conclude_error(outcome, err);
			return;
		}
		hc_dialogue_next(&exchange->dialogue, exchange->msg, &exchange->turn);
		silence_ms = HC_BROKER_SILENCE_MS;
	} while (take_turn(exchange, outcome));
}

void hc_exchange_run(pam_handle_t *pamh, const struct hc_options *options, const struct hc_facts *facts,
		     enum hc_request request, struct hc_outcome *ret_outcome)
{
	HC_AUTO(broker) broker = NULL;
	HC_AUTO(msg) msg = NULL;
	struct exchange exchange = {.pamh = pamh, .facts = facts};
	enum hc_err err;

	*ret_outcome = (struct hc_outcome){.verdict = HC_DENY_UNAVAILABLE, .reason = HC_REASON_BROKER_AWAY};
	hc_dialogue_init(&exchange.dialogue, request, &facts->login, facts->remote);
	err = hc_msg_new(&msg);
	if (err == HC_OK)
		err = hc_broker_connect(options->socket, options->peer, hc_clock_system(), &broker);
	if (err == HC_OK) {
		exchange.broker = broker;
		exchange.msg = msg;
		hc_facts_hello(facts, options, request, msg);
		err = send_message(&exchange);
	}
	if (err != HC_OK)
		conclude_error(ret_outcome, err);
	else
		talk(&exchange, ret_outcome);
}

enum hc_err hc_exchange_notify(const struct hc_options *options, const struct hc_facts *facts,
			       enum hc_request request)
{
	HC_AUTO(broker) broker = NULL;
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	if (err == HC_OK)
		err = hc_broker_connect_within(options->socket, options->peer, hc_clock_system(),
					       NOTIFY_CONNECT_MS, &broker);
	if (err != HC_OK)
		return err;
	hc_facts_hello(facts, options, request, msg);
	err = hc_broker_send(broker, msg);
	if (err != HC_OK)
		return err;
	return hc_broker_receive(broker, msg, NOTIFY_ANSWER_MS);
}
