/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "session …": who is signed in at the gateway, and their end. No state.
 */
#include <inttypes.h>
#include <stdio.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "confirm.h"
#include "list.h"
#include "request.h"

static const struct hc_column session_columns[] = {
	{"sid", HC_FIELD_SID, HC_CELL_TEXT, true, true},
	{"login", HC_FIELD_LOGIN, HC_CELL_TEXT, true, true},
	{"signed_in", HC_FIELD_SIGNED_IN_MS, HC_CELL_TIME, true, true},
	{"last_seen", HC_FIELD_LAST_SEEN_MS, HC_CELL_TIME, true, true},
	{"expires", HC_FIELD_EXPIRES_MS, HC_CELL_TIME, true, true},
	{"methods", HC_FIELD_AMR, HC_CELL_LIST, true, false},
};

enum hc_ctl_status hc_cmd_session_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = hc_request_new(&gateway, HC_MSG_SESSION_LIST, &request);

	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, hc_args_value(args, "user"));
	return hc_list_run(&gateway, request, session_columns, HC_COUNT(session_columns), "ctl.session.none");
}

static enum hc_ctl_status run_revoke(const struct hc_ctl *gateway, struct hc_msg *request)
{
	struct hc_reply reply;
	struct hc_json json;
	char count[24];
	enum hc_ctl_status status = hc_request_run(gateway, request, NULL, NULL, &reply);

	if (status != HC_CTL_DONE)
		return status;
	(void)snprintf(count, sizeof(count), "%" PRIu64, reply.count);
	if (gateway->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_unsigned(&json, "ended", reply.count);
		hc_json_close(&json);
	} else if (gateway->table) {
		hc_ctl_say(gateway, stdout, "ctl.session.revoked", HC_ARGS(count));
	}
	return status;
}

enum hc_ctl_status hc_cmd_session_revoke(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	const char *sid = args->operand_count > 0 ? args->operands[0] : NULL,
		   *user = hc_args_value(args, "user");
	const bool all = hc_args_flag(args, "all");
	enum hc_err err = HC_OK;

	if ((sid != NULL) + (user != NULL) + all != 1) {
		hc_ctl_complain(ctl, "ctl.session.which", NULL);
		hc_command_usage(ctl, stderr, args);
		return HC_CTL_USAGE;
	}
	err = hc_request_new(&gateway, HC_MSG_SESSION_REVOKE, &request);
	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	if (all && !hc_confirm_act(ctl, "ctl.session.all_confirm", NULL))
		return HC_CTL_FAILED;
	hc_msg_put_text(request, HC_FIELD_SID, sid);
	hc_msg_put_text(request, HC_FIELD_LOGIN, user);
	if (all)
		hc_msg_put_u32(request, HC_FIELD_ALL, 1);
	return run_revoke(&gateway, request);
}
