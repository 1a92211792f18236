/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process beside the broker's begins.
 *
 * State: the process. Threats: a descriptor of the broker's that stays open in it (a listening socket that outlives its broker
 * would make callers wait), a secret that it inherits (none is in memory yet), one that outlives its broker. It must never
 * read a byte before it has dropped what the broker drops, and is confined.
 */
#include "side.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/privilege.h"

static void handle(int signal_number, void (*how)(int))
{
	struct sigaction action = {.sa_handler = how};

	(void)sigaction(signal_number, &action, NULL); /* fails for a wrong number only */
}

/* Only there to interrupt. */
static void on_child(int signal_number)
{
	(void)signal_number;
}

/* Elsewhere SIGCHLD is blocked: none that comes between reaping and waiting is slept over. */
void hc_side_await(const char *what)
{
	struct pollfd wanted = {.fd = HC_SIDE_FD, .events = POLLIN};
	sigset_t none;
	int status = 0;

	(void)sigemptyset(&none); /* fails for a wrong number only */
	do {
		while (waitpid(-1, &status, WNOHANG) > 0)
			hc_confine_tell(what, status);
	} while (ppoll(&wanted, 1, NULL, &none) < 0 && errno == EINTR);
}

void hc_side_child(void)
{
	sigset_t none;

	handle(SIGINT, SIG_DFL);
	handle(SIGTERM, SIG_DFL);
	handle(SIGHUP, SIG_DFL);
	handle(SIGALRM, SIG_DFL);
	handle(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none); /* fails for a wrong number only */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct hc_side *side, int fd, const struct hc_identity *identity,
			     pid_t parent)
{
	sigset_t child;

	if (fd != HC_SIDE_FD && dup2(fd, HC_SIDE_FD) < 0)
		_exit(1);
	if (close_range(HC_SIDE_FD + 1, ~0u, 0) != 0)
		_exit(1);
	/* The drop takes a signal for the parent's death away again, so that one is asked for after it. */
	if (identity != NULL && hc_privilege_drop(identity) != HC_OK)
		_exit(1);
	(void)prctl(PR_SET_NAME, side->name, 0, 0, 0);	 /* for ps(1) only */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the end of the socket says it too */
	if (getppid() != parent)
		_exit(0);
	/* A terminal or service manager signals the group; this process ends when its broker does. */
	handle(SIGINT, SIG_IGN);
	handle(SIGTERM, SIG_IGN);
	handle(SIGHUP, SIG_IGN);
	handle(SIGCHLD, on_child);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &child, NULL);
	if (hc_confine(side->role) != HC_OK)
		_exit(1);
	if (send(HC_SIDE_FD, "", 1, MSG_NOSIGNAL) != 1) /* see holds_nothing() */
		_exit(1);
	side->run(side->ctx);
	_exit(0);
}

/*
 * Until the child has closed what it got from us, the end of this process would leave the listening
 * sockets open in it for a moment, and a broker started in that moment would think that another one
 * answers. So nobody is served before the child said that it has.
 */
static bool holds_nothing(int fd)
{
	char byte;
	ssize_t len;

	do
		len = recv(fd, &byte, sizeof(byte), 0);
	while (len < 0 && errno == EINTR);
	return len == 1;
}

enum hc_err hc_side_fork(const struct hc_side *side, const struct hc_identity *identity, pid_t *ret_pid,
			 int *ret_fd)
{
	int pair[2] = {-1, -1};
	pid_t parent = getpid();
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return HC_ERR_IO;
	pid = fork();
	if (pid == 0)
		become(side, pair[1], identity, parent);
	(void)close(pair[1]); /* nothing was written */
	if (pid < 0 || !holds_nothing(pair[0])) {
		(void)close(pair[0]); /* ends the child, if there is one */
		return HC_ERR_IO;
	}
	*ret_pid = pid;
	*ret_fd = pair[0];
	return HC_OK;
}

void hc_side_end(const char *what, pid_t pid, int fd)
{
	int status = 0;

	if (fd >= 0)
		(void)close(fd); /* it waits for nothing else */
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return;
	}
	hc_confine_tell(what, status);
}
