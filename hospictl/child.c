/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon of ours as a child, without a shell. No state. Its words are bounded; what it says beyond is read and dropped.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool hc_child_find(const char *name, char *out, size_t cap)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (snprintf(out, cap, "%s/%s", self, name) < (int)cap && access(out, X_OK) == 0)
			return true;
	}
	(void)snprintf(out, cap, "/usr/sbin/%s", name);
	return access(out, X_OK) == 0;
}

/* What a child says, until it has ended. */
static void read_output(int fd, char *out, size_t cap)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (len + 1 < cap)
			out[len++] = c;
	}
	out[len] = '\0';
}

int hc_child_run(const char *program, const char *option, const char *value, const char *more, bool both,
		 char *output, size_t cap)
{
	char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)option, (char *)(uintptr_t)value,
			      (char *)(uintptr_t)more, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1, failed;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	failed = posix_spawn_file_actions_init(&actions);
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) ||
			 (both && posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)) ||
			 posix_spawn(&child, program, &actions, NULL, argv, environ);
		(void)posix_spawn_file_actions_destroy(&actions); /* nothing to do about it */
	}
	(void)close(ends[1]); /* the child's end */
	if (failed == 0) {
		read_output(ends[0], output, cap);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	(void)close(ends[0]); /* only read from */
	return failed == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
