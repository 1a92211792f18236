/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EXCHANGE_H
#define HC_EXCHANGE_H

#include "http/http.h"
#include "http/prescan.h"

struct hc_http_connection;

/*
 * What was received of one request: exists only while there are bytes. Scrubbed when it is freed:
 * passwords, codes and cookies pass through here.
 */
struct hc_inbox {
	struct hc_prescan scan;
	size_t len;
	char data[HC_HTTP_HEADER_BYTES_MAX];
};

void hc_inbox_free(struct hc_inbox **inbox);

/*
 * One request with all that its views point into, and the way back to the connection while that
 * exists.
 */
struct hc_exchange {
	struct hc_http_connection *connection; /* NULL: the client or the server has gone */
	struct hc_loop *loop;
	struct hc_inbox *inbox;	    /* owned */
	char *body;		    /* owned; NULL while the body fits behind the header block */
	size_t body_len, body_have; /* announced, received */
	hc_http_handler_fn handler;
	bool keep_alive;
	struct hc_http_request request;
};

/*
 * hc_exchange_begin: from an inbox whose block is whole (transferred on success). What stands behind
 * the request's last byte is pipelined and goes to a new inbox, ret_rest (NULL: nothing). Returns 0,
 * or the status to refuse with.
 */
HC_CHECK unsigned hc_exchange_begin(struct hc_inbox **inbox, struct hc_exchange **ret_exchange,
				    struct hc_inbox **ret_rest);

/* hc_exchange_space: where the rest of the body goes, and how much of it is missing. */
char *hc_exchange_space(struct hc_exchange *exchange, size_t *ret_missing);
/* hc_exchange_received: len bytes were written there; with the last one the body is set. */
void hc_exchange_received(struct hc_exchange *exchange, size_t len);

void hc_exchange_free(struct hc_exchange **exchange);

#endif
