/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections: one that writes, and one that reads for each loop. State: none of its own. Readers need
 * the log's shared index, so SQLite's own exclusive mode is not for us: a lock file says who owns the
 * store.
 */
#include "db.h"

/*
 * After this many pages of log its content is copied to the file, between two groups and after the
 * answers of the last one were handed over. Long enough that pages which are written again and again are
 * copied once.
 */
#define CHECKPOINT_PAGES 2000

#define PROGRAM	       "hospiconnect-gateway"
#define APPLICATION_ID 0x48434731 /* "HCG1" */

const struct hc_sqlite_options hc_gstore_writer_options = {
	.program = PROGRAM,
	.settings =
		"PRAGMA secure_delete = FAST;" /* a private key that is erased, where it costs nothing more */
		"PRAGMA cache_size = -4096;"   /* KiB */
		"PRAGMA journal_size_limit = 16777216;"
		"PRAGMA wal_autocheckpoint = 0",
	.taken = HC_ERR_EXISTS,
	.checkpoint_pages = CHECKPOINT_PAGES,
	.statements = hc_gstore_sql,
	.count = HC_GSQL_COUNT_,
	.prepared = HC_GSQL_MEMBER_UNDO + 1,
	.steps = hc_gschema_steps,
	.latest = HC_GSCHEMA_LATEST,
	.application_id = APPLICATION_ID,
};

static const struct hc_sqlite_options reader_options = {
	.program = PROGRAM,
	.settings = "PRAGMA cache_size = -2048", /* KiB */
	.read_only = true,
	.statements = hc_gstore_sql,
	.count = HC_GSQL_COUNT_,
	.application_id = APPLICATION_ID,
};

enum hc_err hc_gtx_open(const char *path, struct hc_gstore_tx *tx)
{
	const enum hc_err err = hc_sqlite_open(&tx->view.db, path, &hc_gstore_writer_options);

	return err == HC_OK ? hc_sqlite_migrate(&tx->view.db, HC_GSCHEMA_LATEST) : err;
}

enum hc_err hc_gview_open(const char *path, struct hc_gstore_view *view)
{
	return hc_sqlite_open(&view->db, path, &reader_options);
}

void hc_query_bind_ref(struct hc_query *query, const struct hc_ticket_ref *ref)
{
	hc_query_bind_int64(query, ref->id);
	hc_query_bind_blob(query, ref->hash, sizeof(ref->hash));
}
