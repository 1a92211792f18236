/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAGE_H
#define HC_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/text.h"
#include "http/http.h"

/*
 * The pages that people see: HTML rendered here out of texts in po/ ("page.…"), complete in
 * themselves but for one style sheet, usable without script, with the keyboard and by a screen
 * reader (RGAA 4.1). Everything that comes from outside is escaped here and nowhere else.
 *
 * Every page is sent with no-store, CSP default-src 'none' (style-src 'self'; form-action as below;
 * base-uri and frame-ancestors 'none'), X-Frame-Options DENY, nosniff, Referrer-Policy no-referrer, HSTS,
 * Cross-Origin-Opener-Policy same-origin, and an empty Permissions-Policy.
 */
enum hc_page_kind {
	HC_PAGE_PASSWORD, /* name and password: fields username, password; hidden request */
	HC_PAGE_CODE,	  /* TOTP or recovery code: field code; hidden request, conversation */
	HC_PAGE_LOGOUT,	  /* asks whether to sign out: hidden logout; a button */
	HC_PAGE_LOGGED_OUT,
	HC_PAGE_ERROR /* what went wrong, and what to do; the help-desk code where there is one */
};

struct hc_page {
	enum hc_page_kind kind;
	enum hc_lang lang;
	const char *establishment; /* its name; "" for none */
	const char *application;   /* the client's name for people; NULL: none */
	const char *notice;	   /* name of a text in po/ shown as an alert above the form; NULL: none */
	enum hc_reason
		reason; /* of HC_PAGE_ERROR and unavailable notices; HC_REASON_NONE: no help-desk code */
	const char *username; /* to be shown again in the field or above the code; "" for none */
	const char *request;  /* hidden fields: opaque base64url texts of ours; NULL: none */
	const char *conversation;
	const char *logout;
	const char *
		form_action; /* scheme://host[:port] beside 'self' where the answer to the form may lead (CSP); NULL: none */
	const char *link; /* where "back to the application" leads; NULL: no such link */
};

/*
 * hc_page_reply: renders and answers the exchange. cookies: values of Set-Cookie headers to be sent
 * along, up to four, NULL-terminated (NULL: none), borrowed.
 */
void hc_page_reply(struct hc_exchange *exchange, unsigned status, const struct hc_page *page,
		   const char *const *cookies);

/* hc_page_lang: ui_locales (NULL: none), else Accept-Language, else fallback; fr or en. */
enum hc_lang hc_page_lang(const struct hc_http_request *request, const char *ui_locales,
			  enum hc_lang fallback);

/* The style sheet, built in; its path names its content, so browsers may keep it. */
const char *hc_page_style_path(void);
void hc_page_handle_style(struct hc_exchange *exchange, void *app);

#endif
