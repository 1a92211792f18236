/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

/*
 * The log of our own programs: process-wide state, set once at start (hc_log_init) by programs
 * without threads.
 *
 * Threats: text of a person or a peer that forges a second record or acts on a terminal (escaped,
 * every line ends with our newline only), records of two processes mixed into each other (one
 * write(2) each). Must never be used by the PAM module: stderr belongs to its host.
 */
#define LINE_MAX_LEN 4096
#define CUT_MARK     " [cut]"

static struct {
	const char *program;
	enum hc_log_level level;
	bool journal;
	hc_log_capture_fn capture;
	void *capture_ctx;
} state = {.program = "hospiconnect", .level = HC_LOG_INFO};

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
	bool cut;
};

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it gave us; a child may have another. */
static bool is_stderr_journal(void)
{
	const char *stream = secure_getenv("JOURNAL_STREAM");
	struct stat facts;
	char expected[64];

	if (stream == NULL || fstat(STDERR_FILENO, &facts) != 0)
		return false;
	(void)snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)facts.st_dev,
		       (uintmax_t)facts.st_ino);
	return strcmp(stream, expected) == 0;
}

void hc_log_init(const char *program, enum hc_log_level level)
{
	state.program = program;
	state.level = level;
	state.journal = is_stderr_journal();
}

void hc_log_capture(hc_log_capture_fn fn, void *ctx)
{
	state.capture = fn;
	state.capture_ctx = ctx;
}

static const char *level_name(enum hc_log_level level)
{
	switch (level) {
	case HC_LOG_ERROR:
		return "error";
	case HC_LOG_WARNING:
		return "warning";
	case HC_LOG_NOTICE:
		return "notice";
	case HC_LOG_INFO:
		return "info";
	case HC_LOG_DEBUG:
		return "debug";
	}
	return "info";
}

/* Room is kept for the mark of a cut line, the newline and the NUL. */
static size_t line_room(const struct line *line)
{
	return sizeof(line->text) - sizeof(CUT_MARK) - 1 - line->len;
}

static void line_add(struct line *line, const char *text, size_t len)
{
	if (line->cut || len > line_room(line)) {
		line->cut = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void line_add_text(struct line *line, const char *text)
{
	line_add(line, text, strlen(text));
}

static bool needs_quotes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' || text[i] == '=' || text[i] == '"' || text[i] == '\\')
			return true;
	}
	return len == 0;
}

/* A value too long is cut at a whole character, so that the record still shows its beginning. */
static void line_add_value(struct line *line, const char *text)
{
	char value[LINE_MAX_LEN];
	size_t whole = hc_escape_into(text, strlen(text), true, value, sizeof(value));
	bool quotes = needs_quotes(value, whole);
	size_t cap = line_room(line) > 2 ? line_room(line) - 1 : 1; /* two quotes, but one NUL saved */
	size_t len =
		hc_escape_into(text, strlen(text), true, value, cap < sizeof(value) ? cap : sizeof(value));

	if (quotes)
		line_add(line, "\"", 1);
	line_add(line, value, len);
	if (quotes)
		line_add(line, "\"", 1);
	line->cut = line->cut || len < whole;
}

static void line_add_fields(struct line *line, const struct hc_log_field *fields)
{
	for (; fields != NULL && fields->key != NULL; fields++) {
		char number[24];

		line_add(line, " ", 1);
		line_add_text(line, fields->key);
		line_add(line, "=", 1);
		if (fields->text != NULL) {
			line_add_value(line, fields->text);
			continue;
		}
		(void)snprintf(number, sizeof(number), "%" PRId64, fields->number);
		line_add_text(line, number);
	}
	if (line->cut) {
		memcpy(line->text + line->len, CUT_MARK, sizeof(CUT_MARK) - 1);
		line->len += sizeof(CUT_MARK) - 1;
	}
}

static void line_add_prefix(struct line *line, enum hc_log_level level)
{
	char prefix[128];

	if (state.capture != NULL)
		return;
	if (state.journal)
		(void)snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
	else
		(void)snprintf(prefix, sizeof(prefix), "%s: %s: ", state.program, level_name(level));
	line_add_text(line, prefix);
}

static void line_write(struct line *line)
{
	ssize_t written = 0;

	line->text[line->len++] = '\n';
	do
		written = write(STDERR_FILENO, line->text, line->len);
	while (written < 0 && errno == EINTR);
	/* Nowhere is left to say that the log itself is broken. */
}

void hc_log_fields(enum hc_log_level level, const char *message, const struct hc_log_field *fields)
{
	if (level > state.level)
		return;

	int saved = errno;
	struct line line = {.len = 0, .cut = false};
	char text[LINE_MAX_LEN / 2];

	line_add_prefix(&line, level);
	(void)hc_escape_into(message, strlen(message), false, text, sizeof(text));
	line_add_text(&line, text);
	line_add_fields(&line, fields);
	if (state.capture != NULL) {
		line.text[line.len] = '\0';
		state.capture(level, line.text, state.capture_ctx);
	} else {
		line_write(&line);
	}
	errno = saved;
}
