/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watcher: between the broker and the process that runs the vendor's library.
 *
 * State: whose turn it is on the link, the process, and how its end came. Threats: a library that hangs (a
 * deadline for each call), crashes, or speaks in our name (every message is checked against its turn); a
 * broker that goes away. A PIN passes through here from one socket to the other and must never be kept. The
 * last message goes out when the library's process has ended and the card was reset: what the broker does
 * next may be to kill this process.
 */
#include "pkcs11_watcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/packet.h"

#define TICK_MS 100

static int64_t now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

/* ---- the end of the other process ---- */

void hc_p11_watcher_end_by(struct hc_p11_watcher *watcher, enum hc_reason reason, const char *detail)
{
	if (watcher->reason != HC_REASON_NONE)
		return; /* the first cause is what is told */
	watcher->reason = reason;
	(void)snprintf(watcher->detail, sizeof(watcher->detail), "%s", detail);
}

static void kill_module(struct hc_p11_watcher *watcher)
{
	if (watcher->pid > 0 && !watcher->killed)
		(void)kill(watcher->pid, SIGKILL); /* not reaped yet, so the number is still its own */
	watcher->killed = true;
}

/* Asks it to end, which it does unless it is inside of the library. */
static void stop_module(struct hc_p11_watcher *watcher, const char *why)
{
	hc_p11_watcher_end_by(watcher, HC_REASON_CANCELLED, why);
	hc_msg_init(watcher->msg, HC_MSG_DEVICE_CANCEL);
	if (watcher->module >= 0 && hc_msg_finish(watcher->msg) == HC_OK)
		(void)send(watcher->module, watcher->msg->packet, watcher->msg->len,
			   MSG_NOSIGNAL | MSG_DONTWAIT); /* it is killed if it does not hear */
	if (watcher->kill_ms == 0)
		watcher->kill_ms = now_ms() + HC_P11_STOP_MS;
}

/* The name of a function of PKCS#11, as the other process wrote it. */
static void name_call(const struct hc_p11_watcher *watcher, char *out, size_t cap)
{
	char name[HC_P11_CALL_MAX];

	memcpy(name, watcher->shared->call, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	hc_escape(name, out, cap);
}

static void enforce_deadlines(struct hc_p11_watcher *watcher)
{
	int64_t now = now_ms(), call_until = atomic_load(&watcher->shared->call_until_ms);
	char name[4 * HC_P11_CALL_MAX], detail[HC_P11_DETAIL_MAX];

	if (watcher->kill_ms != 0 && now >= watcher->kill_ms) {
		kill_module(watcher);
	} else if (call_until != 0 && now >= call_until) {
		name_call(watcher, name, sizeof(name));
		(void)snprintf(detail, sizeof(detail), "%s did not return", name);
		hc_p11_watcher_end_by(watcher, HC_REASON_MODULE_ERROR, detail);
		kill_module(watcher);
	} else if (now >= watcher->deadline_ms) {
		hc_p11_watcher_end_by(watcher, HC_REASON_TIMED_OUT, "the operation did not end in time");
		kill_module(watcher);
	}
}

/* ---- messages ---- */

static void pass_on(struct hc_p11_watcher *watcher, int fd)
{
	ssize_t sent = send(fd, watcher->msg->packet, watcher->msg->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	hc_msg_clear(watcher->msg);
	if (sent >= 0)
		return;
	/* A link holds more than one message: who does not read has gone. */
	if (fd == watcher->link)
		watcher->link_open = false;
	stop_module(watcher, "the link ended");
}

static void hear_broker(struct hc_p11_watcher *watcher)
{
	enum hc_err err = hc_packet_receive(watcher->link, watcher->msg);

	if (err == HC_ERR_AWAY)
		return;
	if (err == HC_OK)
		err = hc_p11_from_broker(&watcher->state, watcher->msg);
	if (err != HC_OK) {
		if (err != HC_ERR_CLOSED)
			hc_log(HC_LOG_WARNING, "link ended by a surprise",
			       HC_F_TEXT("reason", hc_strerror(err)));
		hc_msg_clear(watcher->msg);
		watcher->link_open = false;
		stop_module(watcher, "the link ended");
	} else if (watcher->msg->type == HC_MSG_DEVICE_CANCEL) {
		stop_module(watcher, "cancelled by the broker");
	} else {
		pass_on(watcher, watcher->module);
	}
}

static void close_module(struct hc_p11_watcher *watcher)
{
	(void)close(watcher->module); /* a socket; nothing is written to a file */
	watcher->module = -1;
	/* It ends by itself now, or not at all. */
	if (watcher->kill_ms == 0)
		watcher->kill_ms = now_ms() + HC_P11_LAST_MS;
}

static void hear_module(struct hc_p11_watcher *watcher)
{
	enum hc_err err = hc_packet_receive(watcher->module, watcher->msg);

	if (err == HC_ERR_AWAY)
		return;
	if (err == HC_OK)
		err = hc_p11_from_module(&watcher->state, watcher->request.operation, watcher->msg);
	if (err != HC_OK) {
		if (err == HC_ERR_PROTOCOL)
			hc_p11_watcher_end_by(watcher, HC_REASON_MODULE_ERROR,
					      "the module's process broke the protocol");
		close_module(watcher);
	} else if (watcher->state == HC_P11_LINK_ENDED) {
		struct hc_msg *last = watcher->last;

		watcher->last = watcher->msg;
		watcher->msg = last;
		watcher->has_last = true;
		close_module(watcher);
	} else if (watcher->link_open && watcher->reason == HC_REASON_NONE) {
		pass_on(watcher, watcher->link);
	}
}

/* ---- the loop ---- */

static void take_signals(struct hc_p11_watcher *watcher)
{
	struct signalfd_siginfo info;
	int status = 0;

	while (read(watcher->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			stop_module(watcher, "the program was told to end");
	}
	if (watcher->pid > 0 && waitpid(watcher->pid, &status, WNOHANG) == watcher->pid) {
		watcher->pid = 0;
		watcher->status = status;
		hc_confine_tell("the process of the card's library", status);
	}
}

static void watch_once(struct hc_p11_watcher *watcher)
{
	struct pollfd wanted[] = {
		{.fd = watcher->signals, .events = POLLIN},
		{.fd = watcher->module, .events = POLLIN}, /* negative: left out */
		{.fd = watcher->link_open && !watcher->has_last ? watcher->link : -1, .events = POLLIN}};

	if (poll(wanted, HC_COUNT(wanted), TICK_MS) < 0 && errno != EINTR) {
		hc_p11_watcher_end_by(watcher, HC_REASON_INTERNAL, "poll");
		kill_module(watcher);
	}
	if (wanted[1].revents != 0)
		hear_module(watcher);
	/* Heard first: the module may just have ended the operation. */
	if (wanted[2].revents != 0 && watcher->module >= 0)
		hear_broker(watcher);
	enforce_deadlines(watcher);
	take_signals(watcher);
}

/* What the process left unsaid. */
static void explain_end(struct hc_p11_watcher *watcher)
{
	struct pollfd unheard = {.fd = watcher->module, .events = POLLIN};
	char name[4 * HC_P11_CALL_MAX], detail[HC_P11_DETAIL_MAX];

	/* It has ended, but what it started may have kept its end of the pair. */
	while (watcher->module >= 0 && poll(&unheard, 1, 0) == 1)
		hear_module(watcher);
	if (watcher->has_last || watcher->reason != HC_REASON_NONE)
		return;
	name_call(watcher, name, sizeof(name));
	if (WIFSIGNALED(watcher->status))
		(void)snprintf(detail, sizeof(detail), "the module crashed (signal %d) in or after %s",
			       WTERMSIG(watcher->status), name);
	else
		(void)snprintf(detail, sizeof(detail),
			       "the module ended the process (status %d) in or after %s",
			       WEXITSTATUS(watcher->status), name);
	hc_p11_watcher_end_by(watcher, HC_REASON_MODULE_ERROR, detail);
}

/* What the broker needs to watch for the card's removal. A name that is no text is not told, and nothing is watched. */
static void add_place(struct hc_p11_watcher *watcher, const struct hc_p11_used *used)
{
	struct hc_msg *last = watcher->last;

	if (!watcher->has_last || last->type != HC_MSG_DEVICE_DONE || !used->known ||
	    !hc_utf8_valid(used->reader, strlen(used->reader)))
		return;
	hc_msg_put_text(last, HC_FIELD_DEVICE_PATH, used->reader);
	hc_msg_put_bytes(last, HC_FIELD_ATR, used->atr, used->atr_len);
	hc_msg_put_u64(last, HC_FIELD_DEVICE_INSTANCE, used->instance);
	if (hc_msg_finish(last) == HC_OK)
		return;
	watcher->has_last = false;
	hc_p11_watcher_end_by(watcher, HC_REASON_MODULE_ERROR, "the answer does not fit into a message");
}

static void reset_card(struct hc_p11_watcher *watcher)
{
	struct hc_p11_used used = {.known = false};

	if (!atomic_load(&watcher->shared->pin_sent))
		return;
	switch (hc_p11_guard_reset(&watcher->guard, HC_P11_RESET_MS, &used)) {
	case HC_P11_RESET_DONE:
		hc_log_plain(HC_LOG_DEBUG, "card reset");
		add_place(watcher, &used);
		break;
	case HC_P11_RESET_NO_SERVICE:
	case HC_P11_RESET_NO_CARD:
		hc_log_plain(HC_LOG_DEBUG, "no card to reset: none of a reader of pcscd");
		break;
	case HC_P11_RESET_FAILED:
		hc_log_plain(HC_LOG_WARNING,
			     "the card could not be reset and may still know the PIN: take it out");
		break;
	}
}

void hc_p11_watcher_run(struct hc_p11_watcher *watcher)
{
	while (watcher->pid > 0)
		watch_once(watcher);
	explain_end(watcher);
	reset_card(watcher);
}
