/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener: who may connect, how many, and the end.
 *
 * State: the socket and the two lists of connections. Threats: floods (bounded in all and by
 * address; beyond the bound the connection that has idled longest makes room, so that idlers keep
 * nobody out), the end of descriptors (accepting pauses instead of spinning). Nothing is read here.
 */
#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"
#include "http/connection.h"
#include "http/loop.h"

#define BACKLOG	     1024
#define BATCH	     32	     /* connections accepted before those that are open have their turn */
#define DRAIN_BATCH  BACKLOG /* the whole backlog: it would be reset with the listener */
#define PAUSE_US     100000  /* after the system refused another descriptor */
#define LOG_EVERY_MS 60000

/* ---- accepting ---- */

static bool make_room(struct hc_http_server *server)
{
	struct hc_http_connection *longest = TAILQ_FIRST(&server->idle);

	if (server->counts.connections < server->limits.connections)
		return true;
	if (longest == NULL)
		return false;
	server->counts.evicted++;
	hc_http_connection_close(longest);
	return true;
}

static void welcome(struct hc_http_server *server, int fd, const struct sockaddr_storage *address)
{
	char peer[HC_ADDRESS_TEXT];
	struct hc_address_key key;

	hc_address_describe(address, peer, &key);
	if (!hc_address_take(server->addresses, &key, server->limits.connections_per_address)) {
		server->counts.over_limit++;
		(void)close(fd); /* nothing was written */
		return;
	}
	if (!make_room(server) || hc_http_connection_new(server, fd, &key, peer) != HC_OK) {
		server->counts.over_limit++;
		hc_address_give(server->addresses, &key);
		(void)close(fd); /* nothing was written */
		return;
	}
	server->counts.accepted++;
}

static void log_trouble(struct hc_http_server *server, int error)
{
	int64_t now = hc_mono_ms(hc_clock_system());

	if (server->trouble_logged && now - server->trouble_logged_ms < LOG_EVERY_MS)
		return;
	server->trouble_logged = true;
	server->trouble_logged_ms = now;
	hc_log(HC_LOG_ERROR, "cannot accept connections", HC_F_TEXT("reason", strerrordesc_np(error)),
	       HC_F_NUM("connections", server->counts.connections));
}

/* Out of descriptors or memory: the backlog keeps the clients for a moment. */
static void pause_accepting(struct hc_http_server *server, int error)
{
	static const struct timeval pause = {.tv_sec = 0, .tv_usec = PAUSE_US};

	log_trouble(server, error);
	if (evtimer_add(&server->resume, &pause) == 0)
		(void)event_del(&server->accept); /* if it stays, it is only busier */
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void accept_some(struct hc_http_server *server, int batch)
{
	for (int i = 0; i < batch; i++) {
		struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof(address);
		int fd = accept4(server->fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int error = errno;

		if (fd >= 0) {
			welcome(server, fd, &address);
		} else if (is_shortage(error)) {
			pause_accepting(server, error);
			return;
		} else if (error == EAGAIN) {
			return;
		} /* anything else is the end of that one connection, and the next may be fine */
	}
}

static void on_accept(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;     /* the server's */
	(void)events; /* always EV_READ */
	accept_some(ctx, BATCH);
}

static void on_resume(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_http_server *server = ctx;

	(void)fd;     /* none */
	(void)events; /* always EV_TIMEOUT */
	if (server->fd >= 0 && event_add(&server->accept, NULL) != 0)
		pause_accepting(server, ENOMEM);
}

/* ---- the end ---- */

static void close_all(struct hc_connection_list *list)
{
	while (!TAILQ_EMPTY(list))
		hc_http_connection_close(TAILQ_FIRST(list));
}

static void close_resting(struct hc_connection_list *list)
{
	struct hc_http_connection *next = NULL;

	for (struct hc_http_connection *connection = TAILQ_FIRST(list); connection != NULL;
	     connection = next) {
		next = TAILQ_NEXT(connection, link);
		if (!connection->entered && hc_http_connection_rests(connection))
			hc_http_connection_close(connection);
	}
}

static void close_listener(struct hc_http_server *server)
{
	(void)event_del(&server->accept); /* both were assigned: it does not fail */
	(void)event_del(&server->resume);
	if (server->fd >= 0)
		(void)close(server->fd); /* nothing is written to a listening socket */
	server->fd = -1;
}

static void on_drain(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_http_server *server = ctx;
	void (*drained)(void *ctx) = server->drained;

	(void)fd;     /* none */
	(void)events; /* the grace is over, or everybody has gone */
	server->drained = NULL;
	close_all(&server->idle);
	close_all(&server->busy);
	(void)event_del(&server->drain); /* the last of them has rung it again */
	if (drained != NULL)
		drained(server->drained_ctx);
}

void hc_http_server_gone(struct hc_http_server *server)
{
	if (server->draining && server->counts.connections == 0)
		event_active(&server->drain, EV_TIMEOUT, 0);
}

void hc_http_server_drain(struct hc_http_server *server, int64_t grace_ms, void (*drained)(void *ctx),
			  void *ctx)
{
	struct timeval grace = {.tv_sec = (time_t)(grace_ms / 1000),
				.tv_usec = (suseconds_t)(grace_ms % 1000) * 1000};

	if (server->draining)
		return;
	accept_some(server, DRAIN_BATCH); /* before it drains: these find a server still */
	close_listener(server);
	server->draining = true;
	server->drained = drained;
	server->drained_ctx = ctx;
	close_resting(&server->idle);
	close_resting(&server->busy);
	if (server->counts.connections == 0 || evtimer_add(&server->drain, &grace) != 0)
		event_active(&server->drain, EV_TIMEOUT, 0);
}

/* ---- life ---- */

static enum hc_err from_errno(int error)
{
	if (error == EADDRINUSE)
		return HC_ERR_EXISTS;
	return error == EACCES ? HC_ERR_PERM : HC_ERR_IO;
}

static enum hc_err listen_on(const char *address, int *ret_fd)
{
	static const int on = 1;
	struct sockaddr_storage where;
	socklen_t len = 0;
	enum hc_err err = hc_address_parse(address, &where, &len);
	int fd = -1;

	if (err != HC_OK)
		return err;
	fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return from_errno(errno);
	/* What is accepted has the listener's TCP_NODELAY. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    (where.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&where, len) != 0 || listen(fd, BACKLOG) != 0) {
		err = from_errno(errno);
		(void)close(fd); /* nothing was written */
		return err;
	}
	*ret_fd = fd;
	return HC_OK;
}

static enum hc_err start(struct hc_http_server *server, const char *address)
{
	struct event_base *base = hc_loop_base(server->loop);
	enum hc_err err = hc_address_counts_new(server->limits.connections, &server->addresses);

	if (err == HC_OK)
		err = listen_on(address, &server->fd);
	if (err != HC_OK)
		return err;
	if (event_assign(&server->accept, base, server->fd, EV_READ | EV_PERSIST, on_accept, server) != 0 ||
	    event_add(&server->accept, NULL) != 0)
		return HC_ERR_NOMEM;
	return HC_OK;
}

enum hc_err hc_http_server_new(struct hc_loop *loop, const char *address, struct hc_http_tls *tls,
			       const struct hc_http_route *routes, hc_http_handler_fn not_found, void *app,
			       const struct hc_http_limits *limits, struct hc_http_server **ret_server)
{
	struct hc_http_server *server = calloc(1, sizeof(*server));
	struct event_base *base = hc_loop_base(loop);
	enum hc_err err = HC_OK;

	if (server == NULL)
		return HC_ERR_NOMEM;
	server->loop = loop;
	server->routes = routes;
	server->not_found = not_found;
	server->app = app;
	server->limits = *limits;
	server->fd = -1;
	server->tls = tls != NULL ? hc_http_tls_ref(tls) : NULL;
	TAILQ_INIT(&server->idle);
	TAILQ_INIT(&server->busy);
	if (event_assign(&server->accept, base, -1, EV_PERSIST, on_accept, server) != 0 ||
	    evtimer_assign(&server->resume, base, on_resume, server) != 0 ||
	    evtimer_assign(&server->drain, base, on_drain, server) != 0)
		err = HC_ERR_NOMEM;
	if (err == HC_OK)
		err = start(server, address);
	if (err != HC_OK) {
		hc_http_server_free(&server);
		return err;
	}
	*ret_server = server;
	return HC_OK;
}

void hc_http_server_free(struct hc_http_server **server)
{
	struct hc_http_server *old = server != NULL ? *server : NULL;

	if (old == NULL)
		return;
	close_listener(old);
	close_all(&old->idle);
	close_all(&old->busy);
	(void)event_del(&old->drain); /* assigned: it does not fail */
	hc_address_counts_free(&old->addresses);
	hc_http_tls_unref(&old->tls);
	free(old);
	*server = NULL;
}

uint16_t hc_http_server_port(const struct hc_http_server *server)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct sockaddr_in6 in6; /* the port stands at the same place in both */

	if (server->fd < 0 || getsockname(server->fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	memcpy(&in6, &address, sizeof(in6));
	return ntohs(in6.sin6_port);
}

void hc_http_server_set_tls(struct hc_http_server *server, struct hc_http_tls *tls)
{
	struct hc_http_tls *old = server->tls;

	server->tls = tls != NULL ? hc_http_tls_ref(tls) : NULL;
	hc_http_tls_unref(&old);
}

const char *hc_http_server_date(struct hc_http_server *server)
{
	int64_t now = hc_now_ms(hc_clock_system());

	if (now / 1000 != server->date_s || server->date[0] == '\0') {
		server->date_s = now / 1000;
		hc_http_date(now, server->date);
	}
	return server->date;
}

void hc_http_server_counts(const struct hc_http_server *server, struct hc_http_counts *ret_counts)
{
	*ret_counts = server->counts;
}
