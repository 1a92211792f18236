/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breaking of texts into lines, by the width of their characters. State: where the line is. No-break
 * spaces are part of their word, as French typography wants.
 */
#include "wrap.h"

#include <stdlib.h>
#include <string.h>

#include "glyph.h"

#define WORD_CAP 1024

void hc_wrap_begin(struct hc_wrap *wrap, FILE *out, size_t width, size_t indent, size_t column)
{
	*wrap = (struct hc_wrap){.out = out, .width = width, .indent = indent, .column = column};
}

static void new_line(struct hc_wrap *wrap)
{
	(void)fprintf(wrap->out, "\n%*s", (int)wrap->indent, "");
	wrap->column = wrap->indent;
	wrap->words = 0;
}

void hc_wrap_word(struct hc_wrap *wrap, const char *word)
{
	size_t columns = hc_glyph_columns(word), gap = wrap->words > 0 ? 1 : 0;

	if (wrap->column > wrap->indent && wrap->column + gap + columns > wrap->width) {
		new_line(wrap);
		gap = 0;
	}
	(void)fprintf(wrap->out, "%s%s", gap > 0 ? " " : "", word);
	wrap->column += gap + columns;
	wrap->words++;
}

void hc_wrap_text(struct hc_wrap *wrap, const char *text)
{
	char word[WORD_CAP];

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		if (len > 0) {
			(void)snprintf(word, sizeof(word), "%.*s", (int)len, text);
			hc_wrap_word(wrap, word);
		}
		text += len;
		if (*text == '\n')
			new_line(wrap);
		text += *text == '\0' ? 0 : 1;
	}
}

void hc_wrap_end(struct hc_wrap *wrap)
{
	(void)fputc('\n', wrap->out);
}
