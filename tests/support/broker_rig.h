/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_RIG_H
#define HC_BROKER_RIG_H

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/broker_client.h"
#include "tests/support/tempdir.h"

/*
 * Both ends of a broker connection in one process, for tests of the client: packets wait in the
 * socket's queue, and what happens "meanwhile" happens when the client asks for the time. The clock
 * moves by step_ms with every look at it, so that no test waits.
 *
 * Only calls that fault.c does not wrap are used here (sendto, recvfrom, accept4, bind, listen).
 */
struct broker_rig {
	struct tempdir dir;
	char path[128];
	int listener, peer; /* -1: none */
	struct hc_clock clock;
	int64_t now_ms, step_ms;
	void (*meanwhile)(struct broker_rig *rig, unsigned look); /* look: 1, 2, ... */
	unsigned looks;
};

static inline int64_t broker_rig_mono(void *ctx)
{
	struct broker_rig *rig = ctx;

	rig->now_ms += rig->step_ms;
	rig->looks++;
	if (rig->meanwhile != NULL)
		rig->meanwhile(rig, rig->looks);
	return rig->now_ms;
}

static inline bool broker_rig_make(struct broker_rig *rig)
{
	*rig = (struct broker_rig){.listener = -1, .peer = -1, .step_ms = 1};
	rig->clock = (struct hc_clock){
		.realtime_ms = broker_rig_mono, .monotonic_ms = broker_rig_mono, .ctx = rig};
	if (!tempdir_make(&rig->dir))
		return false;
	tempdir_file(&rig->dir, "auth.sock", rig->path, sizeof(rig->path));
	return true;
}

/* Binds, and listens unless backlog is negative. */
static inline bool broker_rig_listen(struct broker_rig *rig, int type, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, rig->path, strlen(rig->path) + 1);
	rig->listener = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return rig->listener >= 0 && bind(rig->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       (backlog < 0 || listen(rig->listener, backlog) == 0);
}

static inline bool broker_rig_accept(struct broker_rig *rig)
{
	rig->peer = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return rig->peer >= 0;
}

static inline bool broker_rig_put(const struct broker_rig *rig, const void *packet, size_t len)
{
	return sendto(rig->peer, packet, len, MSG_NOSIGNAL, NULL, 0) == (ssize_t)len;
}

static inline bool broker_rig_put_msg(const struct broker_rig *rig, struct hc_msg *msg)
{
	return hc_msg_finish(msg) == HC_OK && broker_rig_put(rig, msg->packet, msg->len);
}

static inline bool broker_rig_put_allow(const struct broker_rig *rig)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_RESULT);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	hc_msg_put_u32(&msg, HC_FIELD_REASON, 0);
	return broker_rig_put_msg(rig, &msg);
}

static inline void broker_rig_drop_peer(struct broker_rig *rig)
{
	if (rig->peer >= 0)
		(void)close(rig->peer);
	rig->peer = -1;
}

static inline void broker_rig_remove(struct broker_rig *rig)
{
	broker_rig_drop_peer(rig);
	if (rig->listener >= 0)
		(void)close(rig->listener);
	rig->listener = -1;
	tempdir_remove(&rig->dir);
}

#endif
