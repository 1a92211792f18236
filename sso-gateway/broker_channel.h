/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_CHANNEL_H
#define HC_BROKER_CHANNEL_H

#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/broker_client.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

struct event_base;

/*
 * One connection to the broker on an event loop. Private to the broker_ files and their tests.
 *
 * A connection is made in the background: HC_BROKER_CONNECT_MS long for a broker that is late (a full
 * backlog, a restart), and one try only while the broker was away the last time, so that nobody waits
 * for what is not there. The peer is judged before anything is sent.
 *
 * Hooks never run inside of a call of this header. They may call anything here, and free any channel,
 * their own too; the message that they are given is borrowed for the call.
 */
#define HC_CHANNEL_NEVER   INT64_MAX
#define HC_CHANNEL_SEND_MS 2000 /* the broker does not read */

struct hc_channel;

struct hc_channel_hooks {
	void (*ready)(void *ctx); /* connected to the broker: send */
	/* What came, KEEPALIVE without fields included. */
	void (*message)(const struct hc_msg *msg, void *ctx);
	void (*drained)(void *ctx); /* everything that waited was sent; may be NULL */
	/*
	 * The last hook, once: HC_ERR_AWAY, _PERM, _PEER, _TIMEOUT (hung), _CLOSED (by the broker, once it
	 * had been ready), _PROTOCOL, _NOMEM, _IO. The connection is closed; the channel is still to be freed.
	 */
	void (*ended)(enum hc_err err, void *ctx);
};

/* What the channels of one link share. */
struct hc_channels {
	struct event_base *base;      /* borrowed */
	const struct hc_clock *clock; /* borrowed */
	const char *path;	      /* borrowed */
	struct sockaddr_un address;
	enum hc_broker_peer peer;
	struct hc_channel *first;
	bool away; /* nobody listened the last time */
	/* One message at a time is read and one made; scrubbed each time. */
	struct hc_msg *incoming, *outgoing;
};

/* hc_channels_init: everything is borrowed for their life. HC_ERR_INVALID: path; HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_channels_init(struct hc_channels *channels, struct event_base *base, const char *path,
				      const struct hc_clock *clock);
/* hc_channels_clear: when every channel was freed. */
void hc_channels_clear(struct hc_channels *channels);
/* hc_channels_tick: does what is due by the clock, for tests that move theirs. */
void hc_channels_tick(struct hc_channels *channels);

/*
 * hc_broker_dial: one try. HC_ERR_FULL: it is there, but busy; HC_ERR_AWAY; HC_ERR_PERM: we may not; HC_ERR_PEER:
 * somebody else; HC_ERR_NOMEM, HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_broker_dial(const struct hc_channels *channels, int *ret_fd);

/* hc_channel_open: hooks are borrowed (static), ctx is theirs. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_channel_open(struct hc_channels *channels, const struct hc_channel_hooks *hooks,
				     void *ctx, struct hc_channel **ret_channel);
/* hc_channel_free: closes at once; no hook runs any more. */
void hc_channel_free(struct hc_channel **channel);

/*
 * hc_channel_send: finishes and sends msg (borrowed), or keeps it until the broker reads. A broker that
 * has gone is no error here: what it had said before is read first, and then `ended` runs. HC_ERR_STATE
 * before `ready`; else msg->err; else the channel ends soon.
 */
HC_CHECK enum hc_err hc_channel_send(struct hc_channel *channel, struct hc_msg *msg);
/* hc_channel_restart: connects (anew) after delay_ms; an ended channel too, in its `ended` hook. Cannot fail. */
void hc_channel_restart(struct hc_channel *channel, int64_t delay_ms);
/* hc_channel_idle: nothing waits to be sent. */
bool hc_channel_idle(const struct hc_channel *channel);

/*
 * hc_channel_expect: a message must come within first_ms, and any further one within
 * HC_BROKER_SILENCE_MS of the one before, and all is over at limit_ms from now (HC_CHANNEL_NEVER: it is
 * not). Else HC_ERR_TIMEOUT. hc_channel_rest: nothing needs to come.
 */
void hc_channel_expect(struct hc_channel *channel, int64_t first_ms, int64_t limit_ms);
void hc_channel_rest(struct hc_channel *channel);
/* hc_channel_abort: `ended` will run with err, soon and not inside of this call. */
void hc_channel_abort(struct hc_channel *channel, enum hc_err err);

#endif
