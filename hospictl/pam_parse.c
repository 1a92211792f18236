/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of PAM stacks, with libpam's own idea of the grammar: what libpam makes fail must fail
 * here too, and is reported. State: none outlives a call. The files are the administrator's, but
 * bounded all the same; includes are followed with a stack of our own, not by recursion.
 */
#include "pam_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pam_control.h"

#define FILES_MAX 32
#define LINE_CAP  2048
#define ANY_TYPE  (-1)

/* One file being read. */
struct source {
	char name[64];
	char *text;
	const char *at;
	unsigned number;
	int wanted;	/* enum hc_pam_type, or ANY_TYPE */
	unsigned level; /* of substack */
	unsigned from;	/* line of the file before that brought it in */
	bool strict;	/* by @include: what fails in here fails there */
};

struct reader {
	hc_pam_source_fn source;
	void *ctx;
	enum hc_pam_type type;
	struct source files[FILES_MAX];
	size_t depth;
	struct hc_pam_stack *stack;
};

static void note(struct reader *reader, const struct source *file, unsigned number, const char *what)
{
	char *problem = reader->stack->problem;

	if (problem[0] == '\0')
		(void)snprintf(problem, sizeof(reader->stack->problem), "%s:%u: %s", file->name, number,
			       what);
}

static bool push_file(struct reader *reader, const char *name, int wanted, unsigned level)
{
	struct source *file;
	char *text;

	if (reader->depth == FILES_MAX || level >= HC_PAM_LEVELS_MAX || strlen(name) >= sizeof(file->name))
		return false;
	text = reader->source(name, reader->ctx);
	if (text == NULL)
		return false;
	file = &reader->files[reader->depth++];
	*file = (struct source){.text = text, .at = text, .wanted = wanted, .level = level};
	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	return true;
}

static void pop_file(struct reader *reader)
{
	free(reader->files[--reader->depth].text);
}

/*
 * One line of the configuration: continued over "\" at the end of a line, without its comment and
 * surrounding blanks. False at the end of the file. What does not fit is cut, and noted.
 */
static bool next_line(struct reader *reader, struct source *file, char *line, unsigned *ret_number)
{
	size_t len = 0;
	bool more = true;

	if (*file->at == '\0')
		return false;
	*ret_number = file->number + 1;
	while (more && *file->at != '\0') {
		size_t raw = strcspn(file->at, "\n"), used = raw;
		const char *comment = memchr(file->at, '#', raw);

		if (comment != NULL)
			used = (size_t)(comment - file->at);
		while (used > 0 && strchr(" \t\r", file->at[used - 1]) != NULL)
			used--;
		more = comment == NULL && used > 0 && file->at[used - 1] == '\\';
		if (more)
			used--;
		if (used >= LINE_CAP - len - 1) {
			note(reader, file, file->number + 1, "line too long");
			used = LINE_CAP - len - 2;
		}
		memcpy(line + len, file->at, used);
		len += used;
		line[len++] = ' ';
		file->at += raw + (file->at[raw] == '\n' ? 1 : 0);
		file->number++;
		if (len + 2 >= LINE_CAP)
			break;
	}
	line[len] = '\0';
	return true;
}

/* The next word; "[...]" is one, with "\]" for a bracket in it. Returns NULL at the end; cuts the line. */
static char *next_word(char **at)
{
	char *start = *at + strspn(*at, " \t"), *end = start, *to = start;

	if (*start == '\0')
		return NULL;
	if (*start != '[') {
		end = start + strcspn(start, " \t");
		*at = *end == '\0' ? end : end + 1;
		*end = '\0';
		return start;
	}
	for (end = start + 1; *end != '\0' && *end != ']'; end++) {
		if (*end == '\\' && end[1] == ']')
			end++;
		*to++ = *end;
	}
	*at = *end == '\0' ? end : end + 1;
	*to = '\0';
	return start;
}

static bool parse_type(const char *word, int *ret_type)
{
	static const char *const names[] = {"auth", "account", "password", "session"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		if (strcasecmp(names[i], word) == 0) {
			*ret_type = (int)i;
			return true;
		}
	}
	return false;
}

static struct hc_pam_line *add_line(struct reader *reader, const struct source *file, unsigned number)
{
	struct hc_pam_stack *stack = reader->stack;
	struct hc_pam_line *line;

	if (stack->count == HC_PAM_LINES_MAX)
		return NULL;
	line = &stack->lines[stack->count++];
	*line = (struct hc_pam_line){.number = number, .level = file->level};
	(void)snprintf(line->file, sizeof(line->file), "%s", file->name);
	return line;
}

static enum hc_err add_failure(struct reader *reader, const struct source *file, unsigned number,
			       const char *what)
{
	struct hc_pam_line *line = add_line(reader, file, number);

	note(reader, file, number, what);
	if (line == NULL)
		return HC_ERR_TOOBIG;
	line->must_fail = true;
	hc_pam_control_fill(line->actions, HC_PAM_ACT_BAD);
	return HC_OK;
}

static void set_module(struct hc_pam_line *line, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t len = strlen(name);

	if (len > 3 && strcmp(name + len - 3, ".so") == 0)
		len -= 3;
	(void)snprintf(line->module, sizeof(line->module), "%.*s", (int)(len < 63 ? len : 63), name);
}

static enum hc_err add_module(struct reader *reader, const struct source *file, unsigned number,
			      const char *control, bool bracketed, const char *module, char *arguments)
{
	int actions[HC_PAM_CODES];
	struct hc_pam_line *line;
	char *word;
	size_t used = 0;

	if (!hc_pam_control_parse(control, bracketed, actions))
		note(reader, file, number, "control not understood");
	line = add_line(reader, file, number);
	if (line == NULL)
		return HC_ERR_TOOBIG;
	memcpy(line->actions, actions, sizeof(actions));
	(void)snprintf(line->control, sizeof(line->control), bracketed ? "[%s]" : "%s", control);
	set_module(line, module);
	while ((word = next_word(&arguments)) != NULL && used + 1 < sizeof(line->arguments)) {
		int step = snprintf(line->arguments + used, sizeof(line->arguments) - used, "%s\t", word);

		used += step > 0 ? (size_t)step : 0;
	}
	return HC_OK;
}

static enum hc_err include(struct reader *reader, const struct source *file, unsigned number,
			   const char *name, bool substack, int wanted)
{
	unsigned level = file->level + (substack ? 1 : 0);

	if (substack) {
		struct hc_pam_line *line = add_line(reader, file, number);

		if (line == NULL)
			return HC_ERR_TOOBIG;
		line->marker = true;
	}
	if (name == NULL || !push_file(reader, name, wanted, level))
		return add_failure(reader, file, number, "cannot include");
	reader->files[reader->depth - 1].from = number;
	return HC_OK;
}

/*
 * An @include that fails ends the reading of its file; so does it that of the file which brought it
 * in by @include. A file brought in by include or substack leaves a failing line there, but one whose
 * actions libpam never sets: they are what stood in that memory, often those of the line before, and
 * may let people pass. Reading the service itself ended: libpam refuses everything.
 */
static enum hc_err abandon(struct reader *reader)
{
	while (reader->depth > 0) {
		const struct source *file = &reader->files[reader->depth - 1];
		unsigned from = file->from;
		bool strict = file->strict;

		pop_file(reader);
		if (reader->depth > 0 && !strict) {
			reader->stack->unsure = true;
			return add_failure(reader, &reader->files[reader->depth - 1], from, "cannot include");
		}
	}
	reader->stack->aborted = true;
	return HC_OK;
}

static enum hc_err include_all(struct reader *reader, const struct source *file, unsigned number,
			       const char *name)
{
	if (name == NULL || !push_file(reader, name, file->wanted, file->level)) {
		note(reader, file, number, "cannot include");
		return abandon(reader);
	}
	reader->files[reader->depth - 1].from = number;
	reader->files[reader->depth - 1].strict = true;
	return HC_OK;
}

/* One line of a file: type, control, module, arguments. */
static enum hc_err read_line(struct reader *reader, struct source *file, unsigned number, char *text)
{
	char *at = text, *word = next_word(&at), *control;
	int type;
	bool bracketed, known;

	if (word == NULL)
		return HC_OK;
	if (strcmp(word, "@include") == 0)
		return include_all(reader, file, number, next_word(&at));
	word += word[0] == '-' ? 1 : 0;
	known = parse_type(word, &type);
	if (!known) /* libpam takes it for the most sensitive type, and fails there */
		type = file->wanted == ANY_TYPE ? HC_PAM_AUTH : file->wanted;
	if ((file->wanted != ANY_TYPE && type != file->wanted) || type != (int)reader->type)
		return HC_OK;
	if (!known)
		return add_failure(reader, file, number, "unknown type");
	bracketed = at[strspn(at, " \t")] == '[';
	control = next_word(&at);
	if (control == NULL)
		return add_failure(reader, file, number, "no control");
	word = next_word(&at);
	if (!bracketed && (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0))
		return include(reader, file, number, word, strcasecmp(control, "substack") == 0, type);
	if (word == NULL)
		return add_failure(reader, file, number, "no module");
	return add_module(reader, file, number, control, bracketed, word, at);
}

static enum hc_err read_service(struct reader *reader, const char *service)
{
	enum hc_err err = HC_OK;
	char line[LINE_CAP];
	unsigned number;

	if (!push_file(reader, service, ANY_TYPE, 0))
		return HC_OK; /* no such file: no lines */
	while (err == HC_OK && reader->depth > 0) {
		struct source *file = &reader->files[reader->depth - 1];

		if (next_line(reader, file, line, &number))
			err = read_line(reader, file, number, line);
		else
			pop_file(reader);
	}
	while (reader->depth > 0)
		pop_file(reader);
	return err;
}

enum hc_err hc_pam_stack_load(hc_pam_source_fn source, void *ctx, const char *service, enum hc_pam_type type,
			      struct hc_pam_stack *ret_stack)
{
	struct hc_pam_stack stack = {.lines = calloc(HC_PAM_LINES_MAX, sizeof(*stack.lines))};
	struct reader reader = {.source = source, .ctx = ctx, .type = type, .stack = &stack};
	enum hc_err err;

	if (stack.lines == NULL)
		return HC_ERR_NOMEM;
	err = read_service(&reader, service);
	if (err == HC_OK && stack.count == 0 && !stack.aborted && strcmp(service, "other") != 0) {
		stack.fallback = true;
		err = read_service(&reader, "other");
	}
	if (err != HC_OK) {
		hc_pam_stack_clear(&stack);
		return err;
	}
	*ret_stack = stack;
	return HC_OK;
}

void hc_pam_stack_clear(struct hc_pam_stack *stack)
{
	free(stack->lines);
	*stack = (struct hc_pam_stack){.lines = NULL};
}

bool hc_pam_has_argument(const struct hc_pam_line *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line->arguments; *at != '\0';
	     at += strcspn(at, "\t"), at += *at == '\t' ? 1 : 0) {
		if (strcspn(at, "\t") == len && strncmp(at, word, len) == 0)
			return true;
	}
	return false;
}

bool hc_pam_argument(const struct hc_pam_line *line, const char *name, char *out, size_t cap)
{
	size_t len = strlen(name);

	for (const char *at = line->arguments; *at != '\0';
	     at += strcspn(at, "\t"), at += *at == '\t' ? 1 : 0) {
		if (strncmp(at, name, len) == 0 && at[len] == '=') {
			(void)snprintf(out, cap, "%.*s", (int)strcspn(at + len + 1, "\t"), at + len + 1);
			return true;
		}
	}
	return false;
}
