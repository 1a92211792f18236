/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Until a security key is pulled out.
 *
 * State: the link and one watched node of /dev. The key itself is not opened: a browser, or the next sign-in, may have
 * it. Threats: a key that is pulled out and another one that gets its name before anybody looked (the node is another
 * one then); a machine that slept meanwhile. A node that is replaced, renamed or hidden counts as a key that has left. It must
 * never end without a word while the link is open.
 */
#include "fido2_watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "watch_link.h"

#define LOOK_MS \
	1000 /* where the kernel has not told: after a sleep, or on a file system that tells nothing */

bool hc_fido2_instance(const char *path, uint64_t *ret_instance)
{
	struct stat node;

	if (path[0] != '/' || stat(path, &node) != 0)
		return false;
	*ret_instance = (uint64_t)node.st_ino;
	return true;
}

static bool is_there(const struct hc_watch_request *request)
{
	uint64_t instance = 0;

	return hc_fido2_instance(request->path, &instance) && instance == request->instance;
}

static void drain(int notify)
{
	char events[4096];

	while (read(notify, events, sizeof(events)) > 0)
		continue; /* what happened says the node itself */
}

static enum hc_err watch(int link, int notify, const struct hc_watch_request *request)
{
	while (is_there(request)) {
		struct pollfd wanted[] = {{.fd = link, .events = POLLIN}, {.fd = notify, .events = POLLIN}};
		enum hc_watch_word word = HC_WATCH_NOTHING;

		if (poll(wanted, HC_COUNT(wanted), LOOK_MS) < 0 && errno != EINTR)
			return HC_ERR_IO;
		if (wanted[1].revents != 0)
			drain(notify);
		if (wanted[0].revents != 0)
			word = hc_watch_hear(link);
		if (word == HC_WATCH_CLOSED)
			return HC_ERR_CLOSED;
		if (word == HC_WATCH_CANCEL)
			return hc_watch_say_cancelled(link) ? HC_OK : HC_ERR_CLOSED;
	}
	return hc_watch_say_left(link, "the key was pulled out") ? HC_OK : HC_ERR_CLOSED;
}

enum hc_err hc_fido2_watch(int link, const struct hc_msg *start)
{
	struct hc_watch_request request;
	enum hc_err err = hc_watch_parse(start, false, &request);
	uint64_t instance = 0;

	if (err != HC_OK)
		return err;
	(void)alarm(0); /* it lasts as long as the session */
	int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (notify < 0)
		return HC_ERR_IO;
	/* Without it the node is looked at all the same, each second. */
	if (inotify_add_watch(notify, request.path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		hc_log(HC_LOG_DEBUG, "the kernel does not tell of this node",
		       HC_F_TEXT("path", request.path));
	bool there = hc_fido2_instance(request.path, &instance);

	if (!request.has_instance)
		request.instance = instance;
	if (there && instance == request.instance && !hc_watch_say_here(link, instance))
		err = HC_ERR_CLOSED;
	if (err == HC_OK && !there)
		err = hc_watch_say_left(link, "the key is not there") ? HC_OK : HC_ERR_CLOSED;
	else if (err == HC_OK)
		err = watch(link, notify, &request);
	(void)close(notify); /* it was read only */
	return err;
}
