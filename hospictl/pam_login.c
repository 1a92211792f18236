/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks for the login first. State: none. Modules are known by name: one that this file does not know is believed to
 * ask nobody, since a warning too many would be read by nobody either. Whether a jump goes over the line is not looked at.
 */
#include "pam_login.h"

#include <stdio.h>
#include <string.h>

#define OUR_MODULE "pam_hospiconnect"

/* These want PAM_USER in their auth part, and libpam asks where there is none. */
static bool wants_login(const char *module)
{
	static const char *const names[] = {
		"pam_nologin",	"pam_succeed_if", "pam_faillock",  "pam_listfile", "pam_localuser",
		"pam_usertype", "pam_shells",	  "pam_securetty", "pam_access",   "pam_wheel",
		"pam_unix",	"pam_sss",	  "pam_krb5",	   "pam_ldap",	   "pam_winbind",
		"pam_fprintd",	"pam_u2f",	  "pam_oath",	   "pam_permit"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		if (strcmp(module, names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_primary(const struct hc_pam_line *line)
{
	return strcmp(line->module, OUR_MODULE) == 0 && !hc_pam_has_argument(line, "mode=second-factor");
}

/* The first line of others that asks, if a primary line of ours comes behind it. */
static const struct hc_pam_line *asker(const struct hc_pam_stack *stack)
{
	const struct hc_pam_line *first = NULL;

	for (size_t i = 0; i < stack->count; i++) {
		if (is_primary(&stack->lines[i]))
			return first;
		if (first == NULL && wants_login(stack->lines[i].module))
			first = &stack->lines[i];
	}
	return NULL;
}

enum hc_err hc_pam_login_asked(hc_pam_source_fn source, void *ctx, const char *service, char *ret_where,
			       size_t cap)
{
	struct hc_pam_stack stack = {.lines = NULL};
	const struct hc_pam_line *line;
	enum hc_err err = hc_pam_stack_load(source, ctx, service, HC_PAM_AUTH, &stack);

	if (err != HC_OK)
		return err;
	line = asker(&stack);
	ret_where[0] = '\0';
	if (line != NULL)
		(void)snprintf(ret_where, cap, "%s:%u %s %s", line->file, line->number, line->module,
			       line->control);
	hc_pam_stack_clear(&stack);
	return HC_OK;
}
