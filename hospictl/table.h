/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TABLE_H
#define HC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * A table on a terminal: a header line, columns aligned by the width of their characters, lines cut
 * to the terminal where a column may be cut ("…" marks it). A column without any value is left out;
 * so are the last ones that may be cut, where cutting is not enough. A column that is whole (an id,
 * a login) is never cut or left out: such a line rather wraps.
 */
struct hc_table;

struct hc_table_column {
	const char *title; /* copied */
	bool whole;
	bool right; /* aligned to the right: numbers */
};

HC_CHECK enum hc_err hc_table_new(const struct hc_table_column *columns, size_t count,
				  struct hc_table **ret_table);
void hc_table_free(struct hc_table **table);

/* hc_table_add: one row of count cells (copied; already fit for a terminal; NULL is empty). */
HC_CHECK enum hc_err hc_table_add(struct hc_table *table, const char *const *cells);

size_t hc_table_rows(const struct hc_table *table);

/* hc_table_print: bold: the header in bold type. */
void hc_table_print(const struct hc_table *table, FILE *out, size_t width, bool bold);

#endif
