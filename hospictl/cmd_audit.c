/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "audit …": reading the trail, having it verified, and taking its signed head to a place where
 * whoever holds this machine cannot change it. The broker verifies; a defect is its finding.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "anchor.h"
#include "command.h"
#include "list.h"
#include "request.h"
#include "when.h"

#define ANCHOR_FILE_MAX ((size_t)1 << 20)

static const struct hc_column audit_columns[] = {
	{"seq", HC_FIELD_SEQ, HC_CELL_NUMBER, true, true},
	{"time", HC_FIELD_TIME_MS, HC_CELL_EXACT, true, true},
	{"event", HC_FIELD_EVENT, HC_CELL_TEXT, true, true},
	{"outcome", HC_FIELD_OUTCOME, HC_CELL_WORD, true, true},
	{"reason", HC_FIELD_REASON, HC_CELL_REASON, true, true},
	{"login", HC_FIELD_LOGIN, HC_CELL_TEXT, true, true},
	{"factor", HC_FIELD_FACTOR, HC_CELL_WORD, true, false},
	{"credential", HC_FIELD_CREDENTIAL_ID, HC_CELL_TEXT, false, true},
	{"service", HC_FIELD_SERVICE, HC_CELL_TEXT, true, false},
	{"origin", HC_FIELD_ORIGIN, HC_CELL_TEXT, true, false},
	{"actor", HC_FIELD_ACTOR, HC_CELL_TEXT, true, false},
	{"detail", HC_FIELD_DETAIL, HC_CELL_TEXT, true, false},
	{"hash", HC_FIELD_HASH, HC_CELL_HEX, false, false},
};

enum hc_ctl_status hc_cmd_audit_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const char *since = hc_args_value(args, "since");
	int64_t since_ms;
	bool limited;
	uint32_t limit;
	enum hc_err err = hc_request_new(ctl, HC_MSG_AUDIT_LIST, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	if (since != NULL) {
		if (hc_when_parse_since(since, hc_now_ms(ctl->clock), &since_ms) != HC_OK)
			return hc_args_bad_value(ctl, args, "since", "ctl.expected.since");
		hc_msg_put_u64(request, HC_FIELD_SINCE_MS, (uint64_t)since_ms);
	}
	if (!hc_args_number(ctl, args, "limit", UINT32_MAX, &limited, &limit))
		return HC_CTL_USAGE;
	if (limited)
		hc_msg_put_u32(request, HC_FIELD_LIMIT, limit);
	hc_msg_put_text(request, HC_FIELD_LOGIN, hc_args_value(args, "user"));
	hc_msg_put_text(request, HC_FIELD_EVENT, hc_args_value(args, "event"));
	return hc_list_run(ctl, request, audit_columns, HC_COUNT(audit_columns), "ctl.audit.none");
}

struct head {
	bool seen;
	struct hc_anchor anchor;
};

static enum hc_err take_head(const struct hc_msg *row, void *ctx)
{
	struct head *head = ctx;

	if (head->seen)
		return HC_ERR_PROTOCOL;
	head->seen = true;
	return hc_anchor_from_row(row, &head->anchor);
}

enum hc_ctl_status hc_cmd_audit_head(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	struct head head = {.seen = false};
	struct hc_reply reply;
	struct hc_json json;
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(ctl, HC_MSG_AUDIT_HEAD, &request);

	(void)args; /* takes none */
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	status = hc_request_run(ctl, request, take_head, &head, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (!head.seen)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	hc_json_init(&json, stdout);
	hc_anchor_print(&head.anchor, &json);
	return status;
}

/* The whole of a file or of standard input, up to the limit; NULL with errno set. */
static char *read_whole(const char *path, size_t *ret_len)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *data = fd < 0 ? NULL : malloc(ANCHOR_FILE_MAX);
	size_t len = 0;
	ssize_t got = 1;

	while (data != NULL && got != 0 && len < ANCHOR_FILE_MAX) {
		got = read(fd, data + len, ANCHOR_FILE_MAX - len);
		if (got > 0)
			len += (size_t)got;
		else if (got < 0 && errno != EINTR)
			break;
	}
	if (data != NULL && got != 0) {
		int cause = got < 0 ? errno : EFBIG;

		free(data);
		data = NULL;
		errno = cause;
	}
	if (fd >= 0)
		(void)close(fd); /* only read from */
	*ret_len = len;
	return data;
}

struct verdict {
	struct hc_json json;
	bool opened; /* the JSON document has begun */
	uint64_t records;
	size_t defects;
	enum hc_ctl_status status;
};

static void open_document(struct verdict *verdict)
{
	if (verdict->opened)
		return;
	verdict->opened = true;
	hc_json_init(&verdict->json, stdout);
	hc_json_object(&verdict->json, NULL);
	hc_json_array(&verdict->json, "defects");
}

static void say_defect(const struct hc_ctl *ctl, struct verdict *verdict, const struct hc_anchor *anchor,
		       const struct hc_reply *reply)
{
	char seq[32];

	verdict->defects++;
	if (ctl->json) {
		open_document(verdict);
		hc_json_object(&verdict->json, NULL);
		if (anchor != NULL)
			hc_json_unsigned(&verdict->json, "anchor", anchor->seq);
		else
			hc_json_null(&verdict->json, "anchor");
		hc_json_text(&verdict->json, "reason", hc_reason_name(reply->reason));
		hc_json_text(&verdict->json, "text", reply->text);
		hc_json_close(&verdict->json);
		return;
	}
	if (anchor != NULL) {
		(void)snprintf(seq, sizeof(seq), "%" PRIu64, anchor->seq);
		hc_ctl_complain(ctl, "ctl.audit.anchor_fails", HC_ARGS(seq));
	}
	(void)hc_request_complain(ctl, reply); /* the status is kept by the caller */
}

/* One walk over the trail. False: the broker could not be asked, which has been said. */
static bool verify(const struct hc_ctl *ctl, const struct hc_anchor *anchor, struct verdict *verdict)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	enum hc_err err = hc_request_new(ctl, HC_MSG_AUDIT_VERIFY, &request);

	if (err != HC_OK) {
		verdict->status = hc_request_failed(ctl, err);
		return false;
	}
	if (anchor != NULL)
		hc_anchor_put(anchor, request);
	err = hc_request_send(ctl, request, NULL, NULL, &reply);
	if (err == HC_OK) {
		verdict->records = reply.count;
		return true;
	}
	verdict->status = hc_ctl_status_of(err);
	if (reply.ended &&
	    (reply.reason == HC_REASON_AUDIT_BROKEN || reply.reason == HC_REASON_ANCHOR_INVALID)) {
		verdict->status = HC_CTL_FAILED;
		say_defect(ctl, verdict, anchor, &reply);
		return true;
	}
	verdict->status = hc_request_complain(ctl, &reply);
	return false;
}

static enum hc_ctl_status verify_all(const struct hc_ctl *ctl, const struct hc_anchor *anchors, size_t count)
{
	struct verdict verdict = {.status = HC_CTL_DONE};
	char records[32], heads[32];
	bool asked = true;

	for (size_t i = 0; asked && i < (count == 0 ? 1 : count); i++)
		asked = verify(ctl, count == 0 ? NULL : &anchors[i], &verdict);
	if (!asked && !verdict.opened)
		return verdict.status;
	if (ctl->json) {
		open_document(&verdict);
		hc_json_close(&verdict.json);
		hc_json_bool(&verdict.json, "verified", asked && verdict.defects == 0);
		hc_json_unsigned(&verdict.json, "records", verdict.records);
		hc_json_unsigned(&verdict.json, "anchors", count);
		hc_json_close(&verdict.json);
		return verdict.status;
	}
	(void)snprintf(records, sizeof(records), "%" PRIu64, verdict.records);
	(void)snprintf(heads, sizeof(heads), "%zu", count);
	if (verdict.defects == 0) /* which says that all could be asked */
		hc_ctl_say(ctl, stdout, count == 0 ? "ctl.audit.verified" : "ctl.audit.verified_anchored",
			   HC_ARGS(records, heads));
	return verdict.status;
}

enum hc_ctl_status hc_cmd_audit_verify(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const char *path = hc_args_value(args, "anchor");
	struct hc_anchor *anchors = NULL;
	char *text = NULL;
	char where[32];
	size_t len = 0, count = 0;
	int line = 0;
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (path == NULL)
		return verify_all(ctl, NULL, 0);
	text = read_whole(path, &len);
	anchors = calloc(HC_ANCHORS_MAX, sizeof(*anchors));
	if (text == NULL) {
		hc_ctl_complain(ctl, "ctl.audit.anchor_file", HC_ARGS(path, strerrordesc_np(errno)));
	} else if (anchors == NULL) {
		status = hc_request_failed(ctl, HC_ERR_NOMEM);
	} else if (hc_anchor_parse(text, len, anchors, &count, &line) != HC_OK) {
		(void)snprintf(where, sizeof(where), "%d", line);
		hc_ctl_complain(ctl, "ctl.audit.anchor_format", HC_ARGS(path, where));
	} else {
		status = verify_all(ctl, anchors, count);
	}
	free(anchors);
	free(text);
	return status;
}
