/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_LINK_H
#define HC_BROKER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/text.h"

/*
 * The way to hospiconnect-authd over gateway.sock (docs/PROTOCOL.broker.md 3.7, 3.8), without
 * waiting: everything is sent and received on the loop, and a broker that is slow, hung or away
 * delays nobody but those who asked it. Nothing that it says is kept here.
 *
 * All calls and callbacks are on the loop's thread; a callback never runs inside of the call that
 * asked for it. Errors in callbacks: HC_ERR_AWAY (no broker, or it has gone), HC_ERR_TIMEOUT (hung),
 * HC_ERR_PEER (somebody else listens there), HC_ERR_PROTOCOL, HC_ERR_NOMEM. None of them is a
 * verdict: whoever gets one grants nothing.
 */
struct hc_broker_link;
struct hc_loop;
struct hc_outbox_record;
struct hc_secret;
struct hc_clock;

/* A person as the broker describes one. Absent texts are empty. */
struct hc_person {
	int64_t id; /* never used again for another person */
	char login[65];
	char given_name[129], family_name[129];
	char national_id[65], profession[129], organization[129];
};

/* hc_broker_link_new: nothing is connected yet. loop, path, clock: borrowed for its life. HC_ERR_INVALID, HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_broker_link_new(struct hc_loop *loop, const char *path, const struct hc_clock *clock,
					struct hc_broker_link **ret_link);
/* hc_broker_link_free: what is open ends without a callback. Not inside of a callback. */
void hc_broker_link_free(struct hc_broker_link **link);

/*
 * hc_broker_link_limit: how many sign-ins may be open at once on this link. The broker takes
 * HC_BROKER_SIGNINS of a gateway and keeps room for its other questions; several links share that.
 */
#define HC_BROKER_SIGNINS 440
void hc_broker_link_limit(struct hc_broker_link *link, size_t signins);

/*
 * One sign-in: password, then code, one try. Progress is told through fn:
 *   HC_SIGNIN_CODE     the password is being looked at; the person is to be asked for a code, always
 *   HC_SIGNIN_RESULT   the verdict; the conversation is over
 *   HC_SIGNIN_FAILED   no verdict (err says why); the conversation is over
 * HC_SIGNIN_RESULT and _FAILED come exactly once, also while a code is still awaited (time-out,
 * broker away), unless hc_broker_signin_cancel came first. The handle is dead after either.
 */
struct hc_broker_signin;

enum hc_signin_event { HC_SIGNIN_CODE = 1, HC_SIGNIN_RESULT = 2, HC_SIGNIN_FAILED = 3 };

struct hc_signin_report {
	enum hc_signin_event event;
	enum hc_err err;  /* of HC_SIGNIN_FAILED */
	bool allowed;	  /* of HC_SIGNIN_RESULT: both factors are right */
	bool unavailable; /* of HC_SIGNIN_RESULT: the broker could not decide (HC-304, HC-306, HC-301 …) */
	enum hc_reason
		reason;	 /* the truth, for logs and metrics; never for the page, except when unavailable */
	uint32_t method; /* when allowed: HC_METHOD_TOTP or HC_METHOD_RECOVERY */
	uint32_t codes_left;	 /* after a recovery code */
	struct hc_person person; /* when allowed */
};
typedef void (*hc_signin_fn)(const struct hc_signin_report *report, void *ctx);

struct hc_signin_ask {
	const char *user;	    /* as typed; NUL-terminated, any content that the form let through */
	struct hc_secret *password; /* transferred, also on failure */
	const char *rhost;	    /* the client's address */
	enum hc_lang lang;
	unsigned timeout_s; /* for the person's second answer */
};

/*
 * hc_broker_signin_start: HC_ERR_FULL beyond the link's limit, HC_ERR_TOOBIG for a password that no account
 * can have (512 bytes), HC_ERR_NOMEM; fn does not run then. A user that is no text is asked for as nobody.
 */
HC_CHECK enum hc_err hc_broker_signin_start(struct hc_broker_link *link, struct hc_signin_ask *ask,
					    hc_signin_fn fn, void *ctx, struct hc_broker_signin **ret_signin);
/*
 * hc_broker_signin_code: the answer to HC_SIGNIN_CODE; once. code is borrowed and not scrubbed.
 * HC_ERR_STATE before it was asked for and after it was given, HC_ERR_TOOBIG beyond 512 bytes.
 */
HC_CHECK enum hc_err hc_broker_signin_code(struct hc_broker_signin *signin, const void *code, size_t len);
/* hc_broker_signin_cancel: tells the broker and frees; fn does not run any more. */
void hc_broker_signin_cancel(struct hc_broker_signin **signin);

/* Asking about a person. */
struct hc_person_answer {
	bool exists;	       /* false: there is no such person (any more) */
	bool may_sign_in;      /* enabled and within validity */
	enum hc_reason reason; /* why not */
	struct hc_person person;
};
typedef void (*hc_person_fn)(enum hc_err err, const struct hc_person_answer *answer, void *ctx);

/* hc_broker_person_ask: answer is NULL unless err is HC_OK. At most a bounded number wait (HC_ERR_FULL). */
HC_CHECK enum hc_err hc_broker_person_ask(struct hc_broker_link *link, int64_t person_id, hc_person_fn fn,
					  void *ctx);

/*
 * Being told of changes. live says whether changes are being told right now; it is false from the
 * start, whenever the broker is away and until it has confirmed anew: whatever is remembered about
 * people is worthless then, and changes may have been missed. The link reconnects by itself.
 */
struct hc_broker_watch {
	void (*live)(bool live, void *ctx);
	void (*changed)(int64_t person_id, bool active, void *ctx);
	void *ctx;
};
/* hc_broker_link_watch: once; watch is copied. */
HC_CHECK enum hc_err hc_broker_link_watch(struct hc_broker_link *link, const struct hc_broker_watch *watch);

/*
 * Delivering audit records: up to HC_OUTBOX_BATCH of them, in the order of seq, borrowed until fn has run.
 * HC_OK: the broker has all of them on disk, now or from an earlier delivery. Anything else: it may have,
 * or not; deliver them again. fn runs once. One delivery at a time: HC_ERR_STATE.
 */
typedef void (*hc_broker_events_fn)(enum hc_err err, void *ctx);
HC_CHECK enum hc_err hc_broker_events_send(struct hc_broker_link *link,
					   const struct hc_outbox_record *records, size_t count,
					   hc_broker_events_fn fn, void *ctx);
/* hc_broker_events_cancel: fn does not run any more. */
void hc_broker_events_cancel(struct hc_broker_link *link);

#endif
