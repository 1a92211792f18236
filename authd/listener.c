/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting: who is it, may he, how many has he already.
 *
 * State: the listening socket. Threats: a flood of connections that starves sign-ins (a batch at a
 * time, at a lower priority than those that are served, and closed at once beyond the limits), and
 * one that uses up the descriptors (accepting pauses instead of spinning). Nothing is read here.
 */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "connection.h"
#include "hospiconnect/log.h"

#define BATCH		  32	 /* connections accepted before anybody else has a turn */
#define PAUSE_US	  100000 /* after the system refused another descriptor */
#define PAUSE_ACCURACY_US 10000

static void over_limit(struct hc_loop *loop, const struct hc_caller *caller)
{
	uint64_t held = 0;

	if (hc_gate_open(&loop->limit_gate, hc_mono_ms(loop->authd->clock), &held))
		hc_log(HC_LOG_WARNING, "connection refused: too many of this caller or in all",
		       HC_F_NUM("uid", caller->uid), HC_F_NUM("pid", caller->pid),
		       HC_F_NUM("connections", loop->quota.total), HC_F_NUM("not_logged_before", held));
}

static void stranger(struct hc_loop *loop, enum hc_err err)
{
	uint64_t held = 0;

	if (hc_gate_open(&loop->peer_gate, hc_mono_ms(loop->authd->clock), &held))
		hc_log(HC_LOG_WARNING, "connection refused: the caller may not use this socket",
		       HC_F_TEXT("reason", hc_strerror(err)), HC_F_NUM("not_logged_before", held));
}

static void welcome(struct hc_listener *listener, int fd)
{
	struct hc_loop *loop = listener->loop;
	struct hc_caller caller;
	enum hc_err err = hc_peer_identify(fd, listener->kind, &loop->peers, &caller);

	if (err != HC_OK) {
		stranger(loop, err);
		(void)close(fd); /* nothing was written */
		return;
	}
	if (!hc_quota_take(&loop->quota, caller.kind, caller.uid)) {
		over_limit(loop, &caller);
		(void)close(fd);
		return;
	}
	err = hc_connection_new(loop, fd, &caller);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "cannot serve a connection", HC_F_TEXT("reason", hc_strerror(err)));
}

/* Out of descriptors or memory: the backlog keeps the callers for a moment. */
static void pause_accepting(struct hc_listener *listener)
{
	uint64_t now_us = 0;
	uint64_t held = 0;
	struct hc_loop *loop = listener->loop;

	if (hc_gate_open(&loop->limit_gate, hc_mono_ms(loop->authd->clock), &held))
		hc_log(HC_LOG_ERROR, "cannot accept connections", HC_F_TEXT("reason", strerror(errno)));
	if (sd_event_now(loop->event, CLOCK_MONOTONIC, &now_us) < 0 ||
	    sd_event_source_set_time(listener->retry, now_us + PAUSE_US) < 0 ||
	    sd_event_source_set_enabled(listener->retry, SD_EVENT_ONESHOT) < 0)
		return; /* then it goes on at once, only busier */
	(void)sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_listener *listener = ctx;

	(void)source; /* the same as listener->retry */
	(void)usec;
	return sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_listener *listener = ctx;

	(void)source; /* the same as listener->io */
	(void)revents;
	for (int i = 0; i < BATCH; i++) {
		int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (accepted >= 0) {
			welcome(listener, accepted);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_accepting(listener);
		if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	return 0;
}

enum hc_err hc_listener_start(struct hc_loop *loop, enum hc_socket_kind kind, int fd)
{
	struct hc_listener *listener = &loop->listeners[kind];

	*listener = (struct hc_listener){.loop = loop, .kind = kind, .fd = fd};
	if (sd_event_add_io(loop->event, &listener->io, fd, EPOLLIN, on_connection, listener) < 0 ||
	    sd_event_source_set_priority(listener->io, HC_PRIORITY_LISTENER) < 0 ||
	    sd_event_add_time(loop->event, &listener->retry, CLOCK_MONOTONIC, 0, PAUSE_ACCURACY_US, on_retry,
			      listener) < 0 ||
	    sd_event_source_set_enabled(listener->retry, SD_EVENT_OFF) < 0) {
		hc_listener_stop(listener);
		return HC_ERR_IO;
	}
	return HC_OK;
}

void hc_listener_stop(struct hc_listener *listener)
{
	listener->io = sd_event_source_disable_unref(listener->io);
	listener->retry = sd_event_source_disable_unref(listener->retry);
	if (listener->fd >= 0)
		(void)close(listener->fd); /* nothing is written to a listening socket */
	listener->fd = -1;
}
