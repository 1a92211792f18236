/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAGE_SUPPORT_H
#define HC_PAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"
#include "html_check.h"
#include "pages/page.h"
#include "pages/render.h"

#define TOKEN "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_"

static const enum hc_page_kind page_kinds[] = {HC_PAGE_PASSWORD, HC_PAGE_CODE, HC_PAGE_LOGOUT,
					       HC_PAGE_LOGGED_OUT, HC_PAGE_ERROR};

static const char *const page_notices[] = {
	NULL,
	HC_PAGE_NOTICE_REFUSED,
	HC_PAGE_NOTICE_EXPIRED,
	HC_PAGE_NOTICE_TIMED_OUT,
	HC_PAGE_NOTICE_RESTART,
	HC_PAGE_NOTICE_TOO_MANY,
	HC_PAGE_NOTICE_STARTED_AGAIN,
	HC_PAGE_NOTICE_CONFIRM,
	HC_PAGE_NOTICE_SESSION_ENDED,
	HC_PAGE_ERROR_REQUEST,
	HC_PAGE_ERROR_CLIENT,
	HC_PAGE_ERROR_REDIRECT,
	HC_PAGE_ERROR_FORM,
	HC_PAGE_ERROR_COOKIES,
	HC_PAGE_ERROR_EXPIRED,
	HC_PAGE_ERROR_LOGOUT,
	HC_PAGE_ERROR_NOT_FOUND,
	HC_PAGE_ERROR_TOO_MANY,
};

/* A page of that kind with everything in it. */
static inline struct hc_page page_of(enum hc_page_kind kind)
{
	struct hc_page page = {.kind = kind,
			       .lang = HC_LANG_FR,
			       .base = "",
			       .establishment = "CHU de Saint-Étienne",
			       .application = "Dossier patient",
			       .username = "martin.dupont",
			       .link = "https://app.example/"};

	if (kind == HC_PAGE_PASSWORD || kind == HC_PAGE_CODE)
		page.request = TOKEN;
	if (kind == HC_PAGE_CODE)
		page.conversation = TOKEN;
	if (kind == HC_PAGE_LOGOUT)
		page.logout = TOKEN;
	return page;
}

/* Rendered, checked by the strict reader, and ended by a NUL. */
static inline struct hc_html_facts rendered(const struct hc_page *page, char out[HC_PAGE_BYTES_MAX + 1])
{
	struct hc_html_facts facts = {.h1 = 0};
	char why[128] = "";
	size_t len = 0;

	assert_int_equal(hc_page_render(page, out, HC_PAGE_BYTES_MAX, &len), HC_OK);
	out[len] = '\0';
	if (!hc_html_check(out, len, &facts, why, sizeof(why)))
		fail_msg("kind %d, notice %s: %s\n%s", (int)page->kind,
			 page->notice != NULL ? page->notice : "none", why, out);
	return facts;
}

#endif
