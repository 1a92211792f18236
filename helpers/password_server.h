/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PASSWORD_SERVER_H
#define HC_PASSWORD_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

#define HC_PASSWORD_CHECKS     16    /* at a time; further callers wait in the backlog */
#define HC_PASSWORD_CHECK_MS   10000 /* then the child is killed, and its caller learns nothing */
#define HC_PASSWORD_REQUEST_MS 2000  /* from the connection to its request */
#define HC_PASSWORD_IDLE_MS    60000 /* started by a socket: ends after so long without one */

/*
 * hc_password_bind: listens at path (SOCK_SEQPACKET, 0600, owned by peer), in a directory where root
 * alone can write; a stale socket of ours is replaced. Failures are logged. HC_ERR_IO, HC_ERR_PERM,
 * HC_ERR_EXISTS where somebody answers on it, HC_ERR_INVALID for a path that is too long.
 */
HC_CHECK enum hc_err hc_password_bind(const char *path, uid_t peer, int *ret_fd);

/*
 * hc_password_inherit: the one listening socket that a service manager handed over (LISTEN_FDS).
 * HC_ERR_NOTFOUND: none; HC_ERR_INVALID, logged: not one listening Unix SOCK_SEQPACKET socket.
 */
HC_CHECK enum hc_err hc_password_inherit(int *ret_fd);

struct hc_password_server {
	int fd;	      /* listening; borrowed */
	uid_t peer;   /* the one caller that is served */
	bool may_end; /* once idle */
};

/*
 * hc_password_serve: serves until SIGTERM or SIGINT, or until idle: one child a password. HC_ERR_IO
 * where the system refuses what is needed to go on.
 */
HC_CHECK enum hc_err hc_password_serve(const struct hc_password_server *server);

#endif
