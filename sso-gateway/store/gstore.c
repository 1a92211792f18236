/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole: opened once, owned by one process, a view for each loop, a writer. State: struct
 * hc_gstore. Every part belongs to one thread: a view to its loop's, the writing connection to the
 * writer's; what they share is the queue, the deliveries and the last id.
 *
 * Threats: a second gateway on the same file (locked out), ids that repeat when the clock goes back
 * (they only ever grow).
 */
#include "gstore.h"

#include <sys/stat.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "writer.h"

#define ID_TIME_BITS 15 /* below the milliseconds */
#define ID_MAX	     ((INT64_C(1) << 56) - 1)

struct hc_gstore {
	char path[4096];
	int lock_fd;
	struct hc_gstore_tx tx;
	struct hc_gstore_view views[HC_GSTORE_LOOPS_MAX];
	struct hc_delivery delivery;
	struct hc_writer *writer;
	_Atomic int64_t last_id;
};

static enum hc_err read_last_id(struct hc_gstore *store)
{
	int64_t last = 0;

	HC_QUERY(query, &store->tx.view.db, HC_GSQL_MAX_ID);
	const enum hc_err err = hc_query_number(&query, 0, ID_MAX, &last);
	atomic_store(&store->last_id, last);
	return err;
}

static enum hc_err open_all(struct hc_gstore *store, const struct hc_gstore_options *options)
{
	enum hc_err err = hc_sqlite_lock(store->path, hc_gstore_writer_options.program, &store->lock_fd);

	if (err == HC_OK)
		err = hc_gtx_open(store->path, &store->tx);
	if (err == HC_OK)
		err = read_last_id(store);
	for (size_t i = 0; err == HC_OK && i < options->loop_count; i++)
		err = hc_gview_open(store->path, &store->views[i]);
	if (err == HC_OK)
		err = hc_delivery_init(&store->delivery, options);
	if (err == HC_OK)
		err = hc_writer_start(&store->tx, &store->delivery, &store->writer);
	return err;
}

enum hc_err hc_gstore_open(const struct hc_gstore_options *options, struct hc_gstore **ret_store)
{
	if (options->loop_count < 1 || options->loop_count > HC_GSTORE_LOOPS_MAX || options->post == NULL)
		return HC_ERR_INVALID;
	HC_AUTO(gstore) store = calloc(1, sizeof(*store));
	if (store == NULL)
		return HC_ERR_NOMEM;
	store->lock_fd = -1;
	if (snprintf(store->path, sizeof(store->path), "%s", options->path) >= (int)sizeof(store->path))
		return HC_ERR_TOOBIG;
	const enum hc_err err = open_all(store, options);
	if (err == HC_OK)
		*ret_store = hc_steal_ptr(&store);
	return err;
}

void hc_gstore_free(struct hc_gstore **store)
{
	if (store == NULL || *store == NULL)
		return;
	struct hc_gstore *old = *store;
	if (old->writer != NULL)
		hc_writer_stop(old->writer);
	/* Completions may still ask for a write, and are told that it is too late. */
	hc_delivery_clear(&old->delivery);
	hc_writer_free(&old->writer);
	for (size_t i = 0; i < HC_GSTORE_LOOPS_MAX; i++)
		hc_sqlite_close(&old->views[i].db);
	hc_sqlite_close(&old->tx.view.db);
	if (old->lock_fd >= 0)
		(void)close(old->lock_fd); /* lets the next owner in; nothing was written through it */
	free(old);
	*store = NULL;
}

struct hc_gstore_view *hc_gstore_view(struct hc_gstore *store, const struct hc_loop *loop)
{
	const size_t slot = hc_delivery_slot(&store->delivery, loop);

	return slot < store->delivery.count ? &store->views[slot] : NULL;
}

int64_t hc_gstore_new_id(struct hc_gstore *store, int64_t now_ms)
{
	const int64_t since = now_ms - HC_GSTORE_CLOCK_ZERO;
	const int64_t from_time = since <= 0 || since > (ID_MAX >> ID_TIME_BITS) ? 0 : since << ID_TIME_BITS;
	int64_t last = atomic_load(&store->last_id), next = 0;

	do {
		next = last >= from_time ? last + 1 : from_time;
	} while (!atomic_compare_exchange_weak(&store->last_id, &last, next));
	return next;
}

enum hc_err hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
			    hc_gstore_done_fn done, void *ctx)
{
	const size_t slot = hc_delivery_slot(&store->delivery, loop);

	if (slot >= store->delivery.count || work == NULL)
		return HC_ERR_INVALID;
	struct hc_member *member = malloc(sizeof(*member));
	if (member == NULL)
		return HC_ERR_NOMEM;
	*member = (struct hc_member){.work = work, .done = done, .ctx = ctx, .slot = slot};
	const enum hc_err err = hc_writer_queue(store->writer, member);
	if (err != HC_OK)
		free(member);
	return err;
}

static int64_t size_of(const char *path, const char *suffix)
{
	char name[4096 + 8];
	struct stat info;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &info) == 0 ? info.st_size : 0;
}

void hc_gstore_counts(const struct hc_gstore *store, struct hc_gstore_counts *ret_counts)
{
	hc_writer_counts(store->writer, ret_counts);
	ret_counts->file_bytes = size_of(store->path, "");
	ret_counts->log_bytes = size_of(store->path, "-wal");
}

bool hc_gstore_restored(const struct hc_gstore *store)
{
	return hc_gstore_tx_restored(&store->tx);
}

int hc_gstore_schema_version(const struct hc_gstore *store)
{
	return store->tx.view.db.schema_version;
}
