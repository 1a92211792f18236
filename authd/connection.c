/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every connection does: reading one message at a time, asking the permission table, waiting
 * for the caller's name, sending, deadlines, the end.
 *
 * State: the connection. Threats: everything that comes in is hostile until it was parsed and
 * permitted. A surprise ends the connection. Handlers never free the connection under their own
 * feet: they mark it, and hc_connection_settle() ends it. It must never pass on a message that the
 * table did not permit.
 */
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "permit.h"

#define TIMER_ACCURACY_US 20000
/* The gateway's refusals leave at their time: what else is due around it must not show in that. */
#define GATEWAY_ACCURACY_US 1000

static int64_t now_ms(const struct hc_connection *connection)
{
	return hc_mono_ms(connection->loop->authd->clock);
}

static bool is_admin(const struct hc_connection *connection)
{
	return connection->caller.kind == HC_CALLER_ADMIN;
}

static bool is_gateway(const struct hc_connection *connection)
{
	return connection->caller.kind == HC_CALLER_GATEWAY;
}

bool hc_connection_busy(const struct hc_connection *connection)
{
	return connection->job != NULL && !hc_admin_waits(connection->job);
}

void hc_connection_surprise(struct hc_connection *connection, const char *what, enum hc_err err)
{
	uint64_t held = 0;

	connection->broken = true;
	if (hc_gate_open(&connection->loop->surprise_gate, now_ms(connection), &held))
		hc_log(HC_LOG_WARNING, "connection ended by a surprise", HC_F_TEXT("what", what),
		       HC_F_TEXT("reason", hc_strerror(err)), HC_F_NUM("uid", connection->caller.uid),
		       HC_F_NUM("pid", connection->caller.pid), HC_F_NUM("not_logged_before", held));
}

static void slow_reader(struct hc_connection *connection)
{
	uint64_t held = 0;

	connection->broken = true;
	if (hc_gate_open(&connection->loop->slow_gate, now_ms(connection), &held))
		hc_log(HC_LOG_NOTICE, "connection ended: the caller does not read",
		       HC_F_NUM("uid", connection->caller.uid), HC_F_NUM("pid", connection->caller.pid),
		       HC_F_NUM("not_logged_before", held));
}

static void name_is_late(struct hc_connection *connection)
{
	uint64_t held = 0;

	if (hc_gate_open(&connection->loop->name_gate, now_ms(connection), &held))
		hc_log(HC_LOG_WARNING, "the name service does not answer: the caller has no name",
		       HC_F_NUM("uid", connection->caller.uid), HC_F_NUM("not_logged_before", held));
}

void hc_connection_send(struct hc_connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = HC_OK;

	if (connection->broken)
		return;
	err = hc_packet_queue_send(&connection->outbox, connection->fd, msg);
	if (err == HC_OK)
		return;
	if (err == HC_ERR_FULL)
		slow_reader(connection);
	connection->broken = true;
}

/* ---- messages ---- */

/* Where the connection is, as the permission table sees it. */
static enum hc_session_state state_of(const struct hc_connection *connection)
{
	if (connection->session != NULL)
		return hc_session_state(connection->session);
	if (connection->signin != NULL)
		return hc_signin_state(connection->signin);
	if (connection->watching)
		return HC_SESSION_WAITING;
	return connection->job != NULL ? hc_connection_admin_state(connection) : HC_SESSION_NEW;
}

static void pass_on(struct hc_connection *connection, const struct hc_msg *msg)
{
	if (is_admin(connection))
		hc_connection_admin_receive(connection, msg);
	else if (is_gateway(connection))
		hc_connection_gateway_receive(connection, msg);
	else
		hc_connection_auth_receive(connection, msg);
}

static void on_name(void *ctx, const struct hc_login *login)
{
	struct hc_connection *connection = ctx;

	connection->named = true;
	connection->name_deadline_ms = HC_NEVER;
	hc_peer_named(&connection->caller, login);
	pass_on(connection, connection->held);
	hc_msg_free(&connection->held);
	hc_connection_settle(connection);
}

/* Sets the message aside until the caller's name is there; nothing more is read meanwhile. */
static void hold(struct hc_connection *connection, const struct hc_msg *msg)
{
	if (hc_msg_new(&connection->held) != HC_OK) {
		connection->broken = true;
		return;
	}
	*connection->held = *msg;
	connection->wait.uid = connection->caller.uid;
	connection->wait.answered = on_name;
	connection->wait.ctx = connection;
	connection->name_deadline_ms = now_ms(connection) + HC_RESOLVER_MS;
	if (hc_resolver_ask(connection->loop->resolver, &connection->wait) != HC_OK)
		connection->name_deadline_ms = now_ms(connection); /* goes on at once, without a name */
}

static void take(struct hc_connection *connection, const struct hc_msg *msg)
{
	struct hc_login login;
	bool found = false;

	if (!hc_permit(msg->type, connection->caller.kind, state_of(connection))) {
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), HC_ERR_PERM);
		return;
	}
	if (!connection->named &&
	    hc_resolver_known(connection->loop->resolver, connection->caller.uid, &found, &login)) {
		hc_peer_named(&connection->caller, found ? &login : NULL);
		connection->named = true;
	}
	if (connection->named)
		pass_on(connection, msg);
	else
		hold(connection, msg);
}

static void read_one(struct hc_connection *connection)
{
	struct hc_msg *msg = &connection->loop->incoming;
	enum hc_err err = hc_packet_receive(connection->fd, msg);

	if (err == HC_OK)
		take(connection, msg);
	else if (err == HC_ERR_CLOSED)
		connection->broken = true;
	else if (err != HC_ERR_AWAY)
		hc_connection_surprise(connection, "packet", err);
	hc_msg_clear(msg);
}

/* ---- events ---- */

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_connection *connection = ctx;

	(void)source; /* the same as connection->io */
	(void)fd;     /* the same as connection->fd */
	if ((revents & EPOLLOUT) != 0 && hc_packet_queue_flush(&connection->outbox, connection->fd) != HC_OK)
		connection->broken = true;
	if (!connection->broken && (revents & EPOLLIN) != 0)
		read_one(connection);
	else if ((revents & (EPOLLHUP | EPOLLERR)) != 0)
		connection->broken = true;
	hc_connection_settle(connection);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_connection *connection = ctx;
	int64_t now = now_ms(connection);

	(void)source; /* the same as connection->timer */
	(void)usec;   /* when it was due; what counts is the time now */
	if (now >= connection->write_deadline_ms) {
		slow_reader(connection);
	} else if (now >= connection->name_deadline_ms) {
		hc_resolver_forget(connection->loop->resolver, &connection->wait);
		name_is_late(connection);
		on_name(connection, NULL);
		return 0;
	} else if (is_admin(connection)) {
		hc_connection_admin_timer(connection, now);
	} else if (is_gateway(connection)) {
		hc_connection_gateway_timer(connection, now);
	} else {
		hc_connection_auth_timer(connection, now);
	}
	hc_connection_settle(connection);
	return 0;
}

/* ---- life ---- */

static int64_t earliest(const struct hc_connection *connection)
{
	const int64_t deadlines[] = {connection->read_deadline_ms, connection->write_deadline_ms,
				     connection->keepalive_ms, connection->name_deadline_ms};
	int64_t first = HC_NEVER;

	for (size_t i = 0; i < HC_COUNT(deadlines); i++) {
		if (deadlines[i] < first)
			first = deadlines[i];
	}
	return first;
}

/* Whether events and timer could be armed for what the connection waits for. */
static bool arm(struct hc_connection *connection)
{
	bool sending = !hc_packet_queue_empty(&connection->outbox);
	uint32_t events = sending ? EPOLLOUT : 0;
	int64_t due_ms = HC_NEVER;

	if (connection->held == NULL && !connection->finished)
		events |= EPOLLIN;
	if (!sending)
		connection->write_deadline_ms = HC_NEVER;
	else if (connection->write_deadline_ms == HC_NEVER)
		connection->write_deadline_ms =
			now_ms(connection) + (is_admin(connection) ? HC_ADMIN_WRITE_MS : HC_WRITE_MS);
	due_ms = earliest(connection);
	if (sd_event_source_set_io_events(connection->io, events) < 0)
		return false;
	if (due_ms == HC_NEVER)
		return sd_event_source_set_enabled(connection->timer, SD_EVENT_OFF) >= 0;
	return sd_event_source_set_time(connection->timer, (uint64_t)(due_ms > 0 ? due_ms : 0) * 1000) >= 0 &&
	       sd_event_source_set_enabled(connection->timer, SD_EVENT_ONESHOT) >= 0;
}

void hc_connection_settle(struct hc_connection *connection)
{
	if (!connection->broken && is_admin(connection))
		hc_connection_admin_arm(connection);
	else if (!connection->broken && is_gateway(connection))
		hc_connection_gateway_arm(connection);
	else if (!connection->broken)
		hc_connection_auth_arm(connection);
	if (connection->broken || (connection->finished && hc_packet_queue_empty(&connection->outbox)) ||
	    !arm(connection))
		hc_connection_close(connection);
}

static int priority_of(const struct hc_caller *caller)
{
	switch (caller->kind) {
	case HC_CALLER_ROOT:
		return HC_PRIORITY_ROOT;
	case HC_CALLER_USER:
		return HC_PRIORITY_USER;
	case HC_CALLER_ADMIN:
		return HC_PRIORITY_ADMIN;
	case HC_CALLER_GATEWAY:
		return HC_PRIORITY_GATEWAY;
	}
	return HC_PRIORITY_JOB;
}

static bool add_sources(struct hc_connection *connection)
{
	sd_event *event = connection->loop->event;
	int priority = priority_of(&connection->caller);

	return sd_event_add_io(event, &connection->io, connection->fd, EPOLLIN, on_io, connection) >= 0 &&
	       sd_event_add_time(event, &connection->timer, CLOCK_MONOTONIC, 0,
				 is_gateway(connection) ? GATEWAY_ACCURACY_US : TIMER_ACCURACY_US, on_timer,
				 connection) >= 0 &&
	       sd_event_source_set_priority(connection->io, priority) >= 0 &&
	       sd_event_source_set_priority(connection->timer, priority) >= 0;
}

static void link_in(struct hc_connection *connection)
{
	connection->next = connection->loop->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	connection->loop->connections = connection;
}

enum hc_err hc_connection_new(struct hc_loop *loop, int fd, const struct hc_caller *caller)
{
	struct hc_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL) {
		hc_quota_give(&loop->quota, caller->kind, caller->uid);
		(void)close(fd); /* nothing was written */
		return HC_ERR_NOMEM;
	}
	connection->loop = loop;
	connection->fd = fd;
	connection->caller = *caller;
	connection->named = !hc_peer_needs_name(caller, &loop->peers);
	connection->write_deadline_ms = HC_NEVER;
	connection->keepalive_ms = HC_NEVER;
	connection->name_deadline_ms = HC_NEVER;
	connection->read_deadline_ms =
		now_ms(connection) + (is_admin(connection) ? HC_ADMIN_IDLE_MS : HC_HELLO_MS);
	link_in(connection);
	if (!add_sources(connection)) {
		hc_connection_close(connection);
		return HC_ERR_NOMEM;
	}
	hc_connection_settle(connection);
	return HC_OK;
}

static void unlink_from(struct hc_connection *connection)
{
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		connection->loop->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
}

/*
 * A close with unread packets resets the other side, which could then lose the RESULT that is on
 * its way to it. A CANCEL that crossed the RESULT is read away first.
 */
static void read_away(struct hc_connection *connection)
{
	for (int i = 0; connection->finished && i < 4; i++) {
		if (hc_packet_receive(connection->fd, &connection->loop->incoming) == HC_ERR_AWAY)
			break;
	}
	hc_msg_clear(&connection->loop->incoming);
}

void hc_connection_close(struct hc_connection *connection)
{
	struct hc_loop *loop = connection->loop;

	hc_connection_auth_close(connection);
	hc_connection_gateway_close(connection);
	hc_device_drop(&connection->device);
	hc_admin_job_free(&connection->job);
	hc_resolver_forget(loop->resolver, &connection->wait);
	hc_msg_free(&connection->held);
	read_away(connection);
	hc_packet_queue_clear(&connection->outbox);
	(void)sd_event_source_disable_unref(connection->pump); /* gives NULL back */
	(void)sd_event_source_disable_unref(connection->timer);
	(void)sd_event_source_disable_unref(connection->io);
	(void)close(connection->fd); /* what was sent is with the kernel already */
	hc_quota_give(&loop->quota, connection->caller.kind, connection->caller.uid);
	unlink_from(connection);
	free(connection);
	hc_loop_settled(loop);
}
