/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OUTBOX_RECORDS_H
#define HC_OUTBOX_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "store/client.h"

struct hc_gstore_tx;
struct hc_gstore_view;

/*
 * Audit records on their way to the broker, whose trail is the only one. A record is written in the
 * transaction of the act itself and leaves the store when the broker has it on disk: an act without
 * proof does not happen, and a broker that is away delays nobody.
 *
 * seq counts up from 1 without end, in the order of the commits, so the broker knows a record that
 * it has already (the answer to the first delivery was lost).
 *
 * While the broker is away records gather: at most HC_OUTBOX_MAX, some hundred bytes each. People cannot
 * fill that: nobody signs in without the broker, and the sessions of those who did are over within hours.
 * Refused clients, which anybody on the network can cause, take half of it at most. A member that finds
 * no room gets HC_ERR_FULL and its act does not happen. When the broker is back there is room at once.
 */
#define HC_OUTBOX_MAX	     1000000
#define HC_OUTBOX_LOGIN_MAX  64
#define HC_OUTBOX_ORIGIN_MAX 64
#define HC_OUTBOX_ACTOR_MAX  64
#define HC_OUTBOX_DETAIL_MAX 256
#define HC_OUTBOX_BATCH	     64

/* X(NAME, "event of the trail"): the broker's catalogue has the same names. */
#define HC_OUTBOX_EVENTS(X)                 \
	X(APPLICATION, "application")       \
	X(LOGOUT, "logout")                 \
	X(SESSION_END, "session-end")       \
	X(REUSE, "token-reuse")             \
	X(CLIENT_REFUSED, "client-refused") \
	X(CLIENT_ADD, "client-add")         \
	X(CLIENT_REMOVE, "client-remove")   \
	X(CLIENT_SECRET, "client-secret")   \
	X(KEY_ROTATE, "key-rotate")         \
	X(BACKUP, "backup")                 \
	X(RESTORE, "restore")               \
	X(SEAL_ROTATE, "seal-rotate")

enum hc_outbox_event {
#define HC_OUTBOX_ENUM(name, text) HC_OUTBOX_##name,
	HC_OUTBOX_EVENTS(HC_OUTBOX_ENUM)
#undef HC_OUTBOX_ENUM
		HC_OUTBOX_EVENT_COUNT
};

struct hc_outbox_record {
	int64_t seq; /* given by hc_outbox_add */
	int64_t time_ms;
	enum hc_outbox_event event;
	bool success;
	enum hc_reason reason;
	int64_t person_id;		       /* 0: none */
	char login[HC_OUTBOX_LOGIN_MAX + 1];   /* "" for none, as are the others */
	char client_id[HC_CLIENT_ID_MAX + 1];  /* the application */
	char origin[HC_OUTBOX_ORIGIN_MAX + 1]; /* address of the browser or the client */
	char actor[HC_OUTBOX_ACTOR_MAX + 1];   /* of an administrator's act */
	char detail[HC_OUTBOX_DETAIL_MAX + 1];
};

/*
 * hc_outbox_add: record->seq is ignored. Texts too long were cut by whoever made them: one without its end
 * is HC_ERR_INVALID. HC_ERR_FULL, beyond no space on the disk: HC_OUTBOX_MAX wait (half of it for
 * HC_OUTBOX_CLIENT_REFUSED).
 */
HC_CHECK enum hc_err hc_outbox_add(struct hc_gstore_tx *tx, const struct hc_outbox_record *record);
/* hc_outbox_list: the oldest, up to max, in order of seq. */
HC_CHECK enum hc_err hc_outbox_list(struct hc_gstore_view *view, size_t max, struct hc_outbox_record *out,
				    size_t *ret_count);
/* hc_outbox_drop: everything up to and including seq, which the broker has on disk. */
HC_CHECK enum hc_err hc_outbox_drop(struct hc_gstore_tx *tx, int64_t seq);
/* hc_outbox_waiting: how many, for metrics. */
HC_CHECK enum hc_err hc_outbox_waiting(struct hc_gstore_view *view, int64_t *ret_count);

#endif
