/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed heads of the audit trail, read and written. State: none. A file of heads comes from a
 * machine elsewhere, or from the system log: it is bounded, duplicates and unknown keys are refused. The signature is
 * judged by the broker, not here.
 */
#include "anchor.h"

#include <jansson.h>
#include <string.h>

#include "cell.h"
#include "when.h"

#define KEYS	     5
#define LOG_LINE_CAP 1024
#define TIME_CAP     HC_WHEN_CAP

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* text: 2 * len characters at least, or a NUL among them */
static bool decode_hex(const char *text, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[2 * i] == '\0')
			return false;
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_hex(const json_t *object, const char *key, uint8_t *out, size_t len)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL && strlen(text) == 2 * len && decode_hex(text, out, len);
}

static enum hc_err read_head(const json_t *object, struct hc_anchor *anchor)
{
	const json_t *seq = json_object_get(object, "seq");
	const char *time = json_string_value(json_object_get(object, "time"));
	int64_t time_ms;

	if (!json_is_object(object) || json_object_size(object) != KEYS)
		return HC_ERR_INVALID;
	if (!json_is_integer(seq) || json_integer_value(seq) < 0 || time == NULL)
		return HC_ERR_INVALID;
	if (hc_when_parse(time, HC_WHEN_DAY_BEGINS, &time_ms) != HC_OK)
		return HC_ERR_INVALID;
	if (!read_hex(object, "hash", anchor->hash, sizeof(anchor->hash)) ||
	    !read_hex(object, "public_key", anchor->public_key, sizeof(anchor->public_key)) ||
	    !read_hex(object, "signature", anchor->signature, sizeof(anchor->signature)))
		return HC_ERR_INVALID;
	anchor->seq = (uint64_t)json_integer_value(seq);
	anchor->time_ms = (uint64_t)time_ms;
	return HC_OK;
}

/* ` key="` at *at, which moves behind it. */
static bool skip_key(const char **at, const char *key)
{
	size_t len = strlen(key);

	if (**at != ' ' || strncmp(*at + 1, key, len) != 0 || strncmp(*at + 1 + len, "=\"", 2) != 0)
		return false;
	*at += len + 3;
	return true;
}

static bool log_number(const char **at, const char *key, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!skip_key(at, key) || **at == '"')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (number > (INT64_MAX - 9) / 10)
			return false;
		number = number * 10 + (uint64_t)(**at - '0');
	}
	*ret_number = number;
	return *(*at)++ == '"';
}

static bool log_hex(const char **at, const char *key, uint8_t *out, size_t len)
{
	if (!skip_key(at, key) || !decode_hex(*at, out, len))
		return false;
	*at += 2 * len;
	return *(*at)++ == '"';
}

/*
 * A line of the system log; what stands before the head is the collector's. A record of the trail is
 * none, whatever text somebody brought into it: quotes are escaped there.
 */
static enum hc_err read_log_line(const char *text, size_t len, struct hc_anchor *anchor)
{
	static const char mark[] = "audit-head";
	char line[LOG_LINE_CAP];
	const char *at;

	if (len >= sizeof(line) || memchr(text, '\0', len) != NULL)
		return HC_ERR_INVALID;
	memcpy(line, text, len);
	line[len] = '\0';
	at = strstr(line, mark);
	if (at == NULL || memchr(line, '"', (size_t)(at - line)) != NULL)
		return HC_ERR_INVALID;
	at += sizeof(mark) - 1;
	if (!log_number(&at, "seq", &anchor->seq) || !log_number(&at, "time_ms", &anchor->time_ms) ||
	    !log_hex(&at, "hash", anchor->hash, sizeof(anchor->hash)) ||
	    !log_hex(&at, "public_key", anchor->public_key, sizeof(anchor->public_key)) ||
	    !log_hex(&at, "signature", anchor->signature, sizeof(anchor->signature)))
		return HC_ERR_INVALID;
	return at[strspn(at, " \t\r")] == '\0' ? HC_OK : HC_ERR_INVALID;
}

/* One document: a head, or an array of heads. */
static enum hc_err read_document(const json_t *document, struct hc_anchor *anchors, size_t *count)
{
	size_t elements = json_is_array(document) ? json_array_size(document) : 1;

	if (elements > HC_ANCHORS_MAX - *count)
		return HC_ERR_TOOBIG;
	for (size_t i = 0; i < elements; i++) {
		const json_t *head = json_is_array(document) ? json_array_get(document, i) : document;
		enum hc_err err = read_head(head, &anchors[*count]);

		if (err != HC_OK)
			return err;
		(*count)++;
	}
	return HC_OK;
}

static int lines_until(const char *text, size_t end)
{
	int lines = 1;

	for (size_t i = 0; i < end; i++)
		lines += text[i] == '\n' ? 1 : 0;
	return lines;
}

static size_t skip_blanks(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != '\0' && strchr(" \t\r\n", text[at]) != NULL)
		at++;
	return at;
}

/* JSON at the beginning of text; ret_used: how long it is. */
static enum hc_err take_json(const char *text, size_t len, struct hc_anchor *anchors, size_t *count,
			     size_t *ret_used)
{
	json_error_t error;
	json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
	enum hc_err err = document == NULL ? HC_ERR_INVALID : read_document(document, anchors, count);

	json_decref(document);
	*ret_used = (size_t)error.position;
	return err;
}

static enum hc_err take_log_line(const char *text, size_t len, struct hc_anchor *anchors, size_t *count,
				 size_t *ret_used)
{
	const char *end = memchr(text, '\n', len);
	enum hc_err err;

	*ret_used = end == NULL ? len : (size_t)(end - text);
	if (*count == HC_ANCHORS_MAX)
		return HC_ERR_TOOBIG;
	err = read_log_line(text, *ret_used, &anchors[*count]);
	if (err == HC_OK)
		(*count)++;
	return err;
}

enum hc_err hc_anchor_parse(const char *text, size_t len, struct hc_anchor *ret_anchors, size_t *ret_count,
			    int *ret_line)
{
	size_t count = 0, used = 0, at = skip_blanks(text, len, 0);

	while (at < len) {
		bool json = text[at] == '{' || text[at] == '[';
		enum hc_err err =
			(json ? take_json : take_log_line)(text + at, len - at, ret_anchors, &count, &used);

		if (err != HC_OK) {
			*ret_line = lines_until(text, at);
			return err;
		}
		at = skip_blanks(text, len, at + used);
	}
	if (count == 0) {
		*ret_line = 1;
		return HC_ERR_INVALID;
	}
	*ret_count = count;
	return HC_OK;
}

static bool copy_bytes(const struct hc_msg *row, enum hc_field field, uint8_t *out, size_t len)
{
	const uint8_t *view;
	size_t got;

	if (hc_msg_bytes(row, field, &view, &got) != HC_OK || got != len)
		return false;
	memcpy(out, view, len);
	return true;
}

enum hc_err hc_anchor_from_row(const struct hc_msg *row, struct hc_anchor *ret_anchor)
{
	struct hc_anchor anchor;

	if (hc_msg_u64(row, HC_FIELD_SEQ, &anchor.seq) != HC_OK ||
	    hc_msg_u64(row, HC_FIELD_TIME_MS, &anchor.time_ms) != HC_OK ||
	    !copy_bytes(row, HC_FIELD_HASH, anchor.hash, sizeof(anchor.hash)) ||
	    !copy_bytes(row, HC_FIELD_PUBLIC_KEY, anchor.public_key, sizeof(anchor.public_key)) ||
	    !copy_bytes(row, HC_FIELD_SIGNATURE, anchor.signature, sizeof(anchor.signature)))
		return HC_ERR_PROTOCOL;
	*ret_anchor = anchor;
	return HC_OK;
}

void hc_anchor_put(const struct hc_anchor *anchor, struct hc_msg *request)
{
	hc_msg_put_u64(request, HC_FIELD_SEQ, anchor->seq);
	hc_msg_put_u64(request, HC_FIELD_TIME_MS, anchor->time_ms);
	hc_msg_put_bytes(request, HC_FIELD_HASH, anchor->hash, sizeof(anchor->hash));
	hc_msg_put_bytes(request, HC_FIELD_PUBLIC_KEY, anchor->public_key, sizeof(anchor->public_key));
	hc_msg_put_bytes(request, HC_FIELD_SIGNATURE, anchor->signature, sizeof(anchor->signature));
}

void hc_anchor_print(const struct hc_anchor *anchor, struct hc_json *json)
{
	char time[TIME_CAP], hex[2 * sizeof(anchor->signature) + 1];

	hc_when_utc((int64_t)anchor->time_ms, true, time, sizeof(time));
	hc_json_object(json, NULL);
	hc_json_unsigned(json, "seq", anchor->seq);
	hc_json_text(json, "time", time);
	hc_cell_hex(anchor->hash, sizeof(anchor->hash), hex);
	hc_json_text(json, "hash", hex);
	hc_cell_hex(anchor->public_key, sizeof(anchor->public_key), hex);
	hc_json_text(json, "public_key", hex);
	hc_cell_hex(anchor->signature, sizeof(anchor->signature), hex);
	hc_json_text(json, "signature", hex);
	hc_json_close(json);
}
