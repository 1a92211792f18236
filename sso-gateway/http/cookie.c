/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading our cookies. No state.
 *
 * Threats: a cookie of ours that somebody else has set beside it (the browser sends both, and which
 * comes first is his choice: two are none), values with bytes that ours never have. Names are
 * compared with their case, as browsers do. What other applications on the host put into the header
 * is not judged: it must not keep anybody from signing in.
 */
#include "http/cookie.h"

#include <string.h>
#include <strings.h>

/* cookie-octet of RFC 6265 */
static bool is_octet(char c)
{
	return c > 0x20 && c < 0x7f && strchr("\",;\\", c) == NULL;
}

static bool value_ok(const struct hc_view *value)
{
	for (size_t i = 0; i < value->len; i++) {
		if (!is_octet(value->data[i]))
			return false;
	}
	return true;
}

/* The value where a pair has this name. */
static bool pair_is(const char *pair, size_t len, const char *name, struct hc_view *ret_value)
{
	size_t name_len = strlen(name);

	if (len > 0 && pair[0] == ' ') {
		pair++;
		len--;
	}
	if (len <= name_len || pair[name_len] != '=' || memcmp(pair, name, name_len) != 0)
		return false;
	*ret_value = (struct hc_view){.data = pair + name_len + 1, .len = len - name_len - 1};
	return true;
}

enum hc_err hc_cookie_in(const char *data, size_t len, const char *name, struct hc_view *ret_value)
{
	struct hc_view found = {.data = NULL};

	for (size_t at = 0; at < len;) {
		const char *end = memchr(data + at, ';', len - at);
		size_t pair_len = end != NULL ? (size_t)(end - data) - at : len - at;
		struct hc_view value;

		if (pair_is(data + at, pair_len, name, &value)) {
			if (found.data != NULL || !value_ok(&value))
				return HC_ERR_INVALID;
			found = value;
		}
		at += pair_len + 1;
	}
	if (found.data == NULL)
		return HC_ERR_NOTFOUND;
	*ret_value = found;
	return HC_OK;
}

enum hc_err hc_cookie_find(const struct hc_http_request *request, const char *name, struct hc_view *ret_value)
{
	const struct hc_http_header *found = NULL;

	for (size_t i = 0; i < request->header_count; i++) {
		const struct hc_http_header *header = &request->headers[i];

		if (header->name.len != 6 || strncasecmp(header->name.data, "Cookie", 6) != 0)
			continue;
		if (found != NULL)
			return HC_ERR_INVALID;
		found = header;
	}
	if (found == NULL)
		return HC_ERR_NOTFOUND;
	return hc_cookie_in(found->value.data, found->value.len, name, ret_value);
}
