/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping files of pam-u2f: what is read of a line, and which lines count. */
#include "import_u2f_file.h"
#include "import_u2f_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/tempdir.h"

/* Public keys as pam-u2f writes them; ES_OFF is no point of its curve. */
#define ES_HEX                                                                                       \
	"0451d7a8fd1cb7469a8974369da25e48a5642a397483e080d834fab6b8c87ca5cd0670634a4410eb4efa933cdd" \
	"d9f45c3b9dcace730da56f7127b2c136ef0c095c"
#define ES     "Udeo/Ry3RpqJdDadol5IpWQqOXSD4IDYNPq2uMh8pc0GcGNKRBDrTvqTPN3Z9Fw7ncrOcw2lb3EnssE27wwJXA=="
#define ES_65  "BFHXqP0ct0aaiXQ2naJeSKVkKjl0g+CA2DT6trjIfKXNBnBjSkQQ6076kzzd2fRcO53KznMNpW9xJ7LBNu8MCVw="
#define ES_OFF "Udeo/Ry3RpqJdDadol5IpWQqOXSD4IDYNPq2uMh8pc0GcGNKRBDrTvuTPN3Z9Fw7ncrOcw2lb3EnssE27wwJXA=="
#define ED     "pY1V4DvaWyFE17Ujy8THTUS4bHLRmzmHKwJZSXNfRoI="
#define RS                                                                                           \
	"jL8J3yDem3NopJr4BU6NNoaFpP9W9zvk+BrLa3FFzQhByLwVSHgKx6AC3nRZYKTtSdMSR9tcCayviWchdxw5CMm86O" \
	"+ylzVS58RVIZbbmv/MwQulgYZp+F+Ea0twqivz+HgbETztS/Bv/RXClzmf0PeA2TgoBQW+yIxPWZsBN7Iatym42ugA" \
	"BU9p0DKSaOiNeGZhkjQqod2wqwG5nbvfE4J1BH6+XmVBkvKuCWLmfcPSuCGOAQZJFGtvHu7Q+dWFepkLg+LnsIP07S" \
	"eUj386Lq86B+Q7Kb+eNJ75CKORJL8QcqVlMs2eZkxgm7s8n/Ew1tG6JNJVmWv2qvOlb7zWMwEAAQ=="

#define H "AAECAwQFBgcICQoLDA0ODw=="

static void what_is_no_line_of_pam_u2f_is_refused(void **state)
{
	static const struct {
		const char *line;
		enum hc_u2f_fault fault;
	} rows[] = {
		{"", HC_U2F_NO_LOGIN},
		{"martin", HC_U2F_NO_LOGIN},
		{":" H "," ES_HEX, HC_U2F_NO_LOGIN},
		{"Martin:" H "," ES_HEX, HC_U2F_NO_LOGIN},
		{"mar tin:" H "," ES_HEX, HC_U2F_NO_LOGIN},
		{"../martin:" H "," ES_HEX, HC_U2F_NO_LOGIN},
		{"martin:", HC_U2F_NO_KEYS},
		{"martin:::", HC_U2F_NO_KEYS},
		{"martin:" H, HC_U2F_MALFORMED},
		{"martin:" H ",", HC_U2F_MALFORMED},
		{"martin:," ES_HEX, HC_U2F_MALFORMED},
		{"martin:" H "," ES, HC_U2F_MALFORMED}, /* the old form is hexadecimal */
		{"martin:" H "," ES_HEX "0", HC_U2F_MALFORMED},
		{"martin:*," ES_HEX, HC_U2F_MALFORMED}, /* and knows no such key */
		{"martin:A," ES ",es256", HC_U2F_MALFORMED},
		{"martin:AB," ES ",es256", HC_U2F_MALFORMED}, /* bits are left over */
		{"martin:AA===," ES ",es256", HC_U2F_MALFORMED},
		{"martin:AAA=A," ES ",es256", HC_U2F_MALFORMED},
		{"martin:AA A," ES ",es256", HC_U2F_MALFORMED},
		{"martin:" H "," ES ",es256,+presence,more", HC_U2F_MALFORMED},
		{"martin:" H ",!,es256,+presence", HC_U2F_MALFORMED},
		{"martin:" H "," ES_OFF ",es256,+presence", HC_U2F_BAD_KEY},
		{"martin:" H "," ES ",eddsa,+presence", HC_U2F_BAD_KEY},
		{"martin:" H "," ES ",rs256,+presence", HC_U2F_BAD_KEY},
		{"martin:" H "," ED ",es256,+presence", HC_U2F_BAD_KEY},
		{"martin:" H ",AAAA,rs256,+presence", HC_U2F_BAD_KEY},
		{"martin:" H "," ES ",ES256,+presence", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",,+presence", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",es384", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",es256,presence", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",es256,+magic", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",es256,+", HC_U2F_UNKNOWN},
		{"martin:" H "," ES ",es256,+presence+", HC_U2F_UNKNOWN},
	};
	struct hc_u2f_line *line = malloc(sizeof(*line));

	(void)state;
	assert_non_null(line);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_u2f_fault fault = hc_u2f_line_read(rows[i].line, strlen(rows[i].line), line);

		if (fault != rows[i].fault)
			fail_msg("row %zu: %d", i, fault);
	}
	free(line);
}

static void both_forms_are_read(void **state)
{
	static const struct {
		const char *key;
		size_t id_len, key_len;
		bool verifies;
	} rows[] = {
		{H "," ES_HEX, 16, 77, false},
		{"AAECAwQFBgcICQoLDA0ODw," ES_HEX, 16, 77, false},
		{"-_-_," ES_HEX, 3, 77, false},
		{"+/+/," ES ",es256,+presence", 3, 77, false},
		{H "," ES_65 ",es256,+presence", 16, 77, false},
		{H "," ES ",es256", 16, 77, false},
		{H "," ES ",es256,", 16, 77, false},
		{H "," ES ",es256,+presence+pin", 16, 77, true},
		{H "," ES ",es256,+presence+verification", 16, 77, true},
		{H "," ES ",es256,+verification", 16, 77, true},
		{H "," ED ",eddsa,+presence", 16, 42, false},
		{H "," RS ",rs256,+presence", 16, 272, false},
		{"*," ES ",es256,+presence", 0, 77, false},
	};
	struct hc_u2f_line *line = malloc(sizeof(*line));
	char text[1024];

	(void)state;
	assert_non_null(line);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		int len = snprintf(text, sizeof(text), "martin:%s", rows[i].key);

		if (hc_u2f_line_read(text, (size_t)len, line) != HC_U2F_NONE || line->count != 1 ||
		    strcmp(line->login.text, "martin") != 0 || line->keys[0].id_len != rows[i].id_len ||
		    line->keys[0].key_len != rows[i].key_len || line->keys[0].verifies != rows[i].verifies)
			fail_msg("row %zu", i);
	}
	assert_int_equal(
		hc_u2f_line_read("martin:+/+/," ES_HEX "\r", strlen("martin:+/+/," ES_HEX "\r"), line),
		HC_U2F_NONE);
	assert_memory_equal(line->keys[0].id, "\xfb\xff\xbf", 3);
	free(line);
}

static void a_person_may_have_sixteen_keys_and_the_bad_one_is_named(void **state)
{
	struct hc_u2f_line *line = malloc(sizeof(*line));
	static const char one[] = ":" H "," ES ",es256,+presence",
			  bad[] = "martin:" H "," ES_HEX ":" H "," ES_HEX "::" H "," ES ",es999";
	char text[8192] = "martin";
	size_t len = strlen(text);

	(void)state;
	assert_non_null(line);
	for (int i = 0; i <= HC_U2F_KEYS_MAX; i++) {
		memcpy(text + len, one, sizeof(one));
		len += sizeof(one) - 1;
	}
	assert_int_equal(hc_u2f_line_read(text, len, line), HC_U2F_TOO_MANY);
	assert_int_equal(hc_u2f_line_read(text, len - (sizeof(one) - 1), line), HC_U2F_NONE);
	assert_int_equal(line->count, HC_U2F_KEYS_MAX);
	assert_int_equal(hc_u2f_line_read(bad, strlen(bad), line), HC_U2F_UNKNOWN);
	assert_int_equal(line->bad, 3);
	free(line);
}

/* ---- files ---- */

static void of_several_lines_of_a_login_the_last_one_counts(void **state)
{
	static const char text[] = "# comment\n\nmartin:a\ndurand:b\n  \nmartin:c\nnonsense\nmartin:d";
	static const struct {
		size_t number;
		const char *login;
		bool superseded;
	} rows[] = {{3, "martin", true},
		    {4, "durand", false},
		    {6, "martin", true},
		    {7, "", false},
		    {8, "martin", false}};
	struct hc_u2f_file file;

	(void)state;
	assert_int_equal(hc_u2f_file_index(strdup(text), strlen(text), NULL, &file), HC_OK);
	assert_int_equal(file.count, HC_COUNT(rows));
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (file.entries[i].number != rows[i].number ||
		    file.entries[i].superseded != rows[i].superseded || file.entries[i].foreign ||
		    strcmp(file.entries[i].login.text, rows[i].login) != 0)
			fail_msg("row %zu", i);
	}
	hc_u2f_file_clear(&file);
}

static void a_file_of_very_many_lines_is_refused(void **state)
{
	char *text = malloc(HC_U2F_LINES_MAX);
	struct hc_u2f_file file;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', HC_U2F_LINES_MAX); /* and a last one behind them */
	assert_int_equal(hc_u2f_file_index(text, HC_U2F_LINES_MAX, NULL, &file), HC_ERR_TOOBIG);
	text = malloc(HC_U2F_LINES_MAX - 1);
	assert_non_null(text);
	memset(text, '\n', HC_U2F_LINES_MAX - 1);
	assert_int_equal(hc_u2f_file_index(text, HC_U2F_LINES_MAX - 1, NULL, &file), HC_OK);
	assert_int_equal(file.count, 0);
	hc_u2f_file_clear(&file);
}

static void a_file_of_somebody_speaks_for_that_one_alone(void **state)
{
	static const char text[] = "martin:a\ndurand:b\n";
	struct hc_u2f_file file;

	(void)state;
	assert_int_equal(hc_u2f_file_index(strdup(text), strlen(text), "durand", &file), HC_OK);
	assert_true(file.entries[0].foreign);
	assert_false(file.entries[1].foreign);
	hc_u2f_file_clear(&file);
}

static void a_file_that_others_may_write_is_not_read(void **state)
{
	static const struct {
		mode_t mode;
		enum hc_err err;
	} rows[] = {
		{0666, HC_ERR_PEER}, {0620, HC_ERR_PEER}, {0602, HC_ERR_PEER}, {0644, HC_OK}, {0600, HC_OK}};
	struct tempdir dir;
	struct hc_u2f_file file;
	char path[256];

	(void)state;
	tempdir_make(&dir);
	(void)snprintf(path, sizeof(path), "%s/mappings", dir.path);
	assert_int_equal(hc_u2f_file_read(path, &file), HC_ERR_NOTFOUND);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs("martin:a\n", out) >= 0);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		assert_int_equal(chmod(path, rows[i].mode), 0);
		enum hc_err err = hc_u2f_file_read(path, &file);

		if (err != rows[i].err)
			fail_msg("row %zu: %s", i, hc_strerror(err));
		if (err == HC_OK)
			hc_u2f_file_clear(&file);
	}
	assert_int_equal(hc_u2f_file_read(dir.path, &file), HC_ERR_INVALID);
	tempdir_remove(&dir);
}

static void a_key_of_openssh_is_told_apart(void **state)
{
	static const char key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";

	(void)state;
	assert_true(hc_u2f_is_ssh(key, strlen(key)));
	assert_false(hc_u2f_is_ssh(key, 20));
	assert_false(hc_u2f_is_ssh("martin:a", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_line_of_pam_u2f_is_refused),
		cmocka_unit_test(both_forms_are_read),
		cmocka_unit_test(a_person_may_have_sixteen_keys_and_the_bad_one_is_named),
		cmocka_unit_test(of_several_lines_of_a_login_the_last_one_counts),
		cmocka_unit_test(a_file_of_very_many_lines_is_refused),
		cmocka_unit_test(a_file_of_somebody_speaks_for_that_one_alone),
		cmocka_unit_test(a_file_that_others_may_write_is_not_read),
		cmocka_unit_test(a_key_of_openssh_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
