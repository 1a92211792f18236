/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization requests: what is refused, how, in which order, and what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/authorize_request.h"
#include "oauth/scope.h"

#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" /* RFC 7636 appendix B */
#define WHO	  "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
#define PKCE	  "&code_challenge=" CHALLENGE "&code_challenge_method=S256"
#define GOOD	  WHO "&response_type=code&scope=openid%20profile" PKCE

static const struct hc_client *app(void)
{
	static const struct hc_client client = {
		.number = 1,
		.id = "app",
		.auth = HC_CLIENT_PUBLIC,
		.grants = HC_GRANT_CODE,
		.scopes = {"openid profile"},
		.redirect_uris = {.count = 2, .uri = {"https://app.example/cb", "https://app.example/other"}},
	};

	return &client;
}

struct outcome {
	enum hc_err err;
	struct hc_authorize_request request;
	struct hc_authorize_refusal refusal;
	struct hc_params params; /* the request's views point here */
};

static void outcome_clear(struct outcome *outcome)
{
	hc_params_clear(&outcome->params);
}

static void read_query(const char *query, const struct hc_client *client, struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	assert_int_equal(hc_params_parse(query, strlen(query), &outcome->params), HC_OK);
	outcome->err =
		hc_authorize_request_read(&outcome->params, client, &outcome->request, &outcome->refusal);
}
#define READ(name, query, client)                      \
	struct outcome name HC_CLEANUP(outcome_clear); \
	read_query((query), (client), &(name))

static void nothing_is_sent_anywhere_before_client_and_address_are_known(void **state)
{
	static const struct {
		const char *query;
		enum hc_reason reason;
	} table[] = {
		{"", HC_REASON_REQUEST_INVALID},
		{"redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_REQUEST_INVALID},
		{"client_id=&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_REQUEST_INVALID},
		{"client_id=nobody&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_CLIENT_UNKNOWN},
		{"client_id=APP&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_CLIENT_UNKNOWN},
		{"client_id=app%20&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_CLIENT_UNKNOWN},
		{"client_id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 HC_REASON_CLIENT_UNKNOWN},
		{"client_id=app", HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=", HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fevil.example%2Fcb",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%2F",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2FCB",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fc",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fx%3D1",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%2F..%2Fcb",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%3A443%2Fcb",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		{"client_id=app&redirect_uri=%20https%3A%2F%2Fapp.example%2Fcb",
		 HC_REASON_REDIRECT_NOT_REGISTERED},
		/* whatever else is wrong or right */
		{GOOD "&client_id=app", HC_REASON_REQUEST_INVALID},
		{GOOD "&state=a&state=a", HC_REASON_REQUEST_INVALID},
		{GOOD "&unknown=1&unknown=2", HC_REASON_REQUEST_INVALID},
		{GOOD "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", HC_REASON_REQUEST_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		READ(outcome, table[i].query, app());
		if (outcome.err != HC_ERR_INVALID || outcome.refusal.reason != table[i].reason ||
		    outcome.refusal.redirect_uri[0] != '\0')
			fail_msg("row %zu: %s: %d", i, table[i].query, (int)outcome.refusal.reason);
	}
	READ(nobody, GOOD, NULL);
	assert_int_equal(nobody.err, HC_ERR_INVALID);
	assert_int_equal(nobody.refusal.reason, HC_REASON_CLIENT_UNKNOWN);
}

static const struct {
	const char *query; /* behind client and address */
	const char *error;
} redirected[] = {
	{"&scope=openid" PKCE, "invalid_request"}, /* no response_type */
	{"&response_type=&scope=openid" PKCE, "invalid_request"},
	{"&response_type=token&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=id_token&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=code%20id_token&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=code%20&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=Code&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=none&scope=openid" PKCE, "unsupported_response_type"},
	{"&response_type=code&scope=openid&response_mode=fragment" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&response_mode=form_post" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&response_mode=query.jwt" PKCE, "invalid_request"},
	/* PKCE */
	{"&response_type=code&scope=openid", "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge_method=S256", "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=&code_challenge_method=S256", "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE, "invalid_request"}, /* means plain */
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE "&code_challenge_method=",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE "&code_challenge_method=plain",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE "&code_challenge_method=s256",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"
	 "&code_challenge_method=S256",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE "A&code_challenge_method=S256",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=" CHALLENGE "%3D&code_challenge_method=S256",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw%2BcM"
	 "&code_challenge_method=S256",
	 "invalid_request"},
	{"&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"
	 "&code_challenge_method=S256",
	 "invalid_request"}, /* bits beyond the last byte */
	/* scope */
	{"&response_type=code" PKCE, "invalid_scope"},
	{"&response_type=code&scope=" PKCE, "invalid_scope"},
	{"&response_type=code&scope=profile" PKCE, "invalid_scope"},
	{"&response_type=code&scope=openid2" PKCE, "invalid_scope"},
	{"&response_type=code&scope=OPENID" PKCE, "invalid_scope"},
	{"&response_type=code&scope=openid%20%20profile" PKCE, "invalid_scope"},
	{"&response_type=code&scope=openid%20%22" PKCE, "invalid_scope"},
	{"&response_type=code&scope=openid%20openid" PKCE, "invalid_scope"},
	/* what is not supported, and says so */
	{"&response_type=code&scope=openid&request=eyJ" PKCE, "request_not_supported"},
	{"&response_type=code&scope=openid&request_uri=https%3A%2F%2Fapp.example%2Fr" PKCE,
	 "request_uri_not_supported"},
	{"&response_type=code&scope=openid&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax" PKCE,
	 "request_uri_not_supported"},
	{"&response_type=code&scope=openid&registration=%7B%7D" PKCE, "registration_not_supported"},
	/* prompt, max_age */
	{"&response_type=code&scope=openid&prompt=none%20login" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&prompt=login%20none" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&prompt=create" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&prompt=None" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&prompt=login%20%20consent" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&prompt=%20login" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=-1" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=1.5" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=%2B5" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=0x10" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=1%20" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=99999999999" PKCE, "invalid_request"},
	{"&response_type=code&scope=openid&max_age=1e300" PKCE, "invalid_request"},
};

static bool may_stand_in_a_description(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
			return false;
	}
	return true;
}

static void faults_behind_a_known_address_are_told_to_the_application_with_its_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(redirected); i++) {
		char query[1024];

		(void)snprintf(query, sizeof(query), "%s%s%s", WHO, "&state=s%261", redirected[i].query);
		READ(outcome, query, app());
		if (outcome.err != HC_ERR_INVALID || outcome.refusal.reason != HC_REASON_NONE ||
		    strcmp(outcome.refusal.error, redirected[i].error) != 0)
			fail_msg("row %zu: %s: %s", i, redirected[i].query,
				 outcome.err != HC_OK ? outcome.refusal.error : "accepted");
		assert_string_equal(outcome.refusal.redirect_uri, "https://app.example/cb");
		assert_string_equal(outcome.refusal.state, "s&1");
		assert_true(may_stand_in_a_description(outcome.refusal.description));
	}
}

static void a_client_without_the_grant_or_the_scope_gets_no_code(void **state)
{
	struct hc_client client = *app();

	(void)state;
	client.grants = HC_GRANT_REFRESH | HC_GRANT_CREDENTIALS;
	READ(grant, GOOD, &client);
	assert_int_equal(grant.err, HC_ERR_INVALID);
	assert_string_equal(grant.refusal.error, "unauthorized_client");
	client.grants = HC_GRANT_CODE;
	(void)snprintf(client.scopes.text, sizeof(client.scopes.text), "profile");
	READ(scope, GOOD, &client);
	assert_int_equal(scope.err, HC_ERR_INVALID);
	assert_string_equal(scope.refusal.error, "invalid_scope");
}

/* A request with one long text, of len letters. */
static void read_long(const char *name, size_t len, struct outcome *outcome)
{
	char *query = malloc(sizeof(GOOD) + len + 32);
	const size_t cap = sizeof(GOOD) + len + 32;
	const int head = snprintf(query, cap, "%s&%s=", GOOD, name);

	memset(query + head, 'x', len);
	query[(size_t)head + len] = '\0';
	read_query(query, app(), outcome);
	free(query);
}

static void a_text_that_is_too_long_is_an_error_and_is_never_cut(void **state)
{
	struct outcome outcome;

	(void)state;
	read_long("state", HC_STATE_MAX + 1, &outcome);
	assert_int_equal(outcome.err, HC_ERR_INVALID);
	assert_string_equal(outcome.refusal.error, "invalid_request");
	assert_string_equal(outcome.refusal.state, "");
	outcome_clear(&outcome);
	read_long("state", HC_STATE_MAX, &outcome);
	assert_int_equal(outcome.err, HC_OK);
	assert_int_equal(strlen(outcome.request.what.state), HC_STATE_MAX);
	outcome_clear(&outcome);
	read_long("nonce", HC_NONCE_MAX + 1, &outcome);
	assert_int_equal(outcome.err, HC_ERR_INVALID);
	assert_string_equal(outcome.refusal.error, "invalid_request");
	outcome_clear(&outcome);
	read_long("nonce", HC_NONCE_MAX, &outcome);
	assert_int_equal(outcome.err, HC_OK);
	assert_int_equal(strlen(outcome.request.what.nonce), HC_NONCE_MAX);
	outcome_clear(&outcome);
}

static void a_good_request_is_read_as_it_stands(void **state)
{
	static const uint8_t challenge[4] = {0x13, 0xd3, 0x1e, 0x96};

	(void)state;
	READ(outcome,
	     GOOD "&state=st%20ate&nonce=n%2Fo&prompt=login%20consent&max_age=300&login_hint=martin"
		  "&ui_locales=en%20fr&id_token_hint=a.b.c",
	     app());
	const struct hc_authorize_request *request = &outcome.request;
	assert_int_equal(outcome.err, HC_OK);
	assert_string_equal(request->what.client_id, "app");
	assert_string_equal(request->what.redirect_uri, "https://app.example/cb");
	assert_string_equal(request->what.state, "st ate");
	assert_string_equal(request->what.nonce, "n/o");
	assert_string_equal(request->what.scope.text, "openid profile");
	assert_memory_equal(request->what.challenge, challenge, sizeof(challenge));
	assert_int_equal(request->prompt, HC_PROMPT_LOGIN | HC_PROMPT_CONSENT);
	assert_int_equal(request->max_age_s, 300);
	assert_string_equal(request->login_hint.data, "martin");
	assert_string_equal(request->ui_locales.data, "en fr");
	assert_string_equal(request->id_token_hint.data, "a.b.c");
}

static void what_is_absent_empty_or_unknown_changes_nothing(void **state)
{
	static const char *const tails[] = {
		"",
		"&state=&nonce=&prompt=&max_age=&id_token_hint=&login_hint=&ui_locales=",
		"&request=&request_uri=&registration=&response_mode=",
		"&display=popup&claims_locales=se&acr_values=1%202&claims=%7B%22userinfo%22%3A1%7D",
		"&extra=foobar&resource=https%3A%2F%2Fapi.example",
		"&response_mode=query",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(tails); i++) {
		char query[1024];

		(void)snprintf(query, sizeof(query), "%s%s", GOOD, tails[i]);
		READ(outcome, query, app());
		if (outcome.err != HC_OK)
			fail_msg("row %zu: %s", i, outcome.refusal.description);
		assert_string_equal(outcome.request.what.state, "");
		assert_string_equal(outcome.request.what.nonce, "");
		assert_int_equal(outcome.request.prompt, 0);
		assert_int_equal(outcome.request.max_age_s, -1);
		assert_null(outcome.request.login_hint.data);
		assert_null(outcome.request.id_token_hint.data);
		assert_null(outcome.request.ui_locales.data);
	}
}

static void scopes_that_a_client_may_not_have_are_left_out(void **state)
{
	(void)state;
	READ(outcome,
	     WHO "&response_type=code&scope=email%20profile%20scope_all%20openid%20offline_access" PKCE,
	     app());
	assert_int_equal(outcome.err, HC_OK);
	assert_string_equal(outcome.request.what.scope.text, "profile openid");
}

static void max_age_zero_is_not_the_same_as_none(void **state)
{
	(void)state;
	READ(zero, GOOD "&max_age=0", app());
	assert_int_equal(zero.request.max_age_s, 0);
	READ(largest, GOOD "&max_age=9999999999", app());
	assert_int_equal(largest.request.max_age_s, INT64_C(9999999999));
}

static void a_client_may_have_several_addresses(void **state)
{
	(void)state;
	READ(outcome,
	     "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fother&response_type=code&scope="
	     "openid" PKCE,
	     app());
	assert_int_equal(outcome.err, HC_OK);
	assert_string_equal(outcome.request.what.redirect_uri, "https://app.example/other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_sent_anywhere_before_client_and_address_are_known),
		cmocka_unit_test(faults_behind_a_known_address_are_told_to_the_application_with_its_state),
		cmocka_unit_test(a_client_without_the_grant_or_the_scope_gets_no_code),
		cmocka_unit_test(a_text_that_is_too_long_is_an_error_and_is_never_cut),
		cmocka_unit_test(a_good_request_is_read_as_it_stands),
		cmocka_unit_test(what_is_absent_empty_or_unknown_changes_nothing),
		cmocka_unit_test(scopes_that_a_client_may_not_have_are_left_out),
		cmocka_unit_test(max_age_zero_is_not_the_same_as_none),
		cmocka_unit_test(a_client_may_have_several_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
