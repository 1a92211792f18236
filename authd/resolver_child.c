/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver's own process, and its children that ask the name service.
 *
 * State: one socket; no secret was in memory when it was forked, and none ever comes. Threats: name
 * service modules are foreign code (LDAP, SSSD, NIS) that may hang, leak or crash: each runs in a
 * child for one question, with an alarm that ends it. How the process begins is in side.c.
 */
#include "resolver_child.h"

#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver.h"
#include "side.h"

#define NAME_BUFFER_LEN 16384

/* One question: the name service, an answer, the end. */
static _Noreturn void look_up(uint32_t uid)
{
	char buffer[NAME_BUFFER_LEN];
	struct hc_resolver_answer answer = {.uid = uid};
	struct passwd entry;
	struct passwd *found = NULL;
	size_t len = 0;

	hc_side_child();
	(void)alarm(HC_RESOLVER_MS / 1000);
	if (getpwuid_r((uid_t)uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
		len = strlen(found->pw_name);
		/* A name too long for a login is sent as none. */
		if (len < sizeof(answer.name))
			memcpy(answer.name, found->pw_name, len);
	}
	(void)send(HC_SIDE_FD, &answer, sizeof(answer), MSG_NOSIGNAL); /* who asked has a deadline */
	_exit(0);
}

static void serve(const void *ctx)
{
	(void)ctx;
	for (;;) {
		uint32_t uid = 0;

		hc_side_await("the name service");
		if (recv(HC_SIDE_FD, &uid, sizeof(uid), 0) != (ssize_t)sizeof(uid))
			return;
		if (fork() == 0)
			look_up(uid);
	}
}

enum hc_err hc_resolver_fork(const struct hc_identity *identity, pid_t *ret_pid, int *ret_fd)
{
	const struct hc_side side = {.name = "hc-resolver", .role = HC_CONFINE_RESOLVER, .run = serve};

	return hc_side_fork(&side, identity, ret_pid, ret_fd);
}
