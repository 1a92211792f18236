/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "status": what the broker says of itself, and the gateway where there is one; a row a fact.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	const char *prefix; /* of names in plain output */
	struct hc_json *json;
	const char *object; /* of the facts; NULL: the outermost */
	bool seen;
};

static bool is_among(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static bool is_number(const char *name)
{
	static const char *const numbers[] = {"schema",
					      "pid",
					      "uid",
					      "uptime_s",
					      "persons",
					      "audit_seq",
					      "sessions",
					      "credentials",
					      "clients",
					      "threads",
					      "open_sessions",
					      "records_waiting",
					      "card_authorities",
					      "revocation_lists",
					      NULL};

	return is_among(name, numbers);
}

static bool is_truth(const char *name)
{
	static const char *const truths[] = {"broker",		 "store", "ready", "purge_behind",
					     "certificate_fits", NULL};

	return is_among(name, truths);
}

/* The name without "_ms" of a point in time; false: it is none. */
static bool is_time(const char *name, char *out, size_t cap)
{
	static const char *const times[] = {"clock_ms", "certificate_expires_ms", "revocation_next_update_ms",
					    NULL};

	(void)snprintf(out, cap, "%s", name);
	if (!is_among(name, times))
		return false;
	out[strlen(out) - 3] = '\0';
	return true;
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
	char time[HC_WHEN_CAP], key[NAME_CAP];
	int64_t number;

	if (is_time(name, key, sizeof(key)) && read_number(value, &number)) {
		hc_when_utc(number, true, time, sizeof(time));
		hc_json_text(json, key, time);
	} else if (is_number(name) && read_number(value, &number)) {
		hc_json_number(json, name, number);
	} else if (is_truth(name)) {
		hc_json_bool(json, name, strcmp(value, "yes") == 0);
	} else {
		hc_json_text(json, key, value);
	}
}

static void print_line(const struct status *status, const char *name, const char *value)
{
	const struct hc_ctl *ctl = status->ctl;
	char text[2 * VALUE_CAP], key[NAME_CAP], title[2 * NAME_CAP];
	int64_t number;

	if (is_time(name, key, sizeof(key)) && read_number(value, &number)) {
		if (ctl->table)
			hc_when_local(number, text, sizeof(text));
		else
			hc_when_utc(number, true, text, sizeof(text));
	} else if (ctl->table && strcmp(name, "uptime_s") == 0 && read_number(value, &number)) {
		hc_text_duration(ctl->lang, number, text, sizeof(text));
	} else if (ctl->table && is_truth(name)) {
		hc_text(ctl->lang, strcmp(value, "yes") == 0 ? "ctl.yes" : "ctl.no", NULL, text,
			sizeof(text));
	} else {
		hc_ctl_escape(value, text, sizeof(text));
	}
	(void)snprintf(title, sizeof(title), "%s%s", ctl->table ? "" : status->prefix, key);
	hc_view_line(ctl, title, text);
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
		hc_json_object(status->json, status->object);
	status->seen = true;
	if (status->ctl->json)
		print_json(status->json, name, value);
	else
		print_line(status, name, value);
	return HC_OK;
}

static enum hc_ctl_status ask(struct status *status)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	enum hc_ctl_status result;
	enum hc_err err = hc_request_new(status->ctl, HC_MSG_STATUS, &request);

	if (err != HC_OK)
		return hc_request_failed(status->ctl, err);
	result = hc_request_run(status->ctl, request, take_fact, status, &reply);
	if (result == HC_CTL_DONE && !status->seen)
		return hc_request_failed(status->ctl, HC_ERR_PROTOCOL);
	return result;
}

/* Where no gateway is installed, and none was asked for, nothing is said of it. */
static bool has_gateway(const struct hc_ctl *ctl)
{
	return strcmp(ctl->gateway_socket, HC_CTL_DEFAULT_GATEWAY_SOCKET) != 0 ||
	       access(ctl->gateway_socket, F_OK) == 0;
}

enum hc_ctl_status hc_cmd_status(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const struct hc_ctl gateway = hc_ctl_at_gateway(ctl);
	struct hc_json json;
	struct status broker = {.ctl = ctl, .prefix = "", .json = &json};
	struct status second = {.ctl = &gateway, .prefix = "gateway.", .json = &json, .object = "gateway"};
	enum hc_ctl_status result, other = HC_CTL_DONE;

	(void)args; /* takes none */
	hc_json_init(&json, stdout);
	result = ask(&broker);
	if (has_gateway(ctl)) {
		if (ctl->json && !broker.seen)
			hc_json_object(&json, NULL);
		if (ctl->table) {
			(void)putchar('\n');
			hc_ctl_say(ctl, stdout, "ctl.status.gateway", NULL);
		}
		other = ask(&second);
		if (ctl->json && second.seen)
			hc_json_close(&json);
		broker.seen = true;
	}
	if (ctl->json && broker.seen)
		hc_json_close(&json);
	return result != HC_CTL_DONE ? result : other;
}
