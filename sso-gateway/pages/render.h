/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAGE_RENDER_H
#define HC_PAGE_RENDER_H

#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "pages/page.h"

/* Room for every page with everything in it at its longest. */
#define HC_PAGE_BYTES_MAX 32768

/*
 * hc_page_render: the page as HTML, without a NUL. HC_ERR_INVALID for a hidden field that is none of
 * ours, HC_ERR_TOOBIG where it does not fit; out may hold a part of it then.
 */
HC_CHECK enum hc_err hc_page_render(const struct hc_page *page, char *out, size_t cap, size_t *ret_len);

/* hc_page_csp: the Content-Security-Policy of that page. */
#define HC_PAGE_CSP_MAX 2560 /* eight origins of the longest names, and the rest */
void hc_page_csp(const struct hc_page *page, char out[HC_PAGE_CSP_MAX]);

/* hc_page_link_is_safe: whether a URI leads to a site or an app, not into the page or the machine itself. */
bool hc_page_link_is_safe(const char *uri);

/* hc_page_has_form: whether a page of that kind sends something. */
bool hc_page_has_form(enum hc_page_kind kind);

#endif
