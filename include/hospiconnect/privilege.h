/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PRIVILEGE_H
#define HC_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* The identity that a daemon works under. */
struct hc_identity {
	uid_t uid;
	gid_t gid;
};

/*
 * hc_privilege_harden: what protects the process from its first instruction on: not dumpable, no
 * core file, no new privileges by exec, umask 077. HC_ERR_IO if any of it is refused.
 */
HC_CHECK enum hc_err hc_privilege_harden(void);

/*
 * hc_privilege_close: the same for a tool that people start, and whose files have the mode that they want: not dumpable, hence
 * not traced by others of the same user, no core file, nothing gained by exec. HC_ERR_IO, logged.
 */
HC_CHECK enum hc_err hc_privilege_close(void);

/*
 * hc_privilege_user: the identity of a system user's name. May block in the name service. Logs what
 * to do when there is none. HC_ERR_NOTFOUND, HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_privilege_user(const char *name, struct hc_identity *ret_identity);

/* hc_privilege_account: the identity of another user; false when there is none of that name. May block. */
bool hc_privilege_account(const char *name, struct hc_identity *ret_identity);

/* hc_privilege_group: the number of a group; false when there is none of that name. May block. */
bool hc_privilege_group(const char *name, gid_t *ret_gid);

/*
 * hc_privilege_drop: becomes identity with its own group alone, for good, and proves that there is
 * no way back. HC_ERR_PERM otherwise: the process must then end.
 */
HC_CHECK enum hc_err hc_privilege_drop(const struct hc_identity *identity);

/*
 * hc_privilege_shed: gives up every capability for good, for a daemon that its service manager started under its own
 * user with one to bind a port. HC_ERR_PERM, logged, where one is left: the process must then end.
 */
HC_CHECK enum hc_err hc_privilege_shed(void);

/*
 * hc_state_dir_make: before the drop. A missing directory is made where root asks, and then belongs to
 * identity alone (0700); one that is there is left as it is. HC_ERR_IO, logged.
 */
HC_CHECK enum hc_err hc_state_dir_make(const char *path, const struct hc_identity *identity);

/*
 * hc_state_dir_check: after the drop: the directory is the effective user's, and nobody else can look
 * into it. HC_ERR_NOTFOUND, HC_ERR_PERM, logged with what to do.
 */
HC_CHECK enum hc_err hc_state_dir_check(const char *path);

#endif
