/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ARGS_H
#define HC_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

struct hc_command;

/*
 * The command line, taken apart. Options may stand anywhere; "--" ends them; "--name=value" and
 * "--name value" are the same. An option that is unknown, given twice, lacks its value or has one
 * too many is refused, and so is a wrong number of operands.
 */
struct hc_option {
	const char *name; /* without the dashes; NULL ends a list */
	const char *value; /* what stands for the value in the help; NULL: no value; "URI…": may come again */
	const char *help; /* text */
};

#define HC_ARGS_OPTIONS_MAX  16
#define HC_ARGS_OPERANDS_MAX 2
#define HC_ARGS_AGAIN_MAX    48

struct hc_args {
	const struct hc_command *command; /* NULL: none was named (--help, --version alone) */
	const char *noun;		  /* the first word as typed, or NULL */
	const char *group;		  /* the second word, where three name the command */
	bool help, version;
	const char *values[HC_ARGS_OPTIONS_MAX]; /* by place in command->options; "" for a flag */
	struct {
		int place;
		const char *value;
	} again[HC_ARGS_AGAIN_MAX]; /* further values of options that may come again */
	unsigned again_count;
	const char *operands[HC_ARGS_OPERANDS_MAX];
	unsigned operand_count;
};

/* hc_args_parse: false after the error and the short usage have been written to stderr. */
bool hc_args_parse(struct hc_ctl *ctl, int argc, char *const *argv, struct hc_args *ret_args);

/* hc_args_value: the value of an option, NULL if it was not given. hc_args_flag: whether it was. */
const char *hc_args_value(const struct hc_args *args, const char *name);
bool hc_args_flag(const struct hc_args *args, const char *name);

/* hc_args_join: all values of an option with a space between two; false: complained about, too long. */
bool hc_args_join(const struct hc_ctl *ctl, const struct hc_args *args, const char *name, char *out,
		  size_t cap);

/* hc_args_bad_value: complains about an option's value, with the short usage. Returns HC_CTL_USAGE. */
enum hc_ctl_status hc_args_bad_value(const struct hc_ctl *ctl, const struct hc_args *args, const char *name,
				     const char *expected_text);

/*
 * hc_args_number: reads an option's decimal value up to max. False: it was complained about.
 * ret_given says whether the option was there; ret_number is untouched otherwise.
 */
bool hc_args_number(const struct hc_ctl *ctl, const struct hc_args *args, const char *name, uint32_t max,
		    bool *ret_given, uint32_t *ret_number);

extern const struct hc_option hc_global_options[];

#endif
