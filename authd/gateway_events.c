/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's records on their way into the trail.
 *
 * State: what one connection has delivered and not yet ended, at most HC_EVENTS_MAX. Threats: a gateway that was
 * taken over and writes what it likes: it can name its own events only, and nobody else as the one who
 * acted; its texts are bounded and checked. And a delivery that is repeated, cut short or out of order:
 * numbers must rise, and the mark is written in the same transaction as the records. It must never answer
 * for a record that is not on disk.
 */
#include "gateway_events.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "hospiconnect/log.h"
#include "hospiconnect/reason.h"
#include "store/store.h"
#include "transaction.h"

#define CLOCKS_APART_MS 5000 /* how far the gateway's time may be off without being noted */
#define CLIENT_ID_MAX	64
#define DETAIL_MAX	512
#define DETAIL_CAP	(DETAIL_MAX + 64)	 /* with a time before it */
#define TIME_MAX_MS	INT64_C(253402300799999) /* the end of the year 9999 */

struct event {
	int64_t seq, time_ms, person_id;
	enum hc_audit_event event;
	bool success;
	enum hc_reason reason;
	char login[HC_LOGIN_MAX + 1], client_id[CLIENT_ID_MAX + 1], origin[HC_HOST_MAX + 8], actor[128 + 16],
		detail[DETAIL_MAX + 1];
};

struct hc_gateway_events {
	const struct hc_authd *authd; /* borrowed */
	struct hc_caller caller;
	size_t count;
	struct event events[HC_EVENTS_MAX];
};

enum hc_err hc_gateway_events_new(const struct hc_authd *authd, const struct hc_caller *caller,
				  struct hc_gateway_events **ret_events)
{
	struct hc_gateway_events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return HC_ERR_NOMEM;
	events->authd = authd;
	events->caller = *caller;
	*ret_events = events;
	return HC_OK;
}

void hc_gateway_events_free(struct hc_gateway_events **events)
{
	if (events == NULL)
		return;
	free(*events);
	*events = NULL;
}

/* ---- one record ---- */

static enum hc_err read_positive(const struct hc_msg *msg, enum hc_field field, int64_t max,
				 int64_t *ret_value)
{
	uint64_t value = 0;

	if (hc_msg_u64(msg, field, &value) != HC_OK || value == 0 || value > (uint64_t)max)
		return HC_ERR_PROTOCOL;
	*ret_value = (int64_t)value;
	return HC_OK;
}

/* Absent is empty; control characters and the like are in no text of ours. */
static enum hc_err read_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(msg, field, out, cap);

	if (err == HC_ERR_NOTFOUND)
		out[0] = '\0';
	else if (err != HC_OK || !hc_utf8_valid(out, strlen(out)))
		return HC_ERR_PROTOCOL;
	return HC_OK;
}

static enum hc_err read_event(const struct hc_msg *msg, enum hc_audit_event *ret_event)
{
	char name[33];

	if (hc_msg_text(msg, HC_FIELD_EVENT, name, sizeof(name)) != HC_OK)
		return HC_ERR_PROTOCOL;
#define EVENT_IS(event, text)                  \
	if (strcmp(name, text) == 0) {         \
		*ret_event = HC_AUDIT_##event; \
		return HC_OK;                  \
	}
	HC_GATEWAY_EVENTS(EVENT_IS)
#undef EVENT_IS
	return HC_ERR_PROTOCOL;
}

static enum hc_err read_outcome(const struct hc_msg *msg, struct event *event)
{
	char outcome[17];
	uint32_t reason = 0;

	if (hc_msg_text(msg, HC_FIELD_OUTCOME, outcome, sizeof(outcome)) != HC_OK ||
	    hc_msg_u32(msg, HC_FIELD_REASON, &reason) != HC_OK)
		return HC_ERR_PROTOCOL;
	event->success = strcmp(outcome, "success") == 0;
	if (!event->success && strcmp(outcome, "failure") != 0)
		return HC_ERR_PROTOCOL;
	return hc_reason_from_wire(reason, &event->reason);
}

static bool is_client_id(const char *text)
{
	return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] ==
	       '\0';
}

static enum hc_err read_origin(const struct hc_msg *msg, struct event *event)
{
	char text[257];
	struct hc_host host;

	if (read_text(msg, HC_FIELD_ORIGIN, text, sizeof(text)) != HC_OK ||
	    hc_host_parse(text, strlen(text), &host) != HC_OK)
		return HC_ERR_PROTOCOL;
	/* as in the records of sign-ins */
	if (host.text[0] != '\0')
		(void)snprintf(event->origin, sizeof(event->origin), "rhost=%s", host.text); /* fits */
	return HC_OK;
}

/* Who acted, in the gateway's word: an administrator of it, or nobody but itself. */
static enum hc_err read_actor(const struct hc_msg *msg, const struct hc_caller *caller, struct event *event)
{
	char actor[129];

	if (read_text(msg, HC_FIELD_ACTOR, actor, sizeof(actor)) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (actor[0] != '\0')
		(void)snprintf(event->actor, sizeof(event->actor), "gateway:%s", actor); /* fits */
	else
		(void)snprintf(event->actor, sizeof(event->actor), "%s", caller->actor); /* fits */
	return HC_OK;
}

static enum hc_err read_who(const struct hc_msg *msg, struct event *event)
{
	struct hc_login login;

	if (read_text(msg, HC_FIELD_LOGIN, event->login, sizeof(event->login)) != HC_OK ||
	    (event->login[0] != '\0' && hc_login_parse(event->login, strlen(event->login), &login) != HC_OK))
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_PERSON_ID) &&
	    read_positive(msg, HC_FIELD_PERSON_ID, INT64_MAX, &event->person_id) != HC_OK)
		return HC_ERR_PROTOCOL;
	return HC_OK;
}

static enum hc_err parse(const struct hc_msg *msg, const struct hc_caller *caller, struct event *ret_event)
{
	static const enum hc_field allowed[] = {
		HC_FIELD_SEQ,	 HC_FIELD_TIME_MS, HC_FIELD_EVENT,     HC_FIELD_OUTCOME,
		HC_FIELD_REASON, HC_FIELD_LOGIN,   HC_FIELD_PERSON_ID, HC_FIELD_CLIENT_ID,
		HC_FIELD_ORIGIN, HC_FIELD_ACTOR,   HC_FIELD_DETAIL,
	};
	struct event event = {0};

	if (hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    read_positive(msg, HC_FIELD_SEQ, INT64_MAX, &event.seq) != HC_OK ||
	    read_positive(msg, HC_FIELD_TIME_MS, TIME_MAX_MS, &event.time_ms) != HC_OK ||
	    read_event(msg, &event.event) != HC_OK || read_outcome(msg, &event) != HC_OK ||
	    read_who(msg, &event) != HC_OK || read_origin(msg, &event) != HC_OK ||
	    read_actor(msg, caller, &event) != HC_OK ||
	    read_text(msg, HC_FIELD_CLIENT_ID, event.client_id, sizeof(event.client_id)) != HC_OK ||
	    !is_client_id(event.client_id) ||
	    read_text(msg, HC_FIELD_DETAIL, event.detail, sizeof(event.detail)) != HC_OK)
		return HC_ERR_PROTOCOL;
	*ret_event = event;
	return HC_OK;
}

enum hc_err hc_gateway_events_add(struct hc_gateway_events *events, const struct hc_msg *msg)
{
	struct event event;

	if (events->count == HC_EVENTS_MAX || parse(msg, &events->caller, &event) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (events->count > 0 && event.seq <= events->events[events->count - 1].seq)
		return HC_ERR_PROTOCOL;
	events->events[events->count++] = event;
	return HC_OK;
}

/* ---- all of them ---- */

/*
 * Whether the trail has it. A number that is not above the mark but comes with a time beyond it is of a gateway
 * whose store was made anew, or restored from a copy: it counts from there again.
 */
static bool is_kept(const struct event *event, const struct hc_gateway_mark *mark)
{
	return event->seq <= mark->seq && event->time_ms <= mark->time_ms;
}

/* The gateway's own time, where it differs from the record's: it was delivered late, or a clock is wrong. */
static void add_time(const struct event *event, int64_t now_ms, char out[DETAIL_CAP])
{
	int64_t apart_ms = now_ms > event->time_ms ? now_ms - event->time_ms : event->time_ms - now_ms;
	time_t seconds = (time_t)(event->time_ms / 1000);
	char text[32];
	struct tm time;

	(void)snprintf(out, DETAIL_CAP, "%s", event->detail); /* fits */
	if (apart_ms <= CLOCKS_APART_MS || gmtime_r(&seconds, &time) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &time) == 0)
		return;
	(void)snprintf(out, DETAIL_CAP, "at %s%s%s", text, event->detail[0] != '\0' ? ": " : "",
		       event->detail); /* fits; the trail cuts it at a whole character */
}

/* The login of a person whom the gateway knows by number only; a removed one has none any more. */
static enum hc_err find_login(const struct hc_authd *authd, struct event *event)
{
	struct hc_person person;
	enum hc_err err = HC_OK;

	if (event->login[0] != '\0' || event->person_id == 0)
		return HC_OK;
	err = hc_store_person_by_id(authd->store, event->person_id, &person);
	if (err == HC_OK)
		(void)snprintf(event->login, sizeof(event->login), "%s", person.login.text); /* fits */
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static enum hc_err record(const struct hc_authd *authd, struct event *event)
{
	char detail[DETAIL_CAP];
	enum hc_err err = find_login(authd, event);
	const struct hc_audit_entry entry = {
		.event = event->event,
		.success = event->success,
		.reason = event->reason,
		.login = event->login,
		.service = event->client_id[0] != '\0' ? event->client_id : "gateway",
		.origin = event->origin,
		.actor = event->actor,
		.detail = detail,
	};

	add_time(event, hc_now_ms(authd->clock), detail);
	return err == HC_OK ? hc_audit_add(authd->audit, &entry) : err;
}

/* In the open transaction. */
static enum hc_err record_all(struct hc_gateway_events *events)
{
	const struct hc_authd *authd = events->authd;
	struct hc_gateway_mark old = {0}, mark = {0};
	enum hc_err err = hc_store_gateway_mark_get(authd->store, events->caller.uid, &old);
	bool any = false;

	mark.time_ms = old.time_ms;
	for (size_t i = 0; err == HC_OK && i < events->count; i++) {
		struct event *event = &events->events[i];

		if (is_kept(event, &old))
			continue;
		any = true;
		err = record(authd, event);
		mark.seq = event->seq;
		if (event->time_ms > mark.time_ms)
			mark.time_ms = event->time_ms;
	}
	if (err != HC_OK || !any)
		return err;
	return hc_store_gateway_mark_put(authd->store, events->caller.uid, &mark);
}

static enum hc_err keep_all(struct hc_gateway_events *events)
{
	enum hc_err err = hc_tx_begin(events->authd);

	if (err != HC_OK)
		return err;
	err = record_all(events);
	if (err == HC_OK)
		return hc_tx_commit(events->authd);
	hc_tx_rollback(events->authd);
	return err;
}

enum hc_err hc_gateway_events_commit(struct hc_gateway_events *events, const struct hc_msg *msg,
				     uint64_t *ret_seq)
{
	static const enum hc_field allowed[] = {HC_FIELD_SEQ};
	uint64_t seq = 0;
	enum hc_err err = HC_OK;

	if (events->count == 0 || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_u64(msg, HC_FIELD_SEQ, &seq) != HC_OK ||
	    seq != (uint64_t)events->events[events->count - 1].seq)
		return HC_ERR_PROTOCOL;
	err = keep_all(events);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "records of the gateway could not be kept",
		       HC_F_NUM("count", events->count), HC_F_TEXT("reason", hc_strerror(err)));
	else
		*ret_seq = seq;
	return err;
}
