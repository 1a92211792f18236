/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a statement: prepared at its first use and kept, parameters bound in order, columns read
 * in order, reset when the block ends. State: the statements of a view.
 *
 * Two rules are kept here for everybody: a statement that writes runs in a member of a group or not at
 * all, also where SQLite ended the transaction by itself after an error; and a failure inside a
 * member is remembered, so that it cannot be kept.
 */
#include "db.h"

#include <errno.h>
#include <string.h>

#include "hospiconnect/log.h"

/* No space, or no right to write: the administrator's to cure. The rest is the disk's or ours. */
static bool errno_means_full(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EFBIG || code == EROFS;
}

static enum hc_err error_of(int rc, int os_error)
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
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return HC_ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return HC_ERR_EXISTS;
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

enum hc_err hc_gdb_error(struct hc_gstore_view *view, int rc, const char *doing)
{
	/* SQLite keeps the cause of a failed statement, but not that of a failed commit. */
	const int os_error = errno != 0 || view->db == NULL ? errno : sqlite3_system_errno(view->db);
	const enum hc_err err = error_of(rc, os_error);

	if (err == HC_OK)
		return HC_OK;
	if (view->in_member && view->failure == HC_OK)
		view->failure = err;
	/* A name that is taken is an answer, not a failure of the store. */
	if (err != HC_ERR_EXISTS)
		hc_log(HC_LOG_ERROR, "store failed", HC_F_TEXT("doing", doing),
		       HC_F_TEXT("sqlite", view->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(view->db)),
		       HC_F_NUM("code", rc), HC_F_NUM("errno", os_error));
	return err;
}

static void fail(struct hc_gquery *query, int rc)
{
	if (query->err == HC_OK)
		query->err = hc_gdb_error(query->view, rc, sqlite3_sql(query->stmt));
}

/* SQLite ends a transaction by itself after some failures; ours is then over as well. */
static bool may_write(const struct hc_gstore_view *view)
{
	return view->in_member && view->failure == HC_OK && sqlite3_get_autocommit(view->db) == 0;
}

enum hc_err hc_gquery_prepare(struct hc_gstore_view *view, enum hc_gsql which)
{
	if (view->stmts[which] != NULL)
		return HC_OK;
	errno = 0;
	const int rc = sqlite3_prepare_v3(view->db, hc_gsql_text(which), -1, SQLITE_PREPARE_PERSISTENT,
					  &view->stmts[which], NULL);
	return hc_gdb_error(view, rc, hc_gsql_text(which));
}

struct hc_gquery hc_gquery_start(struct hc_gstore_view *view, enum hc_gsql which)
{
	struct hc_gquery query = {.view = view, .err = HC_OK};

	if ((hc_gsql_flags(which) & HC_GSQL_WRITES) != 0 && !may_write(view))
		query.err = HC_ERR_STATE;
	if (query.err == HC_OK)
		query.err = hc_gquery_prepare(view, which);
	if (query.err == HC_OK)
		query.stmt = view->stmts[which];
	return query;
}

void hc_gquery_reset(struct hc_gquery *query)
{
	if (query->stmt == NULL)
		return;
	/* Repeats the failure of the last step, which was reported then. */
	(void)sqlite3_reset(query->stmt);
	(void)sqlite3_clear_bindings(query->stmt);
	query->stmt = NULL;
}

void hc_gquery_bind_int64(struct hc_gquery *query, int64_t value)
{
	if (query->err != HC_OK)
		return;
	const int rc = sqlite3_bind_int64(query->stmt, ++query->param, value);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

void hc_gquery_bind_text(struct hc_gquery *query, const char *text)
{
	if (query->err != HC_OK)
		return;
	const int rc = sqlite3_bind_text(query->stmt, ++query->param, text, -1, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

void hc_gquery_bind_blob(struct hc_gquery *query, const void *data, size_t len)
{
	if (query->err != HC_OK)
		return;
	/* A NULL pointer would bind NULL; an empty blob is a value. */
	const int rc =
		sqlite3_bind_blob64(query->stmt, ++query->param, len == 0 ? "" : data, len, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

void hc_gquery_bind_ref(struct hc_gquery *query, const struct hc_ticket_ref *ref)
{
	hc_gquery_bind_int64(query, ref->id);
	hc_gquery_bind_blob(query, ref->hash, sizeof(ref->hash));
}

bool hc_gquery_row(struct hc_gquery *query)
{
	if (query->err != HC_OK)
		return false;
	errno = 0;
	const int rc = sqlite3_step(query->stmt);
	query->column = 0;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		fail(query, rc);
	return rc == SQLITE_ROW;
}

enum hc_err hc_gquery_run(struct hc_gquery *query, size_t *ret_changes)
{
	while (hc_gquery_row(query))
		;
	if (query->err == HC_OK && ret_changes != NULL)
		*ret_changes = (size_t)sqlite3_changes64(query->view->db);
	return query->err;
}

enum hc_err hc_gquery_run_one(struct hc_gquery *query, enum hc_err none)
{
	size_t changes = 0;
	const enum hc_err err = hc_gquery_run(query, &changes);

	return err == HC_OK && changes == 0 ? none : err;
}

enum hc_err hc_gquery_end(struct hc_gquery *query)
{
	return query->err;
}

void hc_gquery_contradiction(struct hc_gquery *query)
{
	if (query->err != HC_OK)
		return;
	query->err = HC_ERR_CORRUPT;
	if (query->view->in_member && query->view->failure == HC_OK)
		query->view->failure = HC_ERR_CORRUPT;
	hc_log(HC_LOG_ERROR, "store holds a value out of range",
	       HC_F_TEXT("column", sqlite3_column_name(query->stmt, query->column - 1)),
	       HC_F_TEXT("doing", sqlite3_sql(query->stmt)));
}

int64_t hc_gquery_range(struct hc_gquery *query, int64_t min, int64_t max)
{
	if (query->err != HC_OK)
		return 0;
	const int column = query->column++;
	const int64_t value = sqlite3_column_int64(query->stmt, column);
	if (sqlite3_column_type(query->stmt, column) == SQLITE_INTEGER && value >= min && value <= max)
		return value;
	hc_gquery_contradiction(query);
	return 0;
}

int64_t hc_gquery_int64(struct hc_gquery *query)
{
	return hc_gquery_range(query, INT64_MIN, INT64_MAX);
}

int64_t hc_gquery_id(struct hc_gquery *query)
{
	if (query->err == HC_OK && sqlite3_column_type(query->stmt, query->column) == SQLITE_NULL) {
		query->column++;
		return 0;
	}
	return hc_gquery_range(query, 0, INT64_MAX);
}

void hc_gquery_text(struct hc_gquery *query, char *out, size_t cap)
{
	if (query->err != HC_OK)
		return;
	const int column = query->column++;
	const int type = sqlite3_column_type(query->stmt, column);
	const unsigned char *text = sqlite3_column_text(query->stmt, column);
	const size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);

	if (type == SQLITE_NULL) {
		out[0] = '\0';
	} else if (type == SQLITE_TEXT && text == NULL) {
		fail(query, SQLITE_NOMEM);
	} else if (type != SQLITE_TEXT || len >= cap || memchr(text, '\0', len) != NULL) {
		hc_gquery_contradiction(query);
	} else {
		memcpy(out, text, len);
		out[len] = '\0';
	}
}

size_t hc_gquery_blob(struct hc_gquery *query, void *out, size_t cap)
{
	if (query->err != HC_OK)
		return 0;
	const int column = query->column++;
	const int type = sqlite3_column_type(query->stmt, column);
	const void *data = sqlite3_column_blob(query->stmt, column);
	const size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);

	if (type != SQLITE_BLOB || len > cap) {
		hc_gquery_contradiction(query);
		return 0;
	}
	if (len > 0)
		memcpy(out, data, len);
	return len;
}

void hc_gquery_hash(struct hc_gquery *query, uint8_t out[32])
{
	if (hc_gquery_blob(query, out, 32) != 32)
		hc_gquery_contradiction(query);
}
