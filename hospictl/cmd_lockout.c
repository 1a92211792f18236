/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "lockout …": who is locked out after failures, and letting them try again.
 */
#include <inttypes.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"

static const struct hc_column lockout_columns[] = {
	{"login", HC_FIELD_LOGIN, HC_CELL_TEXT, true, true},
	{"factor", HC_FIELD_FACTOR, HC_CELL_WORD, true, false},
	{"scope", HC_FIELD_SCOPE, HC_CELL_TEXT, true, false},
	{"failures", HC_FIELD_FAILURES, HC_CELL_NUMBER, true, true},
	{"locked_until", HC_FIELD_LOCKED_UNTIL_MS, HC_CELL_TIME, true, true},
};

enum hc_ctl_status hc_cmd_lockout_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_LOCKOUT_LIST, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	return hc_list_run(ctl, request, lockout_columns, HC_COUNT(lockout_columns), "ctl.lockout.none");
}

enum hc_ctl_status hc_cmd_lockout_clear(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	struct hc_json json;
	char count[32];
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(ctl, HC_MSG_LOCKOUT_CLEAR, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	status = hc_request_run(ctl, request, NULL, NULL, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_unsigned(&json, "cleared", reply.count);
		hc_json_close(&json);
	} else if (ctl->table) {
		(void)snprintf(count, sizeof(count), "%" PRIu64, reply.count);
		hc_ctl_say(ctl, stdout, reply.count == 0 ? "ctl.lockout.nothing" : "ctl.lockout.cleared",
			   HC_ARGS(args->operands[0], count));
	}
	return status;
}
