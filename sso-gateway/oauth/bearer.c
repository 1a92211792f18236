/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens in requests. No state. Threats: a token in a URL, which stands in logs and histories
 * (refused, so that nobody gets used to it), two tokens of which two readers take different ones.
 */
#include "oauth/bearer.h"

#include <string.h>
#include <strings.h>

#include "oauth/answer.h"

static const char scheme[] = "Bearer ";

/* HC_ERR_NOTFOUND also for another scheme: it may be somebody else's. */
static enum hc_err from_header(const struct hc_http_request *request, struct hc_view *ret_token)
{
	static const char name[] = "Authorization";
	const struct hc_http_header *found = NULL;
	size_t at = sizeof(scheme) - 1;

	for (size_t i = 0; i < request->header_count; i++) {
		const struct hc_http_header *header = &request->headers[i];

		if (header->name.len != sizeof(name) - 1 ||
		    strncasecmp(header->name.data, name, sizeof(name) - 1) != 0)
			continue;
		if (found != NULL)
			return HC_ERR_INVALID;
		found = header;
	}
	if (found == NULL || found->value.len < at || strncasecmp(found->value.data, scheme, at) != 0)
		return HC_ERR_NOTFOUND;
	while (at < found->value.len && found->value.data[at] == ' ')
		at++;
	*ret_token = (struct hc_view){.data = found->value.data + at, .len = found->value.len - at};
	return ret_token->len > 0 ? HC_OK : HC_ERR_INVALID;
}

static enum hc_err from_form(const struct hc_http_request *request, struct hc_params *params,
			     struct hc_view *ret_token)
{
	if (request->method != HC_HTTP_POST || request->body.len == 0 || !hc_http_request_is_form(request))
		return HC_ERR_NOTFOUND;
	const enum hc_err err = hc_params_parse(request->body.data, request->body.len, params);
	if (err != HC_OK)
		return err == HC_ERR_NOMEM ? err : HC_ERR_INVALID;
	if (hc_params_repeated(params) != NULL)
		return HC_ERR_INVALID;
	return hc_params_get(params, "access_token", ret_token);
}

static enum hc_err check_query(const struct hc_http_request *request)
{
	struct hc_params query;
	struct hc_view value;

	if (request->query.len == 0)
		return HC_OK;
	enum hc_err err = hc_params_parse(request->query.data, request->query.len, &query);
	if (err != HC_OK)
		return err == HC_ERR_NOMEM ? err : HC_ERR_INVALID;
	err = hc_params_get(&query, "access_token", &value) == HC_ERR_NOTFOUND ? HC_OK : HC_ERR_INVALID;
	hc_params_clear(&query);
	return err;
}

enum hc_err hc_bearer_find(const struct hc_http_request *request, struct hc_params *params,
			   struct hc_view *ret_token)
{
	struct hc_view in_header, in_form;
	enum hc_err err = check_query(request);

	params->memory = NULL;
	params->memory_len = 0;
	params->count = 0;
	if (err != HC_OK)
		return err;
	const enum hc_err header_err = from_header(request, &in_header);
	if (header_err != HC_OK && header_err != HC_ERR_NOTFOUND)
		return header_err;
	err = from_form(request, params, &in_form);
	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		return err;
	if (header_err == HC_OK && err == HC_OK)
		return HC_ERR_INVALID;
	if (header_err == HC_OK)
		*ret_token = in_header;
	else if (err == HC_OK)
		*ret_token = in_form;
	return header_err == HC_OK ? HC_OK : err;
}

#define REALM "Bearer realm=\"hospiconnect\""

void hc_bearer_missing(struct hc_exchange *exchange)
{
	hc_answer_challenge(exchange, 401, REALM, "invalid_token", "an access token is required");
}

void hc_bearer_malformed(struct hc_exchange *exchange)
{
	hc_answer_challenge(exchange, 400, REALM ", error=\"invalid_request\"", "invalid_request",
			    "one access token, in the header or in the body");
}

void hc_bearer_dead(struct hc_exchange *exchange)
{
	hc_answer_challenge(exchange, 401, REALM ", error=\"invalid_token\"", "invalid_token",
			    "the access token is not valid");
}

void hc_bearer_too_weak(struct hc_exchange *exchange)
{
	hc_answer_challenge(exchange, 403, REALM ", error=\"insufficient_scope\", scope=\"openid\"",
			    "insufficient_scope", "the access token is not for this");
}
