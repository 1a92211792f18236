/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics, in the text form that Prometheus reads.
 *
 * State: a gathering: each loop puts what it counts of its connections into its place, and the last one
 * sends the answer. Nothing here names a person, an application or an address: a label has the values that
 * stand in this program.
 */
#include <sys/resource.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/monitor.h"
#include "hospiconnect/log.h"
#include "http/loop.h"
#include "process/duties.h"
#include "store/gstore.h"

#define PREFIX	  "hospiconnect_gateway_"
#define TEXT_CAP  32768
#define LOOPS_MAX 8

struct gather {
	struct hc_process *process;
	struct hc_exchange *exchange;
	atomic_size_t missing;
	struct hc_http_counts counts[LOOPS_MAX];
};

struct ask {
	struct gather *gather;
	struct hc_lane *lane;
};

struct text {
	char *data;
	size_t len;
};

HC_PRINTF(2, 3) static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int len = 0;

	va_start(args, format);
	len = vsnprintf(text->data + text->len, TEXT_CAP - text->len, format, args);
	va_end(args);
	if (len > 0) /* cut where the space ends, which it does not: what is written is bounded */
		text->len += (size_t)len < TEXT_CAP - text->len ? (size_t)len : TEXT_CAP - text->len - 1;
}

static void head(struct text *text, const char *name, const char *type, const char *help)
{
	add(text, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void gauge(struct text *text, const char *name, const char *help, int64_t value)
{
	head(text, name, "gauge", help);
	add(text, PREFIX "%s %" PRId64 "\n", name, value);
}

static void counter(struct text *text, const char *name, const char *help, uint64_t value)
{
	head(text, name, "counter", help);
	add(text, PREFIX "%s %" PRIu64 "\n", name, value);
}

/* ---- what the loops count for themselves ---- */

static uint64_t sum(const struct hc_process *process, enum hc_counter which)
{
	uint64_t total = 0;

	for (size_t i = 0; i < (size_t)process->gateway.config.threads; i++)
		total += atomic_load_explicit(&process->gateway.workers[i].counters[which],
					      memory_order_relaxed);
	return total;
}

/* Rows of one metric stand together: the first one has the help. */
static void write_counters(struct text *text, const struct hc_process *process)
{
	static const struct {
		const char *metric, *labels, *help;
	} rows[] = {
#define HC_COUNTER_ROW(name, metric, labels, help) {metric, labels, help},
		HC_COUNTERS(HC_COUNTER_ROW)
#undef HC_COUNTER_ROW
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const bool labelled = rows[i].labels[0] != '\0';

		if (i == 0 || strcmp(rows[i].metric, rows[i - 1].metric) != 0)
			head(text, rows[i].metric, "counter", rows[i].help);
		add(text, PREFIX "%s%s%s%s %" PRIu64 "\n", rows[i].metric, labelled ? "{" : "",
		    rows[i].labels, labelled ? "}" : "", sum(process, (enum hc_counter)i));
	}
}

/* ---- connections ---- */

static void add_counts(struct hc_http_counts *into, const struct hc_http_counts *more)
{
	into->connections += more->connections;
	into->idle += more->idle;
	into->exchanges += more->exchanges;
	into->accepted += more->accepted;
	into->over_limit += more->over_limit;
	into->evicted += more->evicted;
	into->handshakes_failed += more->handshakes_failed;
	into->timed_out += more->timed_out;
	into->requests += more->requests;
	into->refused += more->refused;
}

static void write_connections(struct text *text, const struct gather *gather)
{
	struct hc_http_counts all = {.connections = 0};

	for (size_t i = 0; i < LOOPS_MAX; i++)
		add_counts(&all, &gather->counts[i]);
	gauge(text, "http_connections", "Open connections", all.connections);
	gauge(text, "http_connections_idle", "Open connections without a request", all.idle);
	gauge(text, "http_exchanges", "Requests that wait for their answer", all.exchanges);
	counter(text, "http_accepted_total", "Connections accepted", all.accepted);
	counter(text, "http_over_limit_total", "Connections closed at once, over a limit", all.over_limit);
	counter(text, "http_evicted_total", "Idle connections that made room", all.evicted);
	counter(text, "http_handshakes_failed_total", "TLS handshakes that failed", all.handshakes_failed);
	counter(text, "http_timed_out_total", "Connections that were too slow", all.timed_out);
	counter(text, "http_requests_total", "Requests answered by an endpoint", all.requests);
	counter(text, "http_refused_total", "Requests refused before any endpoint", all.refused);
}

/* ---- store, broker, process ---- */

static void write_store(struct text *text, struct hc_process *process)
{
	struct hc_gstore_counts counts;
	struct hc_duties_facts facts;

	hc_gstore_counts(process->gateway.store, &counts);
	hc_duties_facts(process->duties, &facts);
	counter(text, "store_writes_total", "Writes that ran", counts.members);
	counter(text, "store_commits_total", "Groups of writes that were committed", counts.groups);
	counter(text, "store_writes_lost_total", "Writes whose commit failed", counts.refused);
	gauge(text, "store_queue", "Writes that wait", (int64_t)counts.queued);
	gauge(text, "store_file_bytes", "Size of the database", counts.file_bytes);
	gauge(text, "store_log_bytes", "Size of the write-ahead log", counts.log_bytes);
	counter(text, "store_purged_total", "Rows purged since the start", facts.purged);
	gauge(text, "store_writable", "Whether the last write held", facts.store_writable);
	if (facts.records_waiting >= 0)
		gauge(text, "audit_records_waiting", "Audit records that the broker does not have yet",
		      facts.records_waiting);
}

static void write_state(struct text *text, struct hc_process *process)
{
	struct hc_readiness readiness;
	const bool ready = hc_monitor_readiness(process, &readiness);

	gauge(text, "ready", "Whether /readyz says so", ready);
	gauge(text, "broker_live", "Whether the broker tells of changes", readiness.broker);
	gauge(text, "certificate_expires_seconds", "When the certificate ends, as seconds since 1970",
	      atomic_load(&process->certificate_expires_ms) / 1000);
	gauge(text, "start_time_seconds", "When the process started, as seconds since 1970",
	      process->started_ms / 1000);
	head(text, "build_info", "gauge", "1, with the version");
	add(text, PREFIX "build_info{version=\"" HC_VERSION "\"} 1\n");
}

/* Pages in memory: the second number there; 0 if it cannot be read. */
static unsigned long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[128] = "";
	const char *second = NULL;

	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) != NULL)
		second = strchr(line, ' ');
	(void)fclose(file); /* only read from */
	return second == NULL ? 0 : strtoul(second, NULL, 10);
}

static void write_process(struct text *text)
{
	const unsigned long pages = resident_pages();
	struct rusage usage = {.ru_maxrss = 0};

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		add(text, "# HELP process_cpu_seconds_total CPU time of the process\n"
			  "# TYPE process_cpu_seconds_total counter\n");
		add(text, "process_cpu_seconds_total %lld.%06lld\n",
		    (long long)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
			    (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000000,
		    (long long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) % 1000000);
	}
	if (pages > 0)
		add(text,
		    "# HELP process_resident_memory_bytes Memory of the process\n"
		    "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lu\n",
		    pages * (unsigned long)sysconf(_SC_PAGESIZE));
}

/* ---- the answer ---- */

static void answer(struct gather *gather)
{
	static const char *const headers[] = {"Content-Type", "text/plain; version=0.0.4; charset=utf-8",
					      "Cache-Control", "no-store", NULL};
	struct text text = {.data = malloc(TEXT_CAP)};

	/* Without a store this letter was left over at the end. */
	if (text.data == NULL || gather->process->gateway.store == NULL) {
		hc_exchange_reply(gather->exchange, 503, NULL, NULL, 0, false);
	} else {
		write_state(&text, gather->process);
		write_counters(&text, gather->process);
		write_connections(&text, gather);
		write_store(&text, gather->process);
		write_process(&text);
		hc_exchange_reply(gather->exchange, 200, headers, text.data, text.len, false);
	}
	free(text.data);
	free(gather);
}

static void all_there(void *ctx)
{
	answer(ctx);
}

/* Whoever brings the last pieces sends for the answer, which only the first loop may give. */
static void bring(struct gather *gather, size_t pieces)
{
	if (atomic_fetch_sub(&gather->missing, pieces) != pieces)
		return;
	if (gather->process->gateway.store == NULL)
		answer(gather); /* the end: this letter was left over, and the first loop may have gone */
	else if (hc_loop_post(gather->process->gateway.workers[0].loop, all_there, gather) != HC_OK)
		free(gather); /* no memory for a letter: the client sees its time-out */
}

static void count_lane(void *ctx)
{
	struct ask *ask = ctx;
	struct hc_http_counts *into = &ask->gather->counts[hc_loop_index(ask->lane->worker->loop)];

	for (size_t i = 0; i < ask->lane->server_count; i++) {
		struct hc_http_counts one;

		hc_http_server_counts(ask->lane->servers[i], &one);
		add_counts(into, &one);
	}
	bring(ask->gather, 1);
	free(ask);
}

/* False: nothing will come from there. */
static bool ask_lane(struct gather *gather, struct hc_lane *lane)
{
	struct ask *ask = malloc(sizeof(*ask));

	if (ask == NULL)
		return false;
	*ask = (struct ask){.gather = gather, .lane = lane};
	if (hc_loop_post(lane->worker->loop, count_lane, ask) == HC_OK)
		return true;
	free(ask);
	return false;
}

void hc_monitor_metrics(struct hc_exchange *exchange, void *app)
{
	struct hc_process *process = app;
	struct gather *gather = calloc(1, sizeof(*gather));
	const size_t count = (size_t)process->gateway.config.threads;

	if (gather == NULL) {
		hc_exchange_reply(exchange, 503, NULL, NULL, 0, false);
		return;
	}
	gather->process = process;
	gather->exchange = exchange;
	/* One piece is kept back, so that nobody answers while others are still asked. */
	atomic_init(&gather->missing, count + 1);
	size_t pieces = 1;

	for (size_t i = 0; i < count; i++)
		pieces += ask_lane(gather, &process->lanes[i]) ? 0 : 1;
	bring(gather, pieces);
}
