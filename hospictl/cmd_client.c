/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "client …": the applications that the gateway knows. The gateway decides what may be registered; here only
 * the words are collected. A secret is shown once and scrubbed from the output's buffer.
 */
#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"

#include "command.h"
#include "confirm.h"
#include "list.h"
#include "request.h"

#define LIST_CAP 4105

static const struct hc_column client_columns[] = {
	{"client_id", HC_FIELD_CLIENT_ID, HC_CELL_TEXT, true, true},
	{"name", HC_FIELD_CLIENT_NAME, HC_CELL_TEXT, true, false},
	{"profile", HC_FIELD_PROFILE, HC_CELL_TEXT, true, true},
	{"auth_method", HC_FIELD_AUTH_METHOD, HC_CELL_TEXT, true, true},
	{"grants", HC_FIELD_GRANTS, HC_CELL_LIST, false, false},
	{"scopes", HC_FIELD_SCOPES, HC_CELL_LIST, true, false},
	{"redirect_uris", HC_FIELD_REDIRECT_URIS, HC_CELL_LIST, true, false},
	{"post_logout_redirect_uris", HC_FIELD_LOGOUT_URIS, HC_CELL_LIST, false, false},
	{"id_token_alg", HC_FIELD_ID_TOKEN_ALG, HC_CELL_TEXT, false, false},
	{"access_token", HC_FIELD_ACCESS_FORMAT, HC_CELL_TEXT, false, false},
	{"may_introspect", HC_FIELD_MAY_INTROSPECT, HC_CELL_FLAG, false, false},
	{"created", HC_FIELD_CREATED_MS, HC_CELL_TIME, true, true},
	{"secret_changed", HC_FIELD_SECRET_CHANGED_MS, HC_CELL_TIME, false, false},
};

/* ---- what is shown once ---- */

struct shown {
	char id[65];
	struct hc_secret *secret; /* NULL: a client without one */
	bool seen;
};

static enum hc_err take_shown(const struct hc_msg *row, void *ctx)
{
	struct shown *shown = ctx;
	const uint8_t *view = NULL;
	size_t len = 0;
	enum hc_err err = hc_msg_text(row, HC_FIELD_CLIENT_ID, shown->id, sizeof(shown->id));

	if (err != HC_OK || shown->seen)
		return HC_ERR_PROTOCOL;
	shown->seen = true;
	err = hc_msg_bytes(row, HC_FIELD_CLIENT_SECRET, &view, &len);
	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	for (size_t i = 0; i < len; i++) {
		if (view[i] <= ' ' || view[i] > '~') /* it goes to a terminal */
			return HC_ERR_PROTOCOL;
	}
	return err == HC_OK ? hc_secret_from(view, len, &shown->secret) : err;
}

static void print_secret_line(const struct hc_ctl *ctl, const struct hc_secret *secret)
{
	hc_view_title(ctl, "client_secret");
	(void)fwrite(hc_secret_data(secret), 1, hc_secret_len(secret), stdout);
	(void)putchar('\n');
}

static void print_shown(const struct hc_ctl *ctl, const struct shown *shown)
{
	struct hc_json json;

	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_text(&json, "client_id", shown->id);
		if (shown->secret != NULL)
			hc_json_bytes(&json, "client_secret", hc_secret_data(shown->secret),
				      hc_secret_len(shown->secret));
		hc_json_close(&json);
	} else {
		hc_view_line(ctl, "client_id", shown->id);
		if (shown->secret != NULL)
			print_secret_line(ctl, shown->secret);
		if (ctl->table && shown->secret != NULL)
			hc_ctl_say(ctl, stdout, "ctl.client.secret_once", NULL);
	}
	hc_ctl_out_scrub();
}

static enum hc_ctl_status run_shown(const struct hc_ctl *ctl, struct hc_msg *request)
{
	struct shown shown = {.seen = false};
	struct hc_reply reply;
	enum hc_ctl_status status = hc_request_run(ctl, request, take_shown, &shown, &reply);

	if (status == HC_CTL_DONE && !shown.seen)
		status = hc_request_failed(ctl, HC_ERR_PROTOCOL);
	if (status == HC_CTL_DONE)
		print_shown(ctl, &shown);
	hc_secret_free(&shown.secret);
	return status;
}

/* ---- the commands ---- */

static bool put_list(const struct hc_ctl *ctl, const struct hc_args *args, const char *name,
		     struct hc_msg *request, enum hc_field field)
{
	char text[LIST_CAP];

	if (!hc_args_join(ctl, args, name, text, sizeof(text)))
		return false;
	hc_msg_put_text(request, field, text);
	return true;
}

enum hc_ctl_status hc_cmd_client_add(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = hc_request_new(&gateway, HC_MSG_CLIENT_ADD, &request);

	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	hc_msg_put_text(request, HC_FIELD_CLIENT_NAME, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_PROFILE, hc_args_value(args, "profile"));
	hc_msg_put_text(request, HC_FIELD_AUTH_METHOD, hc_args_value(args, "auth-method"));
	hc_msg_put_text(request, HC_FIELD_ID_TOKEN_ALG, hc_args_value(args, "id-token-alg"));
	hc_msg_put_text(request, HC_FIELD_ACCESS_FORMAT, hc_args_value(args, "access-token"));
	if (hc_args_flag(args, "may-introspect"))
		hc_msg_put_u32(request, HC_FIELD_MAY_INTROSPECT, 1);
	if (!put_list(ctl, args, "redirect-uri", request, HC_FIELD_REDIRECT_URIS) ||
	    !put_list(ctl, args, "post-logout-redirect-uri", request, HC_FIELD_LOGOUT_URIS) ||
	    !put_list(ctl, args, "grant", request, HC_FIELD_GRANTS) ||
	    !put_list(ctl, args, "scope", request, HC_FIELD_SCOPES))
		return HC_CTL_USAGE;
	return run_shown(&gateway, request);
}

/* A request that names one application. */
static enum hc_err about_client(const struct hc_ctl *gateway, enum hc_msg_type type,
				const struct hc_args *args, struct hc_msg **ret_request)
{
	enum hc_err err = hc_request_new(gateway, type, ret_request);

	if (err == HC_OK)
		hc_msg_put_text(*ret_request, HC_FIELD_CLIENT_ID, args->operands[0]);
	return err;
}

enum hc_ctl_status hc_cmd_client_show(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = about_client(&gateway, HC_MSG_CLIENT_SHOW, args, &request);

	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	return hc_view_run(&gateway, request, client_columns, HC_COUNT(client_columns));
}

enum hc_ctl_status hc_cmd_client_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = hc_request_new(&gateway, HC_MSG_CLIENT_LIST, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	return hc_list_run(&gateway, request, client_columns, HC_COUNT(client_columns), "ctl.client.none");
}

enum hc_ctl_status hc_cmd_client_remove(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = about_client(&gateway, HC_MSG_CLIENT_REMOVE, args, &request);

	if (err != HC_OK)
		return hc_request_failed(&gateway, err);
	if (!hc_confirm_act(ctl, "ctl.client.remove_confirm", HC_ARGS(args->operands[0])))
		return HC_CTL_FAILED;
	return hc_done_run(&gateway, request, "ctl.client.removed", HC_ARGS(args->operands[0]));
}

enum hc_ctl_status hc_cmd_client_rotate(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	enum hc_err err = about_client(&gateway, HC_MSG_CLIENT_ROTATE_SECRET, args, &request);

	return err == HC_OK ? run_shown(&gateway, request) : hc_request_failed(&gateway, err);
}
