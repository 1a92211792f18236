/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "key …": the keys that the gateway signs with. No state.
 */
#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"

static const struct hc_column key_columns[] = {
	{"kid", HC_FIELD_KEY_ID, HC_CELL_TEXT, true, true},
	{"algorithm", HC_FIELD_ALGORITHM, HC_CELL_TEXT, true, true},
	{"state", HC_FIELD_STATE, HC_CELL_WORD, true, true},
	{"created", HC_FIELD_CREATED_MS, HC_CELL_TIME, true, true},
	{"activated", HC_FIELD_ACTIVATED_MS, HC_CELL_TIME, false, false},
	{"retired", HC_FIELD_RETIRED_MS, HC_CELL_TIME, false, false},
	{"due", HC_FIELD_DUE_MS, HC_CELL_TIME, true, true},
};

enum hc_ctl_status hc_cmd_key_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = hc_request_new(&gateway, HC_MSG_KEY_LIST, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	return hc_list_run(&gateway, request, key_columns, HC_COUNT(key_columns), "ctl.key.none");
}

enum hc_ctl_status hc_cmd_key_rotate(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(&gateway, HC_MSG_KEY_ROTATE, &request);

	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	hc_msg_put_text(request, HC_FIELD_ALGORITHM, hc_args_value(args, "alg"));
	if (hc_args_flag(args, "now"))
		hc_msg_put_u32(request, HC_FIELD_AT_ONCE, 1);
	status = hc_view_run(&gateway, request, key_columns, HC_COUNT(key_columns));
	if (status == HC_CTL_DONE && ctl->table)
		hc_ctl_say(ctl, stdout, hc_args_flag(args, "now") ? "ctl.key.signs" : "ctl.key.published",
			   NULL);
	return status;
}
