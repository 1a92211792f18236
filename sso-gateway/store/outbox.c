/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit records that wait for the broker. No state. A record is a row that is written in the member of
 * the act, and that nothing but hc_outbox_drop deletes: the purge does not know the table. Rows leave
 * from the front alone, so the numbers of those that wait have no gap and two look-ups count them.
 *
 * Threats: a proof that is lost or delivered in another order (one writer numbers them, AUTOINCREMENT never
 * gives a number twice, also when the table was emptied), a stranger who fills the disk with refusals
 * while the broker is away, or whose refusals leave no room for the acts of people (refusals have half
 * of the room).
 */
#include "outbox.h"

#include <string.h>

#include "db.h"

static const char *const names[] = {
#define EVENT_NAME(name, text) [HC_OUTBOX_##name] = (text),
	HC_OUTBOX_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

static bool is_bounded(const char *text, size_t cap)
{
	return memchr(text, '\0', cap) != NULL;
}

static bool is_valid(const struct hc_outbox_record *record)
{
	return (unsigned)record->event < HC_OUTBOX_EVENT_COUNT && record->person_id >= 0 &&
	       is_bounded(record->login, sizeof(record->login)) &&
	       is_bounded(record->client_id, sizeof(record->client_id)) &&
	       is_bounded(record->origin, sizeof(record->origin)) &&
	       is_bounded(record->actor, sizeof(record->actor)) &&
	       is_bounded(record->detail, sizeof(record->detail));
}

/* What anybody may cause without being anybody. */
static int64_t room_for(enum hc_outbox_event event)
{
	return event == HC_OUTBOX_CLIENT_REFUSED ? HC_OUTBOX_MAX / 2 : HC_OUTBOX_MAX;
}

enum hc_err hc_outbox_add(struct hc_gstore_tx *tx, const struct hc_outbox_record *record)
{
	if (!is_valid(record))
		return HC_ERR_INVALID;
	HC_QUERY(query, &tx->view.db, HC_GSQL_OUTBOX_ADD);
	hc_query_bind_int64(&query, record->time_ms);
	hc_query_bind_text(&query, names[record->event]);
	hc_query_bind_int64(&query, record->success ? 1 : 0);
	hc_query_bind_int64(&query, record->reason);
	hc_query_bind_int64(&query, record->person_id);
	hc_query_bind_text(&query, record->login);
	hc_query_bind_text(&query, record->client_id);
	hc_query_bind_text(&query, record->origin);
	hc_query_bind_text(&query, record->actor);
	hc_query_bind_text(&query, record->detail);
	hc_query_bind_int64(&query, room_for(record->event));
	return hc_query_run_one(&query, HC_ERR_FULL);
}

/* A name that this version does not know: HC_OUTBOX_EVENT_COUNT. */
static enum hc_outbox_event event_of(const char *name)
{
	size_t i = 0;

	while (i < HC_OUTBOX_EVENT_COUNT && strcmp(names[i], name) != 0)
		i++;
	return (enum hc_outbox_event)i;
}

static void read_record(struct hc_query *query, struct hc_outbox_record *record)
{
	char event[32] = "";

	memset(record, 0, sizeof(*record));
	record->seq = hc_query_range(query, 1, INT64_MAX);
	record->time_ms = hc_query_int64(query);
	hc_query_text(query, event, sizeof(event));
	record->event = event_of(event);
	if (record->event == HC_OUTBOX_EVENT_COUNT)
		hc_query_contradiction(query);
	record->success = hc_query_range(query, 0, 1) == 1;
	record->reason = (enum hc_reason)hc_query_range(query, 0, 999);
	record->person_id = hc_query_range(query, 0, INT64_MAX);
	hc_query_text(query, record->login, sizeof(record->login));
	hc_query_text(query, record->client_id, sizeof(record->client_id));
	hc_query_text(query, record->origin, sizeof(record->origin));
	hc_query_text(query, record->actor, sizeof(record->actor));
	hc_query_text(query, record->detail, sizeof(record->detail));
}

enum hc_err hc_outbox_list(struct hc_gstore_view *view, size_t max, struct hc_outbox_record *out,
			   size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &view->db, HC_GSQL_OUTBOX_LIST);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_record(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}

enum hc_err hc_outbox_drop(struct hc_gstore_tx *tx, int64_t seq)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_OUTBOX_DROP);

	hc_query_bind_int64(&query, seq);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_outbox_waiting(struct hc_gstore_view *view, int64_t *ret_count)
{
	HC_QUERY(query, &view->db, HC_GSQL_OUTBOX_WAITING);

	return hc_query_number(&query, 0, INT64_MAX, ret_count);
}
