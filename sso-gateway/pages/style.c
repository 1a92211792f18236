/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The style sheet as an answer. State: constants that tools/gen-style.pl makes of style.css; the path
 * names the content, so that a browser may keep it for good and gets a new one with a new program.
 */
#include "pages/style_table.h"

#include "pages/page.h"

const char *hc_page_style_path(void)
{
	return hc_page_style_name;
}

void hc_page_handle_style(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {
		"Content-Type",
		"text/css; charset=utf-8",
		"Cache-Control",
		"public, max-age=31536000, immutable",
		"X-Content-Type-Options",
		"nosniff",
		"Content-Security-Policy",
		"default-src 'none'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy",
		"same-origin",
		"Strict-Transport-Security",
		"max-age=31536000",
		NULL,
	};

	(void)app;
	hc_exchange_reply(exchange, 200, headers, hc_page_style, hc_page_style_len, false);
}
