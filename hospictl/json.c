/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON writer. State: how deep it is. Threats: text that ends its string, or that acts on the
 * terminal of whoever looks at the document. Write errors are kept by stdio and read at the end.
 */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "glyph.h"

void hc_json_init(struct hc_json *json, FILE *out)
{
	*json = (struct hc_json){.out = out};
}

static void put(struct hc_json *json, const char *text)
{
	(void)fputs(text, json->out);
}

/* What stands before a value: a comma, the line of an element of the outermost array, its name. */
static void begin_value(struct hc_json *json, const char *name)
{
	if (json->depth > 0) {
		bool *filled = &json->filled[json->depth - 1];
		bool outermost = json->depth == 1 && json->closers[0] == ']';

		if (*filled)
			put(json, outermost ? "," : ", ");
		if (outermost)
			put(json, "\n  ");
		*filled = true;
	}
	if (name != NULL)
		(void)fprintf(json->out, "\"%s\": ", name);
}

static void open_level(struct hc_json *json, const char *name, const char *opener, char closer)
{
	begin_value(json, name);
	assert(json->depth < HC_JSON_DEPTH_MAX);
	put(json, opener);
	json->closers[json->depth] = closer;
	json->filled[json->depth] = false;
	json->depth++;
}

void hc_json_object(struct hc_json *json, const char *name)
{
	open_level(json, name, "{", '}');
}

void hc_json_array(struct hc_json *json, const char *name)
{
	open_level(json, name, "[", ']');
}

void hc_json_close(struct hc_json *json)
{
	assert(json->depth > 0);
	json->depth--;
	if (json->depth == 0 && json->closers[0] == ']' && json->filled[0])
		put(json, "\n");
	(void)fputc(json->closers[json->depth], json->out);
	if (json->depth == 0)
		put(json, "\n");
}

static void put_escape(struct hc_json *json, uint32_t character)
{
	(void)fprintf(json->out, "\\u%04" PRIx32, character);
}

/* Controls of the terminal and of the reading direction, and the two line ends of JavaScript. */
static bool acts(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
	       (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
	       character == 0x2028 || character == 0x2029;
}

void hc_json_bytes(struct hc_json *json, const char *name, const void *text, size_t len)
{
	const uint8_t *bytes = text;
	size_t at = 0;

	begin_value(json, name);
	put(json, "\"");
	while (at < len) {
		uint32_t character;
		size_t step = hc_glyph_next(bytes + at, len - at, &character);

		if (character == '"' || character == '\\')
			(void)fprintf(json->out, "\\%c", (int)character);
		else if (acts(character))
			put_escape(json, character);
		else if (character == HC_GLYPH_BAD)
			put(json, "\xef\xbf\xbd");
		else
			(void)fwrite(bytes + at, 1, step, json->out);
		at += step;
	}
	put(json, "\"");
}

void hc_json_text(struct hc_json *json, const char *name, const char *text)
{
	hc_json_bytes(json, name, text, strlen(text));
}

void hc_json_number(struct hc_json *json, const char *name, int64_t number)
{
	begin_value(json, name);
	(void)fprintf(json->out, "%" PRId64, number);
}

void hc_json_unsigned(struct hc_json *json, const char *name, uint64_t number)
{
	begin_value(json, name);
	(void)fprintf(json->out, "%" PRIu64, number);
}

void hc_json_bool(struct hc_json *json, const char *name, bool value)
{
	begin_value(json, name);
	put(json, value ? "true" : "false");
}

void hc_json_null(struct hc_json *json, const char *name)
{
	begin_value(json, name);
	put(json, "null");
}
