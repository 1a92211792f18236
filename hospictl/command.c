/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands, and the help that is made from it: what stands here is what the program
 * accepts, prints as usage, and completes. No state.
 */
#include "command.h"

#include <string.h>

#include "hospiconnect/attrs.h"

#define LINE_CAP    1024
#define HELP_CAP    512
#define HELP_COLUMN 26

static const struct hc_option add_options[] = {
	{"given-name", "NAME", "ctl.option.given_name"},
	{"family-name", "NAME", "ctl.option.family_name"},
	{"national-id", "ID", "ctl.option.national_id"},
	{"profession", "TEXT", "ctl.option.profession"},
	{"organization", "TEXT", "ctl.option.organization"},
	{"valid-from", "DATE", "ctl.option.valid_from"},
	{"valid-until", "DATE", "ctl.option.valid_until"},
	{NULL, NULL, NULL},
};

static const struct hc_option disable_options[] = {
	{"reason", "TEXT", "ctl.option.disable_reason"},
	{NULL, NULL, NULL},
};

#define PROOFING_OPTIONS                                                                              \
	{"proofed-by", "NAME", "ctl.option.proofed_by"}, {"document", "TYPE", "ctl.option.document"}, \
		{"face-to-face", NULL, "ctl.option.face_to_face"},                                    \
	{                                                                                             \
		NULL, NULL, NULL                                                                      \
	}

static const struct hc_option totp_options[] = {
	{"algorithm", "SHA1|SHA256|SHA512", "ctl.option.algorithm"},
	{"digits", "6|8", "ctl.option.digits"},
	{"period", "SECONDS", "ctl.option.period"},
	{"label", "TEXT", "ctl.option.label"},
	{"secret-file", "FILE|-", "ctl.option.secret_file"},
	{"no-confirm", NULL, "ctl.option.no_confirm"},
	PROOFING_OPTIONS,
};

static const struct hc_option hotp_options[] = {
	{"algorithm", "SHA1|SHA256|SHA512", "ctl.option.algorithm"},
	{"digits", "6|8", "ctl.option.digits"},
	{"label", "TEXT", "ctl.option.label"},
	{"secret-file", "FILE|-", "ctl.option.secret_file"},
	{"no-confirm", NULL, "ctl.option.no_confirm"},
	PROOFING_OPTIONS,
};

static const struct hc_option recovery_options[] = {PROOFING_OPTIONS};

static const struct hc_option confirm_options[] = {
	{"code", "CODE", "ctl.option.code"},
	{NULL, NULL, NULL},
};

static const struct hc_option revoke_options[] = {
	{"reason", "TEXT", "ctl.option.reason"},
	{NULL, NULL, NULL},
};

static const struct hc_option audit_list_options[] = {
	{"since", "WHEN", "ctl.option.since"},
	{"user", "LOGIN", "ctl.option.user"},
	{"event", "EVENT", "ctl.option.event"},
	{"limit", "NUMBER", "ctl.option.limit"},
	{NULL, NULL, NULL},
};

static const struct hc_option audit_verify_options[] = {
	{"anchor", "FILE|-", "ctl.option.anchor"},
	{NULL, NULL, NULL},
};

static const struct hc_option doctor_options[] = {
	{"config", "FILE", "ctl.option.config"},
	{"pam-dir", "DIR", "ctl.option.pam_dir"},
	{NULL, NULL, NULL},
};

const struct hc_command hc_commands[] = {
	{"user", "add", "LOGIN", 1, add_options, "ctl.help.user_add", hc_cmd_user_add},
	{"user", "show", "LOGIN", 1, NULL, "ctl.help.user_show", hc_cmd_user_show},
	{"user", "list", NULL, 0, NULL, "ctl.help.user_list", hc_cmd_user_list},
	{"user", "disable", "LOGIN", 1, disable_options, "ctl.help.user_disable", hc_cmd_user_disable},
	{"user", "enable", "LOGIN", 1, NULL, "ctl.help.user_enable", hc_cmd_user_enable},
	{"user", "remove", "LOGIN", 1, NULL, "ctl.help.user_remove", hc_cmd_user_remove},
	{"enroll", "totp", "LOGIN", 1, totp_options, "ctl.help.enroll_totp", hc_cmd_enroll_totp},
	{"enroll", "hotp", "LOGIN", 1, hotp_options, "ctl.help.enroll_hotp", hc_cmd_enroll_hotp},
	{"enroll", "recovery", "LOGIN", 1, recovery_options, "ctl.help.enroll_recovery",
	 hc_cmd_enroll_recovery},
	{"credential", "list", "LOGIN", 1, NULL, "ctl.help.credential_list", hc_cmd_credential_list},
	{"credential", "confirm", "ID", 1, confirm_options, "ctl.help.credential_confirm",
	 hc_cmd_credential_confirm},
	{"credential", "revoke", "ID", 1, revoke_options, "ctl.help.credential_revoke",
	 hc_cmd_credential_revoke},
	{"lockout", "list", NULL, 0, NULL, "ctl.help.lockout_list", hc_cmd_lockout_list},
	{"lockout", "clear", "LOGIN", 1, NULL, "ctl.help.lockout_clear", hc_cmd_lockout_clear},
	{"audit", "list", NULL, 0, audit_list_options, "ctl.help.audit_list", hc_cmd_audit_list},
	{"audit", "verify", NULL, 0, audit_verify_options, "ctl.help.audit_verify", hc_cmd_audit_verify},
	{"audit", "head", NULL, 0, NULL, "ctl.help.audit_head", hc_cmd_audit_head},
	{"status", NULL, NULL, 0, NULL, "ctl.help.status", hc_cmd_status},
	{"doctor", NULL, NULL, 0, doctor_options, "ctl.help.doctor", hc_cmd_doctor},
	{NULL, NULL, NULL, 0, NULL, NULL, NULL},
};

const struct hc_command *hc_command_find(const char *noun, const char *verb)
{
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, noun) != 0)
			continue;
		if (verb == NULL ? command->verb == NULL
				 : command->verb != NULL && strcmp(command->verb, verb) == 0)
			return command;
	}
	return NULL;
}

bool hc_command_is_noun(const char *noun)
{
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, noun) == 0)
			return true;
	}
	return false;
}

static void append(char *line, const char *text)
{
	size_t used = strlen(line);

	(void)snprintf(line + used, LINE_CAP - used, "%s", text); /* cut: the line is for reading */
}

/* "user add LOGIN", and the options behind it when asked for. */
static void describe(const struct hc_command *command, bool options, char *line)
{
	line[0] = '\0';
	append(line, command->noun);
	if (command->verb != NULL) {
		append(line, " ");
		append(line, command->verb);
	}
	if (command->operands != NULL) {
		append(line, " ");
		append(line, command->operands);
	}
	for (const struct hc_option *option = command->options;
	     options && option != NULL && option->name != NULL; option++) {
		append(line, " [--");
		append(line, option->name);
		if (option->value != NULL) {
			append(line, " ");
			append(line, option->value);
		}
		append(line, "]");
	}
}

/* "user add|show|list" */
static void describe_noun(const char *noun, char *line)
{
	char separator = ' ';

	line[0] = '\0';
	append(line, noun);
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, noun) != 0 || command->verb == NULL)
			continue;
		append(line, separator == ' ' ? " " : "|");
		append(line, command->verb);
		separator = '|';
	}
	append(line, " …");
}

void hc_command_usage(const struct hc_ctl *ctl, FILE *out, const struct hc_args *args)
{
	char line[LINE_CAP];

	if (args->command != NULL)
		describe(args->command, true, line);
	else if (args->noun != NULL)
		describe_noun(args->noun, line);
	else
		(void)snprintf(line, sizeof(line),
			       "[--json] [--socket PATH] [--lang fr|en] [--no-color] [--help] …");
	hc_ctl_say(ctl, out, "ctl.usage", HC_ARGS(line));
	if (out == stderr)
		hc_ctl_say(ctl, out, "ctl.usage.hint", NULL);
}

static void print_pair(const struct hc_ctl *ctl, const char *left, const char *text)
{
	char help[HELP_CAP];

	hc_text(ctl->lang, text, NULL, help, sizeof(help));
	if (strlen(left) + 2 > HELP_COLUMN)
		(void)printf("  %s\n  %*s%s\n", left, HELP_COLUMN, "", help);
	else
		(void)printf("  %-*s%s\n", HELP_COLUMN, left, help);
}

static void print_options(const struct hc_ctl *ctl, const struct hc_option *options)
{
	char left[LINE_CAP];

	for (; options != NULL && options->name != NULL; options++) {
		left[0] = '\0';
		append(left, "--");
		append(left, options->name);
		if (options->value != NULL) {
			append(left, " ");
			append(left, options->value);
		}
		print_pair(ctl, left, options->help);
	}
}

static void print_commands(const struct hc_ctl *ctl, const char *noun)
{
	char line[LINE_CAP];

	(void)putchar('\n');
	hc_ctl_say(ctl, stdout, "ctl.help.commands", NULL);
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (noun != NULL && strcmp(command->noun, noun) != 0)
			continue;
		describe(command, false, line);
		print_pair(ctl, line, command->help);
	}
}

static void print_help(const struct hc_ctl *ctl, const struct hc_args *args)
{
	hc_command_usage(ctl, stdout, args);
	(void)putchar('\n');
	if (args->command != NULL) {
		hc_ctl_say(ctl, stdout, args->command->help, NULL);
		if (args->command->options != NULL) {
			(void)putchar('\n');
			hc_ctl_say(ctl, stdout, "ctl.help.options", NULL);
			print_options(ctl, args->command->options);
		}
	} else {
		hc_ctl_say(ctl, stdout, "ctl.help.about", NULL);
		print_commands(ctl, args->noun);
	}
	(void)putchar('\n');
	hc_ctl_say(ctl, stdout, "ctl.help.global", NULL);
	print_options(ctl, hc_global_options);
	(void)putchar('\n');
	hc_ctl_say(ctl, stdout, "ctl.help.exit", NULL);
}

enum hc_ctl_status hc_command_run(const struct hc_ctl *ctl, const struct hc_args *args)
{
	if (args->help) {
		print_help(ctl, args);
		return HC_CTL_DONE;
	}
	if (args->version) {
		(void)printf("hospictl %s\n", HC_VERSION);
		return HC_CTL_DONE;
	}
	return args->command->run(ctl, args);
}
