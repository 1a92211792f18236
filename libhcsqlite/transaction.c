/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions. State: what struct hc_sqlite knows of the open one.
 *
 * Threats: a disk that fills up or fails in the middle (the transaction is undone, the error goes up, and
 * the store works again when the cause is gone), a failure after which SQLite has ended the transaction
 * by itself, a commit whose sync failed. It must never report a commit that is not on disk.
 */
#include "connection.h"

#include "hospiconnect/log.h"

bool hc_sqlite_is_open(const struct hc_sqlite *db)
{
	return db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0;
}

enum hc_err hc_sqlite_run(struct hc_sqlite *db, unsigned which)
{
	HC_QUERY(query, db, which);

	return hc_query_run(&query, NULL);
}

enum hc_err hc_sqlite_settle(struct hc_sqlite *db)
{
	return db->in_transaction || !hc_sqlite_is_open(db) ? HC_OK : hc_sqlite_run(db, HC_SQL_ROLLBACK);
}

/*
 * The log is written back and cut to nothing, where something is in it that must not be found again:
 * what was just erased, or a transaction that was written whole and refused since its sync failed,
 * and which a start after a kill would take for a committed one. Tried again with every transaction until
 * it worked.
 */
static void empty_log(struct hc_sqlite *db)
{
	const int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	db->empty_log = rc != SQLITE_OK;
	if (rc != SQLITE_OK)
		hc_log(HC_LOG_WARNING, "store: the log cannot be emptied now; it will be tried again",
		       HC_F_TEXT("sqlite", sqlite3_errmsg(db->handle)));
	else
		db->log_pages = 0;
}

enum hc_err hc_sqlite_begin(struct hc_sqlite *db)
{
	if (db->in_transaction)
		return HC_ERR_STATE;
	enum hc_err err = hc_sqlite_settle(db);
	if (err == HC_OK && db->empty_log)
		empty_log(db);
	if (err == HC_OK)
		err = hc_sqlite_run(db, HC_SQL_BEGIN);
	db->in_transaction = err == HC_OK;
	db->failure = HC_OK;
	db->erased = false;
	return err;
}

enum hc_err hc_sqlite_commit(struct hc_sqlite *db)
{
	if (!db->in_transaction)
		return HC_ERR_STATE;
	enum hc_err err = db->failure;
	if (err == HC_OK && !hc_sqlite_is_open(db))
		err = HC_ERR_IO;
	if (err == HC_OK) {
		err = hc_sqlite_run(db, HC_SQL_COMMIT);
		db->empty_log = db->empty_log || db->erased || err != HC_OK;
	}
	hc_sqlite_rollback(db);
	if (db->empty_log)
		empty_log(db);
	return err;
}

void hc_sqlite_rollback(struct hc_sqlite *db)
{
	db->in_transaction = false;
	db->failure = HC_OK;
	db->erased = false;
	/* A failure was logged; the next statement tries again and reads nothing until it worked. */
	(void)hc_sqlite_settle(db);
}

void hc_sqlite_checkpoint(struct hc_sqlite *db)
{
	if (db->log_pages < db->options->checkpoint_pages)
		return;
	/* Passive: waits for nobody. What could not be copied now is copied the next time. */
	const int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		hc_log(HC_LOG_WARNING, "store: the log cannot be copied now; it will be tried again",
		       HC_F_TEXT("sqlite", sqlite3_errmsg(db->handle)));
}
