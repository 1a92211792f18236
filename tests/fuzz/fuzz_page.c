/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/identity.h"
#include "html_check.h"
#include "pages/page.h"
#include "pages/render.h"

/*
 * The pages, full of what a hostile application, person or browser may have put there. The input: one
 * byte each for kind, notice and reason, then texts with a NUL between. Whatever they are, the page
 * passes the strict reader and has the elements and attributes that it has with harmless texts; its
 * policy has five directives; a hidden field is whole or there is no page; and a language that nobody
 * named is the fallback.
 */
enum { ESTABLISHMENT, APPLICATION, USERNAME, LINK, FORM_ACTION, HIDDEN, LOCALES, ACCEPTED, TEXTS };

static const char *const notices[] = {NULL, HC_PAGE_NOTICE_REFUSED, HC_PAGE_NOTICE_CONFIRM,
				      HC_PAGE_NOTICE_TIMED_OUT, HC_PAGE_ERROR_NOT_FOUND};

static struct hc_page page_of(const uint8_t *head, char *const *texts)
{
	struct hc_page page = {.kind = (enum hc_page_kind)(head[0] % 5),
			       .lang = head[0] & 0x80 ? HC_LANG_EN : HC_LANG_FR,
			       .base = head[0] & 0x40 ? "/sso" : "",
			       .establishment = texts[ESTABLISHMENT],
			       .application = texts[APPLICATION],
			       .username = texts[USERNAME],
			       .notice = notices[head[1] % HC_COUNT(notices)],
			       .link = texts[LINK],
			       .form_action = texts[FORM_ACTION],
			       .request = texts[HIDDEN]};

	if (hc_reason_from_wire(head[2] + 100u, &page.reason) != HC_OK)
		page.reason = HC_REASON_NONE;
	return page;
}

static bool render(const struct hc_page *page, char *html, struct hc_html_facts *ret_facts)
{
	char why[128] = "";
	size_t len = 0;
	enum hc_err err = hc_page_render(page, html, HC_PAGE_BYTES_MAX, &len);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID);
	if (err != HC_OK)
		return false;
	if (!hc_html_check(html, len, ret_facts, why, sizeof(why))) {
		(void)fprintf(stderr, "%s\n", why);
		abort();
	}
	return true;
}

/* The same page with texts that nobody could object to, where those had any effect. */
static struct hc_page harmless(const struct hc_page *page)
{
	struct hc_page same = *page;
	bool shown = strlen(page->username) <= HC_PAGE_TEXT_MAX &&
		     hc_utf8_valid(page->username, strlen(page->username));

	same.establishment = "x";
	same.application = page->application[0] != '\0' ? "x" : "";
	same.username = page->username[0] != '\0' && (shown || page->kind != HC_PAGE_PASSWORD) ? "x" : "";
	same.link = hc_page_link_is_safe(page->link) ? "https://x/" : NULL;
	same.form_action = NULL;
	same.request = "x";
	return same;
}

static void check_page(const struct hc_page *page)
{
	static char html[HC_PAGE_BYTES_MAX];
	struct hc_html_facts facts, plain;
	struct hc_page same = harmless(page);
	bool ours = strlen(page->request) <= HC_PAGE_HIDDEN_MAX &&
		    page->request[strspn(page->request, "abcdefghijklmnopqrstuvwxyz"
							"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';

	FUZZ_REQUIRE(render(&same, html, &plain));
	FUZZ_REQUIRE(render(page, html, &facts) == ours);
	FUZZ_REQUIRE(!ours || facts.structure == plain.structure);
}

static void check_policy(const struct hc_page *page)
{
	char csp[HC_PAGE_CSP_MAX];
	int directives = 1;

	hc_page_csp(page, csp);
	for (const char *at = csp; *at != '\0'; at++) {
		directives += *at == ';';
		FUZZ_REQUIRE(*at >= 0x20 && *at < 0x7f && strchr(",*@\"<>", *at) == NULL);
	}
	FUZZ_REQUIRE(directives == 5 && strstr(csp, "frame-ancestors 'none'") != NULL);
	FUZZ_REQUIRE(strstr(csp, "unsafe") == NULL || strstr(page->form_action, "unsafe") != NULL);
}

static bool names(const char *text, char first, char second)
{
	for (; text[0] != '\0'; text++) {
		if ((text[0] | 0x20) == first && (text[1] | 0x20) == second)
			return true;
	}
	return false;
}

static void check_lang(const char *locales, const char *accepted)
{
	struct hc_http_request request = {.header_count = 1};
	enum hc_lang lang = HC_LANG_FR;

	request.headers[0] = (struct hc_http_header){.name = {.data = "Accept-Language", .len = 15},
						     .value = {.data = accepted, .len = strlen(accepted)}};
	lang = hc_page_lang(&request, locales, HC_LANG_FR);
	FUZZ_REQUIRE(lang == HC_LANG_FR ||
		     (lang == HC_LANG_EN && (names(locales, 'e', 'n') || names(accepted, 'e', 'n'))));
	lang = hc_page_lang(&request, locales, HC_LANG_EN);
	FUZZ_REQUIRE(lang == HC_LANG_EN ||
		     (lang == HC_LANG_FR && (names(locales, 'f', 'r') || names(accepted, 'f', 'r'))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *memory = NULL, *texts[TEXTS];

	if (size < 3)
		return 0;
	memory = calloc(1, size + TEXTS);
	if (memory == NULL)
		abort();
	memcpy(memory, data + 3, size - 3);
	texts[0] = memory;
	/* behind the input stand as many empty texts as may be missing */
	for (size_t i = 1; i < TEXTS; i++)
		texts[i] = texts[i - 1] + strlen(texts[i - 1]) + 1;

	struct hc_page page = page_of(data, texts);

	check_page(&page);
	check_policy(&page);
	check_lang(texts[LOCALES], texts[ACCEPTED]);
	free(memory);
	return 0;
}
