/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation of a sign-in: between one connection and its session.
 *
 * State: the connection's session. Threats: a caller that connects and says nothing, a person who
 * never answers: both have deadlines. What is decided is decided in the session; this file only
 * carries messages and time, and must never make a verdict of its own: a connection that ends
 * without a RESULT is a refusal at the other side.
 */
#include <stddef.h>

#include "connection.h"
#include "device_method.h"
#include "hospiconnect/log.h"

static void emit(struct hc_msg *msg, void *ctx)
{
	struct hc_connection *connection = ctx;

	hc_connection_send(connection, msg);
	connection->keepalive_ms = HC_NEVER; /* counted anew from here */
	connection->spoke = true;
}

/* ---- devices ---- */

static void on_device(const struct hc_msg *msg, void *ctx)
{
	struct hc_connection_device *at = ctx;

	if (msg->type == HC_MSG_DEVICE_DONE || msg->type == HC_MSG_DEVICE_FAILED)
		at->device = NULL; /* it is gone */
	hc_session_device(at->connection->session, at->helper, msg);
	hc_connection_settle(at->connection);
}

/* Whoever may start programs as somebody must not keep the keys from those who sign in. */
static enum hc_err start_device(void *ctx, enum hc_device_helper helper, struct hc_msg *start)
{
	struct hc_connection *connection = ctx;
	struct hc_connection_device *at = &connection->devices[helper];
	struct hc_devices *devices = connection->loop->devices;

	if (connection->caller.kind != HC_CALLER_ROOT && hc_devices_count(devices) >= HC_DEVICES_UNPRIVILEGED)
		return HC_ERR_FULL;
	if (at->device != NULL)
		return HC_ERR_STATE;
	at->connection = connection;
	at->helper = helper;
	return hc_device_start(devices, helper, start, on_device, at, &at->device);
}

static enum hc_err answer_device(void *ctx, enum hc_device_helper helper, const struct hc_secret *answer)
{
	struct hc_connection *connection = ctx;
	struct hc_device *device = connection->devices[helper].device;

	return device != NULL ? hc_device_answer(device, answer) : HC_ERR_STATE;
}

static void drop_device(void *ctx, enum hc_device_helper helper)
{
	struct hc_connection *connection = ctx;

	hc_device_drop(&connection->devices[helper].device);
}

static const struct hc_session_devices DEVICES = {start_device, answer_device, drop_device,
						  hc_device_methods};

void hc_connection_auth_close(struct hc_connection *connection)
{
	if (connection->session == NULL)
		return;
	hc_session_closed(connection->session);
	for (size_t i = 0; i < HC_HELPERS; i++)
		hc_device_drop(&connection->devices[i].device);
	connection->loop->sessions--;
	hc_session_free(&connection->session);
}

/* ---- messages ---- */

/* Questions that wait for the person whom this HELLO is about, whoever asks them as root. */
static unsigned open_questions(const struct hc_connection *connection, const struct hc_msg *msg)
{
	char login[HC_LOGIN_MAX + 1];
	unsigned count = 0;

	/* A name that is no login is asked nothing. */
	if (hc_msg_text(msg, HC_FIELD_USER, login, sizeof(login)) != HC_OK)
		return 0;
	for (const struct hc_connection *at = connection->loop->connections; at != NULL; at = at->next) {
		if (at->caller.kind == HC_CALLER_ROOT && at->session != NULL &&
		    hc_session_asks(at->session, login))
			count++;
	}
	return count;
}

/*
 * Whether this conversation is one too many. Anybody can start programs of root that wait for his own
 * code, and an unprivileged caller can begin as often as the machine bears.
 */
static bool too_many(struct hc_connection *connection, const struct hc_msg *msg)
{
	const struct hc_caller *caller = &connection->caller;
	int64_t now_ms = hc_mono_ms(connection->loop->authd->clock);
	uint64_t held = 0;

	if (caller->kind == HC_CALLER_USER
		    ? hc_pace_take(&connection->loop->pace, caller->name_known, caller->uid, now_ms)
		    : open_questions(connection, msg) < HC_ASKING_PER_PERSON)
		return false;
	if (hc_gate_open(&connection->loop->limit_gate, now_ms, &held))
		hc_log(HC_LOG_WARNING, "conversation refused: too many of this caller or about this person",
		       HC_F_NUM("uid", caller->uid), HC_F_NUM("pid", caller->pid),
		       HC_F_NUM("not_logged_before", held));
	return true;
}

void hc_connection_auth_receive(struct hc_connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = HC_OK;
	bool refused = false;

	if (connection->session == NULL) {
		err = hc_session_new(connection->loop->authd, &connection->caller, emit, connection,
				     &connection->session);
		if (err != HC_OK) {
			hc_connection_surprise(connection, "new session", err);
			return;
		}
		if (connection->loop->devices != NULL)
			hc_session_use(connection->session, &DEVICES);
		connection->loop->sessions++;
		refused = too_many(connection, msg);
	}
	err = refused ? hc_session_refuse(connection->session, msg)
		      : hc_session_receive(connection->session, msg);
	if (err != HC_OK)
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), err);
}

void hc_connection_keep_alive(struct hc_connection *connection)
{
	struct hc_msg *msg = &connection->loop->outgoing;

	hc_msg_init(msg, HC_MSG_KEEPALIVE);
	if (hc_msg_finish(msg) == HC_OK)
		hc_connection_send(connection, msg);
	connection->keepalive_ms = HC_NEVER;
	hc_msg_clear(msg);
}

void hc_connection_auth_timer(struct hc_connection *connection, int64_t now_ms)
{
	if (connection->session == NULL) {
		/* No HELLO in time: nothing was begun, nothing is said. */
		connection->broken = now_ms >= connection->read_deadline_ms;
		return;
	}
	if (now_ms >= connection->read_deadline_ms)
		hc_session_timeout(connection->session);
	else if (now_ms >= connection->keepalive_ms)
		hc_connection_keep_alive(connection);
}

void hc_connection_auth_arm(struct hc_connection *connection)
{
	if (connection->session == NULL) {
		if (connection->held != NULL)
			connection->read_deadline_ms =
				HC_NEVER; /* the HELLO is here; its name is waited for */
		return;
	}
	const enum hc_session_state state = hc_session_state(connection->session);

	if (state != HC_SESSION_ASKING && state != HC_SESSION_DEVICE) {
		/* One conversation a connection: with its RESULT sent it is over. */
		connection->finished = true;
		connection->read_deadline_ms = HC_NEVER;
		connection->keepalive_ms = HC_NEVER;
		return;
	}
	connection->read_deadline_ms = hc_session_deadline_ms(connection->session);
	if (connection->keepalive_ms == HC_NEVER)
		connection->keepalive_ms = hc_mono_ms(connection->loop->authd->clock) +
					   (connection->spoke ? HC_KEEPALIVE_MS : HC_UNSPOKEN_MS);
}
