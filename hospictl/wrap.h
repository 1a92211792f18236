/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_WRAP_H
#define HC_WRAP_H

#include <stddef.h>
#include <stdio.h>

/*
 * Text in lines of a width: words are put one behind the other, and a new line begins with the
 * indent. A word wider than a line stands alone on one.
 */
struct hc_wrap {
	FILE *out; /* borrowed */
	size_t width, indent;
	size_t column; /* cells used in this line */
	size_t words;  /* in this line */
};

/* hc_wrap_begin: the line has column cells already. */
void hc_wrap_begin(struct hc_wrap *wrap, FILE *out, size_t width, size_t indent, size_t column);
/* hc_wrap_word: one word, which may hold blanks. hc_wrap_text: all words of a text; newlines stay. */
void hc_wrap_word(struct hc_wrap *wrap, const char *word);
void hc_wrap_text(struct hc_wrap *wrap, const char *text);
/* hc_wrap_end: the newline. */
void hc_wrap_end(struct hc_wrap *wrap);

#endif
