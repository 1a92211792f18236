/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SESSION_INTERNAL_H
#define HC_SESSION_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "factor_fido2.h"
#include "hello.h"
#include "hospiconnect/device.h"
#include "policy.h"
#include "session.h"
#include "situation.h"

struct hc_secret;

/* Private to authd/session*.c. */
struct hc_session {
	const struct hc_authd *authd; /* borrowed */
	struct hc_caller caller;
	hc_emit_fn emit;
	void *ctx;
	const struct hc_session_devices *devices; /* borrowed; NULL: none here */
	enum hc_session_state state;
	struct hc_hello hello;
	int64_t wrong_answers;
	int64_t deadline_ms;
	struct hc_msg *out;		  /* made with the session, so that no verdict lacks memory */
	bool nameless;			  /* HELLO named nobody: the device did, or will */
	bool device_tried;		  /* one operation a conversation */
	bool device_works;		  /* its operation is under way */
	enum hc_device_wait device_waits; /* what the person was told last; 0: nothing */
	enum hc_device_ask device_asks;	  /* the question that is open; 0: none, or not the device's */
	unsigned device_says;		  /* messages of the device that were passed on */
	struct hc_fido2_challenge challenge;
};

/* ---- session_end.c ---- */

void hc_session_send(struct hc_session *session);
/* hc_session_conclude: the end of every conversation. Nothing of it may come before its transaction is on disk. */
void hc_session_conclude(struct hc_session *session, const struct hc_decision *decision, int64_t retry_s);
void hc_session_tell_codes_left(struct hc_session *session, uint32_t left);
/* hc_session_wait_s: how long this front end waits for one thing. */
int64_t hc_session_wait_s(const struct hc_session *session);
void hc_session_ask(struct hc_session *session, uint32_t methods, enum hc_reason why, int64_t locked_s);
struct hc_audit_entry hc_session_entry(const struct hc_session *session);
/* hc_session_unavailable: the broker itself is in trouble: nobody gets in, nothing about the answer is said. */
void hc_session_unavailable(struct hc_session *session, enum hc_reason reason);
/* hc_session_commit: false: nothing is on disk, and the conversation has ended as not available. */
bool hc_session_commit(struct hc_session *session);
/* hc_session_record: in the open transaction, and commits. False: as above. */
bool hc_session_record(struct hc_session *session, const struct hc_decision *decision, const char *detail);
/* hc_session_record_and_conclude: a decision without a situation of its own: recorded, then told. */
void hc_session_record_and_conclude(struct hc_session *session, const struct hc_decision *decision);
/* hc_session_open_decision: opens the transaction of a decision and reads its facts; false: concluded. */
bool hc_session_open_decision(struct hc_session *session, struct hc_situation *situation, bool *changed);
/* hc_session_close_decision: a question needs nothing on disk, unless a lock was set anew. False: concluded. */
bool hc_session_close_decision(struct hc_session *session, bool changed);

/* ---- session.c ---- */

/* hc_session_pose: asks for one of decision's methods, a device before a code; why: what was wrong before. */
void hc_session_pose(struct hc_session *session, const struct hc_situation *situation,
		     const struct hc_decision *decision, enum hc_reason why, int64_t locked_s);
/* hc_session_go_on: after a wrong answer that is on disk: the next question, or the end. */
void hc_session_go_on(struct hc_session *session, const struct hc_factor_ops *factor, enum hc_reason reason);

/* ---- session_device.c ---- */

/* hc_session_device_begin: person NULL: whoever the device names. codes: methods to fall back on, 0: none. */
void hc_session_device_begin(struct hc_session *session, const struct hc_person *person, uint32_t codes);
/* hc_session_device_answer: to the device's question. */
void hc_session_device_answer(struct hc_session *session, const struct hc_secret *answer);
/* hc_session_device_drop: nobody waits for it any more; nothing where none works. */
void hc_session_device_drop(struct hc_session *session);
/* hc_session_device_late: the time for it is over. */
void hc_session_device_late(struct hc_session *session);

#endif
