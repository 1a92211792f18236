/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_STORE_H
#define HC_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/*
 * authd's store: persons, credentials, failure counters, audit records. One SQLite file in WAL mode
 * with FULL sync, STRICT tables, numbered migrations (PRAGMA user_version), opened EXCLUSIVE: this
 * process is its only owner. Nobody outside of authd/store/ sees SQL.
 *
 * Functions block for the time of the disk (one sync a commit) and of nobody else. Errors:
 *   HC_ERR_NOTFOUND / HC_ERR_EXISTS  as said at the function
 *   HC_ERR_FULL     no space or a read-only file system
 *   HC_ERR_CORRUPT  the file or a row contradicts itself
 *   HC_ERR_IO       any other failure of SQLite (logged once here, with SQLite's own text)
 *   HC_ERR_NOMEM
 * After any error inside a transaction the caller rolls back.
 *
 * Times are milliseconds since 1970 UTC; 0 stands for "none" in optional ones.
 */
struct hc_store;

/*
 * hc_store_open: opens or creates path (mode 0600) and migrates it. HC_ERR_STATE where another
 * process owns the file, HC_ERR_CORRUPT for a newer schema or a damaged file, HC_ERR_PERM where the
 * file belongs to another user or others may write it.
 */
HC_CHECK enum hc_err hc_store_open(const char *path, struct hc_store **ret_store);
void hc_store_free(struct hc_store **store);
int hc_store_schema_version(const struct hc_store *store);

/*
 * Transactions (BEGIN IMMEDIATE … COMMIT). Everything that changes the store happens in one; a
 * change outside of one is HC_ERR_STATE. After hc_store_commit returned HC_OK the change is on disk
 * (synced); after any other result none of it happened. hc_store_rollback is safe at any time.
 */
HC_CHECK enum hc_err hc_store_begin(struct hc_store *store);
HC_CHECK enum hc_err hc_store_commit(struct hc_store *store);
void hc_store_rollback(struct hc_store *store);

/* ---- the store as a whole (copy.c) ---- */

struct hc_sqlite_copy;

/* hc_store_copy: as hc_sqlite_copy_new; the store is used on meanwhile. */
HC_CHECK enum hc_err hc_store_copy(struct hc_store *store, const char *directory,
				   struct hc_sqlite_copy **ret_copy);
/* hc_store_check: reads all of the file; HC_ERR_CORRUPT. Takes its time. */
HC_CHECK enum hc_err hc_store_check(struct hc_store *store);
/*
 * hc_store_restored: it is a copy that was put in place. hc_store_settle, in a transaction: no TOTP step up to now_s,
 * with so many steps ahead of it, is accepted any more, and it is a copy no longer; hc_store_settled once that is on disk.
 */
bool hc_store_restored(const struct hc_store *store);
HC_CHECK enum hc_err hc_store_settle(struct hc_store *store, int64_t now_s, int64_t window);
void hc_store_settled(struct hc_store *store);

/* ---- persons ---- */

enum hc_person_state { HC_PERSON_ACTIVE = 1, HC_PERSON_DISABLED = 2 };

struct hc_person {
	int64_t id; /* never reused */
	struct hc_login login;
	struct hc_label given_name, family_name, profession, organization; /* empty: not known */
	struct hc_national_id national_id;				   /* empty: none */
	enum hc_person_state state;
	int64_t valid_from_ms, valid_until_ms; /* 0: unbounded; until is the first instant outside */
	int64_t created_ms;
};

/*
 * hc_store_person_add: person->id is ignored; the new one goes to ret_id. HC_ERR_EXISTS when the
 * login is taken; HC_ERR_STATE when the (non-empty) national identifier belongs to another person.
 */
HC_CHECK enum hc_err hc_store_person_add(struct hc_store *store, const struct hc_person *person,
					 int64_t *ret_id);
HC_CHECK enum hc_err hc_store_person_by_login(struct hc_store *store, const struct hc_login *login,
					      struct hc_person *ret_person);
HC_CHECK enum hc_err hc_store_person_by_id(struct hc_store *store, int64_t id, struct hc_person *ret_person);
HC_CHECK enum hc_err hc_store_person_set_state(struct hc_store *store, int64_t id,
					       enum hc_person_state state);
/*
 * hc_store_person_identify: gives a person who has none the national identifier that was verified. HC_ERR_STATE where
 * the person has one already; HC_ERR_EXISTS where it belongs to another person.
 */
HC_CHECK enum hc_err hc_store_person_identify(struct hc_store *store, int64_t id,
					      const struct hc_national_id *national_id);
/*
 * hc_store_person_remove: the person with all credentials, codes and counters. The audit trail stays, and
 * that somebody of that login was enrolled.
 */
HC_CHECK enum hc_err hc_store_person_remove(struct hc_store *store, int64_t id);
/* hc_store_person_list: up to max persons whose login sorts after `after` ("" for the first). */
HC_CHECK enum hc_err hc_store_person_list(struct hc_store *store, const char *after, size_t max,
					  struct hc_person *out, size_t *ret_count);
HC_CHECK enum hc_err hc_store_person_count(struct hc_store *store, int64_t *ret_count);

/* ---- credentials ---- */

enum hc_credential_type {
	HC_CREDENTIAL_TOTP = 1,
	HC_CREDENTIAL_HOTP = 2,
	HC_CREDENTIAL_RECOVERY = 3,
	HC_CREDENTIAL_FIDO2 = 4,
	HC_CREDENTIAL_CPS = 5
};
enum hc_credential_state { HC_CREDENTIAL_PENDING = 1, HC_CREDENTIAL_ACTIVE = 2, HC_CREDENTIAL_REVOKED = 3 };
enum hc_otp_algorithm { HC_OTP_SHA1 = 1, HC_OTP_SHA256 = 2, HC_OTP_SHA512 = 3 };

#define HC_CREDENTIALS_MAX 16 /* not revoked ones a person */

struct hc_credential {
	struct hc_credential_id id;
	int64_t person_id;
	enum hc_credential_type type;
	enum hc_credential_state state;
	struct hc_label label;
	/* OTP only */
	enum hc_otp_algorithm algorithm;
	uint32_t digits, period_s; /* period_s 0 for HOTP */
	int64_t last_step;	   /* TOTP: last accepted time step, -1 before the first */
	int64_t drift_steps;	   /* TOTP: learned, steps that the token is ahead of us */
	int64_t counter; /* HOTP: the next that may be accepted; FIDO2: the last that was, 0: the key has none */
	uint8_t sealed[512];
	size_t sealed_len;
	/* life */
	int64_t created_ms, confirmed_ms, last_used_ms, revoked_ms;
	struct hc_label revoke_reason;
	struct hc_label proofed_by, document; /* the proofing record; empty: none */
	bool face_to_face;
	uint32_t codes_left; /* recovery, computed when read */
};

/* hc_store_credential_add: everything but codes_left as given. HC_ERR_EXISTS for a taken id. */
HC_CHECK enum hc_err hc_store_credential_add(struct hc_store *store, const struct hc_credential *credential);
HC_CHECK enum hc_err hc_store_credential_by_id(struct hc_store *store, const struct hc_credential_id *id,
					       struct hc_credential *ret_credential);
/* hc_store_credential_list: of one person, oldest first, up to max; revoked ones too when asked. */
HC_CHECK enum hc_err hc_store_credential_list(struct hc_store *store, int64_t person_id, bool revoked_too,
					      size_t max, struct hc_credential *out, size_t *ret_count);
/* hc_store_credential_ever: whether the person, or a removed one of that login, ever had an active credential. */
HC_CHECK enum hc_err hc_store_credential_ever(struct hc_store *store, int64_t person_id, bool *ret_ever);
/* hc_store_count_kind: not revoked ones of a type. */
HC_CHECK enum hc_err hc_store_count_kind(struct hc_store *store, enum hc_credential_type type,
					 int64_t *ret_count);
/*
 * hc_store_sealed_next: the next credential that holds something sealed, after the cursor (0 first; advanced);
 * HC_ERR_NOTFOUND behind the last one. hc_store_reseal: credential->sealed takes the place of what is there.
 */
HC_CHECK enum hc_err hc_store_sealed_next(struct hc_store *store, int64_t *cursor,
					  struct hc_credential_id *ret_id);
HC_CHECK enum hc_err hc_store_reseal(struct hc_store *store, const struct hc_credential *credential);
/* hc_store_credential_confirm: PENDING to ACTIVE; HC_ERR_STATE from any other state. */
HC_CHECK enum hc_err hc_store_credential_confirm(struct hc_store *store, const struct hc_credential_id *id,
						 int64_t now_ms);
/* hc_store_credential_revoke: to REVOKED; the sealed secret and recovery hashes are erased. HC_ERR_STATE if it was already. */
HC_CHECK enum hc_err hc_store_credential_revoke(struct hc_store *store, const struct hc_credential_id *id,
						const struct hc_label *reason, int64_t now_ms);
/*
 * hc_store_totp_consume, hc_store_hotp_consume: one atomic UPDATE that names the credential, its
 * ACTIVE or PENDING state and a step or counter that was not yet used. HC_ERR_STATE when it was:
 * the code is refused.
 */
HC_CHECK enum hc_err hc_store_totp_consume(struct hc_store *store, const struct hc_credential_id *id,
					   int64_t step, int64_t drift_steps, int64_t now_ms);
HC_CHECK enum hc_err hc_store_hotp_consume(struct hc_store *store, const struct hc_credential_id *id,
					   int64_t used_counter, int64_t now_ms);
/* Recovery codes: keyed hashes of a set. */
HC_CHECK enum hc_err hc_store_recovery_add(struct hc_store *store, const struct hc_credential_id *id,
					   const uint8_t hash[32]);
/* hc_store_recovery_consume: HC_OK once a code; HC_ERR_STATE when used before; HC_ERR_NOTFOUND otherwise. */
HC_CHECK enum hc_err hc_store_recovery_consume(struct hc_store *store, const struct hc_credential_id *id,
					       const uint8_t hash[32], int64_t now_ms);

/* ---- security keys: what is public of a credential of type FIDO2 ---- */

#define HC_STORED_KEY_ID_MAX 1023
#define HC_STORED_KEY_MAX    1024
#define HC_STORED_HANDLE_MAX 64

struct hc_stored_key {
	uint8_t id[HC_STORED_KEY_ID_MAX]; /* the key's own name of the credential */
	size_t id_len;			  /* 0: not known yet (import) */
	char rp_id[254];
	uint8_t key[HC_STORED_KEY_MAX]; /* COSE_Key */
	size_t key_len;
	uint8_t handle[HC_STORED_HANDLE_MAX]; /* the person's, on every key of his */
	size_t handle_len;		      /* 0: not known (import) */
	uint8_t aaguid[16];
	uint32_t attestation; /* enum hc_fido_attestation_kind */
	bool discoverable;
	bool verifies;	  /* it checked who the person is when it was enrolled */
	uint32_t protect; /* credProtect, as the key said it: 1 to 3; 0: it did not */
	char model[129];  /* what a verified certificate calls its model; empty: none did */
};

/*
 * hc_store_key_add: to a credential of type FIDO2 in the store. HC_ERR_EXISTS for an id that is somebody's, and, where
 * there is none, for a public key that somebody has without one.
 */
HC_CHECK enum hc_err hc_store_key_add(struct hc_store *store, const struct hc_credential_id *credential,
				      const struct hc_stored_key *key);
HC_CHECK enum hc_err hc_store_key_get(struct hc_store *store, const struct hc_credential_id *credential,
				      struct hc_stored_key *ret_key);
/* hc_store_key_learn: the id of one that had none. HC_ERR_EXISTS: it is somebody's. HC_ERR_STATE: it had one. */
HC_CHECK enum hc_err hc_store_key_learn(struct hc_store *store, const struct hc_credential_id *credential,
					const void *id, size_t len);
/* hc_store_key_find: whose credential a key's own name is; revoked ones too. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_store_key_find(struct hc_store *store, const void *id, size_t len,
				       struct hc_credential_id *ret_credential);
/* hc_store_key_elsewhere: active credentials that were made for another rp_id; those of pam-u2f do not count. */
HC_CHECK enum hc_err hc_store_key_elsewhere(struct hc_store *store, const char *rp_id, int64_t *ret_count);
/* hc_store_key_owner: the person of a handle. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_store_key_owner(struct hc_store *store, const void *handle, size_t len,
					int64_t *ret_person_id);
/* hc_store_key_nameless: whether any active key of that relying party says by itself whose it is. */
HC_CHECK enum hc_err hc_store_key_nameless(struct hc_store *store, const char *rp_id, bool *ret_any);
/*
 * hc_store_key_consume: one atomic UPDATE that names the credential, its ACTIVE state and a counter below this one
 * (or none on either side). HC_ERR_STATE otherwise: the assertion is refused.
 */
HC_CHECK enum hc_err hc_store_key_consume(struct hc_store *store, const struct hc_credential_id *credential,
					  uint32_t counter, int64_t now_ms);

/* ---- cards: what links a person to the certificate of a credential of type CPS; all of it is public ---- */

#define HC_STORED_CARD_MAX	  8192 /* bytes of a certificate */
#define HC_STORED_CARD_NUMBER_MAX 32

struct hc_stored_card {
	uint8_t fingerprint[32]; /* SHA-256 of the certificate */
	uint8_t key_hash[32];	 /* SHA-256 of its SubjectPublicKeyInfo */
	char national_id[HC_NATIONAL_ID_MAX + 1];
	char number[HC_STORED_CARD_NUMBER_MAX + 1]; /* printed on the card; empty: it says none */
	int32_t type;				    /* enum hc_cps_card, -1: it says none */
	int32_t category, profession;		    /* TRE_G01, TRE_G15; -1: it says none */
	bool test;				    /* of the test branch */
	bool bound; /* the identifier is numbered within a structure: good for this certificate alone */
	int64_t not_after_ms;			 /* of the certificate */
	int64_t renewed_ms;			 /* 0: it is the certificate that was enrolled */
	uint8_t certificate[HC_STORED_CARD_MAX]; /* DER */
	size_t certificate_len;
};

/*
 * hc_store_card_add: to a credential of type CPS in the store; renewed_ms is ignored. HC_ERR_EXISTS for a certificate
 * that is somebody's, revoked or not. HC_ERR_STATE where the identifier, unless it is bound, is that of another
 * person: by a card that is not revoked, or by the person's record. HC_ERR_NOTFOUND without such a credential.
 */
HC_CHECK enum hc_err hc_store_card_add(struct hc_store *store, const struct hc_credential_id *credential,
				       const struct hc_stored_card *card);
HC_CHECK enum hc_err hc_store_card_get(struct hc_store *store, const struct hc_credential_id *credential,
				       struct hc_stored_card *ret_card);
/* hc_store_card_find_by_certificate: whose a certificate is, by its SHA-256; revoked ones too. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_store_card_find_by_certificate(struct hc_store *store, const uint8_t fingerprint[32],
						       struct hc_credential_id *ret_credential);

/* A card of somebody with that identifier. */
struct hc_card_link {
	struct hc_credential_id credential;
	int64_t person_id;
	enum hc_credential_state state;
	int32_t type, profession;
	bool bound;
	int64_t not_after_ms;
};

/* hc_store_card_find_by_national_id: not revoked ones, up to max, those that are valid longest first; none: HC_OK, 0. */
HC_CHECK enum hc_err hc_store_card_find_by_national_id(struct hc_store *store, const char *national_id,
						       size_t max, struct hc_card_link *out,
						       size_t *ret_count);
/*
 * hc_store_card_renew: another certificate of the same identifier takes the place of an ACTIVE credential's. One atomic
 * UPDATE that names both, and that neither is bound: HC_ERR_STATE otherwise. HC_ERR_EXISTS as for hc_store_card_add.
 */
HC_CHECK enum hc_err hc_store_card_renew(struct hc_store *store, const struct hc_credential_id *credential,
					 const struct hc_stored_card *card, int64_t now_ms);
/* hc_store_card_touch: it was used. One atomic UPDATE that names its ACTIVE state; HC_ERR_STATE otherwise: it is refused. */
HC_CHECK enum hc_err hc_store_card_touch(struct hc_store *store, const struct hc_credential_id *credential,
					 int64_t now_ms);

/* ---- failure counters ---- */

enum hc_factor {
	HC_FACTOR_OTP = 1,
	HC_FACTOR_RECOVERY = 2,
	HC_FACTOR_PASSWORD = 3,
	HC_FACTOR_FIDO2 = 4,
	HC_FACTOR_CPS = 5
};

#define HC_SCOPE_MAX 64

struct hc_throttle_row {
	int64_t person_id;
	struct hc_login login; /* filled when read by the list */
	enum hc_factor factor;
	char scope
		[HC_SCOPE_MAX]; /* "" counts over all origins; "uid:1000" an unprivileged caller's own bucket;
				   "ip:192.0.2.7", "ip:2001:db8:1:2::/64" where a password came from */
	uint32_t failures;
	int64_t last_failure_ms, locked_until_ms;
};

/* hc_store_throttle_get: a row of zero failures where none is stored. */
HC_CHECK enum hc_err hc_store_throttle_get(struct hc_store *store, int64_t person_id, enum hc_factor factor,
					   const char *scope, struct hc_throttle_row *ret_row);
HC_CHECK enum hc_err hc_store_throttle_put(struct hc_store *store, const struct hc_throttle_row *row);
/* hc_store_throttle_clear: of a person: one factor and scope, or all (factor 0, scope NULL). */
HC_CHECK enum hc_err hc_store_throttle_clear(struct hc_store *store, int64_t person_id, enum hc_factor factor,
					     const char *scope, size_t *ret_cleared);
/* hc_store_throttle_list: rows with failures, ordered by person and rowid, after the cursor (0 first; advanced). */
HC_CHECK enum hc_err hc_store_throttle_list(struct hc_store *store, int64_t *cursor, size_t max,
					    struct hc_throttle_row *out, size_t *ret_count);

/* ---- audit ---- */

struct hc_audit_record {
	int64_t seq; /* 1, 2, 3, … without gaps */
	int64_t time_ms;
	char event[32];
	char outcome[16];
	uint32_t reason; /* enum hc_reason */
	char login[HC_LOGIN_MAX + 1];
	char factor[16];
	char credential[HC_CREDENTIAL_ID_LEN + 1];
	char service[HC_SERVICE_MAX + 1];
	char origin[256]; /* tty, remote host, or the administrator's socket */
	char actor[128];  /* who asked: "uid 0 (root)", "uid 1000 (martin)" */
	char detail[512];
	uint8_t hash[32]; /* over the previous hash and everything above (audit.h) */
};

/* hc_store_audit_append: seq and hash as given; HC_ERR_STATE unless seq is the last one plus 1. */
HC_CHECK enum hc_err hc_store_audit_append(struct hc_store *store, const struct hc_audit_record *record);
/* hc_store_audit_last: HC_ERR_NOTFOUND in an empty trail. */
HC_CHECK enum hc_err hc_store_audit_last(struct hc_store *store, struct hc_audit_record *ret_record);
/* hc_store_audit_newest: the newest time in the trail, which a clock set back leaves behind; 0: empty. */
HC_CHECK enum hc_err hc_store_audit_newest(struct hc_store *store, int64_t *ret_time_ms);
/* hc_store_audit_list: up to max records with seq > after, in order of seq as stored. */
HC_CHECK enum hc_err hc_store_audit_list(struct hc_store *store, int64_t after, size_t max,
					 struct hc_audit_record *out, size_t *ret_count);

/* ---- records of a gateway that the trail has ---- */

/* The last one: its number there and the newest time of all, by the gateway's own clock. seq 0: none yet. */
struct hc_gateway_mark {
	int64_t seq, time_ms;
};

/* hc_store_gateway_mark_get: of the gateway that runs as uid; zeroes where there is none. */
HC_CHECK enum hc_err hc_store_gateway_mark_get(struct hc_store *store, int64_t uid,
					       struct hc_gateway_mark *ret_mark);
HC_CHECK enum hc_err hc_store_gateway_mark_put(struct hc_store *store, int64_t uid,
					       const struct hc_gateway_mark *mark);

/* ---- small values: sealed keys of the broker itself ---- */

HC_CHECK enum hc_err hc_store_value_get(struct hc_store *store, const char *name, uint8_t *out, size_t cap,
					size_t *ret_len);
HC_CHECK enum hc_err hc_store_value_put(struct hc_store *store, const char *name, const void *data,
					size_t len);
/* hc_store_has_sealed: whether anything in the store was sealed, i.e. a lost key may not be replaced. */
HC_CHECK enum hc_err hc_store_has_sealed(struct hc_store *store, bool *ret_has);

#endif
