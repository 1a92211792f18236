/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of a store, built as numbered steps. Step n brings a file of version n-1 to n in one transaction
 * that also writes the number (PRAGMA user_version), so that a crash leaves one version or the other. A
 * file of a newer version, or a database that is not the store's (application_id), is refused and not
 * touched; a copy of one stays marked as what it is. No state of its own.
 */
#include "connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "hospiconnect/log.h"

/* A number from a PRAGMA of ours or a count; these run at open only and are not kept. */
static enum hc_err read_number(struct hc_sqlite *db, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *stmt = NULL;

	errno = 0;
	int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(stmt, 0);
	const enum hc_err err = hc_sqlite_error(db, rc, sql);
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	return err;
}

/* What is in the file: nothing yet, or a store of ours of a version we know. */
static enum hc_err recognise(struct hc_sqlite *db, int64_t *ret_version)
{
	const struct hc_sqlite_options *ours = db->options;
	int64_t application = 0, version = 0, objects = 0;
	enum hc_err err = read_number(db, "PRAGMA application_id", &application);

	if (err == HC_OK)
		err = read_number(db, "PRAGMA user_version", &version);
	if (err == HC_OK)
		err = read_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (err != HC_OK)
		return err;
	db->restored = application == (int64_t)((uint32_t)ours->application_id ^ HC_SQLITE_COPY_MARK);
	const bool empty = application == 0 && version == 0 && objects == 0;
	if (!empty && ((application != ours->application_id && !db->restored) || version < 1)) {
		hc_log_plain(HC_LOG_ERROR, "store refused: the file is another program's database");
		return HC_ERR_CORRUPT;
	}
	if (version > ours->latest) {
		hc_log(HC_LOG_ERROR,
		       "store refused: written by a newer version; upgrade, or restore a backup",
		       HC_F_NUM("schema", version), HC_F_NUM("known", ours->latest));
		return HC_ERR_CORRUPT;
	}
	*ret_version = version;
	return HC_OK;
}

static enum hc_err migrate_one(struct hc_sqlite *db, int64_t from)
{
	char mark[96];
	const uint32_t id = (uint32_t)db->options->application_id ^ (db->restored ? HC_SQLITE_COPY_MARK : 0);

	if (from < 0 || from >= db->options->latest)
		return HC_ERR_INVALID;
	enum hc_err err = hc_sqlite_begin(db);
	if (err != HC_OK)
		return err;
	(void)snprintf(mark, sizeof(mark),
		       "PRAGMA application_id = %" PRIu32 "; PRAGMA user_version = %" PRId64, id, from + 1);
	err = hc_sqlite_execute(db, db->options->steps[from], "migration");
	if (err == HC_OK)
		err = hc_sqlite_execute(db, mark, "migration");
	if (err == HC_OK)
		err = hc_sqlite_commit(db);
	else
		hc_sqlite_rollback(db);
	if (err == HC_OK)
		hc_log(HC_LOG_NOTICE, "store schema is at", HC_F_NUM("version", from + 1));
	return err;
}

enum hc_err hc_sqlite_migrate(struct hc_sqlite *db, int to)
{
	int64_t version = 0;
	enum hc_err err = recognise(db, &version);

	while (err == HC_OK && version < to) {
		err = migrate_one(db, version);
		version++;
	}
	if (err == HC_OK)
		db->schema_version = (int)version;
	return err;
}
