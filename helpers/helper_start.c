/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a helper of the broker begins.
 *
 * State: the process. Threats: whoever starts it by hand (a link that is none, or another user's, is refused), an
 * environment that names libraries, proxies or traces, a device or an answer that makes it eat the machine. It must never
 * read from a link whose maker is neither root nor its own user.
 */
#include "helper_start.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "hospiconnect/program.h"
#include "hospiconnect/sockets.h"

#define OPEN_FILES 64
#define MEMORY	   (512 * 1024 * 1024)

static bool limit(int resource, rlim_t most)
{
	const struct rlimit limits = {.rlim_cur = most, .rlim_max = most};

	return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

bool hc_helper_harden(rlim_t cpu_s)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	/* A sanitizer's shadow memory is larger than any limit. */
	const bool bounded = HC_DUMPABLE != 0 || limit(RLIMIT_AS, MEMORY);

	return bounded && clearenv() == 0 && hc_privilege_harden() == HC_OK &&
	       limit(RLIMIT_NOFILE, OPEN_FILES) && limit(RLIMIT_CPU, cpu_s) &&
	       sigaction(SIGPIPE, &ignore, NULL) == 0 && chdir("/") == 0;
}

bool hc_helper_identity(void)
{
	struct hc_identity identity;

	if (geteuid() != 0)
		return true;
	return hc_privilege_user(HC_BROKER_USER, &identity) == HC_OK && hc_privilege_drop(&identity) == HC_OK;
}

bool hc_helper_is_link(int fd)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type), listening_len = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_len) == 0 && listening == 0;
}

bool hc_helper_may_ask(int fd)
{
	struct hc_peer_cred cred;

	return hc_peer_cred_of(fd, &cred) == HC_OK && (cred.uid == 0 || cred.uid == geteuid());
}

int hc_helper_begin(const struct hc_program *program, bool (*harden)(void))
{
	if (!hc_helper_is_link(HC_DEVICE_LINK_FD))
		return hc_program_usage(program);
	if (!harden() || close_range(HC_DEVICE_LINK_FD + 1, ~0u, 0) != 0) {
		hc_log_plain(HC_LOG_ERROR, "cannot harden the process");
		return HC_PROGRAM_FAILED;
	}
	if (!hc_helper_may_ask(HC_DEVICE_LINK_FD)) {
		hc_log_plain(HC_LOG_WARNING, "link refused: the caller is not the broker");
		return HC_PROGRAM_FAILED;
	}
	return HC_PROGRAM_OK;
}
