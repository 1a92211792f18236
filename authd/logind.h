/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LOGIND_H
#define HC_LOGIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

struct sd_event;

/*
 * systemd-logind, over the system bus, without ever waiting for either: which session a process leads, and what is to
 * become of a session. Where there is no bus every question is answered with HC_LOGIND_AWAY, soon.
 */
struct hc_logind;
struct hc_logind_call; /* one question that is open */

#define HC_SESSION_ID_MAX 64

struct hc_logind_session {
	char id[HC_SESSION_ID_MAX + 1];
	struct hc_login name; /* whose it is */
	pid_t leader;	      /* the process that opened it */
};

enum hc_logind_answer {
	HC_LOGIND_AWAY = 0, /* no bus, no logind, no answer in time */
	HC_LOGIND_DONE = 1,
	HC_LOGIND_NO_SESSION = 2,
	HC_LOGIND_REFUSED = 3 /* it will not, for us: polkit's rule is missing */
};

/* session: of hc_logind_find with HC_LOGIND_DONE; NULL else. Never called from inside the function that asked. */
typedef void (*hc_logind_fn)(enum hc_logind_answer answer, const struct hc_logind_session *session,
			     void *ctx);

/* Told of every session that has ended, while there is a connection. */
typedef void (*hc_logind_ended_fn)(const char *id, void *ctx);

/* hc_logind_new: event is borrowed for its life. It connects with the first question. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_logind_new(struct sd_event *event, int64_t priority, hc_logind_ended_fn ended,
				   void *ctx, struct hc_logind **ret_logind);
/* hc_logind_free: nobody is called back. */
void hc_logind_free(struct hc_logind **logind);
bool hc_logind_is_there(const struct hc_logind *logind);

/* The questions. HC_ERR_AWAY: there is no bus, and nobody is called back. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_logind_find(struct hc_logind *logind, pid_t pid, hc_logind_fn fn, void *ctx,
				    struct hc_logind_call **ret_call);
enum hc_logind_order { HC_LOGIND_LOCK = 1, HC_LOGIND_TERMINATE = 2 };
HC_CHECK enum hc_err hc_logind_order(struct hc_logind *logind, enum hc_logind_order order, const char *id,
				     hc_logind_fn fn, void *ctx, struct hc_logind_call **ret_call);

/* hc_logind_drop: the answer is not wanted any more; what was ordered may happen all the same. Accepts NULL. */
void hc_logind_drop(struct hc_logind_call **call);

#endif
