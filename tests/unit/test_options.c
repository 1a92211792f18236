/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 8
#define TEN	 "aaaaaaaaaa"
#define PATH_107 "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "aaaaaa"

struct refused {
	const char *argv[ARGS_MAX];
	const char *why; /* part of it */
	int which;	 /* the argument that is named */
};

static const struct refused refused[] = {
	{{"nouserok"}, "unknown", 0},
	{{""}, "unknown", 0},
	{{"="}, "unknown", 0},
	{{"Mode=primary"}, "unknown", 0},
	{{"mode=primary", "debug"}, "unknown", 1},
	{{"mod=primary"}, "unknown", 0},
	{{"modes=primary"}, "unknown", 0},
	{{"mode"}, "needs a value", 0},
	{{"mode="}, "primary or second-factor", 0},
	{{"mode=Primary"}, "primary or second-factor", 0},
	{{"mode=second_factor"}, "primary or second-factor", 0},
	{{"mode=primary", "mode=primary"}, "given twice", 1},
	{{"exempt=a", "exempt=b"}, "given twice", 1},
	{{"exempt_remote", "exempt_remote"}, "given twice", 1},
	{{"exempt_remote=yes"}, "takes no value", 0},
	{{"exempt_remote="}, "takes no value", 0},
	{{"exempt"}, "needs a value", 0},
	{{"exempt=,"}, "empty account name", 0},
	{{"exempt=root,"}, "empty account name", 0},
	{{"exempt=,root"}, "empty account name", 0},
	{{"exempt=root,,adm"}, "empty account name", 0},
	{{"exempt=root, adm"}, "blank", 0},
	{{"exempt= root"}, "blank", 0},
	{{"methods="}, "list of", 0},
	{{"methods=password"}, "list of", 0},
	{{"methods=totp,"}, "list of", 0},
	{{"methods=totp;recovery"}, "list of", 0},
	{{"methods=totp,totp"}, "twice", 0},
	{{"methods=TOTP"}, "list of", 0},
	{{"methods=tot"}, "list of", 0},
	{{"methods=totpx"}, "list of", 0},
	{{"timeout="}, "from 5 to 600", 0},
	{{"timeout=4"}, "from 5 to 600", 0},
	{{"timeout=601"}, "from 5 to 600", 0},
	{{"timeout=0"}, "from 5 to 600", 0},
	{{"timeout=060"}, "from 5 to 600", 0},
	{{"timeout=-60"}, "from 5 to 600", 0},
	{{"timeout=+60"}, "from 5 to 600", 0},
	{{"timeout=60s"}, "from 5 to 600", 0},
	{{"timeout=6e1"}, "from 5 to 600", 0},
	{{"timeout=4294967301"}, "from 5 to 600", 0},
	{{"lang"}, "needs a value", 0},
	{{"lang="}, "fr or en", 0},
	{{"lang=de"}, "fr or en", 0},
	{{"lang=FR"}, "fr or en", 0},
	{{"lang=fr_FR.UTF-8"}, "fr or en", 0},
	{{"lang=fr", "lang=en"}, "given twice", 1},
	{{"socket="}, "absolute", 0},
	{{"socket=auth.sock"}, "absolute", 0},
	{{"socket=@abstract"}, "absolute", 0},
	{{"socket=" PATH_107 "a"}, "longer", 0},
};

static int count_of(const char *const argv[ARGS_MAX])
{
	int argc = 0;

	while (argc < ARGS_MAX && argv[argc] != NULL)
		argc++;
	return argc;
}

static void what_is_not_understood_is_refused_and_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(refused); i++) {
		const struct refused *row = &refused[i];
		struct hc_options options = {.timeout_s = 12345};
		struct hc_options_error error = {0};
		enum hc_err err = hc_options_parse(count_of(row->argv), row->argv, &options, &error);

		if (err != HC_ERR_INVALID || options.timeout_s != 12345)
			fail_msg("row %zu (%s): was not refused", i, row->argv[row->which]);
		if (error.argument != row->argv[row->which] || strstr(error.why, row->why) == NULL)
			fail_msg("row %zu: named \"%s\" because it %s", i, error.argument, error.why);
	}
}

static void no_arguments_mean_the_strict_defaults(void **state)
{
	struct hc_options options;
	struct hc_options_error error;

	(void)state;
	assert_int_equal(hc_options_parse(0, NULL, &options, &error), HC_OK);

	assert_string_equal(options.socket, HC_RUN_DIR "/auth.sock");
	assert_int_equal(options.peer, HC_PEER_SYSTEM);
	assert_int_equal(options.mode, HC_MODE_PRIMARY);
	assert_int_equal(options.methods, HC_METHOD_ALL);
	assert_string_equal(options.exempt, "root");
	assert_false(options.exempt_remote);
	assert_int_equal(options.timeout_s, 60);
	assert_false(options.lang_known);
}

static void every_argument_is_stored(void **state)
{
	static const char *const argv[] = {"socket=" PATH_107,
					   "mode=second-factor",
					   "methods=recovery,totp",
					   "exempt=root,sauvegarde",
					   "exempt_remote",
					   "timeout=5",
					   "lang=en"};
	struct hc_options options;
	struct hc_options_error error;

	(void)state;
	assert_int_equal(hc_options_parse((int)HC_COUNT(argv), argv, &options, &error), HC_OK);

	assert_int_equal(strlen(options.socket), HC_SOCKET_PATH_MAX);
	assert_int_equal(options.peer, HC_PEER_DIRECTORY_OWNER);
	assert_int_equal(options.mode, HC_MODE_SECOND_FACTOR);
	assert_int_equal(options.methods, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	assert_string_equal(options.exempt, "root,sauvegarde");
	assert_true(options.exempt_remote);
	assert_int_equal(options.timeout_s, 5);
	assert_true(options.lang_known);
	assert_int_equal(options.lang, HC_LANG_EN);
}

static void each_method_has_its_bit(void **state)
{
	static const struct {
		const char *argument;
		uint32_t methods;
	} rows[] = {{"methods=totp", HC_METHOD_TOTP},
		    {"methods=recovery", HC_METHOD_RECOVERY},
		    {"methods=fido2", HC_METHOD_FIDO2},
		    {"methods=cps", HC_METHOD_CPS},
		    {"methods=cps,fido2,totp,recovery", HC_METHOD_ALL}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_options options;
		struct hc_options_error error;

		assert_int_equal(hc_options_parse(1, &rows[i].argument, &options, &error), HC_OK);
		if (options.methods != rows[i].methods)
			fail_msg("row %zu (%s): 0x%x", i, rows[i].argument, options.methods);
	}
}

static const struct {
	const char *argument;
	const char *user;
	bool remote;
	const char *more; /* a second argument */
	bool exempt;
} exemptions[] = {
	{NULL, "clinician", false, NULL, false},
	{NULL, "", false, NULL, false},
	{NULL, "root", true, NULL, false},
	{NULL, "roo", false, NULL, false},
	{NULL, "root2", false, NULL, false},
	{NULL, "Root", false, NULL, false},
	{NULL, "root,", false, NULL, false},
	{"exempt=", "root", false, NULL, false},
	{"exempt=", "", false, NULL, false},
	{"exempt=", "", true, "exempt_remote", false},
	{"exempt=admin", "root", false, NULL, false},
	{"exempt=root,admin", "root,admin", false, NULL, false},
	{"exempt=root,admin", "admin", true, NULL, false},
	{"exempt=root,admin", "clinician", true, "exempt_remote", false},
	{NULL, "root", false, NULL, true},
	{"exempt=root,admin", "root", false, NULL, true},
	{"exempt=root,admin", "admin", false, NULL, true},
	{"exempt=a,b,c", "b", false, NULL, true},
	{"exempt=Admin@hospital.example", "Admin@hospital.example", false, NULL, true},
	{"exempt=root,admin", "admin", true, "exempt_remote", true},
	{"exempt_remote", "root", true, NULL, true},
};

static void exempt_is_a_list_of_whole_names_for_local_sign_ins(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(exemptions); i++) {
		const char *argv[2] = {exemptions[i].argument, exemptions[i].more};
		struct hc_options options;
		struct hc_options_error error;

		assert_int_equal(hc_options_parse(argv[0] == NULL   ? 0
						  : argv[1] == NULL ? 1
								    : 2,
						  argv, &options, &error),
				 HC_OK);
		if (hc_options_exempt(&options, exemptions[i].user, exemptions[i].remote) !=
		    exemptions[i].exempt)
			fail_msg("row %zu: user \"%s\"", i, exemptions[i].user);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_understood_is_refused_and_named),
		cmocka_unit_test(exempt_is_a_list_of_whole_names_for_local_sign_ins),
		cmocka_unit_test(no_arguments_mean_the_strict_defaults),
		cmocka_unit_test(every_argument_is_stored),
		cmocka_unit_test(each_method_has_its_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
