/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_STARTER_H
#define HC_STARTER_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

#include "device.h"

struct hc_identity;

/*
 * Starts the helpers of devices where no service manager does: a process beside the broker's, forked before any secret is in
 * memory, so that the broker itself never forks and never runs a program.
 */
struct hc_starter;

/*
 * hc_starter_new: forks the process, which drops to identity (NULL: nothing to drop). directory: of the helpers; borrowed for
 * the call. HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_starter_new(const char *directory, const struct hc_identity *identity,
				    struct hc_starter **ret_starter);
/* hc_starter_free: ends the process, and waits for that. What it started goes on. */
void hc_starter_free(struct hc_starter **starter);

/* hc_starter_name: of a helper and its program; static. */
const char *hc_starter_name(enum hc_device_helper helper);

/* hc_starter_fd: hangs up when the process has died; nothing is to be read from it. */
int hc_starter_fd(const struct hc_starter *starter);

/*
 * hc_starter_run: that helper's program, with an empty environment, link (borrowed) as descriptor 3, and no other one. As
 * long as it takes to start a program, 2 s at most. ret_pidfd stands for the process, which is not the caller's child.
 * HC_ERR_NOTFOUND (no such helper), HC_ERR_NOMEM, HC_ERR_IO, HC_ERR_AWAY (the process has died).
 */
HC_CHECK enum hc_err hc_starter_run(struct hc_starter *starter, enum hc_device_helper helper, int link,
				    int *ret_pidfd);

#endif
