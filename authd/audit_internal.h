/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUDIT_INTERNAL_H
#define HC_AUDIT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"

struct hc_secret;

/*
 * Private to the files of the audit trail and their tests.
 *
 * The end of the chain is kept twice: as committed, and as it will be once the records that were
 * added in the open transaction are committed with it.
 */
#define HC_AUDIT_HEAD_EVERY  256
#define HC_AUDIT_HEAD_AGE_MS (60 * 60 * 1000)

struct hc_audit_end {
	int64_t seq;
	uint8_t hash[HC_SHA256_LEN];
};

/* audit_syslog.c: a datagram socket to the local syslog; fd -1 while there is none. */
struct hc_audit_syslog {
	const char *path; /* static */
	int fd;
};

struct hc_audit {
	struct hc_store *store;
	const struct hc_clock *clock;
	struct hc_secret *seed;
	uint8_t public_key[HC_ED25519_LEN];
	struct hc_audit_end committed, pending;
	struct hc_audit_record *records; /* added, not yet committed */
	size_t record_count, record_cap;
	int64_t head_seq;   /* of the last head that was sent; -1: none yet */
	int64_t head_at_ms; /* monotonic */
	struct hc_audit_syslog syslog;
};

/* ---- audit_hash.c ---- */
/* hc_audit_hash: what record->hash must be behind a record whose hash is previous. */
HC_CHECK enum hc_err hc_audit_hash(const uint8_t previous[HC_SHA256_LEN],
				   const struct hc_audit_record *record, uint8_t out[HC_SHA256_LEN]);

/* ---- audit_head.c ---- */
/* hc_audit_load_key: the trail's signing key from the store, made and sealed there at first. */
HC_CHECK enum hc_err hc_audit_load_key(struct hc_audit *audit, const struct hc_seal *seal);
/* hc_audit_head_valid: HC_OK for a head with a good signature of its own key; HC_ERR_INVALID otherwise. */
HC_CHECK enum hc_err hc_audit_head_valid(const struct hc_audit_head *head);

/* ---- audit_syslog.c ---- */
void hc_audit_syslog_open(struct hc_audit_syslog *syslog, const char *path);
void hc_audit_syslog_close(struct hc_audit_syslog *syslog);
void hc_audit_syslog_record(struct hc_audit_syslog *syslog, const struct hc_audit_record *record);
void hc_audit_syslog_head(struct hc_audit_syslog *syslog, const struct hc_audit_head *head);

#endif
