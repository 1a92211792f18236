/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUDIT_H
#define HC_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "store/store.h"

/*
 * The audit trail: one record a decision, from a fixed catalogue, chained by SHA-256, stored in the
 * transaction of the decision itself, and repeated to syslog (LOG_AUTHPRIV) once committed.
 *
 *   hash(n) = SHA-256("hospiconnect audit v1" ‖ hash(n-1) ‖ every field, integers as 8 bytes
 *             big-endian, texts with a 4-byte length)            hash(0) = 32 zero bytes
 *
 * A head is (seq, hash) signed with the trail's Ed25519 key; heads go to syslog and can be kept
 * elsewhere, since a chain alone does not show a cut tail.
 */
#define HC_AUDIT_EVENTS(X)                          \
	X(SIGN_IN, "sign-in")                       \
	X(ACCOUNT, "account")                       \
	X(SESSION_OPEN, "session-open")             \
	X(SESSION_CLOSE, "session-close")           \
	X(USER_ADD, "user-add")                     \
	X(USER_ENABLE, "user-enable")               \
	X(USER_DISABLE, "user-disable")             \
	X(USER_REMOVE, "user-remove")               \
	X(ENROLL, "enroll")                         \
	X(CREDENTIAL_CONFIRM, "credential-confirm") \
	X(CREDENTIAL_REVOKE, "credential-revoke")   \
	X(COUNTER_ALARM, "counter-alarm")           \
	X(KEY_PIN, "key-pin")                       \
	X(CARD_RENEW, "card-renew")                 \
	X(LOCKOUT, "lockout")                       \
	X(LOCKOUT_CLEAR, "lockout-clear")           \
	X(ADMIN_DENIED, "admin-denied")             \
	X(BROKER_START, "broker-start")             \
	X(BROKER_STOP, "broker-stop")               \
	X(CLOCK_JUMP, "clock-jump")                 \
	X(DEVICE_REMOVED, "device-removed")         \
	HC_GATEWAY_EVENTS(X)

/* Those that the gateway delivers: it can write these and no others. */
#define HC_GATEWAY_EVENTS(X)                \
	X(APPLICATION, "application")       \
	X(LOGOUT, "logout")                 \
	X(SESSION_END, "session-end")       \
	X(TOKEN_REUSE, "token-reuse")       \
	X(CLIENT_REFUSED, "client-refused") \
	X(CLIENT_ADD, "client-add")         \
	X(CLIENT_REMOVE, "client-remove")   \
	X(CLIENT_SECRET, "client-secret")   \
	X(KEY_ROTATE, "key-rotate")         \
	X(BACKUP, "backup")                 \
	X(RESTORE, "restore")               \
	X(SEAL_ROTATE, "seal-rotate")

enum hc_audit_event {
#define HC_AUDIT_ENUM(name, text) HC_AUDIT_##name,
	HC_AUDIT_EVENTS(HC_AUDIT_ENUM)
#undef HC_AUDIT_ENUM
};

/* What is known of one decision; absent texts are NULL. All borrowed. */
struct hc_audit_entry {
	enum hc_audit_event event;
	bool success;
	enum hc_reason reason;
	const char *login, *factor, *credential, *service, *origin, *actor, *detail;
};

struct hc_audit;

/* hc_audit_open: loads or makes the signing key (sealed in the store) and the chain's end. Borrowed: all three. */
HC_CHECK enum hc_err hc_audit_open(struct hc_store *store, const struct hc_seal *seal,
				   const struct hc_clock *clock, struct hc_audit **ret_audit);
void hc_audit_free(struct hc_audit **audit);
/* hc_audit_reseal: stores the signing key sealed under the present seal key; in the open transaction. */
HC_CHECK enum hc_err hc_audit_reseal(struct hc_audit *audit, const struct hc_seal *seal);

/*
 * hc_audit_add: appends inside the caller's open transaction. The record counts, and goes to
 * syslog, when the caller says how the transaction ended: hc_audit_committed or
 * hc_audit_rolled_back. Texts too long for their field are cut at a whole character.
 */
HC_CHECK enum hc_err hc_audit_add(struct hc_audit *audit, const struct hc_audit_entry *entry);
void hc_audit_committed(struct hc_audit *audit);
void hc_audit_rolled_back(struct hc_audit *audit);

/* hc_audit_note: one record in a transaction of its own. */
HC_CHECK enum hc_err hc_audit_note(struct hc_audit *audit, const struct hc_audit_entry *entry);

struct hc_audit_head {
	int64_t seq; /* 0: empty trail */
	int64_t time_ms;
	uint8_t hash[HC_SHA256_LEN];
	uint8_t public_key[HC_ED25519_LEN];
	uint8_t signature[HC_ED25519_SIG_LEN];
};

/* hc_audit_head: the signed end of the chain, now. */
HC_CHECK enum hc_err hc_audit_head(struct hc_audit *audit, struct hc_audit_head *ret_head);
/* hc_audit_emit_head: sends the signed head to syslog (every 256 records, hourly when there are new ones, at start and stop). */
void hc_audit_emit_head(struct hc_audit *audit);

/*
 * Verification in slices, so that a long trail delays nobody. Start with zeroes (and the anchor, if
 * any); call until done. A defect is described in English in `defect` with the record's number; the
 * walk stops at the first.
 */
struct hc_audit_check {
	struct hc_audit_head anchor;
	bool has_anchor, anchor_seen;
	bool anchor_bad; /* the defect is the anchor's own: of another trail, or not validly signed */
	int64_t last_seq;
	uint8_t hash[HC_SHA256_LEN];
	int64_t checked;
	bool done;
	char defect[256]; /* empty: none so far */
};
HC_CHECK enum hc_err hc_audit_check_slice(struct hc_audit *audit, struct hc_audit_check *check, size_t max);

const char *hc_audit_event_name(enum hc_audit_event event);

#endif
