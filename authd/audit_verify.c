/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of the trail, in slices. State: the caller's struct hc_audit_check.
 *
 * The chain is computed anew from the first record, with the encoding that appending uses. A record
 * that was changed, put in another's place, taken out or put in shows at the first place where the
 * chain does not hold. Who rewrites a record and every hash behind it, or cuts the tail, leaves a
 * chain that holds: that shows against a signed head which was kept elsewhere (the anchor). An
 * anchor counts only under this trail's own key, since anybody can sign with a key of his own.
 */
#include "audit_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"

#define SLICE_MAX 64

static void record_array_free(struct hc_audit_record **records)
{
	free(*records);
}

static void HC_PRINTF(2, 3) found(struct hc_audit_check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(check->defect, sizeof(check->defect), format, args);
	va_end(args);
	check->done = true;
}

static enum hc_err check_anchor(const struct hc_audit *audit, struct hc_audit_check *check)
{
	const struct hc_audit_head *anchor = &check->anchor;
	static const uint8_t beginning[HC_SHA256_LEN];

	if (!hc_bytes_equal(anchor->public_key, audit->public_key, HC_ED25519_LEN)) {
		check->anchor_bad = true;
		found(check, "the anchor is not of this trail: it names another signing key");
		return HC_OK;
	}
	const enum hc_err err = hc_audit_head_valid(anchor);
	if (err == HC_ERR_INVALID || anchor->seq < 0) {
		check->anchor_bad = true;
		found(check, "the anchor's signature is not valid: it was altered or damaged");
		return HC_OK;
	}
	/* A head of the empty trail stands before every record. */
	check->anchor_seen = anchor->seq == 0 && memcmp(anchor->hash, beginning, sizeof(beginning)) == 0;
	return err;
}

static void check_against_anchor(struct hc_audit_check *check, const struct hc_audit_record *record)
{
	if (!check->has_anchor || record->seq != check->anchor.seq)
		return;
	if (hc_bytes_equal(record->hash, check->anchor.hash, HC_SHA256_LEN)) {
		check->anchor_seen = true;
		return;
	}
	found(check,
	      "record %" PRId64 " is not the one that the anchor was made of: it, or one before it, was"
	      " changed and the chain computed anew",
	      record->seq);
}

static enum hc_err check_record(struct hc_audit_check *check, const struct hc_audit_record *record)
{
	uint8_t hash[HC_SHA256_LEN];
	const int64_t expected = check->last_seq + 1;

	if (record->seq != expected) {
		found(check, "record %" PRId64 " is missing: %" PRId64 " is followed by %" PRId64, expected,
		      check->last_seq, record->seq);
		return HC_OK;
	}
	const enum hc_err err = hc_audit_hash(check->hash, record, hash);
	if (err != HC_OK)
		return err;
	if (!hc_bytes_equal(hash, record->hash, HC_SHA256_LEN)) {
		found(check,
		      "record %" PRId64
		      " does not fit the chain: it was changed, or does not belong in this place",
		      record->seq);
		return HC_OK;
	}
	check->last_seq = record->seq;
	memcpy(check->hash, record->hash, HC_SHA256_LEN);
	check->checked++;
	check_against_anchor(check, record);
	return HC_OK;
}

/* The stored records are through: do they reach as far as they must? */
static void check_tail(const struct hc_audit *audit, struct hc_audit_check *check)
{
	const int64_t end = check->has_anchor && check->anchor.seq > audit->committed.seq
				    ? check->anchor.seq
				    : audit->committed.seq;

	check->done = true;
	if (check->last_seq < end)
		found(check,
		      "the tail is cut: the trail ends with record %" PRId64 ", records %" PRId64
		      " to %" PRId64 " are missing",
		      check->last_seq, check->last_seq + 1, end);
	else if (check->has_anchor && !check->anchor_seen)
		found(check, "the anchor's record %" PRId64 " was not met", check->anchor.seq);
}

/* A row that cannot be read is a defect of the trail; read one by one it shows which it is. */
static enum hc_err read_slice(struct hc_audit *audit, struct hc_audit_check *check, size_t *want,
			      struct hc_audit_record *records, size_t *ret_count)
{
	enum hc_err err = hc_store_audit_list(audit->store, check->last_seq, *want, records, ret_count);

	if (err != HC_ERR_CORRUPT)
		return err;
	*want = 1;
	err = hc_store_audit_list(audit->store, check->last_seq, *want, records, ret_count);
	if (err != HC_ERR_CORRUPT)
		return err;
	found(check, "record %" PRId64 " cannot be read: its row is damaged", check->last_seq + 1);
	return HC_OK;
}

enum hc_err hc_audit_check_slice(struct hc_audit *audit, struct hc_audit_check *check, size_t max)
{
	size_t want = max == 0 || max > SLICE_MAX ? SLICE_MAX : max;
	struct hc_audit_record *records HC_CLEANUP(record_array_free) = calloc(want, sizeof(*records));
	size_t count = 0;
	enum hc_err err = HC_OK;

	if (records == NULL)
		return HC_ERR_NOMEM;
	if (check->has_anchor && check->last_seq == 0 && !check->done)
		err = check_anchor(audit, check);
	if (err == HC_OK && !check->done)
		err = read_slice(audit, check, &want, records, &count);
	for (size_t i = 0; err == HC_OK && !check->done && i < count; i++)
		err = check_record(check, &records[i]);
	if (err == HC_OK && !check->done && count < want)
		check_tail(audit, check);
	return err;
}
