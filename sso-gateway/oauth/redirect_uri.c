/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that answers are sent to. No state.
 *
 * Threats: an address that is registered by mistake and gives codes away (plain http over the network, a
 * scheme that runs something, a user before the host that makes it look like another's), one whose own
 * parameters are taken for the answer's, and bytes that end a header or a directive of a policy early.
 */
#include "oauth/redirect_uri.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "http/url.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
/* RFC 3986: unreserved, gen-delims but '#', sub-delims, '%'. */
#define URI_BYTES LOWER UPPER DIGIT "-._~:/?[]@!$&'()*+,;=%"

static bool percents_ok(const char *uri)
{
	static const char hex[] = DIGIT "abcdefABCDEF";

	for (const char *at = strchr(uri, '%'); at != NULL; at = strchr(at + 1, '%')) {
		if (at[1] == '\0' || at[2] == '\0' || strchr(hex, at[1]) == NULL ||
		    strchr(hex, at[2]) == NULL)
			return false;
	}
	return true;
}

static bool port_ok(const char *text, size_t len)
{
	unsigned port = 0;

	if (len == 0 || len > 5 || strspn(text, DIGIT) < len)
		return false;
	for (size_t i = 0; i < len; i++)
		port = port * 10 + (unsigned)(text[i] - '0');
	return port >= 1 && port <= 65535;
}

/* The host's length at the beginning of an authority of len bytes; 0 where there is none. */
static size_t host_len(const char *authority, size_t len)
{
	size_t host = 0;

	if (len > 0 && authority[0] == '[') {
		host = 1 + strspn(authority + 1, DIGIT "abcdefABCDEF:.");
		return host > 1 && host < len && authority[host] == ']' ? host + 1 : 0;
	}
	host = strspn(authority, LOWER UPPER DIGIT "-.");
	return host <= len ? host : 0;
}

static bool is_this_machine(const char *host, size_t len)
{
	static const char *const names[] = {"127.0.0.1", "[::1]", "localhost"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		if (strlen(names[i]) == len && memcmp(names[i], host, len) == 0)
			return true;
	}
	return false;
}

/* What stands behind "https:" or "http:"; NULL: fine. */
static const char *web_fault(const char *rest, bool plain)
{
	if (strncmp(rest, "//", 2) != 0)
		return "there must be a host behind the scheme";
	const char *authority = rest + 2;
	const size_t len = strcspn(authority, "/?"), host = host_len(authority, len);

	if (memchr(authority, '@', len) != NULL)
		return "there must be no user before the host";
	if (host == 0 || (host < len && authority[host] != ':'))
		return "the host is not valid";
	if (host < len && !port_ok(authority + host + 1, len - host - 1))
		return "the port is not valid";
	if (plain && !is_this_machine(authority, host))
		return "http is for 127.0.0.1, [::1] and localhost alone: use https";
	return NULL;
}

static const char *scheme_fault(const char *uri)
{
	const size_t len = strspn(uri, LOWER DIGIT "+-.");

	if (len == 0 || uri[len] != ':' || strchr(LOWER, uri[0]) == NULL)
		return "it must begin with a scheme in lower case, such as https:";
	if (len == 5 && strncmp(uri, "https", 5) == 0)
		return web_fault(uri + 6, false);
	if (len == 4 && strncmp(uri, "http", 4) == 0)
		return web_fault(uri + 5, true);
	if (memchr(uri, '.', len) == NULL)
		return "an app's own scheme is a domain name backwards, such as org.example.app:";
	return uri[len + 1] != '\0' ? NULL : "there must be something behind the scheme";
}

/* The parameters of answers: RFC 6749, RFC 9207, OpenID Connect, JARM. */
static bool is_of_answers(const char *name)
{
	static const char *const names[] = {
		"code",	     "state",	   "iss",	"error",	 "error_description",
		"error_uri", "response",   "scope",	"session_state", "access_token",
		"id_token",  "token_type", "expires_in"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static enum hc_err check_query(const char *uri, const char **ret_why)
{
	const char *query = strchr(uri, '?');
	struct hc_params params;

	if (query == NULL)
		return HC_OK;
	const enum hc_err err = hc_params_parse(query + 1, strlen(query + 1), &params);
	if (err != HC_OK) {
		*ret_why = "its query cannot be read as parameters";
		return err == HC_ERR_NOMEM ? err : HC_ERR_INVALID;
	}
	bool taken = false;
	for (size_t i = 0; i < params.count; i++)
		taken = taken || is_of_answers(params.items[i].name.data);
	hc_params_clear(&params);
	*ret_why = "its query has a parameter that answers have (code, state, iss, error …)";
	return taken ? HC_ERR_INVALID : HC_OK;
}

enum hc_err hc_redirect_uri_check(const char *uri, const char **ret_why)
{
	const char *fault = NULL;

	*ret_why = "it is too long";
	if (strnlen(uri, HC_URI_MAX + 1) > HC_URI_MAX)
		return HC_ERR_TOOBIG;
	if (strchr(uri, '#') != NULL)
		fault = "there must be no fragment (#)";
	else if (uri[strspn(uri, URI_BYTES)] != '\0' || !percents_ok(uri))
		fault = "it has a character that a URI must not have unencoded";
	else
		fault = scheme_fault(uri);
	*ret_why = fault;
	return fault == NULL ? check_query(uri, ret_why) : HC_ERR_INVALID;
}

/* Appends text, encoded; out has room for it. */
static enum hc_err append(const char *text, char *out, size_t cap, size_t *len)
{
	size_t written = 0;
	const enum hc_err err = hc_url_encode(text, strlen(text), out + *len, cap - *len, &written);

	*len += written;
	return err;
}

enum hc_err hc_redirect_location(const char *uri, const struct hc_redirect_param *params, size_t count,
				 char **ret_location)
{
	size_t len = strlen(uri), cap = len + 2; /* the encoder wants room for one byte more at its end */
	char joint = strchr(uri, '?') == NULL ? '?' : '&';
	enum hc_err err = HC_OK;

	for (size_t i = 0; i < count; i++) {
		if (params[i].value != NULL)
			cap += 3 * (strlen(params[i].name) + strlen(params[i].value)) + 2;
	}
	char *location = malloc(cap);
	if (location == NULL)
		return HC_ERR_NOMEM;
	memcpy(location, uri, len + 1);
	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (params[i].value == NULL || params[i].value[0] == '\0')
			continue;
		location[len++] = joint;
		err = append(params[i].name, location, cap, &len);
		location[len++] = '=';
		if (err == HC_OK)
			err = append(params[i].value, location, cap, &len);
		joint = '&';
	}
	if (err == HC_OK)
		*ret_location = location;
	else
		free(location);
	return err;
}

void hc_redirect_list(const struct hc_uri_list *uris, char out[HC_REDIRECT_LIST_MAX])
{
	size_t at = 0;

	for (size_t i = 0; i < uris->count; i++) {
		const size_t len = strlen(uris->uri[i]);

		memcpy(out + at, uris->uri[i], len);
		out[at + len] = '\n';
		at += len + 1;
	}
	out[at] = '\0';
}
