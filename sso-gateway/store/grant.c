/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants: the one row that what was issued hangs on. No state. To end a grant is to change this row and
 * nothing else: every statement that uses or reads a code or a token looks at it.
 */
#include "grant.h"

#include <string.h>

#include "db.h"

void hc_query_grant(struct hc_query *query, struct hc_grant *out)
{
	memset(out, 0, sizeof(*out));
	out->id = hc_query_range(query, 1, INT64_MAX);
	out->client = hc_query_range(query, 1, INT64_MAX);
	out->session_id = hc_query_id(query);
	out->person_id = hc_query_id(query);
	hc_query_text(query, out->sub, sizeof(out->sub));
	hc_query_text(query, out->scope.text, sizeof(out->scope.text));
	out->created_ms = hc_query_int64(query);
	out->expires_ms = hc_query_int64(query);
}

enum hc_err hc_grant_add(struct hc_gstore_tx *tx, const struct hc_grant *grant)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_GRANT_ADD);

	hc_query_bind_int64(&query, grant->id);
	hc_query_bind_int64(&query, grant->client);
	hc_query_bind_int64(&query, grant->session_id);
	hc_query_bind_int64(&query, grant->person_id);
	hc_query_bind_text(&query, grant->sub);
	hc_query_bind_text(&query, grant->scope.text);
	hc_query_bind_int64(&query, grant->created_ms);
	hc_query_bind_int64(&query, grant->expires_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_grant_find(struct hc_gstore_view *view, int64_t id, int64_t now_ms, struct hc_grant *ret_grant)
{
	struct hc_grant grant;

	HC_QUERY(query, &view->db, HC_GSQL_GRANT_FIND);
	hc_query_bind_int64(&query, id);
	hc_query_bind_int64(&query, now_ms);
	const bool found = hc_query_row(&query);
	if (found)
		hc_query_grant(&query, &grant);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK && found)
		*ret_grant = grant;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_grant_end(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_GRANT_END);

	hc_query_bind_int64(&query, id);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

enum hc_err hc_grant_reused(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms, enum hc_redeem *ret_outcome,
			    struct hc_grant *ret_grant)
{
	enum hc_err err = hc_grant_find(&tx->view, id, now_ms, ret_grant);

	if (err == HC_OK)
		err = hc_grant_end(tx, id, now_ms);
	*ret_outcome = err == HC_OK ? HC_REDEEM_REUSED : HC_REDEEM_REFUSED;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}
