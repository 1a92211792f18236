/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GDB_H
#define HC_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "gstore.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "sql.h"
#include "ticket.h"

/*
 * Private to sso-gateway/store/: connections, transactions, and a small way to run a statement.
 *
 *   HC_GQUERY(q, view, HC_GSQL_CLIENT_BY_ID);       prepared once, reset at the end of the block
 *   hc_gquery_bind_text(&q, id);                    parameters in order, ?1 first
 *   if (hc_gquery_row(&q))                          true: a row; false: end or error
 *           number = hc_gquery_int64(&q);           columns in order
 *   return hc_gquery_end(&q);                       the first failure of all of it
 *
 * A query that failed stays failed: what follows does nothing and returns zero. Bound texts and
 * blobs are borrowed until the end of the block. On a loop's view a query is a read transaction of its
 * own: nothing is held when its block ends.
 */
struct hc_gstore_view {
	sqlite3 *db;
	sqlite3_stmt *stmts[HC_GSQL_COUNT_];
	enum hc_err failure; /* first failure of SQLite in the open member: it cannot be kept */
	bool in_member;
};

/* The writing connection. The members of a group run between begin and commit. */
struct hc_gstore_tx {
	struct hc_gstore_view view;
	bool empty_log; /* the log holds a refused transaction, which must not be found again */
	int schema_version;
	int log_pages; /* in the log, after the last commit */
};

/* ---- connections ---- */

/* hc_gdb_lock: takes "path.lock", waiting for nobody; HC_ERR_STATE if somebody has it. */
HC_CHECK enum hc_err hc_gdb_lock(const char *path, int *ret_fd);
/* hc_gtx_open: the writing connection, migrated. hc_gtx_close: after every view was closed. */
HC_CHECK enum hc_err hc_gtx_open(const char *path, struct hc_gstore_tx *tx);
void hc_gtx_close(struct hc_gstore_tx *tx);
/* hc_gview_open: a reading connection to a file that the writer has open. */
HC_CHECK enum hc_err hc_gview_open(const char *path, struct hc_gstore_view *view);
void hc_gview_close(struct hc_gstore_view *view);

/* ---- transactions ---- */

HC_CHECK enum hc_err hc_gtx_begin(struct hc_gstore_tx *tx);
/* hc_gtx_commit: HC_OK: on disk. Anything else: HC_ERR_IO, HC_ERR_FULL or HC_ERR_NOMEM, and rolled back. */
HC_CHECK enum hc_err hc_gtx_commit(struct hc_gstore_tx *tx);
void hc_gtx_rollback(struct hc_gstore_tx *tx);
/*
 * hc_gtx_member: runs work in a savepoint; ret_result is the member's. Not HC_OK: the whole transaction is lost.
 */
HC_CHECK enum hc_err hc_gtx_member(struct hc_gstore_tx *tx, hc_gstore_work_fn work, void *ctx,
				   enum hc_err *ret_result);
/* hc_gtx_checkpoint: copies the log to the file if it became long; between transactions. */
void hc_gtx_checkpoint(struct hc_gstore_tx *tx);

/* ---- statements ---- */

struct hc_gquery {
	struct hc_gstore_view *view;
	sqlite3_stmt *stmt;
	enum hc_err err;
	int param, column;
};

struct hc_gquery hc_gquery_start(struct hc_gstore_view *view, enum hc_gsql which);
HC_CHECK enum hc_err hc_gquery_prepare(struct hc_gstore_view *view, enum hc_gsql which);
void hc_gquery_reset(struct hc_gquery *query);
#define HC_GQUERY(name, view, which) \
	struct hc_gquery name HC_CLEANUP(hc_gquery_reset) = hc_gquery_start((view), (which))

void hc_gquery_bind_int64(struct hc_gquery *query, int64_t value);
void hc_gquery_bind_text(struct hc_gquery *query, const char *text);
void hc_gquery_bind_blob(struct hc_gquery *query, const void *data, size_t len);
/* hc_gquery_bind_ref: two parameters, id and hash. */
void hc_gquery_bind_ref(struct hc_gquery *query, const struct hc_ticket_ref *ref);

bool hc_gquery_row(struct hc_gquery *query);
/* hc_gquery_run: for statements without rows; ret_changes may be NULL. */
HC_CHECK enum hc_err hc_gquery_run(struct hc_gquery *query, size_t *ret_changes);
/* hc_gquery_run_one: HC_OK if exactly one row was changed, `none` if no row was. */
HC_CHECK enum hc_err hc_gquery_run_one(struct hc_gquery *query, enum hc_err none);
HC_CHECK enum hc_err hc_gquery_end(struct hc_gquery *query);

/* Columns. A value outside of what the caller can hold is HC_ERR_CORRUPT. NULL reads as 0 with _id, as "" with _text. */
int64_t hc_gquery_int64(struct hc_gquery *query);
int64_t hc_gquery_range(struct hc_gquery *query, int64_t min, int64_t max);
int64_t hc_gquery_id(struct hc_gquery *query);
void hc_gquery_text(struct hc_gquery *query, char *out, size_t cap);
size_t hc_gquery_blob(struct hc_gquery *query, void *out, size_t cap);
void hc_gquery_hash(struct hc_gquery *query, uint8_t out[32]);
/* hc_gquery_contradiction: the column read last holds what our own statements cannot have written. */
void hc_gquery_contradiction(struct hc_gquery *query);

/* hc_gdb_error: maps and logs a result of SQLite; remembers it for the open member. errno was set to 0 before. */
HC_CHECK enum hc_err hc_gdb_error(struct hc_gstore_view *view, int rc, const char *doing);

/* ---- rows that several modules read ---- */
struct hc_grant;
void hc_gquery_grant(struct hc_gquery *query, struct hc_grant *out);

/* ---- migrations ---- */
#define HC_GSCHEMA_LATEST 1

/* hc_gmigrate: brings the schema to version `to` (the tests build older ones), one transaction a step. */
HC_CHECK enum hc_err hc_gmigrate(struct hc_gstore_tx *tx, int to);

#endif
