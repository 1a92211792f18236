/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "user …": the people that HospiConnect knows. The broker decides what is valid; here only dates
 * are read, since they are typed in a form of our own.
 */
#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"
#include "when.h"

static const struct hc_column person_columns[] = {
	{"login", HC_FIELD_LOGIN, HC_CELL_TEXT, true, true},
	{"given_name", HC_FIELD_GIVEN_NAME, HC_CELL_TEXT, true, false},
	{"family_name", HC_FIELD_FAMILY_NAME, HC_CELL_TEXT, true, false},
	{"national_id", HC_FIELD_NATIONAL_ID, HC_CELL_TEXT, true, true},
	{"profession", HC_FIELD_PROFESSION, HC_CELL_TEXT, true, false},
	{"organization", HC_FIELD_ORGANIZATION, HC_CELL_TEXT, true, false},
	{"state", HC_FIELD_STATE, HC_CELL_WORD, true, true},
	{"valid_from", HC_FIELD_VALID_FROM_MS, HC_CELL_DAY, false, true},
	{"valid_until", HC_FIELD_VALID_UNTIL_MS, HC_CELL_LAST, true, true},
	{"created", HC_FIELD_CREATED_MS, HC_CELL_TIME, false, true},
};

static bool put_date(const struct hc_ctl *ctl, const struct hc_args *args, const char *name,
		     enum hc_when_edge edge, struct hc_msg *request, enum hc_field field)
{
	const char *value = hc_args_value(args, name);
	int64_t ms;

	if (value == NULL)
		return true;
	if (hc_when_parse(value, edge, &ms) != HC_OK || ms <= 0) {
		(void)hc_args_bad_value(ctl, args, name, "ctl.expected.date");
		return false;
	}
	hc_msg_put_u64(request, field, (uint64_t)ms);
	return true;
}

enum hc_ctl_status hc_cmd_user_add(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_USER_ADD, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_GIVEN_NAME, hc_args_value(args, "given-name"));
	hc_msg_put_text(request, HC_FIELD_FAMILY_NAME, hc_args_value(args, "family-name"));
	hc_msg_put_text(request, HC_FIELD_NATIONAL_ID, hc_args_value(args, "national-id"));
	hc_msg_put_text(request, HC_FIELD_PROFESSION, hc_args_value(args, "profession"));
	hc_msg_put_text(request, HC_FIELD_ORGANIZATION, hc_args_value(args, "organization"));
	if (!put_date(ctl, args, "valid-from", HC_WHEN_DAY_BEGINS, request, HC_FIELD_VALID_FROM_MS) ||
	    !put_date(ctl, args, "valid-until", HC_WHEN_DAY_IS_OVER, request, HC_FIELD_VALID_UNTIL_MS))
		return HC_CTL_USAGE;
	return hc_view_run(ctl, request, person_columns, HC_COUNT(person_columns));
}

enum hc_ctl_status hc_cmd_user_show(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_USER_SHOW, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	return hc_view_run(ctl, request, person_columns, HC_COUNT(person_columns));
}

enum hc_ctl_status hc_cmd_user_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, HC_MSG_USER_LIST, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	return hc_list_run(ctl, request, person_columns, HC_COUNT(person_columns), "ctl.user.none");
}

static enum hc_ctl_status change(const struct hc_ctl *ctl, const struct hc_args *args, enum hc_msg_type type,
				 const char *reason, const char *done)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(ctl, type, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_DETAIL, reason);
	return hc_done_run(ctl, request, done, HC_ARGS(args->operands[0]));
}

enum hc_ctl_status hc_cmd_user_enable(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return change(ctl, args, HC_MSG_USER_ENABLE, NULL, "ctl.user.enabled");
}

enum hc_ctl_status hc_cmd_user_disable(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return change(ctl, args, HC_MSG_USER_DISABLE, hc_args_value(args, "reason"), "ctl.user.disabled");
}

enum hc_ctl_status hc_cmd_user_remove(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return change(ctl, args, HC_MSG_USER_REMOVE, NULL, "ctl.user.removed");
}
