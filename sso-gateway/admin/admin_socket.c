/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administrators' connections.
 *
 * State: the listening socket and its connections, each with one request at most. Threats: somebody who may
 * not administer (the kernel says who connected), an answer that is asked for but not read (rows are made
 * only when the last ones were sent, and there is a limit in time), a request before the former one has
 * ended (the connection ends). Nothing that came in is kept once it was read.
 */
#include "admin/admin_socket.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "admin/admin_request.h"
#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/sockets.h"
#include "http/loop.h"

#define BURST 32 /* messages before anybody else has a turn */

struct connection {
	struct hc_admin_socket *socket; /* borrowed */
	struct connection *next, **link;
	int fd;
	struct event readable, writable, timer;
	struct hc_packet_queue queue;
	struct hc_admin_request *request;
	char actor[HC_OUTBOX_ACTOR_MAX + 1];
};

struct hc_admin_socket {
	struct hc_process *process; /* borrowed */
	int fd;
	struct event acceptable;
	struct connection *connections;
	size_t count;
	struct hc_msg msg; /* of one call */
};

/* ---- a connection ---- */

static void connection_free(struct connection *connection)
{
	hc_admin_request_free(&connection->request);
	hc_packet_queue_clear(&connection->queue);
	(void)event_del(&connection->readable); /* assigned: they do not fail */
	(void)event_del(&connection->writable);
	(void)event_del(&connection->timer);
	(void)close(connection->fd); /* what was sent is with the kernel already */
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	connection->socket->count--;
	free(connection);
}

static void surprise(struct connection *connection, const char *what, enum hc_err err)
{
	hc_log(HC_LOG_WARNING, "an administrator's connection ended by a surprise", HC_F_TEXT("what", what),
	       HC_F_TEXT("reason", hc_strerror(err)), HC_F_TEXT("actor", connection->actor));
	connection_free(connection);
}

static bool arm_timer(struct connection *connection, int64_t after_ms)
{
	const struct timeval after = {.tv_sec = (time_t)(after_ms / 1000),
				      .tv_usec = (suseconds_t)(after_ms % 1000) * 1000};

	return evtimer_add(&connection->timer, &after) == 0;
}

static void request_over(struct connection *connection)
{
	hc_admin_request_free(&connection->request);
}

/* One message of the answer. False: the connection has gone. */
static bool send_one(struct connection *connection)
{
	struct hc_msg *msg = &connection->socket->msg;
	bool ready = false, done = false;
	enum hc_err err = hc_admin_request_next(connection->request, msg, &ready, &done);

	if (err == HC_OK && ready)
		err = hc_packet_queue_send(&connection->queue, connection->fd, msg);
	hc_msg_clear(msg);
	if (err != HC_OK) {
		if (err == HC_ERR_CLOSED)
			connection_free(connection);
		else
			surprise(connection, "answer", err);
		return false;
	}
	if (done)
		request_over(connection);
	return true;
}

static bool has_more(const struct connection *connection)
{
	return connection->request != NULL && !connection->request->waiting;
}

/* Sends what can be sent now, and sees to it that it goes on. */
static void pump(struct connection *connection)
{
	bool armed = true;

	for (int i = 0; i < BURST && has_more(connection) && hc_packet_queue_empty(&connection->queue); i++) {
		if (!send_one(connection))
			return;
	}
	if (!hc_packet_queue_empty(&connection->queue)) {
		armed = event_add(&connection->writable, NULL) == 0 &&
			arm_timer(connection, HC_ADMIN_WRITE_MS);
	} else if (has_more(connection)) {
		event_active(&connection->writable, EV_WRITE, 0);
	} else if (connection->request == NULL) {
		armed = arm_timer(connection, HC_ADMIN_IDLE_MS);
	} else {
		(void)event_del(&connection->timer); /* the store has limits of its own */
	}
	if (!armed)
		surprise(connection, "timer", HC_ERR_NOMEM);
}

static void on_ready(void *ctx)
{
	pump(ctx);
}

static void take(struct connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = HC_ERR_STATE;

	if (connection->request == NULL)
		err = hc_admin_request_new(connection->socket->process, connection->actor, msg, on_ready,
					   connection, &connection->request);
	if (err == HC_OK)
		pump(connection);
	else
		surprise(connection, hc_msg_type_name(msg->type), err);
}

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
	struct connection *connection = ctx;
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	(void)events; /* always EV_READ */
	if (err == HC_OK)
		err = hc_packet_receive(fd, msg);
	if (err == HC_ERR_AWAY)
		return;
	if (err == HC_ERR_CLOSED)
		connection_free(connection);
	else if (err != HC_OK)
		surprise(connection, "packet", err);
	else
		take(connection, msg);
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
	struct connection *connection = ctx;

	(void)events; /* EV_WRITE, or rung by pump() */
	if (hc_packet_queue_flush(&connection->queue, fd) != HC_OK)
		connection_free(connection);
	else
		pump(connection);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;     /* none */
	(void)events; /* always EV_TIMEOUT */
	connection_free(ctx);
}

/* ---- who connects ---- */

static bool may_administer(int fd, const struct hc_admin_rules *rules, const struct hc_peer_cred *cred)
{
	return cred->uid == 0 || (rules->own_uid_too && cred->uid == rules->own_uid) ||
	       (rules->has_group && hc_peer_in_group(fd, cred, rules->group));
}

static enum hc_err connection_new(struct hc_admin_socket *socket, int fd, const struct hc_peer_cred *cred)
{
	struct event_base *base = hc_loop_base(socket->process->gateway.workers[0].loop);
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return HC_ERR_NOMEM;
	connection->socket = socket;
	connection->fd = fd;
	/* Fits: a number of ten digits. Its name is not asked for: that may hang. */
	(void)snprintf(connection->actor, sizeof(connection->actor),
		       cred->uid == 0 ? "uid %u (root)" : "uid %u", (unsigned)cred->uid);
	if (event_assign(&connection->readable, base, fd, EV_READ | EV_PERSIST, on_readable, connection) !=
		    0 ||
	    event_assign(&connection->writable, base, fd, EV_WRITE, on_writable, connection) != 0 ||
	    evtimer_assign(&connection->timer, base, on_timer, connection) != 0) {
		free(connection);
		return HC_ERR_NOMEM;
	}
	connection->next = socket->connections;
	connection->link = &socket->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	socket->connections = connection;
	socket->count++;
	if (event_add(&connection->readable, NULL) != 0 || !arm_timer(connection, HC_ADMIN_IDLE_MS))
		connection_free(connection);
	return HC_OK;
}

static void welcome(struct hc_admin_socket *socket, int fd)
{
	struct hc_peer_cred cred = {0};
	enum hc_err err = hc_peer_cred_of(fd, &cred);

	if (err == HC_OK && !may_administer(fd, &socket->process->admin_rules, &cred))
		err = HC_ERR_PERM;
	if (err == HC_OK && socket->count == HC_ADMIN_CONNECTIONS_MAX)
		err = HC_ERR_FULL;
	if (err == HC_OK)
		err = connection_new(socket, fd, &cred);
	if (err == HC_OK)
		return;
	hc_log(HC_LOG_WARNING, "an administrator's connection was refused", HC_F_NUM("uid", cred.uid),
	       HC_F_TEXT("reason", hc_strerror(err)));
	(void)close(fd); /* nothing was written */
}

static void on_acceptable(evutil_socket_t fd, short events, void *ctx)
{
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events; /* always EV_READ */
	if (accepted >= 0)
		welcome(ctx, accepted);
}

/* ---- life ---- */

enum hc_err hc_admin_socket_new(struct hc_process *process, int fd, struct hc_admin_socket **ret_socket)
{
	struct event_base *base = hc_loop_base(process->gateway.workers[0].loop);
	struct hc_admin_socket *socket = calloc(1, sizeof(*socket));

	if (socket == NULL ||
	    event_assign(&socket->acceptable, base, fd, EV_READ | EV_PERSIST, on_acceptable, socket) != 0) {
		free(socket);
		(void)close(fd); /* nothing was written */
		return HC_ERR_NOMEM;
	}
	socket->process = process;
	socket->fd = fd;
	if (event_add(&socket->acceptable, NULL) != 0) {
		hc_admin_socket_free(&socket);
		return HC_ERR_NOMEM;
	}
	*ret_socket = socket;
	return HC_OK;
}

void hc_admin_socket_free(struct hc_admin_socket **socket)
{
	struct hc_admin_socket *old = socket == NULL ? NULL : *socket;

	if (old == NULL)
		return;
	for (struct connection *at = old->connections, *next; at != NULL; at = next) {
		next = at->next;
		connection_free(at);
	}
	(void)event_del(&old->acceptable); /* assigned: it does not fail */
	(void)close(old->fd);		   /* nothing is written to a listening socket */
	free(old);
	*socket = NULL;
}
