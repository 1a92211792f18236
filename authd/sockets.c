/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets: taken over from a service manager, or bound.
 *
 * State: none. Threats: this runs as root. A directory that somebody else may write could turn a
 * chmod or chown by path into one of another file, so mode and group are given to the socket before
 * it gets its name, and such a directory is refused. Two brokers on one path would split the
 * callers, so a socket on which somebody answers is never replaced.
 */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "hospiconnect/log.h"

static const char *const names[HC_SOCKET_KINDS] = {
	[HC_SOCKET_AUTH] = "auth", [HC_SOCKET_ADMIN] = "admin", [HC_SOCKET_GATEWAY] = "gateway"};

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

/* ---- handed over by a service manager ---- */

static enum hc_err take_over(int fd, const char *name, int ret_fds[HC_SOCKET_KINDS])
{
	for (size_t kind = 0; kind < HC_COUNT(names); kind++) {
		if (strcmp(name, names[kind]) != 0)
			continue;
		if (ret_fds[kind] >= 0 || sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
			return refuse("a descriptor handed over must be one listening Unix socket of type "
				      "SOCK_SEQPACKET (ListenSequentialPacket=)",
				      name, HC_ERR_INVALID);
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
			return complain("cannot set a descriptor up that was handed over", name, HC_ERR_IO);
		ret_fds[kind] = fd;
		return HC_OK;
	}
	return refuse("a descriptor handed over must have FileDescriptorName=auth, admin or gateway", name,
		      HC_ERR_INVALID);
}

enum hc_err hc_sockets_inherit(int ret_fds[HC_SOCKET_KINDS])
{
	char **given = NULL;
	enum hc_err err = HC_OK;
	int count = sd_listen_fds_with_names(1, &given);

	for (size_t kind = 0; kind < HC_SOCKET_KINDS; kind++)
		ret_fds[kind] = -1;
	if (count < 0) {
		errno = -count;
		return complain("cannot take descriptors over", "LISTEN_FDS", HC_ERR_INVALID);
	}
	for (int i = 0; i < count && err == HC_OK; i++)
		err = take_over(SD_LISTEN_FDS_START + i, given[i], ret_fds);
	for (int i = 0; i < count; i++)
		free(given[i]);
	free(given);
	return err;
}

/* ---- bound ---- */

static bool ours(uid_t owner, const struct hc_socket_plan *plan)
{
	return owner == 0 || owner == geteuid() || owner == plan->other_owner;
}

static enum hc_err check_directory(const char *directory, const struct hc_socket_plan *plan)
{
	struct stat facts;

	if (geteuid() == 0 && mkdir(directory, 0755) == 0) {
		/* The umask takes bits away that everybody who signs in needs. */
		if (chmod(directory, 0755) != 0)
			return complain("cannot open the sockets' directory to callers", directory,
					HC_ERR_IO);
	}
	if (lstat(directory, &facts) != 0)
		return complain("the socket's directory is missing: create it", directory, HC_ERR_NOTFOUND);
	if (!S_ISDIR(facts.st_mode) || !ours(facts.st_uid, plan) || (facts.st_mode & 022) != 0)
		return refuse("the socket's directory must belong to root or the broker's user, and nobody "
			      "else may write there",
			      directory, HC_ERR_PERM);
	return HC_OK;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
	return address;
}

/* Whether somebody listens at path: anything but a refused connection counts as yes. */
static bool answered(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused = false;

	if (fd < 0)
		return true;
	refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
		  (errno == ECONNREFUSED || errno == ENOENT);
	(void)close(fd); /* nothing was written */
	return !refused;
}

static enum hc_err remove_stale(const struct hc_socket_plan *plan)
{
	struct stat facts;

	if (lstat(plan->path, &facts) != 0)
		return errno == ENOENT ? HC_OK : complain("cannot look at the socket", plan->path, HC_ERR_IO);
	if (!S_ISSOCK(facts.st_mode) || !ours(facts.st_uid, plan))
		return refuse("something that is not our socket is in its place: remove it", plan->path,
			      HC_ERR_PERM);
	if (answered(plan->path))
		return refuse("another broker answers on this socket: stop it first", plan->path,
			      HC_ERR_EXISTS);
	if (unlink(plan->path) != 0)
		return complain("cannot remove the stale socket", plan->path, HC_ERR_IO);
	return HC_OK;
}

/*
 * Gives the socket its name. A Unix socket's file takes its mode from the socket and the umask, its
 * group from the process (or from a directory with the set-group-id bit).
 */
static bool name_socket(int fd, const struct hc_socket_plan *plan)
{
	struct sockaddr_un address = address_of(plan->path);
	gid_t before = getegid();
	mode_t mask = 0;
	bool bound = false;

	if (fchmod(fd, plan->mode) != 0 || (plan->has_group && setegid(plan->group) != 0))
		return false;
	mask = umask(0);
	bound = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	(void)umask(mask); /* cannot fail */
	return (!plan->has_group || setegid(before) == 0) && bound;
}

enum hc_err hc_sockets_bind(const struct hc_socket_plan *plan, int *ret_fd)
{
	char copy[HC_PATH_MAX] = {0};
	enum hc_err err = HC_OK;
	int fd = -1;

	memcpy(copy, plan->path, strnlen(plan->path, sizeof(copy) - 1));
	err = check_directory(dirname(copy), plan);
	if (err == HC_OK)
		err = remove_stale(plan);
	if (err != HC_OK)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain("cannot make a socket", plan->path, HC_ERR_IO);
	if (!name_socket(fd, plan) || listen(fd, SOMAXCONN) != 0) {
		err = complain("cannot listen on the socket", plan->path, HC_ERR_IO);
		(void)close(fd); /* nothing was written */
		return err;
	}
	*ret_fd = fd;
	return HC_OK;
}
