/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Browser sessions. No state. A session that is ended takes its grants with it in the same member, so
 * that no token outlives a log-out by a moment.
 */
#include "session.h"

#include <string.h>

#include "db.h"

enum hc_err hc_session_add(struct hc_gstore_tx *tx, const struct hc_browser_session *session)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_SESSION_ADD);

	hc_query_bind_ref(&query, &session->cookie);
	hc_query_bind_int64(&query, session->person_id);
	hc_query_bind_text(&query, session->login);
	hc_query_bind_text(&query, session->sid);
	hc_query_bind_text(&query, session->acr);
	hc_query_bind_text(&query, session->amr);
	hc_query_bind_int64(&query, session->auth_ms);
	hc_query_bind_int64(&query, session->created_ms);
	hc_query_bind_int64(&query, session->last_seen_ms);
	hc_query_bind_int64(&query, session->expires_ms);
	hc_query_bind_int64(&query, session->keep_until_ms);
	return hc_query_run(&query, NULL);
}

static void read_session(struct hc_query *query, struct hc_browser_session *session)
{
	memset(session, 0, sizeof(*session));
	session->cookie.id = hc_query_id(query);
	hc_query_hash(query, session->cookie.hash);
	session->person_id = hc_query_range(query, 1, INT64_MAX);
	hc_query_text(query, session->login, sizeof(session->login));
	hc_query_text(query, session->sid, sizeof(session->sid));
	hc_query_text(query, session->acr, sizeof(session->acr));
	hc_query_text(query, session->amr, sizeof(session->amr));
	session->auth_ms = hc_query_int64(query);
	session->created_ms = hc_query_int64(query);
	session->last_seen_ms = hc_query_int64(query);
	session->expires_ms = hc_query_int64(query);
	session->keep_until_ms = hc_query_int64(query);
}

static enum hc_err read_one(struct hc_query *query, struct hc_browser_session *ret_session)
{
	struct hc_browser_session session;
	const bool found = hc_query_row(query);

	if (found)
		read_session(query, &session);
	const enum hc_err err = hc_query_end(query);
	if (err == HC_OK && found)
		*ret_session = session;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_session_find(struct hc_gstore_view *view, const struct hc_ticket_ref *cookie, int64_t now_ms,
			    int64_t idle_ms, struct hc_browser_session *ret_session)
{
	HC_QUERY(query, &view->db, HC_GSQL_SESSION_FIND);

	hc_query_bind_ref(&query, cookie);
	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_int64(&query, idle_ms);
	return read_one(&query, ret_session);
}

enum hc_err hc_session_by_id(struct hc_gstore_view *view, int64_t id, struct hc_browser_session *ret_session)
{
	HC_QUERY(query, &view->db, HC_GSQL_SESSION_BY_ID);

	hc_query_bind_int64(&query, id);
	return read_one(&query, ret_session);
}

enum hc_err hc_session_by_sid(struct hc_gstore_view *view, const char *sid,
			      struct hc_browser_session *ret_session)
{
	HC_QUERY(query, &view->db, HC_GSQL_SESSION_BY_SID);

	hc_query_bind_text(&query, sid);
	return read_one(&query, ret_session);
}

/* For the statements that take whose it is and when. */
static enum hc_err change(struct hc_gstore_tx *tx, enum hc_gsql which, int64_t whose, int64_t now_ms,
			  size_t *ret_changes)
{
	HC_QUERY(query, &tx->view.db, which);

	hc_query_bind_int64(&query, whose);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run(&query, ret_changes);
}

enum hc_err hc_session_touch(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms)
{
	size_t changes = 0;
	const enum hc_err err = change(tx, HC_GSQL_SESSION_TOUCH, id, now_ms, &changes);

	return err == HC_OK && changes == 0 ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_session_renew(struct hc_gstore_tx *tx, const struct hc_ticket_ref *cookie,
			     const struct hc_browser_session *session)
{
	if (session->cookie.id != cookie->id)
		return HC_ERR_INVALID;
	HC_QUERY(query, &tx->view.db, HC_GSQL_SESSION_RENEW);
	hc_query_bind_ref(&query, cookie);
	hc_query_bind_int64(&query, session->auth_ms);
	hc_query_bind_blob(&query, session->cookie.hash, sizeof(session->cookie.hash));
	hc_query_bind_int64(&query, session->person_id);
	hc_query_bind_text(&query, session->acr);
	hc_query_bind_text(&query, session->amr);
	hc_query_bind_int64(&query, session->auth_ms);
	hc_query_bind_int64(&query, session->last_seen_ms);
	hc_query_bind_int64(&query, session->expires_ms);
	hc_query_bind_int64(&query, session->keep_until_ms);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

enum hc_err hc_session_end(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms)
{
	size_t changes = 0;
	enum hc_err err = change(tx, HC_GSQL_SESSION_END, id, now_ms, &changes);

	if (err == HC_OK && changes == 0)
		return HC_ERR_NOTFOUND;
	return err == HC_OK ? change(tx, HC_GSQL_SESSION_END_GRANTS, id, now_ms, NULL) : err;
}

enum hc_err hc_session_end_person(struct hc_gstore_tx *tx, int64_t person_id, int64_t now_ms,
				  size_t *ret_ended)
{
	size_t ended = 0;
	enum hc_err err = change(tx, HC_GSQL_SESSION_END_PERSON, person_id, now_ms, &ended);

	if (err == HC_OK)
		err = change(tx, HC_GSQL_SESSION_END_PERSON_GRANTS, person_id, now_ms, NULL);
	if (err == HC_OK && ret_ended != NULL)
		*ret_ended = ended;
	return err;
}

enum hc_err hc_session_list(struct hc_gstore_view *view, int64_t person_id, int64_t now_ms, int64_t *cursor,
			    size_t max, struct hc_browser_session *out, size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &view->db, person_id == 0 ? HC_GSQL_SESSION_LIST : HC_GSQL_SESSION_LIST_PERSON);
	hc_query_bind_int64(&query, *cursor);
	hc_query_bind_int64(&query, now_ms);
	hc_query_bind_int64(&query, (int64_t)max);
	if (person_id != 0)
		hc_query_bind_int64(&query, person_id);
	while (count < max && hc_query_row(&query))
		read_session(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err != HC_OK)
		return err;
	if (count > 0)
		*cursor = out[count - 1].cookie.id;
	*ret_count = count;
	return HC_OK;
}
