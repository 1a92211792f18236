/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardening of a daemon of ours and its way from root to its own user.
 *
 * State: the process. Threats: secrets in a core file or read by a tracer of the same user; a drop
 * of privileges that only looks like one. So each step is checked, and the way back is tried and
 * must fail. Nothing here may be called after a caller's first byte was read.
 */
#include "hospiconnect/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define NAME_BUFFER_LEN 16384

enum hc_err hc_privilege_close(void)
{
	const struct rlimit none = {0, 0};

	/* HC_DUMPABLE is 0, except in sanitizer builds, whose leak check must attach to the process. */
	if (prctl(PR_SET_DUMPABLE, HC_DUMPABLE, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		hc_log(HC_LOG_ERROR, "cannot harden the process",
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
		return HC_ERR_IO;
	}
	return HC_OK;
}

enum hc_err hc_privilege_harden(void)
{
	(void)umask(077); /* cannot fail */
	return hc_privilege_close();
}

/* ---- names, looked up in a child: name service modules never enter the daemon ---- */

struct lookup {
	int failure; /* an errno, or 0 */
	bool found;
	struct hc_identity identity;
};

static void look_user_up(const char *name, struct lookup *out)
{
	char buffer[NAME_BUFFER_LEN];
	struct passwd entry;
	struct passwd *found = NULL;

	out->failure = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);
	out->found = found != NULL;
	if (found != NULL)
		out->identity = (struct hc_identity){.uid = entry.pw_uid, .gid = entry.pw_gid};
}

static void look_group_up(const char *name, struct lookup *out)
{
	char buffer[NAME_BUFFER_LEN];
	struct group entry;
	struct group *found = NULL;

	out->failure = getgrnam_r(name, &entry, buffer, sizeof(buffer), &found);
	out->found = found != NULL;
	if (found != NULL)
		out->identity.gid = entry.gr_gid;
}

/* False, with errno: the child could not be asked. */
static bool ask_child(void (*look_up)(const char *, struct lookup *), const char *name, struct lookup *out)
{
	int ends[2] = {-1, -1};
	ssize_t len = -1;
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		struct lookup answer = {0};

		look_up(name, &answer);
		_exit(write(ends[1], &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
	}
	(void)close(ends[1]); /* nothing was written here */
	if (pid > 0) {
		do {
			len = read(ends[0], out, sizeof(*out));
		} while (len < 0 && errno == EINTR);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		errno = len < 0 ? errno : EPIPE;
	}
	(void)close(ends[0]);
	return len == (ssize_t)sizeof(*out);
}

enum hc_err hc_privilege_user(const char *name, struct hc_identity *ret_identity)
{
	struct lookup answer = {0};
	bool asked = ask_child(look_user_up, name, &answer);

	if (!asked || (!answer.found && answer.failure != 0)) {
		hc_log(HC_LOG_ERROR, "cannot look the program's user up", HC_F_TEXT("user", name),
		       HC_F_TEXT("reason", strerrordesc_np(asked ? answer.failure : errno)));
		return HC_ERR_IO;
	}
	if (!answer.found) {
		hc_log(HC_LOG_ERROR,
		       "the program's user does not exist: create it (adduser --system --group), "
		       "or name another one as `user` in the configuration",
		       HC_F_TEXT("user", name));
		return HC_ERR_NOTFOUND;
	}
	*ret_identity = answer.identity;
	return HC_OK;
}

bool hc_privilege_account(const char *name, struct hc_identity *ret_identity)
{
	struct lookup answer = {0};

	if (!ask_child(look_user_up, name, &answer) || !answer.found)
		return false;
	*ret_identity = answer.identity;
	return true;
}

bool hc_privilege_group(const char *name, gid_t *ret_gid)
{
	struct lookup answer = {0};

	if (!ask_child(look_group_up, name, &answer) || !answer.found)
		return false;
	*ret_gid = answer.identity.gid;
	return true;
}

/* ---- the drop ---- */

/* Whether nothing but the identity is left, and root's cannot be had again. */
static bool dropped(const struct hc_identity *identity)
{
	uid_t real = 0, effective = 0, saved = 0;
	gid_t real_gid = 0, effective_gid = 0, saved_gid = 0;

	if (getresuid(&real, &effective, &saved) != 0 ||
	    getresgid(&real_gid, &effective_gid, &saved_gid) != 0)
		return false;
	if (real != identity->uid || effective != identity->uid || saved != identity->uid ||
	    real_gid != identity->gid || effective_gid != identity->gid || saved_gid != identity->gid)
		return false;
	if (identity->uid == 0)
		return true; /* user = root, as the configuration demands in so many words */
	return setresuid((uid_t)-1, 0, (uid_t)-1) != 0 && setresgid((gid_t)-1, 0, (gid_t)-1) != 0 &&
	       setgroups(0, NULL) != 0;
}

enum hc_err hc_privilege_drop(const struct hc_identity *identity)
{
	/* Another identity makes the process dumpable again where the system says so: set it anew. */
	if (setgroups(1, &identity->gid) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0 ||
	    prctl(PR_SET_DUMPABLE, HC_DUMPABLE, 0, 0, 0) != 0) {
		hc_log(HC_LOG_ERROR, "cannot drop privileges", HC_F_NUM("uid", identity->uid),
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
		return HC_ERR_PERM;
	}
	if (!dropped(identity)) {
		hc_log(HC_LOG_ERROR, "privileges can be had again after the drop",
		       HC_F_NUM("uid", identity->uid));
		return HC_ERR_PERM;
	}
	return HC_OK;
}

/* The kernel's own calls: a library for two of them would be one more to trust. */
enum hc_err hc_privilege_shed(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t any = 0;
	bool shed = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
		    syscall(SYS_capset, &header, none) == 0 && syscall(SYS_capget, &header, left) == 0;

	for (size_t i = 0; i < HC_COUNT(left); i++)
		any |= left[i].effective | left[i].permitted | left[i].inheritable;
	if (shed && any == 0)
		return HC_OK;
	hc_log(HC_LOG_ERROR, "capabilities are left after they were given up",
	       HC_F_TEXT("reason", strerrordesc_np(errno)));
	return HC_ERR_PERM;
}

/* ---- the state directory ---- */

static enum hc_err complain(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path), HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

enum hc_err hc_state_dir_make(const char *path, const struct hc_identity *identity)
{
	bool as_root = geteuid() == 0, given = false;
	int fd = -1;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST || !as_root
			       ? HC_OK
			       : complain("cannot make the state directory", path, HC_ERR_IO);
	if (!as_root)
		return HC_OK;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	given = fd >= 0 && fchown(fd, identity->uid, identity->gid) == 0;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return given ? HC_OK
		     : complain("cannot give the state directory to the program's user", path, HC_ERR_IO);
}

enum hc_err hc_state_dir_check(const char *path)
{
	struct stat facts;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool known = fd >= 0 && fstat(fd, &facts) == 0;
	int failure = errno;

	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	if (!known)
		return complain("the state directory is missing or closed to the program's user: create it "
				"with install -d -m 0700 -o USER",
				path, failure == ENOENT ? HC_ERR_NOTFOUND : HC_ERR_PERM);
	if (facts.st_uid != geteuid() || (facts.st_mode & 077) != 0)
		return complain("the state directory must belong to the program's user with mode 0700", path,
				HC_ERR_PERM);
	return HC_OK;
}
