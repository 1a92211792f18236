/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_COMMAND_H
#define HC_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "args.h"
#include "ctl.h"

/* One command: "user add", or a single word ("status"). */
struct hc_command {
	const char *noun;
	const char *verb;     /* NULL: the noun alone; "trust add": two words */
	const char *operands; /* as shown in the usage; NULL: none; "[ID]": may be left out */
	unsigned operand_count;
	const struct hc_option *options; /* may be NULL */
	const char *help;		 /* text: one line */
	enum hc_ctl_status (*run)(const struct hc_ctl *ctl, const struct hc_args *args);
};

/* The table of all commands; ends with a noun of NULL. */
extern const struct hc_command hc_commands[];

const struct hc_command *hc_command_find(const char *noun, const char *verb);
bool hc_command_is_noun(const char *noun);
/* hc_command_is_group: whether a verb of noun begins with this word and goes on with another one. */
bool hc_command_is_group(const char *noun, const char *word);

/* hc_command_usage: the short usage line of what args has named so far. */
void hc_command_usage(const struct hc_ctl *ctl, FILE *out, const struct hc_args *args);

/* hc_command_run: help, version, or the command. */
enum hc_ctl_status hc_command_run(const struct hc_ctl *ctl, const struct hc_args *args);

/* The commands, one file a noun. */
enum hc_ctl_status hc_cmd_user_add(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_user_show(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_user_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_user_enable(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_user_disable(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_user_remove(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_enroll_totp(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_enroll_hotp(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_enroll_fido2(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_enroll_cps(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_enroll_recovery(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_fido2_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_fido2_pin_set(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_fido2_pin_change(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_import_u2f(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_credential_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_credential_confirm(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_credential_revoke(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_lockout_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_lockout_clear(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_audit_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_audit_verify(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_audit_head(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_client_add(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_client_show(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_client_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_client_remove(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_client_rotate(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_key_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_backup_create(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_backup_verify(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_backup_restore(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_backup_key(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_seal_rotate(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_key_rotate(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_session_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_session_revoke(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_cps_inspect(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_cps_trust_add(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_cps_trust_list(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_cps_crl_add(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_cps_crl_status(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_status(const struct hc_ctl *ctl, const struct hc_args *args);
enum hc_ctl_status hc_cmd_doctor(const struct hc_ctl *ctl, const struct hc_args *args);

#endif
