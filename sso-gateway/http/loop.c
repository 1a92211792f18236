/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libevent loop and its mailbox.
 *
 * State: the base belongs to the thread that runs it, without libevent's own locks; the mailbox is
 * the one thing that threads share, a list under a mutex and an eventfd that wakes the loop. Threats:
 * a base touched by two threads, an item that is lost at the end. Nothing runs while the mutex is
 * held.
 */
#include "http/loop.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

struct letter {
	struct letter *next;
	hc_loop_fn fn;
	void *ctx;
};

struct hc_loop {
	unsigned index;
	struct event_base *base;
	struct event *bell;
	int wake; /* eventfd */
	pthread_mutex_t lock;
	/* under the lock */
	struct letter *first, **end;
	bool closing, stop;
};

static struct letter *take_all(struct hc_loop *loop, bool *ret_stop)
{
	struct letter *letters = NULL;

	(void)pthread_mutex_lock(&loop->lock); /* a plain mutex: cannot fail where it is not held */
	*ret_stop = loop->stop;
	loop->stop = false;
	letters = loop->first;
	loop->first = NULL;
	loop->end = &loop->first;
	(void)pthread_mutex_unlock(&loop->lock);
	return letters;
}

/*
 * Runs what is there and returns whether a stop was. Those who post meanwhile fill the next round: a
 * loop that posts to itself starves nobody.
 */
static bool run_all(struct hc_loop *loop)
{
	bool stop = false;
	struct letter *letter = take_all(loop, &stop);

	while (letter != NULL) {
		struct letter *next = letter->next;

		letter->fn(letter->ctx);
		free(letter);
		letter = next;
	}
	return stop;
}

static void on_bell(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_loop *loop = ctx;
	uint64_t rung = 0;

	(void)events; /* always EV_READ */
	if (read(fd, &rung, sizeof(rung)) < 0 && errno != EAGAIN && errno != EINTR)
		return;
	if (run_all(loop))
		(void)event_base_loopbreak(loop->base); /* fails only without a base */
}

static enum hc_err make_base(struct hc_loop *loop)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return HC_ERR_NOMEM;
	/* One thread a base; and the environment does not choose how we poll. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		loop->base = event_base_new_with_config(config);
	event_config_free(config);
	if (loop->base == NULL)
		return HC_ERR_NOMEM;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake < 0)
		return HC_ERR_IO;
	loop->bell = event_new(loop->base, loop->wake, EV_READ | EV_PERSIST, on_bell, loop);
	if (loop->bell == NULL || event_add(loop->bell, NULL) != 0)
		return HC_ERR_NOMEM;
	return HC_OK;
}

static void ignore_sigpipe(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL); /* fails for bad arguments only */
}

enum hc_err hc_loop_new(unsigned index, struct hc_loop **ret_loop)
{
	HC_AUTO(loop) loop = calloc(1, sizeof(*loop));
	enum hc_err err = HC_OK;

	if (loop == NULL)
		return HC_ERR_NOMEM;
	loop->index = index;
	loop->wake = -1;
	loop->end = &loop->first;
	if (pthread_mutex_init(&loop->lock, NULL) != 0) {
		free(hc_steal_ptr(&loop)); /* without a lock there is nothing that hc_loop_free may touch */
		return HC_ERR_NOMEM;
	}
	ignore_sigpipe();
	err = make_base(loop);
	if (err != HC_OK)
		return err;
	*ret_loop = hc_steal_ptr(&loop);
	return HC_OK;
}

static bool close_mailbox(struct hc_loop *loop)
{
	bool empty = false;

	(void)pthread_mutex_lock(&loop->lock);
	empty = loop->first == NULL;
	loop->closing = empty;
	(void)pthread_mutex_unlock(&loop->lock);
	return empty;
}

void hc_loop_free(struct hc_loop **loop)
{
	if (loop == NULL || *loop == NULL)
		return;
	while (!close_mailbox(*loop))
		(void)run_all(*loop); /* it is ending already */
	if ((*loop)->bell != NULL)
		event_free((*loop)->bell);
	if ((*loop)->base != NULL)
		event_base_free((*loop)->base);
	if ((*loop)->wake >= 0)
		(void)close((*loop)->wake); /* holds nothing */
	(void)pthread_mutex_destroy(&(*loop)->lock);
	free(*loop);
	*loop = NULL;
}

unsigned hc_loop_index(const struct hc_loop *loop)
{
	return loop->index;
}

struct event_base *hc_loop_base(struct hc_loop *loop)
{
	return loop->base;
}

enum hc_err hc_loop_run(struct hc_loop *loop)
{
	return event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) == 0 ? HC_OK : HC_ERR_IO;
}

static void ring(struct hc_loop *loop)
{
	static const uint64_t one = 1;

	/* EAGAIN: the counter is full, so the loop is about to wake anyway */
	while (write(loop->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* The first letter of a round rings, the others ride along. */
static enum hc_err enqueue(struct hc_loop *loop, struct letter *letter, bool *ret_first)
{
	enum hc_err err = HC_OK;

	(void)pthread_mutex_lock(&loop->lock);
	if (loop->closing) {
		err = HC_ERR_CLOSED;
	} else {
		*ret_first = loop->first == NULL;
		*loop->end = letter;
		loop->end = &letter->next;
	}
	(void)pthread_mutex_unlock(&loop->lock);
	return err;
}

enum hc_err hc_loop_post(struct hc_loop *loop, hc_loop_fn fn, void *ctx)
{
	struct letter *letter = malloc(sizeof(*letter));
	bool first = false;

	if (letter == NULL)
		return HC_ERR_NOMEM;
	*letter = (struct letter){.fn = fn, .ctx = ctx};

	enum hc_err err = enqueue(loop, letter, &first);

	if (err != HC_OK)
		free(letter);
	else if (first)
		ring(loop);
	return err;
}

void hc_loop_stop(struct hc_loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	(void)pthread_mutex_unlock(&loop->lock);
	ring(loop);
}
