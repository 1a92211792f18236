/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text into HTML.
 *
 * State: none but the caller's buffer. Threats: text that becomes markup or ends an attribute; bytes
 * that a browser reads otherwise than we do (overlong and truncated UTF-8); characters that turn the
 * order of what stands behind them; length. Every character is judged by itself, so nothing depends
 * on what stands before it.
 */
#include "pages/html.h"

#include <stdint.h>
#include <string.h>

#include "hospiconnect/identity.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS    "\xe2\x80\xa6"

static void add(struct hc_html *html, const char *data, size_t len)
{
	if (html->full || len > html->cap - html->len) {
		html->full = true;
		return;
	}
	memcpy(html->out + html->len, data, len);
	html->len += len;
}

void hc_html_markup(struct hc_html *html, const char *markup)
{
	add(html, markup, strlen(markup));
}

/* How many bytes the character at the start takes, by its first one; 1 where none starts there. */
static size_t claimed_len(uint8_t first)
{
	if (first >= 0xf0 && first < 0xf8)
		return 4;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xc0 && first < 0xe0)
		return 2;
	return 1;
}

static const char *reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* One character, or what stands for it; returns how many bytes of the text it was. */
static size_t add_one(struct hc_html *html, const char *text, size_t left)
{
	size_t len = claimed_len((uint8_t)text[0]);
	const char *instead = reference(text[0]);

	if (instead != NULL) {
		hc_html_markup(html, instead);
		return 1;
	}
	if (len <= left && hc_utf8_valid(text, len)) {
		add(html, text, len);
		return len;
	}
	hc_html_markup(html, REPLACEMENT);
	/* of an ill-formed sequence the first byte; of a character that acts, the whole */
	for (size_t i = 1; i < len; i++) {
		if (i >= left || ((uint8_t)text[i] & 0xc0) != 0x80)
			return 1;
	}
	return len;
}

void hc_html_text(struct hc_html *html, const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	bool cut = len > max;

	if (cut) {
		/* back to where a character starts, but not past what no character is */
		for (len = max; len > 0 && max - len < 3 && ((uint8_t)text[len] & 0xc0) == 0x80;)
			len--;
	}
	for (size_t pos = 0; pos < len;)
		pos += add_one(html, text + pos, len - pos);
	if (cut)
		hc_html_markup(html, ELLIPSIS);
}
