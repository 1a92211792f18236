/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted_broker.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

/*
 * The scripted broker: a child process that accepts one connection at a time. It ends with its
 * parent, so that a test that crashes leaves none behind. It must never wait for a client forever:
 * PATIENCE_MS is what a client may take for a message that the script expects.
 */
#define PATIENCE_MS 20000

struct shared {
	struct scripted_record record;
	atomic_bool hanging;  /* the child waits for its end */
	atomic_bool stopping; /* the next connection is the parent's, who wants the end */
};

struct scripted_broker {
	pid_t pid;
	char path[108];
	struct shared *shared; /* with the child */
};

static void note_failure(struct scripted_record *record, const char *expected, const char *found)
{
	if (record->failure[0] == '\0')
		(void)snprintf(record->failure, sizeof(record->failure), "expected %s, found %s", expected,
			       found);
}

static ssize_t receive(int fd, void *data, size_t cap)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
		return -1;
	return recv(fd, data, cap, 0);
}

static bool expect(int fd, enum hc_msg_type type, struct hc_msg *msg, struct scripted_record *record)
{
	ssize_t got = receive(fd, msg->packet, sizeof(msg->packet));

	if (got <= 0) {
		note_failure(record, hc_msg_type_name(type), got == 0 ? "the end" : "nothing");
		return false;
	}
	if (hc_msg_parse(msg, (size_t)got) != HC_OK || msg->type != type) {
		note_failure(record, hc_msg_type_name(type), "something else");
		return false;
	}
	return true;
}

static bool keep_answer(const struct scripted_line *line, const struct hc_msg *msg,
			struct scripted_record *record)
{
	const uint8_t *bytes = NULL;
	size_t len = 0;
	char *kept = record->answer[record->answers % SCRIPTED_KEPT];

	if (hc_msg_bytes(msg, HC_FIELD_ANSWER, &bytes, &len) != HC_OK) {
		note_failure(record, "an answer in ANSWER", "none");
		return false;
	}
	memcpy(kept, bytes, len);
	kept[len] = '\0';
	record->answers++;
	if (line->text != NULL && strcmp(line->text, kept) != 0) {
		note_failure(record, line->text, kept);
		return false;
	}
	return true;
}

/* Sending fails where the client has gone already; the script then ends early. */
static bool send_msg(int fd, struct hc_msg *msg)
{
	return hc_msg_finish(msg) == HC_OK && send(fd, msg->packet, msg->len, MSG_NOSIGNAL) >= 0;
}

static bool send_descriptor(int fd, struct hc_msg *msg)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = msg->packet};
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};

	hc_msg_init(msg, HC_MSG_KEEPALIVE);
	if (hc_msg_finish(msg) != HC_OK)
		return false;
	part.iov_len = msg->len;
	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(fd, &header, MSG_NOSIGNAL) >= 0;
}

static bool send_result(int fd, const struct scripted_line *line, enum hc_field text_field,
			struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_RESULT);
	hc_msg_put_u32(msg, HC_FIELD_VERDICT, line->number);
	hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)line->reason);
	if (text_field == HC_FIELD_TICKET)
		hc_msg_put_bytes(msg, text_field, line->text, HC_CARD_TICKET_LEN);
	else
		hc_msg_put_text(msg, text_field, line->text);
	return send_msg(fd, msg);
}

static bool send_text(int fd, const struct scripted_line *line, enum hc_msg_type type, struct hc_msg *msg)
{
	hc_msg_init(msg, type);
	if (type == HC_MSG_STEP)
		hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, line->number);
	hc_msg_put_text(msg, HC_FIELD_TEXT, line->text);
	return send_msg(fd, msg);
}

static bool send_types(int fd, enum hc_msg_type type, uint32_t count, struct hc_msg *msg)
{
	for (uint32_t i = 0; i < count; i++) {
		hc_msg_init(msg, type);
		if (!send_msg(fd, msg))
			return false;
	}
	return true;
}

static bool send_oversize(int fd)
{
	static const char packet[HC_MSG_MAX + 1] = {HC_MSG_VERSION};

	return send(fd, packet, sizeof(packet), MSG_NOSIGNAL) >= 0;
}

static bool receive_act(int fd, const struct scripted_line *line, struct hc_msg *msg,
			struct scripted_record *record)
{
	if (line->act == SCRIPTED_HELLO) {
		if (!expect(fd, HC_MSG_HELLO, msg, record))
			return false;
		record->hello = *msg;
		return true;
	}
	if (line->act == SCRIPTED_CANCEL) {
		if (!expect(fd, HC_MSG_CANCEL, msg, record))
			return false;
		record->cancels++;
		return true;
	}
	return expect(fd, HC_MSG_ANSWER, msg, record) && keep_answer(line, msg, record);
}

/* One act; false: the part is over. */
static bool play_line(int fd, const struct scripted_line *line, struct hc_msg *msg,
		      struct scripted_record *record)
{
	switch (line->act) {
	case SCRIPTED_HELLO:
	case SCRIPTED_ANSWER:
	case SCRIPTED_CANCEL:
		return receive_act(fd, line, msg, record);
	case SCRIPTED_STEP:
		return send_text(fd, line, HC_MSG_STEP, msg);
	case SCRIPTED_INFO:
		return send_text(fd, line, HC_MSG_INFO, msg);
	case SCRIPTED_KEEPALIVE:
		return send_types(fd, HC_MSG_KEEPALIVE, line->number == 0 ? 1 : line->number, msg);
	case SCRIPTED_RESULT:
		return send_result(fd, line, HC_FIELD_TEXT, msg);
	case SCRIPTED_RESULT_FOR:
		return send_result(fd, line, HC_FIELD_USER, msg);
	case SCRIPTED_RESULT_TICKET:
		return send_result(fd, line, HC_FIELD_TICKET, msg);
	case SCRIPTED_TYPE:
		return send_types(fd, (enum hc_msg_type)line->number, 1, msg);
	case SCRIPTED_BYTES:
		return send(fd, line->text, strlen(line->text), MSG_NOSIGNAL) >= 0;
	case SCRIPTED_OVERSIZE:
		return send_oversize(fd);
	case SCRIPTED_DESCRIPTOR:
		return send_descriptor(fd, msg);
	case SCRIPTED_HANG:
	case SCRIPTED_END:
	case SCRIPTED_CLOSE:
		return false;
	}
	return false;
}

static void play(int fd, const struct scripted_line *line, struct shared *shared)
{
	static struct hc_msg msg;
	struct scripted_record *record = &shared->record;

	while (play_line(fd, line, &msg, record))
		line++;
	if (line->act == SCRIPTED_END) {
		record->finished++;
		while (receive(fd, msg.packet, sizeof(msg.packet)) > 0)
			note_failure(record, "the end", "a message");
	}
	if (line->act == SCRIPTED_CLOSE)
		record->finished++;
	if (line->act == SCRIPTED_HANG) {
		record->finished++;
		atomic_store(&shared->hanging, true);
		(void)pause(); /* until the test ends us */
	}
	(void)close(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 64) != 0)
		return -1;
	return fd;
}

static _Noreturn void serve(const struct scripted_broker *broker, uid_t uid,
			    const struct scripted_line *const *parts, unsigned count, int ready_fd)
{
	int listener;

	/* the socket is bound by who owns the directory, and listened on by who is asked for */
	listener = listen_at(broker->path);
	if (uid != (uid_t)-1 && (setresuid(uid, uid, uid) != 0 || listen(listener, 64) != 0))
		listener = -1;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of uid forgets it */
	if (listener < 0 || write(ready_fd, "", 1) != 1)
		_exit(1);
	(void)close(ready_fd);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		unsigned n = broker->shared->record.connections;

		if (fd < 0 || atomic_load(&broker->shared->stopping))
			_exit(0);
		broker->shared->record.connections++;
		play(fd, parts[n < count ? n : count - 1], broker->shared);
	}
}

static void release(struct scripted_broker *broker)
{
	(void)munmap(broker->shared, sizeof(*broker->shared));
	free(broker);
}

static bool launch(struct scripted_broker *broker, uid_t uid, const struct scripted_line *const *parts,
		   unsigned count)
{
	int ready[2];
	char byte;
	bool listening;

	if (pipe(ready) != 0)
		return false;
	broker->pid = fork();
	if (broker->pid == 0) {
		(void)close(ready[0]);
		serve(broker, uid, parts, count, ready[1]);
	}
	(void)close(ready[1]);
	listening = broker->pid > 0 && read(ready[0], &byte, 1) == 1;
	(void)close(ready[0]);
	if (!listening && broker->pid > 0)
		(void)waitpid(broker->pid, NULL, 0);
	return listening;
}

struct scripted_broker *scripted_start(const char *path, uid_t uid, const struct scripted_line *const *parts,
				       unsigned count)
{
	struct scripted_broker *broker = calloc(1, sizeof(*broker));
	void *shared =
		mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (broker == NULL || shared == MAP_FAILED) {
		free(broker);
		return NULL;
	}
	broker->shared = shared;
	(void)snprintf(broker->path, sizeof(broker->path), "%s", path);
	if (!launch(broker, uid, parts, count)) {
		release(broker);
		return NULL;
	}
	return broker;
}

struct scripted_broker *scripted_play(const char *path, const struct scripted_line *part)
{
	return scripted_start(path, (uid_t)-1, &part, 1);
}

const struct scripted_record *scripted_record(const struct scripted_broker *broker)
{
	return &broker->shared->record;
}

pid_t scripted_pid(const struct scripted_broker *broker)
{
	return broker->pid;
}

/* Whether there is somebody who still acts: then the end has to wait its turn behind earlier clients. */
static bool end_in_turn(const struct scripted_broker *broker)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool connected;

	atomic_store(&broker->shared->stopping, true);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker->path);
	connected = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	for (int i = 0; connected && i < PATIENCE_MS && !atomic_load(&broker->shared->hanging); i++) {
		if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid) {
			(void)close(fd);
			return true;
		}
		(void)poll(NULL, 0, 1);
	}
	if (fd >= 0)
		(void)close(fd);
	return false;
}

void scripted_stop(struct scripted_broker **broker, struct scripted_record *ret_record)
{
	struct scripted_broker *stopped = hc_steal_ptr(broker);

	if (stopped == NULL)
		return;
	if (!end_in_turn(stopped)) {
		(void)kill(stopped->pid, SIGKILL);
		(void)waitpid(stopped->pid, NULL, 0);
	}
	(void)unlink(stopped->path);
	if (ret_record != NULL)
		*ret_record = stopped->shared->record;
	release(stopped);
}
