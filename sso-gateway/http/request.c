/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a scanned header block to a request, by http-parser.
 *
 * State: none beyond a call. Threats: the scan and the parser understand the same bytes differently;
 * so they are compared, and a difference is a refusal. The parser sees header blocks alone: bodies
 * are counted by the connection.
 */
#include "http/request.h"

#include <string.h>
#include <strings.h>

#include <http_parser.h>

struct reading {
	struct hc_http_request *request;
	struct hc_view target;
	size_t started; /* fields whose name was seen */
	bool in_value, whole, close_named;
};

static void extend(struct hc_view *view, const char *at, size_t len)
{
	if (view->data == NULL)
		view->data = at;
	view->len += len;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;

	extend(&reading->target, at, len);
	return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;

	if (reading->started == 0 || reading->in_value) {
		if (reading->started == HC_HTTP_HEADERS_MAX)
			return 1; /* ends the parser with an error */
		memset(&reading->request->headers[reading->started], 0, sizeof(struct hc_http_header));
		reading->started++;
		reading->in_value = false;
	}
	extend(&reading->request->headers[reading->started - 1].name, at, len);
	return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;

	if (reading->started == 0)
		return 1;
	reading->in_value = true;
	extend(&reading->request->headers[reading->started - 1].value, at, len);
	return 0;
}

static int on_headers(http_parser *parser)
{
	struct reading *reading = parser->data;

	reading->whole = true;
	reading->close_named = (parser->flags & F_CONNECTION_CLOSE) != 0;
	return 1; /* no body, whatever the fields say */
}

static enum hc_http_method method_of(const http_parser *parser)
{
	if (parser->method == HTTP_GET)
		return HC_HTTP_GET;
	if (parser->method == HTTP_HEAD)
		return HC_HTTP_HEAD;
	return parser->method == HTTP_POST ? HC_HTTP_POST : HC_HTTP_OTHER;
}

static void split_target(const struct hc_view *target, struct hc_http_request *request)
{
	const char *mark = memchr(target->data, '?', target->len);

	request->path = *target;
	request->query = (struct hc_view){.data = target->data + target->len, .len = 0};
	if (mark != NULL) {
		request->path.len = (size_t)(mark - target->data);
		request->query.data = mark + 1;
		request->query.len = target->len - request->path.len - 1;
	}
}

/* The parser leaves blanks behind a value. */
static void trim_values(struct hc_http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		struct hc_view *value = &request->headers[i].value;

		while (value->len > 0 &&
		       (value->data[value->len - 1] == ' ' || value->data[value->len - 1] == '\t'))
			value->len--;
	}
}

/* The length that the parser read: all ones where there was no field. */
static bool lengths_agree(const struct hc_prescan *scan, const http_parser *parser)
{
	if (scan->lengths == 0)
		return (parser->flags & F_CONTENTLENGTH) == 0;
	return (parser->flags & F_CONTENTLENGTH) != 0 && parser->content_length == scan->body_len;
}

static bool agree(const struct hc_prescan *scan, const http_parser *parser, const struct reading *reading)
{
	return reading->whole && reading->target.len > 0 && reading->started == scan->fields &&
	       parser->http_major == 1 && parser->http_minor == (scan->version_1_1 ? 1 : 0) &&
	       (parser->flags & F_CHUNKED) == 0 && lengths_agree(scan, parser);
}

unsigned hc_request_parse(const struct hc_prescan *scan, const char *block,
			  struct hc_http_request *ret_request, bool *ret_keep_alive)
{
	static const http_parser_settings settings = {
		.on_url = on_url,
		.on_header_field = on_name,
		.on_header_value = on_value,
		.on_headers_complete = on_headers,
	};
	struct reading reading = {.request = ret_request};
	http_parser parser;
	size_t used = 0;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &reading;
	used = http_parser_execute(&parser, &settings, block, scan->pos);
	if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD)
		return 501;
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || used != scan->pos || !agree(scan, &parser, &reading))
		return 400;
	ret_request->method = method_of(&parser);
	ret_request->header_count = reading.started;
	ret_request->body = (struct hc_view){.data = block + scan->pos, .len = 0};
	split_target(&reading.target, ret_request);
	trim_values(ret_request);
	*ret_keep_alive = !reading.close_named && http_should_keep_alive(&parser) != 0;
	return 0;
}

/* ---- what handlers ask of a request ---- */

bool hc_http_header_find(const struct hc_http_request *request, const char *name, struct hc_view *ret_value)
{
	const struct hc_http_header *found = NULL;
	size_t len = strlen(name);

	for (size_t i = 0; i < request->header_count; i++) {
		const struct hc_http_header *header = &request->headers[i];

		if (header->name.len != len || strncasecmp(header->name.data, name, len) != 0)
			continue;
		if (found != NULL)
			return false;
		found = header;
	}
	if (found != NULL)
		*ret_value = found->value;
	return found != NULL;
}

bool hc_http_request_is_form(const struct hc_http_request *request)
{
	static const char form[] = "application/x-www-form-urlencoded";
	struct hc_view type;

	if (!hc_http_header_find(request, "Content-Type", &type) || type.len < sizeof(form) - 1 ||
	    strncasecmp(type.data, form, sizeof(form) - 1) != 0)
		return false;
	type.data += sizeof(form) - 1;
	type.len -= sizeof(form) - 1;
	if (type.len == 0)
		return true;
	if (type.data[0] != ';')
		return false;
	do {
		type.data++;
		type.len--;
	} while (type.len > 0 && type.data[0] == ' ');
	return type.len == 13 && strncasecmp(type.data, "charset=utf-8", 13) == 0;
}
