/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens. No state. The look-up that an application's every request costs is one statement over
 * three keys: token, grant, client.
 */
#include "token.h"

#include <string.h>

#include "db.h"

enum hc_err hc_access_add(struct hc_gstore_tx *tx, const struct hc_access *access)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_ACCESS_ADD);

	hc_query_bind_ref(&query, &access->ref);
	hc_query_bind_int64(&query, access->grant_id);
	hc_query_bind_int64(&query, access->client);
	hc_query_bind_text(&query, access->scope.text);
	hc_query_bind_int64(&query, access->issued_ms);
	hc_query_bind_int64(&query, access->expires_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

static void read_info(struct hc_query *query, struct hc_access_info *info)
{
	memset(info, 0, sizeof(*info));
	info->grant_id = hc_query_range(query, 1, INT64_MAX);
	info->client = hc_query_range(query, 1, INT64_MAX);
	info->session_id = hc_query_id(query);
	info->person_id = hc_query_id(query);
	hc_query_text(query, info->client_id, sizeof(info->client_id));
	hc_query_text(query, info->sub, sizeof(info->sub));
	hc_query_text(query, info->scope.text, sizeof(info->scope.text));
	info->issued_ms = hc_query_int64(query);
	info->expires_ms = hc_query_int64(query);
	info->profile = (enum hc_client_profile)hc_query_range(query, HC_CLIENT_OIDC, HC_CLIENT_PSC);
}

enum hc_err hc_access_find(struct hc_gstore_view *view, const struct hc_ticket_ref *ref, int64_t now_ms,
			   struct hc_access_info *ret_info)
{
	struct hc_access_info info;

	HC_QUERY(query, &view->db, HC_GSQL_ACCESS_FIND);
	hc_query_bind_ref(&query, ref);
	hc_query_bind_int64(&query, now_ms);
	const bool found = hc_query_row(&query);
	if (found)
		read_info(&query, &info);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK && found)
		*ret_info = info;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_access_revoke(struct hc_gstore_tx *tx, const struct hc_ticket_ref *ref, int64_t client)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_ACCESS_REVOKE);

	hc_query_bind_ref(&query, ref);
	hc_query_bind_int64(&query, client);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

enum hc_err hc_jti_revoke(struct hc_gstore_tx *tx, const uint8_t hash[32], int64_t expires_ms)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_JTI_REVOKE);

	hc_query_bind_blob(&query, hash, 32);
	hc_query_bind_int64(&query, expires_ms);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_jti_is_revoked(struct hc_gstore_view *view, const uint8_t hash[32], bool *ret_revoked)
{
	HC_QUERY(query, &view->db, HC_GSQL_JTI_FIND);

	hc_query_bind_blob(&query, hash, 32);
	const bool found = hc_query_row(&query);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_revoked = found;
	return err;
}
