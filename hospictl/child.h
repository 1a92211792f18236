/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CHILD_H
#define HC_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Our own daemons, run for their judgement of a file. */

/* hc_child_find: the path of a program: beside this one, or where packages put it. */
bool hc_child_find(const char *name, char *out, size_t cap);
/*
 * hc_child_run: program with one option and its value, and another option (NULL: none); what it says on standard output, and
 * on standard error too with `both`, is cut at cap. Returns its exit status, -1 if it could not be run.
 */
int hc_child_run(const char *program, const char *option, const char *value, const char *more, bool both,
		 char *output, size_t cap);

#endif
