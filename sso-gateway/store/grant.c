/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants: the one row that what was issued hangs on. No state. To end a grant is to change this row and
 * nothing else: every statement that uses or reads a code or a token looks at it.
 */
#include "grant.h"

#include <string.h>

#include "db.h"

void hc_gquery_grant(struct hc_gquery *query, struct hc_grant *out)
{
	memset(out, 0, sizeof(*out));
	out->id = hc_gquery_range(query, 1, INT64_MAX);
	out->client = hc_gquery_range(query, 1, INT64_MAX);
	out->session_id = hc_gquery_id(query);
	out->person_id = hc_gquery_id(query);
	hc_gquery_text(query, out->sub, sizeof(out->sub));
	hc_gquery_text(query, out->scope.text, sizeof(out->scope.text));
	out->created_ms = hc_gquery_int64(query);
	out->expires_ms = hc_gquery_int64(query);
}

enum hc_err hc_grant_add(struct hc_gstore_tx *tx, const struct hc_grant *grant)
{
	HC_GQUERY(query, &tx->view, HC_GSQL_GRANT_ADD);

	hc_gquery_bind_int64(&query, grant->id);
	hc_gquery_bind_int64(&query, grant->client);
	hc_gquery_bind_int64(&query, grant->session_id);
	hc_gquery_bind_int64(&query, grant->person_id);
	hc_gquery_bind_text(&query, grant->sub);
	hc_gquery_bind_text(&query, grant->scope.text);
	hc_gquery_bind_int64(&query, grant->created_ms);
	hc_gquery_bind_int64(&query, grant->expires_ms);
	return hc_gquery_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_grant_find(struct hc_gstore_view *view, int64_t id, int64_t now_ms, struct hc_grant *ret_grant)
{
	struct hc_grant grant;

	HC_GQUERY(query, view, HC_GSQL_GRANT_FIND);
	hc_gquery_bind_int64(&query, id);
	hc_gquery_bind_int64(&query, now_ms);
	const bool found = hc_gquery_row(&query);
	if (found)
		hc_gquery_grant(&query, &grant);
	const enum hc_err err = hc_gquery_end(&query);
	if (err == HC_OK && found)
		*ret_grant = grant;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_grant_end(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms)
{
	HC_GQUERY(query, &tx->view, HC_GSQL_GRANT_END);

	hc_gquery_bind_int64(&query, id);
	hc_gquery_bind_int64(&query, now_ms);
	return hc_gquery_run_one(&query, HC_ERR_NOTFOUND);
}
