/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands, and the help that is made from it: what stands here is what the program
 * accepts, prints as usage, and completes. No state.
 */
#include "command.h"

#include <string.h>

#include "hospiconnect/attrs.h"

#include "wrap.h"

#define LINE_CAP       1024
#define HELP_CAP       512
#define HELP_COLUMN    28
#define USAGE_INDENT   4
#define LINE_WIDTH_MAX 100

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
	{"digits", "6|8", "ctl.option.digits"},
	{"label", "TEXT", "ctl.option.label"},
	{"secret-file", "FILE|-", "ctl.option.secret_file"},
	{"no-confirm", NULL, "ctl.option.no_confirm"},
	PROOFING_OPTIONS,
};

static const struct hc_option fido2_options[] = {
	{"label", "TEXT", "ctl.option.label"},
	{"device", "PATH", "ctl.option.device"},
	{"discoverable", NULL, "ctl.option.discoverable"},
	{"touch-only", NULL, "ctl.option.touch_only"},
	PROOFING_OPTIONS,
};

static const struct hc_option device_options[] = {
	{"device", "PATH", "ctl.option.device"},
	{NULL, NULL, NULL},
};

static const struct hc_option enroll_cps_options[] = {
	{"reader", NULL, "ctl.option.reader"},
	{"certificate", "FILE|-", "ctl.option.certificate"},
	{"structure-bound", NULL, "ctl.option.structure_bound"},
	{"label", "TEXT", "ctl.option.card_label"},
	{"yes", NULL, "ctl.option.yes"},
	PROOFING_OPTIONS,
};

static const struct hc_option import_options[] = {
	{"origin", "ORIGIN", "ctl.option.origin"},
	{"dry-run", NULL, "ctl.option.dry_run"},
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

static const struct hc_option client_add_options[] = {
	{"redirect-uri", "URI…", "ctl.option.redirect_uri"},
	{"post-logout-redirect-uri", "URI…", "ctl.option.logout_uri"},
	{"profile", "oidc|psc", "ctl.option.profile"},
	{"auth-method", "client_secret_basic|client_secret_post|none", "ctl.option.auth_method"},
	{"grant", "GRANT…", "ctl.option.grant"},
	{"scope", "SCOPE…", "ctl.option.scope"},
	{"id-token-alg", "RS256|ES256", "ctl.option.id_token_alg"},
	{"access-token", "opaque|jwt", "ctl.option.access_token"},
	{"may-introspect", NULL, "ctl.option.may_introspect"},
	{NULL, NULL, NULL},
};

static const struct hc_option key_rotate_options[] = {
	{"alg", "RS256|ES256", "ctl.option.alg"},
	{"now", NULL, "ctl.option.now"},
	{NULL, NULL, NULL},
};

static const struct hc_option session_list_options[] = {
	{"user", "LOGIN", "ctl.option.user"},
	{NULL, NULL, NULL},
};

static const struct hc_option session_revoke_options[] = {
	{"user", "LOGIN", "ctl.option.user"},
	{"all", NULL, "ctl.option.all_sessions"},
	{NULL, NULL, NULL},
};

static const struct hc_option cps_options[] = {
	{"config", "FILE", "ctl.option.config"},
	{NULL, NULL, NULL},
};

static const struct hc_option inspect_options[] = {
	{"reader", NULL, "ctl.option.reader"},
	{"config", "FILE", "ctl.option.config"},
	{NULL, NULL, NULL},
};

static const struct hc_option gateway_options[] = {
	{"gateway", NULL, "ctl.option.gateway"},
	{NULL, NULL, NULL},
};

static const struct hc_option backup_key_options[] = {
	{"config", "FILE", "ctl.option.config"},
	{"gateway-config", "FILE", "ctl.option.gateway_config"},
	{NULL, NULL, NULL},
};

static const struct hc_option verify_options[] = {
	{"key", "FILE|-", "ctl.option.recovery_key"},
	{NULL, NULL, NULL},
};

static const struct hc_option restore_options[] = {
	{"key", "FILE|-", "ctl.option.recovery_key"},
	{"force", NULL, "ctl.option.force"},
	{"seal-key", "FILE", "ctl.option.seal_key"},
	{"config", "FILE", "ctl.option.config"},
	{"gateway-config", "FILE", "ctl.option.gateway_config"},
	{NULL, NULL, NULL},
};

static const struct hc_option doctor_options[] = {
	{"config", "FILE", "ctl.option.config"},
	{"gateway-config", "FILE", "ctl.option.gateway_config"},
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
	{"enroll", "fido2", "LOGIN", 1, fido2_options, "ctl.help.enroll_fido2", hc_cmd_enroll_fido2},
	{"enroll", "cps", "LOGIN", 1, enroll_cps_options, "ctl.help.enroll_cps", hc_cmd_enroll_cps},
	{"enroll", "recovery", "LOGIN", 1, recovery_options, "ctl.help.enroll_recovery",
	 hc_cmd_enroll_recovery},
	{"fido2", "list", NULL, 0, NULL, "ctl.help.fido2_list", hc_cmd_fido2_list},
	{"fido2", "pin set", NULL, 0, device_options, "ctl.help.fido2_pin_set", hc_cmd_fido2_pin_set},
	{"fido2", "pin change", NULL, 0, device_options, "ctl.help.fido2_pin_change",
	 hc_cmd_fido2_pin_change},
	{"import", "u2f", "FILE", 1, import_options, "ctl.help.import_u2f", hc_cmd_import_u2f},
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
	{"client", "add", "NAME", 1, client_add_options, "ctl.help.client_add", hc_cmd_client_add},
	{"client", "show", "ID", 1, NULL, "ctl.help.client_show", hc_cmd_client_show},
	{"client", "list", NULL, 0, NULL, "ctl.help.client_list", hc_cmd_client_list},
	{"client", "remove", "ID", 1, NULL, "ctl.help.client_remove", hc_cmd_client_remove},
	{"client", "rotate-secret", "ID", 1, NULL, "ctl.help.client_rotate", hc_cmd_client_rotate},
	{"key", "list", NULL, 0, NULL, "ctl.help.key_list", hc_cmd_key_list},
	{"key", "rotate", NULL, 0, key_rotate_options, "ctl.help.key_rotate", hc_cmd_key_rotate},
	{"session", "list", NULL, 0, session_list_options, "ctl.help.session_list", hc_cmd_session_list},
	{"session", "revoke", "[SID]", 1, session_revoke_options, "ctl.help.session_revoke",
	 hc_cmd_session_revoke},
	{"cps", "inspect", "[FILE]", 1, inspect_options, "ctl.help.cps_inspect", hc_cmd_cps_inspect},
	{"cps", "trust add", "FILE", 1, cps_options, "ctl.help.cps_trust_add", hc_cmd_cps_trust_add},
	{"cps", "trust list", NULL, 0, cps_options, "ctl.help.cps_trust_list", hc_cmd_cps_trust_list},
	{"cps", "crl add", "FILE", 1, cps_options, "ctl.help.cps_crl_add", hc_cmd_cps_crl_add},
	{"cps", "crl status", NULL, 0, cps_options, "ctl.help.cps_crl_status", hc_cmd_cps_crl_status},
	{"backup", "create", "FILE", 1, gateway_options, "ctl.help.backup_create", hc_cmd_backup_create},
	{"backup", "verify", "FILE", 1, verify_options, "ctl.help.backup_verify", hc_cmd_backup_verify},
	{"backup", "restore", "FILE", 1, restore_options, "ctl.help.backup_restore", hc_cmd_backup_restore},
	{"backup", "key create", "FILE", 1, backup_key_options, "ctl.help.backup_key", hc_cmd_backup_key},
	{"seal", "rotate", NULL, 0, gateway_options, "ctl.help.seal_rotate", hc_cmd_seal_rotate},
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

bool hc_command_is_group(const char *noun, const char *word)
{
	const size_t len = strlen(word);

	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, noun) == 0 && command->verb != NULL && len > 0 &&
		    strncmp(command->verb, word, len) == 0 && command->verb[len] == ' ')
			return true;
	}
	return false;
}

static void append(char *line, const char *text)
{
	size_t used = strlen(line);

	(void)snprintf(line + used, LINE_CAP - used, "%s", text); /* cut: the line is for reading */
}

/* "user add LOGIN" */
static void describe(const struct hc_command *command, char *line)
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
}

/* "--period SECONDS" */
static void describe_option(const struct hc_option *option, const char *before, const char *after, char *line)
{
	line[0] = '\0';
	append(line, before);
	append(line, "--");
	append(line, option->name);
	if (option->value != NULL) {
		append(line, " ");
		append(line, option->value);
	}
	append(line, after);
}

static void wrap_options(struct hc_wrap *wrap, const struct hc_option *options)
{
	char word[LINE_CAP];

	for (; options != NULL && options->name != NULL; options++) {
		describe_option(options, "[", "]", word);
		hc_wrap_word(wrap, word);
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
}

static size_t line_width(const struct hc_ctl *ctl)
{
	return ctl->width > LINE_WIDTH_MAX ? LINE_WIDTH_MAX : ctl->width;
}

void hc_command_usage(const struct hc_ctl *ctl, FILE *out, const struct hc_args *args)
{
	char line[LINE_CAP] = "", usage[HELP_CAP];
	struct hc_wrap wrap;

	if (args->command != NULL)
		describe(args->command, line);
	else if (args->noun != NULL)
		describe_noun(args->noun, line);
	hc_text(ctl->lang, "ctl.usage", HC_ARGS(line), usage, sizeof(usage));
	hc_wrap_begin(&wrap, out, line_width(ctl), USAGE_INDENT, 0);
	hc_wrap_text(&wrap, usage);
	if (args->command != NULL)
		wrap_options(&wrap, args->command->options);
	else if (args->noun == NULL)
		wrap_options(&wrap, hc_global_options);
	if (args->command == NULL)
		hc_wrap_word(&wrap, "…");
	hc_wrap_end(&wrap);
	if (out == stderr)
		hc_ctl_say(ctl, out, "ctl.usage.hint", NULL);
}

/* A word on the left, its explanation in the column on the right. */
static void begin_pair(struct hc_wrap *wrap, const struct hc_ctl *ctl, const char *left, const char *text)
{
	char help[HELP_CAP];
	size_t used = strlen(left) + 2;

	hc_text(ctl->lang, text, NULL, help, sizeof(help));
	(void)printf("  %s", left);
	if (used >= HELP_COLUMN) {
		(void)putchar('\n');
		used = 0;
	}
	(void)printf("%*s", (int)(HELP_COLUMN - used), "");
	hc_wrap_begin(wrap, stdout, line_width(ctl), HELP_COLUMN, HELP_COLUMN);
	hc_wrap_text(wrap, help);
}

static void print_options(const struct hc_ctl *ctl, const struct hc_option *options)
{
	char left[LINE_CAP];
	struct hc_wrap wrap;

	for (; options != NULL && options->name != NULL; options++) {
		describe_option(options, "", "", left);
		begin_pair(&wrap, ctl, left, options->help);
		hc_wrap_end(&wrap);
	}
}

static void print_commands(const struct hc_ctl *ctl, const char *noun)
{
	char line[LINE_CAP];
	struct hc_wrap wrap;

	(void)putchar('\n');
	hc_ctl_say(ctl, stdout, "ctl.help.commands", NULL);
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (noun != NULL && strcmp(command->noun, noun) != 0)
			continue;
		describe(command, line);
		begin_pair(&wrap, ctl, line, command->help);
		if (command->options != NULL)
			hc_wrap_text(&wrap, "\n");
		wrap_options(&wrap, command->options);
		hc_wrap_end(&wrap);
	}
}

static void say_wrapped(const struct hc_ctl *ctl, const char *name)
{
	char text[HELP_CAP];
	struct hc_wrap wrap;

	hc_text(ctl->lang, name, NULL, text, sizeof(text));
	hc_wrap_begin(&wrap, stdout, line_width(ctl), 0, 0);
	hc_wrap_text(&wrap, text);
	hc_wrap_end(&wrap);
}

static void print_help(const struct hc_ctl *ctl, const struct hc_args *args)
{
	hc_command_usage(ctl, stdout, args);
	(void)putchar('\n');
	if (args->command != NULL) {
		say_wrapped(ctl, args->command->help);
		if (args->command->options != NULL) {
			(void)putchar('\n');
			hc_ctl_say(ctl, stdout, "ctl.help.options", NULL);
			print_options(ctl, args->command->options);
		}
	} else {
		say_wrapped(ctl, "ctl.help.about");
		print_commands(ctl, args->noun);
	}
	(void)putchar('\n');
	hc_ctl_say(ctl, stdout, "ctl.help.global", NULL);
	print_options(ctl, hc_global_options);
	(void)putchar('\n');
	say_wrapped(ctl, "ctl.help.exit");
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
