/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing of answers. State: the table being filled, for a terminal alone; other forms are written
 * row by row, so that an audit trail of any length needs no memory. A JSON array is closed only when
 * the broker said that the answer was whole.
 */
#include "list.h"

#include <string.h>

#include "hospiconnect/attrs.h"

#include "glyph.h"
#include "request.h"
#include "table.h"

#define COLUMNS_MAX   20
#define TITLE_CAP     96
#define LABEL_COLUMNS 22

struct list {
	const struct hc_ctl *ctl;
	const struct hc_column *columns;
	size_t count;
	struct hc_json json;
	struct hc_table *table;
	bool seen;
};

static bool is_number(enum hc_cell_kind kind)
{
	return kind == HC_CELL_NUMBER || kind == HC_CELL_SIGNED;
}

static enum hc_err make_table(struct list *list)
{
	struct hc_table_column columns[COLUMNS_MAX];
	char titles[COLUMNS_MAX][TITLE_CAP];
	size_t used = 0;

	for (size_t i = 0; i < list->count && used < COLUMNS_MAX; i++) {
		if (!list->columns[i].listed)
			continue;
		hc_cell_title(list->ctl, list->columns[i].name, titles[used], TITLE_CAP);
		columns[used] = (struct hc_table_column){.title = titles[used],
							 .whole = list->columns[i].whole,
							 .right = is_number(list->columns[i].kind)};
		used++;
	}
	return hc_table_new(columns, used, &list->table);
}

static enum hc_err add_to_table(struct list *list, const struct hc_msg *row)
{
	static char texts[COLUMNS_MAX][HC_CELL_CAP]; /* one at a time; too large for the stack */
	const char *cells[COLUMNS_MAX];
	size_t used = 0;

	for (size_t i = 0; i < list->count && used < COLUMNS_MAX; i++) {
		if (!list->columns[i].listed)
			continue;
		hc_cell_human(list->ctl, &list->columns[i], row, texts[used], HC_CELL_CAP);
		cells[used] = texts[used];
		used++;
	}
	return hc_table_add(list->table, cells);
}

static void print_plain(const struct list *list, const struct hc_msg *row)
{
	char text[HC_CELL_CAP];
	const char *gap = "";

	for (size_t i = 0; i < list->count; i++) {
		if (!list->columns[i].listed)
			continue;
		hc_cell_plain(&list->columns[i], row, text, sizeof(text));
		(void)printf("%s%s", gap, text);
		gap = "\t";
	}
	(void)putchar('\n');
}

static void print_object(struct list *list, const struct hc_msg *row)
{
	hc_json_object(&list->json, NULL);
	for (size_t i = 0; i < list->count; i++)
		hc_cell_json(&list->json, &list->columns[i], row);
	hc_json_close(&list->json);
}

static enum hc_err take_row(const struct hc_msg *row, void *ctx)
{
	struct list *list = ctx;

	if (!list->seen && list->ctl->json)
		hc_json_array(&list->json, NULL);
	list->seen = true;
	if (list->ctl->json)
		print_object(list, row);
	else if (list->ctl->table)
		return add_to_table(list, row);
	else
		print_plain(list, row);
	return HC_OK;
}

static void finish_list(struct list *list, const char *nothing)
{
	const struct hc_ctl *ctl = list->ctl;

	if (ctl->json) {
		if (!list->seen)
			hc_json_array(&list->json, NULL);
		hc_json_close(&list->json);
	} else if (ctl->table && !list->seen) {
		hc_ctl_say(ctl, stdout, nothing, NULL);
	}
}

enum hc_ctl_status hc_list_run(const struct hc_ctl *ctl, struct hc_msg *request,
			       const struct hc_column *columns, size_t count, const char *nothing)
{
	struct list list = {.ctl = ctl, .columns = columns, .count = count};
	struct hc_reply reply;
	enum hc_ctl_status status;
	enum hc_err err = make_table(&list);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_json_init(&list.json, stdout);
	status = hc_request_run(ctl, request, take_row, &list, &reply);
	if (ctl->table && list.seen)
		hc_table_print(list.table, stdout, ctl->width, ctl->color);
	if (status == HC_CTL_DONE)
		finish_list(&list, nothing);
	hc_table_free(&list.table);
	return status;
}

void hc_view_title(const struct hc_ctl *ctl, const char *name)
{
	char title[TITLE_CAP];
	size_t columns;

	if (!ctl->table) {
		(void)printf("%s\t", name);
		return;
	}
	hc_cell_title(ctl, name, title, sizeof(title));
	columns = hc_glyph_columns(title);
	(void)printf("%s%s%s%*s", ctl->color ? "\033[1m" : "", title, ctl->color ? "\033[0m" : "",
		     columns < LABEL_COLUMNS ? (int)(LABEL_COLUMNS - columns) : 1, "");
}

void hc_view_line(const struct hc_ctl *ctl, const char *name, const char *value)
{
	hc_view_title(ctl, name);
	(void)printf("%s\n", value);
}

static enum hc_err take_one(const struct hc_msg *row, void *ctx)
{
	struct list *list = ctx;
	char text[HC_CELL_CAP];

	if (list->seen)
		return HC_ERR_PROTOCOL;
	list->seen = true;
	if (list->ctl->json) {
		print_object(list, row);
		return HC_OK;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->ctl->table)
			hc_cell_human(list->ctl, &list->columns[i], row, text, sizeof(text));
		else
			hc_cell_plain(&list->columns[i], row, text, sizeof(text));
		if (text[0] != '\0')
			hc_view_line(list->ctl, list->columns[i].name, text);
	}
	return HC_OK;
}

enum hc_ctl_status hc_view_run(const struct hc_ctl *ctl, struct hc_msg *request,
			       const struct hc_column *columns, size_t count)
{
	struct list list = {.ctl = ctl, .columns = columns, .count = count};
	struct hc_reply reply;
	enum hc_ctl_status status;

	hc_json_init(&list.json, stdout);
	status = hc_request_run(ctl, request, take_one, &list, &reply);
	if (status == HC_CTL_DONE && !list.seen)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	return status;
}

enum hc_ctl_status hc_done_run(const struct hc_ctl *ctl, struct hc_msg *request, const char *done,
			       const char *const *args)
{
	struct hc_reply reply;
	struct hc_json json;
	enum hc_ctl_status status = hc_request_run(ctl, request, NULL, NULL, &reply);

	if (status != HC_CTL_DONE)
		return status;
	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_bool(&json, "done", true);
		hc_json_close(&json);
	} else if (ctl->table) {
		hc_ctl_say(ctl, stdout, done, args);
	}
	return status;
}
