/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: waits, looks at the clock, serves one event, until it is told to end.
 *
 * State: everything that is open. Threats: one caller's work that delays another's (events are short
 * and have priorities), a wall clock that is set. It must never read on from a caller after it was
 * told to stop, and never end in the middle of an administrator's answer that is nearly complete.
 */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include <systemd/sd-event.h>

#include "audit.h"
#include "connection.h"
#include "device.h"
#include "hospiconnect/log.h"
#include "listener.h"
#include "passcheck.h"
#include "removal.h"
#include "starter.h"

#define STOP_US		 1000000
#define HEAD_US		 3600000000u /* a signed head an hour, where there is something new */
#define HEAD_ACCURACY_US 60000000u

/* ---- things that happen at their time ---- */

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_loop *loop = ctx;

	(void)source; /* the same as loop->stop_timer */
	(void)usec;
	hc_log_plain(HC_LOG_WARNING, "stopping in the middle of an administrator's answer");
	return sd_event_exit(loop->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	(void)source; /* which signal it was says info */
	if (info->ssi_signo == SIGHUP) {
		hc_log_plain(HC_LOG_NOTICE, "SIGHUP ignored: restart to read the configuration again");
		return 0;
	}
	hc_loop_stop(ctx);
	return 0;
}

static int on_head_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_loop *loop = ctx;
	struct hc_audit_head head;

	if (hc_audit_head(loop->authd->audit, &head) == HC_OK && head.seq != loop->head_seq) {
		hc_audit_emit_head(loop->authd->audit);
		loop->head_seq = head.seq;
	}
	if (sd_event_source_set_time(source, usec + HEAD_US) < 0)
		return -EINVAL;
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_resolver_lost(void *ctx)
{
	struct hc_loop *loop = ctx;

	if (loop->stopping)
		return;
	hc_log_plain(HC_LOG_ERROR, "the resolver has died: ending, to be started anew");
	loop->failed = true;
	hc_loop_stop(loop);
}

/* Before anything is decided with a clock that was set, the trail says so. */
static void look_at_clock(struct hc_loop *loop)
{
	struct timespec elapsed = {0};
	char detail[64];
	int64_t jump_ms = 0;

	if (clock_gettime(CLOCK_BOOTTIME, &elapsed) != 0)
		return;
	jump_ms = hc_clockwatch_look(&loop->clock_watch, hc_now_ms(loop->authd->clock),
				     (int64_t)elapsed.tv_sec * 1000 + elapsed.tv_nsec / 1000000);
	if (jump_ms == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "%+lld s", (long long)(jump_ms / 1000)); /* fits */
	hc_log(HC_LOG_WARNING, "the clock was set", HC_F_TEXT("by", detail));
	if (hc_audit_note(loop->authd->audit, &(struct hc_audit_entry){.event = HC_AUDIT_CLOCK_JUMP,
								       .success = true,
								       .detail = detail}) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "cannot write the clock's jump to the audit trail");
}

/* ---- life ---- */

static bool add_signals(struct hc_loop *loop)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < HC_COUNT(numbers); i++) {
		if (sd_event_add_signal(loop->event, &loop->signals[i], numbers[i] | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, loop) < 0 ||
		    sd_event_source_set_priority(loop->signals[i], HC_PRIORITY_SIGNAL) < 0)
			return false;
	}
	return true;
}

static bool add_timers(struct hc_loop *loop)
{
	return sd_event_add_time_relative(loop->event, &loop->head_timer, CLOCK_MONOTONIC, HEAD_US,
					  HEAD_ACCURACY_US, on_head_timer, loop) >= 0 &&
	       sd_event_source_set_priority(loop->head_timer, HC_PRIORITY_JOB) >= 0;
}

static bool add_devices(struct hc_loop *loop)
{
	const struct hc_authd *authd = loop->authd;
	const struct hc_devices_options options = {
		.event = loop->event,
		.priority = HC_PRIORITY_ROOT,
		.starter = authd->starter,
		.sockets = {authd->fido2_socket, authd->pkcs11_socket, authd->ocsp_socket}};

	return hc_devices_new(&options, &loop->devices) == HC_OK &&
	       hc_removal_new(loop->authd, loop->event, loop->devices, &loop->removal) == HC_OK;
}

static int on_starter_lost(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_loop *loop = ctx;

	(void)fd; /* the starter's */
	(void)revents;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* it hangs up for ever */
	if (!loop->stopping) {
		hc_log_plain(HC_LOG_ERROR, "the starter of helpers has died: ending, to be started anew");
		loop->failed = true;
		hc_loop_stop(loop);
	}
	return 0;
}

static bool watch_starter(struct hc_loop *loop)
{
	const struct hc_starter *starter = loop->authd->starter;

	return starter == NULL || (sd_event_add_io(loop->event, &loop->starter_io, hc_starter_fd(starter),
						   EPOLLHUP, on_starter_lost, loop) >= 0 &&
				   sd_event_source_set_priority(loop->starter_io, HC_PRIORITY_RESOLVER) >= 0);
}

/* Connections that the descriptors suffice for. */
static unsigned capacity(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= HC_QUOTA_TOTAL + HC_QUOTA_SPARE)
		return HC_QUOTA_TOTAL;
	return limit.rlim_cur > 2 * HC_QUOTA_SPARE ? (unsigned)limit.rlim_cur - HC_QUOTA_SPARE
						   : HC_QUOTA_SPARE;
}

enum hc_err hc_loop_new(const struct hc_authd *authd, struct hc_resolver *resolver,
			const struct hc_peer_rules *peers, struct hc_loop **ret_loop)
{
	HC_AUTO(loop) loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return HC_ERR_NOMEM;
	loop->authd = authd;
	loop->resolver = resolver;
	loop->peers = *peers;
	for (size_t kind = 0; kind < HC_SOCKET_KINDS; kind++)
		loop->listeners[kind].fd = -1;
	hc_quota_init(&loop->quota, capacity());
	if (sd_event_new(&loop->event) < 0 || !add_signals(loop) || !add_timers(loop) ||
	    !watch_starter(loop) ||
	    hc_resolver_attach(resolver, loop->event, HC_PRIORITY_RESOLVER, on_resolver_lost, loop) != HC_OK)
		return HC_ERR_IO;
	if (hc_passcheck_new(loop->event, authd->config->password_socket, peers, HC_PRIORITY_GATEWAY,
			     &loop->passcheck) != HC_OK)
		return HC_ERR_NOMEM;
	if (authd->device_methods != 0 && !add_devices(loop))
		return HC_ERR_NOMEM;
	/* Under a service manager with WatchdogSec= a loop that hangs is noticed; without one nothing. */
	if (sd_event_set_watchdog(loop->event, 1) < 0)
		return HC_ERR_IO;
	*ret_loop = hc_steal_ptr(&loop);
	return HC_OK;
}

static void close_connections(struct hc_loop *loop, bool busy_too)
{
	struct hc_connection *next = NULL;

	for (struct hc_connection *connection = loop->connections; connection != NULL; connection = next) {
		next = connection->next;
		if (busy_too || !hc_connection_busy(connection))
			hc_connection_close(connection);
	}
}

void hc_loop_free(struct hc_loop **loop)
{
	struct hc_loop *self = *loop;

	*loop = NULL;
	if (self == NULL)
		return;
	close_connections(self, true);
	for (size_t i = 0; i < HC_COUNT(self->listeners); i++)
		hc_listener_stop(&self->listeners[i]);
	for (size_t i = 0; i < HC_COUNT(self->signals); i++)
		(void)sd_event_source_disable_unref(self->signals[i]); /* gives NULL back */
	(void)sd_event_source_disable_unref(self->stop_timer);
	(void)sd_event_source_disable_unref(self->head_timer);
	(void)sd_event_source_disable_unref(self->starter_io);
	hc_passcheck_free(&self->passcheck);
	hc_removal_free(&self->removal);
	hc_devices_free(&self->devices);
	(void)sd_event_unref(self->event); /* gives NULL back */
	hc_msg_clear(&self->incoming);
	hc_msg_clear(&self->outgoing);
	free(self);
}

enum hc_err hc_loop_listen(struct hc_loop *loop, enum hc_socket_kind kind, int fd)
{
	return hc_listener_start(loop, kind, fd);
}

static bool any_busy(const struct hc_loop *loop)
{
	const struct hc_connection *connection = loop->connections;

	while (connection != NULL && !hc_connection_busy(connection))
		connection = connection->next;
	return connection != NULL;
}

void hc_loop_settled(struct hc_loop *loop)
{
	if (loop->stopping && !any_busy(loop))
		(void)sd_event_exit(loop->event, 0); /* fails only when it has ended already */
}

void hc_loop_stop(struct hc_loop *loop)
{
	if (loop->stopping)
		return;
	for (size_t i = 0; i < HC_COUNT(loop->listeners); i++)
		hc_listener_stop(&loop->listeners[i]);
	close_connections(loop, false);
	loop->stopping = true;
	if (sd_event_add_time_relative(loop->event, &loop->stop_timer, CLOCK_MONOTONIC, STOP_US, 0,
				       on_stop_timer, loop) < 0)
		(void)sd_event_exit(loop->event, 0); /* then at once */
	hc_loop_settled(loop);
}

void hc_loop_person_changed(void *ctx, int64_t person_id, const char *state)
{
	struct hc_loop *loop = ctx;
	struct hc_connection *next = NULL;

	for (struct hc_connection *connection = loop->connections; connection != NULL; connection = next) {
		next = connection->next;
		if (connection->watching)
			hc_connection_tell_change(connection, person_id, state);
	}
}

enum hc_err hc_loop_step(struct hc_loop *loop, int64_t timeout_ms)
{
	int result = sd_event_prepare(loop->event);

	if (result == 0)
		result =
			sd_event_wait(loop->event, timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000);
	look_at_clock(loop);
	if (result > 0)
		result = sd_event_dispatch(loop->event);
	return result < 0 ? HC_ERR_IO : HC_OK;
}

enum hc_err hc_loop_run(struct hc_loop *loop)
{
	while (sd_event_get_state(loop->event) != SD_EVENT_FINISHED) {
		if (hc_loop_step(loop, -1) != HC_OK)
			return HC_ERR_IO;
	}
	return loop->failed ? HC_ERR_AWAY : HC_OK;
}
