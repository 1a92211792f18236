/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page as HTML.
 *
 * State: none; what is written is a function of the page alone. Threats: names of applications and
 * people that carry markup; a notice that tells whether a person exists; a hidden field that was cut
 * and so means something else. Markup is constants in this file, everything else goes through
 * hc_html_text; which texts a refused sign-in may have is decided in notice_of().
 *
 * The markup follows from who reads it: one <h1>, a label for each field, errors in the title, in an
 * alert and tied to the fields, the cursor in the first field to be filled.
 */
#include "pages/render.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "pages/html.h"

#define TEXT_MAX	 1024 /* of po/, the longest */
#define CONVERSATION_MAX 256
#define BASE_MAX	 256

struct render {
	struct hc_html html;
	const struct hc_page *page;
	const char
		*notice; /* name of the text that is shown above the form, or in the error page; NULL: none */
	enum hc_reason reason; /* its help-desk code */
};

/* ---- pieces ---- */

static void markup(struct render *render, const char *text)
{
	hc_html_markup(&render->html, text);
}

static void value(struct render *render, const char *text)
{
	hc_html_text(&render->html, text, HC_PAGE_TEXT_MAX);
}

static void say(struct render *render, const char *name)
{
	char text[TEXT_MAX];

	hc_text(render->page->lang, name, NULL, text, sizeof(text));
	hc_html_text(&render->html, text, sizeof(text));
}

/* A text with one argument, which stands in an element of its own. */
static void say_with(struct render *render, const char *name, const char *arg)
{
	/* the placeholder goes in as its own argument and comes out again: the escaping is done here */
	static const char *const placeholder[] = {"{0}", NULL};
	char text[TEXT_MAX], *at = NULL;

	hc_text(render->page->lang, name, placeholder, text, sizeof(text));
	at = strstr(text, placeholder[0]);
	if (at == NULL) {
		hc_html_text(&render->html, text, sizeof(text));
		return;
	}
	*at = '\0';
	hc_html_text(&render->html, text, sizeof(text));
	markup(render, "<bdi>");
	value(render, arg);
	markup(render, "</bdi>");
	hc_html_text(&render->html, at + strlen(placeholder[0]), sizeof(text));
}

/* Each line of a text a paragraph. */
static void say_paragraphs(struct render *render, const char *name)
{
	char text[TEXT_MAX];

	hc_text(render->page->lang, name, NULL, text, sizeof(text));
	for (char *line = text, *end = NULL; line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		markup(render, "<p>");
		hc_html_text(&render->html, line, sizeof(text));
		markup(render, "</p>\n");
	}
}

static void path(struct render *render, const char *below)
{
	hc_html_text(&render->html, render->page->base, BASE_MAX);
	markup(render, below);
}

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* ---- what is said ---- */

static bool notice_is(const struct render *render, const char *name)
{
	return render->notice != NULL && strcmp(render->notice, name) == 0;
}

static bool notice_is_error(const struct render *render)
{
	return render->notice != NULL && !notice_is(render, HC_PAGE_NOTICE_STARTED_AGAIN) &&
	       !notice_is(render, HC_PAGE_NOTICE_CONFIRM) && !notice_is(render, HC_PAGE_NOTICE_SESSION_ENDED);
}

/* A reason that is about a person says more than a page may. */
static bool reason_may_show(enum hc_reason reason)
{
	unsigned hundreds = (unsigned)reason / 100;

	return hundreds != 2 && hundreds != 4;
}

/* name: holds the text's name where it is made of a reason. */
static void notice_of(struct render *render, char *name, size_t cap)
{
	const struct hc_page *page = render->page;

	render->notice = page->notice;
	if (page->reason == HC_REASON_NONE)
		return;
	if (!reason_may_show(page->reason)) {
		render->notice = HC_PAGE_NOTICE_REFUSED;
		return;
	}
	render->reason = page->reason;
	if (page->notice != NULL)
		return;
	(void)snprintf(name, cap, "reason.%s", hc_reason_name(page->reason));
	render->notice = name;
}

/* An error may have a title of its own: the name of its text and ".title". */
static void error_title(const struct render *render, char *name, size_t cap)
{
	(void)snprintf(name, cap, "%s.title", render->notice != NULL ? render->notice : "");
	if (!hc_text_known(name))
		(void)snprintf(name, cap, "page.error.title");
}

static void title_name(const struct render *render, char *name, size_t cap)
{
	const char *title = "";

	switch (render->page->kind) {
	case HC_PAGE_PASSWORD:
		title = "page.login.title";
		break;
	case HC_PAGE_CODE:
		title = "page.code.title";
		break;
	case HC_PAGE_LOGOUT:
		title = "page.logout.title";
		break;
	case HC_PAGE_LOGGED_OUT:
		title = "page.logged_out.title";
		break;
	case HC_PAGE_ERROR:
		error_title(render, name, cap);
		return;
	}
	(void)snprintf(name, cap, "%s", title);
}

static void house(struct render *render)
{
	value(render, given(render->page->establishment) ? render->page->establishment : "HospiConnect");
}

/* ---- around the form ---- */

static void head(struct render *render, const char *title)
{
	markup(render, "<!DOCTYPE html>\n<html lang=\"");
	markup(render, render->page->lang == HC_LANG_EN ? "en" : "fr");
	markup(render, "\">\n<head>\n<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		       "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	if (render->page->kind == HC_PAGE_ERROR || notice_is_error(render)) {
		say(render, "page.error");
		markup(render, " – ");
	}
	say(render, title);
	markup(render, " – ");
	house(render);
	markup(render, "</title>\n<link rel=\"stylesheet\" href=\"");
	path(render, hc_page_style_path());
	markup(render, "\">\n</head>\n<body>\n<header>\n<p>");
	house(render);
	markup(render, "</p>\n</header>\n<main>\n<h1>");
	say(render, title);
	markup(render, "</h1>\n");
}

static void foot(struct render *render)
{
	markup(render, "</main>\n<footer>\n<p>");
	say(render, "page.help");
	markup(render, "</p>\n</footer>\n</body>\n</html>\n");
}

static void help_code(struct render *render)
{
	char code[16];

	if (render->reason == HC_REASON_NONE)
		return;
	(void)snprintf(code, sizeof(code), "HC-%03d", (int)render->reason);
	markup(render, "<dl>\n<dt>");
	say(render, "page.help_code");
	markup(render, "</dt>\n<dd>");
	markup(render, code);
	markup(render, "</dd>\n</dl>\n");
}

static void alert(struct render *render)
{
	if (render->notice == NULL)
		return;
	markup(render, notice_is_error(render) ? "<div id=\"notice\" role=\"alert\">\n"
					       : "<div id=\"notice\" role=\"status\">\n");
	say_paragraphs(render, render->notice);
	help_code(render);
	markup(render, "</div>\n");
}

static void link_back(struct render *render)
{
	const struct hc_page *page = render->page;

	if (!given(page->link) || !hc_page_link_is_safe(page->link))
		return;
	markup(render, "<p><a href=\"");
	hc_html_text(&render->html, page->link, HC_PAGE_LINK_MAX);
	markup(render, "\">");
	if (given(page->application))
		say_with(render, "page.link.back", page->application);
	else
		say(render, "page.link.back_plain");
	markup(render, "</a></p>\n");
}

/* ---- forms ---- */

static bool hidden_is_ours(const char *text, size_t max)
{
	return text == NULL ||
	       (strnlen(text, max + 1) <= max &&
		text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
			'\0');
}

static void form(struct render *render, const char *below)
{
	markup(render, "<form method=\"post\" action=\"");
	path(render, below);
	markup(render, "\">\n");
}

static void hidden(struct render *render, const char *name, const char *text)
{
	if (text == NULL)
		return;
	markup(render, "<input type=\"hidden\" name=\"");
	markup(render, name);
	markup(render, "\" value=\"");
	markup(render, text);
	markup(render, "\">\n");
}

static void label(struct render *render, const char *field, const char *text)
{
	markup(render, "<label for=\"");
	markup(render, field);
	markup(render, "\">");
	say(render, text);
	markup(render, "</label>\n");
}

/* The attributes that every field has at its end. */
static void field_end(struct render *render, bool first_empty, const char *hint)
{
	if (hint != NULL || render->notice != NULL) {
		markup(render, " aria-describedby=\"");
		markup(render, render->notice != NULL ? "notice" : "");
		markup(render, render->notice != NULL && hint != NULL ? " " : "");
		markup(render, hint != NULL ? hint : "");
		markup(render, "\"");
	}
	if (notice_is(render, HC_PAGE_NOTICE_REFUSED))
		markup(render, " aria-invalid=\"true\"");
	markup(render, first_empty ? " required autofocus>\n" : " required>\n");
}

static void button(struct render *render, const char *text)
{
	markup(render, "<button>");
	say(render, text);
	markup(render, "</button>\n");
}

static void password_form(struct render *render)
{
	const struct hc_page *page = render->page;
	/* what cannot be shown whole is typed anew */
	bool known = given(page->username) &&
		     strnlen(page->username, HC_PAGE_TEXT_MAX + 1) <= HC_PAGE_TEXT_MAX &&
		     hc_utf8_valid(page->username, strlen(page->username));

	form(render, HC_PAGE_LOGIN_PATH);
	hidden(render, HC_PAGE_FIELD_REQUEST, page->request);
	markup(render, "<p>");
	say(render, "page.login.required");
	markup(render, "</p>\n");
	label(render, HC_PAGE_FIELD_USERNAME, "page.label.username");
	markup(render,
	       "<input id=\"username\" name=\"" HC_PAGE_FIELD_USERNAME
	       "\" type=\"text\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\"");
	if (known) {
		markup(render, " value=\"");
		value(render, page->username);
		markup(render, "\"");
	}
	field_end(render, !known, NULL);
	label(render, HC_PAGE_FIELD_PASSWORD, "page.label.password");
	markup(render, "<input id=\"password\" name=\"" HC_PAGE_FIELD_PASSWORD
		       "\" type=\"password\" autocomplete=\"current-password\"");
	field_end(render, known, NULL);
	button(render, "page.button.continue");
	markup(render, "</form>\n");
}

/* inputmode is text: a recovery code has letters, and a keyboard without them would lock people out. */
static void code_form(struct render *render)
{
	const struct hc_page *page = render->page;

	form(render, HC_PAGE_LOGIN_PATH);
	hidden(render, HC_PAGE_FIELD_REQUEST, page->request);
	hidden(render, HC_PAGE_FIELD_CONVERSATION, page->conversation);
	label(render, HC_PAGE_FIELD_CODE, "page.label.code");
	markup(render, "<p id=\"hint\">");
	say(render, "page.hint.code");
	markup(render, "</p>\n<input id=\"code\" name=\"" HC_PAGE_FIELD_CODE
		       "\" type=\"text\" inputmode=\"text\" autocomplete=\"one-time-code\""
		       " autocapitalize=\"characters\" spellcheck=\"false\"");
	field_end(render, true, "hint");
	button(render, "page.button.sign_in");
	/* behind the other one, so that the enter key means that */
	markup(render, "<button name=\"" HC_PAGE_FIELD_RESTART "\" value=\"1\" formnovalidate>");
	say(render, "page.button.restart");
	markup(render, "</button>\n</form>\n");
}

static void logout_form(struct render *render)
{
	form(render, HC_PAGE_LOGOUT_PATH);
	hidden(render, HC_PAGE_FIELD_LOGOUT, render->page->logout);
	button(render, "page.button.sign_out");
	markup(render, "</form>\n");
}

/* ---- pages ---- */

/* What for, and as whom. */
static void purpose(struct render *render)
{
	const struct hc_page *page = render->page;
	bool application = given(page->application) && page->kind != HC_PAGE_LOGOUT;
	bool person = given(page->username) && page->kind != HC_PAGE_PASSWORD;

	if (!application && !person)
		return;
	markup(render, "<p>");
	if (application)
		say_with(render, "page.login.for", page->application);
	markup(render, application && person ? "<br>\n" : "");
	if (person)
		say_with(render, "page.code_as", page->username);
	markup(render, "</p>\n");
}

static void content(struct render *render)
{
	switch (render->page->kind) {
	case HC_PAGE_PASSWORD:
		purpose(render);
		alert(render);
		password_form(render);
		break;
	case HC_PAGE_CODE:
		purpose(render);
		alert(render);
		code_form(render);
		break;
	case HC_PAGE_LOGOUT:
		purpose(render);
		alert(render);
		say_paragraphs(render, "page.logout.text");
		logout_form(render);
		say_paragraphs(render, "page.logout.stay");
		link_back(render);
		break;
	case HC_PAGE_LOGGED_OUT:
		say_paragraphs(render, "page.logged_out.text");
		link_back(render);
		break;
	case HC_PAGE_ERROR:
		if (render->notice != NULL)
			say_paragraphs(render, render->notice);
		help_code(render);
		link_back(render);
		break;
	}
}

enum hc_err hc_page_render(const struct hc_page *page, char *out, size_t cap, size_t *ret_len)
{
	struct render render = {.html = {.out = out, .cap = cap}, .page = page};
	char notice[64], title[80];

	if (!hidden_is_ours(page->request, HC_PAGE_HIDDEN_MAX) ||
	    !hidden_is_ours(page->conversation, CONVERSATION_MAX) ||
	    !hidden_is_ours(page->logout, HC_PAGE_HIDDEN_MAX))
		return HC_ERR_INVALID;
	notice_of(&render, notice, sizeof(notice));
	title_name(&render, title, sizeof(title));
	head(&render, title);
	content(&render);
	foot(&render);
	if (render.html.full)
		return HC_ERR_TOOBIG;
	*ret_len = render.html.len;
	return HC_OK;
}

bool hc_page_has_form(enum hc_page_kind kind)
{
	return kind == HC_PAGE_PASSWORD || kind == HC_PAGE_CODE || kind == HC_PAGE_LOGOUT;
}
