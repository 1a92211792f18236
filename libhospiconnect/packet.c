/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in and out of one non-blocking socket.
 *
 * State: the queue of the connection. Threats: descriptors and credentials smuggled in as ancillary
 * data, packets longer than the buffer, a reader that stops reading. It must never keep a packet in
 * memory that was sent or given up without scrubbing it.
 */
#include "hospiconnect/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hospiconnect/secret.h"

struct hc_packet {
	struct hc_packet *next;
	size_t len;
	uint8_t data[];
};

static enum hc_err send_packet(int fd, const void *data, size_t len)
{
	ssize_t sent = 0;

	do {
		sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (size_t)sent == len ? HC_OK : HC_ERR_IO;
	if (errno == EAGAIN || errno == ENOBUFS)
		return HC_ERR_AWAY;
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return HC_ERR_CLOSED;
	return HC_ERR_IO;
}

static enum hc_err enqueue(struct hc_packet_queue *queue, const struct hc_msg *msg)
{
	struct hc_packet *packet = NULL;

	if (queue->count == HC_PACKET_QUEUE_MAX)
		return HC_ERR_FULL;
	packet = malloc(sizeof(*packet) + msg->len);
	if (packet == NULL)
		return HC_ERR_NOMEM;
	packet->next = NULL;
	packet->len = msg->len;
	memcpy(packet->data, msg->packet, msg->len);
	if (queue->last != NULL)
		queue->last->next = packet;
	else
		queue->first = packet;
	queue->last = packet;
	queue->count++;
	return HC_OK;
}

static void drop_first(struct hc_packet_queue *queue)
{
	struct hc_packet *packet = queue->first;

	queue->first = packet->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->count--;
	hc_scrub(packet->data, packet->len);
	free(packet);
}

enum hc_err hc_packet_queue_send(struct hc_packet_queue *queue, int fd, const struct hc_msg *msg)
{
	enum hc_err err = HC_ERR_AWAY;

	if (hc_packet_queue_empty(queue))
		err = send_packet(fd, msg->packet, msg->len);
	return err == HC_ERR_AWAY ? enqueue(queue, msg) : err;
}

enum hc_err hc_packet_queue_flush(struct hc_packet_queue *queue, int fd)
{
	while (queue->first != NULL) {
		enum hc_err err = send_packet(fd, queue->first->data, queue->first->len);

		if (err == HC_ERR_AWAY)
			return HC_OK;
		if (err != HC_OK)
			return err;
		drop_first(queue);
	}
	return HC_OK;
}

void hc_packet_queue_clear(struct hc_packet_queue *queue)
{
	while (queue->first != NULL)
		drop_first(queue);
}

enum hc_err hc_packet_receive(int fd, struct hc_msg *msg)
{
	struct iovec part = {.iov_base = msg->packet, .iov_len = sizeof(msg->packet)};
	/* No room for ancillary data: the kernel drops descriptors sent along and says MSG_CTRUNC. */
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t len = 0;

	do {
		len = recvmsg(fd, &header, MSG_DONTWAIT);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && errno == EAGAIN)
		return HC_ERR_AWAY;
	if (len < 0)
		return errno == ECONNRESET ? HC_ERR_CLOSED : HC_ERR_IO;
	if (len == 0 && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return HC_ERR_CLOSED;
	if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return HC_ERR_PROTOCOL;
	return hc_msg_parse(msg, (size_t)len);
}
