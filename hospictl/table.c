/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of tables. State: the copied cells. Knows nothing of what they mean; their texts are
 * already harmless for a terminal.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "glyph.h"

#define COLUMNS_MAX 20
#define GAP	    2
#define NARROWEST   10

struct hc_table {
	size_t count;
	struct hc_table_column columns[COLUMNS_MAX];
	char *titles[COLUMNS_MAX];
	char **cells; /* rows × count */
	size_t rows, cap;
};

enum hc_err hc_table_new(const struct hc_table_column *columns, size_t count, struct hc_table **ret_table)
{
	HC_AUTO(table) table = calloc(1, sizeof(*table));

	if (table == NULL)
		return HC_ERR_NOMEM;
	if (count == 0 || count > COLUMNS_MAX)
		return HC_ERR_INVALID;
	table->count = count;
	for (size_t i = 0; i < count; i++) {
		table->columns[i] = columns[i];
		table->titles[i] = strdup(columns[i].title);
		if (table->titles[i] == NULL)
			return HC_ERR_NOMEM;
	}
	*ret_table = hc_steal_ptr(&table);
	return HC_OK;
}

void hc_table_free(struct hc_table **table)
{
	if (table == NULL || *table == NULL)
		return;
	for (size_t i = 0; i < (*table)->count; i++)
		free((*table)->titles[i]);
	for (size_t i = 0; i < (*table)->rows * (*table)->count; i++)
		free((*table)->cells[i]);
	free((*table)->cells);
	free(*table);
	*table = NULL;
}

static enum hc_err grow(struct hc_table *table)
{
	size_t cap = table->cap == 0 ? 64 : table->cap * 2;
	char **cells;

	if (table->rows < table->cap)
		return HC_OK;
	cells = reallocarray(table->cells, cap, table->count * sizeof(*cells));
	if (cells == NULL)
		return HC_ERR_NOMEM;
	table->cells = cells;
	table->cap = cap;
	return HC_OK;
}

enum hc_err hc_table_add(struct hc_table *table, const char *const *cells)
{
	enum hc_err err = grow(table);
	char **row;

	if (err != HC_OK)
		return err;
	row = table->cells + table->rows * table->count;
	for (size_t i = 0; i < table->count; i++) {
		row[i] = strdup(cells[i] == NULL ? "" : cells[i]);
		if (row[i] == NULL) {
			while (i > 0)
				free(row[--i]);
			return HC_ERR_NOMEM;
		}
	}
	table->rows++;
	return HC_OK;
}

size_t hc_table_rows(const struct hc_table *table)
{
	return table->rows;
}

static size_t widest_cuttable(const struct hc_table *table, const size_t *widths)
{
	size_t widest = COLUMNS_MAX;

	for (size_t i = 0; i < table->count; i++) {
		if (table->columns[i].whole || widths[i] <= NARROWEST)
			continue;
		if (widest == COLUMNS_MAX || widths[i] >= widths[widest])
			widest = i;
	}
	return widest;
}

/* A column without a single value says nothing; width 0 leaves it out. */
static size_t natural_width(const struct hc_table *table, size_t column)
{
	size_t widest = 0;

	for (size_t row = 0; row < table->rows; row++) {
		size_t columns = hc_glyph_columns(table->cells[row * table->count + column]);

		if (columns > widest)
			widest = columns;
	}
	if (widest > 0 && hc_glyph_columns(table->titles[column]) > widest)
		widest = hc_glyph_columns(table->titles[column]);
	return widest;
}

static size_t total_width(const struct hc_table *table, const size_t *widths)
{
	size_t total = 0, shown = 0;

	for (size_t i = 0; i < table->count; i++) {
		total += widths[i];
		shown += widths[i] > 0 ? 1 : 0;
	}
	return total + (shown > 0 ? (shown - 1) * GAP : 0);
}

/* The last column that may be cut goes, when cutting is not enough. False: none is left. */
static bool drop_last(const struct hc_table *table, size_t *widths)
{
	for (size_t i = table->count; i > 0; i--) {
		if (!table->columns[i - 1].whole && widths[i - 1] > 0) {
			widths[i - 1] = 0;
			return true;
		}
	}
	return false;
}

/* What the columns would take if each were as narrow as it may be. */
static size_t narrowest_width(const struct hc_table *table, const size_t *widths)
{
	size_t narrow[COLUMNS_MAX] = {0};

	for (size_t i = 0; i < table->count; i++)
		narrow[i] = table->columns[i].whole || widths[i] < NARROWEST ? widths[i] : NARROWEST;
	return total_width(table, narrow);
}

static void measure(const struct hc_table *table, size_t width, size_t *widths)
{
	size_t total;

	for (size_t i = 0; i < table->count; i++)
		widths[i] = natural_width(table, i);
	while (narrowest_width(table, widths) > width && drop_last(table, widths))
		;
	for (total = total_width(table, widths); total > width; total--) {
		size_t widest = widest_cuttable(table, widths);

		if (widest == COLUMNS_MAX)
			return;
		widths[widest]--;
	}
}

static void pad(FILE *out, size_t count)
{
	(void)fprintf(out, "%*s", (int)count, "");
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	size_t columns = hc_glyph_columns(text), len = strlen(text);
	bool cut = columns > width;

	if (cut)
		len = hc_glyph_fit(text, width - 1, &columns);
	columns += cut ? 1 : 0;
	if (right)
		pad(out, width - columns);
	(void)fprintf(out, "%.*s%s", (int)len, text, cut ? "…" : "");
	if (!right && !last)
		pad(out, width - columns);
}

static void print_line(const struct hc_table *table, FILE *out, char *const *cells, const size_t *widths)
{
	size_t last = table->count;

	while (last > 0 && widths[last - 1] == 0)
		last--;
	for (size_t i = 0; i < last; i++) {
		if (widths[i] == 0)
			continue;
		print_cell(out, cells[i], widths[i], table->columns[i].right, i + 1 == last);
		if (i + 1 < last)
			pad(out, GAP);
	}
}

void hc_table_print(const struct hc_table *table, FILE *out, size_t width, bool bold)
{
	size_t widths[COLUMNS_MAX] = {0};

	measure(table, width, widths);
	(void)fputs(bold ? "\033[1m" : "", out);
	print_line(table, out, table->titles, widths);
	(void)fputs(bold ? "\033[0m\n" : "\n", out);
	for (size_t row = 0; row < table->rows; row++) {
		print_line(table, out, table->cells + row * table->count, widths);
		(void)fputc('\n', out);
	}
}
