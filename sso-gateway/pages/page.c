/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page as an answer: the headers that every page has, cookies, and the last resort.
 *
 * State: none. Threats: a page kept by the browser of a shared workstation (no-store), framed by
 * somebody else's, or reached by a window that somebody else opened. What was rendered may hold what
 * a person typed, so it is scrubbed here, and by the server once it is sent.
 */
#include "pages/page.h"

#include <assert.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "pages/render.h"

#define HEADERS_MAX 40

static const char permissions[] =
	"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
	"microphone=(), midi=(), payment=(), usb=()";

static const char *const always[] = {
	"Content-Type",
	"text/html; charset=utf-8",
	"Cache-Control",
	"no-store",
	"X-Frame-Options",
	"DENY",
	"X-Content-Type-Options",
	"nosniff",
	/* Not no-referrer: with that, browsers say "Origin: null" to our own forms, and login.c wants ours. */
	"Referrer-Policy",
	"same-origin",
	"Strict-Transport-Security",
	"max-age=31536000",
	"Cross-Origin-Opener-Policy",
	"same-origin",
	"Cross-Origin-Resource-Policy",
	"same-origin",
	"Permissions-Policy",
	permissions,
	"X-Robots-Tag",
	"noindex",
};

static_assert(HC_COUNT(always) + 6 + 2 * HC_PAGE_COOKIES_MAX < HEADERS_MAX, "room for every header");

static void collect_headers(const struct hc_page *page, unsigned status, const char *csp,
			    const char *const *cookies, const char *headers[HEADERS_MAX])
{
	size_t count = 0, sent = 0;

	while (count < HC_COUNT(always)) {
		headers[count] = always[count];
		count++;
	}
	headers[count++] = "Content-Security-Policy";
	headers[count++] = csp;
	headers[count++] = "Content-Language";
	headers[count++] = page->lang == HC_LANG_EN ? "en" : "fr";
	if (status == 503) {
		headers[count++] = "Retry-After";
		headers[count++] = "5";
	}
	for (; cookies != NULL && sent < HC_PAGE_COOKIES_MAX && cookies[sent] != NULL; sent++) {
		headers[count++] = "Set-Cookie";
		headers[count++] = cookies[sent];
	}
	assert(cookies == NULL || cookies[sent] == NULL);
	headers[count] = NULL;
}

/* What is left of a page that could not be rendered. */
static struct hc_page trouble_with(const struct hc_page *page)
{
	return (struct hc_page){.kind = HC_PAGE_ERROR,
				.lang = page->lang,
				.base = page->base,
				.establishment = page->establishment,
				.reason = HC_REASON_INTERNAL};
}

void hc_page_reply(struct hc_exchange *exchange, unsigned status, const struct hc_page *page,
		   const char *const *cookies)
{
	char body[HC_PAGE_BYTES_MAX], csp[HC_PAGE_CSP_MAX];
	const char *headers[HEADERS_MAX];
	struct hc_page trouble = trouble_with(page);
	size_t len = 0;
	enum hc_err err = hc_page_render(page, body, sizeof(body), &len);

	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "page not rendered", HC_F_TEXT("why", hc_strerror(err)),
		       HC_F_NUM("kind", page->kind));
		page = &trouble;
		status = 500;
		/* nothing of it can be wrong or too long; an empty page is still no sign-in */
		if (hc_page_render(page, body, sizeof(body), &len) != HC_OK)
			len = 0;
	}
	hc_page_csp(page, csp);
	collect_headers(page, status, csp, cookies, headers);
	hc_exchange_reply(exchange, status, headers, body, len, true);
	hc_scrub(body, len);
}
