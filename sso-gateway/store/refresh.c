/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refresh tokens: families, rotation, reuse. No state beyond the store.
 *
 * The life of a token: fresh → used (it has a successor), or fresh → superseded (its predecessor was
 * repeated within the grace and got another successor). Threats: a stolen token used beside its
 * owner (whoever comes second ends the family), a race of many (one UPDATE decides), a grace that
 * gives a thief a second family (there is one living successor at any time: the one that is replaced
 * must be unused, and dies in the same statement that makes sure of it).
 */
#include "refresh.h"

#include <string.h>

#include "db.h"

static enum hc_err insert(struct hc_gstore_tx *tx, const struct hc_refresh *refresh)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_REFRESH_ADD);

	hc_query_bind_ref(&query, &refresh->ref);
	hc_query_bind_int64(&query, refresh->grant_id);
	hc_query_bind_int64(&query, refresh->client);
	hc_query_bind_int64(&query, refresh->issued_ms);
	hc_query_bind_int64(&query, refresh->expires_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_refresh_add(struct hc_gstore_tx *tx, const struct hc_refresh *refresh)
{
	return insert(tx, refresh);
}

/* What is known of a token that cannot be used (any more). */
struct spent {
	int64_t grant_id; /* 0: no such token of this client */
	bool superseded;
	int64_t used_ms, successor;
};

/* Fresh → used. ret_grant_id 0: it was not fresh, or not this client's, or its time was over. */
static enum hc_err use_up(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try, int64_t now_ms,
			  int64_t *ret_grant_id)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_REFRESH_ROTATE);

	hc_query_bind_ref(&query, &refresh_try->ref);
	hc_query_bind_int64(&query, refresh_try->client);
	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_int64(&query, refresh_try->successor.id);
	if (hc_query_row(&query)) {
		*ret_grant_id = hc_query_range(&query, 1, INT64_MAX);
		(void)hc_query_row(&query); /* to the end of the statement; a failure shows below */
	}
	return hc_query_end(&query);
}

static enum hc_err find_spent(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try,
			      int64_t now_ms, struct spent *ret_spent)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_REFRESH_SPENT);

	hc_query_bind_ref(&query, &refresh_try->ref);
	hc_query_bind_int64(&query, refresh_try->client);
	hc_query_bind_int64(&query, now_ms);
	if (hc_query_row(&query)) {
		ret_spent->grant_id = hc_query_range(&query, 1, INT64_MAX);
		ret_spent->superseded = hc_query_range(&query, 0, 1) == 1;
		ret_spent->used_ms = hc_query_int64(&query);
		ret_spent->successor = hc_query_id(&query);
	}
	return hc_query_end(&query);
}

/* The loops' clocks are read at slightly different moments, so a little before counts as well. */
static bool in_grace(const struct spent *spent, const struct hc_refresh_try *refresh_try, int64_t now_ms)
{
	return !spent->superseded && now_ms < spent->used_ms + refresh_try->grace_ms &&
	       now_ms > spent->used_ms - refresh_try->grace_ms;
}

/* The earlier successor, fresh → superseded. HC_ERR_NOTFOUND: it was used, or the family is over. */
static enum hc_err supersede(struct hc_gstore_tx *tx, int64_t successor, int64_t client, int64_t now_ms)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_REFRESH_VOID);

	hc_query_bind_int64(&query, successor);
	hc_query_bind_int64(&query, client);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

/* The time of the first use stays: repeating does not prolong the grace. */
static enum hc_err replace(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_REFRESH_REPLACE);

	hc_query_bind_int64(&query, refresh_try->ref.id);
	hc_query_bind_int64(&query, refresh_try->successor.id);
	return hc_query_run_one(&query, HC_ERR_CORRUPT);
}

/*
 * A token that comes back. Within the grace, with a successor that nobody used: ret_grant_id, and a new
 * successor may be made. Otherwise two hold it, and the family ends here.
 */
static enum hc_err come_back(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try,
			     int64_t now_ms, enum hc_redeem *ret_outcome, int64_t *ret_grant_id,
			     struct hc_grant *ret_grant)
{
	struct spent spent = {.grant_id = 0};
	enum hc_err err = find_spent(tx, refresh_try, now_ms, &spent);

	if (err != HC_OK)
		return err;
	*ret_outcome = HC_REDEEM_REFUSED;
	if (spent.grant_id == 0)
		return HC_OK;
	err = in_grace(&spent, refresh_try, now_ms)
		      ? supersede(tx, spent.successor, refresh_try->client, now_ms)
		      : HC_ERR_NOTFOUND;
	if (err == HC_OK)
		err = replace(tx, refresh_try);
	if (err == HC_OK)
		*ret_grant_id = spent.grant_id;
	if (err != HC_ERR_NOTFOUND)
		return err;
	return hc_grant_reused(tx, spent.grant_id, now_ms, ret_outcome, ret_grant);
}

static enum hc_err add_successor(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try,
				 int64_t now_ms, const struct hc_grant *grant, int64_t *ret_expires_ms)
{
	const int64_t wanted = refresh_try->successor_expires_ms;
	const struct hc_refresh successor = {.ref = refresh_try->successor,
					     .grant_id = grant->id,
					     .client = refresh_try->client,
					     .issued_ms = now_ms,
					     .expires_ms =
						     wanted < grant->expires_ms ? wanted : grant->expires_ms};
	const enum hc_err err = insert(tx, &successor);

	if (err == HC_OK)
		*ret_expires_ms = successor.expires_ms;
	return err;
}

enum hc_err hc_refresh_rotate(struct hc_gstore_tx *tx, const struct hc_refresh_try *refresh_try,
			      int64_t now_ms, enum hc_redeem *ret_outcome, struct hc_grant *ret_grant,
			      int64_t *ret_expires_ms)
{
	enum hc_redeem outcome = HC_REDEEM_REFUSED;
	struct hc_grant grant;
	int64_t grant_id = 0;

	if (refresh_try->grace_ms < 0 || refresh_try->grace_ms > HC_REFRESH_GRACE_MAX_MS)
		return HC_ERR_INVALID;
	enum hc_err err = use_up(tx, refresh_try, now_ms, &grant_id);
	if (err == HC_OK && grant_id == 0)
		err = come_back(tx, refresh_try, now_ms, &outcome, &grant_id, ret_grant);
	if (err == HC_OK && grant_id != 0) {
		err = hc_grant_find(&tx->view, grant_id, now_ms, &grant);
		/* The client was removed: nothing is worth anything any more. */
		if (err == HC_ERR_NOTFOUND) {
			*ret_outcome = HC_REDEEM_REFUSED;
			return HC_OK;
		}
		if (err == HC_OK)
			err = add_successor(tx, refresh_try, now_ms, &grant, ret_expires_ms);
		if (err == HC_OK)
			*ret_grant = grant;
		outcome = HC_REDEEM_OK;
	}
	if (err == HC_OK)
		*ret_outcome = outcome;
	return err;
}

enum hc_err hc_refresh_find(struct hc_gstore_view *view, const struct hc_ticket_ref *ref, int64_t now_ms,
			    struct hc_refresh_info *ret_info)
{
	struct hc_refresh_info info;

	HC_QUERY(query, &view->db, HC_GSQL_REFRESH_FIND);
	hc_query_bind_ref(&query, ref);
	hc_query_bind_int64(&query, now_ms);
	const bool found = hc_query_row(&query);
	if (found) {
		info.issued_ms = hc_query_int64(&query);
		info.expires_ms = hc_query_int64(&query);
		hc_query_grant(&query, &info.grant);
	}
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK && found)
		*ret_info = info;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_refresh_grant(struct hc_gstore_view *view, const struct hc_ticket_ref *ref, int64_t client,
			     int64_t *ret_grant_id)
{
	HC_QUERY(query, &view->db, HC_GSQL_REFRESH_GRANT);

	hc_query_bind_ref(&query, ref);
	hc_query_bind_int64(&query, client);
	return hc_query_number(&query, 1, INT64_MAX, ret_grant_id);
}

enum hc_err hc_refresh_revoke(struct hc_gstore_tx *tx, const struct hc_ticket_ref *ref, int64_t client,
			      int64_t now_ms)
{
	int64_t grant_id = 0;
	const enum hc_err err = hc_refresh_grant(&tx->view, ref, client, &grant_id);

	return err == HC_OK ? hc_grant_end(tx, grant_id, now_ms) : err;
}
