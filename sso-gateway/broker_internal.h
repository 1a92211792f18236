/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_INTERNAL_H
#define HC_BROKER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker_channel.h"
#include "broker_link.h"

struct hc_outbox_record;

/*
 * Private to the broker_ files and their tests: the link and what it has under way.
 *
 *   broker_link.c     the link itself, the wait for changes
 *   broker_signin.c   conversations, a connection each
 *   broker_person.c   questions about people, over a few connections that are kept
 *   broker_events.c   delivery of audit records, a connection each
 *   broker_channel.c  a connection;  broker_dial.c  reaching the broker
 */
#define HC_BROKER_LINES		 4 /* connections for questions about people */
#define HC_BROKER_LINE_MS	 300000 /* how long one is kept without a question; the broker ends it after 600 s */
#define HC_BROKER_ASKS_MAX	 256   /* questions that wait or are asked */
#define HC_BROKER_COMMIT_MS	 12000 /* how long the broker may take to put records on disk */
#define HC_BROKER_BACKOFF_MS	 250   /* first pause before it watches anew; doubles to the next */
#define HC_BROKER_BACKOFF_MAX_MS 5000

struct hc_person_ask {
	struct hc_person_ask *next;
	int64_t person_id;
	hc_person_fn fn;
	void *ctx;
};

/* One connection for questions. */
struct hc_person_line {
	struct hc_broker_link *link; /* borrowed */
	struct hc_channel *channel;  /* NULL: none */
	bool ready, used;	     /* used: it has answered a question before */
	struct hc_person_ask *ask;   /* what it was asked; owned */
};

struct hc_broker_delivery {
	struct hc_channel *channel; /* NULL: nothing is delivered */
	const struct hc_outbox_record *records;
	size_t count, sent;
	hc_broker_events_fn fn;
	void *ctx;
};

struct hc_broker_link {
	struct hc_channels channels;
	struct hc_broker_signin *signins; /* open ones */
	size_t signin_count, signin_max;
	struct hc_person_line lines[HC_BROKER_LINES];
	struct hc_person_ask *waiting, **waiting_end;
	size_t ask_count;
	struct hc_broker_watch watch;
	struct hc_channel *watching; /* NULL: not asked to */
	bool live;
	int64_t backoff_ms;
	enum hc_err watch_failure; /* the last one that was logged */
	struct hc_broker_delivery delivery;
};

/* hc_broker_err: what a caller of the link is told of a channel's end. */
enum hc_err hc_broker_err(enum hc_err err);
/* hc_broker_read_person: the fields of a person, LOGIN among them; HC_ERR_PROTOCOL for a person without id or login. */
HC_CHECK enum hc_err hc_broker_read_person(const struct hc_msg *msg, struct hc_person *ret_person);
/* hc_broker_read_verdict: VERDICT and REASON, which are always there. HC_ERR_PROTOCOL. */
HC_CHECK enum hc_err hc_broker_read_verdict(const struct hc_msg *msg, enum hc_verdict *ret_verdict,
					    enum hc_reason *ret_reason);

/* The ends of what is open, without callbacks, for hc_broker_link_free. */
void hc_broker_signins_clear(struct hc_broker_link *link);
void hc_broker_asks_clear(struct hc_broker_link *link);

#endif
