/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SQLITE_SUPPORT_H
#define HC_SQLITE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "hospiconnect/sqlite.h"
#include "tests/support/sqlite_file.h"
#include "tests/support/tempdir.h"

/* A small store, as two owners open it. */

enum sql { SQL_ADD = HC_SQL_OWN, SQL_GET, SQL_ALL, SQL_COUNT, SQL_REMOVE, SQL_BROKEN, SQL_END };

static const struct hc_sql_statement statements[SQL_END] = {
	HC_SQL_TRANSACTION,
	[SQL_ADD] = {"INSERT INTO thing (name, data, number) VALUES (?1, ?2, ?3)", HC_SQL_WRITES},
	[SQL_GET] = {"SELECT id, name, data, number FROM thing WHERE name = ?1", HC_SQL_HOT},
	[SQL_ALL] = {"SELECT name FROM thing ORDER BY id", 0},
	[SQL_COUNT] = {"SELECT count(*) FROM thing WHERE number > ?1 HAVING count(*) > 0", 0},
	[SQL_REMOVE] = {"DELETE FROM thing WHERE name = ?1", HC_SQL_WRITES},
	[SQL_BROKEN] = {"SELECT nothing FROM nowhere", 0},
};

static const char *const steps[] = {
	"CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (name <> ''), data "
	"BLOB) STRICT",
	"ALTER TABLE thing ADD COLUMN number INTEGER",
};

#define OPTIONS                                                                          \
	.program = "tester", .settings = "", .statements = statements, .count = SQL_END, \
	.prepared = HC_SQL_OWN, .steps = steps, .latest = HC_COUNT(steps), .application_id = 0x54455354

static const struct hc_sqlite_options alone = {OPTIONS, .exclusive = true, .taken = HC_ERR_INVALID};
static const struct hc_sqlite_options writer = {OPTIONS, .taken = HC_ERR_EXISTS, .checkpoint_pages = 3};
static const struct hc_sqlite_options reader = {OPTIONS, .read_only = true};

struct bench {
	struct tempdir dir;
	char path[128];
	struct hc_sqlite db;
	char log[16384];
};

static inline void take_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct bench *bench = ctx;
	const size_t len = strlen(bench->log);

	if (level <= HC_LOG_WARNING)
		(void)snprintf(bench->log + len, sizeof(bench->log) - len, "%s\n", line);
}

static inline int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || !tempdir_make(&bench->dir))
		return -1;
	(void)tempdir_file(&bench->dir, "test.db", bench->path, sizeof(bench->path));
	hc_log_capture(take_log, bench);
	*state = bench;
	return 0;
}

static inline void open_as(struct bench *bench, const struct hc_sqlite_options *options)
{
	assert_int_equal(hc_sqlite_open(&bench->db, bench->path, options), HC_OK);
	assert_int_equal(hc_sqlite_migrate(&bench->db, options->latest), HC_OK);
}

static inline int setup_open(void **state)
{
	if (setup(state) != 0)
		return -1;
	open_as(*state, &writer);
	return 0;
}

static inline int teardown(void **state)
{
	struct bench *bench = *state;

	hc_sqlite_close(&bench->db);
	hc_sqlite_close(&bench->db); /* once more does no harm */
	hc_log_capture(NULL, NULL);
	tempdir_remove(&bench->dir);
	free(bench);
	return 0;
}

static inline enum hc_err add(struct hc_sqlite *db, const char *name, int64_t number)
{
	HC_QUERY(query, db, SQL_ADD);

	hc_query_bind_text(&query, name);
	hc_query_bind_blob(&query, "\x01\x00\x02", 3);
	hc_query_bind_int64(&query, number);
	return hc_query_run(&query, NULL);
}

static inline void put(struct bench *bench, const char *name, int64_t number)
{
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, name, number), HC_OK);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);
}

static inline int count(struct hc_sqlite *db)
{
	int number = 0;

	HC_QUERY(query, db, SQL_ALL);
	while (hc_query_row(&query))
		number++;
	assert_int_equal(hc_query_end(&query), HC_OK);
	return number;
}

#endif
