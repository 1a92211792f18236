/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of a key, and one poll over all of them.
 *
 * State: descriptors, and what of a control line has arrived. A turn takes one report from each
 * program and one line from each client of the control channel, so that a request that is complete
 * is worked on before the cancel behind it is read.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "hid.h"

#define CONTROLS_MAX 8
#define LINE_CAP     512
#define SEND_MS	     2000

struct control_client {
	int fd;
	bool awaits;
	enum tk_wait_kind kind;
	char line[LINE_CAP];
	size_t len;
};

struct tk_loop {
	int device, control;
	int clients[TK_CLIENTS_MAX];
	struct control_client controls[CONTROLS_MAX];
};

/* What a signal says goes through a pipe: it is seen however much there is to do. */
static int stop_pipe[2] = {-1, -1};

static void stop(int number)
{
	(void)number;
	(void)!write(stop_pipe[1], "", 1);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop};

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
}

int64_t tk_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Bound under another name and renamed: what is there can be connected to. */
static bool bind_at(int fd, const char *path, mode_t mode, gid_t group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s~", path);

	if (fd < 0 || len < 0 || (size_t)len >= sizeof(address.sun_path))
		return false;
	(void)unlink(address.sun_path);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(fd, TK_CLIENTS_MAX) == 0 && chown(address.sun_path, (uid_t)-1, group) == 0 &&
	       chmod(address.sun_path, mode) == 0 && rename(address.sun_path, path) == 0;
}

static int listen_at(const char *path, int type, mode_t mode, gid_t group)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (!bind_at(fd, path, mode, group)) {
		(void)fprintf(stderr, "hc-test-key: cannot listen at %s: %s\n", path, strerrordesc_np(errno));
		close_fd(&fd);
	}
	return fd;
}

/* The lock that libfido2 takes on a hidraw node has no descriptor to sit on here: a file stands in. */
static void make_lock(const char *socket)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s.lock", socket);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	close_fd(&fd);
}

static void make_descriptor(const struct tk_options *options)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.usb", options->socket);
	(void)unlink(path);
	if (!options->manufacturer && !options->product)
		return;
	file = fopen(path, "we");
	if (!file)
		abort();
	(void)fprintf(file, "%s\n%s\n", options->manufacturer ? options->manufacturer : "",
		      options->product ? options->product : "");
	(void)fclose(file);
}

bool tk_loop_open(struct tk_key *key)
{
	struct tk_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		abort();
	catch_signals();
	key->loop = loop;
	loop->device = loop->control = -1;
	for (size_t i = 0; i < TK_CLIENTS_MAX; i++)
		loop->clients[i] = -1;
	for (size_t i = 0; i < CONTROLS_MAX; i++)
		loop->controls[i].fd = -1;
	make_lock(key->options.socket);
	make_descriptor(&key->options);
	loop->control = listen_at(key->options.control, SOCK_STREAM, 0600, (gid_t)-1);
	return loop->control >= 0 && tk_loop_insert(key);
}

void tk_loop_close(struct tk_key *key)
{
	if (!key->loop)
		return;
	tk_loop_remove(key);
	for (size_t i = 0; i < CONTROLS_MAX; i++)
		close_fd(&key->loop->controls[i].fd);
	if (key->loop->control >= 0)
		(void)unlink(key->options.control);
	close_fd(&key->loop->control);
	free(key->loop);
	key->loop = NULL;
}

void tk_loop_remove(struct tk_key *key)
{
	struct tk_loop *loop = key->loop;

	if (!key->inserted)
		return;
	(void)unlink(key->options.socket);
	close_fd(&loop->device);
	for (size_t i = 0; i < TK_CLIENTS_MAX; i++)
		close_fd(&loop->clients[i]);
	key->inserted = false;
	key->wait.end = TK_GONE;
}

bool tk_loop_insert(struct tk_key *key)
{
	key->loop->device =
		listen_at(key->options.socket, SOCK_SEQPACKET, key->options.mode, key->options.group);
	if (key->loop->device < 0)
		return false;
	tk_session_end(key);
	tk_session_start(key);
	key->inserted = true;
	return true;
}

void tk_loop_send(struct tk_key *key, int client, const uint8_t report[TK_REPORT_LEN])
{
	for (int i = 0; i < TK_CLIENTS_MAX; i++) {
		struct pollfd writable = {.fd = key->loop->clients[i], .events = POLLOUT};

		if (writable.fd < 0)
			continue;
		/* A program that does not read its answer is as good as gone. */
		if (i == client && poll(&writable, 1, SEND_MS) != 1) {
			close_fd(&key->loop->clients[i]);
			tk_hid_client_gone(key, i);
			continue;
		}
		/* One that does not read another's loses reports, as with the kernel's ring of 64. */
		(void)!send(writable.fd, report, TK_REPORT_LEN, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void accept_client(struct tk_key *key)
{
	struct tk_loop *loop = key->loop;
	int fd = accept4(loop->device, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < TK_CLIENTS_MAX && fd >= 0; i++) {
		if (loop->clients[i] < 0) {
			loop->clients[i] = fd;
			key->counters.connections++;
			return;
		}
	}
	close_fd(&fd);
}

static void accept_control(struct tk_loop *loop)
{
	int fd = accept4(loop->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < CONTROLS_MAX && fd >= 0; i++) {
		if (loop->controls[i].fd < 0) {
			loop->controls[i] = (struct control_client){.fd = fd};
			return;
		}
	}
	close_fd(&fd);
}

static void read_report(struct tk_key *key, int client)
{
	uint8_t report[TK_REPORT_LEN];
	ssize_t len = recv(key->loop->clients[client], report, sizeof(report), 0);

	if (len == TK_REPORT_LEN) {
		tk_hid_input(key, client, report);
	} else if (len >= 0 || (errno != EAGAIN && errno != EINTR)) {
		close_fd(&key->loop->clients[client]);
		tk_hid_client_gone(key, client);
	}
}

static void tell(struct control_client *control, const char *text)
{
	char line[2048];
	int len = snprintf(line, sizeof(line), "%s\n", text);

	(void)!send(control->fd, line, (size_t)len, MSG_NOSIGNAL);
}

void tk_loop_await(struct tk_key *key, int client, enum tk_wait_kind kind)
{
	key->loop->controls[client].awaits = true;
	key->loop->controls[client].kind = kind;
}

void tk_loop_tell(struct tk_key *key, enum tk_wait_kind kind, const char *text)
{
	for (size_t i = 0; i < CONTROLS_MAX; i++) {
		struct control_client *control = &key->loop->controls[i];

		if (control->fd < 0 || !control->awaits || control->kind != kind)
			continue;
		control->awaits = false;
		tell(control, text);
	}
}

/* Runs the first whole line of what has arrived; false if there is none. */
static bool run_line(struct tk_key *key, int client)
{
	struct control_client *control = &key->loop->controls[client];
	char *end = memchr(control->line, '\n', control->len), line[LINE_CAP], answer[2000];
	size_t len;

	if (!end || control->fd < 0)
		return false;
	len = (size_t)(end - control->line);
	memcpy(line, control->line, len);
	line[len] = '\0';
	control->len -= len + 1;
	memmove(control->line, end + 1, control->len);
	tk_control_line(key, client, line, answer, sizeof(answer));
	if (answer[0] != '\0')
		tell(control, answer);
	return true;
}

static void read_control(struct tk_key *key, int client)
{
	struct control_client *control = &key->loop->controls[client];
	ssize_t len =
		recv(control->fd, control->line + control->len, sizeof(control->line) - control->len, 0);

	if (len <= 0) {
		if (len == 0 || (errno != EAGAIN && errno != EINTR))
			close_fd(&control->fd);
		return;
	}
	control->len += (size_t)len;
	(void)run_line(key, client);
	if (control->len == sizeof(control->line))
		close_fd(&control->fd);
}

enum {
	STOP,
	DEVICE,
	CONTROL,
	CLIENTS,
	CONTROLS = CLIENTS + TK_CLIENTS_MAX,
	POLLED = CONTROLS + CONTROLS_MAX
};

static void fill(const struct tk_loop *loop, struct pollfd polled[POLLED])
{
	polled[STOP].fd = stop_pipe[0];
	polled[DEVICE].fd = loop->device;
	polled[CONTROL].fd = loop->control;
	for (size_t i = 0; i < TK_CLIENTS_MAX; i++)
		polled[CLIENTS + i].fd = loop->clients[i];
	for (size_t i = 0; i < CONTROLS_MAX; i++)
		polled[CONTROLS + i].fd = loop->controls[i].fd;
	for (size_t i = 0; i < POLLED; i++)
		polled[i].events = POLLIN;
}

static bool lines_left(struct tk_key *key)
{
	bool ran = false;

	for (int i = 0; i < CONTROLS_MAX; i++)
		ran |= run_line(key, i);
	return ran;
}

void tk_loop_turn(struct tk_key *key, int64_t timeout_ms)
{
	struct pollfd polled[POLLED] = {0};
	struct tk_loop *loop = key->loop;

	if (lines_left(key))
		return;
	fill(loop, polled);
	if (poll(polled, POLLED, timeout_ms < 0 ? -1 : (int)timeout_ms) <= 0)
		return;
	if (polled[STOP].revents) {
		key->quit = true;
		return;
	}
	for (int i = 0; i < TK_CLIENTS_MAX; i++) {
		if (polled[CLIENTS + i].revents && loop->clients[i] == polled[CLIENTS + i].fd)
			read_report(key, i);
	}
	if (polled[DEVICE].revents && loop->device >= 0)
		accept_client(key);
	if (polled[CONTROL].revents)
		accept_control(loop);
	for (int i = 0; i < CONTROLS_MAX; i++) {
		if (polled[CONTROLS + i].revents && loop->controls[i].fd == polled[CONTROLS + i].fd)
			read_control(key, i);
	}
}
