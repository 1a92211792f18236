/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets: taken over from a service manager, or bound.
 *
 * State: none. Threats: this runs as root. A directory that somebody else may write could turn a
 * chmod or chown by path into one of another file, so mode and group are given to the socket before
 * it gets its name, an owner through a descriptor of what was looked at, and such a directory is
 * refused. Two daemons on one path would split the callers, so a socket on which somebody answers is
 * never replaced. Of who connects, only what the kernel says counts, and a fact that cannot be had
 * counts as the weaker one.
 */
#include "hospiconnect/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define FIRST_HANDED 3 /* sd_listen_fds(3) */
#define HANDED_MAX   64
#define GROUPS_MAX   1024

_Static_assert(HC_SOCKET_PATH_MAX == sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1, "sun_path");

static enum hc_err complain(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path), HC_F_TEXT("reason", strerrordesc_np(errno)));
	return err;
}

static enum hc_err refuse(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path));
	return err;
}

/* ---- handed over by a service manager ---- */

/* The number in a variable of the environment; 0 where there is none. */
static long number_of(const char *name)
{
	const char *text = secure_getenv(name);
	char *end = NULL;
	long number = 0;

	if (text == NULL || text[0] == '\0')
		return 0;
	errno = 0;
	number = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

static bool has_option(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static enum hc_err take_over(int fd, int *ret_fd)
{
	if (*ret_fd >= 0 || !has_option(fd, SO_DOMAIN, AF_UNIX) || !has_option(fd, SO_TYPE, SOCK_SEQPACKET) ||
	    !has_option(fd, SO_ACCEPTCONN, 1))
		return refuse("a descriptor handed over must be one listening Unix socket of type "
			      "SOCK_SEQPACKET (ListenSequentialPacket=, Accept=no)",
			      "LISTEN_FDS", HC_ERR_INVALID);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return complain("cannot set a descriptor up that was handed over", "LISTEN_FDS", HC_ERR_IO);
	*ret_fd = fd;
	return HC_OK;
}

/* Which of the names a descriptor has, len bytes at given; count for none. */
static size_t place_of(const char *const *names, size_t count, const char *given, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] == NULL || (strlen(names[i]) == len && memcmp(names[i], given, len) == 0))
			return i;
	}
	return count;
}

enum hc_err hc_sockets_inherit(const char *const *names, size_t count, int *ret_fds)
{
	const char *given = secure_getenv("LISTEN_FDNAMES");
	long handed = number_of("LISTEN_PID") == (long)getpid() ? number_of("LISTEN_FDS") : 0;

	for (size_t i = 0; i < count; i++)
		ret_fds[i] = -1;
	if (handed < 0 || handed > HANDED_MAX)
		return refuse("cannot take descriptors over: their number makes no sense", "LISTEN_FDS",
			      HC_ERR_INVALID);
	for (int fd = FIRST_HANDED; fd < FIRST_HANDED + (int)handed; fd++) {
		size_t len = given == NULL ? 0 : strcspn(given, ":");
		size_t place = place_of(names, count, given == NULL ? "" : given, len);
		enum hc_err err = HC_OK;

		if (place == count)
			return refuse("a descriptor handed over has a name that is not known "
				      "(FileDescriptorName=)",
				      given == NULL ? "" : given, HC_ERR_INVALID);
		err = take_over(fd, &ret_fds[place]);
		if (err != HC_OK)
			return err;
		given = given == NULL || given[len] == '\0' ? NULL : given + len + 1;
	}
	return HC_OK;
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
		return refuse("the socket's directory must belong to root or the program's user, and "
			      "nobody else may write there",
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
	/* One that was given away before is ours too. */
	if (!S_ISSOCK(facts.st_mode) ||
	    (!ours(facts.st_uid, plan) && !(plan->has_owner && facts.st_uid == plan->owner)))
		return refuse("something that is not our socket is in its place: remove it", plan->path,
			      HC_ERR_PERM);
	if (answered(plan->path))
		return refuse("another one answers on this socket: stop it first", plan->path, HC_ERR_EXISTS);
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

/* Through a descriptor of what was looked at: nobody else had a way in, as the mode says. */
static bool give_away(const struct hc_socket_plan *plan)
{
	struct stat facts;
	int fd = open(plan->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool given = fd >= 0 && fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode) &&
		     facts.st_uid == geteuid() &&
		     fchownat(fd, "", plan->owner, (gid_t)-1, AT_EMPTY_PATH) == 0;

	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return given;
}

enum hc_err hc_sockets_bind(const struct hc_socket_plan *plan, int *ret_fd)
{
	char copy[HC_SOCKET_PATH_MAX + 1] = {0};
	enum hc_err err = HC_OK;
	int fd = -1;

	if (plan->path[0] != '/' || strlen(plan->path) > HC_SOCKET_PATH_MAX)
		return refuse("a socket's path must be absolute, with at most 107 characters", plan->path,
			      HC_ERR_INVALID);
	memcpy(copy, plan->path, strlen(plan->path));
	err = check_directory(dirname(copy), plan);
	if (err == HC_OK)
		err = remove_stale(plan);
	if (err != HC_OK)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain("cannot make a socket", plan->path, HC_ERR_IO);
	if (!name_socket(fd, plan) || (plan->has_owner && !give_away(plan)) || listen(fd, SOMAXCONN) != 0) {
		err = complain("cannot listen on the socket", plan->path, HC_ERR_IO);
		(void)close(fd); /* nothing was written */
		return err;
	}
	*ret_fd = fd;
	return HC_OK;
}

/* ---- who connected ---- */

enum hc_err hc_peer_cred_of(int fd, struct hc_peer_cred *ret_cred)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || len != sizeof(cred))
		return HC_ERR_IO;
	*ret_cred = (struct hc_peer_cred){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return HC_OK;
}

bool hc_peer_in_group(int fd, const struct hc_peer_cred *cred, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (cred->gid == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}
