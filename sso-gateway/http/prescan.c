/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict scan of a header block.
 *
 * No state but the caller's struct. Threats: request smuggling, where a proxy and we find different
 * ends of a message or different hosts in it; header blocks that never end. Nothing is repaired or
 * skipped here: a byte or a field is as the RFC has it or the request is refused. It is stricter
 * than RFC 9112 where that allows a choice (no empty line before the request line, no folding, no
 * list of equal lengths, origin-form alone).
 */
#include "http/prescan.h"

#include <string.h>
#include <strings.h>

#include "http/http.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static enum hc_prescan_result refuse(struct hc_prescan *scan, unsigned status)
{
	scan->status = status;
	return HC_PRESCAN_REFUSED;
}

/* ---- the request line ---- */

static bool path_byte(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("-._~%!$&'()*+,;=:@/", c) != NULL);
}

/* What browsers send in a query is more than RFC 3986 allows; what none sends is refused. */
static bool query_byte(char c)
{
	return c > 0x20 && c <= 0x7e && strchr("\"#<>", c) == NULL;
}

/* Origin-form, from data to the blank; returns its length, or 0. */
static size_t target_len(const char *data, size_t len)
{
	bool in_query = false;
	size_t at = 0;

	if (len == 0 || data[0] != '/')
		return 0;
	for (; at < len && data[at] != ' '; at++) {
		if (data[at] == '?')
			in_query = true;
		else if (in_query ? !query_byte(data[at]) : !path_byte(data[at]))
			return 0;
	}
	return at;
}

static unsigned judge_version(struct hc_prescan *scan, const char *text, size_t len)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5]) || text[6] != '.' ||
	    !is_digit(text[7]))
		return 400;
	if (text[5] != '1' || text[7] > '1')
		return 505;
	scan->version_1_1 = text[7] == '1';
	return 0;
}

/* Returns 0, or the status to refuse with. */
static unsigned judge_request_line(struct hc_prescan *scan, const char *data, size_t len)
{
	size_t at = 0, target = 0;

	while (at < len && is_token(data[at]))
		at++;
	if (at == 0 || at == len || data[at] != ' ')
		return 400;
	at++;
	target = target_len(data + at, len - at);
	at += target;
	if (target == 0 || at == len)
		return 400;
	at++; /* target_len stopped at a blank */
	return judge_version(scan, data + at, len - at);
}

/* ---- fields ---- */

static bool name_is(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && strncasecmp(name, wanted, len) == 0;
}

static struct hc_view trimmed(const char *data, size_t len)
{
	while (len > 0 && (data[0] == ' ' || data[0] == '\t')) {
		data++;
		len--;
	}
	while (len > 0 && (data[len - 1] == ' ' || data[len - 1] == '\t'))
		len--;
	return (struct hc_view){.data = data, .len = len};
}

/* Digits alone: no sign, no blank, no list, and no leading zero that somebody may read as octal. */
static unsigned judge_length(struct hc_prescan *scan, struct hc_view value)
{
	if (value.len == 0 || (value.len > 1 && value.data[0] == '0'))
		return 400;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.data[i]))
			return 400;
		if (scan->body_len <= HC_HTTP_BODY_MAX)
			scan->body_len = scan->body_len * 10 + (uint64_t)(value.data[i] - '0');
	}
	if (scan->body_len > HC_HTTP_BODY_MAX)
		scan->body_len = HC_HTTP_BODY_MAX + 1;
	return 0;
}

static unsigned judge_host(struct hc_view value)
{
	if (value.len == 0 || value.len > 255)
		return 400;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_alnum(value.data[i]) && strchr(".-_:[]", value.data[i]) == NULL)
			return 400;
	}
	return 0;
}

static unsigned judge_field(struct hc_prescan *scan, const char *data, size_t len)
{
	size_t name_len = scan->colon - scan->line;
	struct hc_view value = trimmed(data + name_len + 1, len - name_len - 1);

	if (++scan->fields > HC_HTTP_HEADERS_MAX)
		return 431;
	if (name_is(data, name_len, "host"))
		return ++scan->hosts > 1 ? 400 : judge_host(value);
	if (name_is(data, name_len, "content-length"))
		return ++scan->lengths > 1 ? 400 : judge_length(scan, value);
	if (name_is(data, name_len, "transfer-encoding") && ++scan->encodings > 1)
		return 400;
	if (name_is(data, name_len, "expect")) {
		scan->expect_continue = name_is(value.data, value.len, "100-continue");
		return ++scan->expects > 1 || !scan->expect_continue ? 417 : 0;
	}
	return 0;
}

/* What the block says as a whole. */
static unsigned judge_block(const struct hc_prescan *scan)
{
	if (scan->version_1_1 && scan->hosts == 0)
		return 400;
	if (scan->encodings > 0)
		return scan->lengths > 0 || !scan->version_1_1 ? 400 : 501;
	return scan->body_len > HC_HTTP_BODY_MAX ? 413 : 0;
}

/* ---- the pass ---- */

/* Judges the line that ends with the CR and LF before pos. */
static enum hc_prescan_result end_line(struct hc_prescan *scan, const char *data)
{
	size_t len = scan->pos - scan->line - 2;
	unsigned status = 0;

	if (scan->line > 0 && len == 0) {
		status = judge_block(scan);
		return status != 0 ? refuse(scan, status) : HC_PRESCAN_WHOLE;
	}
	if (scan->line == 0)
		status = judge_request_line(scan, data, len);
	else if (scan->colon == 0)
		status = 400;
	else
		status = judge_field(scan, data + scan->line, len);
	scan->line = scan->pos;
	scan->colon = 0;
	return status != 0 ? refuse(scan, status) : HC_PRESCAN_MORE;
}

/* Whether a byte, neither CR nor LF, may stand at pos. */
static bool byte_fits(struct hc_prescan *scan, char c)
{
	if (scan->line == 0)
		return is_printable(c);
	if (scan->colon > 0)
		return is_printable(c) || c == '\t' || (c & 0x80) != 0;
	if (c == ':' && scan->pos > scan->line) {
		scan->colon = scan->pos;
		return true;
	}
	return is_token(c); /* neither folding nor a blank before the colon gets through */
}

enum hc_prescan_result hc_prescan_step(struct hc_prescan *scan, const char *data, size_t len)
{
	enum hc_prescan_result result = HC_PRESCAN_MORE;

	while (scan->pos < len && scan->pos < HC_HTTP_HEADER_BYTES_MAX && result == HC_PRESCAN_MORE) {
		char c = data[scan->pos];
		bool after_cr = scan->pos > scan->line && data[scan->pos - 1] == '\r';

		if (after_cr != (c == '\n') || (c != '\r' && c != '\n' && !byte_fits(scan, c)))
			return refuse(scan, 400);
		scan->pos++;
		if (c == '\n')
			result = end_line(scan, data);
	}
	if (result == HC_PRESCAN_MORE && scan->pos >= HC_HTTP_HEADER_BYTES_MAX)
		return refuse(scan, scan->line == 0 ? 414 : 431);
	return result;
}
