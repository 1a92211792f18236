/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SOCKETS_H
#define HC_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* Listening sockets of type SOCK_SEQPACKET in the file system: taken over from a service manager, or bound. */

#define HC_SOCKET_PATH_MAX 107 /* the system's own limit */

/* One listening socket to be: where, with which mode, whose. */
struct hc_socket_plan {
	const char *path; /* absolute; borrowed */
	mode_t mode;
	bool has_group; /* made with that group; takes root, or to be in it */
	gid_t group;
	bool has_owner; /* given away once made; takes root. Choose a mode that opens it to its owner alone */
	uid_t owner;
	uid_t other_owner; /* besides root and the effective uid, who may own the directory and a stale socket */
};

/*
 * hc_sockets_inherit: the listening sockets that a service manager handed over (LISTEN_FDS), by
 * their names (LISTEN_FDNAMES) in names, count of them; -1 where it handed none. A name of NULL takes a
 * descriptor of any name. Non-blocking and close-on-exec. Call once, before anything opens a
 * descriptor. HC_ERR_INVALID, logged, for a descriptor that is no listening SOCK_SEQPACKET socket
 * or has another name, or one that was taken.
 */
HC_CHECK enum hc_err hc_sockets_inherit(const char *const *names, size_t count, int *ret_fds);

/*
 * hc_sockets_bind: a listening socket at plan->path, non-blocking, close-on-exec. It appears with
 * its final mode and group. A missing directory is made (0755) when root asks. A socket that is
 * already there is replaced only when nobody answers on it and it is ours. Failures are logged with
 * what to do. HC_ERR_EXISTS: another one answers. HC_ERR_PERM: directory or file is not ours.
 * HC_ERR_INVALID: the path is relative or too long.
 */
HC_CHECK enum hc_err hc_sockets_bind(const struct hc_socket_plan *plan, int *ret_fd);

/* Who connected, as the kernel noted it then (SO_PEERCRED). */
struct hc_peer_cred {
	uid_t uid;
	gid_t gid; /* the primary group */
	pid_t pid;
};
/* hc_peer_cred_of: of a connected Unix socket. HC_ERR_IO where the kernel does not say. */
HC_CHECK enum hc_err hc_peer_cred_of(int fd, struct hc_peer_cred *ret_cred);

/* hc_peer_in_group: by primary and supplementary groups (SO_PEERGROUPS). A caller in more than 1024 is in none. */
bool hc_peer_in_group(int fd, const struct hc_peer_cred *cred, gid_t wanted);

#endif
