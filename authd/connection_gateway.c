/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the gateway: one sign-in, or questions about persons, records for the trail, or the wait for
 * changes.
 *
 * State: the connection's sign-in, the question to hc-password that belongs to it, records that are being
 * delivered, whether it watches.
 * Threats: one that never ends what it began (deadlines), one that watches and does not read (it loses its
 * connection). What is decided is decided in signin.c and policy.c; this file only carries messages and time,
 * and must never make a verdict of its own.
 */
#include <stddef.h>

#include "connection.h"
#include "credential.h"
#include "gateway_events.h"
#include "passcheck.h"
#include "policy.h"
#include "reply.h"

static void emit(struct hc_msg *msg, void *ctx)
{
	struct hc_connection *connection = ctx;

	hc_connection_send(connection, msg);
	connection->keepalive_ms = HC_NEVER; /* counted anew from here */
}

static void on_password(void *ctx, enum hc_password answer)
{
	struct hc_connection *connection = ctx;

	connection->question = NULL; /* gone with its answer */
	hc_signin_password(connection->signin, answer);
	hc_connection_settle(connection);
}

static enum hc_err ask(void *ctx, const struct hc_login *login, const struct hc_secret *password, bool decoy)
{
	struct hc_connection *connection = ctx;

	return hc_passcheck_ask(connection->loop->passcheck, login, password, decoy, on_password, connection,
				&connection->question);
}

/* ---- persons ---- */

static const char *state_name(enum hc_person_state state)
{
	switch (state) {
	case HC_PERSON_ACTIVE:
		return "active";
	case HC_PERSON_DISABLED:
		break;
	}
	return "disabled";
}

/* Whether this person may have a session now: the same decision as in the account phase of PAM. */
static struct hc_decision decide(const struct hc_connection *connection, const struct hc_person *person)
{
	const struct hc_facts facts = {
		.caller = connection->caller.kind,
		.person_known = true,
		.person_state = person->state,
		.valid_from_ms = person->valid_from_ms,
		.valid_until_ms = person->valid_until_ms,
		.now_ms = hc_now_ms(connection->loop->authd->clock),
	};

	return hc_policy_account(&facts);
}

static void answer_person(struct hc_connection *connection, uint64_t id)
{
	struct hc_msg *msg = &connection->loop->outgoing;
	struct hc_decision decision = {.verdict = HC_DENY_UNKNOWN, .reason = HC_REASON_UNKNOWN_PERSON};
	struct hc_person person;
	enum hc_err err =
		id <= INT64_MAX ? hc_store_person_by_id(connection->loop->authd->store, (int64_t)id, &person)
				: HC_ERR_NOTFOUND;

	if (err == HC_OK)
		decision = decide(connection, &person);
	else if (err != HC_ERR_NOTFOUND)
		decision =
			(struct hc_decision){.verdict = HC_DENY_UNAVAILABLE, .reason = hc_reason_of_err(err)};
	hc_msg_init(msg, HC_MSG_PERSON);
	hc_msg_put_u32(msg, HC_FIELD_VERDICT, (uint32_t)decision.verdict);
	hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)decision.reason);
	if (err == HC_OK) {
		hc_reply_person(msg, &person);
		hc_msg_put_text(msg, HC_FIELD_STATE, state_name(person.state));
	}
	if (hc_msg_finish(msg) == HC_OK)
		hc_connection_send(connection, msg);
	else
		connection->broken = true;
	hc_msg_clear(msg);
}

static enum hc_err take_person_get(struct hc_connection *connection, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_PERSON_ID};
	uint64_t id = 0;

	if (hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_u64(msg, HC_FIELD_PERSON_ID, &id) != HC_OK)
		return HC_ERR_PROTOCOL;
	answer_person(connection, id);
	connection->read_deadline_ms = hc_mono_ms(connection->loop->authd->clock) + HC_ADMIN_IDLE_MS;
	return HC_OK;
}

/* ---- changes ---- */

static void keep_alive(struct hc_connection *connection)
{
	struct hc_msg *msg = &connection->loop->outgoing;

	hc_msg_init(msg, HC_MSG_KEEPALIVE);
	if (hc_msg_finish(msg) == HC_OK)
		hc_connection_send(connection, msg);
	connection->keepalive_ms = HC_NEVER;
	hc_msg_clear(msg);
}

/* The first KEEPALIVE says that from here on no change is missed. */
static enum hc_err take_watch(struct hc_connection *connection, const struct hc_msg *msg)
{
	if (hc_msg_only(msg, NULL, 0) != HC_OK)
		return HC_ERR_PROTOCOL;
	connection->watching = true;
	connection->read_deadline_ms = HC_NEVER;
	keep_alive(connection);
	return HC_OK;
}

void hc_connection_tell_change(struct hc_connection *connection, int64_t person_id, const char *state)
{
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK) {
		connection->broken = true; /* it asks anew about everybody when it comes back */
	} else {
		hc_msg_init(msg, HC_MSG_PERSON_CHANGED);
		hc_msg_put_u64(msg, HC_FIELD_PERSON_ID, (uint64_t)person_id);
		hc_msg_put_text(msg, HC_FIELD_STATE, state);
		if (hc_msg_finish(msg) == HC_OK)
			hc_connection_send(connection, msg);
		else
			connection->broken = true;
	}
	hc_connection_settle(connection);
}

/* ---- records ---- */

static enum hc_err take_event(struct hc_connection *connection, const struct hc_msg *msg)
{
	if (connection->events == NULL) {
		enum hc_err err = hc_gateway_events_new(connection->loop->authd, &connection->caller,
							&connection->events);

		if (err != HC_OK)
			return err;
		connection->read_deadline_ms = hc_mono_ms(connection->loop->authd->clock) + HC_HELLO_MS;
	}
	return hc_gateway_events_add(connection->events, msg);
}

static enum hc_err take_events_end(struct hc_connection *connection, const struct hc_msg *msg)
{
	struct hc_msg *answer = &connection->loop->outgoing;
	uint64_t seq = 0;
	enum hc_err err = connection->events == NULL
				  ? HC_ERR_PROTOCOL
				  : hc_gateway_events_commit(connection->events, msg, &seq);

	if (err == HC_ERR_PROTOCOL)
		return err;
	if (err != HC_OK) {
		connection->broken = true; /* no answer: the gateway delivers again */
		return HC_OK;
	}
	hc_gateway_events_free(&connection->events);
	connection->read_deadline_ms = hc_mono_ms(connection->loop->authd->clock) + HC_ADMIN_IDLE_MS;
	hc_msg_init(answer, HC_MSG_EVENTS_KEPT);
	hc_msg_put_u64(answer, HC_FIELD_SEQ, seq);
	err = hc_msg_finish(answer);
	if (err == HC_OK)
		hc_connection_send(connection, answer);
	hc_msg_clear(answer);
	return err;
}

/* ---- the connection ---- */

static enum hc_err converse(struct hc_connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = HC_OK;

	if (connection->signin == NULL) {
		err = hc_signin_new(connection->loop->authd, &connection->caller, emit, ask, connection,
				    &connection->signin);
		if (err != HC_OK)
			return err;
		connection->loop->sessions++;
	}
	return hc_signin_receive(connection->signin, msg);
}

void hc_connection_gateway_receive(struct hc_connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = HC_OK;

	if (msg->type == HC_MSG_EVENT)
		err = take_event(connection, msg);
	else if (msg->type == HC_MSG_EVENTS_END)
		err = take_events_end(connection, msg);
	else if (connection->events != NULL)
		err = HC_ERR_PROTOCOL; /* a delivery that was begun is ended first */
	else if (msg->type == HC_MSG_PERSON_GET)
		err = take_person_get(connection, msg);
	else if (msg->type == HC_MSG_WATCH)
		err = take_watch(connection, msg);
	else
		err = converse(connection, msg);
	if (err != HC_OK)
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), err);
}

void hc_connection_gateway_timer(struct hc_connection *connection, int64_t now_ms)
{
	if (now_ms >= connection->read_deadline_ms) {
		if (connection->signin != NULL)
			hc_signin_timeout(connection->signin);
		else
			connection->broken = true; /* nothing was begun, or nothing asked for long */
	} else if (now_ms >= connection->keepalive_ms) {
		keep_alive(connection);
	}
}

void hc_connection_gateway_arm(struct hc_connection *connection)
{
	int64_t alive_ms = hc_mono_ms(connection->loop->authd->clock) + HC_KEEPALIVE_MS;

	if (connection->signin == NULL) {
		if (connection->held != NULL)
			connection->read_deadline_ms = HC_NEVER; /* its name is waited for */
		if (connection->watching && connection->keepalive_ms == HC_NEVER)
			connection->keepalive_ms = alive_ms;
		return;
	}
	if (hc_signin_state(connection->signin) == HC_SESSION_DONE) {
		/* One sign-in a connection: with its RESULT sent it is over. */
		connection->finished = true;
		connection->read_deadline_ms = HC_NEVER;
		connection->keepalive_ms = HC_NEVER;
		return;
	}
	connection->read_deadline_ms = hc_signin_deadline_ms(connection->signin);
	if (connection->keepalive_ms == HC_NEVER)
		connection->keepalive_ms = alive_ms;
}

void hc_connection_gateway_close(struct hc_connection *connection)
{
	hc_passcheck_drop(&connection->question);
	hc_gateway_events_free(&connection->events);
	if (connection->signin == NULL)
		return;
	hc_signin_closed(connection->signin);
	connection->loop->sessions--;
	hc_signin_free(&connection->signin);
}
