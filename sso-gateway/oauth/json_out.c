/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON answers, written straight into a buffer of known size.
 *
 * State: the caller's. Threats: a name of a person or a nonce that closes its string and adds members
 * of its own; a buffer that ends in the middle. Every value is escaped here and nowhere else; a text that
 * does not fit is lost as a whole.
 */
#include "oauth/json_out.h"

#include <stdio.h>
#include <string.h>

void hc_json_start(struct hc_json_out *out, char *buffer, size_t cap)
{
	*out = (struct hc_json_out){.text = buffer, .cap = cap};
}

static void put(struct hc_json_out *out, const char *data, size_t len)
{
	if (out->failed || len >= out->cap - out->len) { /* one byte is left for the end */
		out->failed = true;
		return;
	}
	memcpy(out->text + out->len, data, len);
	out->len += len;
}

static void put_byte(struct hc_json_out *out, char byte)
{
	put(out, &byte, 1);
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

static void put_escaped(struct hc_json_out *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	const char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};

	if (byte == '"' || byte == '\\') {
		put_byte(out, '\\');
		put_byte(out, (char)byte);
		return;
	}
	put(out, escape, sizeof(escape));
}

static void put_string(struct hc_json_out *out, const char *text, size_t len)
{
	put_byte(out, '"');
	for (size_t at = 0; at < len;) {
		size_t run = at;

		while (run < len && is_plain((unsigned char)text[run]))
			run++;
		if (run > at)
			put(out, text + at, run - at);
		if (run < len)
			put_escaped(out, (unsigned char)text[run++]);
		at = run;
	}
	put_byte(out, '"');
}

/* What stands between the text so far and the next value: a value never ends in one of these three. */
static void begin_value(struct hc_json_out *out, const char *key)
{
	const char last = out->len == 0 ? '[' : out->text[out->len - 1];

	if (last != '{' && last != '[' && last != ':')
		put_byte(out, ',');
	if (key == NULL)
		return;
	put_byte(out, '"');
	put(out, key, strlen(key));
	put(out, "\":", 2);
}

static void open_with(struct hc_json_out *out, const char *key, char bracket)
{
	begin_value(out, key);
	put_byte(out, bracket);
	out->depth++;
}

static void close_with(struct hc_json_out *out, char bracket)
{
	put_byte(out, bracket);
	out->depth--;
}

void hc_json_object(struct hc_json_out *out, const char *key)
{
	open_with(out, key, '{');
}

void hc_json_array(struct hc_json_out *out, const char *key)
{
	open_with(out, key, '[');
}

void hc_json_object_end(struct hc_json_out *out)
{
	close_with(out, '}');
}

void hc_json_array_end(struct hc_json_out *out)
{
	close_with(out, ']');
}

void hc_json_text(struct hc_json_out *out, const char *key, const char *value)
{
	begin_value(out, key);
	put_string(out, value, strlen(value));
}

void hc_json_number(struct hc_json_out *out, const char *key, int64_t value)
{
	char digits[24];
	const int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);

	begin_value(out, key);
	put(out, digits, (size_t)len);
}

void hc_json_bool(struct hc_json_out *out, const char *key, bool value)
{
	hc_json_raw(out, key, value ? "true" : "false");
}

void hc_json_words(struct hc_json_out *out, const char *key, const char *words)
{
	hc_json_array(out, key);
	while (*words != '\0') {
		const size_t len = strcspn(words, " ");

		begin_value(out, NULL);
		put_string(out, words, len);
		words += words[len] == ' ' ? len + 1 : len;
	}
	hc_json_array_end(out);
}

void hc_json_raw(struct hc_json_out *out, const char *key, const char *json)
{
	begin_value(out, key);
	put(out, json, strlen(json));
}

enum hc_err hc_json_end(struct hc_json_out *out, size_t *ret_len)
{
	if (out->failed)
		return HC_ERR_TOOBIG;
	if (out->depth != 0)
		return HC_ERR_STATE;
	out->text[out->len] = '\0';
	*ret_len = out->len;
	return HC_OK;
}
