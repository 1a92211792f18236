/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_STYLE_TABLE_H
#define HC_STYLE_TABLE_H

#include <stddef.h>

/* What tools/gen-style.pl makes of style.css: the sheet as it is sent, and the path that names it. */
extern const char hc_page_style[];
extern const size_t hc_page_style_len;
extern const char hc_page_style_name[];

#endif
