/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of hc-password that stays: who asks, how often, for how long.
 *
 * State: one slot a caller, first until its request is there, then until its child has ended. Threats:
 * a caller that is not the broker (closed unread), one that says nothing, PAM modules that hang, leak or
 * crash (each runs in a child of its own, which is killed at its deadline), guessing (password_rate.c). A
 * child that dies says nothing, and nothing is not a yes. Nothing here runs a PAM module or asks the name
 * service; a password is in memory from the request to the fork, and must never be kept longer.
 */
#include "password_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "password_check.h"
#include "password_rate.h"

#define ANSWER_MAX 512
#define ONLY_FD	   3
#define LOGGED_MS  60000 /* between two lines about the same kind of refusal */

struct slot {
	int fd;	   /* of a caller whose request is not there yet; -1: none */
	pid_t pid; /* of the child that checks; 0: none */
	int64_t deadline_ms;
};

struct state {
	const struct hc_password_server *server;
	int signals;
	bool ending;
	int64_t idle_since_ms, stranger_logged_ms, busy_logged_ms;
	struct slot slots[HC_PASSWORD_CHECKS];
	struct hc_rate rate;
	struct hc_msg msg;
};

/* A request, in types. */
struct request {
	bool has_login, decoy;
	struct hc_login login;
	struct hc_secret *password;
};

static int64_t now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

static bool may_log(int64_t *last_ms)
{
	int64_t now = now_ms();

	if (*last_ms != 0 && now - *last_ms < LOGGED_MS)
		return false;
	*last_ms = now;
	return true;
}

static void free_slot(struct slot *slot)
{
	if (slot->fd >= 0)
		(void)close(slot->fd); /* what was sent is with the kernel already */
	*slot = (struct slot){.fd = -1};
}

/* ---- requests ---- */

static enum hc_err read_login(const struct hc_msg *msg, struct request *request)
{
	char text[HC_LOGIN_MAX + 1];
	enum hc_err err = hc_msg_text(msg, HC_FIELD_LOGIN, text, sizeof(text));

	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	if (err == HC_OK)
		err = hc_login_parse(text, strlen(text), &request->login);
	request->has_login = err == HC_OK;
	return err;
}

static enum hc_err parse(const struct hc_msg *msg, struct request *request)
{
	static const enum hc_field allowed[] = {HC_FIELD_LOGIN, HC_FIELD_ANSWER, HC_FIELD_FLAGS};
	uint32_t flags = 0;
	const uint8_t *view;
	size_t len;

	if (msg->type != HC_MSG_PASSWORD_CHECK || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_bytes(msg, HC_FIELD_ANSWER, &view, &len) != HC_OK || len > ANSWER_MAX ||
	    read_login(msg, request) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_FLAGS) && hc_msg_u32(msg, HC_FIELD_FLAGS, &flags) != HC_OK)
		return HC_ERR_PROTOCOL;
	if ((flags & ~HC_PASSWORD_FLAG_DECOY) != 0)
		return HC_ERR_PROTOCOL;
	request->decoy = flags != 0;
	return hc_secret_from(view, len, &request->password);
}

/* Without descriptors that came along: there is no room for them, and their sender is refused. */
static enum hc_err receive(int fd, struct hc_msg *msg)
{
	struct iovec part = {.iov_base = msg->packet, .iov_len = sizeof(msg->packet)};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t len = recvmsg(fd, &header, MSG_DONTWAIT);

	if (len <= 0)
		return HC_ERR_CLOSED;
	if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return HC_ERR_PROTOCOL;
	return hc_msg_parse(msg, (size_t)len);
}

static void reply(int fd, enum hc_password answer)
{
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK)
		return; /* a connection that ends without an answer is no yes */
	hc_msg_init(msg, HC_MSG_PASSWORD_RESULT);
	hc_msg_put_u32(msg, HC_FIELD_PASSWORD, (uint32_t)answer);
	if (hc_msg_finish(msg) == HC_OK)
		(void)send(fd, msg->packet, msg->len, MSG_NOSIGNAL | MSG_DONTWAIT); /* as above */
}

/* ---- children ---- */

static _Noreturn void check_and_end(int fd, const struct request *request)
{
	static const int handled[] = {SIGTERM, SIGINT, SIGCHLD};
	enum hc_password answer;
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the deadline below ends it as well */
	for (size_t i = 0; i < HC_COUNT(handled); i++)
		(void)signal(handled[i], SIG_DFL);
	(void)alarm(HC_PASSWORD_CHECK_MS / 1000);
	(void)sigemptyset(&none); /* fails for a wrong number only */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Other callers' connections end with their own checks, not with this one. */
	if ((fd != ONLY_FD && dup2(fd, ONLY_FD) < 0) || close_range(ONLY_FD + 1, ~0u, 0) != 0)
		_exit(1);
	answer = hc_password_check(request->has_login ? &request->login : NULL, request->password,
				   request->decoy);
	reply(ONLY_FD, answer);
	_exit(0);
}

static void start_check(struct slot *slot, const struct request *request)
{
	pid_t pid = fork();

	if (pid == 0)
		check_and_end(slot->fd, request);
	if (pid < 0) {
		hc_log(HC_LOG_ERROR, "cannot start a check", HC_F_TEXT("reason", strerror(errno)));
		reply(slot->fd, HC_PASSWORD_UNAVAILABLE);
		free_slot(slot);
		return;
	}
	(void)close(slot->fd); /* the child's alone now: its end is the caller's end */
	*slot = (struct slot){.fd = -1, .pid = pid, .deadline_ms = now_ms() + HC_PASSWORD_CHECK_MS};
}

static void take_request(struct state *state, struct slot *slot)
{
	struct request request = {0};
	enum hc_err err = receive(slot->fd, &state->msg);

	if (err == HC_OK)
		err = parse(&state->msg, &request);
	hc_msg_clear(&state->msg);
	if (err != HC_OK) {
		if (err != HC_ERR_CLOSED)
			hc_log(HC_LOG_WARNING, "connection ended by a surprise",
			       HC_F_TEXT("reason", hc_strerror(err)));
		free_slot(slot);
	} else if (!hc_rate_take(&state->rate, request.has_login ? &request.login : NULL, now_ms())) {
		if (may_log(&state->busy_logged_ms))
			hc_log_plain(HC_LOG_WARNING, "too many tries: passwords are not checked for a while");
		reply(slot->fd, HC_PASSWORD_BUSY);
		free_slot(slot);
	} else {
		start_check(slot, &request);
	}
	hc_secret_free(&request.password);
}

static struct slot *slot_of(struct state *state, pid_t pid)
{
	for (size_t i = 0; i < HC_COUNT(state->slots); i++) {
		if (state->slots[i].pid == pid)
			return &state->slots[i];
	}
	return NULL;
}

static void reap(struct state *state)
{
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct slot *slot = slot_of(state, pid);

		hc_confine_tell("a check of a password", status);
		if (WIFSIGNALED(status))
			hc_log(HC_LOG_ERROR, "a check died; its caller was not answered",
			       HC_F_NUM("signal", WTERMSIG(status)));
		if (slot != NULL)
			free_slot(slot);
	}
}

static void enforce_deadlines(struct state *state)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < HC_COUNT(state->slots); i++) {
		struct slot *slot = &state->slots[i];

		if (slot->fd >= 0 && now >= slot->deadline_ms)
			free_slot(slot);
		else if (slot->pid > 0 && now >= slot->deadline_ms)
			(void)kill(slot->pid, SIGKILL); /* not reaped yet, so the number is still its own */
	}
}

/* ---- callers ---- */

static bool is_peer(const struct state *state, int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && len == sizeof(cred) &&
	       cred.uid == state->server->peer;
}

static struct slot *free_place(struct state *state)
{
	for (size_t i = 0; i < HC_COUNT(state->slots); i++) {
		if (state->slots[i].fd < 0 && state->slots[i].pid == 0)
			return &state->slots[i];
	}
	return NULL;
}

static void welcome(struct state *state)
{
	struct slot *slot = free_place(state);
	int fd = slot != NULL ? accept4(state->server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

	if (fd < 0)
		return;
	if (!is_peer(state, fd)) {
		if (may_log(&state->stranger_logged_ms))
			hc_log_plain(HC_LOG_WARNING, "connection refused: the caller is not the broker");
		(void)close(fd); /* nothing was read or written */
		return;
	}
	*slot = (struct slot){.fd = fd, .deadline_ms = now_ms() + HC_PASSWORD_REQUEST_MS};
}

/* ---- the loop ---- */

static void take_signals(struct state *state)
{
	struct signalfd_siginfo info;

	while (read(state->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(state);
		else
			state->ending = true;
	}
}

static bool slots_empty(const struct state *state)
{
	for (size_t i = 0; i < HC_COUNT(state->slots); i++) {
		if (state->slots[i].fd >= 0 || state->slots[i].pid != 0)
			return false;
	}
	return true;
}

/* The counters of guessing must be at rest, or ending would set them back. */
static void end_when_idle(struct state *state)
{
	int64_t now = now_ms();

	if (!slots_empty(state) || !hc_rate_idle(&state->rate, now))
		state->idle_since_ms = now;
	if (state->server->may_end && now - state->idle_since_ms >= HC_PASSWORD_IDLE_MS)
		state->ending = true;
}

static int wait_ms(const struct state *state)
{
	int64_t now = now_ms(), first = INT64_MAX;

	for (size_t i = 0; i < HC_COUNT(state->slots); i++) {
		const struct slot *slot = &state->slots[i];

		if ((slot->fd >= 0 || slot->pid != 0) && slot->deadline_ms < first)
			first = slot->deadline_ms;
	}
	if (first == INT64_MAX)
		return state->server->may_end ? HC_PASSWORD_IDLE_MS / 4 : -1;
	return first > now ? (int)(first - now) : 0;
}

/* One round: waits for anything, and does everything that has come due. */
static enum hc_err serve_once(struct state *state)
{
	struct pollfd wanted[2 + HC_PASSWORD_CHECKS];

	wanted[0] = (struct pollfd){.fd = state->signals, .events = POLLIN};
	/* A negative descriptor is left out: without a free place nobody is accepted. */
	wanted[1] =
		(struct pollfd){.fd = free_place(state) != NULL ? state->server->fd : -1, .events = POLLIN};
	for (size_t i = 0; i < HC_PASSWORD_CHECKS; i++)
		wanted[2 + i] = (struct pollfd){.fd = state->slots[i].fd, .events = POLLIN};
	if (poll(wanted, HC_COUNT(wanted), wait_ms(state)) < 0 && errno != EINTR) {
		hc_log(HC_LOG_ERROR, "cannot wait for callers", HC_F_TEXT("reason", strerror(errno)));
		return HC_ERR_IO;
	}
	for (size_t i = 0; i < HC_PASSWORD_CHECKS; i++) {
		if (state->slots[i].fd >= 0 && wanted[2 + i].revents != 0)
			take_request(state, &state->slots[i]);
	}
	if (wanted[1].revents != 0)
		welcome(state);
	take_signals(state);
	enforce_deadlines(state);
	end_when_idle(state);
	return HC_OK;
}

static bool catch_signals(struct state *state)
{
	sigset_t caught;

	(void)sigemptyset(&caught); /* these fail for a wrong number only */
	(void)sigaddset(&caught, SIGCHLD);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigaddset(&caught, SIGINT);
	if (sigprocmask(SIG_BLOCK, &caught, NULL) != 0)
		return false;
	state->signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	return state->signals >= 0;
}

enum hc_err hc_password_serve(const struct hc_password_server *server)
{
	struct state *state = calloc(1, sizeof(*state));
	enum hc_err err = HC_OK;

	if (state == NULL)
		return HC_ERR_NOMEM;
	state->server = server;
	state->idle_since_ms = now_ms();
	for (size_t i = 0; i < HC_PASSWORD_CHECKS; i++)
		state->slots[i].fd = -1;
	if (!catch_signals(state)) {
		hc_log(HC_LOG_ERROR, "cannot catch signals", HC_F_TEXT("reason", strerror(errno)));
		free(state);
		return HC_ERR_IO;
	}
	while (err == HC_OK && !state->ending)
		err = serve_once(state);
	for (size_t i = 0; i < HC_PASSWORD_CHECKS; i++) {
		if (state->slots[i].pid > 0)
			(void)kill(state->slots[i].pid, SIGKILL);
		free_slot(&state->slots[i]);
	}
	(void)close(state->signals);
	free(state);
	return err;
}
