/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HELPER_START_H
#define HC_HELPER_START_H

#include <stdbool.h>
#include <sys/resource.h>

struct hc_program;

/* What the programs that speak to devices and networks for the broker do alike before they speak. */

/*
 * hc_helper_harden: nothing of the environment, no core file, no tracer, nothing gained by exec; bounded memory, files and
 * time of the processor; in the root directory, and not ended by a closed pipe. False where the system refuses.
 */
bool hc_helper_harden(rlim_t cpu_s);

/* hc_helper_identity: root becomes the broker's user; anybody else stays. False where that fails. */
bool hc_helper_identity(void);

/* hc_helper_is_link: whether fd is a socket for messages that does not listen. */
bool hc_helper_is_link(int fd);

/* hc_helper_may_ask: whether who made the link is root, or our own user, as which the broker runs. */
bool hc_helper_may_ask(int fd);

/*
 * hc_helper_begin: a program that the broker started, or that was started for it: looks at the link on HC_DEVICE_LINK_FD, calls
 * harden, and closes every other descriptor. HC_PROGRAM_OK: the link is the broker's; else the exit status, and why was said.
 */
int hc_helper_begin(const struct hc_program *program, bool (*harden)(void));

#endif
