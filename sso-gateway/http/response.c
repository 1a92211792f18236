/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as bytes.
 *
 * State: none. Threats: a value that ends its line and starts a header or a body of its own; an
 * answer whose length is said twice. Names and values are checked here, at the last place before the
 * wire, and a bad one ends the process: what builds headers of foreign text must encode it.
 */
#include "http/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#define FRAME_MAX 256 /* status line and the server's own fields */

const char *hc_response_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{204, "No Content"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return status < 400 ? "OK" : "Error";
}

void hc_http_date(int64_t now_ms, char out[HC_HTTP_DATE_LEN + 1])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;
	char text[64];

	memset(&tm, 0, sizeof(tm));
	(void)gmtime_r(&now, &tm); /* fails in years that no machine has */
	(void)snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		       days + 3 * (tm.tm_wday % 7), tm.tm_mday, months + 3 * (tm.tm_mon % 12),
		       tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(out, text, HC_HTTP_DATE_LEN);
	out[HC_HTTP_DATE_LEN] = '\0';
}

/* ---- headers ---- */

static void wrong(const char *what, const char *name)
{
	hc_log(HC_LOG_ERROR, "response header refused: the process ends here", HC_F_TEXT("what", what),
	       HC_F_TEXT("name", name));
	abort();
}

static bool name_ok(const char *name)
{
	static const char tchar[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";

	return name[0] != '\0' && name[strspn(name, tchar)] == '\0';
}

static bool is_servers_own(const char *name)
{
	static const char *const own[] = {"Content-Length", "Date", "Connection", "Transfer-Encoding"};

	for (size_t i = 0; i < HC_COUNT(own); i++) {
		if (strcasecmp(name, own[i]) == 0)
			return true;
	}
	return false;
}

static bool value_ok(const char *value)
{
	for (; *value != '\0'; value++) {
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return false;
	}
	return true;
}

/* The bytes that the handler's headers take, each checked. */
static size_t measure(const char *const *headers)
{
	size_t len = 0;

	for (size_t i = 0; headers != NULL && headers[i] != NULL; i += 2) {
		if (!name_ok(headers[i]) || is_servers_own(headers[i]))
			wrong("name", headers[i]);
		if (headers[i + 1] == NULL || !value_ok(headers[i + 1]))
			wrong("value", headers[i]);
		len += strlen(headers[i]) + strlen(headers[i + 1]) + sizeof(": \r\n") - 1;
	}
	return len;
}

static void append(struct hc_response *response, const void *data, size_t len)
{
	if (len > 0)
		memcpy(response->data + response->len, data, len);
	response->len += len;
}

static void append_text(struct hc_response *response, const char *text)
{
	append(response, text, strlen(text));
}

static void append_headers(struct hc_response *response, const char *const *headers)
{
	for (size_t i = 0; headers != NULL && headers[i] != NULL; i += 2) {
		append_text(response, headers[i]);
		append_text(response, ": ");
		append_text(response, headers[i + 1]);
		append_text(response, "\r\n");
	}
}

/* ---- the whole ---- */

static bool has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static const char *connection_field(const struct hc_response_frame *frame)
{
	if (frame->close)
		return "Connection: close\r\n";
	return frame->version_1_0 ? "Connection: keep-alive\r\n" : "";
}

static int write_frame(const struct hc_response_frame *frame, unsigned status, size_t len, char *out)
{
	char length[48] = "";

	if (has_body(status))
		(void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", len);
	return snprintf(out, FRAME_MAX, "HTTP/1.1 %03u %s\r\nDate: %s\r\n%s%s", status % 1000,
			hc_response_reason(status), frame->date, length, connection_field(frame));
}

enum hc_err hc_response_make(const struct hc_response_frame *frame, unsigned status,
			     const char *const *headers, const void *body, size_t len,
			     struct hc_response *ret_response)
{
	char own[FRAME_MAX];
	int own_len = write_frame(frame, status, len, own);
	size_t headers_len = measure(headers);
	size_t body_len = has_body(status) && !frame->head ? len : 0;

	if (own_len < 0 || own_len >= FRAME_MAX)
		return HC_ERR_TOOBIG;
	ret_response->data = malloc((size_t)own_len + headers_len + 2 + body_len);
	if (ret_response->data == NULL)
		return HC_ERR_NOMEM;
	ret_response->len = 0;
	ret_response->sent = 0;
	append(ret_response, own, (size_t)own_len);
	append_headers(ret_response, headers);
	append_text(ret_response, "\r\n");
	append(ret_response, body, body_len);
	return HC_OK;
}

void hc_response_clear(struct hc_response *response)
{
	if (response->data != NULL && response->sensitive)
		hc_scrub(response->data, response->len);
	free(response->data);
	*response = (struct hc_response){.data = NULL};
}
