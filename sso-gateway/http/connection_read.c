/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's way in: bytes to header block to body to the handler.
 *
 * State: the connection. Threats: requests that are not whole, or that hide another one (the scan
 * stands first, and what it refuses takes the connection with it), memory for those who send nothing
 * (an inbox is there from the first byte on, a body's room once its length is known and in bounds).
 * Pipelined bytes wait in the inbox, and beyond its size in the kernel.
 */
#include "http/connection.h"

#include <stdlib.h>
#include <string.h>

#include "http/route.h"
#include "http/server.h"

static void hand_over(struct hc_http_connection *connection)
{
	struct hc_http_server *server = connection->server;
	struct hc_exchange *exchange = connection->exchange;

	hc_http_connection_enter(connection, HC_CONNECTION_EXCHANGE);
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
		hc_http_connection_respond_error(connection, found.status, found.allow);
		return;
	}
	exchange->handler = found.handler;
	if (whole) {
		hand_over(connection);
		return;
	}
	hc_http_connection_enter_for(connection, HC_CONNECTION_BODY, server->limits.body_timeout_ms);
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
		hc_http_connection_refuse(connection, status);
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
			hc_http_connection_enter_for(connection, HC_CONNECTION_HEADER,
						     connection->server->limits.header_timeout_ms);
		break;
	case HC_PRESCAN_WHOLE:
		begin(connection);
		break;
	case HC_PRESCAN_REFUSED:
		hc_http_connection_refuse(connection, inbox->scan.status);
		break;
	}
}

bool hc_http_connection_reads(const struct hc_http_connection *connection)
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
	if (!hc_http_connection_judge(connection, hc_wire_read(&connection->wire, to, room, &len))) {
		if (connection->inbox != NULL && connection->inbox->len == 0)
			hc_inbox_free(&connection->inbox);
		return false;
	}
	took(connection, len);
	return hc_wire_pending(&connection->wire);
}

void hc_http_connection_receive(struct hc_http_connection *connection)
{
	if (has_unscanned(connection))
		scan(connection);
	while (hc_http_connection_reads(connection) && !has_unscanned(connection) && read_once(connection))
		;
}
