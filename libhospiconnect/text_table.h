/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEXT_TABLE_H
#define HC_TEXT_TABLE_H

#include <stddef.h>

/* The table that tools/gen-text.pl makes of po/: sorted by name, one text a language (enum hc_lang). */
struct hc_text_entry {
	const char *name;
	const char *texts[2];
};

extern const struct hc_text_entry hc_text_table[];
extern const size_t hc_text_table_len;

#endif
