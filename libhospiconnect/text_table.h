/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEXT_TABLE_H
#define HC_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The table that tools/gen-text.pl makes of po/: sorted by name, one text a language (enum hc_lang). All are
 * places in the pool, terminated there: a table of pointers would have to be relocated in every host that
 * loads the module.
 */
struct hc_text_entry {
	uint32_t name;
	uint32_t texts[2];
};

extern const char hc_text_pool[];
extern const struct hc_text_entry hc_text_table[];
extern const size_t hc_text_table_len;

#endif
