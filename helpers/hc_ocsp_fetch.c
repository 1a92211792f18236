/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web, as far as one question to a responder needs it. State: one transfer. Threats: an answer without end, one that comes
 * byte by byte, headers without end, a redirect to somewhere else, a name server that hangs, a proxy that the
 * environment names. Whoever stands on the way can answer anything: the answer is signed, and judged elsewhere.
 * It must never go to another address than the one it was given.
 */
#include "hc_ocsp_fetch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#define HEADERS_MAX 16384
#define WAIT_MS	    1000
#define STATUS_OK   200

struct transfer {
	struct hc_ocsp_response *response;
	size_t header_len;
	bool too_big;
};

/* A short count ends the transfer. */
static size_t take_data(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	struct hc_ocsp_response *response = transfer->response;
	const size_t len = size * count; /* size is 1 */

	if (len > sizeof(response->data) - response->len) {
		transfer->too_big = true;
		return 0;
	}
	memcpy(response->data + response->len, data, len);
	response->len += len;
	return len;
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	const size_t len = size * count;

	(void)data; /* the status alone matters, and libcurl reads it */
	transfer->header_len += len;
	transfer->too_big = transfer->too_big || transfer->header_len > HEADERS_MAX;
	return transfer->too_big ? 0 : len;
}

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void free_handle(CURL **handle)
{
	curl_easy_cleanup(*handle);
}

static void free_multi(CURLM **multi)
{
	(void)curl_multi_cleanup(*multi); /* fails only for none */
}

#define SET(option, value)                                                  \
	do {                                                                \
		if (code == CURLE_OK)                                       \
			code = curl_easy_setopt(handle, (option), (value)); \
	} while (false)

static CURLcode set_limits(CURL *handle, const struct hc_ocsp_request *request)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_CONNECTTIMEOUT, request->timeout_s);
	SET(CURLOPT_TIMEOUT, request->timeout_s);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HC_CPS_OCSP_RESPONSE_MAX);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs is not waited for */
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return code;
}

static CURLcode set_transfer(CURL *handle, const struct hc_ocsp_request *request, struct transfer *transfer,
			     struct curl_slist *headers)
{
	CURLcode code = set_limits(handle, request);

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_USERAGENT, "hc-ocsp/" HC_VERSION);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, (const char *)request->body);
	SET(CURLOPT_POSTFIELDSIZE, (long)request->body_len);
	SET(CURLOPT_WRITEFUNCTION, take_data);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, transfer);
	return code;
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* HC_OK: the transfer has ended, for better or worse. */
static enum hc_err run(CURLM *multi, int link)
{
	struct curl_waitfd wanted = {.fd = link, .events = CURL_WAIT_POLLIN};
	int running = 1;

	for (;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return HC_ERR_PROTOCOL;
		if (running == 0)
			return HC_OK;
		wanted.revents = 0;
		if (curl_multi_poll(multi, &wanted, link < 0 ? 0 : 1, WAIT_MS, NULL) != CURLM_OK)
			return HC_ERR_PROTOCOL;
		if (wanted.revents != 0)
			return HC_ERR_STATE;
	}
}

static enum hc_err err_of(CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY)
		return HC_ERR_NOMEM;
	if (code == CURLE_FILESIZE_EXCEEDED)
		return HC_ERR_TOOBIG;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return HC_ERR_TIMEOUT;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return HC_ERR_AWAY;
	return HC_ERR_PROTOCOL;
}

static enum hc_err judge(CURLM *multi, CURL *handle, const struct transfer *transfer)
{
	struct hc_ocsp_response *response = transfer->response;
	int left = 0;
	const CURLMsg *message = curl_multi_info_read(multi, &left);
	long status = 0;

	if (message == NULL || message->msg != CURLMSG_DONE)
		return HC_ERR_PROTOCOL;
	const CURLcode code = message->data.result;

	if (code != CURLE_OK) {
		const enum hc_err err = transfer->too_big ? HC_ERR_TOOBIG : err_of(code);

		(void)snprintf(response->why, sizeof(response->why), "%s",
			       err == HC_ERR_TOOBIG ? "the answer is too long" : curl_easy_strerror(code));
		return err;
	}
	if (curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		return HC_ERR_PROTOCOL;
	if (status == STATUS_OK)
		return HC_OK;
	(void)snprintf(response->why, sizeof(response->why), "HTTP status %ld", status);
	return HC_ERR_NOTFOUND;
}

enum hc_err hc_ocsp_fetch(const struct hc_ocsp_request *request, int link,
			  struct hc_ocsp_response *ret_response)
{
	struct curl_slist *headers HC_CLEANUP(free_list) = NULL;
	CURLM *multi HC_CLEANUP(free_multi) = NULL;
	CURL *handle HC_CLEANUP(free_handle) = NULL;
	struct transfer transfer = {.response = ret_response};

	ret_response->len = 0;
	(void)snprintf(ret_response->why, sizeof(ret_response->why), "it could not be asked");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return HC_ERR_NOMEM;
	multi = curl_multi_init();
	handle = curl_easy_init();
	if (multi == NULL || handle == NULL ||
	    !add_header(&headers, "Content-Type: application/ocsp-request") ||
	    !add_header(&headers, "Accept: application/ocsp-response") || !add_header(&headers, "Expect:"))
		return HC_ERR_NOMEM;
	if (set_transfer(handle, request, &transfer, headers) != CURLE_OK ||
	    curl_multi_add_handle(multi, handle) != CURLM_OK)
		return HC_ERR_PROTOCOL;
	enum hc_err err = run(multi, link);

	if (err == HC_OK)
		err = judge(multi, handle, &transfer);
	(void)curl_multi_remove_handle(multi, handle); /* fails only for one that is not in it */
	return err == HC_OK && ret_response->len == 0 ? HC_ERR_PROTOCOL : err;
}
