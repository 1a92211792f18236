/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web, as far as revocation lists need it. State: one transfer. Threats: an answer without end, one
 * that comes byte by byte for hours, redirects in a ring or to a file of this machine, headers made for
 * a log or for the note beside the list. Whoever stands on the way can answer anything: the lists are
 * signed, and most of them come over plain http.
 */
#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define REDIRECTS_MAX 2
#define FIRST_CAP     65536
#define HEADER_CAP    (HC_FETCH_TAG_MAX + 32)
#define STATUS_OK     200
#define STATUS_SAME   304

struct transfer {
	const struct hc_fetch_limits *limits;
	struct hc_fetch_answer *answer;
	size_t cap;
	bool too_big, no_memory;
};

enum hc_err hc_fetch_start(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? HC_OK : HC_ERR_NOMEM;
}

void hc_fetch_end(void)
{
	curl_global_cleanup();
}

void hc_fetch_answer_clear(struct hc_fetch_answer *answer)
{
	free(answer->data);
	answer->data = NULL;
	answer->len = 0;
}

/* A short count ends the transfer. */
static size_t take_data(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	struct hc_fetch_answer *answer = transfer->answer;
	const size_t len = size * count; /* size is 1 */

	if (len > transfer->limits->max_size - answer->len) {
		transfer->too_big = true;
		return 0;
	}
	if (len > transfer->cap - answer->len) {
		size_t cap = transfer->cap == 0 ? FIRST_CAP : transfer->cap;

		while (cap < answer->len + len)
			cap *= 2;
		uint8_t *larger = realloc(answer->data, cap);

		if (larger == NULL) {
			transfer->no_memory = true;
			return 0;
		}
		answer->data = larger;
		transfer->cap = cap;
	}
	memcpy(answer->data + answer->len, data, len);
	answer->len += len;
	return len;
}

/* Printable ASCII alone is kept: it goes into a file of lines, and back to the server. */
static void take_tag(const char *value, size_t len, char *out)
{
	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", value[len - 1]) != NULL)
		len--;
	if (len == 0 || len > HC_FETCH_TAG_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return;
	memcpy(out, value, len);
	out[len] = '\0';
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
	static const char etag[] = "ETag:", modified[] = "Last-Modified:", status[] = "HTTP/";
	struct hc_fetch_tags *tags = &((struct transfer *)ctx)->answer->tags;
	const size_t len = size * count;

	/* Each answer on the way of a redirect begins anew. */
	if (len >= sizeof(status) - 1 && strncmp(data, status, sizeof(status) - 1) == 0)
		*tags = (struct hc_fetch_tags){0};
	else if (len >= sizeof(etag) - 1 && strncasecmp(data, etag, sizeof(etag) - 1) == 0)
		take_tag(data + sizeof(etag) - 1, len - (sizeof(etag) - 1), tags->etag);
	else if (len >= sizeof(modified) - 1 && strncasecmp(data, modified, sizeof(modified) - 1) == 0)
		take_tag(data + sizeof(modified) - 1, len - (sizeof(modified) - 1), tags->last_modified);
	return len;
}

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void free_handle(CURL **handle)
{
	curl_easy_cleanup(*handle);
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[HEADER_CAP];

	if (value[0] == '\0')
		return true;
	(void)snprintf(line, sizeof(line), "%s: %s", name, value); /* fits */
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

#define SET(option, value)                                                  \
	do {                                                                \
		if (code == CURLE_OK)                                       \
			code = curl_easy_setopt(handle, (option), (value)); \
	} while (false)

static CURLcode set_limits(CURL *handle, const char *url, const struct hc_fetch_limits *limits)
{
	const bool secure = strncmp(url, "https:", 6) == 0;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	SET(CURLOPT_CONNECTTIMEOUT, (long)limits->connect_timeout_s);
	SET(CURLOPT_TIMEOUT, (long)limits->timeout_s);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_size);
	SET(CURLOPT_PROXY, limits->proxy);
	SET(CURLOPT_NOSIGNAL, 1L);
	return code;
}

static CURLcode set_transfer(CURL *handle, const char *url, struct transfer *transfer,
			     struct curl_slist *headers)
{
	CURLcode code = set_limits(handle, url, transfer->limits);

	SET(CURLOPT_URL, url);
	SET(CURLOPT_USERAGENT, "hospiconnect-crl/" HC_VERSION);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, take_data);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, transfer);
	return code;
}

static enum hc_err err_of(const struct transfer *transfer, CURLcode code)
{
	if (transfer->no_memory || code == CURLE_OUT_OF_MEMORY)
		return HC_ERR_NOMEM;
	if (transfer->too_big || code == CURLE_FILESIZE_EXCEEDED)
		return HC_ERR_TOOBIG;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return HC_ERR_TIMEOUT;
	if (code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)
		return HC_ERR_CLOSED;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	    code == CURLE_COULDNT_RESOLVE_PROXY)
		return HC_ERR_AWAY;
	return HC_ERR_PROTOCOL;
}

/* Another status than these two carries no list, whatever is in its body. */
static enum hc_err judge_status(CURL *handle, bool asked, struct hc_fetch_answer *answer)
{
	long status = 0;

	if (curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		return HC_ERR_PROTOCOL;
	answer->not_modified = status == STATUS_SAME && asked;
	if (status == STATUS_OK || answer->not_modified)
		return HC_OK;
	(void)snprintf(answer->why, sizeof(answer->why), "HTTP status %ld", status);
	return HC_ERR_NOTFOUND;
}

enum hc_err hc_fetch(const char *url, const struct hc_fetch_tags *tags, const struct hc_fetch_limits *limits,
		     struct hc_fetch_answer *answer)
{
	CURL *handle HC_CLEANUP(free_handle) = curl_easy_init();
	struct curl_slist *headers HC_CLEANUP(free_list) = NULL;
	struct transfer transfer = {.limits = limits, .answer = answer};
	const bool asked = tags != NULL && (tags->etag[0] != '\0' || tags->last_modified[0] != '\0');

	*answer = (struct hc_fetch_answer){0};
	if (handle == NULL || (asked && (!add_header(&headers, "If-None-Match", tags->etag) ||
					 !add_header(&headers, "If-Modified-Since", tags->last_modified))))
		return HC_ERR_NOMEM;
	CURLcode code = set_transfer(handle, url, &transfer, headers);

	if (code == CURLE_OK)
		code = curl_easy_perform(handle);
	if (code == CURLE_OK)
		return judge_status(handle, asked, answer);
	(void)snprintf(answer->why, sizeof(answer->why), "%s",
		       err_of(&transfer, code) == HC_ERR_TOOBIG ? "longer than max_size"
								: curl_easy_strerror(code));
	return err_of(&transfer, code);
}
