/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection: opening the one file, its settings, transactions. State: struct hc_store.
 *
 * Threats: a file that others can write or that somebody put in the place of ours (owner, mode and
 * kind are checked), a second broker (the file is locked for as long as we live), a damaged or
 * crafted file (cell checks, untrusted schema, defensive mode), a disk that fills up or fails in
 * the middle of a decision (the transaction is undone, the error goes up, and the store works again
 * when the cause is gone). It must never report a commit that is not on disk.
 */
#include "db.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"

/*
 * After this many pages of log its content is copied to the file by whichever commit comes next.
 * Small, so that no sign-in pays a long copy (bench/bench_store: a 99th percentile below 1 ms), and so
 * that the log is written over instead of prolonged, which makes every sync cheaper.
 */
#define CHECKPOINT_PAGES "128"

static const char SETTINGS[] =
	"PRAGMA locking_mode = EXCLUSIVE;" /* before the log is touched: no shared memory */
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA foreign_keys = ON;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA secure_delete = ON;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA cache_size = -512;" /* KiB */
	"PRAGMA journal_size_limit = 1048576;"
	"PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES ";";

static enum hc_err refuse_file(const char *path, const char *why, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, "store refused", HC_F_TEXT("file", path), HC_F_TEXT("cause", why));
	return err;
}

/* Makes the file if it is missing, and looks at what is there, before SQLite does. */
static enum hc_err check_file(const char *path)
{
	struct stat info;
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0 && errno == EROFS)
		return refuse_file(path, "the file system is read-only", HC_ERR_FULL);
	if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
		return refuse_file(path, "no space for it", HC_ERR_FULL);
	if (fd < 0 && (errno == ELOOP || errno == EISDIR))
		return refuse_file(path, "not a regular file", HC_ERR_PERM);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return refuse_file(
			path, "we may not open it: it and its directory must belong to the broker's user",
			HC_ERR_PERM);
	if (fd < 0 && errno == ENOENT)
		return refuse_file(path,
				   "its directory does not exist: create it for the broker's user, mode 0700",
				   HC_ERR_IO);
	if (fd < 0)
		return refuse_file(path, strerror(errno), HC_ERR_IO);
	const int rc = fstat(fd, &info);
	(void)close(fd); /* nothing was written through it */
	if (rc != 0)
		return refuse_file(path, strerror(errno), HC_ERR_IO);
	if (!S_ISREG(info.st_mode))
		return refuse_file(path, "not a regular file", HC_ERR_PERM);
	if (info.st_uid != geteuid())
		return refuse_file(path, "it belongs to another user: chown it to the broker's", HC_ERR_PERM);
	if ((info.st_mode & 0077) != 0)
		return refuse_file(path, "others may read or write it: chmod 0600", HC_ERR_PERM);
	return HC_OK;
}

static enum hc_err connect_db(struct hc_store *store, const char *path)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
			  SQLITE_OPEN_EXRESCODE;

	errno = 0;
	int rc = sqlite3_open_v2(path, &store->db, flags, NULL);

	if (rc != SQLITE_OK)
		return hc_db_error(store, rc, "opening the store");
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_busy_timeout(store->db, 0); /* an owner does not go away: waiting helps nobody */
	rc = sqlite3_exec(store->db, SETTINGS, NULL, NULL, NULL);
	return hc_db_error(store, rc, "opening the store");
}

/* SQLite may keep going without the log, e.g. on a file system that cannot lock: not with us. */
static enum hc_err check_settings(struct hc_store *store)
{
	sqlite3_stmt *stmt = NULL;
	bool wal = false;

	errno = 0;
	int rc = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(stmt, 0);
		wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
	}
	const enum hc_err err = hc_db_error(store, rc, "PRAGMA journal_mode");
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	if (err == HC_OK && !wal) {
		hc_log_plain(HC_LOG_ERROR, "store refused: its file system cannot keep a write-ahead log");
		return HC_ERR_IO;
	}
	return err;
}

enum hc_err hc_store_open(const char *path, struct hc_store **ret_store)
{
	HC_AUTO(store) store = calloc(1, sizeof(*store));

	if (store == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = check_file(path);
	if (err == HC_OK)
		err = connect_db(store, path);
	if (err == HC_OK)
		err = check_settings(store);
	if (err == HC_OK)
		err = hc_migrate(store, HC_SCHEMA_LATEST);
	/* To end a transaction must not need memory that is not there. */
	for (enum hc_sql which = HC_SQL_BEGIN; err == HC_OK && which <= HC_SQL_ROLLBACK; which++)
		err = hc_query_prepare(store, which);
	if (err == HC_ERR_STATE)
		hc_log(HC_LOG_ERROR, "store refused: another process owns it; is the broker running already?",
		       HC_F_TEXT("file", path));
	if (err == HC_OK)
		*ret_store = hc_steal_ptr(&store);
	return err;
}

void hc_store_free(struct hc_store **store)
{
	if (store == NULL || *store == NULL)
		return;
	hc_store_rollback(*store);
	for (size_t i = 0; i < HC_SQL_COUNT_; i++)
		(void)sqlite3_finalize((*store)->stmts[i]); /* repeats a failure that was reported */
	(void)sqlite3_close((*store)->db);		    /* every statement is gone: it cannot be busy */
	free(*store);
	*store = NULL;
}

int hc_store_schema_version(const struct hc_store *store)
{
	return store->schema_version;
}

static enum hc_err run(struct hc_store *store, enum hc_sql which)
{
	HC_QUERY(query, store, which);

	return hc_query_run(&query, NULL);
}

enum hc_err hc_db_rollback(struct hc_store *store)
{
	return sqlite3_get_autocommit(store->db) != 0 ? HC_OK : run(store, HC_SQL_ROLLBACK);
}

enum hc_err hc_store_begin(struct hc_store *store)
{
	if (store->in_transaction)
		return HC_ERR_STATE;
	const enum hc_err err = run(store, HC_SQL_BEGIN);
	store->in_transaction = err == HC_OK;
	store->failure = HC_OK;
	store->erased = false;
	return err;
}

/*
 * The log is written back and cut to nothing, where something is in it that must not be found again:
 * what was just erased, or a transaction that was written whole and refused since its sync failed,
 * and which a start after a kill would take for a committed one. Tried again with every commit until
 * it worked.
 */
static void empty_log(struct hc_store *store)
{
	const int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	store->empty_log = rc != SQLITE_OK;
	if (rc != SQLITE_OK)
		hc_log(HC_LOG_WARNING, "store: the log cannot be emptied now; it will be tried again",
		       HC_F_TEXT("sqlite", sqlite3_errmsg(store->db)));
}

enum hc_err hc_store_commit(struct hc_store *store)
{
	if (!store->in_transaction)
		return HC_ERR_STATE;
	enum hc_err err = store->failure;
	if (err == HC_OK && sqlite3_get_autocommit(store->db) != 0)
		err = HC_ERR_IO;
	if (err == HC_OK) {
		err = run(store, HC_SQL_COMMIT);
		store->empty_log = store->empty_log || store->erased || err != HC_OK;
	}
	hc_store_rollback(store);
	if (store->empty_log)
		empty_log(store);
	return err;
}

void hc_store_rollback(struct hc_store *store)
{
	/* A failure was logged; the next statement tries again and reads nothing until it worked. */
	if (store->in_transaction)
		hc_db_rollback(store);
	store->in_transaction = false;
	store->failure = HC_OK;
	store->erased = false;
}
