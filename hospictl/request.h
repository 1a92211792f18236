/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REQUEST_H
#define HC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"

#include "ctl.h"

/* What the broker's END said. */
struct hc_reply {
	bool ended; /* false: the way to the broker failed, and err says how */
	enum hc_err err;
	enum hc_reason reason;
	uint64_t count;
	char text[2049]; /* as received; escape before showing */
};

/* Takes one row (borrowed for the call); an error ends the request. */
typedef enum hc_err (*hc_row_fn)(const struct hc_msg *row, void *ctx);

/*
 * hc_request_new: a message of that type with the language in it, to be filled with _put.
 * hc_request_send: one request on a connection of its own; row may be NULL where none is expected.
 * Blocks until the END, or a time of silence that fits the request. Returns what ret_reply->err says.
 */
HC_CHECK enum hc_err hc_request_new(const struct hc_ctl *ctl, enum hc_msg_type type,
				    struct hc_msg **ret_request);
HC_CHECK enum hc_err hc_request_send(const struct hc_ctl *ctl, struct hc_msg *request, hc_row_fn row,
				     void *ctx, struct hc_reply *ret_reply);

/* hc_request_complain: says on stderr what went wrong and what to do. Returns the exit status. */
enum hc_ctl_status hc_request_complain(const struct hc_ctl *ctl, const struct hc_reply *reply);

/* hc_request_run: both. */
enum hc_ctl_status hc_request_run(const struct hc_ctl *ctl, struct hc_msg *request, hc_row_fn row, void *ctx,
				  struct hc_reply *ret_reply);

/* hc_request_failed: for a request that could not even be made. Complains, returns the status. */
enum hc_ctl_status hc_request_failed(const struct hc_ctl *ctl, enum hc_err err);

#endif
