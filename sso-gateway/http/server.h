/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SERVER_H
#define HC_SERVER_H

#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "http/address.h"
#include "http/http.h"
#include "http/response.h"

struct hc_http_connection;

TAILQ_HEAD(hc_connection_list, hc_http_connection);

/* One listener and its connections; touched by its loop's thread alone. */
struct hc_http_server {
	struct hc_loop *loop; /* borrowed, as are routes and app */
	const struct hc_http_route *routes;
	hc_http_handler_fn not_found;
	void *app;
	struct hc_http_limits limits;
	struct hc_http_tls *tls;	/* a reference of our own; NULL: plain */
	struct hc_connection_list idle; /* kept alive between requests, the longest first */
	struct hc_connection_list busy; /* all others */
	struct hc_address_counts *addresses;
	struct hc_http_counts counts;
	int fd;			     /* -1 once it drains */
	struct event accept, resume; /* resume: armed while descriptors are short */
	struct event drain;	     /* the end of the grace, or the last connection has gone */
	bool draining;
	void (*drained)(void *ctx);
	void *drained_ctx;
	bool trouble_logged;
	int64_t trouble_logged_ms;
	int64_t date_s; /* the second that date says */
	char date[HC_HTTP_DATE_LEN + 1];
};

/* hc_http_server_date: the Date field of now; borrowed until the next call. */
const char *hc_http_server_date(struct hc_http_server *server);

/* hc_http_server_gone: a connection was closed; the last one ends a drain. */
void hc_http_server_gone(struct hc_http_server *server);

#endif
