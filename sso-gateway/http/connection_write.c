/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's way out: answers of handlers, the server's own, and what comes after them.
 *
 * State: the connection. Threats: a client that does not read (the response has one deadline), an
 * answer that is lost because the socket is closed over unread bytes (we close our half and read
 * away what still comes, up to a bound).
 */
#include "http/connection.h"

#include <stdio.h>

#include "http/server.h"

#define LINGER_MS 2000

/* Answered: the next request, or no more of them. */
static void responded(struct hc_http_connection *connection)
{
	if (connection->close_after) {
		/* Closing with bytes unread would reset the answer away that is still under way. */
		hc_wire_finish(&connection->wire);
		hc_inbox_free(&connection->inbox);
		hc_http_connection_enter_for(connection, HC_CONNECTION_LINGER, LINGER_MS);
		return;
	}
	connection->deaf = false;
	if (connection->inbox != NULL)
		hc_http_connection_enter_for(connection, HC_CONNECTION_HEADER,
					     connection->server->limits.header_timeout_ms);
	else
		hc_http_connection_enter_for(connection, HC_CONNECTION_IDLE,
					     connection->server->limits.idle_timeout_ms);
	/* The socket will not tell of what is here already; and others come first. */
	connection->again = connection->inbox != NULL || hc_wire_pending(&connection->wire);
}

void hc_http_connection_flush(struct hc_http_connection *connection)
{
	struct hc_response *response = &connection->response;

	while (response->sent < response->len) {
		size_t len = 0;
		enum hc_wire_result result = hc_wire_write(&connection->wire, response->data + response->sent,
							   response->len - response->sent, &len);

		if (!hc_http_connection_judge(connection, result)) {
			if (connection->deadline_ms == HC_NEVER)
				hc_http_connection_set_deadline(connection,
								connection->server->limits.write_timeout_ms);
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
	hc_http_connection_enter(connection, HC_CONNECTION_RESPONSE);
	hc_http_connection_flush(connection);
}

/* The server's own answer to what it does not hand over. */
void hc_http_connection_respond_error(struct hc_http_connection *connection, unsigned status,
				      const char *allow)
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

void hc_http_connection_refuse(struct hc_http_connection *connection, unsigned status)
{
	connection->close_after = true;
	hc_http_connection_respond_error(connection, status, "");
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
	hc_http_connection_settle(connection);
}
