/* SPDX-License-Identifier: Apache-2.0 */
/* RP-Initiated Logout: who may end a session without a question, and where a browser is never sent. */
#include "browser_support.h"

#include "oauth/authorize_request.h"

#define QUESTION "name=\"logout\""
#define BACK	 "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"

/* A signed-in browser, its ID token and its refresh token. */
struct signed_in {
	struct browser browser;
	char id_token[HC_JWS_MAX], refresh[128];
};

static struct signed_in *sign_in(struct site *site, const char *user)
{
	struct signed_in *person = calloc(1, sizeof(*person));
	char code[HC_TICKET_LEN + 1];

	person->browser.site = site;
	browser_enter(&person->browser, user, code);
	GW_JSON(tokens) = browser_redeem(&person->browser, code);
	gw_print(person->id_token, sizeof(person->id_token), "%s", gw_text(tokens, "id_token"));
	gw_print(person->refresh, sizeof(person->refresh), "%s", gw_text(tokens, "refresh_token"));
	return person;
}

static struct gw_reply ask(struct browser *browser, const char *hint, const char *more)
{
	char target[12000];

	gw_print(target, sizeof(target), "%s?%s%s%s", HC_PATH_LOGOUT, hint != NULL ? "id_token_hint=" : "a=b",
		 hint != NULL ? hint : "", more);
	return browser_get(browser, target);
}

static struct gw_reply confirm(struct browser *browser)
{
	char form[12000];

	gw_print(form, sizeof(form), "logout=%s", browser->logout);
	return browser_post(browser, HC_PATH_LOGOUT, form);
}

static bool is_signed_in(struct browser *browser)
{
	GW_REPLY_OF(reply) = browser_authorize(browser, SITE_QUERY, "&prompt=none");

	return reply_param(&reply, "code")[0] != '\0';
}

static bool refreshes(struct signed_in *person)
{
	char form[512];

	gw_print(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s", person->refresh);
	GW_REPLY_OF(reply) =
		gw_post(&person->browser.site->doors[0], HC_PATH_TOKEN, gw_basic("app", GW_SECRET), form);
	return reply.status == 200;
}

static void assert_question(const struct gw_reply *reply)
{
	assert_page(reply, 200, QUESTION);
	assert_null(reply_header(reply, "Set-Cookie"));
}

static const char *question_of(const struct gw_reply *reply)
{
	static char field[9000];

	browser_field(reply, "logout", field, sizeof(field));
	return field;
}

/* ---- never without a question, never a redirect ---- */

enum hint { HINT_NONE, HINT_OWN, HINT_ALTERED, HINT_GARBAGE, HINT_ALG_NONE };

static const char *hint_of(const struct signed_in *person, enum hint which)
{
	static char altered[HC_JWS_MAX];
	char *last = NULL;

	gw_print(altered, sizeof(altered), "%s", person->id_token);
	last = altered + strlen(altered) - 10;
	*last = *last == 'A' ? 'B' : 'A';
	switch (which) {
	case HINT_NONE:
		break;
	case HINT_OWN:
		return person->id_token;
	case HINT_ALTERED:
		return altered;
	case HINT_GARBAGE:
		return "x.y.z";
	case HINT_ALG_NONE:
		return "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiYXVkIjoiYXBwIn0.";
	}
	return NULL;
}

static void what_does_not_come_from_this_session_is_asked_and_never_redirected(void **state)
{
	static const struct {
		enum hint hint;
		const char *more;
	} table[] = {
		{HINT_NONE, ""},
		{HINT_NONE, "&state=x"},
		{HINT_NONE, BACK},
		{HINT_NONE, "&client_id=nobody" BACK},
		{HINT_NONE, "&client_id=other" BACK},
		{HINT_GARBAGE, BACK},
		{HINT_ALG_NONE, BACK},
		{HINT_ALTERED, BACK},
		{HINT_ALTERED, "&client_id=app" BACK},
		{HINT_OWN, "&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F"},
		{HINT_OWN, "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye%3Fx%3D1"},
		{HINT_OWN, "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fcb"},
		{HINT_OWN, "&post_logout_redirect_uri=https%3A%2F%2Fother.example%2Fbye"},
		{HINT_OWN, "&client_id=other" BACK},
		{HINT_OWN, "&client_id=other&post_logout_redirect_uri=https%3A%2F%2Fother.example%2Fbye"},
	};

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct signed_in *martin = sign_in(*state, "martin");
		GW_REPLY_OF(reply) = ask(&martin->browser, hint_of(martin, table[i].hint), table[i].more);

		if (reply.status != 200 || strstr(reply.body, QUESTION) == NULL)
			fail_msg("row %zu: %s", i, reply.text);
		assert_question(&reply);
		assert_true(is_signed_in(&martin->browser));
		gw_print(martin->browser.logout, sizeof(martin->browser.logout), "%s", question_of(&reply));
		GW_REPLY_OF(end) = confirm(&martin->browser);
		if (end.status != 200 || reply_header(&end, "Location") != NULL)
			fail_msg("row %zu: %s", i, end.text);
		assert_false(is_signed_in(&martin->browser));
		free(martin);
	}
}

static void the_hint_of_another_session_is_no_licence_to_end_this_one(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin"), *durand = sign_in(*state, "durand");
	struct signed_in *elsewhere = sign_in(*state, "martin"); /* the same person in another browser */

	GW_REPLY_OF(other) = ask(&martin->browser, durand->id_token, BACK);
	assert_question(&other);
	GW_REPLY_OF(same) = ask(&martin->browser, elsewhere->id_token, BACK);
	assert_question(&same);
	assert_true(is_signed_in(&martin->browser));
	assert_true(is_signed_in(&durand->browser));
	/* The cookie is the authority: a token alone ends nothing. */
	struct browser nobody = {.site = *state};
	GW_REPLY_OF(alone) = ask(&nobody, durand->id_token, BACK);
	assert_string_equal(reply_location(&alone), SITE_BACK);
	assert_true(is_signed_in(&durand->browser));
	/* After the question the registered address of the hint's client is where it goes on. */
	GW_REPLY_OF(yes) = confirm(&martin->browser);
	assert_string_equal(reply_location(&yes), SITE_BACK);
	assert_false(is_signed_in(&martin->browser));
	free(martin);
	free(durand);
	free(elsewhere);
}

static void a_confirmation_of_somebody_else_is_not_one(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin"), *durand = sign_in(*state, "durand");
	GW_REPLY_OF(page) = ask(&durand->browser, NULL, "");
	char field[9000];

	gw_print(field, sizeof(field), "%s", durand->browser.logout);
	gw_print(martin->browser.logout, sizeof(martin->browser.logout), "%s", field);
	GW_REPLY_OF(foreign) = confirm(&martin->browser);
	assert_page(&foreign, 400, "HC-504");
	gw_print(martin->browser.logout, sizeof(martin->browser.logout), "AAAA");
	GW_REPLY_OF(made_up) = confirm(&martin->browser);
	assert_page(&made_up, 400, "HC-504");
	gw_print(durand->browser.logout, sizeof(durand->browser.logout), "%s", field);
	durand->browser.headers = "Origin: https://evil.example\r\n";
	GW_REPLY_OF(origin) = confirm(&durand->browser);
	assert_page(&origin, 403, "HC-508");
	durand->browser.headers = NULL;
	struct browser nobody = {.site = *state};
	gw_print(nobody.logout, sizeof(nobody.logout), "%s", field);
	GW_REPLY_OF(cookieless) = confirm(&nobody);
	assert_page(&cookieless, 400, "HC-505");
	assert_true(is_signed_in(&martin->browser) && is_signed_in(&durand->browser));
	gw_pass(martin->browser.site->base, 900000);
	gw_print(durand->browser.logout, sizeof(durand->browser.logout), "%s", field);
	GW_REPLY_OF(old) = confirm(&durand->browser);
	assert_page(&old, 400, "HC-504");
	assert_true(is_signed_in(&durand->browser));
	free(martin);
	free(durand);
}

static void a_request_with_a_parameter_twice_or_too_long_ends_nothing(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	char *more = calloc(1, 3000);

	GW_REPLY_OF(twice) = ask(&martin->browser, martin->id_token, "&state=a&state=b");
	assert_page(&twice, 400, "HC-501");
	gw_print(more, 3000, "&state=");
	memset(more + 7, 'x', HC_STATE_MAX + 1);
	GW_REPLY_OF(longer) = ask(&martin->browser, martin->id_token, more);
	assert_page(&longer, 400, "HC-501");
	GW_REPLY_OF(look) = browser_send(&martin->browser, "HEAD", HC_PATH_LOGOUT, "", "");
	assert_int_equal(look.status, 405);
	assert_true(is_signed_in(&martin->browser));
	free(more);
	free(martin);
}

/* ---- what works ---- */

static void the_application_of_this_session_signs_out_at_once_and_everything_ends(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	GW_REPLY_OF(other) = browser_authorize(&martin->browser, SITE_OTHER, "");

	GW_REPLY_OF(reply) = ask(&martin->browser, martin->id_token, BACK "&state=a%26b&client_id=app");
	assert_string_equal(reply_location(&reply), SITE_BACK "?state=a%26b");
	assert_string_equal(reply_header(&reply, "Set-Cookie"),
			    HC_COOKIE_SESSION "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
	assert_false(is_signed_in(&martin->browser));
	assert_int_equal(site_sessions(*state).count, 0);
	assert_int_equal(site_counter(*state, HC_COUNTER_LOGOUTS), 1);
	const struct site_records records = site_records(*state);
	const struct hc_outbox_record *last = &records.rows[records.count - 1];
	assert_int_equal(last->event, HC_OUTBOX_LOGOUT);
	assert_int_equal(last->person_id, 7);
	assert_string_equal(last->login, "martin");
	assert_string_equal(last->client_id, "app");
	assert_string_equal(last->origin, "127.0.0.1");
	assert_false(refreshes(martin));
	free(martin);
}

static void without_an_address_to_go_to_there_is_a_page(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	GW_REPLY_OF(reply) = ask(&martin->browser, martin->id_token, "&state=unused");

	assert_page(&reply, 200, "</html>");
	assert_null(strstr(reply.body, QUESTION));
	assert_false(is_signed_in(&martin->browser));
	free(martin);
}

static void no_state_comes_back_that_was_not_sent(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	GW_REPLY_OF(reply) = ask(&martin->browser, martin->id_token, BACK);

	assert_string_equal(reply_location(&reply), SITE_BACK);
	free(martin);
}

static void an_expired_hint_is_a_hint_all_the_same(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");

	gw_pass(martin->browser.site->base, 20 * 60000); /* ID tokens last five minutes */
	GW_REPLY_OF(reply) = ask(&martin->browser, martin->id_token, BACK);
	assert_string_equal(reply_location(&reply), SITE_BACK);
	assert_false(is_signed_in(&martin->browser));
	free(martin);
}

static void a_session_at_rest_is_ended_with_its_tokens(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");

	gw_pass(martin->browser.site->base, 3600000);
	assert_false(is_signed_in(&martin->browser));
	GW_REPLY_OF(reply) = ask(&martin->browser, martin->id_token, BACK);
	assert_string_equal(reply_location(&reply), SITE_BACK);
	assert_false(refreshes(martin));
	free(martin);
}

static void a_person_who_confirms_is_signed_out_and_goes_where_the_client_is_registered(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	GW_REPLY_OF(page) = ask(&martin->browser, NULL, "&client_id=app" BACK "&state=s1");

	assert_question(&page);
	assert_non_null(strstr(page.body, "martin"));
	GW_REPLY_OF(end) = confirm(&martin->browser);
	assert_string_equal(reply_location(&end), SITE_BACK "?state=s1");
	assert_false(is_signed_in(&martin->browser));
	assert_false(refreshes(martin));
	free(martin);
}

static void a_page_that_is_confirmed_twice_is_no_trouble(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	struct browser kept;
	GW_REPLY_OF(page) = ask(&martin->browser, NULL, "");

	kept = martin->browser;
	GW_REPLY_OF(first) = confirm(&martin->browser);
	assert_page(&first, 200, "</html>");
	GW_REPLY_OF(second) = confirm(&kept);
	assert_page(&second, 200, "</html>");
	assert_int_equal(site_counter(*state, HC_COUNTER_LOGOUTS), 1);
	free(martin);
}

static void a_request_by_post_is_sent_on_to_find_the_session(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	struct browser form = {.site = *state};
	char body[HC_JWS_MAX + 256];

	gw_print(body, sizeof(body), "id_token_hint=%s%s", martin->id_token, BACK);
	GW_REPLY_OF(sent_on) = browser_post(&form, HC_PATH_LOGOUT, body);
	gw_print(body, sizeof(body), "%s", reply_location(&sent_on) + strlen(GW_ISSUER));
	GW_REPLY_OF(end) = browser_get(&martin->browser, body);
	assert_string_equal(reply_location(&end), SITE_BACK);
	assert_false(is_signed_in(&martin->browser));
	free(martin);
}

static void a_form_of_another_site_makes_no_browser_forget_its_session(void **state)
{
	struct signed_in *martin = sign_in(*state, "martin");
	struct browser form = {.site = *state};
	char body[8192] = "a=";

	/* Too long to be sent on as GET. */
	(void)memset(body + 2, 'x', sizeof(body) - 3);
	body[sizeof(body) - 1] = '\0';
	GW_REPLY_OF(reply) = browser_post(&form, HC_PATH_LOGOUT, body);
	assert_page(&reply, 200, "</html>");
	assert_null(reply_header(&reply, "Set-Cookie"));
	assert_true(is_signed_in(&martin->browser));
	free(martin);
}

static void nobody_signed_in_is_a_page_that_says_so(void **state)
{
	static const char *const more[] = {"", "&state=x", BACK, "&client_id=app" BACK,
					   "&client_id=nobody" BACK};

	for (size_t i = 0; i < HC_COUNT(more); i++) {
		struct browser browser = {.site = *state};
		GW_REPLY_OF(reply) = ask(&browser, NULL, more[i]);

		assert_page(&reply, 200, "</html>");
		/* a way back that can be clicked where the client and its address are known */
		assert_int_equal(strstr(reply.body, SITE_BACK) != NULL, i == 3);
	}
	assert_int_equal(site_counter(*state, HC_COUNTER_LOGOUTS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE_CASE(what_does_not_come_from_this_session_is_asked_and_never_redirected),
		SITE_CASE(the_hint_of_another_session_is_no_licence_to_end_this_one),
		SITE_CASE(a_confirmation_of_somebody_else_is_not_one),
		SITE_CASE(a_request_with_a_parameter_twice_or_too_long_ends_nothing),
		SITE_CASE(the_application_of_this_session_signs_out_at_once_and_everything_ends),
		SITE_CASE(without_an_address_to_go_to_there_is_a_page),
		SITE_CASE(no_state_comes_back_that_was_not_sent),
		SITE_CASE(an_expired_hint_is_a_hint_all_the_same),
		SITE_CASE(a_session_at_rest_is_ended_with_its_tokens),
		SITE_CASE(a_person_who_confirms_is_signed_out_and_goes_where_the_client_is_registered),
		SITE_CASE(a_page_that_is_confirmed_twice_is_no_trouble),
		SITE_CASE(a_request_by_post_is_sent_on_to_find_the_session),
		SITE_CASE(a_form_of_another_site_makes_no_browser_forget_its_session),
		SITE_CASE(nobody_signed_in_is_a_page_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
