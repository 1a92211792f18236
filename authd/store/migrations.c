/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, as numbered steps: step n brings a store of version n-1 to n. A step that was released is
 * never edited: a change is a new step. No state.
 */
#include "db.h"

static const char SCHEMA_1[] =
	"CREATE TABLE person ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused: audit and sealed data name it */
	" login TEXT NOT NULL UNIQUE CHECK (length(login) BETWEEN 1 AND 64),"
	" given_name TEXT NOT NULL,"
	" family_name TEXT NOT NULL,"
	" profession TEXT NOT NULL,"
	" organization TEXT NOT NULL,"
	" national_id TEXT UNIQUE CHECK (national_id <> ''),"
	" state INTEGER NOT NULL CHECK (state IN (1, 2)),"
	" valid_from_ms INTEGER NOT NULL CHECK (valid_from_ms >= 0),"
	" valid_until_ms INTEGER NOT NULL CHECK (valid_until_ms >= 0),"
	" created_ms INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE credential ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT," /* in order of age */
	" id TEXT NOT NULL UNIQUE CHECK (length(id) = 12),"
	" person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,"
	" type INTEGER NOT NULL CHECK (type IN (1, 2, 3)),"
	" state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),"
	" label TEXT NOT NULL,"
	" algorithm INTEGER NOT NULL CHECK (algorithm BETWEEN 0 AND 3),"
	" digits INTEGER NOT NULL CHECK (digits BETWEEN 0 AND 10),"
	" period_s INTEGER NOT NULL CHECK (period_s BETWEEN 0 AND 86400),"
	" last_step INTEGER NOT NULL CHECK (last_step >= -1),"
	" drift_steps INTEGER NOT NULL,"
	" counter INTEGER NOT NULL CHECK (counter >= 0),"
	" sealed BLOB NOT NULL CHECK (length(sealed) <= 512 AND (state <> 3 OR length(sealed) = 0)),"
	" created_ms INTEGER NOT NULL,"
	" confirmed_ms INTEGER NOT NULL,"
	" last_used_ms INTEGER NOT NULL,"
	" revoked_ms INTEGER NOT NULL,"
	" revoke_reason TEXT NOT NULL,"
	" proofed_by TEXT NOT NULL,"
	" document TEXT NOT NULL,"
	" face_to_face INTEGER NOT NULL CHECK (face_to_face IN (0, 1)),"
	" was_active INTEGER NOT NULL CHECK (was_active IN (0, 1))"
	") STRICT;"
	"CREATE INDEX credential_by_person ON credential (person_id, number);"

	"CREATE TABLE recovery_code ("
	" credential INTEGER NOT NULL REFERENCES credential (number) ON DELETE CASCADE,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32)," /* keyed: worthless without the seal key */
	" used INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1)),"
	" used_ms INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (credential, hash)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE throttle ("
	" number INTEGER PRIMARY KEY,"
	" person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,"
	" factor INTEGER NOT NULL CHECK (factor IN (1, 2)),"
	" scope TEXT NOT NULL CHECK (length(scope) < 64),"
	" failures INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),"
	" last_failure_ms INTEGER NOT NULL,"
	" locked_until_ms INTEGER NOT NULL,"
	" UNIQUE (person_id, factor, scope)"
	") STRICT;"

	"CREATE TABLE audit (" /* no reference to a person: the trail outlives everybody in it */
	" seq INTEGER PRIMARY KEY CHECK (seq > 0),"
	" time_ms INTEGER NOT NULL,"
	" event TEXT NOT NULL,"
	" outcome TEXT NOT NULL,"
	" reason INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 4294967295),"
	" login TEXT NOT NULL,"
	" factor TEXT NOT NULL,"
	" credential TEXT NOT NULL,"
	" service TEXT NOT NULL,"
	" origin TEXT NOT NULL,"
	" actor TEXT NOT NULL,"
	" detail TEXT NOT NULL,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32)"
	") STRICT;"
	"CREATE INDEX audit_by_time ON audit (time_ms);"

	"CREATE TABLE value ("
	" name TEXT PRIMARY KEY,"
	" data BLOB NOT NULL CHECK (length(data) <= 4096)"
	") STRICT, WITHOUT ROWID;";

/* Failures of a third factor, the password. A CHECK cannot be changed, so the table is made anew. */
static const char SCHEMA_2[] =
	"CREATE TABLE throttle_2 ("
	" number INTEGER PRIMARY KEY,"
	" person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,"
	" factor INTEGER NOT NULL CHECK (factor IN (1, 2, 3)),"
	" scope TEXT NOT NULL CHECK (length(scope) < 64),"
	" failures INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),"
	" last_failure_ms INTEGER NOT NULL,"
	" locked_until_ms INTEGER NOT NULL,"
	" UNIQUE (person_id, factor, scope)"
	") STRICT;"
	"INSERT INTO throttle_2 (number, person_id, factor, scope, failures, last_failure_ms, "
	"locked_until_ms)"
	" SELECT number, person_id, factor, scope, failures, last_failure_ms, locked_until_ms FROM throttle;"
	"DROP TABLE throttle;"
	"ALTER TABLE throttle_2 RENAME TO throttle;";

/* How far the records of a gateway have been taken over. */
static const char SCHEMA_3[] = "CREATE TABLE gateway_mark ("
			       " uid INTEGER PRIMARY KEY CHECK (uid BETWEEN 0 AND 4294967295),"
			       " seq INTEGER NOT NULL CHECK (seq > 0),"
			       " time_ms INTEGER NOT NULL"
			       ") STRICT;";

/*
 * Security keys and cards: two more types of credentials and factors, whose CHECKs cannot be changed, so the tables
 * are made anew; and what is known of each security key, which is public. Codes go first: whatever refers to a
 * table that is dropped would go with it.
 */
static const char SCHEMA_4[] =
	"CREATE TABLE credential_4 ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT,"
	" id TEXT NOT NULL UNIQUE CHECK (length(id) = 12),"
	" person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,"
	" type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 5),"
	" state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),"
	" label TEXT NOT NULL,"
	" algorithm INTEGER NOT NULL CHECK (algorithm BETWEEN 0 AND 3),"
	" digits INTEGER NOT NULL CHECK (digits BETWEEN 0 AND 10),"
	" period_s INTEGER NOT NULL CHECK (period_s BETWEEN 0 AND 86400),"
	" last_step INTEGER NOT NULL CHECK (last_step >= -1),"
	" drift_steps INTEGER NOT NULL,"
	" counter INTEGER NOT NULL CHECK (counter >= 0),"
	" sealed BLOB NOT NULL CHECK (length(sealed) <= 512 AND (state <> 3 OR length(sealed) = 0)),"
	" created_ms INTEGER NOT NULL,"
	" confirmed_ms INTEGER NOT NULL,"
	" last_used_ms INTEGER NOT NULL,"
	" revoked_ms INTEGER NOT NULL,"
	" revoke_reason TEXT NOT NULL,"
	" proofed_by TEXT NOT NULL,"
	" document TEXT NOT NULL,"
	" face_to_face INTEGER NOT NULL CHECK (face_to_face IN (0, 1)),"
	" was_active INTEGER NOT NULL CHECK (was_active IN (0, 1))"
	") STRICT;"
	"INSERT INTO credential_4 SELECT * FROM credential;"
	"CREATE TABLE recovery_code_4 ("
	" credential INTEGER NOT NULL REFERENCES credential_4 (number) ON DELETE CASCADE,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32),"
	" used INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1)),"
	" used_ms INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (credential, hash)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO recovery_code_4 SELECT * FROM recovery_code;"
	"DROP TABLE recovery_code;"
	"DROP TABLE credential;"
	"ALTER TABLE credential_4 RENAME TO credential;"
	"ALTER TABLE recovery_code_4 RENAME TO recovery_code;"
	"CREATE INDEX credential_by_person ON credential (person_id, number);"

	"CREATE TABLE throttle_4 ("
	" number INTEGER PRIMARY KEY,"
	" person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,"
	" factor INTEGER NOT NULL CHECK (factor BETWEEN 1 AND 5),"
	" scope TEXT NOT NULL CHECK (length(scope) < 64),"
	" failures INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),"
	" last_failure_ms INTEGER NOT NULL,"
	" locked_until_ms INTEGER NOT NULL,"
	" UNIQUE (person_id, factor, scope)"
	") STRICT;"
	"INSERT INTO throttle_4 SELECT * FROM throttle;"
	"DROP TABLE throttle;"
	"ALTER TABLE throttle_4 RENAME TO throttle;"

	"CREATE TABLE fido_key ("
	" credential INTEGER PRIMARY KEY REFERENCES credential (number) ON DELETE CASCADE,"
	" fido_id BLOB NOT NULL UNIQUE CHECK (length(fido_id) BETWEEN 1 AND 1023),"
	" rp_id TEXT NOT NULL CHECK (length(rp_id) BETWEEN 1 AND 253),"
	" key BLOB NOT NULL CHECK (length(key) BETWEEN 1 AND 1024)," /* COSE_Key */
	" user_handle BLOB NOT NULL CHECK (length(user_handle) BETWEEN 1 AND 64),"
	" aaguid BLOB NOT NULL CHECK (length(aaguid) = 16),"
	" attestation INTEGER NOT NULL CHECK (attestation BETWEEN 0 AND 3),"
	" discoverable INTEGER NOT NULL CHECK (discoverable IN (0, 1)),"
	" verifies INTEGER NOT NULL CHECK (verifies IN (0, 1))" /* it checked who the person is when it was enrolled */
	") STRICT;"
	"CREATE INDEX fido_key_by_handle ON fido_key (user_handle);";

/* Which card is whose. */
static const char SCHEMA_5[] =
	"CREATE TABLE card ("
	" credential INTEGER PRIMARY KEY REFERENCES credential (number) ON DELETE CASCADE,"
	" fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32)," /* SHA-256 of the certificate */
	" key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),"
	" national_id TEXT NOT NULL CHECK (length(national_id) BETWEEN 1 AND 64),"
	" card_number TEXT NOT NULL CHECK (length(card_number) <= 32),"
	" card_type INTEGER NOT NULL CHECK (card_type BETWEEN -1 AND 2147483647),"
	" category INTEGER NOT NULL CHECK (category BETWEEN -1 AND 255),"
	" profession INTEGER NOT NULL CHECK (profession BETWEEN -1 AND 2147483647),"
	" test INTEGER NOT NULL CHECK (test IN (0, 1)),"
	" bound INTEGER NOT NULL CHECK (bound IN (0, 1))," /* to a structure: no renewal without a word of somebody */
	" not_after_ms INTEGER NOT NULL,"
	" renewed_ms INTEGER NOT NULL CHECK (renewed_ms >= 0),"
	" certificate BLOB NOT NULL CHECK (length(certificate) BETWEEN 1 AND 8192)"
	") STRICT;"
	"CREATE INDEX card_by_national_id ON card (national_id, not_after_ms);";

/* What a security key said of its protection, and what a verified certificate calls its model. */
static const char SCHEMA_6[] =
	"ALTER TABLE fido_key ADD COLUMN protect INTEGER NOT NULL DEFAULT 0 CHECK (protect BETWEEN 0 AND 3);"
	"ALTER TABLE fido_key ADD COLUMN model TEXT NOT NULL DEFAULT '' CHECK (length(model) <= 128);";

const char *const hc_schema_steps[HC_SCHEMA_LATEST] = {SCHEMA_1, SCHEMA_2, SCHEMA_3,
						       SCHEMA_4, SCHEMA_5, SCHEMA_6};
