/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardening of the process and the way from root to the broker's own user.
 *
 * State: the process. Threats: secrets in a core file or read by a tracer of the same user; a drop
 * of privileges that only looks like one. So each step is checked, and the way back is tried and
 * must fail. Nothing here may be called after a caller's first byte was read.
 */
#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define NAME_BUFFER_LEN 16384

enum hc_err hc_privilege_harden(void)
{
	const struct rlimit none = {0, 0};

	(void)umask(077); /* cannot fail */
	/* HC_DUMPABLE is 0, except in sanitizer builds, whose leak check must attach to the process. */
	if (prctl(PR_SET_DUMPABLE, HC_DUMPABLE, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		hc_log(HC_LOG_ERROR, "cannot harden the process", HC_F_TEXT("reason", strerror(errno)));
		return HC_ERR_IO;
	}
	return HC_OK;
}

enum hc_err hc_privilege_user(const char *name, struct hc_identity *ret_identity)
{
	char buffer[NAME_BUFFER_LEN];
	struct passwd entry;
	struct passwd *found = NULL;
	int failure = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);

	if (found == NULL && failure != 0) {
		hc_log(HC_LOG_ERROR, "cannot look the broker's user up", HC_F_TEXT("user", name),
		       HC_F_TEXT("reason", strerror(failure)));
		return HC_ERR_IO;
	}
	if (found == NULL) {
		hc_log(HC_LOG_ERROR,
		       "the broker's user does not exist: create it (adduser --system --group), "
		       "or name another one as `user` in the configuration",
		       HC_F_TEXT("user", name));
		return HC_ERR_NOTFOUND;
	}
	*ret_identity = (struct hc_identity){.uid = entry.pw_uid, .gid = entry.pw_gid};
	return HC_OK;
}

bool hc_privilege_group(const char *name, gid_t *ret_gid)
{
	char buffer[NAME_BUFFER_LEN];
	struct group entry;
	struct group *found = NULL;

	if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL)
		return false;
	*ret_gid = entry.gr_gid;
	return true;
}

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
		       HC_F_TEXT("reason", strerror(errno)));
		return HC_ERR_PERM;
	}
	if (!dropped(identity)) {
		hc_log(HC_LOG_ERROR, "privileges can be had again after the drop",
		       HC_F_NUM("uid", identity->uid));
		return HC_ERR_PERM;
	}
	return HC_OK;
}
