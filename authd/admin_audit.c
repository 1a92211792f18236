/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail, read and verified by an administrator.
 *
 * State: where the walk along the trail stands. Trails are long: each call reads one slice, and only
 * rows that match are sent. With a limit the newest matching records are wanted, in their order, so a
 * first walk counts them and a second one skips what is too much; nothing but numbers is kept between.
 */
#include <string.h>

#include "admin_job.h"

struct list {
	struct hc_audit_record rows[HC_ADMIN_SLICE];
	size_t count, next;
	int64_t after;
	int64_t since_ms;
	char login[HC_LOGIN_MAX + 1], event[33]; /* empty: any */
	uint32_t limit;				 /* 0: none */
	bool counting;
	uint64_t matching, skip;
};

static bool matches(const struct list *list, const struct hc_audit_record *record)
{
	return record->time_ms >= list->since_ms &&
	       (list->login[0] == '\0' || strcmp(list->login, record->login) == 0) &&
	       (list->event[0] == '\0' || strcmp(list->event, record->event) == 0);
}

static void put_record(struct hc_msg *out, const struct hc_audit_record *record)
{
	hc_msg_put_u64(out, HC_FIELD_SEQ, (uint64_t)record->seq);
	hc_msg_put_u64(out, HC_FIELD_TIME_MS, (uint64_t)record->time_ms);
	hc_msg_put_text(out, HC_FIELD_EVENT, record->event);
	hc_msg_put_text(out, HC_FIELD_OUTCOME, record->outcome);
	hc_msg_put_u32(out, HC_FIELD_REASON, record->reason);
	hc_msg_put_text(out, HC_FIELD_LOGIN, record->login);
	hc_msg_put_text(out, HC_FIELD_FACTOR, record->factor);
	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, record->credential);
	hc_msg_put_text(out, HC_FIELD_SERVICE, record->service);
	hc_msg_put_text(out, HC_FIELD_ORIGIN, record->origin);
	hc_msg_put_text(out, HC_FIELD_ACTOR, record->actor);
	hc_msg_put_text(out, HC_FIELD_DETAIL, record->detail);
	hc_msg_put_bytes(out, HC_FIELD_HASH, record->hash, sizeof(record->hash));
}

static enum hc_err read_slice(struct hc_admin_job *job, struct list *list)
{
	enum hc_err err =
		hc_store_audit_list(job->authd->store, list->after, HC_ADMIN_SLICE, list->rows, &list->count);

	list->next = 0;
	if (err == HC_OK && list->count > 0)
		list->after = list->rows[list->count - 1].seq;
	return err;
}

/* One slice of the first walk; at its end the second begins. */
static enum hc_err count_slice(struct hc_admin_job *job, struct list *list)
{
	enum hc_err err = read_slice(job, list);

	if (err != HC_OK)
		return err;
	for (size_t i = 0; i < list->count; i++)
		list->matching += matches(list, &list->rows[i]) ? 1 : 0;
	if (list->count == 0) {
		list->counting = false;
		list->after = 0;
		list->skip = list->matching > list->limit ? list->matching - list->limit : 0;
	}
	list->next = list->count;
	return HC_OK;
}

static enum hc_err produce_list(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct list *list = job->answer.state;

	if (list->counting)
		return count_slice(job, list);
	if (list->next == list->count) {
		enum hc_err err = read_slice(job, list);

		if (err != HC_OK)
			return err;
		*ret_more = list->count > 0;
	}
	while (list->next < list->count && !*ret_ready) {
		const struct hc_audit_record *record = &list->rows[list->next++];

		if (!matches(list, record))
			continue;
		if (list->skip > 0) {
			list->skip--;
			continue;
		}
		put_record(out, record);
		*ret_ready = true;
	}
	return HC_OK;
}

static bool is_event(const char *name)
{
#define EVENT_IS(constant, text)       \
	if (strcmp(name, (text)) == 0) \
		return true;
	HC_AUDIT_EVENTS(EVENT_IS)
#undef EVENT_IS
	return false;
}

void hc_admin_audit_list(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct list *list = hc_admin_rows(job, sizeof(*list), produce_list);

	if (list == NULL)
		return;
	if (!hc_answer_time(&job->answer, request, HC_FIELD_SINCE_MS, "since", &list->since_ms) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_LOGIN, "user", list->login,
			    sizeof(list->login)) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_EVENT, "event", list->event,
			    sizeof(list->event)) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_LIMIT, "limit", 0, &list->limit))
		return;
	if (list->event[0] != '\0' && !is_event(list->event)) {
		hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_INVALID_VALUE, "event");
		return;
	}
	list->counting = list->limit > 0;
}

/* ---- the signed head ---- */

static enum hc_err produce_head(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct hc_audit_head *head = job->answer.state;

	hc_msg_put_u64(out, HC_FIELD_SEQ, (uint64_t)head->seq);
	hc_msg_put_u64(out, HC_FIELD_TIME_MS, (uint64_t)head->time_ms);
	hc_msg_put_bytes(out, HC_FIELD_HASH, head->hash, sizeof(head->hash));
	hc_msg_put_bytes(out, HC_FIELD_PUBLIC_KEY, head->public_key, sizeof(head->public_key));
	hc_msg_put_bytes(out, HC_FIELD_SIGNATURE, head->signature, sizeof(head->signature));
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

void hc_admin_audit_head(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_audit_head *head = hc_admin_rows(job, sizeof(*head), produce_head);
	enum hc_err err;

	(void)request; /* has no fields */
	if (head == NULL)
		return;
	err = hc_audit_head(job->authd->audit, head);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
}

/* ---- verification ---- */

static enum hc_err produce_check(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct hc_audit_check *check = job->answer.state;
	enum hc_err err = hc_audit_check_slice(job->authd->audit, check, HC_ADMIN_SLICE);

	(void)out;	 /* no rows: the END tells it all */
	(void)ret_ready; /* stays false */
	if (err != HC_OK)
		return err;
	job->answer.count = (uint64_t)check->checked;
	*ret_more = !check->done;
	if (!check->done || check->defect[0] == '\0')
		return HC_OK;
	if (check->anchor_bad)
		hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_ANCHOR_INVALID, NULL);
	else
		hc_answer_refuse(&job->answer, HC_ERR_CORRUPT, HC_REASON_AUDIT_BROKEN, check->defect);
	return HC_OK;
}

static bool read_fixed(const struct hc_msg *request, enum hc_field field, uint8_t *out, size_t len)
{
	const uint8_t *view;
	size_t found;

	if (hc_msg_bytes(request, field, &view, &found) != HC_OK || found != len)
		return false;
	memcpy(out, view, len);
	return true;
}

static bool read_anchor(const struct hc_msg *request, struct hc_audit_head *anchor)
{
	uint64_t seq, time_ms;

	if (hc_msg_u64(request, HC_FIELD_SEQ, &seq) != HC_OK || seq > INT64_MAX ||
	    hc_msg_u64(request, HC_FIELD_TIME_MS, &time_ms) != HC_OK || time_ms > INT64_MAX)
		return false;
	anchor->seq = (int64_t)seq;
	anchor->time_ms = (int64_t)time_ms;
	return read_fixed(request, HC_FIELD_HASH, anchor->hash, sizeof(anchor->hash)) &&
	       read_fixed(request, HC_FIELD_PUBLIC_KEY, anchor->public_key, sizeof(anchor->public_key)) &&
	       read_fixed(request, HC_FIELD_SIGNATURE, anchor->signature, sizeof(anchor->signature));
}

void hc_admin_audit_verify(struct hc_admin_job *job, const struct hc_msg *request)
{
	static const enum hc_field fields[] = {HC_FIELD_SEQ, HC_FIELD_TIME_MS, HC_FIELD_HASH,
					       HC_FIELD_PUBLIC_KEY, HC_FIELD_SIGNATURE};
	struct hc_audit_check *check = hc_admin_rows(job, sizeof(*check), produce_check);

	if (check == NULL)
		return;
	for (size_t i = 0; i < HC_COUNT(fields); i++)
		check->has_anchor |= hc_msg_has(request, fields[i]);
	if (check->has_anchor && !read_anchor(request, &check->anchor))
		hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_ANCHOR_INVALID, NULL);
}
