/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PASSCHECK_H
#define HC_PASSCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "peer.h"

struct hc_secret;
struct sd_event;

/*
 * Passwords, asked of hc-password(8) without waiting for it: a connection a question, HC_PASSCHECK_OPEN
 * at a time, the others in a queue. Each has its own deadline. Nothing is sent unless the kernel says that
 * root listens (or this broker's own uid, where it was not started by root).
 */
#define HC_PASSCHECK_OPEN 24
#define HC_PASSCHECK_MS	  12000 /* from the question to its answer, the queue included */

struct hc_passcheck;
struct hc_passcheck_question;

/* hc_passcheck_new: event, path and peers are borrowed for its life. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_passcheck_new(struct sd_event *event, const char *path,
				      const struct hc_peer_rules *peers, int priority,
				      struct hc_passcheck **ret_passcheck);
/* hc_passcheck_free: open questions are dropped unanswered: their askers are gone before. */
void hc_passcheck_free(struct hc_passcheck **passcheck);

/*
 * hc_passcheck_ask: answered is called once, later, from the loop (never from inside this call), unless
 * hc_passcheck_drop comes first. login: NULL, or a decoy: the same work, and never RIGHT. password is
 * borrowed for the call. HC_ERR_NOMEM, HC_ERR_IO: nothing was asked.
 */
HC_CHECK enum hc_err hc_passcheck_ask(struct hc_passcheck *passcheck, const struct hc_login *login,
				      const struct hc_secret *password, bool decoy,
				      void (*answered)(void *ctx, enum hc_password answer), void *ctx,
				      struct hc_passcheck_question **ret_question);

/* hc_passcheck_drop: the asker has gone; sets *question to NULL and accepts that. */
void hc_passcheck_drop(struct hc_passcheck_question **question);

#endif
