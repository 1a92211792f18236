/* SPDX-License-Identifier: Apache-2.0 */
#include "html_check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/identity.h"

#define DEPTH_MAX 16
#define NAME_MAX  24
#define ATTRS_MAX 16
#define DOCTYPE	  "<!DOCTYPE html>\n"

struct name {
	char text[NAME_MAX];
};

struct view {
	const char *data;
	size_t len;
};

struct attr {
	struct name name;
	struct view value;
};

struct tag {
	struct name name;
	size_t count;
	struct attr attrs[ATTRS_MAX];
};

struct check {
	const char *data;
	size_t len, pos, depth;
	struct name open[DEPTH_MAX];
	/* ids, and what leads to them */
	struct view ids[HC_HTML_IDS_MAX], wanted[HC_HTML_IDS_MAX], labelled[HC_HTML_IDS_MAX];
	size_t id_count, wanted_count, labelled_count;
	struct view fields[HC_HTML_IDS_MAX];
	size_t field_count;
	struct hc_html_facts facts;
	char *why;
	size_t why_cap;
};

static bool wrong(struct check *check, const char *what)
{
	(void)snprintf(check->why, check->why_cap, "%s at byte %zu: %.40s", what, check->pos,
		       check->data + (check->pos < check->len ? check->pos : check->len));
	return false;
}

static void mix(struct check *check, const char *text)
{
	do {
		check->facts.structure = (check->facts.structure ^ (uint8_t)*text) * 0x100000001b3u;
	} while (*text++ != '\0');
}

static bool is_in(const char *name, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(name, *list) == 0)
			return true;
	}
	return false;
}

static bool view_is(struct view view, const char *text)
{
	return view.len == strlen(text) && memcmp(view.data, text, view.len) == 0;
}

static bool among(struct view view, const struct view *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].len == view.len && memcmp(list[i].data, view.data, view.len) == 0)
			return true;
	}
	return false;
}

/* ---- text ---- */

/* Text up to the byte that ends it. */
static bool read_text(struct check *check, char end, struct view *ret_text)
{
	static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
	size_t start = check->pos;

	for (; check->pos < check->len && check->data[check->pos] != end; check->pos++) {
		const char *at = check->data + check->pos;
		bool known = *at != '&';

		if (*at == '<' || *at == '>' || *at == '"' || *at == '\'')
			return wrong(check, "not escaped");
		for (size_t i = 0; !known && i < HC_COUNT(references); i++)
			known = check->len - check->pos >= strlen(references[i]) &&
				memcmp(at, references[i], strlen(references[i])) == 0;
		if (!known)
			return wrong(check, "no reference of ours");
		if (*at == '\n' && end == '"')
			return wrong(check, "line break in a value");
		if (*at != '\n' && ((uint8_t)*at < 0x20 || *at == 0x7f))
			return wrong(check, "control character");
	}
	*ret_text = (struct view){.data = check->data + start, .len = check->pos - start};
	for (size_t at = 0, line = 0; at <= ret_text->len; at++) {
		if (at < ret_text->len && ret_text->data[at] != '\n')
			continue;
		if (!hc_utf8_valid(ret_text->data + line, at - line))
			return wrong(check, "not UTF-8, or a character that acts");
		line = at + 1;
	}
	return true;
}

/* ---- tags ---- */

static bool read_name(struct check *check, struct name *ret_name)
{
	size_t len = 0;

	while (check->pos < check->len && len < NAME_MAX - 1) {
		char c = check->data[check->pos];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			break;
		ret_name->text[len++] = c;
		check->pos++;
	}
	ret_name->text[len] = '\0';
	return len > 0 || wrong(check, "no name");
}

static bool take(struct check *check, char c)
{
	if (check->pos >= check->len || check->data[check->pos] != c)
		return false;
	check->pos++;
	return true;
}

static const struct attr *attr_of(const struct tag *tag, const char *name)
{
	for (size_t i = 0; i < tag->count; i++) {
		if (strcmp(tag->attrs[i].name.text, name) == 0)
			return &tag->attrs[i];
	}
	return NULL;
}

static bool read_attr(struct check *check, struct tag *tag)
{
	static const char *const known[] = {"lang",
					    "charset",
					    "name",
					    "content",
					    "rel",
					    "href",
					    "id",
					    "role",
					    "method",
					    "action",
					    "type",
					    "value",
					    "for",
					    "autocomplete",
					    "spellcheck",
					    "autocapitalize",
					    "inputmode",
					    "aria-describedby",
					    "aria-invalid",
					    "required",
					    "autofocus",
					    "formnovalidate",
					    NULL};
	struct attr attr = {.value = {.data = ""}};

	if (!read_name(check, &attr.name))
		return false;
	if (!is_in(attr.name.text, known))
		return wrong(check, "an attribute that no page has");
	if (attr_of(tag, attr.name.text) != NULL || tag->count == ATTRS_MAX)
		return wrong(check, "an attribute twice, or too many");
	if (take(check, '=') &&
	    (!take(check, '"') || !read_text(check, '"', &attr.value) || !take(check, '"')))
		return wrong(check, "a value without its quotes");
	mix(check, attr.name.text);
	tag->attrs[tag->count++] = attr;
	return true;
}

static bool remember(struct check *check, struct view view, struct view *list, size_t *count)
{
	if (*count == HC_HTML_IDS_MAX)
		return wrong(check, "too many ids");
	list[(*count)++] = view;
	return true;
}

/* Each of the words in aria-describedby. */
static bool remember_words(struct check *check, struct view words)
{
	size_t start = 0;

	for (size_t i = 0; i <= words.len; i++) {
		if (i < words.len && words.data[i] != ' ')
			continue;
		if (!remember(check, (struct view){.data = words.data + start, .len = i - start},
			      check->wanted, &check->wanted_count))
			return false;
		start = i + 1;
	}
	return true;
}

static bool note_ids(struct check *check, const struct tag *tag)
{
	const struct attr *id = attr_of(tag, "id"), *label = attr_of(tag, "for");
	const struct attr *described = attr_of(tag, "aria-describedby"), *type = attr_of(tag, "type");

	if (id != NULL && among(id->value, check->ids, check->id_count))
		return wrong(check, "an id twice");
	if ((id != NULL && !remember(check, id->value, check->ids, &check->id_count)) ||
	    (label != NULL && !remember(check, label->value, check->labelled, &check->labelled_count)) ||
	    (described != NULL && !remember_words(check, described->value)))
		return false;
	if (strcmp(tag->name.text, "input") != 0)
		return true;
	if (type == NULL)
		return wrong(check, "a field without its type");
	if (view_is(type->value, "hidden"))
		return true;
	check->facts.fields++;
	return id == NULL ? wrong(check, "a field without id")
			  : remember(check, id->value, check->fields, &check->field_count);
}

static bool links_ok(struct check *check, const struct tag *tag)
{
	const struct attr *href = attr_of(tag, "href"), *action = attr_of(tag, "action");

	if (href != NULL && strcmp(tag->name.text, "link") == 0 && href->value.data[0] != '/')
		return wrong(check, "a style sheet from elsewhere");
	if (action != NULL && action->value.data[0] != '/')
		return wrong(check, "a form that leads elsewhere");
	if (href == NULL)
		return true;
	if (strncasecmp(href->value.data, "javascript:", 11) == 0 ||
	    strncasecmp(href->value.data, "data:", 5) == 0)
		return wrong(check, "a link that runs");
	return true;
}

static void count_tag(struct hc_html_facts *facts, const struct tag *tag)
{
	const char *name = tag->name.text;
	const struct attr *role = attr_of(tag, "role");

	facts->h1 += strcmp(name, "h1") == 0;
	facts->main += strcmp(name, "main") == 0;
	facts->title += strcmp(name, "title") == 0;
	facts->forms += strcmp(name, "form") == 0;
	facts->labels += strcmp(name, "label") == 0;
	facts->buttons += strcmp(name, "button") == 0;
	facts->links += strcmp(name, "a") == 0;
	facts->alerts += role != NULL && view_is(role->value, "alert");
	facts->autofocus += attr_of(tag, "autofocus") != NULL;
	facts->described += attr_of(tag, "aria-describedby") != NULL;
	facts->invalid += attr_of(tag, "aria-invalid") != NULL;
}

static bool read_open(struct check *check)
{
	static const char *const known[] = {"html",   "head", "meta",	"title", "link",  "body",
					    "header", "main", "footer", "h1",	 "p",	  "div",
					    "dl",     "dt",   "dd",	"form",	 "label", "input",
					    "button", "a",    "bdi",	"br",	 NULL};
	static const char *const empty[] = {"meta", "link", "input", "br", NULL};
	struct tag tag = {.count = 0};

	if (!read_name(check, &tag.name))
		return false;
	if (!is_in(tag.name.text, known))
		return wrong(check, "an element that no page has");
	mix(check, tag.name.text);
	while (take(check, ' ')) {
		if (!read_attr(check, &tag))
			return false;
	}
	if (!take(check, '>'))
		return wrong(check, "the tag does not end");
	count_tag(&check->facts, &tag);
	if (!note_ids(check, &tag) || !links_ok(check, &tag))
		return false;
	if (is_in(tag.name.text, empty))
		return true;
	if (check->depth == DEPTH_MAX)
		return wrong(check, "too deep");
	check->open[check->depth++] = tag.name;
	return true;
}

static bool read_close(struct check *check)
{
	struct name name;

	if (!read_name(check, &name) || !take(check, '>'))
		return wrong(check, "no end tag");
	if (check->depth == 0 || strcmp(check->open[check->depth - 1].text, name.text) != 0)
		return wrong(check, "closed out of order");
	check->depth--;
	mix(check, "/");
	return true;
}

static bool read_all(struct check *check)
{
	while (check->pos < check->len) {
		struct view text;

		if (!read_text(check, '<', &text))
			return false;
		if (check->depth == 0 && text.len > 0 && !view_is(text, "\n"))
			return wrong(check, "text outside of the document");
		if (!take(check, '<'))
			break;
		if (take(check, '/') ? !read_close(check) : !read_open(check))
			return false;
	}
	return check->depth == 0 || wrong(check, "not closed");
}

static bool ids_ok(struct check *check)
{
	for (size_t i = 0; i < check->wanted_count; i++) {
		if (!among(check->wanted[i], check->ids, check->id_count))
			return wrong(check, "aria-describedby leads nowhere");
	}
	for (size_t i = 0; i < check->labelled_count; i++) {
		if (!among(check->labelled[i], check->fields, check->field_count))
			return wrong(check, "a label without its field");
	}
	for (size_t i = 0; i < check->field_count; i++) {
		if (!among(check->fields[i], check->labelled, check->labelled_count))
			return wrong(check, "a field without its label");
	}
	return true;
}

bool hc_html_check(const char *data, size_t len, struct hc_html_facts *ret_facts, char *why, size_t cap)
{
	struct check check = {.data = data, .len = len, .why = why, .why_cap = cap};

	if (len < strlen(DOCTYPE) || memcmp(data, DOCTYPE, strlen(DOCTYPE)) != 0)
		return wrong(&check, "no doctype");
	check.pos = strlen(DOCTYPE);
	if (!read_all(&check) || !ids_ok(&check))
		return false;
	*ret_facts = check.facts;
	return true;
}
