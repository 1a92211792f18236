/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandboxed COMMAND [ARGUMENT...]: runs a program in the sandbox that newer polkit gives its agent helper
 * (tests/pam/sandbox.h), as root outside, and ends as it does; 125 where the sandbox cannot be had.
 *
 * Role: a host of the integration tests. State: one child. It must never run the program outside.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../pam/sandbox.h"

#define NO_SANDBOX 125

struct gate {
	int up, down;
};

static bool wait_for_maps(void *ctx)
{
	const struct gate *gate = ctx;
	char byte;

	return write(gate->up, "", 1) == 1 && read(gate->down, &byte, 1) == 1;
}

static _Noreturn void inside(struct gate *gate, char **command)
{
	const char *step = NULL;

	if (!sandbox_enter(wait_for_maps, gate, &step)) {
		(void)fprintf(stderr, "sandbox: %s: %s\n", step, strerror(errno));
		_exit(NO_SANDBOX);
	}
	(void)execv(command[0], command);
	_exit(NO_SANDBOX);
}

int main(int argc, char **argv)
{
	int up[2], down[2], status = 0;
	char byte;
	pid_t child;

	if (argc < 2 || pipe(up) != 0 || pipe(down) != 0)
		return NO_SANDBOX;
	child = fork();
	if (child < 0)
		return NO_SANDBOX;
	if (child == 0) {
		struct gate gate = {.up = up[1], .down = down[0]};

		(void)close(up[0]);
		(void)close(down[1]);
		inside(&gate, argv + 1);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	if (read(up[0], &byte, 1) == 1 && sandbox_write_maps(child))
		(void)!write(down[1], "", 1); /* otherwise the child finds the end, and says so */
	(void)close(down[1]);
	if (waitpid(child, &status, 0) != child)
		return NO_SANDBOX;
	return WIFEXITED(status) ? WEXITSTATUS(status) : NO_SANDBOX;
}
