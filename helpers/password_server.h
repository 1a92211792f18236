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
