/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of the gateway's store. No state. Values reach them as bound parameters only; a text
 * here is a constant of the program. A statement that uses something up names its client, its unused
 * state, the time and a living grant in its own WHERE: to look and to use up are one act. A row found
 * by its id counts only if the whole hash is equal.
 *
 * Joins are written CROSS JOIN where the order matters: it is then ours and not the planner's.
 */
#include "sql.h"

#define CLIENT                                                                                          \
	"SELECT number, id, name, profile, auth, secret_hash, grants, scopes, redirect_uris,"           \
	" post_logout_uris, id_token_alg, access_format, may_introspect, created_ms, secret_changed_ms" \
	" FROM client "

#define SESSION                                                                                \
	"SELECT id, hash, person_id, login, sid, acr, amr, auth_ms, created_ms, last_seen_ms," \
	" expires_ms, keep_until_ms FROM session "

#define GRANT_COLUMNS "g.id, g.client, g.session_id, g.person_id, g.sub, g.scope, g.created_ms, g.expires_ms"

/* Whether the grant that the row names is alive at ?N; for the WHERE of what is used up. */
#define GRANT_ALIVE(row, now)                                                                     \
	" AND EXISTS (SELECT 1 FROM grants AS g WHERE g.id = " row ".grant_id AND g.ended_ms = 0" \
	" AND g.expires_ms > " now ")"

/* The rows that a purge takes: the oldest of those whose time is over. */
#define PURGE(table, key, time)                                                                      \
	"DELETE FROM " table " WHERE " key " IN (SELECT " key " FROM " table " WHERE " time " <= ?1" \
	" ORDER BY " time " LIMIT ?2)"

/* Rows of the outbox leave from the front: what is between the first and the last is there. */
#define WAITING "coalesce((SELECT max(seq) FROM outbox) - (SELECT min(seq) FROM outbox) + 1, 0)"

#define W HC_SQL_WRITES
#define H HC_SQL_HOT

const struct hc_sql_statement hc_gstore_sql[HC_GSQL_COUNT_] = {
	HC_SQL_TRANSACTION,
	[HC_GSQL_MEMBER_BEGIN] = {"SAVEPOINT member", 0},
	[HC_GSQL_MEMBER_KEEP] = {"RELEASE member", 0},
	[HC_GSQL_MEMBER_UNDO] = {"ROLLBACK TO member", 0},
	[HC_GSQL_MAX_ID] = {"SELECT max(coalesce((SELECT max(id) FROM session), 0),"
			    " coalesce((SELECT max(id) FROM grants), 0),"
			    " coalesce((SELECT max(id) FROM code), 0),"
			    " coalesce((SELECT max(id) FROM access), 0),"
			    " coalesce((SELECT max(id) FROM refresh), 0))",
			    0},

	[HC_GSQL_CLIENT_ADD] = {"INSERT INTO client (id, name, profile, auth, secret_hash, grants, scopes,"
				" redirect_uris, post_logout_uris, id_token_alg, access_format,"
				" may_introspect, created_ms, secret_changed_ms)"
				" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
				W},
	[HC_GSQL_CLIENT_BY_ID] = {CLIENT "WHERE id = ?1", H},
	[HC_GSQL_CLIENT_BY_NUMBER] = {CLIENT "WHERE number = ?1", H},
	[HC_GSQL_CLIENT_LIST] = {CLIENT "WHERE id > ?1 ORDER BY id LIMIT ?2", 0},
	[HC_GSQL_CLIENT_SET_SECRET] = {"UPDATE client SET secret_hash = ?2, secret_changed_ms = ?3"
				       " WHERE id = ?1 AND auth <> 3",
				       W},
	[HC_GSQL_CLIENT_REMOVE] = {"DELETE FROM client WHERE id = ?1", W},

	[HC_GSQL_KEY_ADD] = {"INSERT INTO signing_key (kid, alg, state, sealed, public_jwk, created_ms,"
			     " activated_ms, retired_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
			     W},
	[HC_GSQL_KEY_COUNT] = {"SELECT count(*) FROM signing_key", 0},
	[HC_GSQL_KEY_RETIRE] =
		{"UPDATE signing_key SET state = 3, retired_ms = ?2, sealed = x''"
		 " WHERE state = 2"
		 " AND alg = (SELECT n.alg FROM signing_key AS n WHERE n.kid = ?1 AND n.state = 1)",
		 W},
	[HC_GSQL_KEY_ACTIVATE] = {"UPDATE signing_key SET state = 2, activated_ms = ?2"
				  " WHERE kid = ?1 AND state = 1",
				  W},
	[HC_GSQL_KEY_REMOVE] = {"DELETE FROM signing_key WHERE kid = ?1 AND state = 3", W},
	[HC_GSQL_KEY_LIST] = {"SELECT kid, alg, state, sealed, public_jwk, created_ms, activated_ms,"
			      " retired_ms FROM signing_key ORDER BY number LIMIT ?1",
			      0},

	[HC_GSQL_SESSION_ADD] = {"INSERT INTO session (id, hash, person_id, login, sid, acr, amr, auth_ms,"
				 " created_ms, last_seen_ms, expires_ms, keep_until_ms, ended_ms)"
				 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0)",
				 W | H},
	[HC_GSQL_SESSION_FIND] = {SESSION "WHERE id = ?1 AND hash = ?2 AND ended_ms = 0 AND expires_ms > ?3"
					  " AND last_seen_ms > ?3 - ?4",
				  H},
	[HC_GSQL_SESSION_BY_ID] = {SESSION "WHERE id = ?1", H},
	[HC_GSQL_SESSION_BY_SID] = {SESSION "WHERE sid = ?1 AND ended_ms = 0", H},
	[HC_GSQL_SESSION_TOUCH] = {"UPDATE session SET last_seen_ms = max(last_seen_ms, ?2)"
				   " WHERE id = ?1 AND ended_ms = 0",
				   W | H},
	[HC_GSQL_SESSION_RENEW] =
		{"UPDATE session SET hash = ?4, acr = ?6, amr = ?7, auth_ms = ?8, last_seen_ms = ?9,"
		 " expires_ms = ?10, keep_until_ms = max(keep_until_ms, ?11)"
		 " WHERE id = ?1 AND hash = ?2 AND ended_ms = 0 AND expires_ms > ?3"
		 " AND person_id = ?5",
		 W | H},
	[HC_GSQL_SESSION_END] = {"UPDATE session SET ended_ms = max(?2, 1) WHERE id = ?1 AND ended_ms = 0",
				 W | H},
	[HC_GSQL_SESSION_END_GRANTS] = {"UPDATE grants SET ended_ms = max(?2, 1)"
					" WHERE session_id = ?1 AND ended_ms = 0",
					W | H},
	[HC_GSQL_SESSION_END_PERSON] = {"UPDATE session SET ended_ms = max(?2, 1)"
					" WHERE person_id = ?1 AND ended_ms = 0",
					W | H},
	[HC_GSQL_SESSION_END_PERSON_GRANTS] =
		{"UPDATE grants SET ended_ms = max(?2, 1) WHERE ended_ms = 0 AND session_id IN"
		 " (SELECT s.id FROM session AS s WHERE s.person_id = ?1)",
		 W | H},
	[HC_GSQL_SESSION_LIST] = {SESSION "WHERE id > ?1 AND ended_ms = 0 AND expires_ms > ?2"
					  " ORDER BY id LIMIT ?3",
				  0},
	[HC_GSQL_SESSION_LIST_PERSON] = {SESSION "WHERE person_id = ?4 AND id > ?1 AND ended_ms = 0"
						 " AND expires_ms > ?2 ORDER BY id LIMIT ?3",
					 0},

	[HC_GSQL_GRANT_ADD] =
		{"INSERT INTO grants (id, client, session_id, person_id, sub, scope, created_ms,"
		 " expires_ms, ended_ms)"
		 " SELECT ?1, ?2, nullif(?3, 0), ?4, ?5, ?6, ?7, ?8, 0"
		 " WHERE EXISTS (SELECT 1 FROM client AS c WHERE c.number = ?2)"
		 " AND (?3 = 0 OR EXISTS"
		 " (SELECT 1 FROM session AS s WHERE s.id = ?3 AND s.ended_ms = 0"
		 " AND s.keep_until_ms >= ?8))",
		 W | H},
	[HC_GSQL_GRANT_FIND] = {"SELECT " GRANT_COLUMNS " FROM grants AS g CROSS JOIN client AS c"
				" ON c.number = g.client"
				" WHERE g.id = ?1 AND g.ended_ms = 0 AND g.expires_ms > ?2",
				H},
	[HC_GSQL_GRANT_END] = {"UPDATE grants SET ended_ms = max(?2, 1) WHERE id = ?1 AND ended_ms = 0",
			       W | H},

	[HC_GSQL_CODE_ADD] = {"INSERT INTO code (id, hash, grant_id, client, redirect_uri, challenge, nonce,"
			      " issued_ms, expires_ms, keep_until_ms, used)"
			      " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0 FROM grants AS g"
			      " WHERE g.id = ?3 AND g.client = ?4 AND g.ended_ms = 0"
			      " AND g.expires_ms >= max(?9, ?10)",
			      W | H},
	[HC_GSQL_CODE_REDEEM] = {"UPDATE code SET used = 1 WHERE id = ?1 AND hash = ?2 AND client = ?3"
				 " AND used = 0 AND expires_ms > ?4 AND challenge = ?5"
				 " AND redirect_uri = ?6" GRANT_ALIVE("code",
								      "?4") " RETURNING grant_id, nonce",
				 W | H},
	[HC_GSQL_CODE_SPENT] = {"SELECT grant_id FROM code"
				" WHERE id = ?1 AND hash = ?2 AND client = ?3 AND used = 1",
				H},
	[HC_GSQL_CODE_GRANT] = {"SELECT grant_id FROM code"
				" WHERE id = ?1 AND hash = ?2 AND client = ?3 AND used = 0",
				H},

	[HC_GSQL_ACCESS_ADD] =
		{"INSERT INTO access (id, hash, grant_id, client, scope, issued_ms, expires_ms)"
		 " SELECT ?1, ?2, ?3, ?4, nullif(?5, ''), ?6, ?7 FROM grants AS g"
		 " WHERE g.id = ?3 AND g.client = ?4 AND g.ended_ms = 0 AND g.expires_ms >= ?7",
		 W | H},
	[HC_GSQL_ACCESS_FIND] = {"SELECT a.grant_id, a.client, g.session_id, g.person_id, c.id, g.sub,"
				 " coalesce(a.scope, g.scope), a.issued_ms, a.expires_ms, c.profile"
				 " FROM access AS a CROSS JOIN grants AS g ON g.id = a.grant_id"
				 " CROSS JOIN client AS c ON c.number = a.client"
				 " WHERE a.id = ?1 AND a.hash = ?2 AND a.expires_ms > ?3 AND g.ended_ms = 0",
				 H},
	[HC_GSQL_ACCESS_REVOKE] = {"DELETE FROM access WHERE id = ?1 AND hash = ?2 AND client = ?3", W | H},

	[HC_GSQL_JTI_REVOKE] = {"INSERT INTO revoked_jti (hash, expires_ms) VALUES (?1, ?2)"
				" ON CONFLICT (hash) DO UPDATE SET"
				" expires_ms = max(expires_ms, excluded.expires_ms)",
				W | H},
	[HC_GSQL_JTI_FIND] = {"SELECT 1 FROM revoked_jti WHERE hash = ?1", H},

	[HC_GSQL_REFRESH_ADD] =
		{"INSERT INTO refresh (id, hash, grant_id, client, issued_ms, expires_ms, used,"
		 " used_ms, successor, superseded)"
		 " SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, 0 FROM grants AS g"
		 " WHERE g.id = ?3 AND g.client = ?4 AND g.ended_ms = 0 AND g.expires_ms >= ?6",
		 W | H},
	[HC_GSQL_REFRESH_ROTATE] = {"UPDATE refresh SET used = 1, used_ms = ?4, successor = ?5"
				    " WHERE id = ?1 AND hash = ?2 AND client = ?3 AND used = 0"
				    " AND superseded = 0 AND expires_ms > ?4" GRANT_ALIVE(
					    "refresh", "?4") " RETURNING grant_id",
				    W | H},
	[HC_GSQL_REFRESH_SPENT] = {"SELECT grant_id, superseded, used_ms, successor FROM refresh"
				   " WHERE id = ?1 AND hash = ?2 AND client = ?3 AND expires_ms > ?4"
				   " AND (used = 1 OR superseded = 1)",
				   H},
	[HC_GSQL_REFRESH_VOID] = {"UPDATE refresh SET superseded = 1 WHERE id = ?1 AND client = ?2"
				  " AND used = 0 AND superseded = 0" GRANT_ALIVE("refresh", "?3"),
				  W | H},
	[HC_GSQL_REFRESH_REPLACE] = {"UPDATE refresh SET successor = ?2 WHERE id = ?1 AND used = 1", W | H},
	[HC_GSQL_REFRESH_FIND] = {"SELECT r.issued_ms, r.expires_ms, " GRANT_COLUMNS
				  " FROM refresh AS r CROSS JOIN grants AS g ON g.id = r.grant_id"
				  " CROSS JOIN client AS c ON c.number = r.client"
				  " WHERE r.id = ?1 AND r.hash = ?2 AND r.used = 0 AND r.superseded = 0"
				  " AND r.expires_ms > ?3 AND g.ended_ms = 0 AND g.expires_ms > ?3",
				  H},
	[HC_GSQL_REFRESH_GRANT] = {"SELECT grant_id FROM refresh WHERE id = ?1 AND hash = ?2 AND client = ?3",
				   H},

	[HC_GSQL_OUTBOX_ADD] = {"INSERT INTO outbox (time_ms, event, success, reason, person_id, login,"
				" client_id, origin, actor, detail)"
				" SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE " WAITING " < ?11",
				W | H},
	[HC_GSQL_OUTBOX_LIST] = {"SELECT seq, time_ms, event, success, reason, person_id, login, client_id,"
				 " origin, actor, detail FROM outbox WHERE seq > 0 ORDER BY seq LIMIT ?1",
				 H},
	[HC_GSQL_OUTBOX_DROP] = {"DELETE FROM outbox WHERE seq <= ?1", W | H},
	[HC_GSQL_OUTBOX_WAITING] = {"SELECT " WAITING, H},

	[HC_GSQL_KEY_RESEAL] = {"UPDATE signing_key SET sealed = ?2 WHERE kid = ?1 AND length(sealed) > 0",
				W},
	[HC_GSQL_VALUE_GET] = {"SELECT data FROM value WHERE name = ?1", 0},
	[HC_GSQL_VALUE_PUT] = {"INSERT INTO value (name, data) VALUES (?1, ?2)"
			       " ON CONFLICT (name) DO UPDATE SET data = excluded.data",
			       W},
	[HC_GSQL_SETTLE_SESSION] = {"DELETE FROM session", W},
	[HC_GSQL_SETTLE_GRANT] = {"DELETE FROM grants", W},
	[HC_GSQL_SETTLE_CODE] = {"DELETE FROM code", W},
	[HC_GSQL_SETTLE_ACCESS] = {"DELETE FROM access", W},
	[HC_GSQL_SETTLE_REFRESH] = {"DELETE FROM refresh", W},

	[HC_GSQL_PURGE_CODE] = {PURGE("code", "id", "keep_until_ms"), W | H},
	[HC_GSQL_PURGE_ACCESS] = {PURGE("access", "id", "expires_ms"), W | H},
	[HC_GSQL_PURGE_REFRESH] = {PURGE("refresh", "id", "expires_ms"), W | H},
	[HC_GSQL_PURGE_JTI] = {PURGE("revoked_jti", "hash", "expires_ms"), W | H},
	[HC_GSQL_PURGE_GRANT] = {PURGE("grants", "id", "expires_ms"), W | H},
	[HC_GSQL_PURGE_SESSION] = {PURGE("session", "id", "keep_until_ms"), W | H},
};
