/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the broker that waits for nothing: events and one timer.
 *
 * State: the socket, what waits to be sent, and until when the other side must have spoken. Threats: an
 * impostor on the socket (judged before anything is sent), a broker that hangs, floods or sends half a
 * message; each of them ends the connection and is told as an error, never as an answer. Hooks run from
 * the loop alone, and a channel that is freed by its own hook is kept until the hook has returned.
 */
#include "broker_channel.h"

#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "hospiconnect/packet.h"

#define RETRY_MS	 20
#define MESSAGES_AT_ONCE 16 /* then others get their turn */

struct hc_channel {
	struct hc_channels *channels;
	struct hc_channel *next, *previous;
	const struct hc_channel_hooks *hooks;
	void *ctx;
	int fd;
	struct event reading, writing, timer;
	struct hc_packet_queue queue;
	bool ready, ended;
	bool in_hook, freed;
	enum hc_err failure; /* to be told when the loop comes round */
	/* monotonic */
	int64_t connect_end_ms, retry_ms, send_end_ms, silence_end_ms, limit_ms;
};

static int64_t now_ms(const struct hc_channel *channel)
{
	return hc_mono_ms(channel->channels->clock);
}

/* ---- life ---- */

static void shut(struct hc_channel *channel)
{
	if (channel->fd >= 0) {
		(void)event_del(&channel->reading); /* fails only for an event that was never made */
		(void)event_del(&channel->writing);
		(void)close(channel->fd); /* what was sent is with the kernel */
		channel->fd = -1;
	}
	(void)event_del(&channel->timer);
	hc_packet_queue_clear(&channel->queue);
	channel->ended = true;
}

static void unlink_from(struct hc_channel *channel)
{
	if (channel->previous != NULL)
		channel->previous->next = channel->next;
	else
		channel->channels->first = channel->next;
	if (channel->next != NULL)
		channel->next->previous = channel->previous;
}

void hc_channel_free(struct hc_channel **channel)
{
	struct hc_channel *old = channel == NULL ? NULL : *channel;

	if (old == NULL)
		return;
	*channel = NULL;
	shut(old);
	unlink_from(old);
	if (old->in_hook)
		old->freed = true; /* whoever called the hook frees it */
	else
		free(old);
}

/* Whether the channel still lives after the hook. */
static bool leave_hook(struct hc_channel *channel)
{
	channel->in_hook = false;
	if (!channel->freed)
		return !channel->ended;
	free(channel);
	return false;
}

static void end(struct hc_channel *channel, enum hc_err err)
{
	shut(channel);
	channel->in_hook = true;
	channel->hooks->ended(err, channel->ctx);
	(void)leave_hook(channel); /* nothing follows */
}

/* ---- time ---- */

static int64_t due_ms(const struct hc_channel *channel)
{
	const int64_t times[] = {channel->retry_ms, channel->send_end_ms, channel->silence_end_ms,
				 channel->limit_ms};
	int64_t first = HC_CHANNEL_NEVER;

	if (channel->failure != HC_OK)
		return now_ms(channel);
	for (size_t i = 0; i < HC_COUNT(times); i++) {
		if (times[i] < first)
			first = times[i];
	}
	return first;
}

static void arm(struct hc_channel *channel)
{
	int64_t due = due_ms(channel), left_ms = 0;
	struct timeval delay = {0};

	if (channel->ended)
		return;
	if (due == HC_CHANNEL_NEVER) {
		(void)event_del(&channel->timer); /* as in shut */
		return;
	}
	left_ms = due - now_ms(channel);
	if (left_ms > 0)
		delay = (struct timeval){.tv_sec = (time_t)(left_ms / 1000),
					 .tv_usec = (suseconds_t)(left_ms % 1000) * 1000};
	if (event_add(&channel->timer, &delay) != 0)
		event_active(&channel->timer, EV_TIMEOUT, 0); /* no memory for it: sooner rather than never */
}

/* ---- connecting ---- */

static void on_readable(evutil_socket_t fd, short events, void *ctx);
static void on_writable(evutil_socket_t fd, short events, void *ctx);

static enum hc_err watch_socket(struct hc_channel *channel)
{
	struct event_base *base = channel->channels->base;

	if (event_assign(&channel->reading, base, channel->fd, EV_READ | EV_PERSIST, on_readable, channel) !=
		    0 ||
	    event_assign(&channel->writing, base, channel->fd, EV_WRITE | EV_PERSIST, on_writable, channel) !=
		    0 ||
	    event_add(&channel->reading, NULL) != 0)
		return HC_ERR_NOMEM;
	return HC_OK;
}

static enum hc_err begin_socket(struct hc_channel *channel)
{
	enum hc_err err = hc_broker_dial(channel->channels, &channel->fd);

	return err == HC_OK ? watch_socket(channel) : err;
}

static void try_connect(struct hc_channel *channel)
{
	struct hc_channels *channels = channel->channels;
	enum hc_err err = begin_socket(channel);
	bool late = err == HC_ERR_FULL || (err == HC_ERR_AWAY && !channels->away);

	if (late && now_ms(channel) < channel->connect_end_ms) {
		channel->retry_ms = now_ms(channel) + RETRY_MS;
		if (channel->retry_ms > channel->connect_end_ms)
			channel->retry_ms = channel->connect_end_ms;
		arm(channel);
		return;
	}
	channels->away = err == HC_ERR_AWAY || err == HC_ERR_FULL;
	channel->retry_ms = HC_CHANNEL_NEVER;
	if (err != HC_OK) {
		end(channel, err == HC_ERR_FULL ? HC_ERR_AWAY : err);
		return;
	}
	channel->ready = true;
	channel->in_hook = true;
	channel->hooks->ready(channel->ctx);
	if (leave_hook(channel))
		arm(channel);
}

/* ---- what happens ---- */

static void tick(struct hc_channel *channel)
{
	int64_t now = now_ms(channel);

	if (channel->failure != HC_OK)
		end(channel, channel->failure);
	else if (now >= channel->send_end_ms || now >= channel->silence_end_ms || now >= channel->limit_ms)
		end(channel, HC_ERR_TIMEOUT);
	else if (now >= channel->retry_ms)
		try_connect(channel);
	else
		arm(channel);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;     /* a timer has none */
	(void)events; /* always EV_TIMEOUT */
	tick(ctx);
}

static bool take(struct hc_channel *channel, const struct hc_msg *msg)
{
	if (channel->silence_end_ms != HC_CHANNEL_NEVER)
		channel->silence_end_ms = now_ms(channel) + HC_BROKER_SILENCE_MS;
	channel->in_hook = true;
	channel->hooks->message(msg, channel->ctx);
	return leave_hook(channel);
}

/*
 * A broker that closed with a message of ours unread resets the connection. The kernel reports that
 * once, ahead of what the broker had sent before: asking again gives it.
 */
static enum hc_err receive(const struct hc_channel *channel, struct hc_msg *msg)
{
	enum hc_err err = hc_packet_receive(channel->fd, msg);

	if (err == HC_ERR_CLOSED) {
		err = hc_packet_receive(channel->fd, msg);
		err = err == HC_ERR_AWAY ? HC_ERR_CLOSED : err; /* an empty packet is the end as well */
	}
	if (err == HC_OK && msg->type == HC_MSG_KEEPALIVE)
		err = hc_msg_only(msg, NULL, 0);
	return err;
}

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_channel *channel = ctx;
	struct hc_msg *msg = channel->channels->incoming;
	bool alive = true;

	(void)fd;     /* the channel's */
	(void)events; /* always EV_READ */
	for (int i = 0; alive && i < MESSAGES_AT_ONCE; i++) {
		enum hc_err err = receive(channel, msg);

		if (err == HC_ERR_AWAY)
			break;
		if (err == HC_OK) {
			alive = take(channel, msg);
		} else {
			end(channel, err);
			alive = false;
		}
	}
	hc_msg_clear(msg);
	if (alive)
		arm(channel);
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
	struct hc_channel *channel = ctx;

	(void)events; /* always EV_WRITE */
	/* A failure shows where it is read, behind what the broker had to say. */
	if (hc_packet_queue_flush(&channel->queue, fd) != HC_OK)
		hc_packet_queue_clear(&channel->queue);
	if (!hc_packet_queue_empty(&channel->queue))
		return;
	(void)event_del(&channel->writing); /* as in shut */
	channel->send_end_ms = HC_CHANNEL_NEVER;
	channel->in_hook = true;
	if (channel->hooks->drained != NULL)
		channel->hooks->drained(channel->ctx);
	if (leave_hook(channel))
		arm(channel);
}

/* ---- what the owner asks for ---- */

void hc_channel_restart(struct hc_channel *channel, int64_t delay_ms)
{
	if (!channel->ended)
		shut(channel);
	channel->ended = false;
	channel->ready = false;
	channel->failure = HC_OK;
	channel->send_end_ms = HC_CHANNEL_NEVER;
	channel->silence_end_ms = HC_CHANNEL_NEVER;
	channel->limit_ms = HC_CHANNEL_NEVER;
	channel->retry_ms = now_ms(channel) + delay_ms;
	channel->connect_end_ms = channel->retry_ms + HC_BROKER_CONNECT_MS;
	arm(channel);
}

enum hc_err hc_channel_open(struct hc_channels *channels, const struct hc_channel_hooks *hooks, void *ctx,
			    struct hc_channel **ret_channel)
{
	struct hc_channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return HC_ERR_NOMEM;
	channel->channels = channels;
	channel->hooks = hooks;
	channel->ctx = ctx;
	channel->fd = -1;
	channel->ended = true; /* until it is started below */
	if (evtimer_assign(&channel->timer, channels->base, on_timer, channel) != 0) {
		free(channel);
		return HC_ERR_NOMEM;
	}
	channel->next = channels->first;
	if (channel->next != NULL)
		channel->next->previous = channel;
	channels->first = channel;
	hc_channel_restart(channel, 0);
	*ret_channel = channel;
	return HC_OK;
}

void hc_channel_abort(struct hc_channel *channel, enum hc_err err)
{
	if (channel->failure == HC_OK)
		channel->failure = err;
	arm(channel);
}

enum hc_err hc_channel_send(struct hc_channel *channel, struct hc_msg *msg)
{
	enum hc_err err = channel->ready && !channel->ended ? hc_msg_finish(msg) : HC_ERR_STATE;

	if (err != HC_OK)
		return err;
	err = hc_packet_queue_send(&channel->queue, channel->fd, msg);
	if (err == HC_OK && !hc_packet_queue_empty(&channel->queue)) {
		if (channel->send_end_ms == HC_CHANNEL_NEVER)
			channel->send_end_ms = now_ms(channel) + HC_CHANNEL_SEND_MS;
		if (event_add(&channel->writing, NULL) != 0)
			err = HC_ERR_NOMEM;
	}
	if (err != HC_OK && err != HC_ERR_CLOSED)
		hc_channel_abort(channel, err == HC_ERR_FULL ? HC_ERR_TIMEOUT : err);
	arm(channel);
	return HC_OK;
}

bool hc_channel_idle(const struct hc_channel *channel)
{
	return hc_packet_queue_empty(&channel->queue);
}

void hc_channel_expect(struct hc_channel *channel, int64_t first_ms, int64_t limit_ms)
{
	int64_t now = now_ms(channel);

	channel->silence_end_ms = now + first_ms;
	channel->limit_ms = limit_ms == HC_CHANNEL_NEVER ? HC_CHANNEL_NEVER : now + limit_ms;
	arm(channel);
}

void hc_channel_rest(struct hc_channel *channel)
{
	channel->silence_end_ms = HC_CHANNEL_NEVER;
	channel->limit_ms = HC_CHANNEL_NEVER;
	arm(channel);
}

/* ---- all of them ---- */

static struct hc_channel *first_due(const struct hc_channels *channels)
{
	struct hc_channel *channel = channels->first;

	while (channel != NULL && (channel->ended || due_ms(channel) > now_ms(channel)))
		channel = channel->next;
	return channel;
}

void hc_channels_tick(struct hc_channels *channels)
{
	struct hc_channel *channel = NULL;

	/* each of them is over, or due later, afterwards */
	while ((channel = first_due(channels)) != NULL)
		tick(channel);
}
