/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to hc-password.
 *
 * State: the open questions, oldest first, and which of them have a connection. Threats: a helper that is
 * away, hangs or lies about its place (the kernel says who listens, before a password leaves), an asker that
 * goes in the middle, more askers than the helper can serve (a queue, with deadlines). Whatever is not an
 * answer is "unavailable". It must never answer RIGHT by itself, and never call back twice.
 */
#include "passcheck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/secret.h"
#include "quota.h"

#define TIMER_ACCURACY_US 20000

struct hc_passcheck_question {
	struct hc_passcheck *passcheck;
	struct hc_passcheck_question *next;
	struct hc_msg *msg; /* the request; NULL once it was sent */
	int fd;		    /* -1: not connected */
	sd_event_source *io, *timer;
	enum hc_password outcome; /* of what failed before it could be asked */
	void (*answered)(void *ctx, enum hc_password answer);
	void *ctx;
};

struct hc_passcheck {
	sd_event *event;
	const char *path;
	struct hc_peer_rules peers;
	int priority;
	unsigned connected;
	struct hc_passcheck_question *first; /* all, oldest first; owned */
	struct hc_gate away_gate;
};

enum hc_err hc_passcheck_new(sd_event *event, const char *path, const struct hc_peer_rules *peers,
			     int priority, struct hc_passcheck **ret_passcheck)
{
	struct hc_passcheck *passcheck = calloc(1, sizeof(*passcheck));

	if (passcheck == NULL)
		return HC_ERR_NOMEM;
	passcheck->event = event;
	passcheck->path = path;
	passcheck->peers = *peers;
	passcheck->priority = priority;
	*ret_passcheck = passcheck;
	return HC_OK;
}

static void unlink_from(struct hc_passcheck_question *question)
{
	struct hc_passcheck_question **at = &question->passcheck->first;

	while (*at != NULL && *at != question)
		at = &(*at)->next;
	if (*at != NULL)
		*at = question->next;
}

static void release(struct hc_passcheck_question *question)
{
	unlink_from(question);
	if (question->fd >= 0) {
		question->passcheck->connected--;
		(void)close(question->fd); /* what was sent is with the kernel already */
	}
	(void)sd_event_source_disable_unref(question->io); /* gives NULL back */
	(void)sd_event_source_disable_unref(question->timer);
	hc_msg_free(&question->msg);
	free(question);
}

void hc_passcheck_free(struct hc_passcheck **passcheck)
{
	if (passcheck == NULL || *passcheck == NULL)
		return;
	while ((*passcheck)->first != NULL)
		release((*passcheck)->first);
	free(*passcheck);
	*passcheck = NULL;
}

static void complain(struct hc_passcheck *passcheck, const char *what, const char *why)
{
	uint64_t held = 0, now_us = 0;

	(void)sd_event_now(passcheck->event, CLOCK_MONOTONIC, &now_us); /* 0 only makes the gate open later */
	if (hc_gate_open(&passcheck->away_gate, (int64_t)(now_us / 1000), &held))
		hc_log(HC_LOG_ERROR, what, HC_F_TEXT("path", passcheck->path), HC_F_TEXT("reason", why),
		       HC_F_NUM("not_logged_before", held));
}

/* ---- the connection ---- */

static bool root_listens(const struct hc_passcheck *passcheck, int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && len == sizeof(cred) &&
	       (cred.uid == 0 || (passcheck->peers.own_uid_too && cred.uid == passcheck->peers.own_uid));
}

/* A connected descriptor, or -1. A Unix socket connects at once or not at all. */
static int connect_helper(struct hc_passcheck *passcheck)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, passcheck->path, strnlen(passcheck->path, sizeof(address.sun_path) - 1));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		complain(passcheck, "no password can be checked: hc-password does not answer",
			 strerror(errno));
	} else if (!root_listens(passcheck, fd)) {
		complain(passcheck, "no password can be checked: it is not root who listens", "wrong peer");
	} else {
		return fd;
	}
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return -1;
}

static void pump(struct hc_passcheck *passcheck);

/* The one way out: whoever asked is told, and what it held is free for the next. */
static void answer(struct hc_passcheck_question *question, enum hc_password verdict)
{
	struct hc_passcheck *passcheck = question->passcheck;
	void (*answered)(void *ctx, enum hc_password answer) = question->answered;
	void *ctx = question->ctx;

	release(question);
	pump(passcheck);
	answered(ctx, verdict);
}

static enum hc_password read_answer(int fd)
{
	HC_AUTO(msg) msg = NULL;
	uint32_t value = HC_PASSWORD_UNAVAILABLE;

	if (hc_msg_new(&msg) != HC_OK || hc_packet_receive(fd, msg) != HC_OK ||
	    msg->type != HC_MSG_PASSWORD_RESULT || hc_msg_u32(msg, HC_FIELD_PASSWORD, &value) != HC_OK)
		return HC_PASSWORD_UNAVAILABLE;
	switch ((enum hc_password)value) {
	case HC_PASSWORD_WRONG:
	case HC_PASSWORD_BUSY:
	case HC_PASSWORD_RIGHT:
		return (enum hc_password)value;
	case HC_PASSWORD_UNAVAILABLE:
		break;
	}
	return HC_PASSWORD_UNAVAILABLE;
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_passcheck_question *question = ctx;
	enum hc_password verdict = read_answer(fd);

	(void)source;  /* the same as question->io */
	(void)revents; /* the result of reading says it */
	if (verdict == HC_PASSWORD_UNAVAILABLE)
		complain(question->passcheck, "hc-password could not check a password",
			 "its own log says why");
	answer(question, verdict);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_passcheck_question *question = ctx;

	(void)source; /* the same as question->timer */
	(void)usec;
	if (question->outcome == HC_PASSWORD_WRONG)
		complain(question->passcheck, "hc-password did not answer in time", "deadline");
	answer(question, HC_PASSWORD_UNAVAILABLE);
	return 0;
}

static bool send_question(struct hc_passcheck_question *question)
{
	struct hc_passcheck *passcheck = question->passcheck;

	question->fd = connect_helper(passcheck);
	if (question->fd < 0)
		return false;
	passcheck->connected++;
	if (send(question->fd, question->msg->packet, question->msg->len, MSG_NOSIGNAL) < 0 ||
	    sd_event_add_io(passcheck->event, &question->io, question->fd, EPOLLIN, on_answer, question) <
		    0 ||
	    sd_event_source_set_priority(question->io, passcheck->priority) < 0)
		return false;
	hc_msg_free(&question->msg); /* scrubbed: the password is with the kernel now */
	return true;
}

/* Who could not ask is answered in its own turn of the loop: no caller is called back from its own call. */
static void fail_later(struct hc_passcheck_question *question)
{
	hc_msg_free(&question->msg);
	question->outcome = HC_PASSWORD_UNAVAILABLE;
	(void)sd_event_source_set_time(question->timer, 0); /* otherwise at its deadline */
}

/* As many as may be open are asked, the oldest first. */
static void pump(struct hc_passcheck *passcheck)
{
	for (struct hc_passcheck_question *at = passcheck->first; at != NULL; at = at->next) {
		if (passcheck->connected >= HC_PASSCHECK_OPEN)
			return;
		if (at->msg != NULL && !send_question(at))
			fail_later(at);
	}
}

/* ---- questions ---- */

static enum hc_err make_request(const struct hc_login *login, const struct hc_secret *password, bool decoy,
				struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_PASSWORD_CHECK);
	if (login != NULL)
		hc_msg_put_text(msg, HC_FIELD_LOGIN, login->text);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, hc_secret_data(password), hc_secret_len(password));
	if (decoy)
		hc_msg_put_u32(msg, HC_FIELD_FLAGS, HC_PASSWORD_FLAG_DECOY);
	return hc_msg_finish(msg);
}

static void append(struct hc_passcheck *passcheck, struct hc_passcheck_question *question)
{
	struct hc_passcheck_question **at = &passcheck->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = question;
}

enum hc_err hc_passcheck_ask(struct hc_passcheck *passcheck, const struct hc_login *login,
			     const struct hc_secret *password, bool decoy,
			     void (*answered)(void *ctx, enum hc_password answer), void *ctx,
			     struct hc_passcheck_question **ret_question)
{
	struct hc_passcheck_question *question = calloc(1, sizeof(*question));
	enum hc_err err;

	if (question == NULL)
		return HC_ERR_NOMEM;
	*question = (struct hc_passcheck_question){
		.passcheck = passcheck, .fd = -1, .answered = answered, .ctx = ctx};
	err = hc_msg_new(&question->msg);
	if (err == HC_OK)
		err = make_request(login, password, decoy, question->msg);
	if (err == HC_OK && (sd_event_add_time_relative(passcheck->event, &question->timer, CLOCK_MONOTONIC,
							(uint64_t)HC_PASSCHECK_MS * 1000, TIMER_ACCURACY_US,
							on_deadline, question) < 0 ||
			     sd_event_source_set_priority(question->timer, passcheck->priority) < 0))
		err = HC_ERR_IO;
	if (err != HC_OK) {
		release(question);
		return err;
	}
	append(passcheck, question);
	pump(passcheck);
	*ret_question = question;
	return HC_OK;
}

void hc_passcheck_drop(struct hc_passcheck_question **question)
{
	struct hc_passcheck *passcheck;

	if (*question == NULL)
		return;
	passcheck = (*question)->passcheck;
	release(*question);
	*question = NULL;
	pump(passcheck);
}
