/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of audit records: one batch a connection, all of it kept by the broker in one transaction.
 *
 * State: the batch, and how much of it was sent. Threats: a record that the broker would refuse for its form, and
 * that would hold up all behind it for ever: texts go through the same checks here and are escaped where
 * they do not pass. The only thing that counts as delivered is the broker's answer with the last number.
 */
#include "broker_internal.h"

#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "store/outbox.h"

static const char *event_name(enum hc_outbox_event event)
{
	switch (event) {
#define EVENT_NAME(name, text) \
	case HC_OUTBOX_##name: \
		return text;
		HC_OUTBOX_EVENTS(EVENT_NAME)
#undef EVENT_NAME
	case HC_OUTBOX_EVENT_COUNT:
		break;
	}
	return "";
}

/* The start of a text that is none, escaped, in the room that every field has. */
static void put_clean(struct hc_msg *msg, enum hc_field field, const char *text)
{
	char clean[HC_OUTBOX_ACTOR_MAX + 1];

	if (hc_utf8_valid(text, strlen(text))) {
		hc_msg_put_text(msg, field, text);
		return;
	}
	hc_escape(text, clean, sizeof(clean));
	hc_msg_put_text(msg, field, clean);
}

/* Names and addresses that are none are left out. */
static void put_login(struct hc_msg *msg, const char *text)
{
	struct hc_login login;

	if (hc_login_parse(text, strlen(text), &login) == HC_OK)
		hc_msg_put_text(msg, HC_FIELD_LOGIN, login.text);
}

static void put_origin(struct hc_msg *msg, const char *text)
{
	struct hc_host host;

	if (hc_host_parse(text, strlen(text), &host) == HC_OK)
		hc_msg_put_text(msg, HC_FIELD_ORIGIN, host.text);
}

static void put_client(struct hc_msg *msg, const char *text)
{
	if (text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0')
		hc_msg_put_text(msg, HC_FIELD_CLIENT_ID, text);
}

static void put_record(struct hc_msg *msg, const struct hc_outbox_record *record)
{
	enum hc_reason reason = HC_REASON_NONE;

	if (hc_reason_from_wire((uint32_t)record->reason, &reason) != HC_OK)
		reason = HC_REASON_INTERNAL;
	hc_msg_init(msg, HC_MSG_EVENT);
	hc_msg_put_u64(msg, HC_FIELD_SEQ, (uint64_t)record->seq);
	hc_msg_put_u64(msg, HC_FIELD_TIME_MS, record->time_ms > 0 ? (uint64_t)record->time_ms : 1);
	hc_msg_put_text(msg, HC_FIELD_EVENT, event_name(record->event));
	hc_msg_put_text(msg, HC_FIELD_OUTCOME, record->success ? "success" : "failure");
	hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)reason);
	put_login(msg, record->login);
	if (record->person_id > 0)
		hc_msg_put_u64(msg, HC_FIELD_PERSON_ID, (uint64_t)record->person_id);
	put_client(msg, record->client_id);
	put_origin(msg, record->origin);
	put_clean(msg, HC_FIELD_ACTOR, record->actor);
	put_clean(msg, HC_FIELD_DETAIL, record->detail);
}

static enum hc_err send_end(struct hc_broker_link *link)
{
	const struct hc_broker_delivery *delivery = &link->delivery;

	hc_msg_init(link->channels.outgoing, HC_MSG_EVENTS_END);
	hc_msg_put_u64(link->channels.outgoing, HC_FIELD_SEQ,
		       (uint64_t)delivery->records[delivery->count - 1].seq);
	return hc_channel_send(delivery->channel, link->channels.outgoing);
}

/* As much as the socket takes; on_drained goes on. */
static void send_more(struct hc_broker_link *link)
{
	struct hc_broker_delivery *delivery = &link->delivery;
	enum hc_err err = HC_OK;

	while (err == HC_OK && delivery->sent <= delivery->count && hc_channel_idle(delivery->channel)) {
		if (delivery->sent == delivery->count) {
			err = send_end(link);
		} else {
			put_record(link->channels.outgoing, &delivery->records[delivery->sent]);
			err = hc_channel_send(delivery->channel, link->channels.outgoing);
		}
		delivery->sent++;
	}
	if (err != HC_OK)
		hc_channel_abort(delivery->channel, HC_ERR_PROTOCOL);
}

static void on_ready(void *ctx)
{
	struct hc_broker_link *link = ctx;

	hc_channel_expect(link->delivery.channel, HC_BROKER_COMMIT_MS, HC_BROKER_COMMIT_MS);
	send_more(link);
}

static void on_drained(void *ctx)
{
	send_more(ctx);
}

static void finish(struct hc_broker_link *link, enum hc_err err)
{
	struct hc_broker_delivery delivery = link->delivery;

	link->delivery = (struct hc_broker_delivery){0};
	hc_channel_free(&delivery.channel);
	delivery.fn(err, delivery.ctx);
}

static bool is_kept(const struct hc_broker_delivery *delivery, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_SEQ};
	uint64_t seq = 0;

	return msg->type == HC_MSG_EVENTS_KEPT && delivery->sent > delivery->count &&
	       hc_msg_only(msg, allowed, HC_COUNT(allowed)) == HC_OK &&
	       hc_msg_u64(msg, HC_FIELD_SEQ, &seq) == HC_OK &&
	       seq == (uint64_t)delivery->records[delivery->count - 1].seq;
}

static void on_message(const struct hc_msg *msg, void *ctx)
{
	struct hc_broker_link *link = ctx;

	if (msg->type != HC_MSG_KEEPALIVE)
		finish(link, is_kept(&link->delivery, msg) ? HC_OK : HC_ERR_PROTOCOL);
}

static void on_ended(enum hc_err err, void *ctx)
{
	finish(ctx, hc_broker_err(err));
}

enum hc_err hc_broker_events_send(struct hc_broker_link *link, const struct hc_outbox_record *records,
				  size_t count, hc_broker_events_fn fn, void *ctx)
{
	static const struct hc_channel_hooks hooks = {
		.ready = on_ready, .message = on_message, .drained = on_drained, .ended = on_ended};
	struct hc_broker_delivery *delivery = &link->delivery;

	if (delivery->channel != NULL)
		return HC_ERR_STATE;
	if (count == 0 || count > HC_OUTBOX_BATCH)
		return HC_ERR_INVALID;
	*delivery = (struct hc_broker_delivery){.records = records, .count = count, .fn = fn, .ctx = ctx};
	return hc_channel_open(&link->channels, &hooks, link, &delivery->channel);
}

void hc_broker_events_cancel(struct hc_broker_link *link)
{
	hc_channel_free(&link->delivery.channel);
	link->delivery = (struct hc_broker_delivery){0};
}
