/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser brings along. No state.
 *
 * Threats: cookies that another site or another host of the domain has planted (the __Host- prefix keeps
 * them away; whatever is not of our making counts as none), forms that another site sends in a person's name.
 * SameSite=Lax: the cookies come along when a person follows a link or a redirect to us, which signing in
 * once needs, and with no form of another site.
 */
#include "oauth/browser.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hospiconnect/secret.h"
#include "http/cookie.h"
#include "jose/b64url.h"

#define LOGIN_BYTES 16

/* For every cookie of ours. */
#define ATTRIBUTES "; Path=/; Secure; HttpOnly; SameSite=Lax"

_Static_assert(sizeof(HC_COOKIE_SESSION) + HC_TICKET_LEN + sizeof(ATTRIBUTES) + 16 < HC_SET_COOKIE_MAX,
	       "every cookie of ours can be written");

enum hc_err hc_browser_login(const struct hc_http_request *request, struct hc_login_cookie *ret_cookie)
{
	struct hc_login_cookie cookie;
	struct hc_view value;
	uint8_t raw[LOGIN_BYTES];
	size_t len = 0;

	if (hc_cookie_find(request, HC_COOKIE_LOGIN, &value) != HC_OK || value.len != HC_LOGIN_COOKIE_LEN ||
	    hc_b64url_decode(value.data, value.len, raw, sizeof(raw), &len) != HC_OK || len != sizeof(raw))
		return HC_ERR_NOTFOUND;
	memcpy(cookie.value, value.data, value.len);
	cookie.value[value.len] = '\0';
	const enum hc_err err = hc_sha256(cookie.value, HC_LOGIN_COOKIE_LEN, cookie.hash);
	if (err == HC_OK)
		*ret_cookie = cookie;
	return err;
}

enum hc_err hc_browser_login_make(struct hc_login_cookie *ret_cookie)
{
	struct hc_login_cookie cookie;
	uint8_t raw[LOGIN_BYTES];
	enum hc_err err = hc_random(raw, sizeof(raw));

	if (err != HC_OK)
		return err;
	hc_b64url_encode(raw, sizeof(raw), cookie.value);
	err = hc_sha256(cookie.value, HC_LOGIN_COOKIE_LEN, cookie.hash);
	if (err == HC_OK)
		*ret_cookie = cookie;
	return err;
}

enum hc_err hc_browser_session(const struct hc_http_request *request, struct hc_ticket_ref *ret_ref)
{
	struct hc_view value;

	if (hc_cookie_find(request, HC_COOKIE_SESSION, &value) != HC_OK)
		return HC_ERR_NOTFOUND;
	const enum hc_err err = hc_ticket_parse(value.data, value.len, ret_ref);
	return err == HC_ERR_INVALID ? HC_ERR_NOTFOUND : err;
}

void hc_browser_set_cookie(const char *name, const char *value, char out[HC_SET_COOKIE_MAX])
{
	if (value != NULL)
		(void)snprintf(out, HC_SET_COOKIE_MAX, "%s=%s" ATTRIBUTES, name, value);
	else
		(void)snprintf(out, HC_SET_COOKIE_MAX, "%s=" ATTRIBUTES "; Max-Age=0", name);
}

enum hc_err hc_browser_params(const struct hc_http_request *request, struct hc_params *ret_params)
{
	if (request->method != HC_HTTP_POST)
		return hc_params_parse(request->query.data, request->query.len, ret_params);
	if (!hc_http_request_is_form(request) || request->query.len > 0)
		return HC_ERR_INVALID;
	return hc_params_parse(request->body.data, request->body.len, ret_params);
}

/* The issuer's origin as browsers write it: without the path and without the port that https has anyway. */
static struct hc_view origin_of(const char *issuer)
{
	const char *host = strstr(issuer, "://");
	struct hc_view origin = {.data = issuer};

	host = host != NULL ? host + 3 : issuer;
	origin.len = (size_t)(host - issuer) + strcspn(host, "/");
	if (origin.len > 4 && memcmp(issuer + origin.len - 4, ":443", 4) == 0)
		origin.len -= 4;
	return origin;
}

bool hc_browser_form_is_ours(const struct hc_gateway_config *config, const struct hc_http_request *request)
{
	const struct hc_view ours = origin_of(config->issuer);
	bool is_ours = true;

	/* Browsers that know Origin send it with every POST, "null" where they would not tell. */
	for (size_t i = 0; i < request->header_count; i++) {
		const struct hc_http_header *header = &request->headers[i];

		if (header->name.len != 6 || strncasecmp(header->name.data, "Origin", 6) != 0)
			continue;
		is_ours = is_ours && header->value.len == ours.len &&
			  strncasecmp(header->value.data, ours.data, ours.len) == 0;
	}
	return is_ours;
}

const char *hc_browser_base(const struct hc_gateway_config *config)
{
	const char *host = strstr(config->issuer, "://");

	host = host != NULL ? host + 3 : config->issuer;
	return host + strcspn(host, "/");
}
