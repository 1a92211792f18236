/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of the writer: a group is one transaction with one sync, a member of it is a savepoint.
 * State: struct hc_gstore_tx, touched by the writer's thread alone once the store is open.
 *
 * Threats: one member that fails and takes others with it, or leaves half of its work to them. It must
 * never report a commit that is not on disk.
 */
#include "db.h"

static enum hc_err run(struct hc_gstore_tx *tx, enum hc_gsql which)
{
	HC_QUERY(query, &tx->view.db, which);

	return hc_query_run(&query, NULL);
}

/* What a caller has to tell apart: no room, no memory, anything else. */
static enum hc_err as_refusal(enum hc_err err)
{
	return err == HC_ERR_FULL || err == HC_ERR_NOMEM || err == HC_OK ? err : HC_ERR_IO;
}

enum hc_err hc_gtx_begin(struct hc_gstore_tx *tx)
{
	return as_refusal(hc_sqlite_begin(&tx->view.db));
}

enum hc_err hc_gtx_commit(struct hc_gstore_tx *tx)
{
	return as_refusal(hc_sqlite_commit(&tx->view.db));
}

/* The member's own failure undoes the member; that it cannot be undone loses the group. */
static enum hc_err end_member(struct hc_gstore_tx *tx, enum hc_err result)
{
	if (!hc_sqlite_is_open(&tx->view.db))
		return as_refusal(result == HC_OK ? HC_ERR_IO : result);
	enum hc_err err = result == HC_OK ? HC_OK : run(tx, HC_GSQL_MEMBER_UNDO);
	if (err == HC_OK)
		err = run(tx, HC_GSQL_MEMBER_KEEP);
	return as_refusal(err);
}

enum hc_err hc_gtx_member(struct hc_gstore_tx *tx, hc_gstore_work_fn work, void *ctx, enum hc_err *ret_result)
{
	const enum hc_err err = run(tx, HC_GSQL_MEMBER_BEGIN);

	if (err != HC_OK)
		return as_refusal(err);
	enum hc_err result = work(tx, ctx);
	/* A failure that work forgot to pass on is not forgotten here. */
	if (tx->view.db.failure != HC_OK)
		result = tx->view.db.failure;
	const enum hc_err ended = end_member(tx, result);
	if (ended != HC_OK)
		return ended;
	tx->view.db.failure = HC_OK; /* went with the savepoint */
	*ret_result = result;
	return HC_OK;
}

struct hc_gstore_view *hc_gstore_tx_view(struct hc_gstore_tx *tx)
{
	return &tx->view;
}
