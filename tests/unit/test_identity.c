/* SPDX-License-Identifier: Apache-2.0 */
/* Names: what is refused at the edge, row by row. */
#include "hospiconnect/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define X10  "xxxxxxxxxx"
#define X60  X10 X10 X10 X10 X10 X10
#define X120 X60 X60
#define X250 X120 X120 X10

struct row {
	const char *text;
	enum hc_err err;
};

/* Every parser as one shape: parses len bytes, copies the text out on success only. */
typedef enum hc_err (*parse_fn)(const char *text, size_t len, char *out);

#define PARSER(name, type)                                                       \
	static enum hc_err parse_##name(const char *text, size_t len, char *out) \
	{                                                                        \
		struct type parsed;                                              \
		enum hc_err err = type##_parse(text, len, &parsed);              \
                                                                                 \
		if (err == HC_OK)                                                \
			memcpy(out, parsed.text, strlen(parsed.text) + 1);       \
		return err;                                                      \
	}

PARSER(login, hc_login)
PARSER(service, hc_service)
PARSER(tty, hc_tty)
PARSER(host, hc_host)
PARSER(national_id, hc_national_id)
PARSER(label, hc_label)
PARSER(credential_id, hc_credential_id)

static void check_rows(parse_fn parse, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char out[512] = "untouched";
		enum hc_err err = parse(rows[i].text, strlen(rows[i].text), out);

		if (err != rows[i].err)
			fail_msg("row %zu (\"%s\"): %s", i, rows[i].text, hc_strerror(err));
		if (strcmp(out, err == HC_OK ? rows[i].text : "untouched") != 0)
			fail_msg("row %zu (\"%s\"): parsed as \"%s\"", i, rows[i].text, out);
	}
}

static void a_login_outside_of_its_grammar_is_refused(void **state)
{
	static const struct row rows[] = {
		{"", HC_ERR_INVALID},
		{".", HC_ERR_INVALID},
		{"..", HC_ERR_INVALID},
		{".bashrc", HC_ERR_INVALID},
		{"-rf", HC_ERR_INVALID},
		{"0", HC_ERR_INVALID},
		{"1000", HC_ERR_INVALID},
		{"Martin", HC_ERR_INVALID},
		{"a/b", HC_ERR_INVALID},
		{"a@b", HC_ERR_INVALID},
		{"a b", HC_ERR_INVALID},
		{"a\nb", HC_ERR_INVALID},
		{"a:b", HC_ERR_INVALID},
		{"r\xc3\xa9mi", HC_ERR_INVALID},
		{"a\x7f", HC_ERR_INVALID},
		{"a%s", HC_ERR_INVALID},
		{"a\\b", HC_ERR_INVALID},
		{X60 "xxxxx", HC_ERR_TOOBIG},
		{X60 "xxxx", HC_OK},
		{"martin", HC_OK},
		{"j.martin-2", HC_OK},
		{"_apt", HC_OK},
		{"1a", HC_OK},
		{"1000.", HC_OK},
	};

	(void)state;
	check_rows(parse_login, rows, HC_COUNT(rows));
}

static void a_login_with_a_nul_inside_is_refused(void **state)
{
	struct hc_login login = {.text = "untouched"};

	(void)state;
	assert_int_equal(hc_login_parse("root\0x", 6, &login), HC_ERR_INVALID);
	assert_int_equal(hc_login_parse("root\0", 5, &login), HC_ERR_INVALID);
	assert_string_equal(login.text, "untouched");
	/* the length counts, not a terminator */
	assert_int_equal(hc_login_parse("rootkit", 4, &login), HC_OK);
	assert_string_equal(login.text, "root");
}

static void a_service_outside_of_its_grammar_is_refused(void **state)
{
	static const struct row rows[] = {
		{"", HC_ERR_INVALID},	    {"-x", HC_ERR_INVALID},
		{".x", HC_ERR_INVALID},	    {"../sshd", HC_ERR_INVALID},
		{"ss hd", HC_ERR_INVALID},  {"_x", HC_ERR_INVALID},
		{"sshd\n", HC_ERR_INVALID}, {X60 "xxxxx", HC_ERR_TOOBIG},
		{X60 "xxxx", HC_OK},	    {"sshd", HC_OK},
		{"gdm-smartcard", HC_OK},   {"polkit-1", HC_OK},
		{"a@b.c_d", HC_OK},	    {"Xscreensaver", HC_OK},
	};

	(void)state;
	check_rows(parse_service, rows, HC_COUNT(rows));
}

static void terminals_and_hosts_are_printable_words(void **state)
{
	static const struct row ttys[] = {{"tty 1", HC_ERR_INVALID},
					  {"tty\x1b[2J", HC_ERR_INVALID},
					  {"tt\xc3\xbf", HC_ERR_INVALID},
					  {X60 "xxxx", HC_ERR_TOOBIG},
					  {X60 "xxx", HC_OK},
					  {"", HC_OK},
					  {"/dev/pts/3", HC_OK},
					  {":0", HC_OK},
					  {"ssh", HC_OK}};
	static const struct row hosts[] = {{"a b", HC_ERR_INVALID},  {"a\tb", HC_ERR_INVALID},
					   {"\xff", HC_ERR_INVALID}, {X250 "xxxxxx", HC_ERR_TOOBIG},
					   {X250 "xxxxx", HC_OK},    {"", HC_OK},
					   {"fe80::1%eth0", HC_OK},  {"poste-12.chu.example", HC_OK}};

	(void)state;
	check_rows(parse_tty, ttys, HC_COUNT(ttys));
	check_rows(parse_host, hosts, HC_COUNT(hosts));
}

static void a_mistyped_national_identifier_is_refused(void **state)
{
	static const struct row rows[] = {
		{"", HC_ERR_INVALID},
		{"899900063481", HC_ERR_INVALID}, /* Luhn */
		{"899900036480", HC_ERR_INVALID}, /* two digits swapped */
		{"89990006348", HC_ERR_INVALID},  /* one digit short */
		{"8999000634800", HC_ERR_INVALID},
		{"8", HC_ERR_INVALID},
		{"899900063480 ", HC_ERR_INVALID},
		{"ANS 2021", HC_ERR_INVALID},
		{"ANS\n", HC_ERR_INVALID},
		{"\xc3\xa9", HC_ERR_INVALID},
		{X60 "xxxxx", HC_ERR_TOOBIG},
		{X60 "xxxx", HC_OK},
		{"899900063480", HC_OK},
		{"899700218896", HC_OK},
		{"810001033801", HC_OK},
		{"0123456789", HC_OK},
		{"3330018456/0001", HC_OK},
		{"ANS20210107161422", HC_OK},
		{"8abc", HC_OK},
	};

	(void)state;
	check_rows(parse_national_id, rows, HC_COUNT(rows));
}

static void labels_cannot_act_on_a_screen_and_ids_are_exact(void **state)
{
	static const struct row labels[] = {{"a\nb", HC_ERR_INVALID},
					    {"\xc3", HC_ERR_INVALID},
					    {"\xc2\x85", HC_ERR_INVALID}, /* C1: next line */
					    {"\xe2\x80\xae"
					     "abc",
					     HC_ERR_INVALID}, /* right-to-left override */
					    {X120 "xxxxxxxxx", HC_ERR_TOOBIG},
					    {X120 "xxxxxxxx", HC_OK},
					    {"", HC_OK},
					    {"Dr Zo\xc3\xa9 \xf0\x9f\xa9\xba", HC_OK}};
	static const struct row ids[] = {{"", HC_ERR_INVALID},
					 {"abcdefghijk", HC_ERR_INVALID},
					 {"abcdefghijkl1", HC_ERR_TOOBIG},
					 {"abcdefghijk1", HC_ERR_INVALID},
					 {"ABCDEFGHIJKL", HC_ERR_INVALID},
					 {"abcdefghij-l", HC_ERR_INVALID},
					 {"abcdefghijkl", HC_OK},
					 {"234567abcxyz", HC_OK}};

	(void)state;
	check_rows(parse_label, labels, HC_COUNT(labels));
	check_rows(parse_credential_id, ids, HC_COUNT(ids));
}

static void ill_formed_utf8_is_not_valid(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"\x80", false},
		{"\xc0\x80", false},
		{"\xc1\xbf", false},
		{"\xe0\x9f\xbf", false},
		{"\xed\xa0\x80", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xf4\x90\x80\x80", false},
		{"\xf8\x88\x80\x80\x80", false},
		{"\xe2\x82", false},
		{"\xff", false},
		{"a\x1b", false},
		{"\x7f", false},
		{"\xc2\x9f", false},
		{"\xe2\x80\xa8", false},
		{"\xe2\x81\xa6", false},
		{"\xe2\x81\xa9", false},
		{"\xc2\xa0", true},
		{"\xed\x9f\xbf", true},
		{"\xee\x80\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\xe2\x80\xaf", true},
		{"", true},
		{"\xe2\x80\xa9", false},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_utf8_valid(rows[i].text, strlen(rows[i].text)) != rows[i].valid)
			fail_msg("row %zu", i);
	}
	assert_false(hc_utf8_valid("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_with_a_nul_inside_is_refused),
		cmocka_unit_test(a_login_outside_of_its_grammar_is_refused),
		cmocka_unit_test(a_service_outside_of_its_grammar_is_refused),
		cmocka_unit_test(terminals_and_hosts_are_printable_words),
		cmocka_unit_test(a_mistyped_national_identifier_is_refused),
		cmocka_unit_test(labels_cannot_act_on_a_screen_and_ids_are_exact),
		cmocka_unit_test(ill_formed_utf8_is_not_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
