/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and running of PAM stacks: grammar, includes, controls, jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hospictl/pam_stack.h"

#include "ctl_pam_samples.h"

/* Every module returns what its argument says: "7", or "0|7". */
static uint32_t said(const struct hc_pam_line *line, const void *ctx)
{
	uint32_t codes = 0;
	const char *at = line->arguments;

	(void)ctx;
	while (*at >= '0' && *at <= '9') {
		char *end;
		unsigned long code = strtoul(at, &end, 10);

		codes |= code < 32 ? HC_PAM_BIT(code) : 0;
		at = *end == '|' ? end + 1 : end;
	}
	return codes;
}

static enum hc_pam_answer answer(const char *text)
{
	struct sample_file files[] = {{"s", text}, {NULL, NULL}};
	struct hc_pam_stack stack;
	struct hc_pam_path path;
	enum hc_pam_answer result;

	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	result = hc_pam_reaches_success(&stack, said, NULL, &path);
	hc_pam_stack_clear(&stack);
	return result;
}

static void stacks_that_must_not_succeed_do_not(void **state)
{
	static const char *const stacks[] = {
		"",
		"auth required a.so 7\n",
		"auth required a.so 0\nauth required b.so 7\n",
		"auth required a.so 7\nauth sufficient b.so 0\n",
		"auth optional a.so 7\n",
		"auth optional a.so 25\nauth required b.so 25\n",
		"auth requisite a.so 7\nauth required b.so 0\n",
		"auth sufficient a.so 7\n",
		"auth [default=ignore] a.so 0\n",
		"auth [success=1 default=ignore] a.so 0\n",
		"auth [success=2 default=ignore] a.so 0\nauth required b.so 0\n",
		("auth [success=1 default=ignore] a.so 7\nauth requisite deny.so 7\nauth required permit.so "
		 "0\n"),
		"auth nonsense a.so 0\n",
		"auth [success=maybe] a.so 0\n",
		"auth [success=ok default=ok] a.so 7\nauth required b.so 0\n",
		"auth required\nauth required b.so 0\n",
		"auth\nauth required b.so 0\n",
		"nonsense required a.so 0\nauth sufficient b.so 0\n",
		"auth include nowhere\nauth required b.so 0\n",
		"auth substack nowhere\nauth required b.so 0\n",
		"@include nowhere\nauth required b.so 0\n",
		"auth sufficient b.so 0\n@include nowhere\n",
		"auth sufficient b.so 0\n@include\n",
		"session required a.so 0\n",
		"auth include s\nauth required b.so 0\n",
		"auth required a.so 0\nauth [default=reset] b.so 0\n",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(stacks); i++) {
		if (answer(stacks[i]) != HC_PAM_NEVER)
			fail_msg("row %zu: %s", i, stacks[i]);
	}
}

static void stacks_that_can_succeed_do(void **state)
{
	static const char *const stacks[] = {
		"auth required a.so 0\n",
		"AUTH REQUIRED a.so 0",
		"auth required a.so 0\nauth optional b.so 7\n",
		"auth required a.so 0\nauth required b.so 25\n",
		"auth sufficient a.so 0\nauth required b.so 7\n",
		"auth optional a.so 0\n",
		("auth [success=1 default=ignore] a.so 0\nauth requisite deny.so 7\nauth required permit.so "
		 "0\n"),
		"auth required a.so 0|7\n",
		"auth required a.so 0 # comment\n# auth required b.so 7\n\n",
		"auth required \\\n a.so \\\n 0\n",
		"-auth required a.so 0\n",
		"auth [ success = ok default = bad ] a.so 0\n",
		"auth [default=bad success=ok] a.so 0\n",
		"auth [success=ok ignore=ignore] /lib/security/a.so 0\n",
		"auth required a.so 7\nauth [success=reset] b.so 0\nauth required c.so 0\n",
		"account required a.so 7\nauth required b.so 0\n",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(stacks); i++) {
		if (answer(stacks[i]) != HC_PAM_SOMETIMES)
			fail_msg("row %zu: %s", i, stacks[i]);
	}
}

static void substacks_contain_jumps_and_decisions_and_includes_do_not(void **state)
{
	static const struct {
		const char *kind, *inner, *rest;
		enum hc_pam_answer answer;
	} rows[] = {
		/* a decision in a substack ends the substack, in an include the whole */
		{"substack", "auth sufficient a.so 0\nauth required b.so 7\n", "auth required c.so 7\n",
		 HC_PAM_NEVER},
		{"include", "auth sufficient a.so 0\nauth required b.so 7\n", "auth required c.so 7\n",
		 HC_PAM_SOMETIMES},
		{"substack", "auth requisite a.so 7\n", "auth sufficient c.so 0\n", HC_PAM_NEVER},
		{"substack", "auth sufficient a.so 0\n", "auth required c.so 0\n", HC_PAM_SOMETIMES},
		/* a jump cannot leave a substack */
		{"substack", "auth [success=1 default=ignore] a.so 0\n",
		 "auth required c.so 7\nauth required d.so 0\n", HC_PAM_NEVER},
		{"include", "auth [success=1 default=ignore] a.so 0\n",
		 "auth required c.so 7\nauth required d.so 0\n", HC_PAM_SOMETIMES},
		/* reset goes back to what was thought when the substack began */
		{"substack", "auth required a.so 7\nauth [success=reset] b.so 0\n", "auth required c.so 0\n",
		 HC_PAM_SOMETIMES},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char text[256];
		struct sample_file files[] = {{"s", text}, {"inner", rows[i].inner}, {NULL, NULL}};
		struct hc_pam_stack stack;
		struct hc_pam_path path;

		(void)snprintf(text, sizeof(text), "auth %s inner\n%s", rows[i].kind, rows[i].rest);
		assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
		if (hc_pam_reaches_success(&stack, said, NULL, &path) != rows[i].answer)
			fail_msg("row %zu", i);
		hc_pam_stack_clear(&stack);
	}
}

/* An outer jump takes a whole substack as one line. */
static void a_jump_over_a_substack_counts_it_once(void **state)
{
	struct sample_file files[] = {
		{"s", "auth [success=1 default=ignore] a.so 0\nauth substack inner\nauth required c.so 0\n"},
		{"inner", "auth required x.so 7\nauth required y.so 7\n"},
		{NULL, NULL}};
	struct hc_pam_stack stack;
	struct hc_pam_path path;

	(void)state;
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	assert_int_equal(hc_pam_reaches_success(&stack, said, NULL, &path), HC_PAM_SOMETIMES);
	assert_int_equal(path.count, 2);
	assert_string_equal(stack.lines[path.steps[1].line].module, "c");
	hc_pam_stack_clear(&stack);
}

static void lines_know_where_they_stand(void **state)
{
	struct sample_file files[] = {
		{"s", "# head\n@include common\naccount include common\nauth required /x/pam_b.so a=1 [b c] "
		      "d # e\n"},
		{"common",
		 "account required pam_acct.so\nauth [success=1 default=ignore] \\\n   pam_a.so nullok\n"},
		{NULL, NULL}};
	struct hc_pam_stack stack;
	char value[16];

	(void)state;
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	assert_int_equal(stack.count, 2);
	assert_string_equal(stack.lines[0].file, "common");
	assert_int_equal(stack.lines[0].number, 2);
	assert_string_equal(stack.lines[0].module, "pam_a");
	assert_string_equal(stack.lines[0].control, "[success=1 default=ignore]");
	assert_int_equal(stack.lines[0].actions[HC_PAM_OK], 1);
	assert_true(hc_pam_has_argument(&stack.lines[0], "nullok"));
	assert_false(hc_pam_has_argument(&stack.lines[0], "null"));
	assert_int_equal(stack.lines[1].number, 4);
	assert_string_equal(stack.lines[1].module, "pam_b");
	assert_true(hc_pam_has_argument(&stack.lines[1], "b c"));
	assert_true(hc_pam_has_argument(&stack.lines[1], "d"));
	assert_false(hc_pam_has_argument(&stack.lines[1], "e"));
	assert_true(hc_pam_argument(&stack.lines[1], "a", value, sizeof(value)));
	assert_string_equal(value, "1");
	assert_string_equal(stack.problem, "");
	hc_pam_stack_clear(&stack);
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_ACCOUNT, &stack), HC_OK);
	assert_int_equal(stack.count, 2);
	hc_pam_stack_clear(&stack);
}

static void a_service_without_lines_has_those_of_other(void **state)
{
	struct sample_file files[] = {
		{"other", "auth required pam_deny.so\n"}, {"s", "session required pam_x.so\n"}, {NULL, NULL}};
	struct hc_pam_stack stack;

	(void)state;
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	assert_true(stack.fallback);
	assert_string_equal(stack.lines[0].module, "pam_deny");
	hc_pam_stack_clear(&stack);
}

static void what_libpam_stumbles_over_is_named(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{"auth required a.so\nauth include nowhere\n", "s:2: cannot include"},
		{"auth sometimes a.so\n", "s:1: control not understood"},
		{"auth [success=ok bad_code=1] a.so\n", "s:1: control not understood"},
		{"auth [success=0] a.so\n", "s:1: control not understood"},
		{"audit required a.so\n", "s:1: unknown type"},
		{"auth required\n", "s:1: no module"},
		{"auth include s\n", "s:1: cannot include"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct sample_file files[] = {{"s", rows[i].text}, {NULL, NULL}};
		struct hc_pam_stack stack;

		assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
		if (strcmp(stack.problem, rows[i].problem) != 0)
			fail_msg("row %zu: %s", i, stack.problem);
		hc_pam_stack_clear(&stack);
	}
}

static void a_stack_of_too_many_lines_is_refused(void **state)
{
	static const char line[] = "auth required a.so 0\n";
	size_t len = (sizeof(line) - 1) * (HC_PAM_LINES_MAX + 1);
	char *text = calloc(1, len + 1);
	struct sample_file files[] = {{"s", text}, {NULL, NULL}};
	struct hc_pam_stack stack;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= HC_PAM_LINES_MAX; i++)
		memcpy(text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_ERR_TOOBIG);
	text[len - (sizeof(line) - 1)] = '\0';
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	hc_pam_stack_clear(&stack);
	free(text);
}

/* 200 lines with four outcomes each have more ways than there are atoms; alike points are one. */
static void many_ways_are_judged_in_little_time(void **state)
{
	char text[HC_PAM_LINES_MAX * 80] = "";
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"auth [success=1 ignore=ignore auth_err=2 default=ok] a.so 0|7|10|25\n");
	(void)snprintf(text + used, sizeof(text) - used,
		       "auth optional x.so 0\nauth optional y.so 0\nauth requisite z.so 7\n");
	assert_int_equal(answer(text), HC_PAM_NEVER);
}

/* Garbage of every kind must be read without harm; what it means does not matter. */
static void garbage_is_read_without_harm(void **state)
{
	static const char *const pieces[] = {"auth ",
					     "[",
					     "]",
					     "\\",
					     "\n",
					     "#",
					     "required",
					     " a.so",
					     "=",
					     "success=",
					     "@include ",
					     "s",
					     "\t",
					     "include ",
					     "substack ",
					     "\xff",
					     "9999999999999999",
					     "-"};
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char text[2600] = "";
		size_t used = 0;

		for (int i = 0; i < 120; i++) {
			seed = seed * 1664525u + 1013904223u;
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 pieces[(seed >> 16) % HC_COUNT(pieces)]);
		}
		struct sample_file files[] = {{"s", text}, {NULL, NULL}};
		struct hc_pam_stack stack;
		struct hc_pam_path path;

		if (hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack) != HC_OK)
			continue;
		assert_int_not_equal(hc_pam_reaches_success(&stack, said, NULL, &path), HC_PAM_UNDECIDED);
		hc_pam_stack_clear(&stack);
	}
}

static void a_line_that_never_ends_is_cut(void **state)
{
	size_t len = 20000;
	char *text = malloc(len + 1);
	struct sample_file files[] = {{"s", text}, {NULL, NULL}};
	struct hc_pam_stack stack;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "auth required a.so ", 19);
	text[len] = '\0';
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	assert_string_equal(stack.problem, "s:1: line too long");
	hc_pam_stack_clear(&stack);
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(text + i, "\\\n", 2);
	assert_int_equal(hc_pam_stack_load(sample_source, files, "s", HC_PAM_AUTH, &stack), HC_OK);
	hc_pam_stack_clear(&stack);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_that_must_not_succeed_do_not),
		cmocka_unit_test(stacks_that_can_succeed_do),
		cmocka_unit_test(substacks_contain_jumps_and_decisions_and_includes_do_not),
		cmocka_unit_test(a_jump_over_a_substack_counts_it_once),
		cmocka_unit_test(lines_know_where_they_stand),
		cmocka_unit_test(a_service_without_lines_has_those_of_other),
		cmocka_unit_test(what_libpam_stumbles_over_is_named),
		cmocka_unit_test(a_stack_of_too_many_lines_is_refused),
		cmocka_unit_test(many_ways_are_judged_in_little_time),
		cmocka_unit_test(garbage_is_read_without_harm),
		cmocka_unit_test(a_line_that_never_ends_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
