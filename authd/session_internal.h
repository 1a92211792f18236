/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SESSION_INTERNAL_H
#define HC_SESSION_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "attempt.h"
#include "audit.h"
#include "device_method.h"
#include "hello.h"
#include "hospiconnect/device.h"
#include "policy.h"
#include "session.h"
#include "situation.h"

struct hc_secret;

/* Private to authd/session*.c. */

#define HC_SESSION_SAYS_MAX 40 /* questions and hints of devices in one conversation */

/* HELLO named nobody: how far it has come (session_nameless.c). */
enum hc_nameless {
	HC_NAMELESS_NOT = 0,
	HC_NAMELESS_LOOKING, /* for devices that are there */
	HC_NAMELESS_ASKING,  /* the person, for a device or a login */
	HC_NAMELESS_WAITING  /* for a device */
};

/* One kind of device in a conversation. */
struct hc_session_run {
	const struct hc_device_method *method;
	bool works; /* its operation is under way */
	struct hc_device_challenge challenge;
	struct hc_msg *kept; /* owned: what it said last while a cue is open */
};

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
	struct hc_msg *out; /* made with the session, so that no verdict lacks memory */
	enum hc_nameless nameless;
	bool device_tried; /* one operation of each kind a conversation */
	struct hc_session_run runs[HC_DEVICE_METHODS_MAX];
	size_t run_count;
	struct hc_session_run *winner; /* whose device was found: the only one that goes on; NULL: none yet */
	enum hc_reason device_failed;  /* the most useful of what ended without one */
	char refused
		[HC_DEVICE_DETAIL_MAX]; /* for the trail: the device that served nobody here; "": none did */
	const struct hc_device_method *refused_by;
	enum hc_device_wait device_waits; /* what the person was told last; 0: nothing */
	enum hc_reason device_why;	  /* … and why */
	enum hc_device_ask device_asks;	  /* the question that is open; 0: none, or not the device's */
	bool cue;			  /* what to do with a device is put as a question, which is open */
	bool untold;			  /* … and has changed meanwhile */
	bool touch_told;		  /* the question for the PIN said that a touch follows */
	unsigned device_says;		  /* messages of devices that were passed on */
	struct hc_msg *asked;  /* owned: the question for a PIN, while what came of it is not known */
	struct hc_secret *pin; /* owned: what was sent */
	bool consults;	       /* a word from elsewhere is waited for */
	enum hc_device_helper consulted;    /* of this helper */
	struct hc_msg *done;		    /* owned: the answer that it is about */
	bool unplaced;			    /* … which names nobody: whether it could become somebody's */
	struct hc_stored_card *stranger;    /* owned: proven here, and nobody's */
	bool offers_link;		    /* whether it becomes this person's is asked, behind … */
	struct hc_decision granted;	    /* … a verdict that is on disk … */
	struct hc_credential_id granted_by; /* … by this credential … */
	int64_t granted_to;		    /* … of this person */
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
/* hc_session_refused: the detail of a device that served nobody here; NULL: there was none. */
const char *hc_session_refused(const struct hc_session *session);
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

/* hc_session_device_begin: all kinds of methods; person NULL: whoever the device names. present: none is waited for. */
void hc_session_device_begin(struct hc_session *session, const struct hc_person *person, uint32_t methods,
			     bool present);
/* hc_session_device_drop: nobody waits for any of them any more. */
void hc_session_device_drop(struct hc_session *session);
/* hc_session_device_late: the time for it is over. False: it is not a device that was waited for. */
bool hc_session_device_late(struct hc_session *session);
/* hc_session_device_break: what it said makes no sense here. */
void hc_session_device_break(struct hc_session *session, const char *what);
/* hc_session_device_wait: a device works, or is waited for, so long. */
void hc_session_device_wait(struct hc_session *session, int64_t seconds);
/* hc_session_device_win: this one found its device: nobody waits for the others any more. */
void hc_session_device_win(struct hc_session *session, struct hc_session_run *winner);
/* hc_session_device_let_go: nothing is expected of this one any more; what follows from that waits. */
void hc_session_device_let_go(struct hc_session *session, struct hc_session_run *run);
/* hc_session_device_take: acts on what a device that works said. */
void hc_session_device_take(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg);
/* hc_session_device_resume: behind a cue: tells what has changed, or ends where nobody works any more. */
void hc_session_device_resume(struct hc_session *session);
/* hc_session_device_factor: whose conversation this is for the trail; NULL: no device's, or not known. */
const char *hc_session_device_factor(const struct hc_session *session);

/* ---- session_cue.c ---- */

/* hc_session_cue_pose: asks the person to do what device_waits says, with a device of one of methods. */
void hc_session_cue_pose(struct hc_session *session, uint32_t methods);
/* hc_session_cue_keep: what a device says while that question is open. */
void hc_session_cue_keep(struct hc_session *session, struct hc_session_run *run, const struct hc_msg *msg);
/* hc_session_cue_answered: whatever was typed is not looked at; what was kept is acted on. */
void hc_session_cue_answered(struct hc_session *session);
/* hc_session_cue_late: nobody answered: the end. */
void hc_session_cue_late(struct hc_session *session);
void hc_session_cue_forget(struct hc_session *session);

/* ---- session_pairing.c ---- */

/* hc_session_allow: the end of a sign-in that is on disk, perhaps behind the question whose the card is that was shown. */
void hc_session_allow(struct hc_session *session, const struct hc_attempt *attempt);
/* hc_session_pairing_show: what the winner gave, as something that is nobody's; its challenge is open still. */
void hc_session_pairing_show(struct hc_session *session, const struct hc_device_answer *answer);
/* hc_session_pairing_hand_out: adds the ticket of such a card to the refusal that leaves. */
void hc_session_pairing_hand_out(struct hc_session *session);
void hc_session_pairing_answer(struct hc_session *session, const struct hc_secret *answer);
/* hc_session_pairing_end: the question went unanswered; the sign-in stands, if the person still may. */
void hc_session_pairing_end(struct hc_session *session, enum hc_reason reason);
/* hc_session_pairing_closed: it went unanswered, and nobody is there to be told anything. */
void hc_session_pairing_closed(struct hc_session *session);
void hc_session_pairing_forget(struct hc_session *session);

/* ---- session_nameless.c ---- */

/* hc_session_is_nameless: HELLO names nobody, where a device at this machine could. */
bool hc_session_is_nameless(const struct hc_session *session);
void hc_session_nameless_begin(struct hc_session *session);
/* hc_session_nameless_ask: for a device or a login; why: what is wrong with the device that is there. */
void hc_session_nameless_ask(struct hc_session *session, enum hc_reason why);
/* hc_session_nameless_give_up: no device named anybody; end: how it ends where there is no other way. */
void hc_session_nameless_give_up(struct hc_session *session, const struct hc_decision *end);
/* hc_session_nameless_answer: to that question; nothing typed (len 0): a device comes. HC_ERR_PROTOCOL otherwise. */
HC_CHECK enum hc_err hc_session_nameless_answer(struct hc_session *session, size_t len);

/* ---- session_question.c ---- */

/* hc_session_device_asked: a DEVICE_ASK of the winner becomes a STEP. */
void hc_session_device_asked(struct hc_session *session, const struct hc_msg *msg);
/* hc_session_unwelcome: why the device that says so is asked for nothing, or HC_REASON_NONE; then it is noted as refused. */
enum hc_reason hc_session_unwelcome(struct hc_session *session, const struct hc_session_run *run,
				    const struct hc_msg *msg);
/* hc_session_device_answer: to the device's question. */
void hc_session_device_answer(struct hc_session *session, const struct hc_secret *answer);
/* hc_session_pin_was: what became of the PIN that was sent, if one was: the method learns it, and it is wiped. */
void hc_session_pin_was(struct hc_session *session, bool right);
/* hc_session_pin_forget: wipes it; nobody learns anything. */
void hc_session_pin_forget(struct hc_session *session);
/* hc_session_is_yes: in the languages that we ask in. */
bool hc_session_is_yes(const struct hc_secret *answer);
/* hc_session_reason_of: of a message of a device; HC_REASON_NONE: it has none. */
enum hc_reason hc_session_reason_of(const struct hc_msg *msg);

/* ---- session_evidence.c ---- */

/* hc_session_device_done: what the winner gave: whose it is, what is said of it elsewhere, and the judgement. */
void hc_session_device_done(struct hc_session *session, const struct hc_msg *done);
/* hc_session_consulted: the word from elsewhere; NULL: it did not come. */
void hc_session_consulted(struct hc_session *session, const struct hc_msg *more);

#endif
