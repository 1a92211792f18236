/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REPLY_H
#define HC_REPLY_H

#include <stdbool.h>

#include "gateway.h"
#include "hospiconnect/reason.h"
#include "http/http.h"
#include "http/url.h"
#include "pages/page.h"

/* Answers to browsers. Each ends its exchange. */

/* hc_reply_page_init: a page of that kind for the person at this exchange: language, establishment, base. */
void hc_reply_page_init(const struct hc_worker *worker, const struct hc_exchange *exchange,
			enum hc_page_kind kind, struct hc_page *ret_page);

/* What an error page says. */
struct hc_reply_fault {
	unsigned status;
	const char *notice;    /* HC_PAGE_ERROR_…; NULL: the text of the reason */
	enum hc_reason reason; /* HC_REASON_NONE: no help-desk code */
};
void hc_reply_error(struct hc_worker *worker, struct hc_exchange *exchange,
		    const struct hc_reply_fault *fault);

/* hc_reply_reason: what a failure of the store or the link is called at the help desk. */
enum hc_reason hc_reply_reason(enum hc_err err);

/* hc_reply_trouble: nobody's fault out there: 503 where it may be otherwise soon, else 500. Logged. */
void hc_reply_trouble(struct hc_worker *worker, struct hc_exchange *exchange, const char *doing,
		      enum hc_err err);

/*
 * hc_reply_redirect: 303, so that a form's answer is fetched without the form. location and cookies (as in
 * hc_page_reply) are borrowed. What the location holds is scrubbed once it is sent.
 */
void hc_reply_redirect(struct hc_exchange *exchange, const char *location, const char *const *cookies);

/* An answer to the application: a code, or an error. */
struct hc_reply_to_client {
	const char *redirect_uri, *state; /* state "": none */
	const char *code;		  /* NULL: error and description are meant */
	const char *error, *description;
};
void hc_reply_to_client(struct hc_worker *worker, struct hc_exchange *exchange,
			const struct hc_reply_to_client *answer, const char *const *cookies);

/* hc_reply_head: whether it was HEAD, and answered: 405. A look at these endpoints must not do anything. */
bool hc_reply_head(struct hc_exchange *exchange);

/*
 * hc_reply_as_get: sends the browser to a path of ours with the same parameters as a query. A form that
 * another site sends comes without our cookies (SameSite=Lax); as GET it is a navigation like any other,
 * and has them. False, and not answered: it would be too long for that.
 */
bool hc_reply_as_get(struct hc_worker *worker, struct hc_exchange *exchange, const char *path,
		     const struct hc_params *params);

#endif
