/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a file of one owner: a second broker is shut out for as long as we live. One transaction
 * is one decision. State: struct hc_store.
 */
#include "db.h"

#include <stdlib.h>

/*
 * After this many pages of log its content is copied to the file by whichever commit comes next.
 * Small, so that no sign-in pays a long copy (bench/bench_store: a 99th percentile below 1 ms), and so
 * that the log is written over instead of prolonged, which makes every sync cheaper.
 */
#define CHECKPOINT_PAGES "128"

const struct hc_sqlite_options hc_store_options = {
	.program = "hospiconnect-authd",
	.settings = "PRAGMA foreign_keys = ON;"
		    "PRAGMA secure_delete = ON;"
		    "PRAGMA cache_size = -512;" /* KiB */
		    "PRAGMA journal_size_limit = 1048576;"
		    "PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES,
	.exclusive = true,
	.taken = HC_ERR_INVALID,
	.statements = hc_store_sql,
	.count = HC_SQL_COUNT_,
	.prepared = HC_SQL_OWN,
	.steps = hc_schema_steps,
	.latest = HC_SCHEMA_LATEST,
	.application_id = 0x48434131, /* "HCA1" */
};

enum hc_err hc_store_open(const char *path, struct hc_store **ret_store)
{
	HC_AUTO(store) store = calloc(1, sizeof(*store));

	if (store == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err = hc_sqlite_open(&store->db, path, &hc_store_options);
	if (err == HC_OK)
		err = hc_sqlite_migrate(&store->db, HC_SCHEMA_LATEST);
	if (err == HC_OK)
		*ret_store = hc_steal_ptr(&store);
	return err;
}

void hc_store_free(struct hc_store **store)
{
	if (store == NULL || *store == NULL)
		return;
	hc_sqlite_close(&(*store)->db);
	free(*store);
	*store = NULL;
}

int hc_store_schema_version(const struct hc_store *store)
{
	return store->db.schema_version;
}

enum hc_err hc_store_begin(struct hc_store *store)
{
	return hc_sqlite_begin(&store->db);
}

enum hc_err hc_store_commit(struct hc_store *store)
{
	return hc_sqlite_commit(&store->db);
}

void hc_store_rollback(struct hc_store *store)
{
	hc_sqlite_rollback(&store->db);
}
