/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP layer itself costs: a fixed answer of 600 bytes, over plain HTTP or TLS. Every figure
 * of the gateway stands on this floor.
 *
 *	http_floor [--threads N] [--certificate FILE --key FILE] [ADDRESS]
 *
 * It says where it listens, then serves until SIGINT or SIGTERM and prints what it has used. Load:
 *	wrk -t1 -c32 -d10 http://127.0.0.1:8090/
 */
#include <sys/resource.h>

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hospiconnect/attrs.h"
#include "http/http.h"
#include "http/loop.h"

#define ANSWER_LEN  600
#define THREADS_MAX 8

struct worker {
	struct hc_loop *loop;
	struct hc_http_server *server;
	pthread_t thread;
	struct hc_http_counts counts;
};

static char answer[ANSWER_LEN];

static void serve(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {
		"Content-Type", "application/json", "Cache-Control", "no-store", "Pragma", "no-cache", NULL};

	(void)app;
	hc_exchange_reply(exchange, 200, headers, answer, sizeof(answer), true);
}

static const struct hc_http_route routes[] = {{"/", HC_HTTP_GET | HC_HTTP_POST, serve}, {.path = NULL}};

static const struct hc_http_limits limits = {
	.connections = 20000,
	.tls_handshake_timeout_ms = 10000,
	.header_timeout_ms = 60000,
	.body_timeout_ms = 10000,
	.idle_timeout_ms = 600000,
	.write_timeout_ms = 30000,
};

static void must(enum hc_err err, const char *what)
{
	if (err == HC_OK)
		return;
	(void)fprintf(stderr, "http_floor: %s: %s\n", what, hc_strerror(err));
	exit(1);
}

static void *run(void *ctx)
{
	struct worker *worker = ctx;

	must(hc_loop_run(worker->loop), "the loop");
	hc_http_server_counts(worker->server, &worker->counts);
	return NULL;
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void report(const struct worker *workers, unsigned count)
{
	struct rusage used;
	uint64_t requests = 0, accepted = 0;

	for (unsigned i = 0; i < count; i++) {
		requests += workers[i].counts.requests;
		accepted += workers[i].counts.accepted;
	}
	(void)getrusage(RUSAGE_SELF, &used);

	double cpu = seconds(&used.ru_utime) + seconds(&used.ru_stime);

	(void)printf("%ju requests, %ju connections, %.2f s CPU (%.2f user), %.2f us CPU a request, "
		     "%ld KiB RSS at most\n",
		     (uintmax_t)requests, (uintmax_t)accepted, cpu, seconds(&used.ru_utime),
		     requests > 0 ? cpu * 1e6 / (double)requests : 0.0, used.ru_maxrss);
}

static unsigned options(int argc, char **argv, const char **certificate, const char **key)
{
	static const struct option known[] = {{"threads", required_argument, NULL, 't'},
					      {"certificate", required_argument, NULL, 'c'},
					      {"key", required_argument, NULL, 'k'},
					      {NULL, 0, NULL, 0}};
	unsigned threads = 1;

	for (int option = 0; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (option == 't')
			threads = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'c')
			*certificate = optarg;
		else if (option == 'k')
			*key = optarg;
		else
			exit(2);
	}
	return threads < 1 || threads > THREADS_MAX ? 1 : threads;
}

static void start(struct worker *worker, unsigned index, const char *address, struct hc_http_tls *tls)
{
	must(hc_loop_new(index, &worker->loop), "the loop");
	must(hc_http_server_new(worker->loop, address, tls, routes, NULL, NULL, &limits, &worker->server),
	     address);
	if (pthread_create(&worker->thread, NULL, run, worker) != 0)
		must(HC_ERR_NOMEM, "a thread");
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS_MAX] = {{.loop = NULL}};
	const char *certificate = NULL, *key = NULL, *why = "";
	struct hc_http_tls *tls = NULL;
	unsigned threads = options(argc, argv, &certificate, &key);
	const char *address = optind < argc ? argv[optind] : "127.0.0.1:8090";
	sigset_t ends;
	int signal = 0;

	memset(answer, 'x', sizeof(answer));
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (certificate != NULL && key != NULL)
		must(hc_http_tls_load(certificate, key, &tls, &why), why);
	for (unsigned i = 0; i < threads; i++)
		start(&workers[i], i, address, tls);
	(void)printf("%u threads at %s\n", threads, address);
	(void)fflush(stdout);
	(void)sigwait(&ends, &signal);
	for (unsigned i = 0; i < threads; i++) {
		hc_loop_stop(workers[i].loop);
		(void)pthread_join(workers[i].thread, NULL);
	}
	report(workers, threads);
	for (unsigned i = 0; i < threads; i++) {
		hc_http_server_free(&workers[i].server);
		hc_loop_free(&workers[i].loop);
	}
	hc_http_tls_unref(&tls);
	return 0;
}
