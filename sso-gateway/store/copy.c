/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole. State: a copy has a reading connection of its own, whose read transaction keeps what it sees
 * together while the writer goes on; the log grows for so long.
 *
 * Threats: what was used up or ended after the copy was made and comes back with it. A restored store is settled in one
 * transaction before the first client is heard; until then nothing takes it for a store.
 */
#include "copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "db.h"

struct hc_gstore_copy {
	struct hc_gstore_view view;
	struct hc_sqlite_copy *copy;
};

enum hc_err hc_gstore_copy_new(const char *path, const char *directory, struct hc_gstore_copy **ret_copy)
{
	HC_AUTO(gstore_copy) copy = calloc(1, sizeof(*copy));

	if (copy == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = hc_gview_open(path, &copy->view);
	if (err == HC_OK)
		err = hc_sqlite_copy_new(&copy->view.db, directory, true, &copy->copy);
	if (err == HC_OK)
		*ret_copy = hc_steal_ptr(&copy);
	return err;
}

void hc_gstore_copy_free(struct hc_gstore_copy **copy)
{
	if (copy == NULL || *copy == NULL)
		return;
	hc_sqlite_copy_free(&(*copy)->copy);
	hc_sqlite_close(&(*copy)->view.db);
	free(*copy);
	*copy = NULL;
}

enum hc_err hc_gstore_copy_step(struct hc_gstore_copy *copy, int pages, bool *ret_done)
{
	return hc_sqlite_copy_step(copy->copy, pages, ret_done);
}

enum hc_err hc_gstore_copy_take(struct hc_gstore_copy *copy, int *ret_fd, uint64_t *ret_len)
{
	return hc_sqlite_copy_take(copy->copy, ret_fd, ret_len);
}

/* ---- at rest ---- */

bool hc_gstore_tx_restored(const struct hc_gstore_tx *tx)
{
	return tx->view.db.restored;
}

static enum hc_err run(struct hc_gstore_tx *tx, hc_gstore_work_fn work, void *ctx)
{
	enum hc_err err = hc_gtx_begin(tx);

	if (err != HC_OK)
		return err;
	err = work(tx, ctx);
	if (err == HC_OK)
		return hc_gtx_commit(tx);
	hc_sqlite_rollback(&tx->view.db);
	return err;
}

enum hc_err hc_gstore_at_rest(const char *path, bool check, hc_gstore_work_fn work, void *ctx)
{
	struct hc_gstore_tx tx = {.view = {.db = {.handle = NULL}}};
	int lock = -1;
	enum hc_err err = hc_sqlite_lock(path, hc_gstore_writer_options.program, &lock);

	if (err != HC_OK)
		return err;
	err = hc_gtx_open(path, &tx);
	if (err == HC_OK && check)
		err = hc_sqlite_check(&tx.view.db);
	if (err == HC_OK && work != NULL)
		err = run(&tx, work, ctx);
	hc_sqlite_close(&tx.view.db);
	(void)close(lock); /* lets the next owner in; nothing was written through it */
	return err;
}

enum hc_err hc_gstore_settle(struct hc_gstore_tx *tx)
{
	static const enum hc_gsql ends[] = {HC_GSQL_SETTLE_SESSION, HC_GSQL_SETTLE_GRANT, HC_GSQL_SETTLE_CODE,
					    HC_GSQL_SETTLE_ACCESS, HC_GSQL_SETTLE_REFRESH};

	for (size_t i = 0; i < HC_COUNT(ends); i++) {
		HC_QUERY(query, &tx->view.db, ends[i]);
		const enum hc_err err = hc_query_run(&query, NULL);

		if (err != HC_OK)
			return err;
	}
	return hc_sqlite_settled(&tx->view.db);
}

/* ---- values ---- */

enum hc_err hc_gvalue_get(struct hc_gstore_view *view, const char *name, uint8_t *out, size_t cap,
			  size_t *ret_len)
{
	size_t len = 0;

	HC_QUERY(query, &view->db, HC_GSQL_VALUE_GET);
	hc_query_bind_text(&query, name);
	const bool found = hc_query_row(&query);
	if (found)
		len = hc_query_blob(&query, out, cap);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_len = len;
	return HC_OK;
}

enum hc_err hc_gvalue_put(struct hc_gstore_tx *tx, const char *name, const void *data, size_t len)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_VALUE_PUT);

	hc_query_bind_text(&query, name);
	hc_query_bind_blob(&query, data, len);
	return hc_query_run(&query, NULL);
}
