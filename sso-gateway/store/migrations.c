/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of the gateway's store, as numbered steps: step n brings a store of version n-1 to n. A step that
 * was released is never edited: a change is a new step. No state.
 *
 * Rows that are issued by the thousand have an id made of the time (hc_gstore_new_id) as their key, so
 * that those of one moment share pages: a group touches a few pages, not one for each member. Every
 * table that a purge empties has an index on the end of its rows' time. There are no foreign keys:
 * what a dead parent leaves behind is dead by the join that reads it, and the purge takes it in time.
 */
#include "db.h"

#define ID   " id INTEGER PRIMARY KEY CHECK (id > 0),"
#define HASH " hash BLOB NOT NULL CHECK (length(hash) = 32),"

static const char SCHEMA_1[] =
	"CREATE TABLE client ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused: tokens name it */
	" id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),"
	" name TEXT NOT NULL CHECK (length(name) <= 128),"
	" profile INTEGER NOT NULL CHECK (profile IN (1, 2)),"
	" auth INTEGER NOT NULL CHECK (auth IN (1, 2, 3)),"
	" secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),"
	" grants INTEGER NOT NULL CHECK (grants BETWEEN 0 AND 7),"
	" scopes TEXT NOT NULL CHECK (length(scopes) <= 512),"
	" redirect_uris TEXT NOT NULL CHECK (length(redirect_uris) <= 4104),"
	" post_logout_uris TEXT NOT NULL CHECK (length(post_logout_uris) <= 4104),"
	" id_token_alg INTEGER NOT NULL CHECK (id_token_alg IN (1, 2)),"
	" access_format INTEGER NOT NULL CHECK (access_format IN (1, 2)),"
	" may_introspect INTEGER NOT NULL CHECK (may_introspect IN (0, 1)),"
	" created_ms INTEGER NOT NULL,"
	" secret_changed_ms INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE signing_key ("
	" number INTEGER PRIMARY KEY," /* in order of age */
	" kid TEXT NOT NULL UNIQUE CHECK (length(kid) = 43),"
	" alg INTEGER NOT NULL CHECK (alg BETWEEN 1 AND 4),"
	" state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),"
	" sealed BLOB NOT NULL CHECK (length(sealed) <= 4096 AND (state = 3) = (length(sealed) = 0)),"
	" public_jwk TEXT NOT NULL CHECK (length(public_jwk) BETWEEN 1 AND 2048),"
	" created_ms INTEGER NOT NULL,"
	" activated_ms INTEGER NOT NULL,"
	" retired_ms INTEGER NOT NULL"
	") STRICT;"
	/* One that signs and one that waits, an algorithm. */
	"CREATE UNIQUE INDEX signing_key_in_use ON signing_key (alg, state) WHERE state IN (1, 2);"

	"CREATE TABLE session (" ID HASH " person_id INTEGER NOT NULL CHECK (person_id > 0),"
	" login TEXT NOT NULL,"
	" sid TEXT NOT NULL UNIQUE CHECK (sid <> ''),"
	" acr TEXT NOT NULL,"
	" amr TEXT NOT NULL,"
	" auth_ms INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" last_seen_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" keep_until_ms INTEGER NOT NULL CHECK (keep_until_ms >= expires_ms),"
	" ended_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX session_by_person ON session (person_id, id);"
	"CREATE INDEX session_by_end ON session (keep_until_ms);"

	"CREATE TABLE grants (" ID " client INTEGER NOT NULL,"
	" session_id INTEGER,"
	" person_id INTEGER NOT NULL,"
	" sub TEXT NOT NULL CHECK (sub <> ''),"
	" scope TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" ended_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX grants_by_session ON grants (session_id) WHERE session_id IS NOT NULL;"
	"CREATE INDEX grants_by_end ON grants (expires_ms);"

	"CREATE TABLE code (" ID HASH " grant_id INTEGER NOT NULL,"
	" client INTEGER NOT NULL,"
	" redirect_uri TEXT NOT NULL,"
	" challenge BLOB NOT NULL CHECK (length(challenge) = 32),"
	" nonce TEXT NOT NULL,"
	" issued_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" keep_until_ms INTEGER NOT NULL CHECK (keep_until_ms >= expires_ms),"
	" used INTEGER NOT NULL CHECK (used IN (0, 1))"
	") STRICT;"
	"CREATE INDEX code_by_end ON code (keep_until_ms);"

	"CREATE TABLE access (" ID HASH " grant_id INTEGER NOT NULL,"
	" client INTEGER NOT NULL,"
	" scope TEXT," /* NULL: the grant's */
	" issued_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX access_by_end ON access (expires_ms);"

	"CREATE TABLE refresh (" ID HASH " grant_id INTEGER NOT NULL,"
	" client INTEGER NOT NULL,"
	" issued_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" used INTEGER NOT NULL CHECK (used IN (0, 1)),"
	" used_ms INTEGER NOT NULL,"
	" successor INTEGER NOT NULL CHECK ((used = 1) = (successor > 0)),"
	" superseded INTEGER NOT NULL CHECK (superseded IN (0, 1))"
	") STRICT;"
	"CREATE INDEX refresh_by_end ON refresh (expires_ms);"

	"CREATE TABLE revoked_jti ("
	" hash BLOB PRIMARY KEY CHECK (length(hash) = 32),"
	" expires_ms INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX revoked_jti_by_end ON revoked_jti (expires_ms);"

	"CREATE TABLE outbox ("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused: the broker knows them by it */
	" time_ms INTEGER NOT NULL,"
	" event TEXT NOT NULL CHECK (length(event) BETWEEN 1 AND 31),"
	" success INTEGER NOT NULL CHECK (success IN (0, 1)),"
	" reason INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 999),"
	" person_id INTEGER NOT NULL CHECK (person_id >= 0),"
	" login TEXT NOT NULL CHECK (length(login) <= 64),"
	" client_id TEXT NOT NULL CHECK (length(client_id) <= 64),"
	" origin TEXT NOT NULL CHECK (length(origin) <= 64),"
	" actor TEXT NOT NULL CHECK (length(actor) <= 64),"
	" detail TEXT NOT NULL CHECK (length(detail) <= 256)"
	") STRICT;";

/* Sealed keys of the gateway itself. */
static const char SCHEMA_2[] = "CREATE TABLE value ("
			       " name TEXT PRIMARY KEY,"
			       " data BLOB NOT NULL CHECK (length(data) <= 512)"
			       ") STRICT, WITHOUT ROWID;";

const char *const hc_gschema_steps[HC_GSCHEMA_LATEST] = {SCHEMA_1, SCHEMA_2};
