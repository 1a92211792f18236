/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_RESOLVER_CHILD_H
#define HC_RESOLVER_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

struct hc_identity;

/* What comes back for a uid (a question is its four bytes alone). An empty name: it has none. */
struct hc_resolver_answer {
	uint32_t uid;
	char name[HC_LOGIN_MAX + 1];
};

/*
 * hc_resolver_fork: forks the resolver, which becomes identity (NULL: as it is), and gives its pid
 * and our end of the SOCK_SEQPACKET pair (both out, the descriptor is the caller's) once the child
 * holds nothing else of ours. HC_ERR_IO with errno.
 */
HC_CHECK enum hc_err hc_resolver_fork(const struct hc_identity *identity, pid_t *ret_pid, int *ret_fd);

#endif
