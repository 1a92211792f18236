/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "fido2 …": the security keys that are plugged in at this machine, and their PINs. The broker asks for the PINs.
 * No state.
 */
#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"

static const struct hc_column key_columns[] = {
	{"device", HC_FIELD_DEVICE_PATH, HC_CELL_TEXT, true, true},
	{"label", HC_FIELD_LABEL, HC_CELL_TEXT, true, false},
	{"pin", HC_FIELD_STATE, HC_CELL_WORD, true, true},
	{"tries_left", HC_FIELD_TRIES_LEFT, HC_CELL_NUMBER, true, true},
	{"finger_tries_left", HC_FIELD_FINGER_TRIES_LEFT, HC_CELL_NUMBER, false, false},
	{"pin_min", HC_FIELD_PIN_MIN, HC_CELL_NUMBER, false, false},
	{"aaguid", HC_FIELD_AAGUID, HC_CELL_UUID, true, true},
	{"versions", HC_FIELD_VERSIONS, HC_CELL_LIST, false, false},
	{"options", HC_FIELD_OPTIONS, HC_CELL_LIST, false, false},
	{"reason", HC_FIELD_REASON, HC_CELL_REASON, true, true},
};

enum hc_ctl_status hc_cmd_fido2_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_FIDO2_PIN, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_u32(request, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_LIST);
	return hc_list_run(ctl, request, key_columns, HC_COUNT(key_columns), "ctl.fido2.none");
}

static enum hc_ctl_status set_pin(const struct hc_ctl *ctl, const struct hc_args *args, uint32_t change)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_FIDO2_PIN, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_u32(request, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_SET_PIN);
	hc_msg_put_u32(request, HC_FIELD_PIN_CHANGE, change);
	hc_msg_put_text(request, HC_FIELD_DEVICE_PATH, hc_args_value(args, "device"));
	return hc_done_run(ctl, request, "ctl.fido2.pin_done", NULL);
}

enum hc_ctl_status hc_cmd_fido2_pin_set(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return set_pin(ctl, args, 0);
}

enum hc_ctl_status hc_cmd_fido2_pin_change(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return set_pin(ctl, args, 1);
}
