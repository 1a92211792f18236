/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms and query strings.
 *
 * State: none but the caller's list. Threats: a text with two readings (overlong UTF-8, a NUL that
 * ends a C string early, a '%' that another decoder drops), parameters sent twice of which one reader
 * takes the first and another the last, lists without end. Values may be passwords: their memory is
 * scrubbed.
 */
#include "http/url.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/secret.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_line_byte(char c)
{
	return c == '\t' || c == '\r' || c == '\n';
}

/* Well-formed UTF-8, where between lines and columns no character acts. */
static bool text_ok(const char *text, size_t len)
{
	size_t from = 0;

	for (size_t at = 0; at <= len; at++) {
		if (at < len && !is_line_byte(text[at]))
			continue;
		if (!hc_utf8_valid(text + from, at - from))
			return false;
		from = at + 1;
	}
	return true;
}

/* One byte of the text from data; returns how many bytes it took, or 0. */
static size_t decode_byte(const char *data, size_t len, char *out)
{
	int high = 0, low = 0;

	if (data[0] != '%') {
		*out = data[0];
		if (data[0] == '+')
			*out = ' ';
		return data[0] > 0x20 && data[0] < 0x7f ? 1 : 0;
	}
	if (len < 3)
		return 0;
	high = hex_value(data[1]);
	low = hex_value(data[2]);
	if (high < 0 || low < 0)
		return 0;
	*out = (char)(high << 4 | low);
	return 3;
}

/* Decodes a name or a value to the end of the memory. */
static enum hc_err decode(struct hc_params *params, const char *data, size_t len, struct hc_view *ret_view)
{
	char *out = params->memory + params->memory_len;
	size_t written = 0;

	for (size_t at = 0; at < len; written++) {
		size_t used = decode_byte(data + at, len - at, &out[written]);

		if (used == 0)
			return HC_ERR_INVALID;
		at += used;
	}
	out[written] = '\0';
	params->memory_len += written + 1;
	*ret_view = (struct hc_view){.data = out, .len = written};
	return text_ok(out, written) ? HC_OK : HC_ERR_INVALID;
}

static enum hc_err take_piece(struct hc_params *params, const char *piece, size_t len)
{
	const char *equals = memchr(piece, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - piece) : len;
	struct hc_param *item = &params->items[params->count];
	enum hc_err err = HC_OK;

	if (len == 0)
		return HC_OK;
	if (name_len == 0)
		return HC_ERR_INVALID;
	if (params->count == HC_PARAMS_MAX)
		return HC_ERR_TOOBIG;
	err = decode(params, piece, name_len, &item->name);
	if (err == HC_OK && equals != NULL)
		err = decode(params, equals + 1, len - name_len - 1, &item->value);
	else if (err == HC_OK)
		err = decode(params, "", 0, &item->value);
	if (err == HC_OK)
		params->count++;
	return err;
}

enum hc_err hc_params_parse(const char *data, size_t len, struct hc_params *ret_params)
{
	enum hc_err err = HC_OK;

	ret_params->count = 0;
	ret_params->memory_len = 0;
	ret_params->memory = NULL;
	if (len > HC_HTTP_BODY_MAX)
		return HC_ERR_TOOBIG;
	/* Nothing grows by decoding; each parameter adds at most two NULs to its bytes. */
	ret_params->memory = malloc(len + 2 * (size_t)HC_PARAMS_MAX + 2);
	if (ret_params->memory == NULL)
		return HC_ERR_NOMEM;
	for (size_t at = 0; err == HC_OK && at < len;) {
		const char *end = memchr(data + at, '&', len - at);
		size_t piece_len = end != NULL ? (size_t)(end - data) - at : len - at;

		err = take_piece(ret_params, data + at, piece_len);
		at += piece_len + 1;
	}
	if (err != HC_OK)
		hc_params_clear(ret_params);
	return err;
}

void hc_params_clear(struct hc_params *params)
{
	if (params->memory != NULL)
		hc_scrub(params->memory, params->memory_len);
	free(params->memory);
	params->memory = NULL;
	params->memory_len = 0;
	params->count = 0;
}

enum hc_err hc_params_get(const struct hc_params *params, const char *name, struct hc_view *ret_value)
{
	const struct hc_param *found = NULL;

	for (size_t i = 0; i < params->count; i++) {
		if (strcmp(params->items[i].name.data, name) != 0)
			continue;
		if (found != NULL)
			return HC_ERR_EXISTS;
		found = &params->items[i];
	}
	if (found == NULL)
		return HC_ERR_NOTFOUND;
	*ret_value = found->value;
	return HC_OK;
}

const char *hc_params_repeated(const struct hc_params *params)
{
	for (size_t i = 0; i < params->count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(params->items[i].name.data, params->items[j].name.data) == 0)
				return params->items[i].name.data;
		}
	}
	return NULL;
}

enum hc_err hc_url_encode(const void *data, size_t len, char *out, size_t cap, size_t *ret_len)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	const uint8_t *bytes = data;
	size_t written = 0;

	for (size_t i = 0; i < len; i++) {
		bool plain = bytes[i] != '\0' && strchr(unreserved, bytes[i]) != NULL;

		if (cap - written <= (plain ? 1u : 3u))
			return HC_ERR_TOOBIG;
		if (plain) {
			out[written++] = (char)bytes[i];
			continue;
		}
		out[written++] = '%';
		out[written++] = hex[bytes[i] >> 4];
		out[written++] = hex[bytes[i] & 15];
	}
	if (written >= cap)
		return HC_ERR_TOOBIG;
	out[written] = '\0';
	*ret_len = written;
	return HC_OK;
}
