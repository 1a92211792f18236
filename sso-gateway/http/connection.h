/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONNECTION_H
#define HC_CONNECTION_H

#include <sys/queue.h>

#include <event2/event_struct.h>

#include "http/address.h"
#include "http/exchange.h"
#include "http/http.h"
#include "http/response.h"
#include "http/wire.h"

struct hc_http_server;

/*
 * One connection. It holds buffers only while there are bytes: an inbox from the first byte of a
 * request, an exchange from the end of its header block, a response until it is written.
 */
enum hc_connection_state {
	HC_CONNECTION_HANDSHAKE,
	HC_CONNECTION_HEADER, /* also before the first byte of a new connection */
	HC_CONNECTION_BODY,
	HC_CONNECTION_EXCHANGE, /* handed over, not answered */
	HC_CONNECTION_RESPONSE,
	HC_CONNECTION_IDLE,  /* answered, kept alive, nothing received since */
	HC_CONNECTION_LINGER /* our end is closed; what still comes is read away */
};

struct hc_http_connection {
	TAILQ_ENTRY(hc_http_connection) link;
	struct hc_http_server *server;
	struct hc_wire wire;
	enum hc_connection_state state;
	short armed;		      /* events that io waits for */
	short wants;		      /* what TLS waits for where that is not what the state waits for */
	bool entered;		      /* an event is being served: whoever entered settles */
	bool broken;		      /* to be closed as soon as nobody stands on it */
	bool close_after;	      /* no other request after this one */
	bool again;		      /* bytes are here that the socket will not tell of */
	bool deaf;		      /* not listening for the client while its exchange is open */
	int64_t deadline_ms;	      /* of the state */
	int64_t timer_ms;	      /* when the timer fires, at the deadline or before */
	size_t discarded;	      /* while lingering */
	struct hc_inbox *inbox;	      /* owned; NULL: nothing received */
	struct hc_exchange *exchange; /* ours until it is handed over, then the handler's */
	struct hc_response response;
	struct event io, timer;
	struct hc_address_key key;
	char peer[HC_ADDRESS_TEXT];
};

/*
 * hc_http_connection_new: serves fd (transferred on success), whose address is counted already.
 * HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_http_connection_new(struct hc_http_server *server, int fd,
					    const struct hc_address_key *key, const char *peer);

/* hc_http_connection_close: ends it now; an exchange that was handed over loses its way back. */
void hc_http_connection_close(struct hc_http_connection *connection);

/* hc_http_connection_rests: whether it can be closed without anybody missing an answer. */
bool hc_http_connection_rests(const struct hc_http_connection *connection);

/* hc_http_connection_answer: for hc_exchange_reply; the connection's exchange is answered with it. */
void hc_http_connection_answer(struct hc_http_connection *connection, unsigned status,
			       const char *const *headers, const struct hc_view *body, bool sensitive);

#endif
