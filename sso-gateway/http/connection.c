/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: TLS handshake, header block, body, exchange, response, and again or the end.
 *
 * State: the connection. Threats: clients that send slowly, never, or much (each state has one
 * deadline for the whole of it, which no byte moves, and one bound for its memory), that do not read
 * (the response has a deadline too), that go in the middle. One request at a time: pipelined bytes
 * wait in the inbox, and beyond its size in the kernel. Nothing frees a connection under the feet of
 * a handler: it is marked, and settle() ends it. It must never hand over a request that is not
 * whole, or two at a time.
 */
#include "http/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/secret.h"
#include "http/loop.h"
#include "http/route.h"
#include "http/server.h"
#include "http/tls.h"

#define NEVER		 INT64_MAX
#define LINGER_MS	 2000
#define LINGER_BYTES_MAX 262144
#define DISCARD_BATCH	 16

static void settle(struct hc_http_connection *connection);
static void receive(struct hc_http_connection *connection);

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
static void set_deadline(struct hc_http_connection *connection, int64_t delay_ms)
{
	connection->deadline_ms = now_ms() + delay_ms;
	if (connection->deadline_ms >= connection->timer_ms)
		return;
	connection->timer_ms = connection->deadline_ms;
	start_timer(connection, delay_ms);
}

static void enter(struct hc_http_connection *connection, enum hc_connection_state state)
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
	connection->deadline_ms = NEVER;
}

static void enter_for(struct hc_http_connection *connection, enum hc_connection_state state, int64_t limit_ms)
{
	enter(connection, state);
	set_deadline(connection, limit_ms);
}

/* Returns whether to go on; otherwise notes what is waited for, or that it is over. */
static bool judge(struct hc_http_connection *connection, enum hc_wire_result result)
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

/* ---- the way out ---- */

/* Answered: the next request, or no more of them. */
static void responded(struct hc_http_connection *connection)
{
	if (connection->close_after) {
		/* Closing with bytes unread would reset the answer away that is still under way. */
		hc_wire_finish(&connection->wire);
		hc_inbox_free(&connection->inbox);
		enter_for(connection, HC_CONNECTION_LINGER, LINGER_MS);
		return;
	}
	connection->deaf = false;
	if (connection->inbox != NULL)
		enter_for(connection, HC_CONNECTION_HEADER, connection->server->limits.header_timeout_ms);
	else
		enter_for(connection, HC_CONNECTION_IDLE, connection->server->limits.idle_timeout_ms);
	/* The socket will not tell of what is here already; and others come first. */
	connection->again = connection->inbox != NULL || hc_wire_pending(&connection->wire);
}

static void flush_response(struct hc_http_connection *connection)
{
	struct hc_response *response = &connection->response;

	while (response->sent < response->len) {
		size_t len = 0;
		enum hc_wire_result result = hc_wire_write(&connection->wire, response->data + response->sent,
							   response->len - response->sent, &len);

		if (!judge(connection, result)) {
			if (connection->deadline_ms == NEVER)
				set_deadline(connection, connection->server->limits.write_timeout_ms);
			return;
		}
		response->sent += len;
	}
	hc_response_clear(response);
	responded(connection);
}

static void respond(struct hc_http_connection *connection, unsigned status, const char *const *headers,
		    const struct hc_view *body, bool sensitive)
{
	const struct hc_exchange *exchange = connection->exchange;
	struct hc_response_frame frame = {.date = hc_http_server_date(connection->server)};

	if (connection->server->draining)
		connection->close_after = true;
	frame.close = connection->close_after;
	frame.head = exchange != NULL && exchange->request.method == HC_HTTP_HEAD;
	frame.version_1_0 = exchange != NULL && !exchange->inbox->scan.version_1_1;
	if (hc_response_make(&frame, status, headers, body->data, body->len, &connection->response) !=
	    HC_OK) {
		connection->broken = true;
		return;
	}
	connection->response.sensitive = sensitive;
	enter(connection, HC_CONNECTION_RESPONSE);
	flush_response(connection);
}

/* The server's own answer to what it does not hand over. */
static void respond_error(struct hc_http_connection *connection, unsigned status, const char *allow)
{
	const char *headers[] = {"Content-Type",
				 "text/plain; charset=utf-8",
				 "Cache-Control",
				 "no-store",
				 "X-Content-Type-Options",
				 "nosniff",
				 allow[0] != '\0' ? "Allow" : NULL,
				 allow,
				 NULL};
	char text[64];
	int len = snprintf(text, sizeof(text), "%u %s\n", status, hc_response_reason(status));

	connection->server->counts.refused++;
	respond(connection, status, headers, &(struct hc_view){.data = text, .len = (size_t)len}, false);
	hc_exchange_free(&connection->exchange);
}

static void refuse(struct hc_http_connection *connection, unsigned status)
{
	connection->close_after = true;
	respond_error(connection, status, "");
	hc_inbox_free(&connection->inbox);
}

void hc_http_connection_answer(struct hc_http_connection *connection, unsigned status,
			       const char *const *headers, const struct hc_view *body, bool sensitive)
{
	bool inside = connection->entered;

	connection->entered = true;
	connection->server->counts.exchanges--;
	respond(connection, status, headers, body, sensitive);
	connection->exchange = NULL; /* freed by hc_exchange_reply */
	connection->entered = inside;
	settle(connection);
}

/* ---- the way in ---- */

static void hand_over(struct hc_http_connection *connection)
{
	struct hc_http_server *server = connection->server;
	struct hc_exchange *exchange = connection->exchange;

	enter(connection, HC_CONNECTION_EXCHANGE);
	server->counts.requests++;
	server->counts.exchanges++;
	exchange->handler(exchange, server->app);
}

/* To a client that waits for leave to send the body. Nothing else is in flight: it fits, or is lost. */
static void send_continue(struct hc_http_connection *connection)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t sent = 0;

	if (hc_wire_write(&connection->wire, text, sizeof(text) - 1, &sent) != HC_WIRE_DONE ||
	    sent != sizeof(text) - 1)
		connection->broken = true;
}

/* The header block is known: is there somebody to hand it to, and a body to wait for? */
static void route(struct hc_http_connection *connection)
{
	struct hc_http_server *server = connection->server;
	struct hc_exchange *exchange = connection->exchange;
	bool whole = exchange->body_have == exchange->body_len;
	struct hc_route_found found;

	hc_route_find(server->routes, server->not_found, &exchange->request, &found);
	if (found.handler == NULL) {
		if (!whole) /* nobody reads the body, so there is no next request behind it */
			connection->close_after = true;
		respond_error(connection, found.status, found.allow);
		return;
	}
	exchange->handler = found.handler;
	if (whole) {
		hand_over(connection);
		return;
	}
	enter_for(connection, HC_CONNECTION_BODY, server->limits.body_timeout_ms);
	if (exchange->inbox->scan.expect_continue && exchange->body_have == 0 &&
	    exchange->inbox->scan.version_1_1)
		send_continue(connection);
}

static void begin(struct hc_http_connection *connection)
{
	struct hc_exchange *exchange = NULL;
	struct hc_inbox *rest = NULL;
	unsigned status = hc_exchange_begin(&connection->inbox, &exchange, &rest);

	if (status != 0) {
		refuse(connection, status);
		return;
	}
	connection->inbox = rest;
	connection->exchange = exchange;
	connection->close_after = !exchange->keep_alive;
	exchange->connection = connection;
	exchange->loop = connection->server->loop;
	exchange->request.tls = connection->wire.ssl != NULL;
	memcpy(exchange->request.peer, connection->peer, sizeof(exchange->request.peer));
	route(connection);
}

static void scan(struct hc_http_connection *connection)
{
	struct hc_inbox *inbox = connection->inbox;

	switch (hc_prescan_step(&inbox->scan, inbox->data, inbox->len)) {
	case HC_PRESCAN_MORE:
		/* The first byte of a request starts the time for its whole header block. */
		if (connection->state == HC_CONNECTION_IDLE)
			enter_for(connection, HC_CONNECTION_HEADER,
				  connection->server->limits.header_timeout_ms);
		break;
	case HC_PRESCAN_WHOLE:
		begin(connection);
		break;
	case HC_PRESCAN_REFUSED:
		refuse(connection, inbox->scan.status);
		break;
	}
}

static bool reads(const struct hc_http_connection *connection)
{
	return !connection->broken &&
	       (connection->state == HC_CONNECTION_HEADER || connection->state == HC_CONNECTION_IDLE ||
		connection->state == HC_CONNECTION_BODY);
}

static bool has_unscanned(const struct hc_http_connection *connection)
{
	return connection->inbox != NULL && connection->inbox->scan.pos < connection->inbox->len;
}

/* Where the next bytes go; NULL without memory. The scan refuses a full inbox, so there is room. */
static char *space(struct hc_http_connection *connection, size_t *ret_room)
{
	struct hc_inbox *inbox = connection->inbox;

	if (connection->state == HC_CONNECTION_BODY)
		return hc_exchange_space(connection->exchange, ret_room);
	if (inbox == NULL) {
		inbox = malloc(sizeof(*inbox)); /* not cleared: 8 KiB, read up to len alone */
		if (inbox == NULL)
			return NULL;
		memset(&inbox->scan, 0, sizeof(inbox->scan));
		inbox->len = 0;
		connection->inbox = inbox;
	}
	*ret_room = sizeof(inbox->data) - inbox->len;
	return inbox->data + inbox->len;
}

static void took(struct hc_http_connection *connection, size_t len)
{
	if (connection->state == HC_CONNECTION_BODY) {
		hc_exchange_received(connection->exchange, len);
		if (connection->exchange->body_have == connection->exchange->body_len)
			hand_over(connection);
		return;
	}
	connection->inbox->len += len;
	scan(connection);
}

/* Returns whether there is more that the socket will not tell of. */
static bool read_once(struct hc_http_connection *connection)
{
	size_t room = 0, len = 0;
	char *to = space(connection, &room);

	if (to == NULL) {
		connection->broken = true;
		return false;
	}
	if (!judge(connection, hc_wire_read(&connection->wire, to, room, &len))) {
		if (connection->inbox != NULL && connection->inbox->len == 0)
			hc_inbox_free(&connection->inbox);
		return false;
	}
	took(connection, len);
	return hc_wire_pending(&connection->wire);
}

static void receive(struct hc_http_connection *connection)
{
	if (has_unscanned(connection))
		scan(connection);
	while (reads(connection) && !has_unscanned(connection) && read_once(connection))
		;
}

/* ---- the other states ---- */

static void handshake(struct hc_http_connection *connection)
{
	if (!judge(connection, hc_wire_handshake(&connection->wire))) {
		if (connection->broken)
			connection->server->counts.handshakes_failed++;
		return;
	}
	enter_for(connection, HC_CONNECTION_HEADER, connection->server->limits.header_timeout_ms);
	receive(connection);
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

		if (!judge(connection, hc_wire_discard(&connection->wire, &len)))
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
	(void)events; /* what was armed, or what settle() rang */
	connection->entered = true;
	connection->again = false;
	switch (connection->state) {
	case HC_CONNECTION_HANDSHAKE:
		handshake(connection);
		break;
	case HC_CONNECTION_HEADER:
	case HC_CONNECTION_BODY:
	case HC_CONNECTION_IDLE:
		receive(connection);
		break;
	case HC_CONNECTION_EXCHANGE:
		overhear(connection);
		break;
	case HC_CONNECTION_RESPONSE:
		flush_response(connection);
		break;
	case HC_CONNECTION_LINGER:
		linger(connection);
		break;
	}
	connection->entered = false;
	settle(connection);
}

static void expire(struct hc_http_connection *connection)
{
	bool begun = connection->state == HC_CONNECTION_BODY || connection->inbox != NULL;

	if (connection->state != HC_CONNECTION_IDLE && connection->state != HC_CONNECTION_LINGER)
		connection->server->counts.timed_out++;
	/* Only who has begun a request waits for an answer. */
	if (reads(connection) && begun)
		refuse(connection, 408);
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
	connection->timer_ms = NEVER;
	if (now >= connection->deadline_ms) {
		expire(connection);
	} else if (connection->deadline_ms != NEVER) {
		connection->timer_ms = connection->deadline_ms;
		start_timer(connection, connection->deadline_ms - now);
	}
	connection->entered = false;
	settle(connection);
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

static void settle(struct hc_http_connection *connection)
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
	connection->timer_ms = NEVER;
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
		enter_for(connection, HC_CONNECTION_HANDSHAKE, server->limits.tls_handshake_timeout_ms);
	else
		enter_for(connection, HC_CONNECTION_HEADER, server->limits.header_timeout_ms);
	settle(connection);
	return HC_OK;
}

static void release_exchange(struct hc_http_connection *connection)
{
	if (connection->state == HC_CONNECTION_EXCHANGE) {
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
	enter(connection, HC_CONNECTION_LINGER); /* out of the idle list */
	TAILQ_REMOVE(&server->busy, connection, link);
	server->counts.connections--;
	hc_address_give(server->addresses, &connection->key);
	free(connection);
	hc_http_server_gone(server);
}

bool hc_http_connection_rests(const struct hc_http_connection *connection)
{
	return connection->state == HC_CONNECTION_IDLE || connection->state == HC_CONNECTION_HANDSHAKE ||
	       (connection->state == HC_CONNECTION_HEADER && connection->inbox == NULL);
}
