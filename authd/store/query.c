/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a statement: prepared at its first use and kept, parameters bound in order, columns read
 * in order, reset when the block ends. State: the statements of struct hc_store.
 *
 * Two rules are kept here for everybody: a statement that writes runs in an open transaction or not
 * at all, also where SQLite ended the transaction by itself after an error; and a failure inside a
 * transaction is remembered, so that it cannot be committed.
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
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return HC_ERR_STATE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return HC_ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
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

enum hc_err hc_db_error(struct hc_store *store, int rc, const char *doing)
{
	/* SQLite keeps the cause of a failed statement, but not that of a failed commit. */
	const int os_error = errno != 0 || store->db == NULL ? errno : sqlite3_system_errno(store->db);
	const enum hc_err err = error_of(rc, os_error);

	if (err == HC_OK)
		return HC_OK;
	if (store->in_transaction && store->failure == HC_OK)
		store->failure = err;
	hc_log(HC_LOG_ERROR, "store failed", HC_F_TEXT("doing", doing),
	       HC_F_TEXT("sqlite", store->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(store->db)),
	       HC_F_NUM("code", rc), HC_F_NUM("errno", os_error));
	return err;
}

static void fail(struct hc_query *query, int rc)
{
	if (query->err == HC_OK)
		query->err = hc_db_error(query->store, rc, sqlite3_sql(query->stmt));
}

/* SQLite ends a transaction by itself after some failures; ours is then over as well. */
static bool may_write(const struct hc_store *store)
{
	return store->in_transaction && store->failure == HC_OK && sqlite3_get_autocommit(store->db) == 0;
}

enum hc_err hc_query_prepare(struct hc_store *store, enum hc_sql which)
{
	if (store->stmts[which] != NULL)
		return HC_OK;
	errno = 0;
	const int rc = sqlite3_prepare_v3(store->db, hc_sql_text(which), -1, SQLITE_PREPARE_PERSISTENT,
					  &store->stmts[which], NULL);
	return hc_db_error(store, rc, hc_sql_text(which));
}

/*
 * A transaction that is over for us but could not be rolled back would show its changes to every
 * reader: it is rolled back now, or nothing is read.
 */
static enum hc_err settle(struct hc_store *store, enum hc_sql which)
{
	if (store->in_transaction || which == HC_SQL_ROLLBACK || sqlite3_get_autocommit(store->db) != 0)
		return HC_OK;
	return hc_db_rollback(store);
}

struct hc_query hc_query_start(struct hc_store *store, enum hc_sql which)
{
	struct hc_query query = {.store = store, .err = HC_OK};

	query.err = settle(store, which);
	if (query.err == HC_OK && (hc_sql_flags(which) & HC_SQL_WRITES) != 0 && !may_write(store))
		query.err = HC_ERR_STATE;
	if (query.err == HC_OK)
		query.err = hc_query_prepare(store, which);
	if (query.err == HC_OK)
		query.stmt = store->stmts[which];
	return query;
}

void hc_query_reset(struct hc_query *query)
{
	if (query->stmt == NULL)
		return;
	/* Repeats the failure of the last step, which was reported then. */
	(void)sqlite3_reset(query->stmt);
	(void)sqlite3_clear_bindings(query->stmt);
	query->stmt = NULL;
}

void hc_query_bind_int64(struct hc_query *query, int64_t value)
{
	if (query->err != HC_OK)
		return;
	const int rc = sqlite3_bind_int64(query->stmt, ++query->param, value);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

void hc_query_bind_text(struct hc_query *query, const char *text)
{
	if (query->err != HC_OK)
		return;
	const int rc = sqlite3_bind_text(query->stmt, ++query->param, text, -1, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

void hc_query_bind_blob(struct hc_query *query, const void *data, size_t len)
{
	if (query->err != HC_OK)
		return;
	/* A NULL pointer would bind NULL; an empty blob is a value. */
	const int rc =
		sqlite3_bind_blob64(query->stmt, ++query->param, len == 0 ? "" : data, len, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		fail(query, rc);
}

bool hc_query_row(struct hc_query *query)
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

enum hc_err hc_query_run(struct hc_query *query, size_t *ret_changes)
{
	while (hc_query_row(query))
		;
	if (query->err == HC_OK && ret_changes != NULL)
		*ret_changes = (size_t)sqlite3_changes64(query->store->db);
	return query->err;
}

enum hc_err hc_query_end(struct hc_query *query)
{
	return query->err;
}

/* A row that our own statements cannot have written. */
static void contradiction(struct hc_query *query)
{
	if (query->err != HC_OK)
		return;
	query->err = HC_ERR_CORRUPT;
	if (query->store->in_transaction && query->store->failure == HC_OK)
		query->store->failure = HC_ERR_CORRUPT;
	hc_log(HC_LOG_ERROR, "store holds a value out of range",
	       HC_F_TEXT("column", sqlite3_column_name(query->stmt, query->column - 1)),
	       HC_F_TEXT("doing", sqlite3_sql(query->stmt)));
}

int64_t hc_query_range(struct hc_query *query, int64_t min, int64_t max)
{
	if (query->err != HC_OK)
		return 0;
	const int column = query->column++;
	const int64_t value = sqlite3_column_int64(query->stmt, column);
	if (sqlite3_column_type(query->stmt, column) == SQLITE_INTEGER && value >= min && value <= max)
		return value;
	contradiction(query);
	return 0;
}

int64_t hc_query_int64(struct hc_query *query)
{
	return hc_query_range(query, INT64_MIN, INT64_MAX);
}

void hc_query_text(struct hc_query *query, char *out, size_t cap)
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
		contradiction(query);
	} else {
		memcpy(out, text, len);
		out[len] = '\0';
	}
}

size_t hc_query_blob(struct hc_query *query, void *out, size_t cap)
{
	if (query->err != HC_OK)
		return 0;
	const int column = query->column++;
	const int type = sqlite3_column_type(query->stmt, column);
	const void *data = sqlite3_column_blob(query->stmt, column);
	const size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);

	if (type != SQLITE_BLOB || len > cap) {
		contradiction(query);
		return 0;
	}
	if (len > 0)
		memcpy(out, data, len);
	return len;
}
