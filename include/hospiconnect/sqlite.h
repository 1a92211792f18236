/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SQLITE_H
#define HC_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct sqlite3;
struct sqlite3_stmt;

/*
 * SQLite for the programs that keep something: one file, opened by one owner, a closed list of statements, a
 * numbered schema, transactions that are on disk when they say so. What the rows mean is the stores'
 * own; nobody else includes sqlite3.h.
 *
 * A connection belongs to one thread at a time. Errors, logged once, here:
 *   HC_ERR_FULL     no space, or a read-only file system
 *   HC_ERR_CORRUPT  the file or a row contradicts itself, or is not ours, or is of a newer version
 *   HC_ERR_INVALID  a value that the schema refuses
 *   HC_ERR_EXISTS   a key that is taken, where the options say so (not logged: an answer, not a failure)
 *   HC_ERR_STATE    a write outside of a transaction; another process has an exclusive file
 *   HC_ERR_IO       any other failure of SQLite
 *   HC_ERR_NOMEM
 */

/* ---- statements ---- */

/*
 * Every statement of a store, in one closed list: none is ever put together from data.
 *
 *   WRITES  runs only inside an open transaction in which nothing failed
 *   HOT     must find its rows by an index, however many there are: the stores' tests look at its plan
 */
#define HC_SQL_WRITES 0x1u
#define HC_SQL_HOT    0x2u

struct hc_sql_statement {
	const char *text;
	unsigned flags;
};

/* A list begins with these three. */
enum hc_sql_transaction { HC_SQL_BEGIN, HC_SQL_COMMIT, HC_SQL_ROLLBACK, HC_SQL_OWN };

#define HC_SQL_TRANSACTION                                                        \
	[HC_SQL_BEGIN] = {"BEGIN IMMEDIATE", 0}, [HC_SQL_COMMIT] = {"COMMIT", 0}, \
	[HC_SQL_ROLLBACK] = {"ROLLBACK", 0}

/* ---- connections ---- */

/* What a store is. Constant, and lives as long as its connections. */
struct hc_sqlite_options {
	const char *program;  /* whose it is, for the log */
	const char *settings; /* PRAGMAs beside those that all have */
	bool exclusive;	      /* nobody else may have the file open; not with read_only */
	bool read_only; /* of a file that a writing connection of ours has open: it is not looked at again */
	enum hc_err
		taken; /* what a taken key is: HC_ERR_EXISTS, or HC_ERR_INVALID where it was looked for before */
	int checkpoint_pages; /* the log is copied by hc_sqlite_checkpoint from here on; 0: by SQLite */
	const struct hc_sql_statement *statements;
	unsigned count;	   /* of statements */
	unsigned prepared; /* so many are prepared when opening: to end a transaction must not need memory */
	const char *const *steps; /* of the schema; steps[n] makes version n + 1 */
	int latest;		  /* how many steps */
	int application_id;	  /* what file(1) and sqlite3 show of a store of ours */
};

/* The fields are this library's, but for `erased` and the reading of `schema_version`. */
struct hc_sqlite {
	struct sqlite3 *handle;
	struct sqlite3_stmt **stmts;
	const struct hc_sqlite_options *options;
	enum hc_err failure; /* the first in the open transaction: it cannot be committed */
	bool in_transaction;
	bool erased;	/* in this transaction something secret was erased: the log is emptied with it */
	bool empty_log; /* the log holds what must not be found again */
	int log_pages;	/* in the log, after the last commit; where checkpoint_pages is not 0 */
	int schema_version;
	bool restored; /* it is a copy that was put in place: hc_sqlite_settled is due, before anything else */
};

/*
 * hc_sqlite_open: makes the file if it is missing (mode 0600). HC_ERR_PERM where it is no regular file, belongs to
 * another user or others may read or write it; HC_ERR_STATE where another process has it exclusively. On
 * failure hc_sqlite_close is still due. The schema is not looked at.
 */
HC_CHECK enum hc_err hc_sqlite_open(struct hc_sqlite *db, const char *path,
				    const struct hc_sqlite_options *options);
/* hc_sqlite_close: rolls back what is open. Accepts a connection of zeroes. */
void hc_sqlite_close(struct hc_sqlite *db);
/*
 * hc_sqlite_lock: for a file that several connections of one process share: takes "path.lock", waiting for
 * nobody. The caller closes the descriptor after the connections. HC_ERR_STATE where somebody has it.
 */
HC_CHECK enum hc_err hc_sqlite_lock(const char *path, const char *program, int *ret_fd);
/*
 * hc_sqlite_migrate: brings the schema to version `to`, one transaction a step (options->latest; tests build
 * older ones). HC_ERR_CORRUPT, with nothing touched, for another program's database or a newer one.
 */
HC_CHECK enum hc_err hc_sqlite_migrate(struct hc_sqlite *db, int to);

/* ---- copies ---- */

/*
 * A copy of a store that is in use. It is the same database under another application id, so that nothing takes it for
 * the store itself: hc_sqlite_migrate sets `restored` and leaves the mark, until hc_sqlite_settled takes it away in the
 * transaction that makes a live store of it.
 */
#define HC_SQLITE_COPY_MARK 0x53u /* "HCA1" becomes "HCAb" */

struct hc_sqlite_copy;

/*
 * hc_sqlite_copy_new: into a file without a name in that directory. snapshot: others write to the store meanwhile; the
 * connection, which then does nothing else, holds what it sees. Both are borrowed for the life of the copy.
 * HC_ERR_FULL, HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_sqlite_copy_new(struct hc_sqlite *from, const char *directory, bool snapshot,
					struct hc_sqlite_copy **ret_copy);
/* hc_sqlite_copy_step: that many pages more; between transactions. */
HC_CHECK enum hc_err hc_sqlite_copy_step(struct hc_sqlite_copy *copy, int pages, bool *ret_done);
/* hc_sqlite_copy_take: the file (transferred). HC_ERR_STATE before it is done, and the second time; HC_ERR_IO. */
HC_CHECK enum hc_err hc_sqlite_copy_take(struct hc_sqlite_copy *copy, int *ret_fd, uint64_t *ret_len);
void hc_sqlite_copy_free(struct hc_sqlite_copy **copy);

/* hc_sqlite_settled: in the open transaction: the mark goes. */
HC_CHECK enum hc_err hc_sqlite_settled(struct hc_sqlite *db);
/* hc_sqlite_check: reads all of it; HC_ERR_CORRUPT, logged, where SQLite finds it damaged. Takes its time. */
HC_CHECK enum hc_err hc_sqlite_check(struct hc_sqlite *db);

/* ---- transactions ---- */

/* hc_sqlite_begin: HC_ERR_STATE in an open one. */
HC_CHECK enum hc_err hc_sqlite_begin(struct hc_sqlite *db);
/*
 * hc_sqlite_commit: HC_OK: on disk. Otherwise rolled back, and not found again after a kill either: the
 * first failure of a statement in it, or that of the commit; HC_ERR_STATE without a transaction.
 */
HC_CHECK enum hc_err hc_sqlite_commit(struct hc_sqlite *db);
void hc_sqlite_rollback(struct hc_sqlite *db);
/* hc_sqlite_is_open: whether SQLite has a transaction; it ends one by itself after some failures. */
bool hc_sqlite_is_open(const struct hc_sqlite *db);
/* hc_sqlite_checkpoint: copies the log to the file if it became long; between transactions. */
void hc_sqlite_checkpoint(struct hc_sqlite *db);

/* ---- running a statement ---- */

/*
 *   HC_QUERY(q, db, HC_SQL_PERSON_BY_LOGIN);        prepared once, reset at the end of the block
 *   hc_query_bind_text(&q, login->text);            parameters in order, ?1 first
 *   if (hc_query_row(&q))                           true: a row; false: end or error
 *           id = hc_query_int64(&q);                columns in order
 *   return hc_query_end(&q);                        the first failure of all of it
 *
 * A query that failed stays failed: what follows does nothing and returns zero. Bound texts and
 * blobs are borrowed until the end of the block. Outside of a transaction a query is a read transaction
 * of its own: nothing is held when its block ends.
 */
struct hc_query {
	struct hc_sqlite *db;
	struct sqlite3_stmt *stmt;
	enum hc_err err;
	int param, column;
};

struct hc_query hc_query_start(struct hc_sqlite *db, unsigned which);
void hc_query_reset(struct hc_query *query);
#define HC_QUERY(name, db, which) \
	struct hc_query name HC_CLEANUP(hc_query_reset) = hc_query_start((db), (which))

void hc_query_bind_int64(struct hc_query *query, int64_t value);
void hc_query_bind_text(struct hc_query *query, const char *text);
void hc_query_bind_blob(struct hc_query *query, const void *data, size_t len);

bool hc_query_row(struct hc_query *query);
/* hc_query_run: for statements without rows; ret_changes may be NULL. */
HC_CHECK enum hc_err hc_query_run(struct hc_query *query, size_t *ret_changes);
/* hc_query_run_one: `none` if no row was changed. */
HC_CHECK enum hc_err hc_query_run_one(struct hc_query *query, enum hc_err none);
/* hc_query_run_new: for an INSERT; ret_id (may be NULL): the key of the new row. */
HC_CHECK enum hc_err hc_query_run_new(struct hc_query *query, int64_t *ret_id);
/* hc_query_number: the first column of the first row, in min … max. HC_ERR_NOTFOUND without a row. */
HC_CHECK enum hc_err hc_query_number(struct hc_query *query, int64_t min, int64_t max, int64_t *ret_number);
HC_CHECK enum hc_err hc_query_end(struct hc_query *query);

/* Columns. A value outside of what the caller can hold is HC_ERR_CORRUPT. NULL reads as 0 with _id, as "" with _text. */
int64_t hc_query_int64(struct hc_query *query);
int64_t hc_query_range(struct hc_query *query, int64_t min, int64_t max);
int64_t hc_query_id(struct hc_query *query);
void hc_query_text(struct hc_query *query, char *out, size_t cap);
size_t hc_query_blob(struct hc_query *query, void *out, size_t cap);
void hc_query_hash(struct hc_query *query, uint8_t out[32]);
/* hc_query_contradiction: the column read last holds what our own statements cannot have written. */
void hc_query_contradiction(struct hc_query *query);

#endif
