/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: appending. State: the end of the chain, as committed and as pending in the
 * caller's transaction, and the records that wait for its end.
 *
 * A record is part of the decision that it tells of: both are on disk, or neither. What goes to
 * syslog goes there after the commit, so that syslog never tells of something that did not happen.
 * Threats: texts from outside that would break a line or pass for another field (made harmless
 * here), a trail edited behind our back (the chain, audit_verify.c). Secrets cannot come here: no
 * parameter takes one.
 */
#include "audit_internal.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

const char *hc_audit_event_name(enum hc_audit_event event)
{
	switch (event) {
#define EVENT_NAME(name, text) \
	case HC_AUDIT_##name:  \
		return text;
		HC_AUDIT_EVENTS(EVENT_NAME)
#undef EVENT_NAME
	}
	return "unknown";
}

static enum hc_err load_end(struct hc_audit *audit)
{
	struct hc_audit_record last;
	const enum hc_err err = hc_store_audit_last(audit->store, &last);

	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	if (err != HC_OK)
		return err;
	audit->committed.seq = last.seq;
	memcpy(audit->committed.hash, last.hash, sizeof(last.hash));
	return HC_OK;
}

enum hc_err hc_audit_open(struct hc_store *store, const struct hc_seal *seal, const struct hc_clock *clock,
			  struct hc_audit **ret_audit)
{
	HC_AUTO(audit) audit = calloc(1, sizeof(*audit));

	if (audit == NULL)
		return HC_ERR_NOMEM;
	audit->store = store;
	audit->clock = clock;
	audit->head_seq = -1;
	audit->head_at_ms = hc_mono_ms(clock);
	hc_audit_syslog_open(&audit->syslog, "/dev/log");
	enum hc_err err = load_end(audit);
	if (err == HC_OK)
		err = hc_audit_load_key(audit, seal);
	audit->pending = audit->committed;
	if (err == HC_OK)
		*ret_audit = hc_steal_ptr(&audit);
	return err;
}

void hc_audit_free(struct hc_audit **audit)
{
	if (audit == NULL || *audit == NULL)
		return;
	hc_audit_syslog_close(&(*audit)->syslog);
	hc_secret_free(&(*audit)->seed);
	free((*audit)->records);
	free(*audit);
	*audit = NULL;
}

/* The longest start of text that fits into cap and ends with a whole character. */
static size_t whole_characters(const char *text, size_t cap)
{
	size_t len = strlen(text);

	if (len < cap)
		return len;
	len = cap - 1;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* Copies a text of the caller's; one that is not clean UTF-8 is kept in escaped form. */
static void take_text(const char *text, char *out, size_t cap)
{
	if (text == NULL)
		text = "";
	const size_t len = whole_characters(text, cap);
	if (!hc_utf8_valid(text, len)) {
		hc_escape(text, out, cap);
		return;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}
#define TAKE_TEXT(from, field) take_text((from), (field), sizeof(field))

static void fill(struct hc_audit_record *record, const struct hc_audit_entry *entry)
{
	TAKE_TEXT(hc_audit_event_name(entry->event), record->event);
	TAKE_TEXT(entry->success ? "success" : "failure", record->outcome);
	record->reason = (uint32_t)entry->reason;
	TAKE_TEXT(entry->login, record->login);
	TAKE_TEXT(entry->factor, record->factor);
	TAKE_TEXT(entry->credential, record->credential);
	TAKE_TEXT(entry->service, record->service);
	TAKE_TEXT(entry->origin, record->origin);
	TAKE_TEXT(entry->actor, record->actor);
	TAKE_TEXT(entry->detail, record->detail);
}

/* A place for one more record that waits for its commit. */
static struct hc_audit_record *next_record(struct hc_audit *audit)
{
	if (audit->record_count == audit->record_cap) {
		const size_t cap = audit->record_cap == 0 ? 4 : 2 * audit->record_cap;
		struct hc_audit_record *records = reallocarray(audit->records, cap, sizeof(*records));

		if (records == NULL)
			return NULL;
		audit->records = records;
		audit->record_cap = cap;
	}
	struct hc_audit_record *record = &audit->records[audit->record_count];
	memset(record, 0, sizeof(*record));
	return record;
}

enum hc_err hc_audit_add(struct hc_audit *audit, const struct hc_audit_entry *entry)
{
	struct hc_audit_record *record = next_record(audit);

	if (record == NULL)
		return HC_ERR_NOMEM;
	fill(record, entry);
	record->seq = audit->pending.seq + 1;
	record->time_ms = hc_now_ms(audit->clock);
	enum hc_err err = hc_audit_hash(audit->pending.hash, record, record->hash);
	if (err == HC_OK)
		err = hc_store_audit_append(audit->store, record);
	if (err != HC_OK)
		return err;
	audit->pending.seq = record->seq;
	memcpy(audit->pending.hash, record->hash, sizeof(record->hash));
	audit->record_count++;
	return HC_OK;
}

/* The room for a burst is given back: an import must not cost memory for ever. */
static void forget_records(struct hc_audit *audit)
{
	audit->record_count = 0;
	if (audit->record_cap > 16) {
		free(audit->records);
		audit->records = NULL;
		audit->record_cap = 0;
	}
}

static bool head_due(const struct hc_audit *audit, int64_t seq_before)
{
	return audit->committed.seq / HC_AUDIT_HEAD_EVERY != seq_before / HC_AUDIT_HEAD_EVERY ||
	       hc_mono_ms(audit->clock) - audit->head_at_ms >= HC_AUDIT_HEAD_AGE_MS;
}

void hc_audit_committed(struct hc_audit *audit)
{
	const int64_t seq_before = audit->committed.seq;

	if (audit->record_count == 0)
		return;
	audit->committed = audit->pending;
	for (size_t i = 0; i < audit->record_count; i++)
		hc_audit_syslog_record(&audit->syslog, &audit->records[i]);
	forget_records(audit);
	if (head_due(audit, seq_before))
		hc_audit_emit_head(audit);
}

void hc_audit_rolled_back(struct hc_audit *audit)
{
	audit->pending = audit->committed;
	forget_records(audit);
}

enum hc_err hc_audit_note(struct hc_audit *audit, const struct hc_audit_entry *entry)
{
	enum hc_err err = hc_store_begin(audit->store);

	if (err != HC_OK)
		return err;
	err = hc_audit_add(audit, entry);
	if (err == HC_OK)
		err = hc_store_commit(audit->store);
	else
		hc_store_rollback(audit->store);
	if (err == HC_OK)
		hc_audit_committed(audit);
	else
		hc_audit_rolled_back(audit);
	return err;
}
