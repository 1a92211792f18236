/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: opened with the settings that all stores have and those of their own, closed. State: struct
 * hc_sqlite.
 *
 * Threats: a damaged or crafted file (cell checks, untrusted schema, defensive mode), a reader that writes
 * (opened read-only), a file system without locks or shared memory, on which SQLite would go on without
 * its log. A failure is mapped and logged here, once.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define BUSY_MS 1000 /* nobody but ourselves has it open: a lock that is held is let go in a moment */

/* Before the log is touched: no shared memory. */
static const char EXCLUSIVE[] = "PRAGMA locking_mode = EXCLUSIVE";
static const char WRITER[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
static const char READER[] = "PRAGMA query_only = ON";
static const char COMMON[] = "PRAGMA trusted_schema = OFF;"
			     "PRAGMA cell_size_check = ON;"
			     "PRAGMA temp_store = MEMORY;"
			     "PRAGMA mmap_size = 0";

/* ---- failures ---- */

/* No space, or no right to write: the administrator's to cure. The rest is the disk's or ours. */
static bool errno_means_full(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EFBIG || code == EROFS;
}

static enum hc_err error_of(const struct hc_sqlite_options *options, int rc, int os_error)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return HC_OK;
	case SQLITE_NOMEM:
		return HC_ERR_NOMEM;
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return HC_ERR_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return options->exclusive ? HC_ERR_STATE : HC_ERR_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return HC_ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return options->taken;
		return HC_ERR_INVALID;
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return HC_ERR_INVALID;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (rc == SQLITE_IOERR_NOMEM)
			return HC_ERR_NOMEM;
		return errno_means_full(os_error) ? HC_ERR_FULL : HC_ERR_IO;
	default:
		return HC_ERR_IO;
	}
}

void hc_sqlite_fail(struct hc_sqlite *db, enum hc_err err)
{
	if (db->in_transaction && db->failure == HC_OK)
		db->failure = err;
}

enum hc_err hc_sqlite_error(struct hc_sqlite *db, int rc, const char *doing)
{
	/* SQLite keeps the cause of a failed statement, but not that of a failed commit. */
	const int os_error = errno != 0 || db->handle == NULL ? errno : sqlite3_system_errno(db->handle);
	const enum hc_err err = error_of(db->options, rc, os_error);

	if (err == HC_OK)
		return HC_OK;
	hc_sqlite_fail(db, err);
	if (err != HC_ERR_EXISTS)
		hc_log(HC_LOG_ERROR, "store failed", HC_F_TEXT("doing", doing),
		       HC_F_TEXT("sqlite",
				 db->handle == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db->handle)),
		       HC_F_NUM("code", rc), HC_F_NUM("errno", os_error));
	return err;
}

/* ---- opening ---- */

enum hc_err hc_sqlite_execute(struct hc_sqlite *db, const char *sql, const char *doing)
{
	errno = 0;
	return hc_sqlite_error(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL), doing);
}

/* Closed before SQLite has it open: a close of ours would drop SQLite's locks. */
static enum hc_err look_at_file(const char *path, const char *program)
{
	int fd = -1;
	const enum hc_err err = hc_sqlite_file(path, program, &fd);

	if (err != HC_OK)
		return err;
	return close(fd) == 0 ? HC_OK : HC_ERR_IO;
}

static enum hc_err connect_db(struct hc_sqlite *db, const char *path)
{
	const int mode = db->options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	const int flags = mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;

	errno = 0;
	const int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (rc != SQLITE_OK)
		return hc_sqlite_error(db, rc, "opening the store");
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
	/* An owner does not go away: waiting for one helps nobody. */
	(void)sqlite3_busy_timeout(db->handle, db->options->exclusive ? 0 : BUSY_MS);
	return HC_OK;
}

static enum hc_err apply_settings(struct hc_sqlite *db)
{
	const char *const texts[] = {db->options->exclusive ? EXCLUSIVE : "",
				     db->options->read_only ? READER : WRITER, db->options->settings, COMMON};
	enum hc_err err = HC_OK;

	for (size_t i = 0; err == HC_OK && i < HC_COUNT(texts); i++)
		err = hc_sqlite_execute(db, texts[i], "opening the store");
	return err;
}

/* SQLite may keep going without the log, e.g. on a file system that cannot lock or share memory: not with us. */
static enum hc_err check_log(struct hc_sqlite *db)
{
	sqlite3_stmt *stmt = NULL;
	bool wal = false;

	errno = 0;
	int rc = sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(stmt, 0);
		wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
	}
	const enum hc_err err = hc_sqlite_error(db, rc, "PRAGMA journal_mode");
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	if (err == HC_OK && !wal) {
		hc_log_plain(HC_LOG_ERROR, "store refused: its file system cannot keep a write-ahead log");
		return HC_ERR_IO;
	}
	return err;
}

static int note_log(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct hc_sqlite *db = ctx;

	(void)handle;
	(void)name;
	db->log_pages = pages;
	return SQLITE_OK;
}

static enum hc_err prepare_first(struct hc_sqlite *db)
{
	enum hc_err err = HC_OK;

	for (unsigned which = 0; err == HC_OK && which < db->options->prepared; which++)
		err = hc_sqlite_prepare(db, which);
	return err;
}

static enum hc_err open_writer(struct hc_sqlite *db, const char *path)
{
	enum hc_err err = look_at_file(path, db->options->program);

	if (err == HC_OK)
		err = connect_db(db, path);
	if (err == HC_OK)
		err = apply_settings(db);
	if (err == HC_OK)
		err = check_log(db);
	if (err == HC_OK)
		err = prepare_first(db);
	if (err == HC_OK && db->options->checkpoint_pages > 0)
		(void)sqlite3_wal_hook(db->handle, note_log, db);
	return err == HC_ERR_STATE ? hc_sqlite_owned(path, db->options->program) : err;
}

enum hc_err hc_sqlite_open(struct hc_sqlite *db, const char *path, const struct hc_sqlite_options *options)
{
	*db = (struct hc_sqlite){.options = options};
	db->stmts = calloc(options->count, sizeof(sqlite3_stmt *));
	if (db->stmts == NULL)
		return HC_ERR_NOMEM;
	if (!options->read_only)
		return open_writer(db, path);
	const enum hc_err err = connect_db(db, path);
	return err == HC_OK ? apply_settings(db) : err;
}

void hc_sqlite_close(struct hc_sqlite *db)
{
	hc_sqlite_rollback(db);
	for (unsigned i = 0; db->stmts != NULL && i < db->options->count; i++)
		(void)sqlite3_finalize(db->stmts[i]); /* repeats a failure that was reported */
	free(db->stmts);
	(void)sqlite3_close(db->handle); /* every statement is gone: it cannot be busy */
	*db = (struct hc_sqlite){.handle = NULL};
}
