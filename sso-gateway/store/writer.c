/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: one thread that takes writes from a bounded queue and commits them in groups. State: the
 * queue under its lock; the connection, which no other thread touches while the writer runs.
 *
 * A group is closed when it has HC_GSTORE_GROUP members, when its oldest has waited HC_GSTORE_GROUP_MS,
 * or at once when the writer had nothing to do: one person alone never waits for company. While a
 * group is synced the next one gathers.
 *
 * What must never happen: a completion with HC_OK before the commit is on disk, or one of a group
 * whose commit failed.
 */
#include "writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define RETRY_POST_MS 5

struct hc_writer {
	struct hc_gstore_tx *tx;
	struct hc_delivery *delivery;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* over everything below */
	pthread_cond_t work;
	struct hc_member_list queue;
	size_t wake_at; /* the writer sleeps until the queue is this long; 0: it does not sleep */
	bool closing;
	struct hc_gstore_counts counts;
};

static int64_t now_us(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Sleeps until the queue has `length` members, the store is closed, or the time is over (0: no end). */
static void sleep_until(struct hc_writer *writer, size_t length, int64_t deadline_us)
{
	const struct timespec deadline = {.tv_sec = (time_t)(deadline_us / 1000000),
					  .tv_nsec = (long)(deadline_us % 1000000) * 1000};
	int rc = 0;

	writer->wake_at = length;
	while (rc == 0 && writer->queue.count < length && !writer->closing)
		rc = deadline_us == 0 ? pthread_cond_wait(&writer->work, &writer->lock)
				      : pthread_cond_timedwait(&writer->work, &writer->lock, &deadline);
	writer->wake_at = 0;
}

/* Nothing to do: sleeps until something comes. Posts that failed are made again meanwhile. */
static void wait_for_work(struct hc_writer *writer)
{
	while (writer->queue.count == 0 && !writer->closing) {
		(void)pthread_mutex_unlock(&writer->lock);
		const bool posted = hc_delivery_post(writer->delivery);
		(void)pthread_mutex_lock(&writer->lock);
		sleep_until(writer, 1, posted ? 0 : now_us() + RETRY_POST_MS * 1000);
	}
}

/* Waits for a group and takes it; an empty one: the store is closed and everything is written. */
static void next_group(struct hc_writer *writer, struct hc_member_list *group)
{
	hc_member_list_init(group);
	(void)pthread_mutex_lock(&writer->lock);
	if (writer->queue.count == 0)
		wait_for_work(writer);
	else if (!writer->closing)
		sleep_until(writer, HC_GSTORE_GROUP,
			    writer->queue.first->queued_us + HC_GSTORE_GROUP_MS * 1000);
	while (group->count < HC_GSTORE_GROUP && writer->queue.count > 0)
		hc_member_list_append(group, hc_member_list_take(&writer->queue));
	(void)pthread_mutex_unlock(&writer->lock);
}

static enum hc_err write_group(struct hc_writer *writer, const struct hc_member_list *group)
{
	enum hc_err err = hc_gtx_begin(writer->tx);

	for (struct hc_member *member = group->first; err == HC_OK && member != NULL; member = member->next)
		err = hc_gtx_member(writer->tx, member->work, member->ctx, &member->result);
	if (err == HC_OK)
		return hc_gtx_commit(writer->tx);
	hc_sqlite_rollback(&writer->tx->view.db);
	return err;
}

static void count_group(struct hc_writer *writer, size_t members, enum hc_err err)
{
	(void)pthread_mutex_lock(&writer->lock);
	writer->counts.members += members;
	writer->counts.groups += err == HC_OK ? 1 : 0;
	writer->counts.refused += err == HC_OK ? 0 : members;
	(void)pthread_mutex_unlock(&writer->lock);
}

static void *write_groups(void *ctx)
{
	struct hc_writer *writer = ctx;
	struct hc_member_list group;

	for (next_group(writer, &group); group.count > 0; next_group(writer, &group)) {
		const enum hc_err err = write_group(writer, &group);

		count_group(writer, group.count, err);
		for (struct hc_member *member = group.first; member != NULL; member = member->next)
			member->result = err == HC_OK ? member->result : err;
		hc_delivery_send(writer->delivery, &group);
		(void)hc_delivery_post(writer->delivery); /* made again when there is nothing to do */
		hc_sqlite_checkpoint(&writer->tx->view.db);
	}
	return NULL;
}

/* The thread with all signals blocked: they are the main thread's. */
static enum hc_err start_thread(struct hc_writer *writer)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	writer->running = pthread_create(&writer->thread, NULL, write_groups, writer) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return writer->running ? HC_OK : HC_ERR_NOMEM;
}

static bool init_sync(struct hc_writer *writer)
{
	pthread_condattr_t attr;

	if (pthread_mutex_init(&writer->lock, NULL) != 0)
		return false;
	bool ok = pthread_condattr_init(&attr) == 0;
	if (ok) {
		ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		     pthread_cond_init(&writer->work, &attr) == 0;
		(void)pthread_condattr_destroy(&attr);
	}
	if (!ok)
		(void)pthread_mutex_destroy(&writer->lock);
	return ok;
}

enum hc_err hc_writer_start(struct hc_gstore_tx *tx, struct hc_delivery *delivery,
			    struct hc_writer **ret_writer)
{
	struct hc_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return HC_ERR_NOMEM;
	if (!init_sync(writer)) {
		free(writer);
		return HC_ERR_NOMEM;
	}
	writer->tx = tx;
	writer->delivery = delivery;
	hc_member_list_init(&writer->queue);
	const enum hc_err err = start_thread(writer);
	if (err == HC_OK)
		*ret_writer = writer;
	else
		hc_writer_free(&writer);
	return err;
}

enum hc_err hc_writer_queue(struct hc_writer *writer, struct hc_member *member)
{
	enum hc_err err = HC_OK;

	(void)pthread_mutex_lock(&writer->lock);
	if (writer->closing)
		err = HC_ERR_CLOSED;
	else if (writer->queue.count >= HC_GSTORE_QUEUE)
		err = HC_ERR_FULL;
	if (err == HC_OK) {
		member->queued_us = now_us();
		hc_member_list_append(&writer->queue, member);
		if (writer->wake_at > 0 && writer->queue.count >= writer->wake_at)
			(void)pthread_cond_signal(&writer->work);
	}
	(void)pthread_mutex_unlock(&writer->lock);
	return err;
}

void hc_writer_stop(struct hc_writer *writer)
{
	(void)pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	(void)pthread_cond_signal(&writer->work);
	(void)pthread_mutex_unlock(&writer->lock);
	if (writer->running)
		(void)pthread_join(writer->thread, NULL);
	writer->running = false;
}

void hc_writer_free(struct hc_writer **writer)
{
	if (writer == NULL || *writer == NULL)
		return;
	hc_writer_stop(*writer);
	(void)pthread_cond_destroy(&(*writer)->work);
	(void)pthread_mutex_destroy(&(*writer)->lock);
	free(*writer);
	*writer = NULL;
}

void hc_writer_counts(struct hc_writer *writer, struct hc_gstore_counts *ret_counts)
{
	(void)pthread_mutex_lock(&writer->lock);
	*ret_counts = writer->counts;
	ret_counts->queued = writer->queue.count;
	(void)pthread_mutex_unlock(&writer->lock);
}
