/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of the store. No state. Values reach them as bound parameters only; a text here is
 * a constant of the program, so that nothing a person types is ever read as SQL. Consuming
 * statements name the credential, its state and the step in their WHERE: whether a code may still
 * be used is decided by the same statement that uses it up.
 */
#include "sql.h"

#define PERSON                                                                                     \
	"SELECT id, login, given_name, family_name, profession, organization, national_id, state," \
	" valid_from_ms, valid_until_ms, created_ms FROM person "

#define CREDENTIAL                                                                                        \
	"SELECT c.id, c.person_id, c.type, c.state, c.label, c.algorithm, c.digits, c.period_s,"          \
	" c.last_step, c.drift_steps, c.counter, c.sealed, c.created_ms, c.confirmed_ms, c.last_used_ms," \
	" c.revoked_ms, c.revoke_reason, c.proofed_by, c.document, c.face_to_face,"                       \
	" (SELECT count(*) FROM recovery_code AS r WHERE r.credential = c.number AND r.used = 0)"         \
	" FROM credential AS c "

#define AUDIT                                                                                             \
	"SELECT seq, time_ms, event, outcome, reason, login, factor, credential, service, origin, actor," \
	" detail, hash FROM audit "

#define THROTTLE "t.person_id, t.factor, t.scope, t.failures, t.last_failure_ms, t.locked_until_ms"

/* Names of values: what is left of a person who was enrolled and then removed. */
#define ONCE_ENROLLED "once-enrolled "

#define W HC_SQL_WRITES
#define H HC_SQL_HOT

const struct hc_sql_statement hc_store_sql[HC_SQL_COUNT_] = {
	HC_SQL_TRANSACTION,

	[HC_SQL_PERSON_ADD] = {"INSERT INTO person (login, given_name, family_name, profession, organization,"
			       " national_id, state, valid_from_ms, valid_until_ms, created_ms)"
			       " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, ''), ?7, ?8, ?9, ?10)",
			       W},
	[HC_SQL_PERSON_BY_LOGIN] = {PERSON "WHERE login = ?1", H},
	[HC_SQL_PERSON_BY_ID] = {PERSON "WHERE id = ?1", H},
	[HC_SQL_PERSON_BY_NATIONAL_ID] = {"SELECT 1 FROM person WHERE national_id = ?1", 0},
	[HC_SQL_PERSON_SET_STATE] = {"UPDATE person SET state = ?2 WHERE id = ?1", W},
	[HC_SQL_PERSON_IDENTIFY] =
		{"UPDATE person SET national_id = ?2 WHERE id = ?1 AND national_id IS NULL", W},
	[HC_SQL_PERSON_REMEMBER] = {"INSERT INTO value (name, data) SELECT '" ONCE_ENROLLED
				    "' || login, x'' FROM person WHERE id = ?1 AND EXISTS (SELECT 1"
				    " FROM credential WHERE person_id = ?1 AND was_active = 1)"
				    " ON CONFLICT (name) DO NOTHING",
				    W},
	[HC_SQL_PERSON_REMOVE] = {"DELETE FROM person WHERE id = ?1", W},
	[HC_SQL_PERSON_LIST] = {PERSON "WHERE login > ?1 ORDER BY login LIMIT ?2", 0},
	[HC_SQL_PERSON_COUNT] = {"SELECT count(*) FROM person", 0},

	[HC_SQL_CREDENTIAL_ADD] =
		{"INSERT INTO credential (id, person_id, type, state, label, algorithm, digits,"
		 " period_s, last_step, drift_steps, counter, sealed, created_ms, confirmed_ms,"
		 " last_used_ms, revoked_ms, revoke_reason, proofed_by, document, face_to_face,"
		 " was_active) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
		 " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?4 = 2 OR ?14 > 0)",
		 W},
	[HC_SQL_CREDENTIAL_BY_ID] = {CREDENTIAL "WHERE c.id = ?1", H},
	[HC_SQL_CREDENTIAL_LIST] = {CREDENTIAL "WHERE c.person_id = ?1 AND c.state <> 3"
					       " ORDER BY c.number LIMIT ?2",
				    H},
	[HC_SQL_CREDENTIAL_LIST_ALL] = {CREDENTIAL "WHERE c.person_id = ?1 ORDER BY c.number LIMIT ?2", H},
	[HC_SQL_CREDENTIAL_EVER] = {"SELECT EXISTS (SELECT 1 FROM credential"
				    " WHERE person_id = ?1 AND was_active = 1)"
				    " OR EXISTS (SELECT 1 FROM value WHERE name = '" ONCE_ENROLLED
				    "' || (SELECT login FROM person WHERE id = ?1))",
				    H},
	[HC_SQL_CREDENTIAL_CONFIRM] = {"UPDATE credential SET state = 2, confirmed_ms = ?2, was_active = 1"
				       " WHERE id = ?1 AND state = 1",
				       W},
	[HC_SQL_CREDENTIAL_REVOKE] = {"UPDATE credential SET state = 3, revoked_ms = ?2, revoke_reason = ?3,"
				      " sealed = x'' WHERE id = ?1 AND state <> 3",
				      W},
	[HC_SQL_CREDENTIAL_USED] = {"UPDATE credential SET last_used_ms = ?2 WHERE id = ?1", W | H},
	[HC_SQL_CREDENTIAL_COUNT] = {"SELECT count(*) FROM credential WHERE type = ?1 AND state <> 3", 0},
	[HC_SQL_CREDENTIAL_RESEAL] =
		{"UPDATE credential SET sealed = ?2 WHERE id = ?1 AND length(sealed) > 0", W},
	[HC_SQL_SEALED_NEXT] = {"SELECT number, id FROM credential WHERE number > ?1 AND length(sealed) > 0"
				" ORDER BY number LIMIT 1",
				0},
	/* every step that a code may have been accepted for */
	[HC_SQL_SETTLE_TOTP] = {"UPDATE credential SET last_step = max(last_step,"
				" ?1 / period_s + drift_steps + ?2)"
				" WHERE type = 1 AND state <> 3 AND period_s > 0",
				W},
	[HC_SQL_TOTP_CONSUME] = {"UPDATE credential SET last_step = ?2, drift_steps = ?3, last_used_ms = ?4"
				 " WHERE id = ?1 AND type = 1 AND state IN (1, 2) AND last_step < ?2",
				 W | H},
	[HC_SQL_HOTP_CONSUME] = {"UPDATE credential SET counter = ?2 + 1, last_used_ms = ?3"
				 " WHERE id = ?1 AND type = 2 AND state IN (1, 2) AND counter <= ?2",
				 W | H},
	[HC_SQL_RECOVERY_ADD] =
		{"INSERT INTO recovery_code (credential, hash)"
		 " SELECT number, ?2 FROM credential WHERE id = ?1 AND type = 3 AND state <> 3",
		 W},
	[HC_SQL_RECOVERY_CONSUME] =
		{"UPDATE recovery_code SET used = 1, used_ms = ?3 WHERE credential ="
		 " (SELECT number FROM credential WHERE id = ?1 AND type = 3 AND state = 2)"
		 " AND hash = ?2 AND used = 0",
		 W | H},
	[HC_SQL_RECOVERY_KNOWN] = {"SELECT 1 FROM recovery_code WHERE credential ="
				   " (SELECT number FROM credential WHERE id = ?1) AND hash = ?2",
				   H},
	[HC_SQL_RECOVERY_ERASE] = {"DELETE FROM recovery_code WHERE credential ="
				   " (SELECT number FROM credential WHERE id = ?1)",
				   W},

	[HC_SQL_FIDO_ADD] =
		{"INSERT INTO fido_key (credential, fido_id, rp_id, key, user_handle, aaguid, attestation,"
		 " discoverable, verifies, protect, model)"
		 " SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM credential"
		 " WHERE id = ?1 AND type = 4",
		 W},
	[HC_SQL_FIDO_GET] =
		{"SELECT f.fido_id, f.rp_id, f.key, f.user_handle, f.aaguid, f.attestation,"
		 " f.discoverable, f.verifies, f.protect, f.model FROM fido_key AS f WHERE f.credential ="
		 " (SELECT number FROM credential WHERE id = ?1)",
		 H},
	[HC_SQL_FIDO_FIND] = {"SELECT c.id FROM fido_key AS f JOIN credential AS c ON c.number = f.credential"
			      " WHERE f.fido_id = ?1",
			      H},
	/* those of pam-u2f are told apart by their form: they are this machine's, whatever ours is */
	[HC_SQL_FIDO_ELSEWHERE] = {"SELECT count(*) FROM fido_key AS f JOIN credential AS c"
				   " ON c.number = f.credential WHERE c.state = 2 AND f.rp_id <> ?1"
				   " AND f.rp_id NOT LIKE 'pam://%'",
				   0},
	/* whoever was ever known by it: a handle is one person's for good */
	[HC_SQL_FIDO_OWNER] = {"SELECT c.person_id FROM fido_key AS f JOIN credential AS c"
			       " ON c.number = f.credential WHERE f.user_handle = ?1 LIMIT 1",
			       H},
	/* Asked for each login prompt: it ends at the first one that there is. */
	[HC_SQL_FIDO_NAMELESS] = {"SELECT EXISTS (SELECT 1 FROM fido_key AS f JOIN credential AS c"
				  " ON c.number = f.credential WHERE f.rp_id = ?1 AND f.discoverable = 1"
				  " AND c.state = 2)",
				  0},
	[HC_SQL_FIDO_CONSUME] = {"UPDATE credential SET counter = ?2, last_used_ms = ?3"
				 " WHERE id = ?1 AND type = 4 AND state = 2"
				 " AND (counter < ?2 OR (counter = 0 AND ?2 = 0))",
				 W | H},
	[HC_SQL_FIDO_LEARN] = {"UPDATE fido_key SET fido_id = ?2 WHERE fido_id = ?3 AND credential ="
			       " (SELECT number FROM credential WHERE id = ?1)",
			       W},

	[HC_SQL_CARD_ADD] =
		{"INSERT INTO card (credential, fingerprint, key_hash, national_id, card_number, card_type,"
		 " category, profession, test, bound, not_after_ms, renewed_ms, certificate)"
		 " SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12 FROM credential"
		 " WHERE id = ?1 AND type = 5",
		 W},
	[HC_SQL_CARD_GET] = {"SELECT fingerprint, key_hash, national_id, card_number, card_type, category,"
			     " profession, test, bound, not_after_ms, certificate, renewed_ms FROM card"
			     " WHERE credential = (SELECT number FROM credential WHERE id = ?1)",
			     H},
	[HC_SQL_CARD_FIND] = {"SELECT c.id FROM card AS d JOIN credential AS c ON c.number = d.credential"
			      " WHERE d.fingerprint = ?1",
			      H},
	[HC_SQL_CARD_LIST] = {"SELECT c.id, c.person_id, c.state, d.card_type, d.profession, d.bound,"
			      " d.not_after_ms FROM card AS d JOIN credential AS c ON c.number = d.credential"
			      " WHERE d.national_id = ?1 AND c.state <> 3"
			      " ORDER BY d.not_after_ms DESC LIMIT ?2",
			      H},
	/* whether the identifier ?2 is that of somebody else than the person of the credential ?1 */
	[HC_SQL_CARD_TAKEN] =
		{"SELECT EXISTS (SELECT 1 FROM card AS d JOIN credential AS c ON c.number = d.credential"
		 " WHERE d.national_id = ?2 AND d.bound = 0 AND c.state <> 3"
		 " AND c.person_id <> (SELECT person_id FROM credential WHERE id = ?1))"
		 " OR EXISTS (SELECT 1 FROM person WHERE national_id = ?2"
		 " AND id <> (SELECT person_id FROM credential WHERE id = ?1))",
		 0},
	[HC_SQL_CARD_RENEW] =
		{"UPDATE card SET fingerprint = ?2, key_hash = ?3, card_number = ?5, card_type = ?6, "
		 "category = ?7,"
		 " profession = ?8, test = ?9, not_after_ms = ?11, certificate = ?12, renewed_ms = ?13"
		 " WHERE credential = (SELECT number FROM credential WHERE id = ?1 AND type = 5 AND state = "
		 "2)"
		 " AND national_id = ?4 AND bound = 0 AND ?10 = 0",
		 W | H},
	[HC_SQL_CARD_TOUCH] = {"UPDATE credential SET last_used_ms = ?2"
			       " WHERE id = ?1 AND type = 5 AND state = 2",
			       W | H},

	[HC_SQL_THROTTLE_GET] = {"SELECT " THROTTLE " FROM throttle AS t"
				 " WHERE t.person_id = ?1 AND t.factor = ?2 AND t.scope = ?3",
				 H},
	[HC_SQL_THROTTLE_PUT] = {"INSERT INTO throttle"
				 " (person_id, factor, scope, failures, last_failure_ms, locked_until_ms)"
				 " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (person_id, factor, scope)"
				 " DO UPDATE SET failures = excluded.failures,"
				 " last_failure_ms = excluded.last_failure_ms,"
				 " locked_until_ms = excluded.locked_until_ms",
				 W | H},
	[HC_SQL_THROTTLE_CLEAR] = {"DELETE FROM throttle WHERE person_id = ?1 AND factor = ?2 AND scope = ?3",
				   W | H},
	[HC_SQL_THROTTLE_CLEAR_ALL] = {"DELETE FROM throttle WHERE person_id = ?1", W},
	[HC_SQL_THROTTLE_LIST] = {"SELECT " THROTTLE ", t.number, p.login FROM throttle AS t"
				  " JOIN person AS p ON p.id = t.person_id"
				  " WHERE t.number > ?1 AND t.failures > 0 ORDER BY t.number LIMIT ?2",
				  0},

	[HC_SQL_AUDIT_APPEND] = {"INSERT INTO audit (seq, time_ms, event, outcome, reason, login, factor,"
				 " credential, service, origin, actor, detail, hash)"
				 " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13"
				 " WHERE ?1 = 1 + coalesce((SELECT max(seq) FROM audit), 0)",
				 W | H},
	[HC_SQL_AUDIT_LAST] = {AUDIT "ORDER BY seq DESC LIMIT 1", 0},
	[HC_SQL_AUDIT_NEWEST] = {"SELECT coalesce((SELECT max(time_ms) FROM audit), 0)", H},
	[HC_SQL_AUDIT_LIST] = {AUDIT "WHERE seq > ?1 ORDER BY seq LIMIT ?2", 0},

	[HC_SQL_VALUE_GET] = {"SELECT data FROM value WHERE name = ?1", 0},
	[HC_SQL_VALUE_PUT] = {"INSERT INTO value (name, data) VALUES (?1, ?2)"
			      " ON CONFLICT (name) DO UPDATE SET data = excluded.data",
			      W},
	[HC_SQL_HAS_SEALED] = {"SELECT EXISTS (SELECT 1 FROM value) OR EXISTS (SELECT 1 FROM credential)", 0},

	[HC_SQL_GATEWAY_MARK_GET] = {"SELECT seq, time_ms FROM gateway_mark WHERE uid = ?1", 0},
	[HC_SQL_GATEWAY_MARK_PUT] = {"INSERT INTO gateway_mark (uid, seq, time_ms) VALUES (?1, ?2, ?3)"
				     " ON CONFLICT (uid) DO UPDATE SET seq = excluded.seq,"
				     " time_ms = excluded.time_ms",
				     W},
};
