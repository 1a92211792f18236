/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_REQUEST_H
#define HC_ADMIN_REQUEST_H

#include <stdbool.h>

#include "hospiconnect/answer.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "process/process.h"
#include "store/client.h"
#include "store/gstore.h"
#include "store/outbox.h"

/*
 * One request of an administrator, on the first loop. What reads the store is answered at once; what writes
 * waits for the commit, and every change has its record in the same member.
 */
struct hc_admin_act;

struct hc_admin_request {
	struct hc_process *process; /* borrowed */
	struct hc_answer answer;
	char actor[HC_OUTBOX_ACTOR_MAX + 1];
	bool waiting; /* for the store, or a key */
	struct hc_admin_act *act;
	void (*ready)(void *ctx); /* waiting is over; not inside of hc_admin_request_new */
	void *ctx;
};

/*
 * hc_admin_request_new: takes a parsed message (borrowed for the call). A request that is refused still is
 * one, whose END says why; HC_ERR_PROTOCOL for a message that is none, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_admin_request_new(struct hc_process *process, const char *actor,
					  const struct hc_msg *msg, void (*ready)(void *ctx), void *ctx,
					  struct hc_admin_request **ret_request);
/* hc_admin_request_free: what it has begun is finished without it. */
void hc_admin_request_free(struct hc_admin_request **request);

/*
 * hc_admin_request_next: as hc_answer_next; HC_ERR_STATE while it waits.
 */
HC_CHECK enum hc_err hc_admin_request_next(struct hc_admin_request *request, struct hc_msg *out,
					   bool *ret_ready, bool *ret_done);

/* ---- for the handlers ---- */

#define HC_ADMIN_SLICE 8 /* rows read from the store at a time */

typedef void (*hc_admin_handler_fn)(struct hc_admin_request *request, const struct hc_msg *msg);

void hc_admin_status(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_client_add(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_client_show(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_client_list(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_client_remove(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_client_rotate(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_key_list(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_key_rotate(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_session_list(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_session_revoke(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_backup(struct hc_admin_request *request, const struct hc_msg *msg);
void hc_admin_seal_rotate(struct hc_admin_request *request, const struct hc_msg *msg);

/* hc_admin_trouble: the gateway could not; logged here. */
void hc_admin_trouble(struct hc_admin_request *request, enum hc_err err);
/* hc_admin_rows: state for produce (ctx is the request); NULL: refused, no memory. */
void *hc_admin_rows(struct hc_admin_request *request, size_t len,
		    enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more));
int64_t hc_admin_now(const struct hc_admin_request *request);
struct hc_gstore_view *hc_admin_view(const struct hc_admin_request *request);

/*
 * A change. work runs in the store's thread and touches the act alone; done on the loop, if the request is
 * still there. state is owned by the act, scrubbed and freed with it.
 */
struct hc_admin_act {
	struct hc_admin_request *request; /* NULL: nobody waits any more */
	struct hc_process *process;
	int64_t now_ms;
	char actor[HC_OUTBOX_ACTOR_MAX + 1];
	enum hc_err (*work)(struct hc_gstore_tx *tx, struct hc_admin_act *act);
	void (*done)(struct hc_admin_request *request, struct hc_admin_act *act, enum hc_err result);
	void *state;
	size_t state_len;
};

/* hc_admin_act_new: with zeroed state of len bytes; NULL: refused, no memory. */
struct hc_admin_act *hc_admin_act_new(struct hc_admin_request *request, size_t len);
/* hc_admin_act_drop: one that was not begun. */
void hc_admin_act_drop(struct hc_admin_act *act);
/* hc_admin_act_begin: the act is transferred. The request waits, or is refused. */
void hc_admin_act_begin(struct hc_admin_act *act);
/* hc_admin_act_again: in done: the same act is written once more instead of ending. */
void hc_admin_act_again(struct hc_admin_act *act);

/* hc_admin_record: a record of this event by the act's actor, to be filled and added. */
struct hc_outbox_record hc_admin_record(const struct hc_admin_act *act, enum hc_outbox_event event);

#endif
