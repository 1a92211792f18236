/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a store that is in use: page by page, in steps, into a file without a name. State: struct hc_sqlite_copy.
 *
 * What the same connection writes meanwhile, SQLite writes into the copy as well; what another one writes is kept out by
 * a read transaction that lasts as long as the copy (snapshot). Either way the copy is the store at one moment. It
 * is marked as a copy before anybody gets it: as it is, no program of ours takes it for a store that it may just go on
 * with. Threats: a copy that is left behind (the file loses its name before the first byte), one that takes all the time
 * or memory there is (bounded steps, a small cache).
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define PATH_CAP       4096
#define APPLICATION_AT 68 /* of the file's header */
#define HEADER_LEN     100

struct hc_sqlite_copy {
	struct hc_sqlite *from; /* borrowed */
	struct hc_sqlite to;	/* without statements */
	sqlite3_backup *backup;
	bool snapshot; /* a read transaction is open */
	bool done;     /* every page is there */
	int fd;
};

static const struct hc_sqlite_options copy_options = {.program = "a copy"};

static enum hc_err open_target(struct hc_sqlite_copy *copy, const char *directory)
{
	char path[PATH_CAP];

	if (snprintf(path, sizeof(path), "%s/copy-XXXXXX", directory) >= (int)sizeof(path))
		return HC_ERR_TOOBIG;
	copy->fd = mkostemp(path, O_CLOEXEC);
	if (copy->fd < 0)
		return errno == ENOSPC || errno == EDQUOT || errno == EROFS ? HC_ERR_FULL : HC_ERR_IO;
	errno = 0;
	const int rc = sqlite3_open_v2(path, &copy->to.handle,
				       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					       SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
				       NULL);
	if (unlink(path) != 0)
		return HC_ERR_IO;
	if (rc != SQLITE_OK)
		return hc_sqlite_error(&copy->to, rc, "opening a copy");
	/* Nobody misses a half copy: it needs neither journal nor sync. */
	return hc_sqlite_execute(
		&copy->to,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
		"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -512",
		"opening a copy");
}

enum hc_err hc_sqlite_copy_new(struct hc_sqlite *from, const char *directory, bool snapshot,
			       struct hc_sqlite_copy **ret_copy)
{
	HC_AUTO(sqlite_copy) copy = calloc(1, sizeof(*copy));

	if (copy == NULL)
		return HC_ERR_NOMEM;
	copy->from = from;
	copy->to.options = &copy_options;
	copy->fd = -1;
	enum hc_err err = from->in_transaction ? HC_ERR_STATE : open_target(copy, directory);
	if (err == HC_OK && snapshot) {
		copy->snapshot = true;
		err = hc_sqlite_execute(from, "BEGIN; SELECT count(*) FROM sqlite_schema",
					"beginning a copy");
	}
	if (err != HC_OK)
		return err;
	errno = 0;
	copy->backup = sqlite3_backup_init(copy->to.handle, "main", from->handle, "main");
	if (copy->backup == NULL)
		return hc_sqlite_error(&copy->to, sqlite3_errcode(copy->to.handle), "beginning a copy");
	*ret_copy = hc_steal_ptr(&copy);
	return HC_OK;
}

/* Ends what SQLite has of it. The descriptor stays. */
static enum hc_err close_target(struct hc_sqlite_copy *copy)
{
	const int rc = copy->backup == NULL ? SQLITE_OK : sqlite3_backup_finish(copy->backup);

	copy->backup = NULL;
	errno = 0;
	const enum hc_err err = rc == SQLITE_OK ? HC_OK : hc_sqlite_error(&copy->to, rc, "ending a copy");
	(void)sqlite3_close(copy->to.handle); /* has no statement left: it cannot be busy */
	copy->to.handle = NULL;
	if (copy->snapshot)
		(void)sqlite3_exec(copy->from->handle, "ROLLBACK", NULL, NULL, NULL); /* it only read */
	copy->snapshot = false;
	return err;
}

/* "This is a copy", in the file's header. */
static enum hc_err mark(struct hc_sqlite_copy *copy)
{
	const uint32_t id = (uint32_t)copy->from->options->application_id ^ HC_SQLITE_COPY_MARK;
	const uint8_t bytes[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

	return pwrite(copy->fd, bytes, sizeof(bytes), APPLICATION_AT) == (ssize_t)sizeof(bytes) ? HC_OK
												: HC_ERR_IO;
}

enum hc_err hc_sqlite_copy_step(struct hc_sqlite_copy *copy, int pages, bool *ret_done)
{
	if (copy->backup == NULL)
		return HC_ERR_STATE;
	errno = 0;
	const int rc = sqlite3_backup_step(copy->backup, pages);

	copy->done = rc == SQLITE_DONE;
	*ret_done = copy->done;
	if (rc == SQLITE_OK || rc == SQLITE_DONE)
		return HC_OK;
	return hc_sqlite_error(&copy->to, rc, "copying the store");
}

enum hc_err hc_sqlite_copy_take(struct hc_sqlite_copy *copy, int *ret_fd, uint64_t *ret_len)
{
	struct stat facts = {0};
	enum hc_err err = copy->backup == NULL || !copy->done ? HC_ERR_STATE : close_target(copy);

	if (err == HC_OK && (fstat(copy->fd, &facts) != 0 || facts.st_size < HEADER_LEN))
		err = HC_ERR_IO;
	if (err == HC_OK)
		err = mark(copy);
	if (err != HC_OK)
		return err;
	*ret_len = (uint64_t)facts.st_size;
	*ret_fd = copy->fd;
	copy->fd = -1;
	return HC_OK;
}

void hc_sqlite_copy_free(struct hc_sqlite_copy **copy)
{
	if (copy == NULL || *copy == NULL)
		return;
	(void)close_target(*copy); /* nobody wants it any more */
	if ((*copy)->fd >= 0)
		(void)close((*copy)->fd); /* nothing is kept of it */
	free(*copy);
	*copy = NULL;
}

enum hc_err hc_sqlite_settled(struct hc_sqlite *db)
{
	char text[64];

	if (!db->in_transaction)
		return HC_ERR_STATE;
	(void)snprintf(text, sizeof(text), "PRAGMA application_id = %d", db->options->application_id);
	return hc_sqlite_execute(db, text, "settling a copy");
}

enum hc_err hc_sqlite_check(struct hc_sqlite *db)
{
	sqlite3_stmt *stmt = NULL;
	bool sound = false;

	errno = 0;
	int rc = sqlite3_prepare_v2(db->handle, "PRAGMA integrity_check(1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		sound = text != NULL && text[0] == 'o' && text[1] == 'k' && text[2] == '\0';
		if (!sound)
			hc_log(HC_LOG_ERROR, "the store is damaged",
			       HC_F_TEXT("sqlite", text == NULL ? "" : text));
	}
	const enum hc_err err = hc_sqlite_error(db, rc, "integrity_check");
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	return err == HC_OK && !sound ? HC_ERR_CORRUPT : err;
}
