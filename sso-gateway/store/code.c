/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorization codes. No state. The UPDATE that uses a code up decides; what is read afterwards only
 * tells a stranger's try from a second use by its own client, which ends the grant.
 */
#include "code.h"

#include <string.h>

#include "db.h"

enum hc_err hc_code_add(struct hc_gstore_tx *tx, const struct hc_code *code)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_CODE_ADD);

	hc_query_bind_ref(&query, &code->ref);
	hc_query_bind_int64(&query, code->grant_id);
	hc_query_bind_int64(&query, code->client);
	hc_query_bind_text(&query, code->redirect_uri);
	hc_query_bind_blob(&query, code->challenge, sizeof(code->challenge));
	hc_query_bind_text(&query, code->nonce);
	hc_query_bind_int64(&query, code->issued_ms);
	hc_query_bind_int64(&query, code->expires_ms);
	hc_query_bind_int64(&query, code->keep_until_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_code_grant(struct hc_gstore_view *view, const struct hc_ticket_ref *ref, int64_t client,
			  int64_t *ret_grant_id)
{
	HC_QUERY(query, &view->db, HC_GSQL_CODE_GRANT);

	hc_query_bind_ref(&query, ref);
	hc_query_bind_int64(&query, client);
	return hc_query_number(&query, 1, INT64_MAX, ret_grant_id);
}

/* ret_grant_id 0: not used up by this call. */
static enum hc_err use_up(struct hc_gstore_tx *tx, const struct hc_code_try *code_try, int64_t now_ms,
			  int64_t *ret_grant_id, char nonce[HC_NONCE_MAX + 1])
{
	int64_t grant_id = 0;

	HC_QUERY(query, &tx->view.db, HC_GSQL_CODE_REDEEM);
	hc_query_bind_ref(&query, &code_try->ref);
	hc_query_bind_int64(&query, code_try->client);
	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_blob(&query, code_try->challenge, sizeof(code_try->challenge));
	hc_query_bind_text(&query, code_try->redirect_uri);
	if (hc_query_row(&query)) {
		grant_id = hc_query_range(&query, 1, INT64_MAX);
		hc_query_text(&query, nonce, HC_NONCE_MAX + 1);
		(void)hc_query_row(&query); /* to the end of the statement; a failure shows below */
	}
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_grant_id = grant_id;
	return err;
}

static enum hc_err find_spent(struct hc_gstore_tx *tx, const struct hc_code_try *code_try,
			      int64_t *ret_grant_id)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_CODE_SPENT);

	hc_query_bind_ref(&query, &code_try->ref);
	hc_query_bind_int64(&query, code_try->client);
	if (hc_query_row(&query))
		*ret_grant_id = hc_query_range(&query, 1, INT64_MAX);
	return hc_query_end(&query);
}

static enum hc_err refuse(struct hc_gstore_tx *tx, const struct hc_code_try *code_try, int64_t now_ms,
			  enum hc_redeem *ret_outcome, struct hc_grant *ret_grant)
{
	int64_t grant_id = 0;
	const enum hc_err err = find_spent(tx, code_try, &grant_id);

	if (err == HC_OK && grant_id != 0)
		return hc_grant_reused(tx, grant_id, now_ms, ret_outcome, ret_grant);
	*ret_outcome = HC_REDEEM_REFUSED;
	return err;
}

enum hc_err hc_code_redeem(struct hc_gstore_tx *tx, const struct hc_code_try *code_try, int64_t now_ms,
			   enum hc_redeem *ret_outcome, struct hc_grant *ret_grant,
			   char ret_nonce[HC_NONCE_MAX + 1])
{
	char nonce[HC_NONCE_MAX + 1] = "";
	int64_t grant_id = 0;
	enum hc_err err = use_up(tx, code_try, now_ms, &grant_id, nonce);

	if (err != HC_OK)
		return err;
	if (grant_id == 0)
		return refuse(tx, code_try, now_ms, ret_outcome, ret_grant);
	err = hc_grant_find(&tx->view, grant_id, now_ms, ret_grant);
	if (err == HC_OK)
		memcpy(ret_nonce, nonce, sizeof(nonce));
	if (err == HC_OK)
		*ret_outcome = HC_REDEEM_OK;
	else if (err == HC_ERR_NOTFOUND) /* the client was removed */
		*ret_outcome = HC_REDEEM_REFUSED;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}
