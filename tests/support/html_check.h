/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HTML_CHECK_H
#define HC_HTML_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A reader of the gateway's pages that is stricter than any browser: the elements and attributes that
 * our pages have and no others (so no script, no style, no handler), each attribute once and in double
 * quotes, everything closed in order, well-formed UTF-8, the five references only, no '<', '>', quote
 * or control character in text or values, ids that are there once, a label for every field, and
 * aria-describedby that leads somewhere.
 */
#define HC_HTML_IDS_MAX 16

struct hc_html_facts {
	unsigned h1, main, title, forms, labels, fields, buttons, links, alerts, autofocus, described,
		invalid;
	uint64_t structure; /* of elements and names of attributes, whatever the text and the values */
};

/* why: what is wrong and where, cap bytes. */
bool hc_html_check(const char *data, size_t len, struct hc_html_facts *ret_facts, char *why, size_t cap);

#endif
