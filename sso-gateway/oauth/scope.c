/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes. No state: pure functions over bounded texts. Threat: a scope that is read as another one
 * (two spaces, a quote, a prefix of a name), so the grammar of RFC 6749 is held to and names are compared whole.
 */
#include "oauth/scope.h"

#include <string.h>

static bool is_scope_byte(char c)
{
	return c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c <= 0x7e);
}

/* Whether text, len bytes of well-formed scope, has the name of name_len bytes. */
static bool has_name(const char *text, size_t len, const char *name, size_t name_len)
{
	for (size_t at = 0; at < len;) {
		const char *space = memchr(text + at, ' ', len - at);
		const size_t end = space != NULL ? (size_t)(space - text) : len;

		if (end - at == name_len && memcmp(text + at, name, name_len) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

bool hc_scope_has(const struct hc_scope_text *scope, const char *name)
{
	return has_name(scope->text, strlen(scope->text), name, strlen(name));
}

static bool is_well_formed(const char *text, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		const bool at_edge = at == 0 || at == len - 1 || text[at - 1] == ' ';

		if (!(text[at] == ' ' && !at_edge) && !is_scope_byte(text[at]))
			return false;
	}
	return true;
}

static bool has_repeat(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *space = memchr(text + at, ' ', len - at);
		const size_t end = space != NULL ? (size_t)(space - text) : len;

		if (end < len && has_name(text + end + 1, len - end - 1, text + at, end - at))
			return true;
		at = end + 1;
	}
	return false;
}

enum hc_err hc_scope_parse(const char *text, size_t len, struct hc_scope_text *ret_scope)
{
	if (len > HC_SCOPE_TEXT_MAX)
		return HC_ERR_TOOBIG;
	if (!is_well_formed(text, len) || has_repeat(text, len))
		return HC_ERR_INVALID;
	if (len > 0)
		memcpy(ret_scope->text, text, len);
	ret_scope->text[len] = '\0';
	return HC_OK;
}

void hc_scope_intersect(const struct hc_scope_text *wanted, const struct hc_scope_text *allowed,
			struct hc_scope_text *ret_scope)
{
	const size_t len = strlen(wanted->text), allowed_len = strlen(allowed->text);
	struct hc_scope_text both = {""};
	size_t used = 0;

	for (size_t at = 0; at < len;) {
		const char *name = wanted->text + at;
		const size_t name_len = strcspn(name, " ");

		if (has_name(allowed->text, allowed_len, name, name_len)) {
			if (used > 0)
				both.text[used++] = ' ';
			memcpy(both.text + used, name, name_len);
			used += name_len;
		}
		at += name_len + 1;
	}
	both.text[used] = '\0';
	*ret_scope = both;
}

void hc_scope_remove(struct hc_scope_text *scope, const char *name)
{
	const size_t name_len = strlen(name);
	struct hc_scope_text rest = {""};
	size_t used = 0;

	for (const char *at = scope->text; *at != '\0';) {
		const size_t len = strcspn(at, " ");

		if (len != name_len || memcmp(at, name, len) != 0) {
			if (used > 0)
				rest.text[used++] = ' ';
			memcpy(rest.text + used, at, len);
			used += len;
		}
		at += at[len] == ' ' ? len + 1 : len;
	}
	*scope = rest;
}
