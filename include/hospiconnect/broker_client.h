/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_CLIENT_H
#define HC_BROKER_CLIENT_H

#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * Blocking client of the broker, with deadlines, for the PAM module and hospictl. libc only; no
 * signal is raised (MSG_NOSIGNAL), no descriptor is inherited (SOCK_CLOEXEC), EINTR is retried.
 */
struct hc_broker;

/* Who must be at the other end, judged by SO_PEERCRED before anything is sent. */
enum hc_broker_peer {
	HC_PEER_SYSTEM,		 /* uid 0 or the build-time broker user (HC_BROKER_USER) */
	HC_PEER_DIRECTORY_OWNER, /* the owner of the socket's directory, if nobody else can write there */
	HC_PEER_DAEMON /* the same, or uid 0: a daemon that root starts binds before it becomes the owner */
};

/*
 * hc_broker_check_peer: HC_OK if the process that listens at the other end of fd is who it must be;
 * HC_ERR_PEER otherwise. path is the socket's. For clients with an event loop of their own.
 */
HC_CHECK enum hc_err hc_broker_check_peer(int fd, const char *path, enum hc_broker_peer peer);

#define HC_BROKER_CONNECT_MS	  2000
#define HC_BROKER_FIRST_ANSWER_MS 2000
#define HC_BROKER_SILENCE_MS	  12000
#define HC_BROKER_WAIT_MAX_MS	  660000 /* for one message, KEEPALIVEs or not: longer than any question waits */

/*
 * hc_broker_connect: connects to path (absolute, shorter than sun_path), trying again on a full
 * backlog, a missing socket or a refused connection until HC_BROKER_CONNECT_MS have passed, then
 * checks the peer. clock is borrowed for the life of the object.
 * Errors: HC_ERR_AWAY, HC_ERR_PEER, HC_ERR_PERM, HC_ERR_INVALID (path), HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_broker_connect(const char *path, enum hc_broker_peer peer,
				       const struct hc_clock *clock, struct hc_broker **ret_broker);

/*
 * hc_broker_connect_within: the same, but gives up after limit_ms (0: one try). For what must not
 * wait for a broker that is away: telling it about a session.
 */
HC_CHECK enum hc_err hc_broker_connect_within(const char *path, enum hc_broker_peer peer,
					      const struct hc_clock *clock, int64_t limit_ms,
					      struct hc_broker **ret_broker);

/* hc_broker_send: finishes and sends msg. HC_ERR_CLOSED, HC_ERR_TIMEOUT (2 s), HC_ERR_IO. */
HC_CHECK enum hc_err hc_broker_send(struct hc_broker *broker, struct hc_msg *msg);

/*
 * hc_broker_receive: the next message that is not a KEEPALIVE, into msg. A KEEPALIVE restarts the
 * silence. HC_ERR_TIMEOUT after silence_ms without any message, or HC_BROKER_WAIT_MAX_MS without one that
 * says anything; HC_ERR_CLOSED, HC_ERR_PROTOCOL.
 */
HC_CHECK enum hc_err hc_broker_receive(struct hc_broker *broker, struct hc_msg *msg, int64_t silence_ms);

void hc_broker_free(struct hc_broker **broker);

#endif
