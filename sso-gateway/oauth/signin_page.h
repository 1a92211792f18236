/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIGNIN_PAGE_H
#define HC_SIGNIN_PAGE_H

#include "gateway.h"
#include "http/http.h"
#include "oauth/pending.h"
#include "pages/page.h"
#include "store/client.h"

/* The two pages of a sign-in, as the authorization endpoint and the form's both show them. */
struct hc_signin_page {
	unsigned status;
	const struct hc_pending *pending;
	const char *request; /* the same, sealed */
	const struct hc_client *client;
	const char *notice;	  /* HC_PAGE_NOTICE_…; NULL: none */
	enum hc_reason reason;	  /* why it cannot go on now */
	const char *username;	  /* NULL: none */
	const char *conversation; /* set: the page that asks for the code; NULL: for name and password */
	const char *set_cookie;	  /* NULL: none */
};

/* hc_signin_page_reply: everything is borrowed. Ends the exchange. */
void hc_signin_page_reply(struct hc_worker *worker, struct hc_exchange *exchange,
			  const struct hc_signin_page *signin_page);

#endif
