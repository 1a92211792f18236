/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LISTENER_H
#define HC_LISTENER_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "loop.h"

/* hc_listener_start: accepts on fd (transferred, also on failure) for loop, which owns the listener. HC_ERR_IO. */
HC_CHECK enum hc_err hc_listener_start(struct hc_loop *loop, enum hc_socket_kind kind, int fd);

/* hc_listener_stop: accepts nothing more and closes the socket. Safe twice. */
void hc_listener_stop(struct hc_listener *listener);

#endif
