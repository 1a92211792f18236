/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SQLITE_CONNECTION_H
#define HC_SQLITE_CONNECTION_H

#include <sqlite3.h>

#include "hospiconnect/sqlite.h"

/* Private to libhcsqlite/. */

/*
 * hc_sqlite_error: maps and logs a result of SQLite; remembers it for the open transaction. errno was
 * set to 0 before the call that gave the result.
 */
HC_CHECK enum hc_err hc_sqlite_error(struct hc_sqlite *db, int rc, const char *doing);
/* hc_sqlite_fail: remembers a failure for the open transaction. */
void hc_sqlite_fail(struct hc_sqlite *db, enum hc_err err);
/* hc_sqlite_run: a statement without parameters and rows. */
HC_CHECK enum hc_err hc_sqlite_run(struct hc_sqlite *db, unsigned which);
/* hc_sqlite_prepare: into the cache; HC_OK if it is there. */
HC_CHECK enum hc_err hc_sqlite_prepare(struct hc_sqlite *db, unsigned which);
/* hc_sqlite_execute: a text of ours that is not kept. */
HC_CHECK enum hc_err hc_sqlite_execute(struct hc_sqlite *db, const char *sql, const char *doing);
/* hc_sqlite_settle: a transaction that is over for us but was not rolled back is rolled back now; HC_OK: none is left. */
enum hc_err hc_sqlite_settle(struct hc_sqlite *db);

/* hc_sqlite_file: opens a file of ours, made if it is missing, and looks at what is there. The caller closes it. */
HC_CHECK enum hc_err hc_sqlite_file(const char *path, const char *program, int *ret_fd);
/* hc_sqlite_owned: says that another process owns the file; HC_ERR_STATE. */
enum hc_err hc_sqlite_owned(const char *path, const char *program);

#endif
