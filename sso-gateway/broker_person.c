/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about people, over a few connections that are kept.
 *
 * State: the questions that wait, and at most HC_BROKER_LINES connections with one question each. Threats: an
 * answer that belongs to another question (it must name the person who was asked about), a broker that is
 * away (everybody who waits is told at once), more questions than it answers (bounded). A connection that
 * had answered before and is found closed has gone stale: its question is asked once more on a new one.
 */
#include "broker_internal.h"

#include <stdlib.h>
#include <string.h>

static void pump(struct hc_broker_link *link);

/* ---- the list ---- */

static struct hc_person_ask *take_first(struct hc_broker_link *link)
{
	struct hc_person_ask *ask = link->waiting;

	if (ask == NULL)
		return NULL;
	link->waiting = ask->next;
	if (link->waiting == NULL)
		link->waiting_end = &link->waiting;
	ask->next = NULL;
	return ask;
}

static void put_first(struct hc_broker_link *link, struct hc_person_ask *ask)
{
	ask->next = link->waiting;
	if (link->waiting == NULL)
		link->waiting_end = &ask->next;
	link->waiting = ask;
}

static void answer(struct hc_broker_link *link, struct hc_person_ask *ask, enum hc_err err,
		   const struct hc_person_answer *what)
{
	hc_person_fn fn = ask->fn;
	void *ctx = ask->ctx;

	link->ask_count--;
	free(ask);
	fn(err, err == HC_OK ? what : NULL, ctx);
}

/* All that wait now; what they ask anew from within waits for the next round. */
static void fail_waiting(struct hc_broker_link *link, enum hc_err err)
{
	struct hc_person_ask *ask = link->waiting;

	link->waiting = NULL;
	link->waiting_end = &link->waiting;
	while (ask != NULL) {
		struct hc_person_ask *next = ask->next;

		answer(link, ask, err, NULL);
		ask = next;
	}
}

/* ---- one connection ---- */

static void ask_on(struct hc_person_line *line, struct hc_person_ask *ask)
{
	struct hc_msg *msg = line->link->channels.outgoing;

	line->ask = ask;
	hc_msg_init(msg, HC_MSG_PERSON_GET);
	hc_msg_put_u64(msg, HC_FIELD_PERSON_ID, (uint64_t)ask->person_id);
	if (hc_channel_send(line->channel, msg) != HC_OK)
		hc_channel_abort(line->channel, HC_ERR_PROTOCOL);
	hc_channel_expect(line->channel, HC_BROKER_FIRST_ANSWER_MS, HC_BROKER_WAIT_MAX_MS);
}

static void on_ready(void *ctx)
{
	struct hc_person_line *line = ctx;

	line->ready = true;
	hc_channel_expect(line->channel, HC_BROKER_LINE_MS, HC_CHANNEL_NEVER);
	pump(line->link);
}

static enum hc_err read_answer(const struct hc_msg *msg, int64_t person_id,
			       struct hc_person_answer *ret_answer)
{
	static const enum hc_field allowed[] = {
		HC_FIELD_VERDICT,    HC_FIELD_REASON,	    HC_FIELD_PERSON_ID,	  HC_FIELD_LOGIN,
		HC_FIELD_STATE,	     HC_FIELD_GIVEN_NAME,   HC_FIELD_FAMILY_NAME, HC_FIELD_NATIONAL_ID,
		HC_FIELD_PROFESSION, HC_FIELD_ORGANIZATION,
	};
	struct hc_person_answer found = {.exists = true};
	enum hc_verdict verdict = HC_DENY;

	if (msg->type != HC_MSG_PERSON || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_broker_read_verdict(msg, &verdict, &found.reason) != HC_OK)
		return HC_ERR_PROTOCOL;
	switch (verdict) {
	case HC_ALLOW:
		found.may_sign_in = true;
		break;
	case HC_DENY:
	case HC_DENY_LOCKED:
	case HC_DENY_EXPIRED:
		break;
	case HC_DENY_UNKNOWN:
		found.exists = false;
		*ret_answer = found;
		return HC_OK;
	case HC_DENY_UNAVAILABLE:
	case HC_DENY_CONVERSATION:
	case HC_DENY_CONFIG:
	case HC_DENY_NOMEM:
		return HC_ERR_AWAY; /* it is there, and cannot tell */
	case HC_EXEMPT:
	case HC_GRACE:
		return HC_ERR_PROTOCOL;
	}
	if (hc_broker_read_person(msg, &found.person) != HC_OK || found.person.id != person_id)
		return HC_ERR_PROTOCOL;
	*ret_answer = found;
	return HC_OK;
}

static void on_message(const struct hc_msg *msg, void *ctx)
{
	struct hc_person_line *line = ctx;
	struct hc_broker_link *link = line->link;
	struct hc_person_ask *ask = line->ask;
	struct hc_person_answer found = {.exists = false};
	enum hc_err err = HC_ERR_PROTOCOL;

	if (ask != NULL && msg->type == HC_MSG_KEEPALIVE)
		return;
	if (ask != NULL)
		err = read_answer(msg, ask->person_id, &found);
	if (err == HC_ERR_PROTOCOL) {
		hc_channel_abort(line->channel, err);
		return;
	}
	line->ask = NULL;
	line->used = true;
	hc_channel_rest(line->channel);
	hc_channel_expect(line->channel, HC_BROKER_LINE_MS, HC_CHANNEL_NEVER);
	answer(link, ask, err, &found);
	pump(link);
}

static void on_ended(enum hc_err err, void *ctx)
{
	struct hc_person_line *line = ctx;
	struct hc_broker_link *link = line->link;
	struct hc_person_ask *ask = hc_steal_ptr(&line->ask);
	bool stale = line->used && (err == HC_ERR_CLOSED || err == HC_ERR_IO);
	bool connected = line->ready;

	hc_channel_free(&line->channel);
	line->ready = false;
	line->used = false;
	if (ask != NULL && stale)
		put_first(link, ask); /* at most once a connection: a new one has not answered before */
	else if (ask != NULL)
		answer(link, ask, hc_broker_err(err), NULL);
	/* A broker that nobody reaches, or that does not answer: nobody else waits for the same. */
	if (!connected || (ask != NULL && err == HC_ERR_TIMEOUT))
		fail_waiting(link, hc_broker_err(err));
	pump(link);
}

/* ---- giving out ---- */

static struct hc_person_line *free_line(struct hc_broker_link *link)
{
	for (size_t i = 0; i < HC_COUNT(link->lines); i++) {
		if (link->lines[i].ready && link->lines[i].ask == NULL)
			return &link->lines[i];
	}
	return NULL;
}

/* One more connection, unless as many are being made as there are questions. */
static enum hc_err open_line(struct hc_broker_link *link, size_t waiting)
{
	static const struct hc_channel_hooks hooks = {
		.ready = on_ready, .message = on_message, .ended = on_ended};
	struct hc_person_line *closed = NULL;

	for (size_t i = 0; i < HC_COUNT(link->lines); i++) {
		struct hc_person_line *line = &link->lines[i];

		if (line->channel == NULL)
			closed = line;
		else if (!line->ready && waiting > 0)
			waiting--;
	}
	if (closed == NULL || waiting == 0)
		return HC_OK;
	return hc_channel_open(&link->channels, &hooks, closed, &closed->channel);
}

static size_t count_waiting(const struct hc_broker_link *link)
{
	size_t count = 0;

	for (const struct hc_person_ask *ask = link->waiting; ask != NULL && count < HC_BROKER_LINES;
	     ask = ask->next)
		count++;
	return count;
}

static bool has_line(const struct hc_broker_link *link)
{
	for (size_t i = 0; i < HC_COUNT(link->lines); i++) {
		if (link->lines[i].channel != NULL)
			return true;
	}
	return false;
}

/* No callback runs in here unless memory is short and no connection is left that could answer. */
static void pump(struct hc_broker_link *link)
{
	struct hc_person_line *line = NULL;

	while (link->waiting != NULL && (line = free_line(link)) != NULL)
		ask_on(line, take_first(link));
	if (link->waiting != NULL && open_line(link, count_waiting(link)) != HC_OK && !has_line(link))
		fail_waiting(link, HC_ERR_NOMEM);
}

enum hc_err hc_broker_person_ask(struct hc_broker_link *link, int64_t person_id, hc_person_fn fn, void *ctx)
{
	struct hc_person_ask *ask = NULL;

	if (link->ask_count >= HC_BROKER_ASKS_MAX)
		return HC_ERR_FULL;
	/* The connection first: with one there, nothing below can fail inside of this call. */
	if (free_line(link) == NULL && open_line(link, count_waiting(link) + 1) != HC_OK && !has_line(link))
		return HC_ERR_NOMEM;
	ask = calloc(1, sizeof(*ask));
	if (ask == NULL)
		return HC_ERR_NOMEM;
	*ask = (struct hc_person_ask){.person_id = person_id, .fn = fn, .ctx = ctx};
	*link->waiting_end = ask;
	link->waiting_end = &ask->next;
	link->ask_count++;
	pump(link);
	return HC_OK;
}

void hc_broker_asks_clear(struct hc_broker_link *link)
{
	struct hc_person_ask *ask = NULL;

	while ((ask = take_first(link)) != NULL)
		free(ask);
	for (size_t i = 0; i < HC_COUNT(link->lines); i++) {
		free(hc_steal_ptr(&link->lines[i].ask));
		hc_channel_free(&link->lines[i].channel);
	}
	link->ask_count = 0;
}
