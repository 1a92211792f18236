/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control of a PAM line: which return code does what. The four keywords are short for tables.
 * No state.
 */
#include "pam_control.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hospiconnect/attrs.h"

#define UNSET	 (-100)
#define JUMP_MAX 1000

static const char *const code_names[HC_PAM_CODES] = {
	"success",
	"open_err",
	"symbol_err",
	"service_err",
	"system_err",
	"buf_err",
	"perm_denied",
	"auth_err",
	"cred_insufficient",
	"authinfo_unavail",
	"user_unknown",
	"maxtries",
	"new_authtok_reqd",
	"acct_expired",
	"session_err",
	"cred_unavail",
	"cred_expired",
	"cred_err",
	"no_module_data",
	"conv_err",
	"authtok_err",
	"authtok_recover_err",
	"authtok_lock_busy",
	"authtok_disable_aging",
	"try_again",
	"ignore",
	"abort",
	"authtok_expired",
	"module_unknown",
	"bad_item",
	"conv_again",
	"incomplete",
};

static const struct {
	const char *name;
	int success, no_opinion, rest;
} keywords[] = {
	{"required", HC_PAM_ACT_OK, HC_PAM_ACT_IGNORE, HC_PAM_ACT_BAD},
	{"requisite", HC_PAM_ACT_OK, HC_PAM_ACT_IGNORE, HC_PAM_ACT_DIE},
	{"optional", HC_PAM_ACT_OK, HC_PAM_ACT_IGNORE, HC_PAM_ACT_IGNORE},
	{"sufficient", HC_PAM_ACT_DONE, HC_PAM_ACT_IGNORE, HC_PAM_ACT_IGNORE},
};

static const struct {
	const char *name;
	int action;
} action_names[] = {
	{"ignore", HC_PAM_ACT_IGNORE}, {"ok", HC_PAM_ACT_OK},	{"done", HC_PAM_ACT_DONE},
	{"bad", HC_PAM_ACT_BAD},       {"die", HC_PAM_ACT_DIE}, {"reset", HC_PAM_ACT_RESET},
};

void hc_pam_control_fill(int actions[HC_PAM_CODES], int action)
{
	for (int i = 0; i < HC_PAM_CODES; i++)
		actions[i] = action;
}

static bool parse_keyword(const char *control, int actions[HC_PAM_CODES])
{
	for (size_t i = 0; i < HC_COUNT(keywords); i++) {
		if (strcasecmp(keywords[i].name, control) != 0)
			continue;
		hc_pam_control_fill(actions, keywords[i].rest);
		actions[HC_PAM_OK] = keywords[i].success;
		actions[HC_PAM_NEW_AUTHTOK_REQD] = keywords[i].success;
		actions[HC_PAM_NO_OPINION] = keywords[i].no_opinion;
		return true;
	}
	return false;
}

static bool parse_action(const char *text, size_t len, int *ret_action)
{
	char *end = NULL;
	unsigned long jump;

	for (size_t i = 0; i < HC_COUNT(action_names); i++) {
		if (strlen(action_names[i].name) == len &&
		    strncasecmp(action_names[i].name, text, len) == 0) {
			*ret_action = action_names[i].action;
			return true;
		}
	}
	if (len == 0 || *text < '0' || *text > '9')
		return false;
	jump = strtoul(text, &end, 10);
	*ret_action = (int)jump;
	return end == text + len && jump > 0 && jump <= JUMP_MAX;
}

static int find_code(const char *text, size_t len)
{
	for (int i = 0; i < HC_PAM_CODES; i++) {
		if (strlen(code_names[i]) == len && strncasecmp(code_names[i], text, len) == 0)
			return i;
	}
	return -1;
}

/* "success=1 default=ignore"; a default counts for the codes that are not set where it stands. */
static bool parse_pairs(const char *control, int actions[HC_PAM_CODES])
{
	const char *at = control + strspn(control, " \t");

	while (*at != '\0') {
		size_t name = strcspn(at, "= \t");
		const char *value = at + name + strspn(at + name, " \t");
		size_t len;
		int action, code;

		if (*value != '=')
			return false;
		value += 1 + strspn(value + 1, " \t");
		len = strcspn(value, " \t");
		if (!parse_action(value, len, &action))
			return false;
		code = find_code(at, name);
		if (code >= 0)
			actions[code] = action;
		else if (name != strlen("default") || strncasecmp(at, "default", name) != 0)
			return false;
		for (int i = 0; code < 0 && i < HC_PAM_CODES; i++)
			actions[i] = actions[i] == UNSET ? action : actions[i];
		at = value + len;
		at += strspn(at, " \t");
	}
	return true;
}

bool hc_pam_control_parse(const char *control, bool bracketed, int actions[HC_PAM_CODES])
{
	bool good;

	hc_pam_control_fill(actions, UNSET);
	good = bracketed ? parse_pairs(control, actions) : parse_keyword(control, actions);
	if (!good) {
		hc_pam_control_fill(actions, HC_PAM_ACT_BAD);
		return false;
	}
	for (int i = 0; i < HC_PAM_CODES; i++)
		actions[i] = actions[i] == UNSET ? HC_PAM_ACT_BAD : actions[i];
	return true;
}
