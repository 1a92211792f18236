/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that come in, and directories that they go to. State: none. Threats: a file of any length. It
 * must never follow what the owner of the directory of lists put there: root becomes that owner first.
 */
#include "cps_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/privilege.h"

#define FIRST_CAP 65536

static void close_fd(int *fd)
{
	if (*fd > STDIN_FILENO)
		(void)close(*fd); /* only read from */
}

static void free_bytes(uint8_t **bytes)
{
	free(*bytes);
}

/* Doubles until the end is seen; one byte beyond max shows a file that is too long. */
static enum hc_err read_all(int fd, size_t max, uint8_t **ret_data, size_t *ret_len)
{
	uint8_t *data HC_CLEANUP(free_bytes) = NULL;
	size_t len = 0, cap = 0;

	for (;;) {
		if (len == cap) {
			cap = cap == 0 ? FIRST_CAP : 2 * cap;
			uint8_t *larger = cap > 2 * max + FIRST_CAP ? NULL : realloc(data, cap);

			if (larger == NULL)
				return len > max ? HC_ERR_TOOBIG : HC_ERR_NOMEM;
			data = larger;
		}
		const ssize_t got = read(fd, data + len, cap - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return HC_ERR_IO;
		if (got == 0)
			break;
		len += (size_t)got;
		if (len > max)
			return HC_ERR_TOOBIG;
	}
	*ret_data = hc_steal_ptr(&data);
	*ret_len = len;
	return HC_OK;
}

bool hc_cps_file_read(const struct hc_ctl *ctl, const char *path, size_t max, uint8_t **ret_data,
		      size_t *ret_len)
{
	int fd HC_CLEANUP(close_fd) =
		strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		(void)hc_cps_file_complain(ctl, "ctl.cps.error.open", path, strerrordesc_np(errno));
		return false;
	}
	errno = 0;
	const enum hc_err err = read_all(fd, max, ret_data, ret_len);

	if (err == HC_ERR_TOOBIG)
		(void)hc_cps_file_complain(ctl, "ctl.cps.error.too_long", path, NULL);
	else if (err != HC_OK)
		(void)hc_cps_file_complain(ctl, "ctl.cps.error.open", path,
					   errno != 0 ? strerrordesc_np(errno) : hc_strerror(err));
	return err == HC_OK;
}

enum hc_ctl_status hc_cps_file_complain(const struct hc_ctl *ctl, const char *text, const char *path,
					const char *why)
{
	hc_ctl_complain(ctl, text, HC_ARGS(path, why != NULL ? why : ""));
	return HC_CTL_FAILED;
}

static enum hc_err err_of_errno(void)
{
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return HC_ERR_PERM;
	return errno == ENOENT ? HC_ERR_NOTFOUND : HC_ERR_IO;
}

/* The directory and the one above it: not more, since a mistyped path is no order to build it. */
static enum hc_err make_plain(const char *directory, mode_t mode)
{
	char above[PATH_MAX];
	const char *slash = strrchr(directory, '/');
	const mode_t before = umask(0022);
	enum hc_err err = HC_OK;

	(void)snprintf(above, sizeof(above), "%.*s", (int)(slash == NULL ? 0 : slash - directory), directory);
	if (above[0] != '\0' && mkdir(above, 0755) != 0 && errno != EEXIST)
		err = err_of_errno();
	if (err == HC_OK && mkdir(directory, mode) != 0 && errno != EEXIST)
		err = err_of_errno();
	(void)umask(before);
	return err;
}

/* Root works in somebody else's directory as that somebody. */
static enum hc_err become_owner(const char *directory)
{
	struct stat facts;

	if (stat(directory, &facts) != 0)
		return err_of_errno();
	if (!S_ISDIR(facts.st_mode))
		return HC_ERR_NOTFOUND;
	if (geteuid() != 0 || facts.st_uid == 0)
		return HC_OK;
	const struct hc_identity owner = {.uid = facts.st_uid, .gid = facts.st_gid};

	return hc_privilege_drop(&owner);
}

enum hc_err hc_cps_file_place(const char *directory, const char *user)
{
	struct hc_identity identity;
	enum hc_err err = HC_OK;

	if (access(directory, F_OK) != 0) {
		if (user != NULL && geteuid() == 0)
			err = hc_privilege_user(user, &identity) == HC_OK
				      ? hc_state_dir_make(directory, &identity)
				      : HC_ERR_NOTFOUND;
		else
			err = make_plain(directory, user != NULL ? 0700 : 0755);
	}
	return err == HC_OK && user != NULL ? become_owner(directory) : err;
}
