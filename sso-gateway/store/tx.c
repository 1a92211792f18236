/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of the writer: a group is one transaction with one sync, a member of it is a savepoint.
 * State: struct hc_gstore_tx, touched by the writer's thread alone once the store is open.
 *
 * Threats: one member that fails and takes others with it, or leaves half of its work to them; a
 * failure in the middle after which SQLite has ended the transaction by itself; a commit whose sync
 * failed. It must never report a commit that is not on disk.
 */
#include "db.h"

#include <errno.h>

#include "hospiconnect/log.h"

/*
 * After this many pages of log its content is copied to the file, between two groups and after the
 * answers of the last one were handed over. Long enough that pages which are written again and again are
 * copied once.
 */
#define CHECKPOINT_PAGES 2000

static enum hc_err run(struct hc_gstore_tx *tx, enum hc_gsql which)
{
	HC_GQUERY(query, &tx->view, which);

	return hc_gquery_run(&query, NULL);
}

static bool is_open(const struct hc_gstore_tx *tx)
{
	return sqlite3_get_autocommit(tx->view.db) == 0;
}

/*
 * The log is written back and cut to nothing when it holds a transaction that was written whole and refused
 * since its sync failed: a start after a kill would take it for a committed one. Tried again before
 * every group until it worked.
 */
static void empty_log(struct hc_gstore_tx *tx)
{
	const int rc = sqlite3_wal_checkpoint_v2(tx->view.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	tx->empty_log = rc != SQLITE_OK;
	if (rc != SQLITE_OK)
		hc_log(HC_LOG_WARNING, "store: the log cannot be emptied now; it will be tried again",
		       HC_F_TEXT("sqlite", sqlite3_errmsg(tx->view.db)));
	else
		tx->log_pages = 0;
}

/* What a caller has to tell apart: no room, no memory, anything else. */
static enum hc_err as_refusal(enum hc_err err)
{
	return err == HC_ERR_FULL || err == HC_ERR_NOMEM || err == HC_OK ? err : HC_ERR_IO;
}

void hc_gtx_rollback(struct hc_gstore_tx *tx)
{
	/* A failure was logged; the next begin tries again, and nothing is committed until it worked. */
	if (is_open(tx))
		(void)run(tx, HC_GSQL_ROLLBACK);
}

enum hc_err hc_gtx_begin(struct hc_gstore_tx *tx)
{
	hc_gtx_rollback(tx);
	if (is_open(tx))
		return HC_ERR_NOMEM; /* for what else a rollback fails */
	if (tx->empty_log)
		empty_log(tx);
	return as_refusal(run(tx, HC_GSQL_BEGIN));
}

enum hc_err hc_gtx_commit(struct hc_gstore_tx *tx)
{
	enum hc_err err = is_open(tx) ? run(tx, HC_GSQL_COMMIT) : HC_ERR_IO;

	if (err == HC_OK)
		return HC_OK;
	hc_gtx_rollback(tx);
	empty_log(tx);
	return as_refusal(err);
}

/* The member's own failure undoes the member; that it cannot be undone loses the group. */
static enum hc_err end_member(struct hc_gstore_tx *tx, enum hc_err result)
{
	if (!is_open(tx))
		return as_refusal(result == HC_OK ? HC_ERR_IO : result);
	enum hc_err err = result == HC_OK ? HC_OK : run(tx, HC_GSQL_MEMBER_UNDO);
	if (err == HC_OK)
		err = run(tx, HC_GSQL_MEMBER_KEEP);
	return as_refusal(err);
}

enum hc_err hc_gtx_member(struct hc_gstore_tx *tx, hc_gstore_work_fn work, void *ctx, enum hc_err *ret_result)
{
	const enum hc_err err = run(tx, HC_GSQL_MEMBER_BEGIN);

	if (err != HC_OK)
		return as_refusal(err);
	tx->view.failure = HC_OK;
	tx->view.in_member = true;
	enum hc_err result = work(tx, ctx);
	tx->view.in_member = false;
	/* A failure that work forgot to pass on is not forgotten here. */
	if (tx->view.failure != HC_OK)
		result = tx->view.failure;
	const enum hc_err ended = end_member(tx, result);
	if (ended == HC_OK)
		*ret_result = result;
	return ended;
}

void hc_gtx_checkpoint(struct hc_gstore_tx *tx)
{
	if (tx->log_pages < CHECKPOINT_PAGES)
		return;
	/* Passive: waits for nobody. What could not be copied now is copied the next time. */
	const int rc = sqlite3_wal_checkpoint_v2(tx->view.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		hc_log(HC_LOG_WARNING, "store: the log cannot be copied now; it will be tried again",
		       HC_F_TEXT("sqlite", sqlite3_errmsg(tx->view.db)));
}

struct hc_gstore_view *hc_gstore_tx_view(struct hc_gstore_tx *tx)
{
	return &tx->view;
}
