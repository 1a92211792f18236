/* SPDX-License-Identifier: Apache-2.0 */
/* The card's side of a virtual reader, with what a test wants to go wrong in it. */
#include "reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POWER_OFF 0
#define POWER_ON  1
#define RESET	  2
#define GET_ATR	  4

/* T=1; its historical bytes name the PIV application, as the standard proposes. */
static const uint8_t atr[] = {0x3b, 0x8b, 0x80, 0x01, 0x80, 0xf9, 0xa0, 0x00,
			      0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0xc8};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock is always there */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_to(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		(void)close(fd);
		return -1;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower without */
	return fd;
}

bool tc_reader_insert(struct tc_reader *reader, const char *folder)
{
	if (reader->fd >= 0 || reader->next_ms != 0)
		return false;
	reader->fd = connect_to(reader->port);
	if (reader->fd < 0)
		return false;
	reader->card = tc_card_load(folder);
	return true;
}

void tc_reader_remove(struct tc_reader *reader)
{
	if (reader->fd >= 0)
		(void)close(reader->fd);
	reader->fd = -1;
	tc_card_free(&reader->card);
	reader->in_len = reader->out_len = 0;
	reader->out_ms = reader->next_ms = 0;
}

void tc_reader_swap(struct tc_reader *reader, const char *folder, unsigned ms)
{
	tc_reader_remove(reader);
	(void)snprintf(reader->next, sizeof(reader->next), "%s", folder);
	reader->next_ms = now_ms() + ms + 1;
}

/* ---- one message ---- */

static void reply(struct tc_reader *reader, const void *data, size_t len, unsigned delay_ms)
{
	reader->out[0] = (uint8_t)(len >> 8);
	reader->out[1] = (uint8_t)len;
	memcpy(reader->out + 2, data, len);
	reader->out_len = len + 2;
	reader->out_ms = now_ms() + delay_ms + 1;
}

static void obey(struct tc_reader *reader, uint8_t order)
{
	switch (order) {
	case RESET:
		reader->resets++;
		tc_reset(reader->card);
		break;
	case POWER_OFF:
	case POWER_ON:
		tc_reset(reader->card);
		break;
	case GET_ATR:
		reply(reader, atr, sizeof(atr), 0);
		break;
	default:
		break;
	}
}

/* What is to happen at this command; NULL: nothing. */
static struct tc_fault *fault_at(struct tc_reader *reader, enum tc_kind kind)
{
	struct tc_fault *due = NULL;

	for (size_t i = 0; i < TC_FAULTS_MAX; i++) {
		struct tc_fault *fault = &reader->faults[i];

		if (fault->countdown != 0 && (fault->kind == kind || fault->kind == TC_KINDS) &&
		    --fault->countdown == 0 && due == NULL)
			due = fault;
	}
	return due;
}

static void execute(struct tc_reader *reader, const uint8_t *command, size_t len)
{
	enum tc_kind kind = tc_apdu_kind(command, len);
	struct tc_fault *fault = fault_at(reader, kind);
	uint8_t out[TC_APDU_MAX];
	unsigned delay_ms = 0;
	size_t out_len;

	reader->counts[kind]++;
	if (fault != NULL && fault->action == TC_REMOVE) {
		tc_reader_remove(reader);
		return;
	}
	if (fault != NULL && fault->action == TC_SWAP) {
		tc_reader_swap(reader, fault->folder, fault->ms);
		return;
	}
	if (fault != NULL && fault->action == TC_ANSWER) {
		reply(reader, fault->answer, fault->answer_len, 0);
		return;
	}
	if (fault != NULL)
		delay_ms = fault->ms;
	out_len = tc_apdu(reader->card, command, len, out, sizeof(out));
	reply(reader, out, out_len, delay_ms);
}

void tc_reader_hear(struct tc_reader *reader)
{
	ssize_t got = read(reader->fd, reader->in + reader->in_len, sizeof(reader->in) - reader->in_len);
	size_t len;

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		tc_reader_remove(reader); /* the reader has gone */
		return;
	}
	reader->in_len += (size_t)got;
	while (reader->fd >= 0 && reader->in_len >= 2) {
		len = (size_t)reader->in[0] << 8 | reader->in[1];
		if (len > TC_APDU_MAX) {
			tc_reader_remove(reader);
			return;
		}
		if (reader->in_len < 2 + len)
			return;
		if (len == 1)
			obey(reader, reader->in[2]);
		else if (len > 1)
			execute(reader, reader->in + 2, len);
		if (reader->fd < 0)
			return;
		reader->in_len -= 2 + len;
		memmove(reader->in, reader->in + 2 + len, reader->in_len);
	}
}

int tc_reader_tick(struct tc_reader *reader)
{
	int64_t now = now_ms();
	int64_t due;

	if (reader->out_ms != 0 && now >= reader->out_ms - 1) {
		reader->out_ms = 0;
		if (send(reader->fd, reader->out, reader->out_len, MSG_NOSIGNAL) != (ssize_t)reader->out_len)
			tc_reader_remove(reader);
	}
	if (reader->next_ms != 0 && now >= reader->next_ms - 1) {
		reader->next_ms = 0;
		(void)tc_reader_insert(reader, reader->next); /* "status" tells */
	}
	due = reader->out_ms != 0 ? reader->out_ms : reader->next_ms;
	if (due == 0)
		return -1;
	return due - now < 1000 ? (int)(due - now) : 1000;
}
