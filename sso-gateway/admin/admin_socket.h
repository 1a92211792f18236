/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_SOCKET_H
#define HC_ADMIN_SOCKET_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "process/process.h"

/*
 * gateway-admin.sock: who may connect (root, the group of administrators, and our own uid where root did not
 * start us), requests and answers as docs/PROTOCOL.broker.md 4 says. On the first loop.
 */
struct hc_admin_socket;

#define HC_ADMIN_CONNECTIONS_MAX 16
#define HC_ADMIN_IDLE_MS	 600000
#define HC_ADMIN_WRITE_MS	 60000 /* how long an administrator's pager may wait */

/* hc_admin_socket_new: fd: listening, transferred, also on failure. */
HC_CHECK enum hc_err hc_admin_socket_new(struct hc_process *process, int fd,
					 struct hc_admin_socket **ret_socket);
/* hc_admin_socket_free: connections end; what they have begun is finished without them. */
void hc_admin_socket_free(struct hc_admin_socket **socket);

#endif
