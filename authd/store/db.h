/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DB_H
#define HC_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "sql.h"
#include "store.h"

/*
 * Private to authd/store/: the connection, and a small way to run a statement.
 *
 *   HC_QUERY(q, store, HC_SQL_PERSON_BY_LOGIN);     prepared once, reset at the end of the block
 *   hc_query_bind_text(&q, login->text);            parameters in order, ?1 first
 *   if (hc_query_row(&q))                           true: a row; false: end or error
 *           id = hc_query_int64(&q);                columns in order
 *   return hc_query_end(&q);                        the first failure of all of it
 *
 * A query that failed stays failed: what follows does nothing and returns zero. Bound texts and
 * blobs are borrowed until the end of the block.
 */
struct hc_store {
	sqlite3 *db;
	sqlite3_stmt *stmts[HC_SQL_COUNT_];
	enum hc_err failure; /* first failure of SQLite in the open transaction: it cannot be committed */
	bool in_transaction;
	bool erased;	/* in this transaction something secret was erased */
	bool empty_log; /* the log holds what must not be found again */
	int schema_version;
};

struct hc_query {
	struct hc_store *store;
	sqlite3_stmt *stmt;
	enum hc_err err;
	int param, column;
};

struct hc_query hc_query_start(struct hc_store *store, enum hc_sql which);
HC_CHECK enum hc_err hc_query_prepare(struct hc_store *store, enum hc_sql which);
void hc_query_reset(struct hc_query *query);
#define HC_QUERY(name, store, which) \
	struct hc_query name HC_CLEANUP(hc_query_reset) = hc_query_start((store), (which))

void hc_query_bind_int64(struct hc_query *query, int64_t value);
void hc_query_bind_text(struct hc_query *query, const char *text);
void hc_query_bind_blob(struct hc_query *query, const void *data, size_t len);

bool hc_query_row(struct hc_query *query);
/* hc_query_run: for statements without rows; ret_changes may be NULL. */
HC_CHECK enum hc_err hc_query_run(struct hc_query *query, size_t *ret_changes);
HC_CHECK enum hc_err hc_query_end(struct hc_query *query);

/* Columns. A value outside of what the caller can hold is HC_ERR_CORRUPT. */
int64_t hc_query_int64(struct hc_query *query);
int64_t hc_query_range(struct hc_query *query, int64_t min, int64_t max);
void hc_query_text(struct hc_query *query, char *out, size_t cap);
size_t hc_query_blob(struct hc_query *query, void *out, size_t cap);

/*
 * hc_db_error: maps and logs a result of SQLite; remembers it for the open transaction. errno was
 * set to 0 before the call that gave the result.
 */
HC_CHECK enum hc_err hc_db_error(struct hc_store *store, int rc, const char *doing);

/* hc_db_rollback: makes SQLite forget the open transaction, if there is one; the next statement tries again. */
enum hc_err hc_db_rollback(struct hc_store *store);

/* ---- migrations ---- */
#define HC_SCHEMA_LATEST 3

/* hc_migrate: brings the schema to version `to` (the tests build older ones), one transaction a step. */
HC_CHECK enum hc_err hc_migrate(struct hc_store *store, int to);

#endif
