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
 * base-uri and frame-ancestors 'none'), X-Frame-Options DENY, nosniff, Referrer-Policy same-origin (nothing
 * to other sites; with no-referrer, browsers would not name our origin to our own forms either), HSTS,
 * Cross-Origin-Opener-Policy same-origin, and a Permissions-Policy that allows nothing.
 *
 * Forms are sent by POST: the sign-in pages to base + HC_PAGE_LOGIN_PATH, the logout page to base +
 * HC_PAGE_LOGOUT_PATH. The names of their fields:
 */
#define HC_PAGE_LOGIN_PATH	   "/login"
#define HC_PAGE_LOGOUT_PATH	   "/oauth2/logout"
#define HC_PAGE_FIELD_USERNAME	   "username"
#define HC_PAGE_FIELD_PASSWORD	   "password"
#define HC_PAGE_FIELD_CODE	   "code"
#define HC_PAGE_FIELD_REQUEST	   "request"	  /* hidden */
#define HC_PAGE_FIELD_CONVERSATION "conversation" /* hidden */
#define HC_PAGE_FIELD_LOGOUT	   "logout"	  /* hidden */
/* Sent as "1" by the button "cancel and start again" of the code page: to be looked at before code. */
#define HC_PAGE_FIELD_RESTART "restart"

enum hc_page_kind {
	HC_PAGE_PASSWORD, /* name and password: fields username, password; hidden request */
	HC_PAGE_CODE,	/* TOTP or recovery code: field code, button restart; hidden request, conversation */
	HC_PAGE_LOGOUT, /* asks whether to sign out: hidden logout; a button */
	HC_PAGE_LOGGED_OUT,
	HC_PAGE_ERROR /* what went wrong, and what to do; the help-desk code where there is one */
};

/*
 * The notices above a form. REFUSED is the one answer to a wrong name, password or code, to a person
 * who is unknown, disabled or locked, alike. The last three are no errors.
 */
#define HC_PAGE_NOTICE_REFUSED	     "page.notice.refused"
#define HC_PAGE_NOTICE_EXPIRED	     "page.notice.expired"   /* the form is older than what it belongs to */
#define HC_PAGE_NOTICE_TIMED_OUT     "page.notice.timed_out" /* the code came too late */
#define HC_PAGE_NOTICE_RESTART	     "page.notice.restart"   /* the conversation is not there any more */
#define HC_PAGE_NOTICE_TOO_MANY	     "page.notice.too_many"  /* open sign-ins, of this address or at all */
#define HC_PAGE_NOTICE_STARTED_AGAIN "page.notice.started_again" /* as the person wished */
#define HC_PAGE_NOTICE_CONFIRM	     "page.notice.confirm" /* prompt=login, max_age: sign in although signed in */
#define HC_PAGE_NOTICE_SESSION_ENDED "page.notice.session_ended"

/* Notices of the error page; with none, it has the text of the reason. */
#define HC_PAGE_ERROR_REQUEST	"page.error.request"  /* what the application sent is not right */
#define HC_PAGE_ERROR_CLIENT	"page.error.client"   /* nobody knows this application */
#define HC_PAGE_ERROR_REDIRECT	"page.error.redirect" /* the way back to it is not registered */
#define HC_PAGE_ERROR_FORM	"page.error.form"     /* no form of ours, or altered */
#define HC_PAGE_ERROR_COOKIES	"page.error.cookies" /* the login cookie did not come back, or another's did */
#define HC_PAGE_ERROR_EXPIRED	"page.error.expired"   /* the application has to start again */
#define HC_PAGE_ERROR_LOGOUT	"page.error.logout"    /* logout request that is not right: still signed in */
#define HC_PAGE_ERROR_NOT_FOUND "page.error.not_found" /* 404, 405 */
#define HC_PAGE_ERROR_TOO_MANY	"page.error.too_many"  /* 429, 503: no room */

/* Hidden fields longer than this, or with bytes that base64url and '.' have not, make it the error page of
   HC_REASON_INTERNAL with status 500: nothing is cut. Texts longer than HC_PAGE_TEXT_MAX bytes are cut. */
#define HC_PAGE_HIDDEN_MAX 12288
#define HC_PAGE_TEXT_MAX   128
#define HC_PAGE_LINK_MAX   2048

struct hc_page {
	enum hc_page_kind kind;
	enum hc_lang lang;
	const char *base;	   /* the issuer's path, "" for none: stands before every path of ours */
	const char *establishment; /* its name; "" for none */
	const char *application;   /* the client's name for people; NULL: none */
	const char *notice;	   /* one of those above, shown as an alert above the form; NULL: none */
	/*
	 * Of HC_PAGE_ERROR, and of a form that cannot go on now: text and help-desk code. Reasons that would
	 * tell of a person (2xx) or speak to administrators (4xx) are shown as HC_PAGE_NOTICE_REFUSED.
	 * HC_REASON_NONE: no help-desk code.
	 */
	enum hc_reason reason;
	const char *username; /* to be shown again in the field or above the code; NULL or "" for none */
	const char *request;  /* hidden fields: opaque base64url texts of ours; NULL: none */
	const char *conversation;
	const char *logout;
	/*
	 * Where the answer to the form may lead beside 'self' (CSP): one or more URIs with a blank or a line
	 * break between, of which scheme://host[:port] counts, or the scheme alone where it is not http or
	 * https. Chromium holds it against all redirects that follow, the application's own too: so give
	 * every redirect URI of the client. NULL: nowhere.
	 */
	const char *form_action;
	const char *
		link; /* where "back to the application" leads: http, https or an app's own; NULL: no such link */
};

/*
 * hc_page_reply: renders and answers the exchange. cookies: values of Set-Cookie headers to be sent
 * along, up to HC_PAGE_COOKIES_MAX, NULL-terminated (NULL: none), borrowed.
 */
#define HC_PAGE_COOKIES_MAX 4
void hc_page_reply(struct hc_exchange *exchange, unsigned status, const struct hc_page *page,
		   const char *const *cookies);

/* hc_page_lang: ui_locales (NULL: none), else Accept-Language, else fallback; fr or en. */
enum hc_lang hc_page_lang(const struct hc_http_request *request, const char *ui_locales,
			  enum hc_lang fallback);

/*
 * The style sheet, built in; its path (behind the issuer's own) names its content, so browsers keep it
 * for good. A route for GET.
 */
const char *hc_page_style_path(void);
void hc_page_handle_style(struct hc_exchange *exchange, void *app);

#endif
