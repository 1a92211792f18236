/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device helper that plays a part. It is given nothing but its link, so the part stands in a file beside it,
 * PROGRAM.part, one act a line; what it saw it adds to PROGRAM.seen, one line a fact:
 *
 *   wait N · ask N · choice NAME… · done · failed N · item · type N    sends that message
 *   raw TEXT         sends a packet that is no message
 *   start            receives DEVICE_START
 *   answer           receives DEVICE_ANSWER ("answer TEXT" is seen) or DEVICE_CANCEL ("cancel")
 *   hang             says and reads nothing more, until it is killed
 *   alone            fails where there is a descriptor or a variable of the environment that is not its own
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hospiconnect/device.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/packet.h"

static struct hc_msg msg;
static char program[512];

static void seen(const char *what, const char *more)
{
	char path[600];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.seen", program);
	file = fopen(path, "a");
	if (file == NULL)
		_exit(3);
	(void)fprintf(file, "%s%s%s\n", what, more[0] != '\0' ? " " : "", more);
	if (fclose(file) != 0)
		_exit(3);
}

static void finish_and_send(void)
{
	if (hc_msg_finish(&msg) != HC_OK ||
	    send(HC_DEVICE_LINK_FD, msg.packet, msg.len, MSG_NOSIGNAL) != (ssize_t)msg.len)
		_exit(4);
}

static void receive(void)
{
	char text[128] = "";
	const uint8_t *view;
	size_t len;
	struct pollfd link = {.fd = HC_DEVICE_LINK_FD, .events = POLLIN};
	(void)poll(&link, 1, -1); /* what came of it says the next line */
	enum hc_err err = hc_packet_receive(HC_DEVICE_LINK_FD, &msg);

	if (err != HC_OK) {
		seen("closed", "");
		_exit(0);
	}
	if (hc_msg_bytes(&msg, HC_FIELD_ANSWER, &view, &len) == HC_OK && len < sizeof(text))
		memcpy(text, view, len);
	if (msg.type == HC_MSG_DEVICE_START)
		seen("start", "");
	else if (msg.type == HC_MSG_DEVICE_ANSWER)
		seen("answer", text);
	else if (msg.type == HC_MSG_DEVICE_CANCEL)
		seen("cancel", "");
	else
		seen("surprise", hc_msg_type_name(msg.type));
}

static void check_alone(void)
{
	DIR *open_ones = opendir("/proc/self/fd");
	const struct dirent *entry;
	int own = open_ones != NULL ? dirfd(open_ones) : -1;

	if (environ != NULL && environ[0] != NULL && strncmp(environ[0], "LD_", 3) != 0)
		seen("environment", environ[0]);
	while (open_ones != NULL && (entry = readdir(open_ones)) != NULL) {
		long number = strtol(entry->d_name, NULL, 10);

		if (number > HC_DEVICE_LINK_FD && number != own)
			seen("descriptor", entry->d_name);
	}
	seen("alone", "");
}

static void act(char *line)
{
	char *more = strchr(line, ' ');
	unsigned long number;

	line[strcspn(line, "\n")] = '\0';
	if (more != NULL)
		*more++ = '\0';
	number = more != NULL ? strtoul(more, NULL, 10) : 0;
	hc_msg_init(&msg, (enum hc_msg_type)number);
	if (strcmp(line, "wait") == 0) {
		hc_msg_init(&msg, HC_MSG_DEVICE_WAIT);
		hc_msg_put_u32(&msg, HC_FIELD_DEVICE_WAIT, (uint32_t)number);
		finish_and_send();
	} else if (strcmp(line, "ask") == 0) {
		hc_msg_init(&msg, HC_MSG_DEVICE_ASK);
		hc_msg_put_u32(&msg, HC_FIELD_DEVICE_ASK, (uint32_t)number);
		finish_and_send();
	} else if (strcmp(line, "done") == 0 || strcmp(line, "item") == 0) {
		hc_msg_init(&msg, line[0] == 'd' ? HC_MSG_DEVICE_DONE : HC_MSG_DEVICE_ITEM);
		finish_and_send();
	} else if (strcmp(line, "failed") == 0) {
		hc_msg_init(&msg, HC_MSG_DEVICE_FAILED);
		if (more != NULL)
			hc_msg_put_u32(&msg, HC_FIELD_REASON, (uint32_t)number);
		finish_and_send();
	} else if (strcmp(line, "type") == 0) {
		finish_and_send();
	} else if (strcmp(line, "raw") == 0) {
		(void)!send(HC_DEVICE_LINK_FD, more, strlen(more), MSG_NOSIGNAL);
	} else if (strcmp(line, "alone") == 0) {
		check_alone();
	} else if (strcmp(line, "hang") == 0) {
		for (;;)
			(void)pause();
	} else {
		receive();
	}
}

int main(void)
{
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char path[600], line[128];
	FILE *part;

	if (len <= 0)
		return 2;
	program[len] = '\0';
	(void)snprintf(path, sizeof(path), "%s.part", program);
	part = fopen(path, "re");
	if (part == NULL)
		return 2;
	/* Read before anything is acted: "alone" counts what was handed down. */
	static char lines[64][128];
	size_t count = 0;

	while (count < 64 && fgets(line, sizeof(line), part) != NULL)
		memcpy(lines[count++], line, sizeof(line));
	(void)fclose(part); /* it was read only */
	for (size_t i = 0; i < count; i++)
		act(lines[i]);
	return 0;
}
