/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_table.h"
#include "utf8.h"

/*
 * Texts for people, rendered without locale and without process-wide state, so that one broker
 * serves callers of both languages. The table is constant; the placeholders are the only syntax.
 * Threat: an argument (a login, a host) that acts on the screen of who reads it; it goes in escaped.
 */
#define ARGS_MAX 10

struct output {
	char *data;
	size_t cap; /* at least 1 */
	size_t len;
	bool full;
};

/* Appends what fits, cut at a whole character, and NUL. */
static void output_add(struct output *out, const char *text, size_t len)
{
	size_t room = out->full ? 0 : out->cap - 1 - out->len;

	if (len > room) {
		out->full = true;
		len = room;
		while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
			len--;
	}
	if (len > 0)
		memcpy(out->data + out->len, text, len);
	out->len += len;
	out->data[out->len] = '\0';
}

static int compare_entry(const void *name, const void *entry)
{
	return strcmp(name, hc_text_pool + ((const struct hc_text_entry *)entry)->name);
}

static const struct hc_text_entry *find(const char *name)
{
	return bsearch(name, hc_text_table, hc_text_table_len, sizeof(hc_text_table[0]), compare_entry);
}

enum hc_lang hc_lang_from_tag(const char *tag, enum hc_lang fallback)
{
	if (tag == NULL || tag[0] == '\0' || tag[1] == '\0' ||
	    (tag[2] != '\0' && strchr("_-.@", tag[2]) == NULL))
		return fallback;

	/* tags are case-insensitive (RFC 5646); 0x20 folds ASCII letters */
	char first = (char)(tag[0] | 0x20), second = (char)(tag[1] | 0x20);

	if (first == 'f' && second == 'r')
		return HC_LANG_FR;
	if (first == 'e' && second == 'n')
		return HC_LANG_EN;
	return fallback;
}

bool hc_text_known(const char *name)
{
	return find(name) != NULL;
}

static void output_add_arg(struct output *out, const char *arg)
{
	char escaped[1024];
	size_t len = hc_escape_into(arg, strlen(arg), false, escaped, sizeof(escaped));

	output_add(out, escaped, len);
}

void hc_text(enum hc_lang lang, const char *name, const char *const *args, char *out, size_t cap)
{
	if (cap == 0)
		return;

	struct output output = {.data = out, .cap = cap};
	const struct hc_text_entry *entry = find(name);
	const char *text =
		entry == NULL ? name
			      : hc_text_pool + entry->texts[lang == HC_LANG_EN ? HC_LANG_EN : HC_LANG_FR];
	size_t count = 0;

	out[0] = '\0';
	while (args != NULL && count < ARGS_MAX && args[count] != NULL)
		count++;
	while (*text != '\0') {
		size_t plain = strcspn(text, "{");

		output_add(&output, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		if (text[1] >= '0' && text[1] <= '9' && text[2] == '}') {
			size_t index = (size_t)(text[1] - '0');

			if (index < count)
				output_add_arg(&output, args[index]);
			text += 3;
		} else {
			output_add(&output, text, 1);
			text++;
		}
	}
}

void hc_text_reason(enum hc_lang lang, enum hc_reason reason, const char *const *args, char *out, size_t cap)
{
	char name[64], code[16];

	if (cap == 0)
		return;
	out[0] = '\0';
	if (reason == HC_REASON_NONE)
		return;

	int code_len = snprintf(code, sizeof(code), " (HC-%03d)", (int)reason);
	size_t reserved = code_len > 0 ? (size_t)code_len : 0;

	(void)snprintf(name, sizeof(name), "reason.%s", hc_reason_name(reason));
	/* the code is what the help desk asks for: a long text is cut, the code is not */
	hc_text(lang, name, args, out, cap > reserved ? cap - reserved : 1);

	size_t len = strlen(out);

	if (cap - len > reserved)
		memcpy(out + len, code, reserved + 1);
}

void hc_text_duration(enum hc_lang lang, int64_t seconds, char *out, size_t cap)
{
	/* French sets a no-break space between number and unit */
	const char *gap = lang == HC_LANG_FR ? "\xc2\xa0" : " ";
	int64_t minutes = seconds / 60 + (seconds % 60 > 0 ? 1 : 0);

	if (seconds < 60)
		(void)snprintf(out, cap, "%" PRId64 "%ss", seconds > 0 ? seconds : 0, gap);
	else if (minutes < 60)
		(void)snprintf(out, cap, "%" PRId64 "%smin", minutes, gap);
	else if (minutes % 60 == 0)
		(void)snprintf(out, cap, "%" PRId64 "%sh", minutes / 60, gap);
	else
		(void)snprintf(out, cap, "%" PRId64 "%sh%s%" PRId64 "%smin", minutes / 60, gap, gap,
			       minutes % 60, gap);
}
