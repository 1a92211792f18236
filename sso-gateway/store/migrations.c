/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of the gateway's store, as numbered steps. Step n brings a store of version n-1 to n in one
 * transaction that also writes the number (PRAGMA user_version), so that a crash leaves one version
 * or the other. A step that was released is never edited: a change is a new step. A store of a newer
 * version, or a database that is not ours (application_id), is refused and not touched.
 *
 * Rows that are issued by the thousand have an id made of the time (hc_gstore_new_id) as their key, so
 * that those of one moment share pages: a group touches a few pages, not one for each member. Every
 * table that a purge empties has an index on the end of its rows' time. There are no foreign keys:
 * what a dead parent leaves behind is dead by the join that reads it, and the purge takes it in time.
 */
#include "db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "hospiconnect/log.h"

/* "HCG1": what file(1) and sqlite3 show of a store of ours. */
#define APPLICATION_ID 0x48434731

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

/* steps[n] makes version n + 1. */
static const char *const steps[] = {SCHEMA_1};

_Static_assert(HC_COUNT(steps) == HC_GSCHEMA_LATEST, "every version has its step");

/* A number from a PRAGMA of ours or a count; these run at open only and are not kept. */
static enum hc_err read_number(struct hc_gstore_view *view, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *stmt = NULL;

	errno = 0;
	int rc = sqlite3_prepare_v2(view->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(stmt, 0);
	const enum hc_err err = hc_gdb_error(view, rc, sql);
	(void)sqlite3_finalize(stmt); /* repeats what step said */
	return err;
}

static enum hc_err execute(struct hc_gstore_view *view, const char *sql, const char *doing)
{
	errno = 0;
	return hc_gdb_error(view, sqlite3_exec(view->db, sql, NULL, NULL, NULL), doing);
}

/* What is in the file: nothing yet, or a store of ours of a version we know. */
static enum hc_err recognise(struct hc_gstore_view *view, int64_t *ret_version)
{
	int64_t application = 0, version = 0, objects = 0;
	enum hc_err err = read_number(view, "PRAGMA application_id", &application);

	if (err == HC_OK)
		err = read_number(view, "PRAGMA user_version", &version);
	if (err == HC_OK)
		err = read_number(view, "SELECT count(*) FROM sqlite_schema", &objects);
	if (err != HC_OK)
		return err;
	const bool empty = application == 0 && version == 0 && objects == 0;
	if (!empty && (application != APPLICATION_ID || version < 1)) {
		hc_log_plain(HC_LOG_ERROR, "store refused: the file is another program's database");
		return HC_ERR_CORRUPT;
	}
	if (version > HC_GSCHEMA_LATEST) {
		hc_log(HC_LOG_ERROR,
		       "store refused: written by a newer version; upgrade, or restore a backup",
		       HC_F_NUM("schema", version), HC_F_NUM("known", HC_GSCHEMA_LATEST));
		return HC_ERR_CORRUPT;
	}
	*ret_version = version;
	return HC_OK;
}

static enum hc_err migrate_one(struct hc_gstore_tx *tx, int64_t from)
{
	char mark[96];

	if (from < 0 || from >= HC_GSCHEMA_LATEST)
		return HC_ERR_INVALID;
	enum hc_err err = hc_gtx_begin(tx);
	if (err != HC_OK)
		return err;
	(void)snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
		       APPLICATION_ID, from + 1);
	err = execute(&tx->view, steps[from], "migration");
	if (err == HC_OK)
		err = execute(&tx->view, mark, "migration");
	if (err == HC_OK)
		err = hc_gtx_commit(tx);
	else
		hc_gtx_rollback(tx);
	if (err == HC_OK)
		hc_log(HC_LOG_NOTICE, "store schema is at", HC_F_NUM("version", from + 1));
	return err;
}

enum hc_err hc_gmigrate(struct hc_gstore_tx *tx, int to)
{
	int64_t version = 0;
	enum hc_err err = recognise(&tx->view, &version);

	while (err == HC_OK && version < to) {
		err = migrate_one(tx, version);
		version++;
	}
	if (err == HC_OK)
		tx->schema_version = (int)version;
	return err;
}
