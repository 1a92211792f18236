/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that starts helpers, and the broker's side of it.
 *
 * State: one socket each, and in the process the directory of helpers. Threats: a broker that was taken over and asks for
 * another program (it says which of the helpers, by its number), a helper that gets more than its link. It must never
 * read from a link, nor keep one.
 */
#include "starter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "side.h"

#define ANSWER_MS 2000
#define NAME_CAP  16

static const char *const names[HC_HELPERS] = {"hc-fido2", "hc-pkcs11", "hc-ocsp"};

struct hc_starter {
	pid_t pid;
	int fd;
};

/* ---- one descriptor with a few bytes ---- */

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* fd -1: none goes with them. */
static bool send_with(int to, void *bytes, size_t len, int fd)
{
	union control control = {.bytes = {0}};
	struct iovec part = {.iov_base = bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The length, 0 at the end, or -1; ret_fd -1: none came. */
static ssize_t receive_with(int from, void *bytes, size_t cap, int *ret_fd)
{
	union control control = {.bytes = {0}};
	struct iovec part = {.iov_base = bytes, .iov_len = cap};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	const ssize_t len = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *head = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*ret_fd = -1;
	if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(head), sizeof(int));
	return len;
}

/* ---- the process ---- */

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int link)
{
	sigset_t none, changed;
	int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	(void)sigemptyset(&none); /* these fail for a wrong number only */
	(void)sigemptyset(&changed);
	(void)sigaddset(&changed, SIGINT);
	(void)sigaddset(&changed, SIGTERM);
	(void)sigaddset(&changed, SIGHUP);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, link, HC_DEVICE_LINK_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, HC_DEVICE_LINK_FD + 1);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &changed);
	return rc != 0 ? rc
		       : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
								      POSIX_SPAWN_SETSID);
}

/* Its environment is empty; its descriptors are the link alone. An errno, or 0. */
static int spawn(const char *directory, const char *name, int link, pid_t *ret_pid)
{
	char path[PATH_MAX], own_name[NAME_CAP];
	char *const arguments[] = {own_name, NULL};
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	const int len = snprintf(path, sizeof(path), "%s/%s", directory, name);

	(void)snprintf(own_name, sizeof(own_name), "%s", name); /* fits */
	if (len < 0 || (size_t)len >= sizeof(path))
		return ENOENT;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	int rc = prepare(&actions, &attributes, link);

	if (rc == 0)
		rc = posix_spawn(ret_pid, path, &actions, &attributes, arguments, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static bool start(const char *directory, const char *name, int link)
{
	pid_t pid = -1;
	int failure = spawn(directory, name, link, &pid);
	int pidfd = failure == 0 ? pidfd_open(pid, 0) : -1;

	if (failure == 0 && pidfd < 0) {
		failure = errno;
		/* Without it a hung helper could not be ended safely: this one is not waited for. */
		(void)kill(pid, SIGKILL);
	}
	const bool told = send_with(HC_SIDE_FD, &failure, sizeof(failure), pidfd);

	if (pidfd >= 0)
		(void)close(pidfd); /* the broker's now */
	return told;
}

static void serve(const void *ctx)
{
	for (;;) {
		uint8_t question[2] = {0}; /* one byte, and room for one too many */
		int link = -1;
		bool goes_on = false;

		hc_side_await("a helper");
		if (receive_with(HC_SIDE_FD, question, sizeof(question), &link) == 1 && link >= 0 &&
		    question[0] < HC_HELPERS)
			goes_on = start(ctx, names[question[0]], link);
		if (link >= 0)
			(void)close(link); /* the helper's own */
		if (!goes_on)
			return;
	}
}

/* ---- the broker's side ---- */

enum hc_err hc_starter_new(const char *directory, const struct hc_identity *identity,
			   struct hc_starter **ret_starter)
{
	const struct hc_side side = {
		.name = "hc-starter", .role = HC_CONFINE_STARTER, .run = serve, .ctx = directory};
	HC_AUTO(starter) starter = calloc(1, sizeof(*starter));

	if (starter == NULL)
		return HC_ERR_NOMEM;
	starter->fd = -1;
	const enum hc_err err = hc_side_fork(&side, identity, &starter->pid, &starter->fd);

	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "cannot start the process that starts helpers",
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
		return err;
	}
	*ret_starter = hc_steal_ptr(&starter);
	return HC_OK;
}

void hc_starter_free(struct hc_starter **starter)
{
	struct hc_starter *self = *starter;

	*starter = NULL;
	if (self == NULL)
		return;
	if (self->pid > 0)
		hc_side_end("the starter of helpers", self->pid, self->fd);
	free(self);
}

const char *hc_starter_name(enum hc_device_helper helper)
{
	return names[helper];
}

int hc_starter_fd(const struct hc_starter *starter)
{
	return starter->fd;
}

enum hc_err hc_starter_run(struct hc_starter *starter, enum hc_device_helper helper, int link, int *ret_pidfd)
{
	struct pollfd answered = {.fd = starter->fd, .events = POLLIN};
	uint8_t question = (uint8_t)helper;
	int failure = 0, pidfd = -1;

	if (!send_with(starter->fd, &question, sizeof(question), link))
		return HC_ERR_AWAY;
	/* Late is never: an answer to this question must not be taken for one to the next. */
	if (poll(&answered, 1, ANSWER_MS) != 1 ||
	    receive_with(starter->fd, &failure, sizeof(failure), &pidfd) != (ssize_t)sizeof(failure)) {
		(void)shutdown(starter->fd, SHUT_RDWR);
		return HC_ERR_AWAY;
	}
	if (failure == 0 && pidfd >= 0) {
		*ret_pidfd = pidfd;
		return HC_OK;
	}
	if (pidfd >= 0)
		(void)close(pidfd); /* of a process that is said not to be there */
	return failure == ENOENT ? HC_ERR_NOTFOUND : failure == ENOMEM ? HC_ERR_NOMEM : HC_ERR_IO;
}
