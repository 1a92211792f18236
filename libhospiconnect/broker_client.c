/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/broker_client.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * The blocking client of the broker: one connection, one message at a time, every wait bounded.
 *
 * State: the socket (non-blocking; waiting is done by ppoll(2) alone) and whether the connection is
 * spoilt. Threats: an impostor on the socket (the peer is judged before anything is sent), a broker
 * that hangs, floods or sends half a message, a packet that is too long or carries descriptors.
 * After any surprise the connection is spoilt and no later call gives a message.
 *
 * It runs inside of foreign programs: no signal, no inherited descriptor, no use of descriptors 0
 * to 2 even where the host closed them, errno kept by hc_broker_free. Must never give a message
 * whose sender was not checked.
 */
#define SEND_TIMEOUT_MS 2000
#define RETRY_MS	5

struct hc_broker {
	int fd;
	const struct hc_clock *clock;
	bool spoilt;
};

void hc_broker_free(struct hc_broker **broker)
{
	if (broker == NULL || *broker == NULL)
		return;

	int saved = errno;

	if ((*broker)->fd >= 0)
		(void)close((*broker)->fd); /* nothing is buffered in a socket of packets */
	free(*broker);
	*broker = NULL;
	errno = saved;
}

static struct timespec timespec_of(int64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* Waits for events or the deadline. HC_OK: look at the socket; it may have been a false alarm. */
static enum hc_err wait_for(const struct hc_broker *broker, short events, int64_t deadline_ms)
{
	for (;;) {
		int64_t left_ms = deadline_ms - hc_mono_ms(broker->clock);

		if (left_ms <= 0)
			return HC_ERR_TIMEOUT;

		struct timespec timeout = timespec_of(left_ms);
		struct pollfd poll_fd = {.fd = broker->fd, .events = events};
		int ready = ppoll(&poll_fd, 1, &timeout, NULL);

		if (ready > 0)
			return (poll_fd.revents & POLLNVAL) != 0 ? HC_ERR_IO : HC_OK;
		if (ready < 0 && errno != EINTR)
			return errno == ENOMEM ? HC_ERR_NOMEM : HC_ERR_IO;
	}
}

/*
 * A host that closed its standard descriptors would otherwise write its own output into the broker's
 * socket, so the socket moves above them.
 */
static enum hc_err open_socket(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && fd <= STDERR_FILENO) {
		int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		(void)close(fd); /* just made, nothing in it */
		fd = moved;
	}
	if (fd < 0)
		return errno == ENOMEM || errno == ENOBUFS ? HC_ERR_NOMEM : HC_ERR_IO;
	*ret_fd = fd;
	return HC_OK;
}

static enum hc_err connect_once(int fd, const struct sockaddr_un *address)
{
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return HC_OK;
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
	case EAGAIN: /* the backlog is full */
	case EINTR:
		return HC_ERR_AWAY;
	case EACCES:
	case EPERM:
		return HC_ERR_PERM;
	case ENOTDIR:
	case ELOOP:
	case EPROTOTYPE: /* a socket of another kind: not our broker's */
		return HC_ERR_PEER;
	case ENOMEM:
		return HC_ERR_NOMEM;
	default:
		return HC_ERR_IO;
	}
}

/* Tries until somebody accepts: at boot and during a restart the broker is a moment late. */
static enum hc_err connect_retrying(const struct hc_broker *broker, const struct sockaddr_un *address,
				    int64_t limit_ms)
{
	int64_t deadline_ms = hc_mono_ms(broker->clock) + limit_ms;

	for (;;) {
		enum hc_err err = connect_once(broker->fd, address);

		if (err != HC_ERR_AWAY)
			return err;

		int64_t left_ms = deadline_ms - hc_mono_ms(broker->clock);

		if (left_ms <= 0)
			return HC_ERR_AWAY;

		struct timespec nap = timespec_of(left_ms < RETRY_MS ? left_ms : RETRY_MS);

		if (ppoll(NULL, 0, &nap, NULL) < 0 && errno != EINTR)
			return HC_ERR_IO;
	}
}

static enum hc_err address_of(const char *path, struct sockaddr_un *ret_address)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= sizeof(ret_address->sun_path))
		return HC_ERR_INVALID;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path, len);
	return HC_OK;
}

enum hc_err hc_broker_connect(const char *path, enum hc_broker_peer peer, const struct hc_clock *clock,
			      struct hc_broker **ret_broker)
{
	return hc_broker_connect_within(path, peer, clock, HC_BROKER_CONNECT_MS, ret_broker);
}

enum hc_err hc_broker_connect_within(const char *path, enum hc_broker_peer peer, const struct hc_clock *clock,
				     int64_t limit_ms, struct hc_broker **ret_broker)
{
	HC_AUTO(broker) broker = NULL;
	struct sockaddr_un address;
	enum hc_err err = address_of(path, &address);

	if (err != HC_OK)
		return err;
	broker = calloc(1, sizeof(*broker));
	if (broker == NULL)
		return HC_ERR_NOMEM;
	broker->fd = -1;
	broker->clock = clock;
	err = open_socket(&broker->fd);
	if (err == HC_OK)
		err = connect_retrying(broker, &address, limit_ms);
	if (err == HC_OK)
		err = hc_broker_check_peer(broker->fd, path, peer);
	if (err != HC_OK)
		return err;
	*ret_broker = hc_steal_ptr(&broker);
	return HC_OK;
}

static enum hc_err send_packet(const struct hc_broker *broker, const struct hc_msg *msg, int64_t deadline_ms)
{
	for (;;) {
		ssize_t sent = send(broker->fd, msg->packet, msg->len, MSG_NOSIGNAL);

		if (sent >= 0)
			return (size_t)sent == msg->len ? HC_OK : HC_ERR_IO;
		if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return HC_ERR_CLOSED;
		if (errno != EAGAIN && errno != EINTR)
			return errno == ENOMEM || errno == ENOBUFS ? HC_ERR_NOMEM : HC_ERR_IO;

		enum hc_err err = errno == EAGAIN ? wait_for(broker, POLLOUT, deadline_ms) : HC_OK;

		if (err != HC_OK)
			return err;
	}
}

enum hc_err hc_broker_send(struct hc_broker *broker, struct hc_msg *msg)
{
	enum hc_err err = hc_msg_finish(msg);

	if (err != HC_OK)
		return err;
	if (broker->spoilt)
		return HC_ERR_CLOSED;
	err = send_packet(broker, msg, hc_mono_ms(broker->clock) + SEND_TIMEOUT_MS);
	/*
	 * A broker that refused at once (too busy, not permitted) has closed and left a RESULT for us:
	 * receiving stays possible. Any other failure spoils the connection.
	 */
	if (err != HC_OK && err != HC_ERR_CLOSED)
		broker->spoilt = true;
	return err;
}

/*
 * One packet. There is no room for ancillary data, so descriptors that a peer attaches are closed by
 * the kernel, which says so with MSG_CTRUNC.
 */
static enum hc_err receive_packet(const struct hc_broker *broker, struct hc_msg *msg, size_t *ret_len)
{
	for (int resets = 0;;) {
		struct iovec part = {.iov_base = msg->packet, .iov_len = sizeof(msg->packet)};
		struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t got = recvmsg(broker->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got > 0) {
			if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
				return HC_ERR_PROTOCOL;
			*ret_len = (size_t)got;
			return HC_OK;
		}
		if (got == 0)
			return HC_ERR_CLOSED;
		/*
		 * A peer that closed with our message unread resets the connection. The kernel reports
		 * that once, ahead of what it had sent before: asking again gives it.
		 */
		if (errno == ECONNRESET && resets++ == 0)
			continue;
		if (errno == EAGAIN)
			return HC_ERR_AWAY; /* nothing yet */
		if (errno != EINTR)
			return errno == ECONNRESET || errno == ENOTCONN ? HC_ERR_CLOSED : HC_ERR_IO;
	}
}

/* One parsed message, KEEPALIVE included, or the deadline. */
static enum hc_err receive_one(const struct hc_broker *broker, struct hc_msg *msg, int64_t deadline_ms)
{
	for (;;) {
		size_t len = 0;
		enum hc_err err = receive_packet(broker, msg, &len);

		if (err == HC_OK)
			return hc_msg_parse(msg, len);
		if (err != HC_ERR_AWAY)
			return err;
		err = wait_for(broker, POLLIN, deadline_ms);
		if (err != HC_OK)
			return err;
	}
}

enum hc_err hc_broker_receive(struct hc_broker *broker, struct hc_msg *msg, int64_t silence_ms)
{
	enum hc_err err = broker->spoilt ? HC_ERR_CLOSED : HC_OK;
	int64_t now_ms = hc_mono_ms(broker->clock);
	int64_t end_ms = now_ms + HC_BROKER_WAIT_MAX_MS;

	while (err == HC_OK) {
		err = receive_one(broker, msg, now_ms + silence_ms);
		if (err == HC_OK && msg->type != HC_MSG_KEEPALIVE)
			return HC_OK;
		/* it says "still there" and nothing else */
		if (err == HC_OK)
			err = hc_msg_only(msg, NULL, 0);
		now_ms = hc_mono_ms(broker->clock);
		/* A broker that is alive and nothing else must not hold its callers for ever. */
		if (err == HC_OK && now_ms >= end_ms)
			err = HC_ERR_TIMEOUT;
	}
	hc_msg_clear(msg);
	broker->spoilt = true;
	return err;
}
