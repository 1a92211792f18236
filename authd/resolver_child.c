/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver's own process, and its children that ask the name service.
 *
 * State: one socket; no secret was in memory when it was forked, and none ever comes. Threats: name
 * service modules are foreign code (LDAP, SSSD, NIS) that may hang, leak or crash: each runs in a
 * child for one question, with an alarm that ends it. It must never keep a descriptor of the
 * broker's open: a listening socket that outlives its broker would make callers wait.
 */
#include "resolver_child.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hospiconnect/privilege.h"

#include "resolver.h"

#define NAME_BUFFER_LEN 16384
#define ONLY_FD		3

static void handle(int signal_number, void (*how)(int))
{
	struct sigaction action = {.sa_handler = how};

	(void)sigaction(signal_number, &action, NULL); /* fails for a wrong number only */
}

/* One question: the name service, an answer, the end. */
static _Noreturn void look_up(uint32_t uid)
{
	char buffer[NAME_BUFFER_LEN];
	struct hc_resolver_answer answer = {.uid = uid};
	struct passwd entry;
	struct passwd *found = NULL;
	size_t len = 0;

	handle(SIGALRM, SIG_DFL);
	handle(SIGCHLD, SIG_DFL);
	(void)alarm(HC_RESOLVER_MS / 1000);
	if (getpwuid_r((uid_t)uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
		len = strlen(found->pw_name);
		/* A name too long for a login is sent as none. */
		if (len < sizeof(answer.name))
			memcpy(answer.name, found->pw_name, len);
	}
	(void)send(ONLY_FD, &answer, sizeof(answer), MSG_NOSIGNAL); /* who asked has a deadline */
	_exit(0);
}

static _Noreturn void serve(pid_t parent)
{
	sigset_t none;

	(void)prctl(PR_SET_NAME, "hc-resolver", 0, 0, 0); /* for ps(1) only */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  /* the end of the socket says it too */
	if (getppid() != parent)
		_exit(0);
	/* A terminal or service manager signals the group; this process ends when its broker does. */
	handle(SIGINT, SIG_IGN);
	handle(SIGTERM, SIG_IGN);
	handle(SIGHUP, SIG_IGN);
	handle(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (;;) {
		uint32_t uid = 0;
		ssize_t len = recv(ONLY_FD, &uid, sizeof(uid), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len != (ssize_t)sizeof(uid))
			_exit(0);
		if (fork() == 0)
			look_up(uid);
	}
}

static _Noreturn void become_resolver(int fd, const struct hc_identity *identity, pid_t parent)
{
	if (fd != ONLY_FD && dup2(fd, ONLY_FD) < 0)
		_exit(1);
	if (close_range(ONLY_FD + 1, ~0u, 0) != 0)
		_exit(1);
	/* The drop takes a signal for the parent's death away again, so that one is asked for after it. */
	if (identity != NULL && hc_privilege_drop(identity) != HC_OK)
		_exit(1);
	if (send(ONLY_FD, "", 1, MSG_NOSIGNAL) != 1) /* see holds_nothing() */
		_exit(1);
	serve(parent);
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

enum hc_err hc_resolver_fork(const struct hc_identity *identity, pid_t *ret_pid, int *ret_fd)
{
	int pair[2] = {-1, -1};
	pid_t parent = getpid();
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return HC_ERR_IO;
	pid = fork();
	if (pid == 0)
		become_resolver(pair[1], identity, parent);
	(void)close(pair[1]); /* nothing was written */
	if (pid < 0 || !holds_nothing(pair[0])) {
		(void)close(pair[0]); /* ends the child, if there is one */
		return HC_ERR_IO;
	}
	*ret_pid = pid;
	*ret_fd = pair[0];
	return HC_OK;
}
