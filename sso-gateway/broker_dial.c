/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try to reach the broker. No state.
 *
 * Threat: somebody else's program on the socket. The kernel is asked who listens, before anything is sent;
 * a peer that cannot be judged is refused. connect(2) on a Unix socket does not wait when it may not.
 */
#include "broker_channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static enum hc_err connect_once(int fd, const struct sockaddr_un *address)
{
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return HC_OK;
	switch (errno) {
	case EAGAIN: /* the backlog is full: it is there, and busy */
		return HC_ERR_FULL;
	case ENOENT:
	case ECONNREFUSED:
	case EINTR:
		return HC_ERR_AWAY;
	case ENOTDIR:
	case ELOOP:
	case EPROTOTYPE: /* a socket of another kind: not our broker's */
		return HC_ERR_PEER;
	case ENOMEM:
		return HC_ERR_NOMEM;
	case EACCES:
	case EPERM:
		return HC_ERR_PERM;
	default:
		return HC_ERR_IO;
	}
}

enum hc_err hc_broker_dial(const struct hc_channels *channels, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return errno == ENOMEM || errno == ENOBUFS ? HC_ERR_NOMEM : HC_ERR_IO;

	enum hc_err err = connect_once(fd, &channels->address);

	if (err == HC_OK)
		err = hc_broker_check_peer(fd, channels->path, channels->peer);
	if (err == HC_OK)
		*ret_fd = fd;
	else
		(void)close(fd); /* nothing was sent */
	return err;
}

enum hc_err hc_channels_init(struct hc_channels *channels, struct event_base *base, const char *path,
			     const struct hc_clock *clock)
{
	size_t len = strlen(path);

	*channels = (struct hc_channels){.base = base, .clock = clock, .path = path};
	if (path[0] != '/' || len >= sizeof(channels->address.sun_path))
		return HC_ERR_INVALID;
	channels->address.sun_family = AF_UNIX;
	memcpy(channels->address.sun_path, path, len);
	/* A path of the administrator's own is held to who owns its folder. */
	channels->peer = strncmp(path, HC_RUN_DIR "/", sizeof(HC_RUN_DIR)) == 0 ? HC_PEER_SYSTEM
										: HC_PEER_DIRECTORY_OWNER;
	if (hc_msg_new(&channels->incoming) != HC_OK || hc_msg_new(&channels->outgoing) != HC_OK) {
		hc_channels_clear(channels);
		return HC_ERR_NOMEM;
	}
	return HC_OK;
}

void hc_channels_clear(struct hc_channels *channels)
{
	hc_msg_free(&channels->incoming);
	hc_msg_free(&channels->outgoing);
}
