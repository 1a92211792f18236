/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SESSION_H
#define HC_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "device.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

struct hc_device_method;
struct hc_secret;

/*
 * One conversation on auth.sock, as a state machine without I/O of its own:
 *
 *   NEW ── HELLO ──▶ ASKING ── ANSWER (wrong, tries left) ──▶ ASKING
 *    │                 │
 *    └── refused ──────┴── right, refused, cancelled, timed out ──▶ DONE
 *
 * A person with a security key or a card is asked for it before a code; devices work in a state of their own:
 *
 *   NEW ── HELLO ──▶ DEVICE ◀── its question, ANSWER ──▶ ASKING        DEVICE ── evidence ──▶ DONE
 *                      └── none there, refused: ASKING for a code where one will do, or DONE
 *
 * A HELLO that names nobody begins in DEVICE as well, and comes to ASKING for a device or a login where no device is there.
 *
 * The loop feeds it messages and time, and sends what it emits. It begins as a denial; only
 * policy.c makes it anything else. The permission table (permit.h) was consulted before
 * hc_session_receive.
 */
struct hc_session;

enum hc_session_state {
	HC_SESSION_NEW = 1,
	HC_SESSION_ASKING = 2,
	HC_SESSION_DONE = 3,
	HC_SESSION_WAITING = 4, /* of the gateway (signin.h): the broker works, nothing may be said */
	HC_SESSION_DEVICE = 5	/* a device works, or waits for the person: CANCEL alone may be said */
};

/* hc_emit_fn: takes a complete message (borrowed for the call) to send to the caller. */
typedef void (*hc_emit_fn)(struct hc_msg *msg, void *ctx);

/* hc_session_new: authd is borrowed for the life of the session; caller is copied. */
HC_CHECK enum hc_err hc_session_new(const struct hc_authd *authd, const struct hc_caller *caller,
				    hc_emit_fn emit, void *ctx, struct hc_session **ret_session);
void hc_session_free(struct hc_session **session);

/*
 * How a conversation reaches devices, one operation of each helper at a time; ctx is that of emit. start takes a
 * DEVICE_START for that helper (borrowed, not finished); what the helper says comes back by hc_session_device, later, the
 * last of it being DEVICE_DONE or DEVICE_FAILED. drop: nothing more may come of that helper.
 */
struct hc_session_devices {
	enum hc_err (*start)(void *ctx, enum hc_device_helper helper, struct hc_msg *start);
	enum hc_err (*answer)(void *ctx, enum hc_device_helper helper, const struct hc_secret *answer);
	void (*drop)(void *ctx, enum hc_device_helper helper);
	const struct hc_device_method *const
		*methods; /* NULL at the end; HC_DEVICE_METHODS_MAX of them at most */
};

/* hc_session_use: before anything is received; devices is borrowed. Without it no device is ever asked. */
void hc_session_use(struct hc_session *session, const struct hc_session_devices *devices);

/* hc_session_device: what a helper said (borrowed). */
void hc_session_device(struct hc_session *session, enum hc_device_helper helper, const struct hc_msg *msg);

enum hc_session_state hc_session_state(const struct hc_session *session);

/*
 * hc_session_receive: one message of the caller. HC_ERR_PROTOCOL for one that makes no sense in
 * this state or lacks a field: the loop closes the connection. Everything a person can cause ends
 * in a RESULT and HC_OK.
 */
HC_CHECK enum hc_err hc_session_receive(struct hc_session *session, const struct hc_msg *msg);

/* hc_session_deadline_ms: monotonic time at which hc_session_timeout is due; INT64_MAX: none. */
int64_t hc_session_deadline_ms(const struct hc_session *session);
void hc_session_timeout(struct hc_session *session);

/*
 * hc_session_refuse: instead of hc_session_receive for a HELLO that there is no capacity for: it ends in
 * a RESULT (not available, busy) without a look at the store and without a record.
 */
HC_CHECK enum hc_err hc_session_refuse(struct hc_session *session, const struct hc_msg *msg);

/* hc_session_asks: whether a question about that login waits for its answer, or a device for that person. */
bool hc_session_asks(const struct hc_session *session, const char *login);

/* hc_session_closed: the caller went away in the middle; written to the trail if a question was open. */
void hc_session_closed(struct hc_session *session);

#endif
