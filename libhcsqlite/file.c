/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file before SQLite sees it, and the lock that keeps a second owner out. No state.
 *
 * Threats: a file that others can write or that somebody put in the place of ours: owner, mode and kind are
 * looked at, on the descriptor. What is refused is said with its cure.
 */
#include "connection.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"

static enum hc_err refuse(const char *path, const char *program, const char *why, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, "store refused", HC_F_TEXT("file", path), HC_F_TEXT("program", program),
	       HC_F_TEXT("cause", why));
	return err;
}

enum hc_err hc_sqlite_owned(const char *path, const char *program)
{
	return refuse(path, program, "another process owns it; is the program running already?",
		      HC_ERR_STATE);
}

static enum hc_err refuse_open(const char *path, const char *program, int error)
{
	switch (error) {
	case EROFS:
		return refuse(path, program, "the file system is read-only", HC_ERR_FULL);
	case ENOSPC:
	case EDQUOT:
		return refuse(path, program, "no space for it", HC_ERR_FULL);
	case ELOOP:
	case EISDIR:
		return refuse(path, program, "not a regular file", HC_ERR_PERM);
	case EACCES:
	case EPERM:
		return refuse(path, program,
			      "we may not open it: it and its directory must belong to the program's user",
			      HC_ERR_PERM);
	case ENOENT:
		return refuse(path, program,
			      "its directory does not exist: create it for the program's user, mode 0700",
			      HC_ERR_IO);
	default:
		return refuse(path, program, strerror(error), HC_ERR_IO);
	}
}

enum hc_err hc_sqlite_file(const char *path, const char *program, int *ret_fd)
{
	struct stat info;
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	enum hc_err err = HC_OK;

	if (fd < 0)
		return refuse_open(path, program, errno);
	if (fstat(fd, &info) != 0)
		err = refuse(path, program, strerror(errno), HC_ERR_IO);
	else if (!S_ISREG(info.st_mode))
		err = refuse(path, program, "not a regular file", HC_ERR_PERM);
	else if (info.st_uid != geteuid())
		err = refuse(path, program, "it belongs to another user: chown it to the program's",
			     HC_ERR_PERM);
	else if ((info.st_mode & 0077) != 0)
		err = refuse(path, program, "others may read or write it: chmod 0600", HC_ERR_PERM);
	if (err != HC_OK)
		(void)close(fd); /* nothing was written through it */
	else
		*ret_fd = fd;
	return err;
}

enum hc_err hc_sqlite_lock(const char *path, const char *program, int *ret_fd)
{
	char name[4096];
	int fd = -1;

	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return HC_ERR_TOOBIG;
	const enum hc_err err = hc_sqlite_file(name, program, &fd);
	if (err != HC_OK)
		return err;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return HC_OK;
	}
	const int error = errno;
	(void)close(fd); /* nothing was written through it */
	if (error != EWOULDBLOCK)
		return refuse(name, program, strerror(error), HC_ERR_IO);
	return hc_sqlite_owned(path, program);
}
