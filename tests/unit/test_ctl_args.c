/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is accepted, what is refused, and what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospictl/args.h"
#include "hospictl/command.h"

#define WORDS_MAX 12

static char said[4096];

static int saved_stderr;
static FILE *caught;

static void catch_stderr(void)
{
	caught = tmpfile();
	assert_non_null(caught);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
}

static void release_stderr(void)
{
	size_t len;

	assert_int_equal(fflush(stderr), 0);
	assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
	assert_int_equal(close(saved_stderr), 0);
	rewind(caught);
	len = fread(said, 1, sizeof(said) - 1, caught);
	said[len] = '\0';
	assert_int_equal(fclose(caught), 0);
}

/* Parses the words with stderr in said. */
static bool parse(struct hc_ctl *ctl, struct hc_args *args, const char *const *words)
{
	char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t) "hospictl"};
	int argc = 1;
	bool good;

	while (words[argc - 1] != NULL) {
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
		argc++;
	}
	*ctl = (struct hc_ctl){.socket = "default", .lang = HC_LANG_EN, .width = 80};
	catch_stderr();
	good = hc_args_parse(ctl, argc, argv, args);
	release_stderr();
	return good;
}

static void wrong_lines_are_refused_and_name_the_word(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *says;
	} rows[] = {
		{{NULL}, "command is missing"},
		{{"frobnicate", NULL}, "“frobnicate”"},
		{{"user", NULL}, "“user”"},
		{{"user", "frobnicate", NULL}, "“frobnicate”"},
		{{"user", "add", NULL}, "LOGIN"},
		{{"user", "add", "a", "b", NULL}, "“b”"},
		{{"user", "add", "", NULL}, "LOGIN"},
		{{"user", "list", "x", NULL}, "“x”"},
		{{"--digits", "6", "enroll", "totp", "a", NULL}, "--digits"},
		{{"enroll", "recovery", "a", "--digits", "6", NULL}, "--digits"},
		{{"enroll", "totp", "a", "--digits", NULL}, "--digits"},
		{{"enroll", "totp", "a", "--label=", NULL}, "--label"},
		{{"enroll", "totp", "a", "--label", "", NULL}, "--label"},
		{{"enroll", "totp", "a", "--no-confirm=yes", NULL}, "--no-confirm"},
		{{"enroll", "totp", "a", "--label", "x", "--label=y", NULL}, "--label"},
		{{"user", "list", "-x", NULL}, "“-x”"},
		{{"user", "list", "--lang", "de", NULL}, "“de”"},
		{{"user", "list", "--jsonx", NULL}, "--jsonx"},
		{{"--json", NULL}, "command is missing"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_ctl ctl;
		struct hc_args args;

		if (parse(&ctl, &args, rows[i].words) || strstr(said, rows[i].says) == NULL ||
		    strstr(said, "Usage: hospictl") == NULL)
			fail_msg("row %zu: %s", i, said);
	}
}

static void the_value_behind_an_unknown_option_is_never_repeated(void **state)
{
	static const char *const words[] = {"enroll", "totp", "a", "--secret=JBSWY3DPEHPK3PXP", NULL};
	struct hc_ctl ctl;
	struct hc_args args;

	(void)state;
	assert_false(parse(&ctl, &args, words));
	assert_non_null(strstr(said, "--secret"));
	assert_null(strstr(said, "JBSWY3DP"));
}

static void options_stand_anywhere_and_two_hyphens_end_them(void **state)
{
	static const char *const words[] = {"--json",	    "--socket=/a", "enroll",   "--lang",
					    "fr",	    "totp",	   "--label",  "My phone",
					    "--no-confirm", "--",	   "--martin", NULL};
	struct hc_ctl ctl;
	struct hc_args args;

	(void)state;
	assert_true(parse(&ctl, &args, words));
	assert_string_equal(args.command->verb, "totp");
	assert_string_equal(args.operands[0], "--martin");
	assert_string_equal(hc_args_value(&args, "label"), "My phone");
	assert_true(hc_args_flag(&args, "no-confirm"));
	assert_false(hc_args_flag(&args, "face-to-face"));
	assert_null(hc_args_value(&args, "digits"));
	assert_true(ctl.json);
	assert_string_equal(ctl.socket, "/a");
	assert_int_equal(ctl.lang, HC_LANG_FR);
}

static void help_and_version_need_no_whole_command(void **state)
{
	static const char *const rows[][WORDS_MAX] = {{"--help", NULL},
						      {"--version", NULL},
						      {"user", "--help", NULL},
						      {"enroll", "totp", "-h", NULL}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_ctl ctl;
		struct hc_args args;

		if (!parse(&ctl, &args, rows[i]) || !(args.help || args.version))
			fail_msg("row %zu: %s", i, said);
	}
}

static void numbers_are_decimal_and_within_their_range(void **state)
{
	static const struct {
		const char *value;
		bool good;
		uint32_t number;
	} rows[] = {
		{"0", true, 0},	     {"86400", true, 86400},
		{"86401", false, 0}, {"-1", false, 0},
		{"6x", false, 0},    {"0x6", false, 0},
		{" 6", false, 0},    {"99999999999999999999999", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const char *const words[] = {"enroll", "totp", "a", "--period", rows[i].value, NULL};
		struct hc_ctl ctl;
		struct hc_args args;
		bool given = false;
		uint32_t number = 0;
		bool good;

		assert_true(parse(&ctl, &args, words));
		catch_stderr();
		good = hc_args_number(&ctl, &args, "period", 86400, &given, &number);
		release_stderr();
		if (good != rows[i].good || !given || number != rows[i].number)
			fail_msg("row %zu: %s", i, rows[i].value);
	}
}

/* What is in the table must have its texts in both languages: hc_text gives the name of a missing one. */
static void every_command_and_option_is_explained(void **state)
{
	(void)state;
	for (const struct hc_command *command = hc_commands; command->noun != NULL; command++) {
		if (!hc_text_known(command->help))
			fail_msg("%s %s", command->noun, command->help);
		assert_ptr_equal(hc_command_find(command->noun, command->verb), command);
		assert_true(command->operand_count <= HC_ARGS_OPERANDS_MAX);
		for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
			assert_true(i < HC_ARGS_OPTIONS_MAX);
			if (!hc_text_known(command->options[i].help))
				fail_msg("%s %s --%s", command->noun, command->help,
					 command->options[i].name);
		}
	}
	for (int i = 0; hc_global_options[i].name != NULL; i++)
		assert_true(hc_text_known(hc_global_options[i].help));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_lines_are_refused_and_name_the_word),
		cmocka_unit_test(the_value_behind_an_unknown_option_is_never_repeated),
		cmocka_unit_test(options_stand_anywhere_and_two_hyphens_end_them),
		cmocka_unit_test(help_and_version_need_no_whole_command),
		cmocka_unit_test(numbers_are_decimal_and_within_their_range),
		cmocka_unit_test(every_command_and_option_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
