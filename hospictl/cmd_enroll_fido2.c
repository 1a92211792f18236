/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "enroll fido2": a security key that is plugged in here becomes a person's. The broker asks for its PIN and says when
 * it is to be touched. No state beyond the answer.
 */
#include <stdio.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"

struct made {
	char id[HC_CREDENTIAL_ID_LEN + 1];
	char aaguid[HC_UUID_CAP], rp_id[256], attestation[33], label[HC_LABEL_MAX + 1], model[129];
	bool verifies, discoverable;
};

static void optional(const struct hc_msg *row, enum hc_field field, char *out, size_t cap)
{
	if (hc_msg_text(row, field, out, cap) != HC_OK)
		out[0] = '\0';
}

static enum hc_err take_row(const struct hc_msg *row, void *ctx)
{
	struct made *made = ctx;
	char options[128];
	const uint8_t *view;
	size_t len;
	enum hc_err err = hc_msg_text(row, HC_FIELD_CREDENTIAL_ID, made->id, sizeof(made->id));

	if (err == HC_OK)
		err = hc_msg_bytes(row, HC_FIELD_AAGUID, &view, &len);
	if (err != HC_OK || len != 16)
		return HC_ERR_PROTOCOL;
	hc_cell_uuid(view, made->aaguid);
	optional(row, HC_FIELD_RP_ID, made->rp_id, sizeof(made->rp_id));
	optional(row, HC_FIELD_FORMAT, made->attestation, sizeof(made->attestation));
	optional(row, HC_FIELD_LABEL, made->label, sizeof(made->label));
	optional(row, HC_FIELD_MODEL, made->model, sizeof(made->model));
	optional(row, HC_FIELD_OPTIONS, options, sizeof(options));
	made->verifies = strstr(options, "verifies=true") != NULL;
	made->discoverable = strstr(options, "discoverable=true") != NULL;
	return HC_OK;
}

static void print_json(const struct made *made)
{
	struct hc_json json;

	hc_json_init(&json, stdout);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "id", made->id);
	hc_json_text(&json, "aaguid", made->aaguid);
	hc_json_text(&json, "rp_id", made->rp_id);
	hc_json_text(&json, "attestation", made->attestation);
	hc_json_text(&json, "label", made->label);
	hc_json_text(&json, "model", made->model);
	hc_json_bool(&json, "verifies", made->verifies);
	hc_json_bool(&json, "discoverable", made->discoverable);
	hc_json_close(&json);
}

static void print(const struct hc_ctl *ctl, const struct made *made, const char *login)
{
	const char *name = made->label[0] != '\0' ? made->label : made->aaguid;
	char shown[2 * sizeof(made->label)], model[2 * sizeof(made->model)];

	hc_ctl_escape(name, shown, sizeof(shown));
	hc_ctl_escape(made->model, model, sizeof(model));
	hc_ctl_say(ctl, stdout, "ctl.enroll.fido2_done", HC_ARGS(login, made->id, shown));
	if (model[0] != '\0')
		hc_ctl_say(ctl, stdout, "ctl.enroll.fido2_make", HC_ARGS(model, made->aaguid));
	if (!made->verifies)
		hc_ctl_say(ctl, stdout, "ctl.enroll.fido2_touch", NULL);
}

enum hc_ctl_status hc_cmd_enroll_fido2(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	struct made made = {.id = ""};
	struct hc_reply reply;
	enum hc_ctl_status status;
	uint32_t flags = hc_args_flag(args, "touch-only") ? 0 : HC_DEVICE_FLAG_UV;
	enum hc_err err = hc_request_new(ctl, HC_MSG_ENROLL_FIDO2, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	flags |= hc_args_flag(args, "discoverable") ? HC_DEVICE_FLAG_DISCOVERABLE : 0;
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_LABEL, hc_args_value(args, "label"));
	hc_msg_put_text(request, HC_FIELD_DEVICE_PATH, hc_args_value(args, "device"));
	hc_msg_put_u32(request, HC_FIELD_FLAGS, flags);
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, hc_args_value(args, "proofed-by"));
	hc_msg_put_text(request, HC_FIELD_DOCUMENT, hc_args_value(args, "document"));
	if (hc_args_flag(args, "face-to-face"))
		hc_msg_put_u32(request, HC_FIELD_FACE_TO_FACE, 1);
	status = hc_request_run(ctl, request, take_row, &made, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (made.id[0] == '\0')
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	if (ctl->json)
		print_json(&made);
	else if (ctl->table)
		print(ctl, &made, args->operands[0]);
	else
		(void)printf("id\t%s\naaguid\t%s\n", made.id, made.aaguid);
	return HC_CTL_DONE;
}
