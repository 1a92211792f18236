/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to browsers. No state.
 *
 * Threats: an answer that a cache or the history of a shared workstation keeps, an address with a code in it
 * that is told to the next site (Referrer-Policy), a form with a password that a redirect sends on (303).
 */
#include "oauth/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "oauth/browser.h"
#include "oauth/redirect_uri.h"

#define RESEND_MAX	 6000 /* a longer query does not fit into a header block beside cookies */
#define PATH_MAX_OF_OURS 64
#define REDIRECT_FIXED	 8
#define REDIRECT_HEADERS (REDIRECT_FIXED + 2 + 2 * HC_PAGE_COOKIES_MAX + 1)

void hc_reply_page_init(const struct hc_worker *worker, const struct hc_exchange *exchange,
			enum hc_page_kind kind, struct hc_page *ret_page)
{
	const struct hc_gateway_config *config = &worker->gateway->config;

	*ret_page = (struct hc_page){
		.kind = kind,
		.lang = hc_page_lang(hc_exchange_request(exchange), NULL, (enum hc_lang)config->language),
		.base = hc_browser_base(config),
		.establishment = config->establishment,
		.reason = HC_REASON_NONE,
	};
}

void hc_reply_error(struct hc_worker *worker, struct hc_exchange *exchange,
		    const struct hc_reply_fault *fault)
{
	struct hc_page page;

	hc_reply_page_init(worker, exchange, HC_PAGE_ERROR, &page);
	page.notice = fault->notice;
	page.reason = fault->reason;
	hc_page_reply(exchange, fault->status, &page, NULL);
}

enum hc_reason hc_reply_reason(enum hc_err err)
{
	switch (err) {
	case HC_ERR_AWAY:
	case HC_ERR_CLOSED:
		return HC_REASON_BROKER_AWAY;
	case HC_ERR_TIMEOUT:
		return HC_REASON_BROKER_HUNG;
	case HC_ERR_PEER:
		return HC_REASON_BROKER_IMPOSTOR;
	case HC_ERR_PROTOCOL:
		return HC_REASON_PROTOCOL_ERROR;
	case HC_ERR_NOMEM:
		return HC_REASON_NO_MEMORY;
	case HC_ERR_FULL:
		return HC_REASON_GATEWAY_BUSY;
	case HC_ERR_IO:
	case HC_ERR_CORRUPT:
		return HC_REASON_GATEWAY_STORE;
	case HC_OK:
	case HC_ERR_INVALID:
	case HC_ERR_TOOBIG:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_PERM:
	case HC_ERR_SEAL:
	case HC_ERR_CRYPTO:
	case HC_ERR_MAX_:
		break;
	}
	return HC_REASON_INTERNAL;
}

void hc_reply_trouble(struct hc_worker *worker, struct hc_exchange *exchange, const char *doing,
		      enum hc_err err)
{
	const enum hc_reason reason = hc_reply_reason(err);
	const bool passing = reason != HC_REASON_GATEWAY_STORE && reason != HC_REASON_INTERNAL;

	hc_log(HC_LOG_ERROR, "request failed", HC_F_TEXT("while", doing),
	       HC_F_TEXT("cause", hc_strerror(err)), HC_F_NUM("code", reason));
	hc_reply_error(worker, exchange,
		       &(struct hc_reply_fault){.status = passing ? 503 : 500, .reason = reason});
}

void hc_reply_redirect(struct hc_exchange *exchange, const char *location, const char *const *cookies)
{
	const char *headers[REDIRECT_HEADERS] = {
		"Cache-Control",
		"no-store",
		"Referrer-Policy",
		"no-referrer",
		"X-Content-Type-Options",
		"nosniff",
		"Strict-Transport-Security",
		"max-age=31536000",
		"Location",
		location,
	};
	size_t count = REDIRECT_FIXED + 2;

	for (size_t i = 0; cookies != NULL && i < HC_PAGE_COOKIES_MAX && cookies[i] != NULL; i++) {
		headers[count++] = "Set-Cookie";
		headers[count++] = cookies[i];
	}
	headers[count] = NULL;
	hc_exchange_reply(exchange, 303, headers, "", 0, true);
}

void hc_reply_to_client(struct hc_worker *worker, struct hc_exchange *exchange,
			const struct hc_reply_to_client *answer, const char *const *cookies)
{
	const bool is_code = answer->code != NULL;
	const struct hc_redirect_param params[] = {
		{"code", answer->code},
		{"error", is_code ? NULL : answer->error},
		{"error_description", is_code ? NULL : answer->description},
		{"state", answer->state},
		{"iss", worker->gateway->config.issuer},
	};
	char *location = NULL;
	const enum hc_err err =
		hc_redirect_location(answer->redirect_uri, params, HC_COUNT(params), &location);

	if (err != HC_OK) {
		hc_reply_trouble(worker, exchange, "redirecting", err);
		return;
	}
	hc_reply_redirect(exchange, location, cookies);
	hc_scrub(location, strlen(location));
	free(location);
}

bool hc_reply_head(struct hc_exchange *exchange)
{
	static const char *const headers[] = {"Allow", "GET, POST", "Strict-Transport-Security",
					      "max-age=31536000", NULL};

	if (hc_exchange_request(exchange)->method != HC_HTTP_HEAD)
		return false;
	hc_exchange_reply(exchange, 405, headers, "", 0, false);
	return true;
}

bool hc_reply_as_get(struct hc_worker *worker, struct hc_exchange *exchange, const char *path,
		     const struct hc_params *params)
{
	struct hc_redirect_param list[HC_PARAMS_MAX];
	char url[HC_ISSUER_MAX + PATH_MAX_OF_OURS];
	char *location = NULL;

	for (size_t i = 0; i < params->count; i++)
		list[i] = (struct hc_redirect_param){.name = params->items[i].name.data,
						     .value = params->items[i].value.data};
	(void)snprintf(url, sizeof(url), "%s%s", worker->gateway->config.issuer, path);
	if (hc_redirect_location(url, list, params->count, &location) != HC_OK)
		return false;
	const bool fits = strlen(location) <= RESEND_MAX;
	if (fits)
		hc_reply_redirect(exchange, location, NULL);
	free(location);
	return fits;
}
