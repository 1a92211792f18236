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

#define HC_NEVER INT64_MAX

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

/* ---- between the files of the connection ---- */

/* hc_http_connection_enter: another state, without a deadline. */
void hc_http_connection_enter(struct hc_http_connection *connection, enum hc_connection_state state);
/* hc_http_connection_enter_for: another state, for at most limit_ms. */
void hc_http_connection_enter_for(struct hc_http_connection *connection, enum hc_connection_state state,
				  int64_t limit_ms);
void hc_http_connection_set_deadline(struct hc_http_connection *connection, int64_t delay_ms);

/*
 * hc_http_connection_judge: whether to go on after a step on the wire; otherwise it is noted what is
 * waited for, or that the connection is broken.
 */
bool hc_http_connection_judge(struct hc_http_connection *connection, enum hc_wire_result result);

/* hc_http_connection_settle: closes it or arms its events, once nobody stands on it any more. */
void hc_http_connection_settle(struct hc_http_connection *connection);

/* hc_http_connection_reads: whether it is in a state that takes bytes of requests. */
bool hc_http_connection_reads(const struct hc_http_connection *connection);
/* hc_http_connection_receive: reads and serves what is there. */
void hc_http_connection_receive(struct hc_http_connection *connection);

/* hc_http_connection_flush: writes what it can of the response; with the last byte, what comes next. */
void hc_http_connection_flush(struct hc_http_connection *connection);
/* hc_http_connection_respond_error: the server's own answer; allow: for 405, else "". Frees the exchange. */
void hc_http_connection_respond_error(struct hc_http_connection *connection, unsigned status,
				      const char *allow);
/* hc_http_connection_refuse: the same, and no other request after this one. */
void hc_http_connection_refuse(struct hc_http_connection *connection, unsigned status);

#endif
