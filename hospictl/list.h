/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LIST_H
#define HC_LIST_H

#include "hospiconnect/msg.h"

#include "cell.h"
#include "ctl.h"

/*
 * hc_list_run: sends request and prints the rows of its answer: a table on a terminal, a line of
 * tab-separated values a row otherwise, a JSON array with --json. nothing: text said on a terminal
 * when there is no row. Returns the exit status.
 */
enum hc_ctl_status hc_list_run(const struct hc_ctl *ctl, struct hc_msg *request,
			       const struct hc_column *columns, size_t count, const char *nothing);

/*
 * hc_view_run: sends request and prints the one row of its answer: a line a fact, or a JSON object.
 */
enum hc_ctl_status hc_view_run(const struct hc_ctl *ctl, struct hc_msg *request,
			       const struct hc_column *columns, size_t count);

/* hc_view_line: one "Title  value" on a terminal (value is fit for it), "name<TAB>value" otherwise. */
void hc_view_line(const struct hc_ctl *ctl, const char *name, const char *value);
/* hc_view_title: the beginning of such a line, for a value that is written by itself. */
void hc_view_title(const struct hc_ctl *ctl, const char *name);

/* hc_done_run: a request without rows: says the text `done` on a terminal; {"done": true} with --json. */
enum hc_ctl_status hc_done_run(const struct hc_ctl *ctl, struct hc_msg *request, const char *done,
			       const char *const *args);

#endif
