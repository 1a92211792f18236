/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the pages. Their headers: test_page_reply.c. */
#include "page_support.h"

#include "hospiconnect/identity.h"

static char html[HC_PAGE_BYTES_MAX + 1], other[HC_PAGE_BYTES_MAX + 1];

static void assert_has(const char *text)
{
	if (strstr(html, text) == NULL)
		fail_msg("%s is missing in:\n%s", text, html);
}

static void assert_lacks(const char *text)
{
	if (strstr(html, text) != NULL)
		fail_msg("%s stands in:\n%s", text, html);
}

/* ---- what a page must not say ---- */

static void a_refusal_is_one_page_whatever_the_cause(void **state)
{
	static const enum hc_reason reasons[] = {
#define REASON(number, name) HC_REASON_##name,
		HC_REASONS(REASON)
#undef REASON
	};
	int count = 0;

	(void)state;
	for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
		struct hc_page page = page_of(page_kinds[k]);

		page.notice = HC_PAGE_NOTICE_REFUSED;
		(void)rendered(&page, other);
		for (size_t i = 0; i < HC_COUNT(reasons); i++) {
			if (reasons[i] / 100 != 2 && reasons[i] / 100 != 4)
				continue;
			page.reason = reasons[i];
			page.notice = i % 2 == 0 ? NULL : HC_PAGE_NOTICE_REFUSED;
			(void)rendered(&page, html);
			if (strcmp(html, other) != 0)
				fail_msg("HC-%d shows: %s", (int)reasons[i], html);
			count++;
		}
	}
	assert_true(count > 100);
}

static void markup_in_a_name_stays_text(void **state)
{
	static const char *const hostile[] = {
		"<script>alert(1)</script>",
		"\"><img src=x onerror=alert(1)>",
		"' autofocus onfocus='x",
		"</title><h1>x</h1>",
		"&lt;b&gt; &#60; &notin; &",
		"\xff\xfe\xc0\xaf\xed\xa0\x80",
		"\x01\x02\x1b[31m\x7f\t\r\n",
		("a\xe2\x80\xae"
		 "gpj.exe"),
		("\xe2\x80\xa8"
		 "x\xc2\x85"),
		"{0}{1}",
		"%s%n",
		"\xf0\x9f",
		"\xe2",
		"-->",
		"]]>",
		"\\",
		"``",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(hostile); i++) {
		for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
			struct hc_page page = page_of(page_kinds[k]);
			struct hc_html_facts plain, facts;
			bool shown = hc_utf8_valid(hostile[i], strlen(hostile[i]));

			/* a name that cannot be shown as it is is not put back into its field */
			page.username = shown || page.kind != HC_PAGE_PASSWORD ? "x" : "";
			plain = rendered(&page, other);
			page.establishment = page.application = page.username = hostile[i];
			page.form_action = hostile[i];
			facts = rendered(&page, html);
			if (facts.structure != plain.structure)
				fail_msg("row %zu, kind %zu: markup came in: %s", i, k, html);
		}
	}
}

static void a_link_that_runs_is_no_link(void **state)
{
	static const struct {
		const char *uri;
		bool safe;
	} rows[] = {
		{"javascript:alert(1)", false},
		{"JavaScript:alert(1)", false},
		{"data:text/html,x", false},
		{"vbscript:x", false},
		{"file:///etc/passwd", false},
		{"about:blank", false},
		{"blob:https://a/b", false},
		{" javascript:alert(1)", false},
		{"java\tscript:alert(1)", false},
		{"", false},
		{"/login", false},
		{"//evil.example/", false},
		{"https:evil.example", false},
		{"https:/evil.example", false},
		{"https://app.example/a b", false},
		{"https://app.example/\"onclick=", false},
		{"https://app.example/\xc3\xa9", false},
		{"1https://app.example/", false},
		{":x", false},
		{"https://app.example/", true},
		{"HTTPS://app.example/?a=b&c='d'#e", true},
		{"http://127.0.0.1:8080/done", true},
		{"org.example.app:/done", true},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_page page = page_of(HC_PAGE_LOGGED_OUT);

		page.link = rows[i].uri;
		if (rendered(&page, html).links != (rows[i].safe ? 1 : 0))
			fail_msg("row %zu: %s", i, rows[i].uri);
	}
}

static void a_hidden_field_that_is_not_ours_gives_no_page(void **state)
{
	static char longer[HC_PAGE_HIDDEN_MAX + 2];
	static const char *const wrong[] = {"a b", "a\"b", "<", "\xc3\xa9", "a&b", "a=", "a\n", longer};
	size_t len = 0;

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	for (size_t i = 0; i < HC_COUNT(wrong); i++) {
		for (int field = 0; field < 3; field++) {
			struct hc_page page = page_of(HC_PAGE_CODE);

			page.request = field == 0 ? wrong[i] : NULL;
			page.conversation = field == 1 ? wrong[i] : NULL;
			page.logout = field == 2 ? wrong[i] : NULL;
			if (hc_page_render(&page, html, HC_PAGE_BYTES_MAX, &len) != HC_ERR_INVALID)
				fail_msg("row %zu, field %d", i, field);
		}
	}
	longer[HC_PAGE_HIDDEN_MAX] = '\0';

	struct hc_page page = page_of(HC_PAGE_CODE);

	page.request = longer;
	(void)rendered(&page, html);
	assert_has(longer);
}

static void a_page_that_does_not_fit_is_no_page(void **state)
{
	struct hc_page page = page_of(HC_PAGE_CODE);
	size_t whole = 0, len = 4711;

	(void)state;
	assert_int_equal(hc_page_render(&page, html, HC_PAGE_BYTES_MAX, &whole), HC_OK);
	for (size_t cap = 0; cap < whole; cap++)
		assert_int_equal(hc_page_render(&page, html, cap, &len), HC_ERR_TOOBIG);
	assert_int_equal(len, 4711);
	assert_int_equal(hc_page_render(&page, html, whole, &len), HC_OK);
	assert_int_equal(len, whole);
}

/* ---- what a page has ---- */

static void each_page_is_well_formed_in_both_languages(void **state)
{
	static const struct {
		unsigned forms, labels, fields, buttons, links, autofocus;
	} has[] = {
		[HC_PAGE_PASSWORD] = {1, 2, 2, 1, 0, 1}, [HC_PAGE_CODE] = {1, 1, 1, 2, 0, 1},
		[HC_PAGE_LOGOUT] = {1, 0, 0, 1, 1, 0},	 [HC_PAGE_LOGGED_OUT] = {0, 0, 0, 0, 1, 0},
		[HC_PAGE_ERROR] = {0, 0, 0, 0, 1, 0},
	};

	(void)state;
	for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
		for (size_t n = 0; n < 2 * HC_COUNT(page_notices); n++) {
			struct hc_page page = page_of(page_kinds[k]);
			enum hc_page_kind kind = page.kind;
			struct hc_html_facts facts;

			page.lang = n % 2 == 0 ? HC_LANG_FR : HC_LANG_EN;
			page.notice = page_notices[n / 2];
			page.reason = n % 3 == 0 ? HC_REASON_BROKER_AWAY : HC_REASON_NONE;
			facts = rendered(&page, html);
			assert_has(page.lang == HC_LANG_FR ? "<html lang=\"fr\">" : "<html lang=\"en\">");
			assert_lacks(">page.");
			assert_lacks(">reason.");
			assert_int_equal(facts.h1, 1);
			assert_int_equal(facts.main, 1);
			assert_int_equal(facts.title, 1);
			assert_int_equal(facts.forms, has[kind].forms);
			assert_int_equal(facts.labels, has[kind].labels);
			assert_int_equal(facts.fields, has[kind].fields);
			assert_int_equal(facts.buttons, has[kind].buttons);
			assert_int_equal(facts.links, has[kind].links);
			assert_int_equal(facts.autofocus, has[kind].autofocus);
		}
	}
}

static void every_text_is_there_in_both_languages(void **state)
{
	char french[1024], english[1024];

	(void)state;
	for (size_t i = 1; i < HC_COUNT(page_notices); i++) {
		assert_true(hc_text_known(page_notices[i]));
		hc_text(HC_LANG_FR, page_notices[i], NULL, french, sizeof(french));
		hc_text(HC_LANG_EN, page_notices[i], NULL, english, sizeof(english));
		assert_string_not_equal(french, english);
	}
}

static void the_password_page_has_what_browsers_and_readers_need(void **state)
{
	struct hc_page page = page_of(HC_PAGE_PASSWORD);

	(void)state;
	page.base = "/sso";
	page.username = NULL;
	(void)rendered(&page, html);
	assert_has("<form method=\"post\" action=\"/sso/login\">");
	assert_has("<input type=\"hidden\" name=\"request\" value=\"" TOKEN "\">");
	assert_has("<label for=\"username\">Identifiant</label>");
	assert_has("name=\"username\" type=\"text\" autocomplete=\"username\"");
	assert_has("<label for=\"password\">Mot de passe</label>");
	assert_has("name=\"password\" type=\"password\" autocomplete=\"current-password\" required>");
	assert_has("<bdi>Dossier patient</bdi>");
	assert_has("<link rel=\"stylesheet\" href=\"/sso/style/");
	assert_lacks("name=\"conversation\"");
	assert_lacks("name=\"logout\"");
	assert_lacks("aria-describedby");
}

static void the_code_page_takes_recovery_codes_too(void **state)
{
	struct hc_page page = page_of(HC_PAGE_CODE);

	(void)state;
	(void)rendered(&page, html);
	assert_has("<input type=\"hidden\" name=\"request\" value=\"" TOKEN "\">");
	assert_has("<input type=\"hidden\" name=\"conversation\" value=\"" TOKEN "\">");
	assert_has("name=\"code\" type=\"text\" inputmode=\"text\" autocomplete=\"one-time-code\"");
	assert_has("aria-describedby=\"hint\"");
	assert_has("<bdi>martin.dupont</bdi>");
	assert_lacks("pattern");
	assert_lacks("maxlength");
	/* the enter key takes the first button */
	assert_true(strstr(html, "<button>") <
		    strstr(html, "<button name=\"restart\" value=\"1\" formnovalidate>"));
}

static void the_logout_page_asks(void **state)
{
	struct hc_page page = page_of(HC_PAGE_LOGOUT);

	(void)state;
	page.lang = HC_LANG_EN;
	page.base = "/sso";
	(void)rendered(&page, html);
	assert_has("<form method=\"post\" action=\"/sso/oauth2/logout\">");
	assert_has("<input type=\"hidden\" name=\"logout\" value=\"" TOKEN "\">");
	assert_has("<h1>Do you want to sign out?</h1>");
	assert_has("<a href=\"https://app.example/\">Back to <bdi>Dossier patient</bdi></a>");
	assert_lacks("name=\"request\"");
}

static void the_cursor_stands_in_the_first_empty_field(void **state)
{
	static char longer[HC_PAGE_TEXT_MAX + 2];
	static const struct {
		const char *username;
		const char *focus;
	} rows[] = {
		{NULL, "username"},   {"", "username"},	    {"martin", "password"},
		{longer, "username"}, {"\xff", "username"}, {"a\nb", "username"},
	};

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_page page = page_of(HC_PAGE_PASSWORD);
		const char *focus = NULL;
		char field[32];

		page.username = rows[i].username;
		(void)rendered(&page, html);
		focus = strstr(html, " autofocus");
		assert_non_null(focus);
		while (memcmp(focus, "<input id=\"", 11) != 0)
			focus--;
		(void)snprintf(field, sizeof(field), "<input id=\"%s\"", rows[i].focus);
		if (strncmp(focus, field, strlen(field)) != 0)
			fail_msg("row %zu: %.40s", i, focus);
	}
}

static void an_error_comes_first_in_the_title(void **state)
{
	static const struct {
		enum hc_page_kind kind;
		const char *notice;
		enum hc_reason reason;
		const char *title;
	} rows[] = {
		{HC_PAGE_PASSWORD, NULL, HC_REASON_NONE, "<title>Connexion – CHU de Saint-Étienne</title>"},
		{HC_PAGE_PASSWORD, HC_PAGE_NOTICE_REFUSED, HC_REASON_NONE, "<title>Erreur – Connexion – CHU"},
		{HC_PAGE_PASSWORD, NULL, HC_REASON_BROKER_AWAY, "<title>Erreur – Connexion – CHU"},
		{HC_PAGE_PASSWORD, HC_PAGE_NOTICE_CONFIRM, HC_REASON_NONE, "<title>Connexion – CHU"},
		{HC_PAGE_PASSWORD, HC_PAGE_NOTICE_STARTED_AGAIN, HC_REASON_NONE, "<title>Connexion – CHU"},
		{HC_PAGE_CODE, NULL, HC_REASON_NONE, "<title>Vérification – CHU"},
		{HC_PAGE_LOGOUT, NULL, HC_REASON_NONE, "<title>Voulez-vous vous déconnecter"},
		{HC_PAGE_ERROR, NULL, HC_REASON_BROKER_AWAY, "<title>Erreur – Connexion impossible – CHU"},
		{HC_PAGE_ERROR, NULL, HC_REASON_NONE, "<title>Erreur – Connexion impossible – CHU"},
		{HC_PAGE_ERROR, HC_PAGE_ERROR_NOT_FOUND, HC_REASON_NONE,
		 "<title>Erreur – Page introuvable – CHU"},
		{HC_PAGE_ERROR, HC_PAGE_ERROR_LOGOUT, HC_REASON_NONE,
		 "<title>Erreur – Déconnexion impossible – CHU"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_page page = page_of(rows[i].kind);

		page.notice = rows[i].notice;
		page.reason = rows[i].reason;
		(void)rendered(&page, html);
		if (strstr(html, rows[i].title) == NULL)
			fail_msg("row %zu: %s is missing in %.300s", i, rows[i].title, html);
	}
}

static void a_notice_is_an_alert_tied_to_the_fields(void **state)
{
	struct hc_page page = page_of(HC_PAGE_PASSWORD);
	struct hc_html_facts facts;

	(void)state;
	page.notice = HC_PAGE_NOTICE_REFUSED;
	facts = rendered(&page, html);
	assert_int_equal(facts.alerts, 1);
	assert_int_equal(facts.described, 2);
	assert_int_equal(facts.invalid, 2);
	page.notice = HC_PAGE_NOTICE_TIMED_OUT;
	facts = rendered(&page, html);
	assert_int_equal(facts.alerts, 1);
	assert_int_equal(facts.described, 2);
	assert_int_equal(facts.invalid, 0);
	page.notice = HC_PAGE_NOTICE_CONFIRM;
	facts = rendered(&page, html);
	assert_int_equal(facts.alerts, 0);
	assert_has("role=\"status\"");
	page = page_of(HC_PAGE_CODE);
	page.notice = HC_PAGE_NOTICE_REFUSED;
	(void)rendered(&page, html);
	assert_has("aria-describedby=\"notice hint\" aria-invalid=\"true\"");
}

static void the_help_desk_code_stands_alone(void **state)
{
	struct hc_page page = page_of(HC_PAGE_ERROR);

	(void)state;
	page.reason = HC_REASON_BROKER_AWAY;
	(void)rendered(&page, html);
	assert_has("<dd>HC-101</dd>");
	assert_has("d’authentification ne répond pas.");
	page.notice = HC_PAGE_ERROR_FORM;
	(void)rendered(&page, html);
	assert_has("<dd>HC-101</dd>");
	assert_lacks("ne répond pas");
	page = page_of(HC_PAGE_PASSWORD);
	page.reason = HC_REASON_BROKER_AWAY;
	assert_int_equal(rendered(&page, html).alerts, 1);
	assert_has("<dd>HC-101</dd>");
	page.reason = HC_REASON_NONE;
	(void)rendered(&page, html);
	assert_lacks("HC-");
}

static void what_is_not_given_is_not_there(void **state)
{
	struct hc_page page = {.kind = HC_PAGE_PASSWORD, .base = "", .establishment = ""};

	(void)state;
	for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
		page.kind = page_kinds[k];
		(void)rendered(&page, html);
		assert_has("<header>\n<p>HospiConnect</p>");
		assert_lacks("<bdi>");
		assert_lacks("hidden");
		assert_lacks("<a ");
	}
}

static void the_longest_page_fits(void **state)
{
	static char text[512], hidden[HC_PAGE_HIDDEN_MAX + 1], conversation[257], link[HC_PAGE_LINK_MAX + 1],
		base[257];

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	memset(hidden, 'a', sizeof(hidden) - 1);
	memset(conversation, 'a', sizeof(conversation) - 1);
	memset(link, '&', sizeof(link) - 1);
	for (size_t i = 0; "https://a/"[i] != '\0'; i++)
		link[i] = "https://a/"[i];
	memset(base, '&', sizeof(base) - 1);
	base[0] = '/';
	for (size_t k = 0; k < HC_COUNT(page_kinds); k++) {
		for (size_t n = 0; n < HC_COUNT(page_notices); n++) {
			struct hc_page page = {.kind = page_kinds[k],
					       .lang = HC_LANG_FR,
					       .base = base,
					       .establishment = text,
					       .application = text,
					       .notice = page_notices[n],
					       .reason = HC_REASON_BROKER_AWAY,
					       .username = text,
					       .request = hidden,
					       .conversation = conversation,
					       .logout = hidden,
					       .form_action = link,
					       .link = link};

			(void)rendered(&page, html);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_is_one_page_whatever_the_cause),
		cmocka_unit_test(markup_in_a_name_stays_text),
		cmocka_unit_test(a_link_that_runs_is_no_link),
		cmocka_unit_test(a_hidden_field_that_is_not_ours_gives_no_page),
		cmocka_unit_test(a_page_that_does_not_fit_is_no_page),
		cmocka_unit_test(each_page_is_well_formed_in_both_languages),
		cmocka_unit_test(every_text_is_there_in_both_languages),
		cmocka_unit_test(the_password_page_has_what_browsers_and_readers_need),
		cmocka_unit_test(the_code_page_takes_recovery_codes_too),
		cmocka_unit_test(the_logout_page_asks),
		cmocka_unit_test(the_cursor_stands_in_the_first_empty_field),
		cmocka_unit_test(an_error_comes_first_in_the_title),
		cmocka_unit_test(a_notice_is_an_alert_tied_to_the_fields),
		cmocka_unit_test(the_help_desk_code_stands_alone),
		cmocka_unit_test(what_is_not_given_is_not_there),
		cmocka_unit_test(the_longest_page_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
