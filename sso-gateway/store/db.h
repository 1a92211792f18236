/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GDB_H
#define HC_GDB_H

#include "gstore.h"
#include "hospiconnect/sqlite.h"
#include "sql.h"
#include "ticket.h"

/* Private to sso-gateway/store/ and its tests. */
struct hc_gstore_view {
	struct hc_sqlite db;
};

/* The writing connection. The members of a group run between begin and commit. */
struct hc_gstore_tx {
	struct hc_gstore_view view;
};

/* hc_gtx_open: the writing connection, migrated. hc_gview_open: a reading one to a file that the writer has open. */
HC_CHECK enum hc_err hc_gtx_open(const char *path, struct hc_gstore_tx *tx);
HC_CHECK enum hc_err hc_gview_open(const char *path, struct hc_gstore_view *view);

/* A group: hc_sqlite_begin and hc_sqlite_commit, whose failures are HC_ERR_FULL, HC_ERR_NOMEM or HC_ERR_IO here. */
HC_CHECK enum hc_err hc_gtx_begin(struct hc_gstore_tx *tx);
HC_CHECK enum hc_err hc_gtx_commit(struct hc_gstore_tx *tx);
/*
 * hc_gtx_member: runs work in a savepoint; ret_result is the member's. Not HC_OK: the whole transaction is lost.
 */
HC_CHECK enum hc_err hc_gtx_member(struct hc_gstore_tx *tx, hc_gstore_work_fn work, void *ctx,
				   enum hc_err *ret_result);

/* hc_query_bind_ref: two parameters, id and hash. */
void hc_query_bind_ref(struct hc_query *query, const struct hc_ticket_ref *ref);

/* ---- rows that several modules read ---- */
struct hc_grant;
void hc_query_grant(struct hc_query *query, struct hc_grant *out);

#define HC_GSCHEMA_LATEST 2

/* hc_gschema_steps: of the schema, oldest first. */
extern const char *const hc_gschema_steps[HC_GSCHEMA_LATEST];
/* hc_gstore_writer_options: of the writing connection. */
extern const struct hc_sqlite_options hc_gstore_writer_options;

#endif
