/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HTTP_SUPPORT_H
#define HC_HTTP_SUPPORT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/clock.h"
#include "http/http.h"
#include "http/loop.h"

/*
 * A real server on loopback, its loop on a thread of its own, and clients that speak raw bytes. What
 * the loop owns is looked at by on_loop() alone.
 */
#define ANSWER_MAX 65536
#define BIG_LEN	   (8u * 1024 * 1024)
#define FOREVER_MS 60000
#define SOON_MS	   150

struct rig {
	struct hc_loop *loop;
	struct hc_http_server *server;
	struct hc_http_tls *tls;
	struct hc_http_limits limits;
	pthread_t thread;
	uint16_t port;
	bool running;
	struct hc_exchange *held; /* by /hold; the loop's */
	sem_t holds, drained;
	char *big;
};

/* ---- handlers ---- */

static inline void rig_echo(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {"Content-Type", "text/plain", NULL};
	const struct hc_http_request *request = hc_exchange_request(exchange);
	static _Thread_local char text[HC_HTTP_BODY_MAX + 1024];
	int len = snprintf(text, sizeof(text), "%d|%s|%s|%.*s|%.*s|%.*s", (int)request->method, request->peer,
			   request->tls ? "tls" : "plain", (int)request->path.len, request->path.data,
			   (int)request->query.len, request->query.data, (int)request->body.len,
			   request->body.data);

	(void)app;
	hc_exchange_reply(exchange, 200, headers, text, (size_t)len, true);
}

static inline void rig_hold(struct hc_exchange *exchange, void *app)
{
	struct rig *rig = app;

	rig->held = exchange;
	(void)sem_post(&rig->holds);
}

static inline void rig_big(struct hc_exchange *exchange, void *app)
{
	struct rig *rig = app;

	hc_exchange_reply(exchange, 200, NULL, rig->big, BIG_LEN, false);
}

static const struct hc_http_route rig_routes[] = {
	{"/echo", HC_HTTP_GET | HC_HTTP_POST, rig_echo},
	{"/form", HC_HTTP_POST, rig_echo},
	{"/page", HC_HTTP_GET, rig_echo},
	{"/hold", HC_HTTP_GET, rig_hold},
	{"/big", HC_HTTP_GET, rig_big},
	{.path = NULL},
};

/* ---- the loop's thread ---- */

struct rig_errand {
	struct rig *rig;
	void (*fn)(struct rig *rig, void *ctx);
	void *ctx;
	sem_t done;
};

static inline void rig_run_errand(void *ctx)
{
	struct rig_errand *errand = ctx;

	errand->fn(errand->rig, errand->ctx);
	(void)sem_post(&errand->done);
}

/* Runs fn on the loop's thread and waits for its end. */
static inline void on_loop(struct rig *rig, void (*fn)(struct rig *rig, void *ctx), void *ctx)
{
	struct rig_errand errand = {.rig = rig, .fn = fn, .ctx = ctx};

	assert_int_equal(sem_init(&errand.done, 0, 0), 0);
	assert_int_equal(hc_loop_post(rig->loop, rig_run_errand, &errand), HC_OK);
	while (sem_wait(&errand.done) != 0)
		;
	(void)sem_destroy(&errand.done);
}

static inline void rig_counts(struct rig *rig, void *ctx)
{
	hc_http_server_counts(rig->server, ctx);
}

static inline struct hc_http_counts counts_of(struct rig *rig)
{
	struct hc_http_counts counts;

	on_loop(rig, rig_counts, &counts);
	return counts;
}

static inline void rig_nothing(struct rig *rig, void *ctx)
{
	(void)rig;
	(void)ctx;
}

/* Until the number of connections is as wanted; each round lets the loop serve what it has. */
static inline void await_connections(struct rig *rig, unsigned wanted)
{
	for (int i = 0; i < 200000; i++) {
		if (counts_of(rig).connections == wanted)
			return;
	}
	fail_msg("%u connections, wanted %u", counts_of(rig).connections, wanted);
}

static inline void rig_answer_held(struct rig *rig, void *ctx)
{
	struct hc_exchange *held = hc_steal_ptr(&rig->held);

	(void)ctx;
	hc_exchange_reply(held, 200, NULL, "held", 4, true);
}

static inline void *rig_thread(void *ctx)
{
	struct rig *rig = ctx;

	return hc_loop_run(rig->loop) == HC_OK ? NULL : ctx;
}

/* ---- life ---- */

static inline struct rig *rig_new(struct hc_http_tls *tls)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->limits = (struct hc_http_limits){
		.connections = 2048,
		.tls_handshake_timeout_ms = FOREVER_MS,
		.header_timeout_ms = FOREVER_MS,
		.body_timeout_ms = FOREVER_MS,
		.idle_timeout_ms = FOREVER_MS,
		.write_timeout_ms = FOREVER_MS,
	};
	rig->tls = tls;
	rig->big = calloc(1, BIG_LEN);
	assert_non_null(rig->big);
	assert_int_equal(sem_init(&rig->holds, 0, 0), 0);
	assert_int_equal(sem_init(&rig->drained, 0, 0), 0);
	return rig;
}

/* With the limits that the test has set by now. */
static inline void rig_start(struct rig *rig)
{
	assert_int_equal(hc_loop_new(0, &rig->loop), HC_OK);
	assert_int_equal(hc_http_server_new(rig->loop, "127.0.0.1:0", rig->tls, rig_routes, NULL, rig,
					    &rig->limits, &rig->server),
			 HC_OK);
	rig->port = hc_http_server_port(rig->server);
	assert_int_not_equal(rig->port, 0);
	assert_int_equal(pthread_create(&rig->thread, NULL, rig_thread, rig), 0);
	rig->running = true;
}

static inline void rig_stop(struct rig *rig)
{
	void *failed = NULL;

	if (!rig->running)
		return;
	hc_loop_stop(rig->loop);
	assert_int_equal(pthread_join(rig->thread, &failed), 0);
	assert_null(failed);
	rig->running = false;
}

static inline void rig_free(struct rig *rig)
{
	rig_stop(rig);
	hc_http_server_free(&rig->server);
	if (rig->held != NULL)
		rig_answer_held(rig, NULL);
	hc_loop_free(&rig->loop);
	hc_http_tls_unref(&rig->tls);
	(void)sem_destroy(&rig->holds);
	(void)sem_destroy(&rig->drained);
	free(rig->big);
	free(rig);
}

/* ---- clients ---- */

static inline int dial(const struct rig *rig)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
	struct timeval patience = {.tv_sec = 30};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static inline void say_bytes(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static inline void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One answer, up to its Content-Length (for HEAD: without a body); returns the status. */
static inline unsigned hear(int fd, char *out, size_t cap, bool head)
{
	size_t len = 0, wanted = SIZE_MAX;
	const char *end = NULL, *length = NULL;

	while (len < wanted) {
		ssize_t got = recv(fd, out + len, 1, 0);

		if (got != 1)
			fail_msg("the answer ends behind %zu bytes", len);
		assert_true(++len < cap);
		out[len] = '\0';
		if (end != NULL || (end = strstr(out, "\r\n\r\n")) == NULL)
			continue;
		length = strstr(out, "Content-Length: ");
		wanted = len + (length != NULL && !head ? strtoul(length + 16, NULL, 10) : 0);
	}
	assert_memory_equal(out, "HTTP/1.1 ", 9);
	return (unsigned)strtoul(out + 9, NULL, 10);
}

static inline unsigned hear_status(int fd)
{
	static char answer[ANSWER_MAX * 2];

	return hear(fd, answer, sizeof(answer), false);
}

static inline void hear_body(int fd, const char *body)
{
	static char answer[ANSWER_MAX * 2];

	assert_int_equal(hear(fd, answer, sizeof(answer), false), 200);
	assert_string_equal(strstr(answer, "\r\n\r\n") + 4, body);
}

/* That nothing more comes but the end. */
static inline void hear_end(int fd)
{
	char byte = 0;
	ssize_t got = recv(fd, &byte, 1, 0);

	if (got > 0)
		fail_msg("there is more: %c", byte);
	assert_int_equal(got, 0);
	(void)close(fd);
}

static inline int64_t mono_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

#endif
