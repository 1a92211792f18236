/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "status": what the broker says of itself, one row a fact.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "list.h"
#include "request.h"
#include "when.h"

#define NAME_CAP  65
#define VALUE_CAP 513

struct status {
	const struct hc_ctl *ctl;
	struct hc_json json;
	bool seen;
};

static bool is_number(const char *name)
{
	static const char *const numbers[] = {"schema",	 "pid",	      "uid",	  "uptime_s",
					      "persons", "audit_seq", "sessions", "credentials"};

	for (size_t i = 0; i < HC_COUNT(numbers); i++) {
		if (strcmp(numbers[i], name) == 0)
			return true;
	}
	return false;
}

static bool read_number(const char *value, int64_t *ret_number)
{
	char *end = NULL;
	long long number = strtoll(value, &end, 10);

	*ret_number = number;
	return end != value && *end == '\0';
}

static void print_json(struct hc_json *json, const char *name, const char *value)
{
	char time[HC_WHEN_CAP];
	int64_t number;

	if (strcmp(name, "clock_ms") == 0 && read_number(value, &number)) {
		hc_when_utc(number, true, time, sizeof(time));
		hc_json_text(json, "clock", time);
	} else if (is_number(name) && read_number(value, &number)) {
		hc_json_number(json, name, number);
	} else {
		hc_json_text(json, name, value);
	}
}

static void print_line(const struct hc_ctl *ctl, const char *name, const char *value)
{
	char text[2 * VALUE_CAP];
	int64_t number;

	if (strcmp(name, "clock_ms") == 0 && read_number(value, &number)) {
		if (ctl->table)
			hc_when_local(number, text, sizeof(text));
		else
			hc_when_utc(number, true, text, sizeof(text));
		hc_view_line(ctl, "clock", text);
		return;
	}
	if (ctl->table && strcmp(name, "uptime_s") == 0 && read_number(value, &number))
		hc_text_duration(ctl->lang, number, text, sizeof(text));
	else
		hc_ctl_escape(value, text, sizeof(text));
	hc_view_line(ctl, name, text);
}

/* The name becomes a JSON key and a title: only what a name of ours looks like is taken. */
static bool is_name(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static enum hc_err take_fact(const struct hc_msg *row, void *ctx)
{
	struct status *status = ctx;
	char name[NAME_CAP], value[VALUE_CAP] = "";

	if (hc_msg_text(row, HC_FIELD_NAME, name, sizeof(name)) != HC_OK || !is_name(name))
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(row, HC_FIELD_VALUE) &&
	    hc_msg_text(row, HC_FIELD_VALUE, value, sizeof(value)) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (!status->seen && status->ctl->json)
		hc_json_object(&status->json, NULL);
	status->seen = true;
	if (status->ctl->json)
		print_json(&status->json, name, value);
	else
		print_line(status->ctl, name, value);
	return HC_OK;
}

enum hc_ctl_status hc_cmd_status(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	struct status status = {.ctl = ctl};
	struct hc_reply reply;
	enum hc_ctl_status result;
	enum hc_err err = hc_request_new(ctl, HC_MSG_STATUS, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_json_init(&status.json, stdout);
	result = hc_request_run(ctl, request, take_fact, &status, &reply);
	if (result == HC_CTL_DONE && !status.seen)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	if (result == HC_CTL_DONE && ctl->json)
		hc_json_close(&status.json);
	return result;
}
