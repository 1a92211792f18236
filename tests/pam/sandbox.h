/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_SANDBOX_H
#define HC_TEST_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The sandbox that newer polkit gives its agent helper, in which PAM modules of the machine run:
 *
 *   own user, mount and network namespaces, no capability, no new privileges
 *   file system read-only, /home, /root and /run/user empty, /dev with null, zero and urandom only
 *   sockets of AF_UNIX alone; no mount, module, clock, debugging, namespace or other system service
 *   no memory may be locked; new files would have no permission at all
 *
 * sandbox_enter: puts the calling process into it. map_ready is called once the user namespace is
 * there and must return when its maps are written by somebody outside (sandbox_write_maps). On
 * failure: false, with errno, and *ret_step says at what.
 */
bool sandbox_enter(bool (*map_ready)(void *), void *ctx, const char **ret_step);

/* sandbox_write_maps: gives process pid, in its new user namespace, all ids as they are outside. */
bool sandbox_write_maps(pid_t pid);

#endif
