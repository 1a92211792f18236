/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a statement: prepared at its first use and kept, parameters bound in order, columns read
 * in order, reset when the block ends. State: the statements of a connection.
 *
 * Three rules are kept here for everybody: a statement that writes runs in an open transaction or not at all,
 * also where SQLite ended the transaction by itself after an error; a failure inside a transaction is
 * remembered, so that it cannot be committed; and what could not be rolled back is read by nobody.
 */
#include "connection.h"

#include <errno.h>
#include <string.h>

#include "hospiconnect/log.h"

static void fail(struct hc_query *query, int rc)
{
	if (query->err == HC_OK)
		query->err = hc_sqlite_error(query->db, rc, sqlite3_sql(query->stmt));
}

/* SQLite ends a transaction by itself after some failures; ours is then over as well. */
static bool may_write(const struct hc_sqlite *db)
{
	return db->in_transaction && db->failure == HC_OK && hc_sqlite_is_open(db);
}

enum hc_err hc_sqlite_prepare(struct hc_sqlite *db, unsigned which)
{
	const char *text = db->options->statements[which].text;

	if (db->stmts[which] != NULL)
		return HC_OK;
	errno = 0;
	const int rc =
		sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[which], NULL);
	return hc_sqlite_error(db, rc, text);
}

struct hc_query hc_query_start(struct hc_sqlite *db, unsigned which)
{
	struct hc_query query = {.db = db, .err = HC_OK};

	/* A transaction that is over but could not be rolled back would show its changes to every reader. */
	if (which != HC_SQL_ROLLBACK)
		query.err = hc_sqlite_settle(db);
	if (query.err == HC_OK && (db->options->statements[which].flags & HC_SQL_WRITES) != 0 &&
	    !may_write(db))
		query.err = HC_ERR_STATE;
	if (query.err == HC_OK)
		query.err = hc_sqlite_prepare(db, which);
	if (query.err == HC_OK)
		query.stmt = db->stmts[which];
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
		*ret_changes = (size_t)sqlite3_changes64(query->db->handle);
	return query->err;
}

enum hc_err hc_query_run_one(struct hc_query *query, enum hc_err none)
{
	size_t changes = 0;
	const enum hc_err err = hc_query_run(query, &changes);

	return err == HC_OK && changes == 0 ? none : err;
}

enum hc_err hc_query_run_new(struct hc_query *query, int64_t *ret_id)
{
	const enum hc_err err = hc_query_run(query, NULL);

	if (err == HC_OK && ret_id != NULL)
		*ret_id = sqlite3_last_insert_rowid(query->db->handle);
	return err;
}

enum hc_err hc_query_number(struct hc_query *query, int64_t min, int64_t max, int64_t *ret_number)
{
	const bool found = hc_query_row(query);
	const int64_t number = found ? hc_query_range(query, min, max) : 0;

	if (query->err == HC_OK && found)
		*ret_number = number;
	return query->err == HC_OK && !found ? HC_ERR_NOTFOUND : query->err;
}

enum hc_err hc_query_end(struct hc_query *query)
{
	return query->err;
}

void hc_query_contradiction(struct hc_query *query)
{
	if (query->err != HC_OK)
		return;
	query->err = HC_ERR_CORRUPT;
	hc_sqlite_fail(query->db, HC_ERR_CORRUPT);
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
	hc_query_contradiction(query);
	return 0;
}

int64_t hc_query_int64(struct hc_query *query)
{
	return hc_query_range(query, INT64_MIN, INT64_MAX);
}

int64_t hc_query_id(struct hc_query *query)
{
	if (query->err == HC_OK && sqlite3_column_type(query->stmt, query->column) == SQLITE_NULL) {
		query->column++;
		return 0;
	}
	return hc_query_range(query, 0, INT64_MAX);
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
		hc_query_contradiction(query);
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
		hc_query_contradiction(query);
		return 0;
	}
	if (len > 0)
		memcpy(out, data, len);
	return len;
}

void hc_query_hash(struct hc_query *query, uint8_t out[32])
{
	if (hc_query_blob(query, out, 32) != 32)
		hc_query_contradiction(query);
}
