/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/broker_client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/*
 * Who is at the other end. No state.
 *
 * Threat: a program of some user that listens where the broker should be and answers "let in". For
 * a listening socket, SO_PEERCRED names the process that called listen(2), taken by the kernel at
 * that time: it cannot be forged later. A peer that cannot be judged is refused.
 */

static enum hc_err check_system(uid_t peer_uid)
{
	struct passwd entry, *found = NULL;
	char text[4096];

	/* the broker started by root or by the service manager: no look-up, which might hang, is needed */
	if (peer_uid == 0)
		return HC_OK;
	if (getpwnam_r(HC_BROKER_USER, &entry, text, sizeof(text), &found) != 0 || found == NULL)
		return HC_ERR_PEER;
	return found->pw_uid == peer_uid ? HC_OK : HC_ERR_PEER;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* opened for fstat only */
}

static enum hc_err check_directory_owner(const char *path, uid_t peer_uid)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL || slash == path ? 1 : (size_t)(slash - path);

	if (slash == NULL || len >= sizeof(dir))
		return HC_ERR_INVALID;
	memcpy(dir, path, len);
	dir[len] = '\0';

	HC_CLEANUP(close_fd) int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return HC_ERR_PEER;
	/* group or others with write permission (sticky or not) could have put the socket there */
	if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 || facts.st_uid != peer_uid)
		return HC_ERR_PEER;
	return HC_OK;
}

enum hc_err hc_broker_check_peer(int fd, const char *path, enum hc_broker_peer peer)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || len != sizeof(cred))
		return HC_ERR_PEER;
	switch (peer) {
	case HC_PEER_SYSTEM:
		return check_system(cred.uid);
	case HC_PEER_DIRECTORY_OWNER:
		return check_directory_owner(path, cred.uid);
	case HC_PEER_DAEMON:
		return cred.uid == 0 ? HC_OK : check_directory_owner(path, cred.uid);
	}
	return HC_ERR_PEER;
}
