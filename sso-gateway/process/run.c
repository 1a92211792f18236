/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While it serves: a thread a loop, and the main thread, which waits for signals, the end of a loop and
 * the time for what is done regularly.
 *
 * State: how far the end has come. Threats: a loop that hangs (the watchdog asks each of them and
 * tells the service manager only when all have answered), one that ends by itself (then all end, with a
 * failure, and the service manager starts anew). The first SIGTERM lets requests be answered, a second
 * one ends at once.
 */
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "hospiconnect/program.h"
#include "http/loop.h"
#include "process/process.h"

#define GRACE_MS 10000
#define DAILY_MS INT64_C(86400000)
#define NEVER	 INT64_MAX

struct run {
	struct hc_process *process;
	size_t running; /* loops */
	bool stopping, hurried;
	int64_t reload_ms; /* monotonic */
	int64_t watchdog_every_ms, watchdog_ms;
	uint64_t question; /* of the watchdog */
	enum hc_err result;
};

static int64_t now_of(const struct run *run)
{
	return hc_mono_ms(run->process->gateway.clock);
}

static size_t lane_count(const struct run *run)
{
	return (size_t)run->process->gateway.config.threads;
}

/* ---- the threads ---- */

static void *lane_main(void *ctx)
{
	struct hc_lane *lane = ctx;
	const uint64_t one = 1;
	char name[16];

	(void)snprintf(name, sizeof(name), "hc-loop-%u",
		       hc_loop_index(lane->worker->loop)); /* at most 8 loops */
	(void)pthread_setname_np(pthread_self(), name);	   /* for people who look; not needed */
	atomic_store(&lane->run_result, hc_loop_run(lane->worker->loop));
	/* A counter that is full by far cannot be. */
	(void)!write(lane->process->ended, &one, sizeof(one));
	return NULL;
}

static enum hc_err start_threads(struct run *run)
{
	for (size_t i = 0; i < lane_count(run); i++) {
		struct hc_lane *lane = &run->process->lanes[i];

		if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
			hc_log_plain(HC_LOG_ERROR, "cannot start a thread");
			return HC_ERR_IO;
		}
		lane->started = true;
		run->running++;
	}
	return HC_OK;
}

/* ---- the end ---- */

static void stop_loop(struct hc_lane *lane)
{
	hc_loop_stop(lane->worker->loop);
}

static void one_drained(void *ctx)
{
	struct hc_lane *lane = ctx;

	if (--lane->draining == 0)
		stop_loop(lane);
}

static void drain_lane(void *ctx)
{
	struct hc_lane *lane = ctx;

	lane->draining = lane->server_count;
	for (size_t i = 0; i < lane->server_count; i++)
		hc_http_server_drain(lane->servers[i], GRACE_MS, one_drained, lane);
}

static void begin_end(struct run *run)
{
	run->stopping = true;
	hc_notify("STOPPING=1");
	hc_log_plain(HC_LOG_INFO, "stopping: requests that were begun are answered");
	for (size_t i = 0; i < lane_count(run); i++) {
		struct hc_lane *lane = &run->process->lanes[i];

		if (lane->started && hc_loop_post(lane->worker->loop, drain_lane, lane) != HC_OK)
			stop_loop(lane);
	}
}

static void hurry(struct run *run)
{
	run->hurried = true;
	hc_log_plain(HC_LOG_NOTICE, "stopping at once");
	for (size_t i = 0; i < lane_count(run); i++) {
		if (run->process->lanes[i].started)
			stop_loop(&run->process->lanes[i]);
	}
}

static void on_stop_signal(struct run *run)
{
	if (!run->stopping)
		begin_end(run);
	else if (!run->hurried)
		hurry(run);
}

static void on_ended(struct run *run)
{
	uint64_t count = 0;

	if (read(run->process->ended, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	run->running -= count < run->running ? (size_t)count : run->running;
	if (run->stopping)
		return;
	hc_log_plain(HC_LOG_ERROR, "a loop ended by itself: the gateway ends");
	run->result = HC_ERR_IO;
	run->stopping = true;
	hurry(run);
}

/* ---- the certificate ---- */

static void reload(struct run *run)
{
	struct hc_http_tls *tls = NULL;
	enum hc_err err = hc_certificate_load(run->process, &tls);

	if (err == HC_OK)
		err = hc_certificate_use(run->process, tls);
	hc_http_tls_unref(&tls);
	run->reload_ms = now_of(run) + DAILY_MS;
	if (err == HC_OK)
		hc_log_plain(HC_LOG_INFO, "certificate and key were loaded anew");
	else
		hc_log(HC_LOG_ERROR, "the former certificate and key stay in use",
		       HC_F_TEXT("reason", hc_strerror(err)));
}

/* ---- the watchdog ---- */

static void answer_watchdog(void *ctx)
{
	struct hc_lane *lane = ctx;

	atomic_fetch_add(&lane->answered, 1);
}

static void ask_lanes(struct run *run)
{
	bool all = true;

	for (size_t i = 0; i < lane_count(run); i++)
		all = all && atomic_load(&run->process->lanes[i].answered) >= run->question;
	run->watchdog_ms = now_of(run) + run->watchdog_every_ms;
	if (!all)
		return;
	hc_notify("WATCHDOG=1");
	run->question++;
	for (size_t i = 0; i < lane_count(run); i++) {
		struct hc_lane *lane = &run->process->lanes[i];

		if (hc_loop_post(lane->worker->loop, answer_watchdog, lane) != HC_OK)
			answer_watchdog(lane); /* no memory is no hang */
	}
}

/* ---- the main thread ---- */

static void on_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->process->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			on_stop_signal(run);
		} else if (!run->stopping) {
			hc_notify_reloading();
			reload(run);
			hc_notify("READY=1");
		}
	}
}

static int patience(const struct run *run)
{
	const int64_t now = now_of(run);
	int64_t due = run->stopping || run->reload_ms < run->watchdog_ms ? run->reload_ms : run->watchdog_ms;

	if (due <= now)
		return 0;
	return due - now > 3600000 ? 3600000 : (int)(due - now);
}

static void wait_and_act(struct run *run)
{
	struct pollfd fds[] = {{.fd = run->process->signals, .events = POLLIN},
			       {.fd = run->process->ended, .events = POLLIN}};

	if (poll(fds, HC_COUNT(fds), patience(run)) < 0 && errno != EINTR) {
		hc_log(HC_LOG_ERROR, "cannot wait for signals", HC_F_TEXT("reason", strerrordesc_np(errno)));
		run->result = HC_ERR_IO;
		run->stopping = true;
		hurry(run);
		return;
	}
	on_signals(run);
	on_ended(run);
	if (!run->stopping && now_of(run) >= run->reload_ms)
		reload(run);
	if (!run->stopping && now_of(run) >= run->watchdog_ms)
		ask_lanes(run);
}

static void join_threads(struct run *run)
{
	for (size_t i = 0; i < lane_count(run); i++) {
		struct hc_lane *lane = &run->process->lanes[i];

		if (!lane->started)
			continue;
		(void)pthread_join(lane->thread, NULL); /* ours, joinable, once */
		lane->started = false;
		if (atomic_load(&lane->run_result) != HC_OK)
			run->result = atomic_load(&lane->run_result);
	}
}

enum hc_err hc_process_run(struct hc_process *process)
{
	struct run run = {.process = process, .reload_ms = NEVER, .watchdog_ms = NEVER};

	process->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (process->ended < 0) {
		hc_log_plain(HC_LOG_ERROR, "cannot make an event descriptor");
		return HC_ERR_IO;
	}
	run.reload_ms = now_of(&run) + DAILY_MS;
	run.watchdog_every_ms = hc_notify_watchdog_ms() / 4;
	if (run.watchdog_every_ms > 0)
		run.watchdog_ms = now_of(&run);
	run.result = start_threads(&run);
	if (run.result == HC_OK) {
		hc_log(HC_LOG_INFO, "serving", HC_F_TEXT("version", HC_VERSION),
		       HC_F_TEXT("issuer", process->gateway.config.issuer), HC_F_NUM("uid", geteuid()),
		       HC_F_NUM("start_ms", now_of(&run) - process->started_mono_ms));
		hc_notify("READY=1");
	} else {
		run.stopping = true;
		hurry(&run);
	}
	while (run.running > 0)
		wait_and_act(&run);
	join_threads(&run);
	(void)close(process->ended); /* nothing that is written there is kept */
	process->ended = -1;
	if (run.result == HC_OK)
		hc_log_plain(HC_LOG_INFO, "stopped");
	return run.result;
}
