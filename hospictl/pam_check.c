/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging of PAM stacks. Each judgement is a question to the evaluation: with our module returning
 * this, and the others what their kind allows, does any way end in success?
 *
 * State: none. Two rounds: at first a module that is neither ours nor an authenticator may not
 * shorten the way (so that what is found is a hole for everybody), then it may (a hole for whom its
 * condition holds). What an unknown module does is unknown: it counts as a condition.
 */
#include "pam_check.h"

#include <stdio.h>
#include <string.h>

#define OUR_MODULE "pam_hospiconnect"

enum module_class {
	OUR_PRIMARY,
	OUR_SECOND,
	ALWAYS,	       /* succeeds */
	NEVER,	       /* fails for a person who signs in */
	AUTHENTICATOR, /* checks something that the person knows or has */
	OTHER
};

/* One question. */
struct question {
	int primary, second; /* what our lines return */
	bool authenticators; /* may the others' authenticators succeed */
	bool conditions;     /* may the rest shorten the way */
};

static bool is_one_of(const char *module, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(module, names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_ours(const struct hc_pam_line *line)
{
	return strcmp(line->module, OUR_MODULE) == 0;
}

static bool is_second(const struct hc_pam_line *line)
{
	return hc_pam_has_argument(line, "mode=second-factor");
}

static enum module_class class_of(const struct hc_pam_line *line)
{
	static const char *const never[] = {"pam_deny", "pam_rootok", "pam_warn"};
	static const char *const authenticators[] = {
		"pam_unix",
		"pam_pwdb",
		"pam_sss",
		"pam_ldap",
		"pam_ldapd",
		"pam_krb5",
		"pam_winbind",
		"pam_userdb",
		"pam_pwdfile",
		"pam_mysql",
		"pam_pgsql",
		"pam_fprintd",
		"pam_u2f",
		"pam_oath",
		"pam_google_authenticator",
		"pam_yubico",
		"pam_pkcs11",
		"pam_p11",
		"pam_poldi",
		"pam_radius_auth",
		"pam_duo",
		"pam_ssh_agent_auth",
		"pam_systemd_home",
		"pam_himmelblau",
		"pam_authd",
		"pam_kanidm",
		"pam_authd_exec",
		"pam_howdy",
		"pam_usb",
		"pam_privacyidea",
		"pam_tacplus",
		"pam_oauth2_device",
		"pam_smbpass",
		"pam_gnome_keyring_auth",
	};

	if (is_ours(line))
		return is_second(line) ? OUR_SECOND : OUR_PRIMARY;
	if (strcmp(line->module, "pam_permit") == 0)
		return ALWAYS;
	if (is_one_of(line->module, never, HC_COUNT(never)))
		return NEVER;
	if (strcmp(line->module, "pam_faillock") == 0 && hc_pam_has_argument(line, "authfail"))
		return NEVER;
	return is_one_of(line->module, authenticators, HC_COUNT(authenticators)) ? AUTHENTICATOR : OTHER;
}

#define REFUSALS                                                                \
	(HC_PAM_BIT(HC_PAM_AUTH_ERR) | HC_PAM_BIT(HC_PAM_USER_UNKNOWN) |        \
	 HC_PAM_BIT(HC_PAM_AUTHINFO_UNAVAIL) | HC_PAM_BIT(HC_PAM_PERM_DENIED) | \
	 HC_PAM_BIT(HC_PAM_NO_OPINION))

/* A few authenticators can be told to have no opinion about who they do not know. */
static bool may_abstain(const struct hc_pam_line *line)
{
	static const char *const arguments[] = {"nouserok", "ignore_unknown_user", "ignore_authinfo_unavail",
						"ignore_service_err"};

	for (size_t i = 0; i < HC_COUNT(arguments); i++) {
		if (hc_pam_has_argument(line, arguments[i]))
			return true;
	}
	return strcmp(line->module, "pam_google_authenticator") == 0 && hc_pam_has_argument(line, "nullok");
}

static uint32_t authenticator_outcomes(const struct hc_pam_line *line, bool may_succeed)
{
	uint32_t codes = REFUSALS;

	if (!may_abstain(line))
		codes &= ~HC_PAM_BIT(HC_PAM_NO_OPINION);
	return may_succeed ? codes | HC_PAM_BIT(HC_PAM_OK) : codes;
}

static uint32_t without_short_cuts(const struct hc_pam_line *line, uint32_t codes)
{
	uint32_t kept = 0;

	for (int code = 0; code < HC_PAM_CODES; code++) {
		if ((codes & HC_PAM_BIT(code)) != 0 && line->actions[code] <= 0 &&
		    line->actions[code] != HC_PAM_ACT_DONE)
			kept |= HC_PAM_BIT(code);
	}
	return kept;
}

static uint32_t outcomes(const struct hc_pam_line *line, const void *ctx)
{
	const struct question *question = ctx;
	uint32_t any = REFUSALS | HC_PAM_BIT(HC_PAM_OK);

	switch (class_of(line)) {
	case OUR_PRIMARY:
		return HC_PAM_BIT(question->primary);
	case OUR_SECOND:
		return HC_PAM_BIT(question->second);
	case ALWAYS:
		return HC_PAM_BIT(HC_PAM_OK);
	case NEVER:
		return HC_PAM_BIT(HC_PAM_AUTH_ERR);
	case AUTHENTICATOR:
		return authenticator_outcomes(line, question->authenticators);
	case OTHER:
		break;
	}
	return question->conditions ? any : without_short_cuts(line, any);
}

static void describe(const struct hc_pam_line *line, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%s:%u %s %s", line->file, line->number, line->module, line->control);
}

static void add(struct hc_pam_report *report, enum hc_pam_kind kind, const struct hc_pam_line *line)
{
	struct hc_pam_finding *finding;

	if (report->count == HC_PAM_FINDINGS_MAX)
		return;
	finding = &report->findings[report->count++];
	finding->kind = kind;
	finding->where[0] = '\0';
	if (line != NULL)
		describe(line, finding->where, sizeof(finding->where));
}

/* What the stack has of ours. */
struct ours {
	const struct hc_pam_line *primary, *second; /* the last of each, or NULL */
};

static struct ours find_ours(const struct hc_pam_stack *stack)
{
	struct ours ours = {NULL, NULL};

	for (size_t i = 0; i < stack->count; i++) {
		if (!is_ours(&stack->lines[i]))
			continue;
		if (is_second(&stack->lines[i]))
			ours.second = &stack->lines[i];
		else
			ours.primary = &stack->lines[i];
	}
	return ours;
}

static bool ran(const struct hc_pam_stack *stack, const struct hc_pam_path *path,
		const struct hc_pam_line *line)
{
	for (size_t i = 0; i < path->count; i++) {
		if (&stack->lines[path->steps[i].line] == line)
			return true;
	}
	return false;
}

/* The line of the path that went over `line`: the last that ran before it. */
static const struct hc_pam_line *skipper(const struct hc_pam_stack *stack, const struct hc_pam_path *path,
					 const struct hc_pam_line *line)
{
	const struct hc_pam_line *last = NULL;

	for (size_t i = 0; i < path->count; i++) {
		if (&stack->lines[path->steps[i].line] < line)
			last = &stack->lines[path->steps[i].line];
	}
	return last;
}

/* Why a way that our module refused ends in success, told from that way. */
static void explain(const struct hc_pam_stack *stack, const struct hc_pam_path *path, enum hc_pam_kind kind,
		    struct hc_pam_report *report)
{
	struct ours ours = find_ours(stack);
	const struct hc_pam_line *last = ours.second != NULL ? ours.second : ours.primary;

	if (kind == HC_PAM_KIND_LETS_IN && ours.second == NULL && ran(stack, path, ours.primary))
		add(report, HC_PAM_KIND_PRIMARY_ALONE, ours.primary);
	else if (ran(stack, path, last))
		add(report, kind, last);
	else
		add(report, kind == HC_PAM_KIND_LETS_IN ? HC_PAM_KIND_SKIPPED : kind,
		    skipper(stack, path, last));
}

static enum hc_pam_answer ask(const struct hc_pam_stack *stack, const struct question *question,
			      struct hc_pam_path *path)
{
	return hc_pam_reaches_success(stack, outcomes, question, path);
}

/* (a) Refusals of ours that do not refuse, worst first; one finding is enough. */
static void check_refusals(const struct hc_pam_stack *stack, struct hc_pam_report *report,
			   struct hc_pam_path *path)
{
	static const struct {
		int code;
		enum hc_pam_kind kind;
	} refusals[] = {
		{HC_PAM_AUTH_ERR, HC_PAM_KIND_LETS_IN},
		{HC_PAM_AUTHINFO_UNAVAIL, HC_PAM_KIND_LETS_IN_AWAY},
		{HC_PAM_MAXTRIES, HC_PAM_KIND_LETS_IN_LOCKED},
		{HC_PAM_CONV_ERR, HC_PAM_KIND_LETS_IN_TROUBLE},
		{HC_PAM_SERVICE_ERR, HC_PAM_KIND_LETS_IN_TROUBLE},
		{HC_PAM_USER_UNKNOWN, HC_PAM_KIND_LETS_IN_UNKNOWN},
	};
	struct question question = {.authenticators = true};

	for (size_t i = 0; i < HC_COUNT(refusals); i++) {
		question.primary = question.second = refusals[i].code;
		switch (ask(stack, &question, path)) {
		case HC_PAM_SOMETIMES:
			explain(stack, path, refusals[i].kind, report);
			return;
		case HC_PAM_UNDECIDED:
			add(report, HC_PAM_KIND_UNDECIDED, NULL);
			return;
		case HC_PAM_NEVER:
			break;
		}
	}
	question.primary = question.second = HC_PAM_AUTH_ERR;
	question.conditions = true;
	if (ask(stack, &question, path) != HC_PAM_NEVER) {
		struct ours ours = find_ours(stack);

		add(report, HC_PAM_KIND_LETS_IN_IF,
		    skipper(stack, path, ours.second != NULL ? ours.second : ours.primary));
	}
}

static void check_code_alone(const struct hc_pam_stack *stack, struct hc_pam_report *report,
			     struct hc_pam_path *path)
{
	struct question question = {.primary = HC_PAM_AUTH_ERR, .second = HC_PAM_OK};
	struct ours ours = find_ours(stack);

	if (ours.second != NULL && ask(stack, &question, path) == HC_PAM_SOMETIMES)
		add(report, HC_PAM_KIND_CODE_ALONE, ours.second);
}

/* exempt= names who our module has no opinion about; root unless it says otherwise. */
static bool exempts_root(const struct hc_pam_line *line)
{
	char list[512];

	if (!hc_pam_argument(line, "exempt", list, sizeof(list)))
		return true;
	for (const char *at = list; *at != '\0'; at += strcspn(at, ","), at += *at == ',' ? 1 : 0) {
		if (strcspn(at, ",") == 4 && strncmp(at, "root", 4) == 0)
			return true;
	}
	return false;
}

/* (b) Who cannot get in at all. */
static void check_lockouts(const struct hc_pam_stack *stack, struct hc_pam_report *report,
			   struct hc_pam_path *path)
{
	struct question question = {
		.primary = HC_PAM_OK, .second = HC_PAM_OK, .authenticators = true, .conditions = true};
	struct ours ours = find_ours(stack);
	const struct hc_pam_line *line = ours.second != NULL ? ours.second : ours.primary;
	bool exempt = (ours.primary == NULL || exempts_root(ours.primary)) &&
		      (ours.second == NULL || exempts_root(ours.second));

	if (ask(stack, &question, path) == HC_PAM_NEVER) {
		add(report, HC_PAM_KIND_NOBODY, line);
		return;
	}
	question.primary = question.second = exempt ? HC_PAM_NO_OPINION : HC_PAM_AUTHINFO_UNAVAIL;
	if (ask(stack, &question, path) == HC_PAM_NEVER)
		add(report, exempt ? HC_PAM_KIND_ROOT_OUT : HC_PAM_KIND_ROOT_NOT_EXEMPT, line);
}

static void check_account(const struct hc_pam_stack *stack, struct hc_pam_report *report,
			  struct hc_pam_path *path)
{
	struct question question = {
		.primary = HC_PAM_ACCT_EXPIRED, .second = HC_PAM_ACCT_EXPIRED, .authenticators = true};
	struct ours ours = find_ours(stack);
	const struct hc_pam_line *line = ours.primary != NULL ? ours.primary : ours.second;

	if (line == NULL) {
		add(report, HC_PAM_KIND_NO_ACCOUNT, NULL);
		return;
	}
	if (ask(stack, &question, path) == HC_PAM_SOMETIMES) {
		add(report, HC_PAM_KIND_DISABLED_IN,
		    ran(stack, path, line) ? line : skipper(stack, path, line));
	} else {
		question.conditions = true;
		if (ask(stack, &question, path) != HC_PAM_NEVER)
			add(report, HC_PAM_KIND_DISABLED_IN_IF, skipper(stack, path, line));
	}
	question.conditions = true;
	question.primary = question.second = HC_PAM_USER_UNKNOWN;
	if (ask(stack, &question, path) == HC_PAM_NEVER)
		add(report, HC_PAM_KIND_SYSTEM_OUT, line);
	question.primary = question.second = exempts_root(line) ? HC_PAM_NO_OPINION : HC_PAM_AUTHINFO_UNAVAIL;
	if (ask(stack, &question, path) == HC_PAM_NEVER)
		add(report, exempts_root(line) ? HC_PAM_KIND_ACCOUNT_ROOT_OUT : HC_PAM_KIND_ROOT_NOT_EXEMPT,
		    line);
}

static void check_auth(const struct hc_pam_stack *stack, const char *service, bool matters,
		       struct hc_pam_report *report, struct hc_pam_path *path)
{
	struct ours ours = find_ours(stack);

	report->ours = ours.primary != NULL || ours.second != NULL;
	if (report->ours && strcmp(service, "hospiconnect-password") == 0)
		add(report, HC_PAM_KIND_IN_PASSWORD, ours.primary != NULL ? ours.primary : ours.second);
	else if (!report->ours && matters)
		add(report, HC_PAM_KIND_WITHOUT_US, NULL);
	else if (report->ours) {
		check_refusals(stack, report, path);
		check_code_alone(stack, report, path);
		check_lockouts(stack, report, path);
	}
}

static void note_problem(const struct hc_pam_stack *stack, struct hc_pam_report *report)
{
	if (stack->problem[0] == '\0' || report->count == HC_PAM_FINDINGS_MAX)
		return;
	add(report, HC_PAM_KIND_BROKEN, NULL);
	(void)snprintf(report->findings[report->count - 1].where, sizeof(report->findings[0].where), "%s",
		       stack->problem);
}

enum hc_err hc_pam_check_service(hc_pam_source_fn source, void *ctx, const char *service, bool matters,
				 struct hc_pam_report *ret_report)
{
	struct hc_pam_report report = {.count = 0};
	struct hc_pam_path path = {.count = 0};
	struct hc_pam_stack stack = {.lines = NULL};
	enum hc_err err = hc_pam_stack_load(source, ctx, service, HC_PAM_AUTH, &stack);

	if (err != HC_OK)
		return err;
	check_auth(&stack, service, matters, &report, &path);
	if (report.ours || matters)
		note_problem(&stack, &report);
	hc_pam_stack_clear(&stack);
	if (report.ours && strcmp(service, "hospiconnect-password") != 0) {
		err = hc_pam_stack_load(source, ctx, service, HC_PAM_ACCOUNT, &stack);
		if (err != HC_OK)
			return err;
		check_account(&stack, &report, &path);
		hc_pam_stack_clear(&stack);
	}
	if (report.ours && report.count == 0)
		add(&report, HC_PAM_KIND_FINE, NULL);
	*ret_report = report;
	return HC_OK;
}

const char *hc_pam_kind_name(enum hc_pam_kind kind)
{
	static const char *const names[] = {
#define NAME(kind, name, result) name,
		HC_PAM_FINDINGS(NAME)
#undef NAME
	};

	return names[kind];
}

int hc_pam_kind_result(enum hc_pam_kind kind)
{
	static const int results[] = {
#define RESULT(kind, name, result) result,
		HC_PAM_FINDINGS(RESULT)
#undef RESULT
	};

	return results[kind];
}
