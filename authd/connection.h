/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONNECTION_H
#define HC_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "admin.h"
#include "authd.h"
#include "device.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/packet.h"
#include "loop.h"
#include "resolver.h"
#include "session.h"
#include "signin.h"

struct hc_gateway_events;

/*
 * One connection: what all kinds share (connection.c), the conversation of a sign-in (connection_auth.c),
 * the requests of an administrator (connection_admin.c) and those of the gateway (connection_gateway.c).
 */
#define HC_HELLO_MS	  5000	 /* from the connection to its HELLO */
#define HC_KEEPALIVE_MS	  5000	 /* between signs of life while a person is waited for */
#define HC_UNSPOKEN_MS	  1000	 /* the same before anything was said: a caller waits 2 s for a first word */
#define HC_WRITE_MS	  5000	 /* how long a caller may not read what was sent */
#define HC_ADMIN_WRITE_MS 60000	 /* the same for an administrator, whose pager may wait */
#define HC_ADMIN_IDLE_MS  600000 /* an administrator's connection without a request */
#define HC_NEVER	  INT64_MAX

#define HC_ASKING_PER_PERSON 64 /* questions that wait for the same person at once */

/* One kind of helper at work for the session of a connection. */
struct hc_connection_device {
	struct hc_connection *connection;
	enum hc_device_helper helper;
	struct hc_device *device; /* NULL: none works */
};

struct hc_connection {
	struct hc_loop *loop; /* borrowed */
	struct hc_connection *next, *previous;
	int fd; /* owned */
	struct hc_caller caller;
	bool named;    /* the name is known, or known to be unknown, or not needed */
	bool broken;   /* to be closed once the call that noticed it has returned */
	bool finished; /* to be closed once everything is sent */
	struct sd_event_source *io, *timer;
	struct hc_packet_queue outbox;
	struct hc_msg *held; /* the message that waits for the name */
	struct hc_resolver_wait wait;
	/* monotonic; HC_NEVER: none */
	int64_t read_deadline_ms, write_deadline_ms, keepalive_ms, name_deadline_ms;
	/* auth.sock */
	struct hc_session *session;
	bool spoke;					 /* something was said in it */
	struct hc_connection_device devices[HC_HELPERS]; /* of the session */
	/* admin.sock */
	struct hc_admin_job *job;
	struct hc_device *device; /* of the job; NULL: none works */
	struct sd_event_source *pump;
	/* gateway.sock */
	struct hc_signin *signin;
	struct hc_passcheck_question *question;
	struct hc_gateway_events *events; /* a delivery that was begun; NULL: none */
	bool watching;			  /* is told of changes, and says nothing more */
};

/*
 * hc_connection_new: takes a connected socket (transferred, also on failure) of a caller that was
 * counted in loop->limits (given back when it closes, also on failure).
 */
HC_CHECK enum hc_err hc_connection_new(struct hc_loop *loop, int fd, const struct hc_caller *caller);

/* hc_connection_close: frees it; an open question is written to the trail. */
void hc_connection_close(struct hc_connection *connection);

/* hc_connection_busy: a job runs whose answer is not complete. */
bool hc_connection_busy(const struct hc_connection *connection);

/* ---- between the four files ---- */

/* hc_connection_surprise: one rate-limited line; the connection is marked broken. */
void hc_connection_surprise(struct hc_connection *connection, const char *what, enum hc_err err);
/* hc_connection_send: a finished message (borrowed); a failure marks the connection broken. */
void hc_connection_send(struct hc_connection *connection, const struct hc_msg *msg);
/* hc_connection_settle: after every event: closes it, or arms events and timer for what it waits for. */
void hc_connection_settle(struct hc_connection *connection);

void hc_connection_auth_receive(struct hc_connection *connection, const struct hc_msg *msg);
void hc_connection_auth_timer(struct hc_connection *connection, int64_t now_ms);
/* hc_connection_auth_close: drops what is under way; an open question is written to the trail. */
void hc_connection_auth_close(struct hc_connection *connection);
/* hc_connection_auth_arm: sets keepalive_ms and read_deadline_ms from the session. */
void hc_connection_auth_arm(struct hc_connection *connection);

void hc_connection_gateway_receive(struct hc_connection *connection, const struct hc_msg *msg);
void hc_connection_gateway_timer(struct hc_connection *connection, int64_t now_ms);
/* hc_connection_gateway_arm: sets keepalive_ms and read_deadline_ms from the sign-in. */
void hc_connection_gateway_arm(struct hc_connection *connection);
/* hc_connection_gateway_close: drops what is under way; an open sign-in is written to the trail. */
void hc_connection_gateway_close(struct hc_connection *connection);
/* hc_connection_tell_change: to one that watches; it may be closed and gone after this. */
void hc_connection_tell_change(struct hc_connection *connection, int64_t person_id, const char *state);

void hc_connection_admin_receive(struct hc_connection *connection, const struct hc_msg *msg);
void hc_connection_admin_timer(struct hc_connection *connection, int64_t now_ms);
/* hc_connection_admin_state: of a connection whose job runs, for the permission table. */
enum hc_session_state hc_connection_admin_state(const struct hc_connection *connection);
/* hc_connection_keep_alive: one sign of life. */
void hc_connection_keep_alive(struct hc_connection *connection);
/* hc_connection_admin_arm: lets the next message be made as soon as all others were sent. */
void hc_connection_admin_arm(struct hc_connection *connection);

#endif
