/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "hospiconnect/identity.h"
#include "utf8.h"

/*
 * The strict configuration reader: lines, sections, keys. Values are read by config_value.c.
 *
 * No state beyond one call. The file is written by an administrator whose typing errors must not
 * weaken the policy: nothing is ignored, nothing is guessed, and the first error stops the program
 * with a sentence that says what would be right. All text is bounded before it is looked at.
 */
#define LINE_MAX_LEN 1024
#define FILE_MAX_LEN (256u * 1024u)

struct state {
	const struct hc_config_key *keys;
	void *target;
	struct hc_config_error *error;
	unsigned line;
	unsigned *seen; /* for each key, the line that gave it; 0: none yet */
	char section[LINE_MAX_LEN + 1];
};

/* An excerpt of the file for a message: bounded, and harmless on a terminal. */
struct excerpt {
	char text[64];
};

static struct excerpt excerpt_of(const char *text)
{
	struct excerpt excerpt;

	(void)hc_escape_into(text, strlen(text), true, excerpt.text, sizeof(excerpt.text));
	return excerpt;
}

static HC_PRINTF(2, 3) enum hc_err fail(struct state *state, const char *format, ...)
{
	va_list args;

	state->error->line = state->line;
	va_start(args, format);
	(void)vsnprintf(state->error->text, sizeof(state->error->text), format, args);
	va_end(args);
	return HC_ERR_INVALID;
}

/* Appends to a list in a message; what does not fit is shown as "...". */
static void list_add(char *list, size_t cap, const char *name)
{
	size_t len = strlen(list);

	if (len + strlen(name) + sizeof(", , ...") <= cap)
		(void)snprintf(list + len, cap - len, "%s%s", len > 0 ? ", " : "", name);
	else if (len < 3 || strcmp(list + len - 3, "...") != 0)
		(void)snprintf(list + len, cap - len, ", ...");
}

static bool is_section_known(const struct state *state, const char *name)
{
	for (const struct hc_config_key *key = state->keys; key->section != NULL; key++) {
		if (strcmp(key->section, name) == 0)
			return true;
	}
	return false;
}

static enum hc_err fail_unknown_section(struct state *state, const char *name)
{
	char list[128] = "";
	const char *last = "";

	for (const struct hc_config_key *key = state->keys; key->section != NULL; key++) {
		if (strcmp(key->section, last) != 0)
			list_add(list, sizeof(list), key->section);
		last = key->section;
	}
	return fail(state, "unknown section [%s]; there are: %s", excerpt_of(name).text, list);
}

static enum hc_err fail_unknown_key(struct state *state, const char *name)
{
	char list[160] = "";

	for (const struct hc_config_key *key = state->keys; key->section != NULL; key++) {
		if (strcmp(key->section, state->section) == 0)
			list_add(list, sizeof(list), key->key);
	}
	return fail(state, "[%s] %s: unknown key; there are: %s", state->section, excerpt_of(name).text,
		    list);
}

static enum hc_err read_section(struct state *state, char *text)
{
	size_t len = strlen(text);

	if (len == 0 || text[len - 1] != ']')
		return fail(state, "a section must read [name], is \"%s\"", excerpt_of(text).text);
	text[len - 1] = '\0';
	if (!is_section_known(state, text + 1))
		return fail_unknown_section(state, text + 1);
	(void)snprintf(state->section, sizeof(state->section), "%s", text + 1);
	return HC_OK;
}

/* Tabs have become blanks before. */
static char *trim(char *text)
{
	text += strspn(text, " ");

	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
	return text;
}

static const struct hc_config_key *find_key(const struct state *state, const char *name)
{
	for (const struct hc_config_key *key = state->keys; key->section != NULL; key++) {
		if (strcmp(key->section, state->section) == 0 && strcmp(key->key, name) == 0)
			return key;
	}
	return NULL;
}

static enum hc_err read_value(struct state *state, const struct hc_config_key *key, const char *value,
			      bool is_preset)
{
	char want[160];
	enum hc_err err = hc_config_value_read(key, value, is_preset, state->target, want, sizeof(want));

	if (err != HC_ERR_INVALID)
		return err;
	return fail(state, "[%s] %s: %s, is \"%s\"", key->section, key->key, want, excerpt_of(value).text);
}

static enum hc_err read_assignment(struct state *state, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL)
		return fail(state, "expected [section] or key = value, is \"%s\"", excerpt_of(text).text);
	*equals = '\0';

	const char *name = trim(text), *value = trim(equals + 1);

	if (name[0] == '\0')
		return fail(state, "a key is missing before \"=\"");
	if (state->section[0] == '\0')
		return fail(state, "%s: stands before the first [section]", excerpt_of(name).text);

	const struct hc_config_key *key = find_key(state, name);

	if (key == NULL)
		return fail_unknown_key(state, name);

	unsigned *seen = &state->seen[key - state->keys];

	if (*seen != 0)
		return fail(state, "[%s] %s: given twice, first in line %u", key->section, key->key, *seen);
	*seen = state->line;
	return read_value(state, key, value, false);
}

static enum hc_err read_line(struct state *state, const char *data, size_t len)
{
	char line[LINE_MAX_LEN + 1] = "";

	if (len > LINE_MAX_LEN)
		return fail(state, "longer than %d bytes", LINE_MAX_LEN);
	for (size_t i = 0; i < len; i++)
		line[i] = data[i] == '\t' ? ' ' : data[i];
	line[len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		return fail(state, "ends with a carriage return; save the file with Unix line ends");
	if (state->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		return fail(state, "begins with a byte order mark; save the file as plain UTF-8");
	if (!hc_utf8_valid(line, len))
		return fail(state, "holds a control character or is not UTF-8");

	char *text = trim(line);

	if (text[0] == '\0' || text[0] == '#')
		return HC_OK;
	return text[0] == '[' ? read_section(state, text) : read_assignment(state, text);
}

static enum hc_err read_lines(struct state *state, const char *text, size_t len)
{
	enum hc_err err = HC_OK;

	for (size_t pos = 0; err == HC_OK && pos < len;) {
		const char *end = memchr(text + pos, '\n', len - pos);
		size_t line_len = end != NULL ? (size_t)(end - (text + pos)) : len - pos;

		state->line++;
		err = read_line(state, text + pos, line_len);
		pos += line_len + 1;
	}
	return err;
}

static enum hc_err read_presets(struct state *state)
{
	enum hc_err err = HC_OK;

	for (const struct hc_config_key *key = state->keys; err == HC_OK && key->section != NULL; key++) {
		if (key->preset != NULL)
			err = read_value(state, key, key->preset, true);
	}
	return err;
}

static enum hc_err check_all_given(struct state *state)
{
	state->line = 0;
	for (const struct hc_config_key *key = state->keys; key->section != NULL; key++) {
		if (key->preset == NULL && state->seen[key - state->keys] == 0)
			return fail(state, "[%s] %s: must be given", key->section, key->key);
	}
	return HC_OK;
}

static void free_lines(unsigned **lines)
{
	free(*lines);
}

enum hc_err hc_config_parse(const char *text, size_t len, const struct hc_config_key *keys, void *target,
			    struct hc_config_error *ret_error)
{
	struct state state = {.keys = keys, .target = target, .error = ret_error};
	size_t count = 0;

	if (len > FILE_MAX_LEN)
		return fail(&state, "the file is longer than %u KiB", FILE_MAX_LEN / 1024);
	while (keys[count].section != NULL)
		count++;

	HC_CLEANUP(free_lines) unsigned *seen = calloc(count + 1, sizeof(*seen));

	if (seen == NULL)
		return HC_ERR_NOMEM;
	state.seen = seen;

	enum hc_err err = read_presets(&state);

	if (err == HC_OK)
		err = read_lines(&state, text, len);
	return err == HC_OK ? check_all_given(&state) : err;
}

bool hc_config_web_address(const char *text, size_t len)
{
	const size_t scheme = len > 7 && strncmp(text, "http://", 7) == 0    ? 7
			      : len > 8 && strncmp(text, "https://", 8) == 0 ? 8
									     : 0;

	if (scheme == 0 || strchr("/?:", text[scheme]) != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '@' || text[i] == '#')
			return false;
	return true;
}
