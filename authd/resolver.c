/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's side of the resolver: questions, answers, a short memory.
 *
 * State: open questions and remembered answers. Threats: a name service that hangs (nothing here
 * waits for it), callers that make the broker fork without end (one open question a uid, few in
 * all, answers remembered). It must never take an answer for a uid that it did not ask for.
 */
#include "resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "resolver_child.h"
#include "side.h"

#define OPEN_MAX   16
#define MEMORY_MAX 64
#define FOUND_MS   60000 /* how long a name is remembered */
#define MISSING_MS 5000	 /* and that there is none */
#define OPEN_MS	   (HC_RESOLVER_MS + 500)

struct question {
	bool open;
	uid_t uid;
	int64_t asked_ms;
};

struct memory {
	bool used;
	uid_t uid;
	bool found;
	struct hc_login login;
	int64_t until_ms;
};

struct hc_resolver {
	const struct hc_clock *clock;
	pid_t pid;
	int fd;
	sd_event_source *io;
	void (*lost)(void *ctx);
	void *lost_ctx;
	struct hc_resolver_wait *waits;
	struct question questions[OPEN_MAX];
	struct memory memories[MEMORY_MAX];
	size_t next_memory;
};

enum hc_err hc_resolver_start(const struct hc_clock *clock, const struct hc_identity *identity,
			      struct hc_resolver **ret_resolver)
{
	HC_AUTO(resolver) resolver = calloc(1, sizeof(*resolver));
	enum hc_err err = HC_OK;

	if (resolver == NULL)
		return HC_ERR_NOMEM;
	resolver->clock = clock;
	resolver->fd = -1;
	err = hc_resolver_fork(identity, &resolver->pid, &resolver->fd);
	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "cannot start the resolver", HC_F_TEXT("reason", strerror(errno)));
		return err;
	}
	*ret_resolver = hc_steal_ptr(&resolver);
	return HC_OK;
}

void hc_resolver_free(struct hc_resolver **resolver)
{
	struct hc_resolver *self = *resolver;

	*resolver = NULL;
	if (self == NULL)
		return;
	(void)sd_event_source_disable_unref(self->io); /* gives NULL back */
	if (self->pid > 0)
		hc_side_end("the resolver", self->pid, self->fd);
	free(self);
}

pid_t hc_resolver_pid(const struct hc_resolver *resolver)
{
	return resolver->pid;
}

static struct memory *remembered(struct hc_resolver *resolver, uid_t uid)
{
	for (size_t i = 0; i < MEMORY_MAX; i++) {
		if (resolver->memories[i].used && resolver->memories[i].uid == uid)
			return &resolver->memories[i];
	}
	return NULL;
}

static void remember(struct hc_resolver *resolver, uid_t uid, const struct hc_login *login)
{
	struct memory *memory = remembered(resolver, uid);

	if (memory == NULL) {
		memory = &resolver->memories[resolver->next_memory];
		resolver->next_memory = (resolver->next_memory + 1) % MEMORY_MAX;
	}
	*memory = (struct memory){.used = true, .uid = uid, .found = login != NULL};
	memory->until_ms = hc_mono_ms(resolver->clock) + (login != NULL ? FOUND_MS : MISSING_MS);
	if (login != NULL)
		memory->login = *login;
}

bool hc_resolver_known(struct hc_resolver *resolver, uid_t uid, bool *ret_found, struct hc_login *ret_login)
{
	const struct memory *memory = remembered(resolver, uid);

	if (memory == NULL || hc_mono_ms(resolver->clock) >= memory->until_ms)
		return false;
	*ret_found = memory->found;
	if (memory->found)
		*ret_login = memory->login;
	return true;
}

/* The open question for uid, or with open false a free place for one. */
static struct question *question_for(struct hc_resolver *resolver, uid_t uid)
{
	struct question *place = NULL;
	int64_t now = hc_mono_ms(resolver->clock);

	for (size_t i = 0; i < OPEN_MAX; i++) {
		struct question *question = &resolver->questions[i];

		/* A child that hung has ended itself by now, and will not answer any more. */
		if (question->open && now - question->asked_ms >= OPEN_MS)
			question->open = false;
		if (question->open && question->uid == uid)
			return question;
		if (!question->open && place == NULL)
			place = question;
	}
	return place;
}

enum hc_err hc_resolver_ask(struct hc_resolver *resolver, struct hc_resolver_wait *wait)
{
	struct question *question = resolver->fd >= 0 ? question_for(resolver, wait->uid) : NULL;
	uint32_t uid = wait->uid;

	if (question == NULL)
		return HC_ERR_AWAY;
	if (!question->open && send(resolver->fd, &uid, sizeof(uid), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return HC_ERR_AWAY;
	if (!question->open)
		*question = (struct question){
			.open = true, .uid = wait->uid, .asked_ms = hc_mono_ms(resolver->clock)};
	wait->previous = NULL;
	wait->next = resolver->waits;
	if (wait->next != NULL)
		wait->next->previous = wait;
	resolver->waits = wait;
	wait->waiting = true;
	return HC_OK;
}

void hc_resolver_forget(struct hc_resolver *resolver, struct hc_resolver_wait *wait)
{
	if (!wait->waiting)
		return;
	if (wait->previous != NULL)
		wait->previous->next = wait->next;
	else
		resolver->waits = wait->next;
	if (wait->next != NULL)
		wait->next->previous = wait->previous;
	wait->next = NULL;
	wait->previous = NULL;
	wait->waiting = false;
}

static struct hc_resolver_wait *first_wait(struct hc_resolver *resolver, uid_t uid)
{
	struct hc_resolver_wait *wait = resolver->waits;

	while (wait != NULL && wait->uid != uid)
		wait = wait->next;
	return wait;
}

static void deliver(struct hc_resolver *resolver, const struct hc_resolver_answer *answer)
{
	size_t len = strnlen(answer->name, sizeof(answer->name));
	struct question *question = question_for(resolver, answer->uid);
	struct hc_login login;
	const struct hc_login *found = hc_login_parse(answer->name, len, &login) == HC_OK ? &login : NULL;
	struct hc_resolver_wait *wait = NULL;

	if (question == NULL || !question->open)
		return; /* nobody asked, or too late */
	question->open = false;
	remember(resolver, answer->uid, found);
	/* The list may change in a call: a waiter that asks again joins a new question. */
	while ((wait = first_wait(resolver, answer->uid)) != NULL) {
		hc_resolver_forget(resolver, wait);
		wait->answered(wait->ctx, found);
	}
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_resolver *resolver = ctx;
	struct hc_resolver_answer answer = {0};
	ssize_t len = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

	(void)source;  /* the same as resolver->io */
	(void)revents; /* the result of recv() says it */
	if (len == (ssize_t)sizeof(answer)) {
		deliver(resolver, &answer);
		return 0;
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	resolver->io = sd_event_source_disable_unref(resolver->io);
	(void)close(resolver->fd); /* nothing was written */
	resolver->fd = -1;
	resolver->lost(resolver->lost_ctx);
	return 0;
}

enum hc_err hc_resolver_attach(struct hc_resolver *resolver, struct sd_event *event, int priority,
			       void (*lost)(void *ctx), void *ctx)
{
	resolver->lost = lost;
	resolver->lost_ctx = ctx;
	if (sd_event_add_io(event, &resolver->io, resolver->fd, EPOLLIN, on_answer, resolver) < 0 ||
	    sd_event_source_set_priority(resolver->io, priority) < 0)
		return HC_ERR_IO;
	return HC_OK;
}
