/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_MACHINE_H
#define HC_FIDO2_MACHINE_H

#include "fido2_choice.h"
#include "fido2_key.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"

/*
 * One operation from DEVICE_START to DEVICE_DONE or DEVICE_FAILED, as a state machine without input or output:
 * events go in by the functions below, with the time; what is to be done comes out by hc_fido2_ops.
 * Keys are numbers below HC_FIDO2_KEYS_MAX, given by the caller.
 *
 *   LOOKING   which of the keys there can be used; waits for one to be plugged in
 *   RACING    several can, or a touch is all that is needed: whichever is touched first
 *   ASKING    the person is asked something about the chosen key
 *   WORKING   the chosen key works: for a PIN, a finger or a touch
 *   LEAVING   the chosen key stopped answering; is it gone?
 *   ENDED     done, failed or cancelled was told; nothing more comes out
 */
enum hc_fido2_state {
	HC_FIDO2_LOOKING,
	HC_FIDO2_RACING,
	HC_FIDO2_ASKING,
	HC_FIDO2_WORKING,
	HC_FIDO2_LEAVING,
	HC_FIDO2_ENDED
};

#define HC_FIDO2_GATHER_MS 700	 /* how long a fit key waits for others to say whether they are fit too */
#define HC_FIDO2_CUE_MS	   250	 /* a wrong PIN is known by then: what still runs waits for a touch */
#define HC_FIDO2_TOUCH_MS  30000 /* for one touch or finger */
#define HC_FIDO2_LEAVE_MS  300
#define HC_FIDO2_RETRY_MS  1000 /* before a key that could not be opened is opened again */
#define HC_FIDO2_ASKS_MAX  16

/* What goes with a message to the person; 0, -1 and NULL are left out. */
struct hc_fido2_note {
	const char *label, *detail;
	int tries; /* -1: unknown */
	enum hc_reason reason;
	uint32_t pin_min;
};

/* All borrow what they are given, for the call. None may call back into the machine. */
struct hc_fido2_ops {
	void (*start)(void *ctx, unsigned key, const struct hc_fido2_task *task);
	void (*cancel)(void *ctx, unsigned key);  /* its job is to end soon; that is still reported */
	void (*release)(void *ctx, unsigned key); /* not needed any more; nothing is reported */
	bool (*present)(void *ctx, unsigned key); /* looks anew whether it is plugged in */
	void (*wait)(void *ctx, enum hc_device_wait wait, const struct hc_fido2_note *note);
	/* accounts: of CHOICE, count of them; NULL else */
	void (*ask)(void *ctx, enum hc_device_ask ask, const struct hc_fido2_note *note,
		    const struct hc_fido2_account *accounts, size_t count);
	void (*item)(void *ctx, unsigned key, const struct hc_fido2_facts *facts,
		     const struct hc_fido2_note *note);
	/* outcome NULL: nothing to hand over; chosen: which of its accounts */
	void (*done)(void *ctx, const struct hc_fido2_outcome *outcome, size_t chosen,
		     const struct hc_fido2_note *note);
	void (*failed)(void *ctx, const struct hc_fido2_note *note);
};

enum hc_fido2_place {
	HC_FIDO2_FREE,
	HC_FIDO2_PROBING,
	HC_FIDO2_FIT,
	HC_FIDO2_UNFIT,
	HC_FIDO2_BROKEN,  /* could not be opened; tried again after a while */
	HC_FIDO2_IN_RACE, /* a job of the race runs */
	HC_FIDO2_CHOSEN,
	HC_FIDO2_IGNORED /* there, and not looked at */
};

struct hc_fido2_slot {
	enum hc_fido2_place place;
	char label[HC_FIDO2_LABEL_MAX + 1];
	struct hc_fido2_facts facts;
	enum hc_reason unfit;
	int64_t retry_ms;
};

struct hc_fido2_machine {
	const struct hc_fido2_request *request; /* borrowed */
	const struct hc_fido2_ops *ops;		/* borrowed */
	void *ctx;
	enum hc_fido2_state state;
	bool scanned, announced, patient;
	enum hc_reason announced_reason;
	int64_t deadline_ms, gather_ms, step_ms, cue_ms; /* 0: none */
	struct hc_fido2_slot slots[HC_FIDO2_KEYS_MAX];
	/* about the chosen key */
	unsigned chosen;
	enum hc_fido2_verify verify;
	enum hc_device_ask question;
	bool confirmed, without_finger, stopping;
	const char *detail; /* LEAVING: what it said last; static, may be NULL */
	unsigned asks;
	struct hc_secret *pin, *new_pin;	      /* owned */
	struct hc_secret *refused[HC_FIDO2_ASKS_MAX]; /* owned: PINs that it said no to */
	size_t refused_count;
	struct hc_fido2_outcome kept; /* while an account is chosen */
};

/* hc_fido2_machine_init: request, ops and ctx are borrowed until the machine is cleared. */
void hc_fido2_machine_init(struct hc_fido2_machine *machine, const struct hc_fido2_request *request,
			   const struct hc_fido2_ops *ops, void *ctx, int64_t now_ms);
/* hc_fido2_machine_clear: scrubs the PINs. No job may run any more. */
void hc_fido2_machine_clear(struct hc_fido2_machine *machine);

/* Events. A key is plugged in (label is borrowed), pulled out; all that are there have been told once. */
void hc_fido2_arrived(struct hc_fido2_machine *machine, unsigned key, const char *label, int64_t now_ms);
void hc_fido2_gone(struct hc_fido2_machine *machine, unsigned key, int64_t now_ms);
void hc_fido2_scanned(struct hc_fido2_machine *machine, int64_t now_ms);
/* A job has ended. The outcome is taken over: it is cleared, or kept and zeroed. */
void hc_fido2_finished(struct hc_fido2_machine *machine, unsigned key, enum hc_fido2_job job,
		       struct hc_fido2_outcome *outcome, int64_t now_ms);
/* The broker answered. HC_ERR_PROTOCOL: nothing was asked, or that is no answer to it. */
HC_CHECK enum hc_err hc_fido2_answered(struct hc_fido2_machine *machine, const uint8_t *data, size_t len,
				       int64_t now_ms);
void hc_fido2_cancelled(struct hc_fido2_machine *machine);
void hc_fido2_tick(struct hc_fido2_machine *machine, int64_t now_ms);

/* hc_fido2_wake_ms: when hc_fido2_tick is to be called at the latest. */
int64_t hc_fido2_wake_ms(const struct hc_fido2_machine *machine);

/* ---- between fido2_machine.c, fido2_look.c, fido2_work.c and fido2_answer.c ---- */

/* hc_fido2_decide: LOOKING and RACING: what follows from what is known of the keys. */
void hc_fido2_decide(struct hc_fido2_machine *machine, int64_t now_ms);
void hc_fido2_probe_key(struct hc_fido2_machine *machine, unsigned key);
void hc_fido2_enter_race(struct hc_fido2_machine *machine, unsigned key);
unsigned hc_fido2_count(const struct hc_fido2_machine *machine, enum hc_fido2_place place);
/* hc_fido2_why_none: why no key can be used, and which one the reason is about. */
enum hc_reason hc_fido2_why_none(const struct hc_fido2_machine *machine, unsigned *ret_key);

/* hc_fido2_fail: tells the end, once. key may be beyond the last: no key in particular. */
void hc_fido2_fail(struct hc_fido2_machine *machine, unsigned key, enum hc_reason reason, const char *detail);
void hc_fido2_accept(struct hc_fido2_machine *machine, unsigned key, struct hc_fido2_outcome *outcome);
/* hc_fido2_settle: key is the one; the others are given up. hc_fido2_choose: and now it is used. */
void hc_fido2_settle(struct hc_fido2_machine *machine, unsigned key);
void hc_fido2_choose(struct hc_fido2_machine *machine, unsigned key, int64_t now_ms);
void hc_fido2_worked(struct hc_fido2_machine *machine, struct hc_fido2_outcome *outcome, int64_t now_ms);
/* hc_fido2_ask: a question about the chosen key. hc_fido2_ask_pin: PIN, or first the word that the last try may be used. */
void hc_fido2_ask(struct hc_fido2_machine *machine, enum hc_device_ask question, enum hc_reason reason);
void hc_fido2_ask_pin(struct hc_fido2_machine *machine, enum hc_reason reason);
/* hc_fido2_work: the chosen key is set to work, with the PINs that are there. */
void hc_fido2_work(struct hc_fido2_machine *machine, int64_t now_ms);
/* hc_fido2_work_tick: WORKING and LEAVING. */
void hc_fido2_work_tick(struct hc_fido2_machine *machine, int64_t now_ms);
/* hc_fido2_job_of: the job that the request comes down to. */
enum hc_fido2_job hc_fido2_job_of(const struct hc_fido2_request *request);

#endif
