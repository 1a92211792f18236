/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation from its beginning to its end: DEVICE_START, the processes, the last message.
 *
 * State: the watcher. Threats: a broker that sends no operation, or a wrong one; the library's process with
 * more descriptors than it needs. Everything is started before the library is loaded, and the last message
 * is sent when it is gone and the card was reset.
 */
#include "pkcs11_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/program.h"
#include "pkcs11_operation.h"
#include "pkcs11_process.h"
#include "pkcs11_watch_reader.h"
#include "pkcs11_watcher.h"
#include "watch_link.h"

static bool catch_signals(struct hc_p11_watcher *watcher)
{
	sigset_t caught;

	(void)sigemptyset(&caught); /* these fail for a wrong number only */
	(void)sigaddset(&caught, SIGCHLD);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigaddset(&caught, SIGINT);
	if (sigprocmask(SIG_BLOCK, &caught, NULL) != 0)
		return false;
	watcher->signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	return watcher->signals >= 0;
}

static _Noreturn void run_module(const struct hc_p11_watcher *watcher, int fd)
{
	sigset_t none;

	(void)sigemptyset(&none); /* these fail for a wrong number only */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* The library gets the pair and nothing else, and does not outlive the watcher. */
	if (!hc_p11_confine(watcher->request.timeout_ms) || dup2(fd, HC_P11_LINK_FD) < 0 ||
	    close_range(HC_P11_LINK_FD + 1, ~0u, 0) != 0)
		_exit(HC_PROGRAM_FAILED);
	/* Without the library's own ideas of an end. */
	_exit(hc_p11_operate(&watcher->request, HC_P11_LINK_FD, watcher->shared));
}

static bool start_module(struct hc_p11_watcher *watcher)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	watcher->pid = fork();
	if (watcher->pid == 0)
		run_module(watcher, pair[1]);
	(void)close(pair[1]); /* the other process' own */
	watcher->module = pair[0];
	watcher->deadline_ms = hc_mono_ms(hc_clock_system()) + watcher->request.timeout_ms + HC_P11_GRACE_MS;
	return watcher->pid > 0;
}

static enum hc_err receive_start(struct hc_p11_watcher *watcher)
{
	struct pollfd wanted = {.fd = watcher->link, .events = POLLIN};
	enum hc_err err = HC_ERR_TIMEOUT;

	if (poll(&wanted, 1, HC_DEVICE_START_MS) == 1)
		err = hc_packet_receive(watcher->link, watcher->msg);
	watcher->watches = err == HC_OK && hc_watch_is_asked(watcher->msg);
	if (watcher->watches)
		return HC_OK;
	if (err == HC_OK)
		err = hc_p11_request_parse(watcher->msg, &watcher->request);
	hc_msg_clear(watcher->msg);
	if (err != HC_OK && err != HC_ERR_CLOSED)
		hc_log(HC_LOG_WARNING, "no operation asked for", HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

static bool start(struct hc_p11_watcher *watcher)
{
	watcher->shared = mmap(NULL, sizeof(*watcher->shared), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watcher->shared == MAP_FAILED) {
		watcher->shared = NULL;
		return false;
	}
	return catch_signals(watcher) && hc_p11_guard_start(&watcher->guard, watcher->shared) &&
	       start_module(watcher) && hc_confine(HC_CONFINE_PKCS11_WATCHER) == HC_OK;
}

static int tell_end(struct hc_p11_watcher *watcher)
{
	struct hc_msg *msg = watcher->last;

	/* Unread, a cancelled operation must not end in a signature. */
	if (watcher->reason != HC_REASON_NONE) {
		hc_msg_init(msg, HC_MSG_DEVICE_FAILED);
		hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)watcher->reason);
		hc_msg_put_text(msg, HC_FIELD_DETAIL, watcher->detail);
		if (hc_msg_finish(msg) != HC_OK)
			return HC_PROGRAM_FAILED;
	}
	if (!watcher->link_open)
		return HC_PROGRAM_FAILED;
	return send(watcher->link, msg->packet, msg->len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0
		       ? HC_PROGRAM_OK
		       : HC_PROGRAM_FAILED;
}

static int serve(struct hc_p11_watcher *watcher)
{
	if (receive_start(watcher) != HC_OK)
		return HC_PROGRAM_FAILED;
	if (watcher->watches)
		return hc_p11_watch_reader(watcher->link, watcher->msg);
	watcher->link_open = true;
	if (!start(watcher)) {
		hc_log(HC_LOG_ERROR, "cannot start the module's process",
		       HC_F_TEXT("reason", strerror(errno)));
		hc_p11_watcher_end_by(watcher, HC_REASON_INTERNAL, "the module's process cannot be started");
		return tell_end(watcher);
	}
	hc_p11_watcher_run(watcher);
	return tell_end(watcher);
}

int hc_p11_serve(int link)
{
	struct hc_p11_watcher watcher = {.link = link, .signals = -1, .module = -1, .guard = {.fd = -1}};
	int status = HC_PROGRAM_FAILED;

	if (hc_msg_new(&watcher.msg) == HC_OK && hc_msg_new(&watcher.last) == HC_OK)
		status = serve(&watcher);
	hc_p11_guard_end(&watcher.guard);
	if (watcher.shared != NULL)
		(void)munmap(watcher.shared, sizeof(*watcher.shared)); /* the process ends */
	if (watcher.signals >= 0)
		(void)close(watcher.signals);
	hc_msg_free(&watcher.msg);
	hc_msg_free(&watcher.last);
	return status;
}
