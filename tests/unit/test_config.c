/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: every mistake is an error that says where and what would be right. */
#include "hospiconnect/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct target {
	char issuer[16], note[8], path[16], socket[32];
	int64_t attempts, lock_s;
	bool strict;
	int role;
	int parsed;
};

static enum hc_err parse_word(const char *value, void *field, const char **ret_why)
{
	if (strcmp(value, "nomem") == 0)
		return HC_ERR_NOMEM;
	if (strcmp(value, "good") != 0) {
		*ret_why = "must be good";
		return HC_ERR_INVALID;
	}
	*(int *)field = 42;
	return HC_OK;
}

static const char *const roles[] = {"standalone", "authority", NULL};

#define FIELD(name) .offset = offsetof(struct target, name), .size = sizeof(((struct target *)NULL)->name)

static const struct hc_config_key keys[] = {
	{"authd", "role", HC_CONFIG_CHOICE, FIELD(role), .choices = roles, .preset = "standalone"},
	{"authd", "path", HC_CONFIG_PATH, FIELD(path), .preset = ""},
	{"authd", "socket", HC_CONFIG_PATH, FIELD(socket), .preset = "/run/x.sock"},
	{"policy", "attempts", HC_CONFIG_NUMBER, FIELD(attempts), .min = 1, .max = 10, .preset = "3"},
	{"policy", "lock", HC_CONFIG_SECONDS, FIELD(lock_s), .min = 30, .max = 86400, .preset = "15min"},
	{"policy", "strict", HC_CONFIG_BOOL, FIELD(strict), .preset = "no"},
	{"policy", "word", HC_CONFIG_PARSED, FIELD(parsed), .parse = parse_word, .preset = "good"},
	{"totp", "issuer", HC_CONFIG_TEXT, FIELD(issuer), .min = 1},
	{"totp", "note", HC_CONFIG_TEXT, FIELD(note), .preset = ""},
	{.section = NULL},
};

#define ISSUER "[totp]\nissuer = x\n"

static const struct {
	const char *text;
	unsigned line;
	const char *error;
} mistakes[] = {
	{"", 0, "[totp] issuer: must be given"},
	{ISSUER "[policy]\nattempts = many\n", 4,
	 "[policy] attempts: must be a number from 1 to 10, is \"many\""},
	{ISSUER "[policy]\nattempts = 11", 4, "[policy] attempts: must be a number from 1 to 10, is \"11\""},
	{ISSUER "[policy]\nattempts = 0", 4, "[policy] attempts: must be a number from 1 to 10, is \"0\""},
	{ISSUER "[policy]\nattempts = -1", 4, "[policy] attempts: must be a number from 1 to 10, is \"-1\""},
	{ISSUER "[policy]\nattempts = +1", 4, "[policy] attempts: must be a number from 1 to 10, is \"+1\""},
	{ISSUER "[policy]\nattempts = 0x1", 4,
	 "[policy] attempts: must be a number from 1 to 10, is \"0x1\""},
	{ISSUER "[policy]\nattempts =", 4, "[policy] attempts: must be a number from 1 to 10, is \"\""},
	{ISSUER "[policy]\nattempts = 3 # three", 4,
	 "[policy] attempts: must be a number from 1 to 10, is \"3 # three\""},
	{ISSUER "[policy]\nattempts = 9999999999999999999", 4,
	 "[policy] attempts: must be a number from 1 to 10, is \"9999999999999999999\""},
	{ISSUER "[policy]\nattempts = 3\n\nattempts = 3", 6,
	 "[policy] attempts: given twice, first in line 4"},
	{ISSUER "[policy]\nattempts = 3\n[authd]\n[policy]\nattempts = 3", 7,
	 "[policy] attempts: given twice, first in line 4"},
	{ISSUER "[policy]\nattemps = 3", 4,
	 "[policy] attemps: unknown key; there are: attempts, lock, strict, word"},
	{ISSUER "[policy]\nAttempts = 3", 4,
	 "[policy] Attempts: unknown key; there are: attempts, lock, strict, word"},
	{ISSUER "[polcy]", 3, "unknown section [polcy]; there are: authd, policy, totp"},
	{ISSUER "[policy", 3, "a section must read [name], is \"[policy\""},
	{ISSUER "[policy] x", 3, "a section must read [name], is \"[policy] x\""},
	{ISSUER "[", 3, "a section must read [name], is \"[\""},
	{ISSUER "[]", 3, "unknown section []; there are: authd, policy, totp"},
	{"issuer = x", 1, "issuer: stands before the first [section]"},
	{ISSUER "[policy]\nattempts", 4, "expected [section] or key = value, is \"attempts\""},
	{ISSUER "[policy]\n= 3", 4, "a key is missing before \"=\""},
	{ISSUER "[policy]\nlock = 29", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is \"29\""},
	{ISSUER "[policy]\nlock = 2d", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is \"2d\""},
	{ISSUER "[policy]\nlock = 15 min", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is \"15 "
	 "min\""},
	{ISSUER "[policy]\nlock = 15m", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is "
	 "\"15m\""},
	{ISSUER "[policy]\nlock = 999999999999999999d", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is "
	 "\"999999999999999999d\""},
	{ISSUER "[policy]\nlock = min", 4,
	 "[policy] lock: must be a duration from 30s to 1d, such as 90s, 15min, 2h or 7d, is "
	 "\"min\""},
	{ISSUER "[policy]\nstrict = true", 4, "[policy] strict: must be yes or no, is \"true\""},
	{ISSUER "[policy]\nword = bad", 4, "[policy] word: must be good, is \"bad\""},
	{ISSUER "[authd]\nrole = Authority", 4,
	 "[authd] role: must be one of standalone, authority, is \"Authority\""},
	{ISSUER "[authd]\nrole =", 4, "[authd] role: must be one of standalone, authority, is \"\""},
	{ISSUER "[authd]\npath = etc/x", 4,
	 "[authd] path: must be an absolute path of at most 15 bytes without \".\" and \"..\", is "
	 "\"etc/x\""},
	{ISSUER "[authd]\npath =", 4,
	 "[authd] path: must be an absolute path of at most 15 bytes without \".\" and \"..\", is "
	 "\"\""},
	{ISSUER "[authd]\npath = /a/../b", 4,
	 "[authd] path: must be an absolute path of at most 15 bytes without \".\" and \"..\", is "
	 "\"/a/../b\""},
	{ISSUER "[authd]\npath = /a/.", 4,
	 "[authd] path: must be an absolute path of at most 15 bytes without \".\" and \"..\", is "
	 "\"/a/.\""},
	{ISSUER "[authd]\npath = /23456789012345", 0, NULL},
	{ISSUER "[authd]\npath = /234567890123456", 4,
	 "[authd] path: must be an absolute path of at most 15 bytes without \".\" and \"..\", is "
	 "\"/234567890123456\""},
	{"[totp]\nissuer =", 2, "[totp] issuer: must not be empty, is \"\""},
	{"[totp]\nissuer = 1234567890123456", 2,
	 "[totp] issuer: must be at most 15 bytes long, is \"1234567890123456\""},
	{"[totp]\nissuer = a\x01", 2, "holds a control character or is not UTF-8"},
	{"[totp]\nissuer = \xff", 2, "holds a control character or is not UTF-8"},
	{"\xef\xbb\xbf[totp]\nissuer = a", 1, "begins with a byte order mark; save the file as plain UTF-8"},
	{"[totp]\r\nissuer = a\r\n", 1, "ends with a carriage return; save the file with Unix line ends"},
};

static void every_mistake_is_named_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(mistakes); i++) {
		struct target target = {0};
		struct hc_config_error error = {0};
		enum hc_err err =
			hc_config_parse(mistakes[i].text, strlen(mistakes[i].text), keys, &target, &error);

		if (mistakes[i].error == NULL ? err != HC_OK : err != HC_ERR_INVALID)
			fail_msg("row %zu: %s", i, hc_strerror(err));
		if (error.line != mistakes[i].line ||
		    strcmp(error.text, mistakes[i].error != NULL ? mistakes[i].error : "") != 0)
			fail_msg("row %zu: line %u: %s", i, error.line, error.text);
	}
}

static void a_nul_in_the_file_is_refused(void **state)
{
	static const char text[] = "[totp]\nissuer = a\0b\n";
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_ERR_INVALID);
	assert_int_equal(error.line, 2);
}

static void lines_and_files_are_bounded(void **state)
{
	static char text[256 * 1024 + 1];
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text, ISSUER, sizeof(ISSUER) - 1);
	assert_int_equal(hc_config_parse(text, sizeof(text), keys, &target, &error), HC_ERR_INVALID);
	assert_int_equal(error.line, 0);
	assert_string_equal(error.text, "the file is longer than 256 KiB");
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_OK);
	memset(text + sizeof(ISSUER) - 1, '#', 1024);
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_OK);
	memset(text + sizeof(ISSUER) - 1, '#', 1025);
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_ERR_INVALID);
	assert_int_equal(error.line, 3);
	assert_string_equal(error.text, "longer than 1024 bytes");
}

static void a_hostile_value_cannot_act_through_its_error(void **state)
{
	static const char text[] =
		ISSUER "[policy]\nattempts = \xe2\x82\xac\"\\ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_ERR_INVALID);
	assert_non_null(strstr(error.text, "is \"\xe2\x82\xac\\\"\\\\ xxxx"));
	assert_true(strlen(error.text) < 130);
}

static void a_parser_without_memory_says_so(void **state)
{
	static const char text[] = ISSUER "[policy]\nword = nomem\n";
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	assert_int_equal(hc_config_parse(text, sizeof(text) - 1, keys, &target, &error), HC_ERR_NOMEM);
}

static void what_is_not_given_has_its_default(void **state)
{
	struct target target;
	struct hc_config_error error = {0};

	(void)state;
	memset(&target, 0x5a, sizeof(target));
	assert_int_equal(hc_config_parse(ISSUER, sizeof(ISSUER) - 1, keys, &target, &error), HC_OK);
	assert_int_equal(target.role, 0);
	assert_string_equal(target.path, "");
	assert_string_equal(target.socket, "/run/x.sock");
	assert_int_equal(target.attempts, 3);
	assert_int_equal(target.lock_s, 900);
	assert_false(target.strict);
	assert_int_equal(target.parsed, 42);
	assert_string_equal(target.issuer, "x");
	assert_string_equal(target.note, "");
}

static void every_kind_is_read(void **state)
{
	static const char text[] =
		"# comment\n\n\t [authd]\t\n  role=authority\npath\t=\t/a//b \n"
		"[policy]\nattempts = 010\nlock = 2h\nstrict = yes\nword = good\n"
		"  # indented comment\n[totp]\nissuer = H\xc3\xb4pital = #1\nnote =\n[policy]";
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	if (hc_config_parse(text, sizeof(text) - 1, keys, &target, &error) != HC_OK)
		fail_msg("line %u: %s", error.line, error.text);
	assert_int_equal(target.role, 1);
	assert_string_equal(target.path, "/a//b");
	assert_int_equal(target.attempts, 10);
	assert_int_equal(target.lock_s, 7200);
	assert_true(target.strict);
	assert_string_equal(target.issuer, "H\xc3\xb4pital = #1");
}

static void a_table_with_a_wrong_default_is_refused(void **state)
{
	static const struct hc_config_key wrong[] = {
		{"a", "n", HC_CONFIG_NUMBER, FIELD(attempts), .min = 1, .max = 10, .preset = "11"},
		{.section = NULL}};
	static const struct hc_config_key unknown[] = {
		{"a", "n", (enum hc_config_kind)99, FIELD(attempts), .preset = "1"}, {.section = NULL}};
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	assert_int_equal(hc_config_parse("", 0, wrong, &target, &error), HC_ERR_INVALID);
	assert_int_equal(error.line, 0);
	assert_string_equal(error.text, "[a] n: must be a number from 1 to 10, is \"11\"");
	assert_int_equal(hc_config_parse("", 0, unknown, &target, &error), HC_ERR_INVALID);
	assert_string_equal(error.text, "[a] n: has a kind that this program does not know, is \"1\"");
}

static void limits_of_durations_read_as_people_say_them(void **state)
{
	static const struct {
		int64_t min, max;
		const char *range;
	} rows[] = {
		{0, 59, "from 0s to 59s,"}, {60, 3600, "from 1min to 1h,"}, {90, 172800, "from 90s to 2d,"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const struct hc_config_key table[] = {{"a", "n", HC_CONFIG_SECONDS, FIELD(lock_s),
						       .min = rows[i].min, .max = rows[i].max, .preset = "x"},
						      {.section = NULL}};
		struct target target = {0};
		struct hc_config_error error = {0};

		assert_int_equal(hc_config_parse("", 0, table, &target, &error), HC_ERR_INVALID);
		if (strstr(error.text, rows[i].range) == NULL)
			fail_msg("row %zu: %s", i, error.text);
	}
}

static void a_long_list_of_keys_is_cut_short(void **state)
{
	static const char *const names[] = {
		"aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc",
		"dddddddddddddddddddddddd", "eeeeeeeeeeeeeeeeeeeeeeee", "ffffffffffffffffffffffff",
		"gggggggggggggggggggggggg", "hhhhhhhhhhhhhhhhhhhhhhhh", "iiiiiiiiiiiiiiiiiiiiiiii"};
	struct hc_config_key table[HC_COUNT(names) + 1] = {{.section = NULL}};
	struct target target = {0};
	struct hc_config_error error = {0};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(names); i++)
		table[i] =
			(struct hc_config_key){"a", names[i], HC_CONFIG_BOOL, FIELD(strict), .preset = "no"};
	assert_int_equal(hc_config_parse("[a]\nx = 1\n", 10, table, &target, &error), HC_ERR_INVALID);
	assert_string_equal(
		error.text,
		"[a] x: unknown key; there are: aaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbb, "
		"cccccccccccccccccccccccc, dddddddddddddddddddddddd, eeeeeeeeeeeeeeeeeeeeeeee, "
		"ffffffffffffffffffffffff, ...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_named_with_its_line),
		cmocka_unit_test(a_nul_in_the_file_is_refused),
		cmocka_unit_test(lines_and_files_are_bounded),
		cmocka_unit_test(a_hostile_value_cannot_act_through_its_error),
		cmocka_unit_test(a_parser_without_memory_says_so),
		cmocka_unit_test(what_is_not_given_has_its_default),
		cmocka_unit_test(a_table_with_a_wrong_default_is_refused),
		cmocka_unit_test(limits_of_durations_read_as_people_say_them),
		cmocka_unit_test(a_long_list_of_keys_is_cut_short),
		cmocka_unit_test(every_kind_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
