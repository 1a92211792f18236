/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: which texts are none, and names compared whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/scope.h"

static void a_text_outside_of_the_grammar_is_no_scope(void **state)
{
	static const struct {
		const char *text;
		enum hc_err err;
	} cases[] = {
		{" openid", HC_ERR_INVALID},
		{"openid ", HC_ERR_INVALID},
		{"openid  profile", HC_ERR_INVALID},
		{" ", HC_ERR_INVALID},
		{"open\"id", HC_ERR_INVALID},
		{"open\\id", HC_ERR_INVALID},
		{"open\tid", HC_ERR_INVALID},
		{"opén", HC_ERR_INVALID},
		{"openid openid", HC_ERR_INVALID},
		{"a b c a", HC_ERR_INVALID},
		{"a\x7f", HC_ERR_INVALID},
		{"", HC_OK},
		{"openid", HC_OK},
		{"openid profile", HC_OK},
		{"a ab abc", HC_OK},
		{"lab:read https://x/y#z", HC_OK},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		struct hc_scope_text scope = {"untouched"};
		const enum hc_err err = hc_scope_parse(cases[i].text, strlen(cases[i].text), &scope);

		if (err != cases[i].err ||
		    strcmp(scope.text, err == HC_OK ? cases[i].text : "untouched") != 0)
			fail_msg("row %zu: %d, %s", i, (int)err, scope.text);
	}
}

static void a_scope_has_a_limit(void **state)
{
	char text[HC_SCOPE_TEXT_MAX + 1];
	struct hc_scope_text scope;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(hc_scope_parse(text, HC_SCOPE_TEXT_MAX, &scope), HC_OK);
	assert_int_equal(hc_scope_parse(text, HC_SCOPE_TEXT_MAX + 1, &scope), HC_ERR_TOOBIG);
}

static void names_are_compared_whole(void **state)
{
	const struct hc_scope_text scope = {"openid2 profile scope_all"};

	(void)state;
	assert_false(hc_scope_has(&scope, "openid"));
	assert_false(hc_scope_has(&scope, "prof"));
	assert_false(hc_scope_has(&scope, "all"));
	assert_false(hc_scope_has(&scope, "Profile"));
	assert_false(hc_scope_has(&scope, ""));
	assert_true(hc_scope_has(&scope, "openid2"));
	assert_true(hc_scope_has(&scope, "profile"));
	assert_true(hc_scope_has(&scope, "scope_all"));
}

static void what_two_scopes_share_stands_in_the_order_of_the_first(void **state)
{
	static const struct {
		struct hc_scope_text wanted, allowed, both;
	} cases[] = {
		{{"c a b"}, {"a b c"}, {"c a b"}},
		{{"a x b"}, {"b a"}, {"a b"}},
		{{"x"}, {"a"}, {""}},
		{{""}, {"a"}, {""}},
		{{"a"}, {""}, {""}},
		{{"ab"}, {"a b"}, {""}},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		struct hc_scope_text both = cases[i].wanted;

		hc_scope_intersect(&both, &cases[i].allowed, &both);
		if (strcmp(both.text, cases[i].both.text) != 0)
			fail_msg("row %zu: %s", i, both.text);
	}
}

static void a_name_is_removed_wherever_it_stands(void **state)
{
	static const struct {
		struct hc_scope_text before, after;
	} cases[] = {
		{{"x a b"}, {"a b"}}, {{"a x b"}, {"a b"}},   {{"a b x"}, {"a b"}},
		{{"x"}, {""}},	      {{"xx ax"}, {"xx ax"}}, {{""}, {""}},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		struct hc_scope_text scope = cases[i].before;

		hc_scope_remove(&scope, "x");
		if (strcmp(scope.text, cases[i].after.text) != 0)
			fail_msg("row %zu: %s", i, scope.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_outside_of_the_grammar_is_no_scope),
		cmocka_unit_test(a_scope_has_a_limit),
		cmocka_unit_test(names_are_compared_whole),
		cmocka_unit_test(what_two_scopes_share_stands_in_the_order_of_the_first),
		cmocka_unit_test(a_name_is_removed_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
