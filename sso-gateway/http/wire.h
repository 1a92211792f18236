/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_WIRE_H
#define HC_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/attrs.h"

struct ssl_st;

/* A non-blocking socket, with TLS over it or without. Nothing here blocks. */
struct hc_wire {
	int fd;
	struct ssl_st *ssl; /* NULL: plain */
};

enum hc_wire_result {
	HC_WIRE_DONE,	    /* at least one byte, or the step is complete */
	HC_WIRE_WANT_READ,  /* again when the socket can be read */
	HC_WIRE_WANT_WRITE, /* again when it can be written */
	HC_WIRE_CLOSED,	    /* the peer sends no more */
	HC_WIRE_BROKEN
};

HC_CHECK enum hc_wire_result hc_wire_handshake(const struct hc_wire *wire);
HC_CHECK enum hc_wire_result hc_wire_read(const struct hc_wire *wire, void *data, size_t cap,
					  size_t *ret_len);
HC_CHECK enum hc_wire_result hc_wire_write(const struct hc_wire *wire, const void *data, size_t len,
					   size_t *ret_len);

/* hc_wire_pending: whether bytes were received that the socket will not tell of again. */
bool hc_wire_pending(const struct hc_wire *wire);

/* hc_wire_finish: says that we send no more. */
void hc_wire_finish(const struct hc_wire *wire);

/* hc_wire_discard: reads what is there and forgets it, TLS or not. */
HC_CHECK enum hc_wire_result hc_wire_discard(const struct hc_wire *wire, size_t *ret_len);

/* hc_wire_peek: whether the peer is still there; reads nothing. DONE: it has sent more. */
HC_CHECK enum hc_wire_result hc_wire_peek(const struct hc_wire *wire);

/* hc_wire_close: frees TLS, closes the socket. */
void hc_wire_close(struct hc_wire *wire);

#endif
