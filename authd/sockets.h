/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SOCKETS_H
#define HC_SOCKETS_H

#include <stdbool.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "peer.h"

/* One listening socket to be: where, with which mode, of which group. */
struct hc_socket_plan {
	enum hc_socket_kind kind;
	const char *path; /* borrowed */
	mode_t mode;
	bool has_group;
	gid_t group;
	uid_t other_owner; /* besides root and the effective uid, who may own the directory and a stale socket */
};

/*
 * hc_sockets_inherit: the listening sockets that a service manager handed over (LISTEN_FDS), by
 * their names "auth", "admin" and "gateway"; -1 where it handed none. Call once, before anything opens a
 * descriptor. HC_ERR_INVALID, logged, for a descriptor that is no listening SOCK_SEQPACKET socket
 * or has another name.
 */
HC_CHECK enum hc_err hc_sockets_inherit(int ret_fds[HC_SOCKET_KINDS]);

/*
 * hc_sockets_bind: a listening socket at plan->path, non-blocking, close-on-exec. It appears with
 * its final mode and group. A missing directory is made (0755) when root asks. A socket that is
 * already there is replaced only when nobody answers on it and it is ours. Failures are logged with
 * what to do. HC_ERR_EXISTS: another broker answers. HC_ERR_PERM: directory or file is not ours.
 */
HC_CHECK enum hc_err hc_sockets_bind(const struct hc_socket_plan *plan, int *ret_fd);

#endif
