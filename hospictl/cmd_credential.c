/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "credential …": what a person signs in with, once enrolled.
 */
#include <string.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "confirm.h"
#include "input.h"
#include "list.h"
#include "request.h"

#define CODE_MAX 64

/* What tells credentials apart comes first: on a narrow terminal the last columns are left out. */
static const struct hc_column credential_columns[] = {
	{"id", HC_FIELD_CREDENTIAL_ID, HC_CELL_TEXT, true, true},
	{"type", HC_FIELD_CREDENTIAL_TYPE, HC_CELL_WORD, true, true},
	{"state", HC_FIELD_STATE, HC_CELL_WORD, true, true},
	{"label", HC_FIELD_LABEL, HC_CELL_TEXT, true, false},
	{"key", HC_FIELD_AAGUID, HC_CELL_KEY, true, false},
	{"holder", HC_FIELD_HOLDER, HC_CELL_TEXT, true, false},
	{"card_number", HC_FIELD_CARD_NUMBER, HC_CELL_TEXT, true, false},
	{"last_used", HC_FIELD_LAST_USED_MS, HC_CELL_DATE, true, false},
	{"codes_left", HC_FIELD_CODES_LEFT, HC_CELL_NUMBER, true, true},
	{"not_after", HC_FIELD_VALID_UNTIL_MS, HC_CELL_DAY, true, false},
	{"created", HC_FIELD_CREATED_MS, HC_CELL_DATE, true, false},
	{"revoke_reason", HC_FIELD_REVOKE_REASON, HC_CELL_TEXT, true, false},
	{"algorithm", HC_FIELD_ALGORITHM, HC_CELL_TEXT, false, false},
	{"digits", HC_FIELD_DIGITS, HC_CELL_NUMBER, false, false},
	{"period_s", HC_FIELD_PERIOD_S, HC_CELL_NUMBER, false, false},
	{"drift", HC_FIELD_DRIFT, HC_CELL_SIGNED, false, false},
	{"counter", HC_FIELD_COUNTER, HC_CELL_NUMBER, false, false},
	{"rp_id", HC_FIELD_RP_ID, HC_CELL_TEXT, false, false},
	{"aaguid", HC_FIELD_AAGUID, HC_CELL_UUID, false, false},
	{"model", HC_FIELD_MODEL, HC_CELL_TEXT, false, false},
	{"attestation", HC_FIELD_FORMAT, HC_CELL_WORD, false, false},
	{"options", HC_FIELD_OPTIONS, HC_CELL_TEXT, false, false},
	{"cred_protect", HC_FIELD_CRED_PROTECT, HC_CELL_NUMBER, false, false},
	{"revoked", HC_FIELD_REVOKED_MS, HC_CELL_TIME, false, true},
	{"card", HC_FIELD_CARD, HC_CELL_TEXT, false, false},
	{"national_id", HC_FIELD_NATIONAL_ID, HC_CELL_TEXT, false, false},
	{"proofed_by", HC_FIELD_PROOFED_BY, HC_CELL_TEXT, false, false},
	{"document", HC_FIELD_DOCUMENT, HC_CELL_TEXT, false, false},
	{"face_to_face", HC_FIELD_FACE_TO_FACE, HC_CELL_FLAG, false, false},
};

enum hc_ctl_status hc_cmd_credential_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_CREDENTIAL_LIST, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	return hc_list_run(ctl, request, credential_columns, HC_COUNT(credential_columns),
			   "ctl.credential.none");
}

enum hc_ctl_status hc_cmd_credential_confirm(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(secret) code = NULL;
	struct hc_json json;
	const char *value = hc_args_value(args, "code");
	enum hc_ctl_status status;
	bool wrong = false;
	enum hc_err err;

	if (value == NULL && ctl->asking && !ctl->json)
		return hc_confirm_ask(ctl, args->operands[0]);
	if (value != NULL)
		err = strlen(value) > CODE_MAX ? HC_ERR_TOOBIG : hc_secret_from(value, strlen(value), &code);
	else
		err = hc_input_line(STDIN_FILENO, CODE_MAX, &code);
	if (err != HC_OK) {
		hc_ctl_complain(ctl, "ctl.confirm.no_code", NULL);
		return HC_CTL_USAGE;
	}
	status = hc_confirm_send(ctl, args->operands[0], code, &wrong);
	if (status != HC_CTL_DONE)
		return status;
	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_text(&json, "id", args->operands[0]);
		hc_json_text(&json, "state", "active");
		hc_json_close(&json);
	} else if (ctl->table) {
		hc_ctl_say(ctl, stdout, "ctl.confirm.done", NULL);
	}
	return status;
}

enum hc_ctl_status hc_cmd_credential_revoke(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const char *reason = hc_args_value(args, "reason");
	enum hc_err err;

	if (reason == NULL) {
		hc_ctl_complain(ctl, "ctl.usage.reason_missing", NULL);
		hc_command_usage(ctl, stderr, args);
		return HC_CTL_USAGE;
	}
	err = hc_request_new(ctl, HC_MSG_CREDENTIAL_REVOKE, &request);
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_CREDENTIAL_ID, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_REVOKE_REASON, reason);
	return hc_done_run(ctl, request, "ctl.credential.revoked", HC_ARGS(args->operands[0]));
}
