/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIDE_H
#define HC_SIDE_H

#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/err.h"

struct hc_identity;

/*
 * A process beside the broker's, forked before any secret is in memory, that does what the broker itself may not do any more
 * once it is confined. It has one socket to the broker, and ends with it.
 */
#define HC_SIDE_FD 3

struct hc_side {
	const char *name; /* for ps(1), 15 characters */
	enum hc_confine_role role;
	void (*run)(const void *ctx); /* on HC_SIDE_FD, until the broker has gone */
	const void *ctx;
};

/*
 * hc_side_fork: the process drops to identity (NULL: nothing to drop), is confined, and holds no descriptor of the broker's
 * when this returns. side is borrowed for the call. HC_ERR_IO, with errno.
 */
HC_CHECK enum hc_err hc_side_fork(const struct hc_side *side, const struct hc_identity *identity,
				  pid_t *ret_pid, int *ret_fd);

/*
 * hc_side_end: closes the broker's end (-1: closed already), which ends the process, and waits for that. One that was killed for a forbidden call is
 * told of, by what it is.
 */
void hc_side_end(const char *what, pid_t pid, int fd);

/* hc_side_await: in a side process, until something is to be read. Its children (what, for the log) are reaped meanwhile. */
void hc_side_await(const char *what);

/* hc_side_child: in a child of a side process that goes on without exec: signals mean again what they mean to anybody. */
void hc_side_child(void);

#endif
