/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the broker reaches hc-password: taken over from a service manager, or bound.
 *
 * State: none. Threats: this runs as root, so what it gives away must be the socket that it made: the
 * directory must be root's alone, and the owner is changed through a descriptor of what was looked at.
 */
#include "password_server.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define LISTEN_FD 3

static enum hc_err complain(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path), HC_F_TEXT("reason", strerror(errno)));
	return err;
}

static enum hc_err refuse(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path));
	return err;
}

/* ---- taken over ---- */

static bool names_us(const char *name, long wanted)
{
	const char *text = secure_getenv(name);
	char *end = NULL;

	if (text == NULL || text[0] == '\0')
		return false;
	errno = 0;
	return strtol(text, &end, 10) == wanted && errno == 0 && *end == '\0';
}

static bool has_option(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

enum hc_err hc_password_inherit(int *ret_fd)
{
	if (!names_us("LISTEN_PID", (long)getpid()))
		return HC_ERR_NOTFOUND;
	if (!names_us("LISTEN_FDS", 1) || !has_option(LISTEN_FD, SO_DOMAIN, AF_UNIX) ||
	    !has_option(LISTEN_FD, SO_TYPE, SOCK_SEQPACKET) || !has_option(LISTEN_FD, SO_ACCEPTCONN, 1))
		return refuse(
			"a descriptor handed over must be one listening Unix socket of type SOCK_SEQPACKET "
			"(ListenSequentialPacket=, Accept=no)",
			"LISTEN_FDS", HC_ERR_INVALID);
	if (fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) != 0 || fcntl(LISTEN_FD, F_SETFL, O_NONBLOCK) != 0)
		return complain("cannot set a descriptor up that was handed over", "LISTEN_FDS", HC_ERR_IO);
	*ret_fd = LISTEN_FD;
	return HC_OK;
}

/* ---- bound ---- */

static enum hc_err check_directory(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = {0};
	struct stat facts;

	memcpy(copy, path, strnlen(path, sizeof(copy) - 1));
	const char *directory = dirname(copy);

	if (lstat(directory, &facts) != 0)
		return complain("the socket's directory is missing: create it", directory, HC_ERR_IO);
	if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 022) != 0)
		return refuse("the socket's directory must belong to root, and nobody else may write there",
			      directory, HC_ERR_PERM);
	return HC_OK;
}

static bool answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused = false;

	if (fd < 0)
		return true;
	refused =
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED;
	(void)close(fd); /* nothing was written */
	return !refused;
}

static enum hc_err remove_stale(const struct sockaddr_un *address)
{
	struct stat facts;

	if (lstat(address->sun_path, &facts) != 0)
		return errno == ENOENT ? HC_OK
				       : complain("cannot look at the socket", address->sun_path, HC_ERR_IO);
	if (!S_ISSOCK(facts.st_mode))
		return refuse("something that is not our socket is in its place: remove it",
			      address->sun_path, HC_ERR_PERM);
	if (answered(address))
		return refuse("another one answers on this socket: stop it first", address->sun_path,
			      HC_ERR_EXISTS);
	if (unlink(address->sun_path) != 0)
		return complain("cannot remove the stale socket", address->sun_path, HC_ERR_IO);
	return HC_OK;
}

/* Nobody but root can connect before this: the socket was made 0600. */
static bool give_to(const char *path, uid_t peer)
{
	struct stat facts;
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool given = fd >= 0 && fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode) &&
		     facts.st_uid == geteuid() && fchownat(fd, "", peer, (gid_t)-1, AT_EMPTY_PATH) == 0;

	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return given;
}

static bool listen_at(int fd, const struct sockaddr_un *address, uid_t peer)
{
	mode_t mask = umask(0177);
	bool bound = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	(void)umask(mask); /* cannot fail */
	return bound && give_to(address->sun_path, peer) && listen(fd, SOMAXCONN) == 0;
}

enum hc_err hc_password_bind(const char *path, uid_t peer, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	enum hc_err err;
	int fd;

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
		return refuse("the socket's path must be absolute, with at most 107 characters", path,
			      HC_ERR_INVALID);
	memcpy(address.sun_path, path, strlen(path));
	err = check_directory(path);
	if (err == HC_OK)
		err = remove_stale(&address);
	if (err != HC_OK)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain("cannot make a socket", path, HC_ERR_IO);
	if (!listen_at(fd, &address, peer)) {
		err = complain("cannot listen on the socket", path, HC_ERR_IO);
		(void)close(fd); /* nothing was written */
		return err;
	}
	*ret_fd = fd;
	return HC_OK;
}
