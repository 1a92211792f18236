/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in /dev.
 *
 * State: the descriptor. A node is made by the kernel, and given to us by udev a moment later: both are told. Threats: a
 * storm of events (what is left is read in the next round, and whoever looks rests in between). It must
 * never be the only reason to look: a file system may tell nothing.
 */
#include "fido2_notice.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

#define NODE "hidraw"

int hc_fido2_notice_open(const char *directory)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, directory, IN_CREATE | IN_ATTRIB | IN_DELETE) >= 0)
		return fd;
	(void)close(fd); /* nothing was told */
	return -1;
}

static bool is_of_a_key(const struct inotify_event *event, const char *name)
{
	return (event->mask & IN_Q_OVERFLOW) != 0 ||
	       (event->len >= sizeof(NODE) && memcmp(name, NODE, strlen(NODE)) == 0);
}

bool hc_fido2_notice_read(int fd)
{
	char events[4096];
	struct inotify_event event;
	ssize_t got = read(fd, events, sizeof(events)); /* -1: nothing */
	size_t len = got > 0 ? (size_t)got : 0, at = 0;

	while (len - at >= sizeof(event)) {
		memcpy(&event, events + at, sizeof(event));
		at += sizeof(event);
		if (event.len > len - at || is_of_a_key(&event, events + at))
			return true;
		at += event.len;
	}
	return false;
}
