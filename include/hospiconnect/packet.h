/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PACKET_H
#define HC_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * Messages that wait until the other side of a connection reads. Bounded: a caller that does not
 * read loses its connection instead of growing the program. What is queued may hold a code or a
 * seed, so it is scrubbed when it goes. Zero-initialised is empty. Nothing blocks.
 */
#define HC_PACKET_QUEUE_MAX 16

struct hc_packet;

struct hc_packet_queue {
	struct hc_packet *first, *last; /* owned */
	size_t count;
};

/*
 * hc_packet_queue_send: sends a finished message (borrowed) on fd, or queues a copy when the socket is
 * full or others wait already. HC_ERR_FULL beyond HC_PACKET_QUEUE_MAX, HC_ERR_CLOSED when the other side
 * has gone, HC_ERR_NOMEM, HC_ERR_IO; the connection is then to be closed.
 */
HC_CHECK enum hc_err hc_packet_queue_send(struct hc_packet_queue *queue, int fd, const struct hc_msg *msg);

/* hc_packet_queue_flush: sends what the socket takes. HC_OK also when something still waits. */
HC_CHECK enum hc_err hc_packet_queue_flush(struct hc_packet_queue *queue, int fd);

static inline bool hc_packet_queue_empty(const struct hc_packet_queue *queue)
{
	return queue->count == 0;
}

void hc_packet_queue_clear(struct hc_packet_queue *queue);

/*
 * hc_packet_receive: one packet of fd into msg, parsed. HC_ERR_AWAY: nothing to read now.
 * HC_ERR_CLOSED: the other side has gone, or sent an empty packet. HC_ERR_PROTOCOL: cut, with
 * ancillary data (which the kernel has dropped), or malformed. HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_packet_receive(int fd, struct hc_msg *msg);

#endif
