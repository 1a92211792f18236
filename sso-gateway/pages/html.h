/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HTML_H
#define HC_HTML_H

#include <stdbool.h>
#include <stddef.h>

/* A page on its way into a buffer of fixed size. Once something did not fit it stays full. */
struct hc_html {
	char *out; /* borrowed, cap bytes; no NUL is written */
	size_t cap, len;
	bool full;
};

/* hc_html_markup: as it is: constants of ours and nothing else. */
void hc_html_markup(struct hc_html *html, const char *markup);

/*
 * hc_html_text: foreign text, for an element's content or an attribute's value in double quotes:
 * & < > " ' as references, U+FFFD for each byte that is not UTF-8 and each character that would act
 * (controls, line separators, those that reorder text). Behind at most max bytes of the text, which
 * is cut at a whole character, stands an ellipsis.
 */
void hc_html_text(struct hc_html *html, const char *text, size_t max);

#endif
