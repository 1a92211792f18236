/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-test-card: a smart card made of software, in a slot of vpcd's virtual reader.
 *
 * State: the slot (reader.h), and one test that controls it. The control link is descriptor 0, a socket of
 * kind SOCK_SEQPACKET; its end is the program's. One loop, no threads. It must never be installed.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "reader.h"

#define CONTROL_FD 0
#define LINE_CAP   2048

/* false: nobody is there any more. */
static bool hear_control(struct tc_reader *reader)
{
	char line[LINE_CAP], out[LINE_CAP];
	ssize_t got = recv(CONTROL_FD, line, sizeof(line) - 1, 0);
	int len;

	if (got <= 0)
		return false;
	line[got] = '\0';
	tc_control(reader, line, out, sizeof(out) - 1);
	len = snprintf(line, sizeof(line), "%s", out);
	return len >= 0 && send(CONTROL_FD, line, (size_t)len, MSG_NOSIGNAL) == len;
}

int main(int argc, char **argv)
{
	static struct tc_reader reader = {.fd = -1};
	unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (port == 0 || port > UINT16_MAX) {
		(void)fprintf(stderr, "usage: hc-test-card PORT, with the control link on descriptor 0\n");
		return 2;
	}
	reader.port = (uint16_t)port;
	for (;;) {
		int timeout_ms = tc_reader_tick(&reader);
		struct pollfd wanted[] = {{.fd = CONTROL_FD, .events = POLLIN},
					  {.fd = reader.fd, .events = POLLIN}};

		if (poll(wanted, 2, timeout_ms) < 0)
			continue; /* a signal */
		if (wanted[1].revents != 0)
			tc_reader_hear(&reader);
		if (wanted[0].revents != 0 && !hear_control(&reader))
			break;
	}
	tc_reader_remove(&reader);
	return 0;
}
