/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of the pages, the style sheet, and the language. What stands in the pages: test_page.c. */
#include "page_support.h"

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"

/* What hc_exchange_reply was told. */
static struct {
	int count;
	unsigned status;
	char headers[8192], body[HC_PAGE_BYTES_MAX + 1];
	size_t len;
	bool sensitive;
} reply;

void __wrap_hc_exchange_reply(struct hc_exchange *exchange, unsigned status, const char *const *headers,
			      const void *body, size_t len, bool sensitive);

void __wrap_hc_exchange_reply(struct hc_exchange *exchange, unsigned status, const char *const *headers,
			      const void *body, size_t len, bool sensitive)
{
	size_t at = 0;

	(void)exchange;
	reply.count++;
	reply.status = status;
	reply.headers[0] = '\0';
	for (size_t i = 0; headers[i] != NULL; i += 2)
		at += (size_t)snprintf(reply.headers + at, sizeof(reply.headers) - at, "%s: %s\n", headers[i],
				       headers[i + 1]);
	assert_true(at < sizeof(reply.headers) && len < sizeof(reply.body));
	memcpy(reply.body, body, len);
	reply.body[len] = '\0';
	reply.len = len;
	reply.sensitive = sensitive;
}

static void answer(unsigned status, const struct hc_page *page, const char *const *cookies)
{
	memset(&reply, 0, sizeof(reply));
	hc_page_reply(NULL, status, page, cookies);
	assert_int_equal(reply.count, 1);
	assert_true(reply.sensitive);
}

static void assert_header(const char *line)
{
	char wanted[512];
	const char *at = NULL;

	(void)snprintf(wanted, sizeof(wanted), "%s\n", line);
	at = strstr(reply.headers, wanted);
	if (at == NULL || (at != reply.headers && at[-1] != '\n'))
		fail_msg("%s is missing in:\n%s", line, reply.headers);
}

static int quiet(void **state)
{
	(void)state;
	hc_log_init("test", HC_LOG_ERROR);
	return 0;
}

/* ---- headers ---- */

static void a_page_that_cannot_be_rendered_is_an_error_page(void **state)
{
	struct hc_page page = page_of(HC_PAGE_CODE);
	struct hc_html_facts facts;
	char why[128] = "";

	(void)state;
	page.conversation = "\"><script>";
	page.form_action = "https://app.example/";
	answer(200, &page, NULL);
	assert_int_equal(reply.status, 500);
	assert_non_null(strstr(reply.body, "<dd>HC-305</dd>"));
	assert_null(strstr(reply.body, "script"));
	assert_null(strstr(reply.body, "martin"));
	assert_true(hc_html_check(reply.body, reply.len, &facts, why, sizeof(why)));
	assert_int_equal(facts.forms, 0);
	assert_non_null(strstr(reply.headers, "form-action 'none'; base-uri"));
}

static void every_page_has_every_header(void **state)
{
	static const char *const wanted[] = {
		"Content-Type: text/html; charset=utf-8",
		"Cache-Control: no-store",
		"X-Frame-Options: DENY",
		"X-Content-Type-Options: nosniff",
		"Referrer-Policy: same-origin",
		"Strict-Transport-Security: max-age=31536000",
		"Cross-Origin-Opener-Policy: same-origin",
	};

	(void)state;
	for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
		struct hc_page page = page_of(page_kinds[k]);

		page.lang = k % 2 == 0 ? HC_LANG_FR : HC_LANG_EN;
		answer(418, &page, NULL);
		assert_int_equal(reply.status, 418);
		for (size_t i = 0; i < HC_COUNT(wanted); i++)
			assert_header(wanted[i]);
		assert_header(k % 2 == 0 ? "Content-Language: fr" : "Content-Language: en");
		assert_non_null(strstr(reply.headers, "\nPermissions-Policy: "));
		assert_null(strstr(reply.headers, "(self)"));
		assert_null(strstr(reply.headers, "Set-Cookie"));
		assert_null(strstr(reply.headers, "unsafe"));
	}
}

static void cookies_are_sent_along(void **state)
{
	static const char *const cookies[] = {"a=1; Secure", "b=2", "c=3", "d=4", NULL};
	struct hc_page page = page_of(HC_PAGE_PASSWORD);

	(void)state;
	answer(200, &page, cookies);
	assert_header("Set-Cookie: a=1; Secure");
	assert_header("Set-Cookie: b=2");
	assert_header("Set-Cookie: c=3");
	assert_header("Set-Cookie: d=4");
	answer(200, &page, cookies + 4);
	assert_null(strstr(reply.headers, "Set-Cookie"));
}

static void the_policy_names_where_the_form_may_lead(void **state)
{
	static const struct {
		const char *form_action, *sources;
	} rows[] = {
		{NULL, ""},
		{"", ""},
		{" \n ", ""},
		{"https://app.example; script-src *", ""},
		{"https://app.example/;script-src", " https://app.example"},
		{"https://app.example;/", ""},
		{"https://app.example,/", ""},
		{"https://*.example/", ""},
		{"https://user@app.example/", ""},
		{"https://app.example:x/", ""},
		{"https://app.example:/", ""},
		{"https:///", ""},
		{"https:app.example", ""},
		{"javascript:alert(1)", ""},
		{"data:x", ""},
		{"*", ""},
		{"'unsafe-inline'", ""},
		{"app.example", ""},
		{"https://app.example/cb?a=b", " https://app.example"},
		{"https://app.example?a", " https://app.example"},
		{"https://app.example", " https://app.example"},
		{"https://app.example:8443/cb", " https://app.example:8443"},
		{"http://127.0.0.1:4000/cb", " http://127.0.0.1:4000"},
		{"http://[::1]:4000/cb", " http:"},
		{"org.example.app:/cb", " org.example.app:"},
		{"https://a/1 https://b/2\nhttps://c:3\n", " https://a https://b https://c:3"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_page page = page_of(HC_PAGE_PASSWORD);
		char csp[HC_PAGE_CSP_MAX], wanted[HC_PAGE_CSP_MAX];

		page.form_action = rows[i].form_action;
		(void)snprintf(wanted, sizeof(wanted),
			       "default-src 'none'; style-src 'self'; form-action 'self'%s; "
			       "base-uri 'none'; frame-ancestors 'none'",
			       rows[i].sources);
		hc_page_csp(&page, csp);
		if (strcmp(csp, wanted) != 0)
			fail_msg("row %zu: %s", i, csp);
		page.kind = HC_PAGE_ERROR;
		hc_page_csp(&page, csp);
		assert_non_null(strstr(csp, "form-action 'none';"));
		assert_null(strstr(csp, "app"));
	}
}

static void a_long_list_of_origins_is_cut_between_two(void **state)
{
	static char list[65536];
	struct hc_page page = page_of(HC_PAGE_PASSWORD);
	char csp[HC_PAGE_CSP_MAX];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "https://host-%d.example/cb\n", i);
	page.form_action = list;
	hc_page_csp(&page, csp);
	assert_non_null(strstr(csp, ".example; base-uri 'none'; frame-ancestors 'none'"));
	assert_non_null(strstr(csp, " https://host-0.example https://host-1.example "));
}

static void eight_origins_of_the_longest_names_fit(void **state)
{
	char list[8 * 300] = "", host[254];
	struct hc_page page = page_of(HC_PAGE_PASSWORD);
	char csp[HC_PAGE_CSP_MAX];
	size_t len = 0;

	(void)state;
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	for (int i = 0; i < 8; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "https://%s:6553%d/cb\n", host, i);
	page.form_action = list;
	hc_page_csp(&page, csp);
	assert_non_null(strstr(csp, ":65530 https"));
	assert_non_null(strstr(csp, ":65537; base-uri"));
}

/* ---- the style sheet ---- */

static void the_path_of_the_sheet_names_its_content(void **state)
{
	uint8_t hash[HC_SHA256_LEN];
	char path[64] = "/style/";

	(void)state;
	memset(&reply, 0, sizeof(reply));
	hc_page_handle_style(NULL, NULL);
	assert_int_equal(reply.status, 200);
	assert_int_equal(hc_sha256(reply.body, reply.len, hash), HC_OK);
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(path + 7 + 2 * i, sizeof(path) - 7 - 2 * i, "%02x", hash[i]);
	(void)snprintf(path + 23, sizeof(path) - 23, ".css");
	assert_string_equal(hc_page_style_path(), path);
	assert_header("Content-Type: text/css; charset=utf-8");
	assert_header("Cache-Control: public, max-age=31536000, immutable");
	assert_header("X-Content-Type-Options: nosniff");
}

static void the_sheet_fetches_nothing(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	hc_page_handle_style(NULL, NULL);
	assert_null(strstr(reply.body, "url"));
	assert_null(strstr(reply.body, "@import"));
	assert_null(strstr(reply.body, "//"));
	assert_non_null(strstr(reply.body, "prefers-color-scheme: dark"));
	assert_non_null(strstr(reply.body, ":focus-visible"));
}

/* ---- the language ---- */

static enum hc_lang lang_of(const char *accept, const char *locales, enum hc_lang fallback)
{
	struct hc_http_request request = {.header_count = 0};

	if (accept != NULL) {
		request.headers[0] =
			(struct hc_http_header){.name = {.data = "accept-language", .len = 15},
						.value = {.data = accept, .len = strlen(accept)}};
		request.header_count = 1;
	}
	return hc_page_lang(&request, locales, fallback);
}

static void the_language_is_the_one_that_is_asked_for(void **state)
{
	enum { FR = HC_LANG_FR, EN = HC_LANG_EN, FALLBACK = -1 };

	static const struct {
		const char *accept, *locales;
		int expected;
	} rows[] = {
		{NULL, NULL, FALLBACK},
		{"", "", FALLBACK},
		{"de", NULL, FALLBACK},
		{"se", "se", FALLBACK},
		{"fr", NULL, FR},
		{"EN-us", NULL, EN},
		{"fr, en", NULL, FR},
		{"en, fr", NULL, EN},
		{"fra", NULL, FALLBACK},
		{"en-GB,en;q=0.9,fr;q=0.8", NULL, EN},
		{"de-CH, fr-CH;q=0.9, en;q=0.8, *;q=0.5", NULL, FR},
		{"fr;q=0.1, en;q=0.2", NULL, EN},
		{"fr;q=0.123,en;q=0.124", NULL, EN},
		{"fr;q=0,en", NULL, EN},
		{"fr;q=0", NULL, FALLBACK},
		{"fr;q=0.000, en;q=0.001", NULL, EN},
		{"fr;q=1.000", NULL, FR},
		{"fr;q=1.001, en;q=0.1", NULL, EN},
		{"fr;q=2, en;q=0.1", NULL, EN},
		{"fr;q=-1, en;q=0.1", NULL, EN},
		{"fr;q=0.1234, en;q=0.1", NULL, EN},
		{"fr;q=, en;q=0.1", NULL, EN},
		{"fr;q=1e9, en;q=0.1", NULL, EN},
		{"fr;level=1, en;q=0.1", NULL, EN},
		{"fr ; Q=0.9 , en;q=0.8", NULL, FR},
		{",,,;;;,en", NULL, EN},
		{"*", NULL, FALLBACK},
		{"fr", "en", EN},
		{"fr", "en-GB fr", EN},
		{"en", "de fr-CA en", FR},
		{"en", "de", EN},
		{"en", "  fr ", FR},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		for (int fallback = HC_LANG_FR; fallback <= HC_LANG_EN; fallback++) {
			int got = (int)lang_of(rows[i].accept, rows[i].locales, (enum hc_lang)fallback);

			if (got != (rows[i].expected == FALLBACK ? fallback : rows[i].expected))
				fail_msg("row %zu, fallback %d: %d", i, fallback, got);
		}
	}
}

static void two_headers_of_languages_are_none(void **state)
{
	struct hc_http_request request = {.header_count = 2};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		request.headers[i] = (struct hc_http_header){.name = {.data = "Accept-Language", .len = 15},
							     .value = {.data = "en", .len = 2}};
	assert_int_equal(hc_page_lang(&request, NULL, HC_LANG_FR), HC_LANG_FR);
}

static void a_list_without_end_is_not_read_to_its_end(void **state)
{
	static char list[4096];

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(list); i++)
		list[i] = "de,"[i % 3];
	list[300] = 'e';
	list[301] = 'n';
	assert_int_equal(lang_of(list, NULL, HC_LANG_FR), HC_LANG_FR);
	list[30] = 'e';
	list[31] = 'n';
	assert_int_equal(lang_of(list, NULL, HC_LANG_FR), HC_LANG_EN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_that_cannot_be_rendered_is_an_error_page),
		cmocka_unit_test(every_page_has_every_header),
		cmocka_unit_test(cookies_are_sent_along),
		cmocka_unit_test(the_policy_names_where_the_form_may_lead),
		cmocka_unit_test(a_long_list_of_origins_is_cut_between_two),
		cmocka_unit_test(eight_origins_of_the_longest_names_fit),
		cmocka_unit_test(the_path_of_the_sheet_names_its_content),
		cmocka_unit_test(the_sheet_fetches_nothing),
		cmocka_unit_test(the_language_is_the_one_that_is_asked_for),
		cmocka_unit_test(two_headers_of_languages_are_none),
		cmocka_unit_test(a_list_without_end_is_not_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
