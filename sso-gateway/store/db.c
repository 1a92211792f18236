/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections: one that writes, one that reads for each loop, and the lock that keeps a second
 * gateway out. State: none of its own.
 *
 * Threats: a file that others can write or that somebody put in the place of ours (owner, mode and
 * kind are checked), a second gateway (it would not know of our consumptions in flight), a damaged
 * or crafted file (cell checks, untrusted schema, defensive mode), a reader that writes (opened
 * read-only). Readers need the log's shared index, so SQLite's own exclusive mode is not for us: a
 * lock file says who owns the store.
 */
#include "db.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define COMMON_SETTINGS                \
	"PRAGMA trusted_schema = OFF;" \
	"PRAGMA cell_size_check = ON;" \
	"PRAGMA temp_store = MEMORY;"

static const char WRITER_SETTINGS[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA secure_delete = FAST;" /* a private key that is erased, where it costs nothing more */
	"PRAGMA mmap_size = 0;"
	"PRAGMA cache_size = -4096;" /* KiB */
	"PRAGMA journal_size_limit = 16777216;"
	"PRAGMA wal_autocheckpoint = 0;" /* hc_gtx_checkpoint */
	COMMON_SETTINGS;

static const char READER_SETTINGS[] = "PRAGMA query_only = ON;"
				      "PRAGMA mmap_size = 0;"
				      "PRAGMA cache_size = -2048;" /* KiB */
	COMMON_SETTINGS;

static enum hc_err refuse_file(const char *path, const char *why, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, "store refused", HC_F_TEXT("file", path), HC_F_TEXT("cause", why));
	return err;
}

static enum hc_err refuse_open(const char *path, int error)
{
	switch (error) {
	case EROFS:
		return refuse_file(path, "the file system is read-only", HC_ERR_FULL);
	case ENOSPC:
	case EDQUOT:
		return refuse_file(path, "no space for it", HC_ERR_FULL);
	case ELOOP:
	case EISDIR:
		return refuse_file(path, "not a regular file", HC_ERR_PERM);
	case EACCES:
	case EPERM:
		return refuse_file(
			path, "we may not open it: it and its directory must belong to the gateway's user",
			HC_ERR_PERM);
	case ENOENT:
		return refuse_file(
			path, "its directory does not exist: create it for the gateway's user, mode 0700",
			HC_ERR_IO);
	default:
		return refuse_file(path, strerror(error), HC_ERR_IO);
	}
}

/* Opens a file of ours, made if it is missing, and looks at what is there. */
static enum hc_err open_file(const char *path, int *ret_fd)
{
	struct stat info;
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	enum hc_err err = HC_OK;

	if (fd < 0)
		return refuse_open(path, errno);
	if (fstat(fd, &info) != 0)
		err = refuse_file(path, strerror(errno), HC_ERR_IO);
	else if (!S_ISREG(info.st_mode))
		err = refuse_file(path, "not a regular file", HC_ERR_PERM);
	else if (info.st_uid != geteuid())
		err = refuse_file(path, "it belongs to another user: chown it to the gateway's", HC_ERR_PERM);
	else if ((info.st_mode & 0077) != 0)
		err = refuse_file(path, "others may read or write it: chmod 0600", HC_ERR_PERM);
	if (err != HC_OK)
		(void)close(fd); /* nothing was written through it */
	else
		*ret_fd = fd;
	return err;
}

enum hc_err hc_gdb_lock(const char *path, int *ret_fd)
{
	char name[4096];
	int fd = -1;

	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return HC_ERR_TOOBIG;
	const enum hc_err err = open_file(name, &fd);
	if (err != HC_OK)
		return err;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return HC_OK;
	}
	const int error = errno;
	(void)close(fd); /* nothing was written through it */
	if (error != EWOULDBLOCK)
		return refuse_file(name, strerror(error), HC_ERR_IO);
	return refuse_file(path, "another process owns it; is the gateway running already?", HC_ERR_STATE);
}

static enum hc_err connect_db(struct hc_gstore_view *view, const char *path, int mode, const char *settings)
{
	const int flags = mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;

	errno = 0;
	int rc = sqlite3_open_v2(path, &view->db, flags, NULL);

	if (rc != SQLITE_OK)
		return hc_gdb_error(view, rc, "opening the store");
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(view->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(view->db, SQLITE_LIMIT_ATTACHED, 0);
	/* Nobody but ourselves has it open: a lock that is held is let go in a moment. */
	(void)sqlite3_busy_timeout(view->db, 1000);
	rc = sqlite3_exec(view->db, settings, NULL, NULL, NULL);
	return hc_gdb_error(view, rc, "opening the store");
}

/* SQLite may keep going without the log, e.g. on a file system that cannot share memory: not with us. */
static enum hc_err check_settings(struct hc_gstore_view *view)
{
	sqlite3_stmt *stmt = NULL;
	bool wal = false;

	errno = 0;
	int rc = sqlite3_prepare_v2(view->db, "PRAGMA journal_mode", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(stmt, 0);
		wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
	}
	const enum hc_err err = hc_gdb_error(view, rc, "PRAGMA journal_mode");
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	if (err == HC_OK && !wal) {
		hc_log_plain(HC_LOG_ERROR, "store refused: its file system cannot keep a write-ahead log");
		return HC_ERR_IO;
	}
	return err;
}

static int note_log(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct hc_gstore_tx *tx = ctx;

	(void)db;
	(void)name;
	tx->log_pages = pages;
	return SQLITE_OK;
}

enum hc_err hc_gtx_open(const char *path, struct hc_gstore_tx *tx)
{
	int fd = -1;
	enum hc_err err = open_file(path, &fd);

	/* Closed before SQLite has it open: a close of ours would drop SQLite's locks. */
	if (err == HC_OK && close(fd) != 0)
		err = HC_ERR_IO;
	if (err == HC_OK)
		err = connect_db(&tx->view, path, SQLITE_OPEN_READWRITE, WRITER_SETTINGS);
	if (err == HC_OK)
		err = check_settings(&tx->view);
	if (err != HC_OK)
		return err;
	(void)sqlite3_wal_hook(tx->view.db, note_log, tx);
	/* To end a transaction must not need memory that is not there. */
	for (enum hc_gsql which = HC_GSQL_BEGIN; err == HC_OK && which <= HC_GSQL_MEMBER_UNDO; which++)
		err = hc_gquery_prepare(&tx->view, which);
	return err == HC_OK ? hc_gmigrate(tx, HC_GSCHEMA_LATEST) : err;
}

enum hc_err hc_gview_open(const char *path, struct hc_gstore_view *view)
{
	return connect_db(view, path, SQLITE_OPEN_READONLY, READER_SETTINGS);
}

void hc_gview_close(struct hc_gstore_view *view)
{
	for (size_t i = 0; i < HC_GSQL_COUNT_; i++)
		(void)sqlite3_finalize(view->stmts[i]); /* repeats a failure that was reported */
	(void)sqlite3_close(view->db);			/* every statement is gone: it cannot be busy */
	*view = (struct hc_gstore_view){.db = NULL};
}

void hc_gtx_close(struct hc_gstore_tx *tx)
{
	if (tx->view.db != NULL)
		hc_gtx_rollback(tx);
	hc_gview_close(&tx->view);
}
