/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_H
#define HC_ADMIN_H

#include <stdbool.h>

#include "authd.h"
#include "device.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"

/*
 * One request on admin.sock. A job answers with any number of ROW messages and one END, one message
 * a call, so that the loop can interleave long answers with everybody else's work and send only as
 * fast as the administrator's side reads. Requests, their fields and rows: docs/PROTOCOL.broker.md.
 */
struct hc_admin_job;
struct hc_secret;

/*
 * hc_admin_start: takes a parsed request (borrowed for the call). A request that is refused still
 * gives a job, whose END says why; HC_ERR_PROTOCOL for a message that is no admin request.
 */
HC_CHECK enum hc_err hc_admin_start(const struct hc_authd *authd, const struct hc_caller *caller,
				    const struct hc_msg *request, struct hc_admin_job **ret_job);
void hc_admin_job_free(struct hc_admin_job **job);

/* hc_admin_device_inserts: the device is not there, and waited for: no longer than insert_timeout. */
bool hc_admin_device_inserts(const struct hc_admin_job *job);

/*
 * A job that waits for a device (hc_admin_waits) has no answer yet. hc_admin_device_start fills the DEVICE_START that it
 * waits for; what the helper says goes to hc_admin_device, which says what is to be done: send out to the
 * administrator, start the next operation (out may hold an INFO to send before), end (there is an answer now, and a
 * helper that goes on is dropped), nothing yet (GO_ON), or break the helper off (and refuse).
 */
enum hc_admin_device_act {
	HC_ADMIN_DEVICE_BREAK = 0,
	HC_ADMIN_DEVICE_SEND,
	HC_ADMIN_DEVICE_START,
	HC_ADMIN_DEVICE_END,
	HC_ADMIN_DEVICE_PASS,
	HC_ADMIN_DEVICE_GO_ON
};
bool hc_admin_waits(const struct hc_admin_job *job);
enum hc_device_helper hc_admin_device_helper(const struct hc_admin_job *job);
HC_CHECK enum hc_err hc_admin_device_start(struct hc_admin_job *job, struct hc_msg *start);
enum hc_admin_device_act hc_admin_device(struct hc_admin_job *job, const struct hc_msg *msg,
					 struct hc_msg *out);
/* hc_admin_device_asks: a question is open. */
bool hc_admin_device_asks(const struct hc_admin_job *job);
/*
 * hc_admin_device_answer: the answer to it (borrowed): PASS: it is the device's; SEND: out asks the administrator
 * something else first; BREAK as above.
 */
enum hc_admin_device_act hc_admin_device_answer(struct hc_admin_job *job, const struct hc_secret *answer,
						struct hc_msg *out);
/* hc_admin_device_refused: nothing comes of it; recorded, and the answer is a refusal. */
void hc_admin_device_refused(struct hc_admin_job *job, enum hc_reason reason);

/*
 * hc_admin_next: does a bounded piece of work. ret_ready: out holds a finished message to send;
 * false: call again later. ret_done: that was the END.
 */
HC_CHECK enum hc_err hc_admin_next(struct hc_admin_job *job, struct hc_msg *out, bool *ret_ready,
				   bool *ret_done);

#endif
