/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIGNINS_H
#define HC_SIGNINS_H

#include <stddef.h>
#include <stdint.h>

#include "gateway.h"
#include "hospiconnect/secret.h"
#include "hospiconnect/text.h"
#include "http/http.h"
#include "persons.h"

/*
 * The sign-ins that are open on one loop: conversations with the broker between the page that asked for
 * the password and the one that asks for the code. Each lasts HC_SIGNIN_MS at most, is bound to the
 * browser and the request that began it, is good for one code, and is found again under a random name that
 * says which loop has it. A browser's second POST may come to any loop: hc_signins_answer finds the owner.
 */
struct hc_signins;

#define HC_SIGNINS_MAX		1024
#define HC_SIGNINS_PER_ADDRESS	32 /* IPv6: of a /64 */
#define HC_SIGNIN_MS		120000
#define HC_CONVERSATION_LEN	23  /* base64url of the loop's number and 128 random bits */
#define HC_SIGNIN_USERNAME_MAX	256 /* as typed */
#define HC_SIGNIN_ANSWER_MAX	512 /* password, code */
#define HC_SIGNIN_BINDING_BYTES 32

/* hc_signins_new: one a worker; its link to the broker is borrowed at every use. HC_ERR_NOMEM, HC_ERR_IO. */
HC_CHECK enum hc_err hc_signins_new(struct hc_worker *worker, struct hc_signins **ret_signins);

/*
 * hc_signins_free: of &worker->signins, when no loop runs any more and before the links, the store and the
 * loops are freed. Who still waits is told HC_SIGNINS_GONE, here, on the calling thread.
 */
void hc_signins_free(struct hc_signins **signins);

enum hc_signins_outcome {
	HC_SIGNINS_GONE = 0,	/* no such conversation: over, another browser's, never there */
	HC_SIGNINS_REFUSED = 1, /* whatever the cause */
	HC_SIGNINS_TIMED_OUT = 2,
	HC_SIGNINS_UNAVAILABLE = 3, /* nothing was decided; reason says why */
	HC_SIGNINS_CODE = 4,	    /* the code is to be asked for */
	HC_SIGNINS_ALLOWED = 0x5A
};

struct hc_signins_report {
	enum hc_signins_outcome outcome;
	enum hc_reason reason;			    /* of UNAVAILABLE */
	char conversation[HC_CONVERSATION_LEN + 1]; /* of CODE */
	char username[HC_SIGNIN_USERNAME_MAX + 1];  /* as typed; "" when GONE */
	uint32_t method;			    /* of ALLOWED: HC_METHOD_… */
	struct hc_person person;		    /* of ALLOWED */
};
/* Runs exactly once for each successful call below, on the calling worker's thread, perhaps inside of the call. */
typedef void (*hc_signins_fn)(const struct hc_signins_report *report, void *ctx);

struct hc_signins_ask {
	const char *username;	    /* not empty, at most HC_SIGNIN_USERNAME_MAX bytes */
	struct hc_secret *password; /* transferred, also on failure */
	const char *peer;	    /* the browser's address */
	enum hc_lang lang;
	uint8_t binding[HC_SIGNIN_BINDING_BYTES];
};

/*
 * hc_signins_begin: fn is told CODE or why not. HC_ERR_FULL: too many are open, in all or from this
 * address; HC_ERR_AWAY and others of the link.
 */
HC_CHECK enum hc_err hc_signins_begin(struct hc_signins *signins, struct hc_signins_ask *ask,
				      hc_signins_fn fn, void *ctx);

struct hc_signins_answer {
	struct hc_view conversation; /* as received */
	uint8_t binding[HC_SIGNIN_BINDING_BYTES];
	struct hc_secret *code; /* transferred, also on failure; NULL: the person gives up */
};

/*
 * hc_signins_answer: of any loop's conversation. fn is told everything but CODE; to give up is
 * HC_SIGNINS_REFUSED. A second answer while the first is judged (a double click) takes its place: the first
 * is told GONE and the second gets the verdict. HC_ERR_NOMEM, HC_ERR_CLOSED: fn will not run.
 */
HC_CHECK enum hc_err hc_signins_answer(struct hc_worker *worker, struct hc_signins_answer *answer,
				       hc_signins_fn fn, void *ctx);

#endif
