/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: TLS handshake, header block, body, exchange, response, and again or the end.
 *
 * State: the connection. Threats: clients that send slowly, never, or much (each state has one
 * deadline for the whole of it, which no byte moves, and one bound for its memory), that do not read
 * (the response has a deadline too), that go in the middle. Nothing frees a connection under the feet of
 * a handler: it is marked, and hc_http_connection_settle() ends it. It must never hand over a
 * request that is not whole, or two at a time.
 *
 * This file has the states, their deadlines and the events; connection_read.c and connection_write.c
 * have what is read and written.
 */
#include "http/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "hospiconnect/clock.h"
#include "http/loop.h"
#include "http/server.h"
#include "http/tls.h"

#define LINGER_BYTES_MAX 262144
#define DISCARD_BATCH	 16

static int64_t now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

/* ---- deadlines and states ---- */

static void start_timer(struct hc_http_connection *connection, int64_t delay_ms)
{
	struct timeval delay;

	if (delay_ms < 1)
		delay_ms = 1;
	delay.tv_sec = (time_t)(delay_ms / 1000);
	delay.tv_usec = (suseconds_t)(delay_ms % 1000) * 1000;
	if (evtimer_add(&connection->timer, &delay) != 0)
		connection->broken = true; /* without a deadline nobody may stay */
}

/* A timer that fires too early is started again then: most deadlines pass without touching it. */
void hc_http_connection_set_deadline(struct hc_http_connection *connection, int64_t delay_ms)
{
	connection->deadline_ms = now_ms() + delay_ms;
	if (connection->deadline_ms >= connection->timer_ms)
		return;
	connection->timer_ms = connection->deadline_ms;
	start_timer(connection, delay_ms);
}

void hc_http_connection_enter(struct hc_http_connection *connection, enum hc_connection_state state)
{
	struct hc_http_server *server = connection->server;

	if (connection->state == HC_CONNECTION_IDLE && state != HC_CONNECTION_IDLE) {
		TAILQ_REMOVE(&server->idle, connection, link);
		TAILQ_INSERT_TAIL(&server->busy, connection, link);
		server->counts.idle--;
	} else if (connection->state != HC_CONNECTION_IDLE && state == HC_CONNECTION_IDLE) {
		TAILQ_REMOVE(&server->busy, connection, link);
		TAILQ_INSERT_TAIL(&server->idle, connection, link);
		server->counts.idle++;
	}
	connection->state = state;
	connection->wants = 0;
	connection->deadline_ms = HC_NEVER;
}

void hc_http_connection_enter_for(struct hc_http_connection *connection, enum hc_connection_state state,
				  int64_t limit_ms)
{
	hc_http_connection_enter(connection, state);
	hc_http_connection_set_deadline(connection, limit_ms);
}

/* Returns whether to go on; otherwise notes what is waited for, or that it is over. */
bool hc_http_connection_judge(struct hc_http_connection *connection, enum hc_wire_result result)
{
	switch (result) {
	case HC_WIRE_DONE:
		connection->wants = 0;
		return true;
	case HC_WIRE_WANT_READ:
		connection->wants = EV_READ;
		return false;
	case HC_WIRE_WANT_WRITE:
		connection->wants = EV_WRITE;
		return false;
	case HC_WIRE_CLOSED:
	case HC_WIRE_BROKEN:
		connection->broken = true;
		return false;
	}
	return false;
}

/* ---- the other states ---- */

static void handshake(struct hc_http_connection *connection)
{
	if (!hc_http_connection_judge(connection, hc_wire_handshake(&connection->wire))) {
		if (connection->broken)
			connection->server->counts.handshakes_failed++;
		return;
	}
	hc_http_connection_enter_for(connection, HC_CONNECTION_HEADER,
				     connection->server->limits.header_timeout_ms);
	hc_http_connection_receive(connection);
}

/*
 * The client stirs while its request is being answered. It may have sent the next one, or have
 * closed its half: both can wait. If it has gone, it goes.
 */
static void overhear(struct hc_http_connection *connection)
{
	if (hc_wire_peek(&connection->wire) == HC_WIRE_BROKEN)
		connection->broken = true;
	connection->deaf = true;
}

static void linger(struct hc_http_connection *connection)
{
	for (int i = 0; i < DISCARD_BATCH; i++) {
		size_t len = 0;

		if (!hc_http_connection_judge(connection, hc_wire_discard(&connection->wire, &len)))
			return;
		connection->discarded += len;
		if (connection->discarded > LINGER_BYTES_MAX) {
			connection->broken = true;
			return;
		}
	}
}

/* ---- events ---- */

static void on_io(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_http_connection *connection = ctx;

	(void)fd;     /* the connection's */
	(void)events; /* what was armed, or what hc_http_connection_settle() rang */
	connection->entered = true;
	connection->again = false;
	switch (connection->state) {
	case HC_CONNECTION_HANDSHAKE:
		handshake(connection);
		break;
	case HC_CONNECTION_HEADER:
	case HC_CONNECTION_BODY:
	case HC_CONNECTION_IDLE:
		hc_http_connection_receive(connection);
		break;
	case HC_CONNECTION_EXCHANGE:
		overhear(connection);
		break;
	case HC_CONNECTION_RESPONSE:
		hc_http_connection_flush(connection);
		break;
	case HC_CONNECTION_LINGER:
		linger(connection);
		break;
	}
	connection->entered = false;
	hc_http_connection_settle(connection);
}

static void expire(struct hc_http_connection *connection)
{
	bool begun = connection->state == HC_CONNECTION_BODY || connection->inbox != NULL;

	if (connection->state != HC_CONNECTION_IDLE && connection->state != HC_CONNECTION_LINGER)
		connection->server->counts.timed_out++;
	/* Only who has begun a request waits for an answer. */
	if (hc_http_connection_reads(connection) && begun)
		hc_http_connection_refuse(connection, 408);
	else
		connection->broken = true;
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_http_connection *connection = ctx;
	int64_t now = now_ms();

	(void)fd;     /* none */
	(void)events; /* always EV_TIMEOUT */
	connection->entered = true;
	connection->timer_ms = HC_NEVER;
	if (now >= connection->deadline_ms) {
		expire(connection);
	} else if (connection->deadline_ms != HC_NEVER) {
		connection->timer_ms = connection->deadline_ms;
		start_timer(connection, connection->deadline_ms - now);
	}
	connection->entered = false;
	hc_http_connection_settle(connection);
}

static short wanted(const struct hc_http_connection *connection)
{
	if (connection->state == HC_CONNECTION_EXCHANGE)
		return connection->deaf ? 0 : EV_READ;
	if (connection->wants != 0)
		return connection->wants;
	return connection->state == HC_CONNECTION_RESPONSE ? EV_WRITE : EV_READ;
}

/* Whether io waits for what the state waits for; mostly it does already. */
static bool arm(struct hc_http_connection *connection)
{
	short events = wanted(connection);
	struct event_base *base = hc_loop_base(connection->server->loop);

	if (events == connection->armed)
		return true;
	if (event_del(&connection->io) != 0)
		return false;
	connection->armed = 0;
	if (events == 0)
		return true;
	if (event_assign(&connection->io, base, connection->wire.fd, (short)(events | EV_PERSIST), on_io,
			 connection) != 0 ||
	    event_add(&connection->io, NULL) != 0)
		return false;
	connection->armed = events;
	return true;
}

void hc_http_connection_settle(struct hc_http_connection *connection)
{
	if (connection->entered)
		return;
	if (connection->broken || !arm(connection))
		hc_http_connection_close(connection);
	else if (connection->again)
		event_active(&connection->io, EV_READ, 0);
}

/* ---- life ---- */

enum hc_err hc_http_connection_new(struct hc_http_server *server, int fd, const struct hc_address_key *key,
				   const char *peer)
{
	struct hc_http_connection *connection = calloc(1, sizeof(*connection));
	struct event_base *base = hc_loop_base(server->loop);

	if (connection == NULL)
		return HC_ERR_NOMEM;
	connection->server = server;
	connection->wire.fd = fd;
	connection->timer_ms = HC_NEVER;
	connection->key = *key;
	(void)snprintf(connection->peer, sizeof(connection->peer), "%s", peer);
	if ((server->tls != NULL && hc_tls_session(server->tls, fd, &connection->wire.ssl) != HC_OK) ||
	    event_assign(&connection->io, base, fd, EV_READ | EV_PERSIST, on_io, connection) != 0 ||
	    evtimer_assign(&connection->timer, base, on_timer, connection) != 0) {
		connection->wire.fd = -1; /* the caller's still */
		hc_wire_close(&connection->wire);
		free(connection);
		return HC_ERR_NOMEM;
	}
	TAILQ_INSERT_TAIL(&server->busy, connection, link);
	server->counts.connections++;
	if (server->tls != NULL)
		hc_http_connection_enter_for(connection, HC_CONNECTION_HANDSHAKE,
					     server->limits.tls_handshake_timeout_ms);
	else
		hc_http_connection_enter_for(connection, HC_CONNECTION_HEADER,
					     server->limits.header_timeout_ms);
	hc_http_connection_settle(connection);
	return HC_OK;
}

static void release_exchange(struct hc_http_connection *connection)
{
	/* Without an exchange it was answered, but the answer could not be made. */
	if (connection->state == HC_CONNECTION_EXCHANGE && connection->exchange != NULL) {
		connection->exchange->connection = NULL; /* the handler's; its answer will only free it */
		connection->exchange = NULL;
		connection->server->counts.exchanges--;
	}
	hc_exchange_free(&connection->exchange);
}

void hc_http_connection_close(struct hc_http_connection *connection)
{
	struct hc_http_server *server = connection->server;

	release_exchange(connection);
	hc_inbox_free(&connection->inbox);
	hc_response_clear(&connection->response);
	(void)event_del(&connection->io); /* both were assigned: it does not fail */
	(void)event_del(&connection->timer);
	hc_wire_close(&connection->wire);
	hc_http_connection_enter(connection, HC_CONNECTION_LINGER); /* out of the idle list */
	TAILQ_REMOVE(&server->busy, connection, link);
	server->counts.connections--;
	hc_address_give(server->addresses, &connection->key);
	free(connection);
	hc_http_server_gone(server);
}

bool hc_http_connection_rests(const struct hc_http_connection *connection)
{
	bool waits = connection->state == HC_CONNECTION_IDLE ||
		     connection->state == HC_CONNECTION_HANDSHAKE ||
		     (connection->state == HC_CONNECTION_HEADER && connection->inbox == NULL);

	/* What has arrived and is not read yet is a request as well. */
	return waits && !connection->again && hc_wire_peek(&connection->wire) != HC_WIRE_DONE;
}
