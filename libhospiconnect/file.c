/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/file.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/secret.h"

#define DRAFT_CAP 40

/*
 * Files that decide about security, opened so that what is checked is what is read. No state.
 *
 * Threats: a link, FIFO or device in place of the file; a file that others may write (or read, for
 * keys); a file that grows while it is read; a crash in the middle of writing one. A file that is
 * not as long as fstat(2) said is refused rather than read in part.
 */

static void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing was left to write, or fsync(2) said so before */
	errno = saved;
}

static enum hc_err err_from_errno(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return HC_ERR_NOTFOUND;
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENXIO:
		return HC_ERR_PERM;
	case EEXIST:
		return HC_ERR_EXISTS;
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return HC_ERR_FULL;
	case ENOMEM:
		return HC_ERR_NOMEM;
	case ENAMETOOLONG:
		return HC_ERR_TOOBIG;
	default:
		return HC_ERR_IO;
	}
}

static enum hc_err open_checked(const char *path, const struct hc_file_rules *rules, int *ret_fd,
				size_t *ret_len)
{
	HC_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return err_from_errno(errno);

	bool owner_ok = facts.st_uid == rules->owner || (rules->root_too && facts.st_uid == 0);

	if (!S_ISREG(facts.st_mode) || !owner_ok || (facts.st_mode & rules->forbidden) != 0)
		return HC_ERR_PERM;
	if (facts.st_size < 0 || (uintmax_t)facts.st_size > rules->max_len)
		return HC_ERR_TOOBIG;
	*ret_len = (size_t)facts.st_size;
	*ret_fd = fd;
	fd = -1;
	return HC_OK;
}

/* Reads until the end or cap bytes, whichever comes first. */
static enum hc_err read_up_to(int fd, void *data, size_t cap, size_t *ret_len)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t got = read(fd, (uint8_t *)data + len, cap - len);

		if (got == 0)
			break;
		if (got > 0)
			len += (size_t)got;
		else if (errno != EINTR)
			return err_from_errno(errno);
	}
	*ret_len = len;
	return HC_OK;
}

enum hc_err hc_file_read(const char *path, const struct hc_file_rules *rules, char **ret_data,
			 size_t *ret_len)
{
	HC_CLEANUP(close_fd) int fd = -1;
	size_t expected = 0, len = 0;
	enum hc_err err = open_checked(path, rules, &fd, &expected);

	if (err != HC_OK)
		return err;

	/* one byte more than expected: room for the NUL, and it shows a file that grew */
	char *data = malloc(expected + 1);

	if (data == NULL)
		return HC_ERR_NOMEM;
	err = read_up_to(fd, data, expected + 1, &len);
	if (err == HC_OK && len != expected)
		err = HC_ERR_IO;
	if (err != HC_OK) {
		hc_scrub(data, expected + 1);
		free(data);
		return err;
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_len = len;
	return HC_OK;
}

enum hc_err hc_file_read_secret(const char *path, const struct hc_file_rules *rules, size_t len,
				struct hc_secret **ret_secret)
{
	HC_CLEANUP(close_fd) int fd = -1;
	HC_AUTO(secret) secret = NULL;
	size_t expected = 0, got = 0, room = 0;
	enum hc_err err = open_checked(path, rules, &fd, &expected);

	if (err != HC_OK)
		return err;
	if (expected != len)
		return HC_ERR_INVALID;
	err = hc_secret_new(len, &secret);
	if (err != HC_OK)
		return err;
	err = read_up_to(fd, hc_secret_space(secret, &room), len, &got);
	if (err != HC_OK)
		return err;
	if (got != len)
		return HC_ERR_IO;
	err = hc_secret_commit(secret, len);
	if (err != HC_OK)
		return err;
	*ret_secret = hc_steal_ptr(&secret);
	return HC_OK;
}

static enum hc_err write_all(int fd, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_from_errno(errno);
		bytes += written;
		len -= (size_t)written;
	}
	return HC_OK;
}

/* The new file is private until its content is on the disk and its mode is set. */
static enum hc_err write_synced(int dir, const char *name, mode_t mode, const void *data, size_t len)
{
	HC_CLEANUP(close_fd)
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_from_errno(errno);

	enum hc_err err = write_all(fd, data, len);

	if (err == HC_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		err = err_from_errno(errno);
	if (err != HC_OK)
		(void)unlinkat(dir, name, 0); /* the failure before it is what the caller hears of */
	return err;
}

static enum hc_err split_path(const char *path, char *dir, size_t cap, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	int len = 0;

	if (name[0] == '\0' || strlen(name) > NAME_MAX)
		return HC_ERR_INVALID;
	if (slash == NULL)
		len = snprintf(dir, cap, ".");
	else
		len = snprintf(dir, cap, "%.*s", (int)(slash - path + 1), path);
	if (len < 0 || (size_t)len >= cap)
		return HC_ERR_TOOBIG;
	*ret_name = name;
	return HC_OK;
}

/* A draft beside the file's place, synced. */
static enum hc_err write_draft(const char *dir_path, mode_t mode, const void *data, size_t len, int *ret_dir,
			       char *draft, size_t cap)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return HC_ERR_IO;
	(void)snprintf(draft, cap, ".hc-draft-%016jx", (uintmax_t)random);

	HC_CLEANUP(close_fd) int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_from_errno(errno);

	const enum hc_err err = write_synced(dir, draft, mode, data, len);

	if (err != HC_OK)
		return err;
	*ret_dir = dir;
	dir = -1;
	return HC_OK;
}

enum hc_err hc_file_create(const char *path, mode_t mode, const void *data, size_t len)
{
	HC_CLEANUP(close_fd) int dir = -1;
	char dir_path[PATH_MAX], draft[DRAFT_CAP];
	const char *name = NULL;
	enum hc_err err = split_path(path, dir_path, sizeof(dir_path), &name);

	if (err == HC_OK)
		err = write_draft(dir_path, mode, data, len, &dir, draft, sizeof(draft));
	if (err != HC_OK)
		return err;
	/* linkat(2) never replaces: of two that create the same file, one is told */
	if (linkat(dir, draft, dir, name, 0) != 0)
		err = err_from_errno(errno);
	(void)unlinkat(dir, draft, 0); /* at worst a draft with an unmistakable name stays */
	if (err == HC_OK && fsync(dir) != 0) {
		err = err_from_errno(errno);
		(void)unlinkat(dir, name, 0); /* nobody may use a key that the next power cut takes away */
	}
	return err;
}

enum hc_err hc_file_replace(const char *path, mode_t mode, const void *data, size_t len)
{
	HC_CLEANUP(close_fd) int dir = -1;
	char dir_path[PATH_MAX], draft[DRAFT_CAP];
	const char *name = NULL;
	enum hc_err err = split_path(path, dir_path, sizeof(dir_path), &name);

	if (err == HC_OK)
		err = write_draft(dir_path, mode, data, len, &dir, draft, sizeof(draft));
	if (err != HC_OK)
		return err;
	if (renameat(dir, draft, dir, name) != 0) {
		err = err_from_errno(errno);
		(void)unlinkat(dir, draft, 0); /* the failure before it is what the caller hears of */
		return err;
	}
	return fsync(dir) == 0 ? HC_OK : err_from_errno(errno);
}
