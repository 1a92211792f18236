/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_STACK_H
#define HC_PAM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * PAM stacks as libpam reads and runs them, without running them: the lines of one service and one
 * type with their actions, and the question whether some way through them ends in success.
 */
enum hc_pam_type { HC_PAM_AUTH, HC_PAM_ACCOUNT, HC_PAM_PASSWORD, HC_PAM_SESSION };

/* libpam's return codes, by their numbers there. Only those that this program speaks of are named. */
enum hc_pam_code {
	HC_PAM_OK = 0,
	HC_PAM_SERVICE_ERR = 3,
	HC_PAM_PERM_DENIED = 6,
	HC_PAM_AUTH_ERR = 7,
	HC_PAM_AUTHINFO_UNAVAIL = 9,
	HC_PAM_USER_UNKNOWN = 10,
	HC_PAM_MAXTRIES = 11,
	HC_PAM_NEW_AUTHTOK_REQD = 12,
	HC_PAM_ACCT_EXPIRED = 13,
	HC_PAM_CONV_ERR = 19,
	HC_PAM_NO_OPINION = 25, /* libpam's "ignore" */
};
#define HC_PAM_CODES 32

/* Actions: a positive number jumps over that many lines. */
enum hc_pam_action {
	HC_PAM_ACT_IGNORE = 0,
	HC_PAM_ACT_OK = -1,
	HC_PAM_ACT_DONE = -2,
	HC_PAM_ACT_BAD = -3,
	HC_PAM_ACT_DIE = -4,
	HC_PAM_ACT_RESET = -5
};

#define HC_PAM_LINES_MAX  256
#define HC_PAM_LEVELS_MAX 16

struct hc_pam_line {
	char file[64];	 /* where it stands */
	unsigned number; /* line of that file */
	char module[64]; /* "pam_unix": without folder and ".so"; empty for a line that must fail */
	char arguments[512];
	char control[128]; /* as written */
	int actions[HC_PAM_CODES];
	unsigned level; /* of substack */
	bool marker;	/* the place of a substack; not run */
	bool must_fail; /* libpam cannot make sense of it, and fails there */
};

struct hc_pam_stack {
	struct hc_pam_line *lines; /* owned */
	size_t count;
	bool aborted;	   /* libpam gives the service up: an @include fails */
	bool unsure;	   /* libpam runs a line with actions that it never set: nobody can tell */
	bool fallback;	   /* the service has none of its own; these are of "other" */
	char problem[192]; /* the first line or include that libpam would stumble over; empty if none */
};

/* Gives the text of a file of the PAM directory (transferred, malloc), NULL if it is not there. */
typedef char *(*hc_pam_source_fn)(const char *name, void *ctx);

/*
 * hc_pam_stack_load: the lines of a service, with include, substack and @include resolved, or those
 * of "other" if it has none. HC_ERR_TOOBIG beyond HC_PAM_LINES_MAX, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_pam_stack_load(hc_pam_source_fn source, void *ctx, const char *service,
				       enum hc_pam_type type, struct hc_pam_stack *ret_stack);
void hc_pam_stack_clear(struct hc_pam_stack *stack);

/* hc_pam_has_argument: whether the line has that word among its arguments. */
bool hc_pam_has_argument(const struct hc_pam_line *line, const char *word);

/* hc_pam_argument: the value behind "name=" in out; false if it is not given. */
bool hc_pam_argument(const struct hc_pam_line *line, const char *name, char *out, size_t cap);

/* The codes that a line may return in a question: a set of bits. Nothing: the line cannot be passed. */
typedef uint32_t (*hc_pam_outcomes_fn)(const struct hc_pam_line *line, const void *ctx);
#define HC_PAM_BIT(code) (UINT32_C(1) << (code))

struct hc_pam_step {
	size_t line;
	int code;
};

struct hc_pam_path {
	struct hc_pam_step steps[HC_PAM_LINES_MAX];
	size_t count;
};

enum hc_pam_answer {
	HC_PAM_NEVER,	  /* no way ends in success */
	HC_PAM_SOMETIMES, /* one does, and is given */
	HC_PAM_UNDECIDED  /* too many ways, or libpam itself is unsure */
};

/* hc_pam_reaches_success: ret_path is written for HC_PAM_SOMETIMES only. */
HC_CHECK enum hc_pam_answer hc_pam_reaches_success(const struct hc_pam_stack *stack,
						   hc_pam_outcomes_fn outcomes, const void *ctx,
						   struct hc_pam_path *ret_path);

#endif
