/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a page may lead: its Content-Security-Policy and its link.
 *
 * State: none. Threats: a client's URI that adds a directive or a source to the policy (only bytes
 * that a source may have are copied), a link that runs something or opens what lies on the machine.
 *
 * form-action is held by Chromium against every redirect that follows from the form as well: the page has
 * to name the application's origin, and those to which the application itself leads on.
 */
#include "pages/render.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ALPHA	   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT	   "0123456789"
#define BETWEEN	   " \n"
#define SCHEME_MAX 64

/* The length of the scheme without its colon; 0 where there is none that may be followed. */
static size_t scheme_len(const char *uri)
{
	static const char *const never[] = {"javascript", "data", "vbscript",  "file",
					    "about",	  "blob", "filesystem"};
	size_t len = strspn(uri, ALPHA DIGIT "+-.");

	if (len == 0 || len > SCHEME_MAX || uri[len] != ':' || strchr(ALPHA, uri[0]) == NULL)
		return 0;
	for (size_t i = 0; i < HC_COUNT(never); i++) {
		if (strlen(never[i]) == len && strncasecmp(uri, never[i], len) == 0)
			return 0;
	}
	return len;
}

static bool is_web(const char *uri, size_t len)
{
	return (len == 4 && strncasecmp(uri, "http", 4) == 0) ||
	       (len == 5 && strncasecmp(uri, "https", 5) == 0);
}

bool hc_page_link_is_safe(const char *uri)
{
	size_t scheme = scheme_len(uri), len = strnlen(uri, HC_PAGE_LINK_MAX + 1);

	if (scheme == 0 || len > HC_PAGE_LINK_MAX ||
	    uri[strspn(uri, ALPHA DIGIT "-._~:/?#[]@!$&'()*+,;=%")] != '\0')
		return false;
	return !is_web(uri, scheme) || strncmp(uri + scheme, "://", 3) == 0;
}

/*
 * How much of the URI names its origin as a source of the policy can: "https://app.example:8443". A
 * host that no source can be (an IPv6 address) leaves the scheme alone; 0: nothing that may be named.
 */
static size_t source_len(const char *uri)
{
	size_t scheme = scheme_len(uri), host = 0, port = 0;

	if (scheme == 0)
		return 0;
	if (!is_web(uri, scheme))
		return scheme + 1;
	if (strncmp(uri + scheme, "://", 3) != 0)
		return 0;

	const char *authority = uri + scheme + 3;

	if (authority[0] == '[')
		return scheme + 1;
	host = strspn(authority, ALPHA DIGIT "-.");
	if (authority[host] == ':')
		port = 1 + strspn(authority + host + 1, DIGIT);
	if (host == 0 || port == 1 || strchr("/?#" BETWEEN, authority[host + port]) == NULL)
		return 0;
	return scheme + 3 + host + port;
}

/* The sources of a list of URIs, each with a blank before it, as many as fit. */
static void add_sources(const char *uris, char *out, size_t cap)
{
	size_t used = 0;

	for (const char *uri = uris; *uri != '\0'; uri += strcspn(uri, BETWEEN)) {
		uri += strspn(uri, BETWEEN);

		size_t len = source_len(uri);

		if (len == 0 || len + 1 >= cap - used)
			continue;
		out[used] = ' ';
		memcpy(out + used + 1, uri, len);
		used += len + 1;
	}
	out[used] = '\0';
}

void hc_page_csp(const struct hc_page *page, char out[HC_PAGE_CSP_MAX])
{
	char sources[HC_PAGE_CSP_MAX - 256] = "";
	bool form = hc_page_has_form(page->kind);

	if (form && page->form_action != NULL)
		add_sources(page->form_action, sources, sizeof(sources));
	(void)snprintf(out, HC_PAGE_CSP_MAX,
		       "default-src 'none'; style-src 'self'; form-action %s%s; base-uri 'none'; "
		       "frame-ancestors 'none'",
		       form ? "'self'" : "'none'", sources);
}
