/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LOOP_H
#define HC_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "clockwatch.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "pace.h"
#include "peer.h"
#include "quota.h"
#include "resolver.h"

struct sd_event;
struct sd_event_source;
struct hc_connection;
struct hc_passcheck;
struct hc_devices;
struct hc_removal;

/*
 * The broker's one loop, over sd-event. Whoever has more at stake goes first: a sign-in before an
 * unprivileged caller's, both before new connections, all of them before administration.
 */
enum hc_priority {
	HC_PRIORITY_SIGNAL = -40,
	HC_PRIORITY_RESOLVER = -30,
	HC_PRIORITY_ROOT = -20, /* connections of root on auth.sock, and all deadlines */
	HC_PRIORITY_GATEWAY = -15,
	HC_PRIORITY_USER = -10,
	HC_PRIORITY_LISTENER = 0,
	HC_PRIORITY_ADMIN = 10,
	HC_PRIORITY_JOB = 20 /* one message of a long answer */
};

struct hc_loop;

/* One listening socket in the loop. */
struct hc_listener {
	struct hc_loop *loop;
	enum hc_socket_kind kind;
	int fd; /* owned */
	struct sd_event_source *io;
	struct sd_event_source *retry; /* armed while descriptors are short */
};

struct hc_loop {
	const struct hc_authd *authd; /* borrowed */
	struct hc_resolver *resolver; /* borrowed */
	struct sd_event *event;
	struct hc_peer_rules peers;
	struct hc_listener listeners[HC_SOCKET_KINDS]; /* by enum hc_socket_kind */
	struct hc_connection *connections;
	struct hc_passcheck *passcheck;
	struct hc_devices *devices; /* NULL: no helper of devices is there */
	struct hc_removal *removal; /* NULL with devices */
	uint32_t sessions;	    /* conversations among them */
	struct hc_quota quota;
	struct hc_pace pace; /* of unprivileged callers */
	struct hc_gate limit_gate, surprise_gate, peer_gate, slow_gate, name_gate;
	struct hc_clockwatch clock_watch;
	struct sd_event_source *signals[3], *stop_timer, *head_timer, *starter_io;
	int64_t head_seq; /* of the last signed head that went out */
	bool stopping, failed;
	/* One message at a time is read, and one of an administrator's answer made; scrubbed each time. */
	struct hc_msg incoming, outgoing;
};

/* hc_loop_new: authd and resolver are borrowed for the life of the loop. HC_ERR_NOMEM, HC_ERR_IO. */
HC_CHECK enum hc_err hc_loop_new(const struct hc_authd *authd, struct hc_resolver *resolver,
				 const struct hc_peer_rules *peers, struct hc_loop **ret_loop);

/* hc_loop_free: closes every connection (open questions are written to the trail as abandoned). */
void hc_loop_free(struct hc_loop **loop);

/* hc_loop_listen: serves a listening socket (transferred, also on failure). HC_ERR_IO. */
HC_CHECK enum hc_err hc_loop_listen(struct hc_loop *loop, enum hc_socket_kind kind, int fd);

/*
 * hc_loop_run: until SIGTERM or SIGINT. HC_ERR_IO when the loop itself failed, HC_ERR_AWAY when the
 * resolver has died: the service manager should start the broker anew.
 */
HC_CHECK enum hc_err hc_loop_run(struct hc_loop *loop);

/* hc_loop_step: waits at most timeout_ms (-1: without end) and serves one event. For hc_loop_run and tests. */
HC_CHECK enum hc_err hc_loop_step(struct hc_loop *loop, int64_t timeout_ms);

/* hc_loop_stop: takes no new connection; ends when running jobs are done, or after a second. */
void hc_loop_stop(struct hc_loop *loop);

/*
 * hc_loop_person_changed: tells every gateway that watches, for hc_authd.person_changed; ctx is the loop.
 * One that does not read loses its connection, and asks anew about everybody when it comes back.
 */
void hc_loop_person_changed(void *ctx, int64_t person_id, const char *state);

/* hc_loop_settled: a job has ended or a connection has gone; the last one ends a stopping loop. */
void hc_loop_settled(struct hc_loop *loop);

#endif
