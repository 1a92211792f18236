/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SQLITE_FILE_H
#define HC_SQLITE_FILE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

/* A store's file seen from outside, while nobody has it open; and how SQLite runs a statement. For CMocka. */

static inline void file_execute(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(chmod(path, 0600), 0);
}

static inline int64_t file_number(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	const int64_t value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

/* Whether a line of EXPLAIN QUERY PLAN reads a table from end to end. */
static inline bool plan_is_scan(const char *line)
{
	return strncmp(line, "SCAN", 4) == 0 && strstr(line, "CONSTANT ROW") == NULL;
}

/* Collects the plan of a statement; true if some line of it is a scan or a sort. */
static inline bool plan_grows(sqlite3 *db, const char *sql, char *plan, size_t cap)
{
	char text[2048];
	sqlite3_stmt *stmt = NULL;
	bool bad = false;

	plan[0] = '\0';
	(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(stmt, 3);
		const size_t len = strlen(plan);

		(void)snprintf(plan + len, cap - len, "%s; ", line);
		bad = bad || plan_is_scan(line) || strstr(line, "TEMP B-TREE") != NULL;
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return bad;
}

#endif
