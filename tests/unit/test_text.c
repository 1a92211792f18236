/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for people: complete in both languages, harmless on a screen. */
#include "hospiconnect/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/identity.h"
#include "libhospiconnect/text_table.h"

#define NBSP "\xc2\xa0"

static void an_argument_cannot_act_on_the_screen(void **state)
{
	static const char *const args[] = {"\x1b[2J\n\xe2\x80\xae\"{0}\xff\\", NULL};
	char out[256];

	(void)state;
	hc_text(HC_LANG_EN, "reason.LOCKED_OUT", args, out, sizeof(out));
	assert_string_equal(out, "Too many failures. Try again in "
				 "\\x1b[2J\\x0a\\xe2\\x80\\xae\"{0}\\xff\\\\.");
}

static void every_reason_has_a_text_in_both_languages(void **state)
{
	static const enum hc_reason reasons[] = {
#define REASON_VALUE(number, name) HC_REASON_##name,
		HC_REASONS(REASON_VALUE)
#undef REASON_VALUE
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		char name[64], code[16], french[512], english[512];

		(void)snprintf(name, sizeof(name), "reason.%s", hc_reason_name(reasons[i]));
		(void)snprintf(code, sizeof(code), " (HC-%d)", (int)reasons[i]);
		if (!hc_text_known(name))
			fail_msg("%s has no text", name);
		hc_text_reason(HC_LANG_FR, reasons[i], NULL, french, sizeof(french));
		hc_text_reason(HC_LANG_EN, reasons[i], NULL, english, sizeof(english));
		assert_string_not_equal(french, english);
		assert_string_equal(french + strlen(french) - strlen(code), code);
		assert_string_equal(english + strlen(english) - strlen(code), code);
	}
}

/* French puts a no-break space before these signs, so that none begins a line. */
static bool is_french_typography_right(const char *text)
{
	for (const char *sign = strpbrk(text, ":;!?"); sign != NULL; sign = strpbrk(sign + 1, ":;!?")) {
		if (sign > text && sign[-1] == ' ')
			return false;
	}
	return strstr(text, "\xc2\xab ") == NULL && strstr(text, " \xc2\xbb") == NULL;
}

static void the_table_is_sorted_and_every_text_can_be_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < hc_text_table_len; i++) {
		const struct hc_text_entry *entry = &hc_text_table[i];
		const char *name = hc_text_pool + entry->name,
			   *french = hc_text_pool + entry->texts[HC_LANG_FR];

		if (i > 0 && strcmp(hc_text_pool + hc_text_table[i - 1].name, name) >= 0)
			fail_msg("%s: out of order", name);
		if (!hc_text_known(name))
			fail_msg("%s: not found", name);
		if (!is_french_typography_right(french))
			fail_msg("%s: space before a sign: %s", name, french);
		for (size_t lang = 0; lang < 2; lang++) {
			/* a field of the protocol takes 2048 bytes, several of these may stand in one */
			assert_in_range(strlen(hc_text_pool + entry->texts[lang]), 1, 1000);
		}
	}
}

static void an_unknown_name_renders_as_itself(void **state)
{
	char out[64];

	(void)state;
	assert_false(hc_text_known("no.such.text"));
	hc_text(HC_LANG_FR, "no.such.text", NULL, out, sizeof(out));
	assert_string_equal(out, "no.such.text");
}

static void a_missing_argument_leaves_no_placeholder(void **state)
{
	static const char *const none[] = {NULL};
	char out[128];

	(void)state;
	hc_text(HC_LANG_EN, "reason.LOCKED_OUT", NULL, out, sizeof(out));
	assert_string_equal(out, "Too many failures. Try again in .");
	hc_text(HC_LANG_EN, "reason.LOCKED_OUT", none, out, sizeof(out));
	assert_string_equal(out, "Too many failures. Try again in .");
}

static void cutting_never_exceeds_the_room_nor_splits_a_character(void **state)
{
	static const char *const args[] = {"3" NBSP "min", NULL};
	char out[300];

	(void)state;
	for (size_t cap = 0; cap <= 200; cap++) {
		memset(out, 0x5a, sizeof(out));
		hc_text(HC_LANG_FR, "reason.LOCKED_OUT", args, out, cap);
		for (size_t i = cap; i < sizeof(out); i++)
			assert_int_equal((unsigned char)out[i], 0x5a);
		if (cap > 0)
			assert_true(strlen(out) < cap && hc_utf8_valid(out, strlen(out)));
		memset(out, 0x5a, sizeof(out));
		hc_text_reason(HC_LANG_FR, HC_REASON_LOCKED_OUT, args, out, cap);
		for (size_t i = cap; i < sizeof(out); i++)
			assert_int_equal((unsigned char)out[i], 0x5a);
		if (cap > 0)
			assert_true(strlen(out) < cap && hc_utf8_valid(out, strlen(out)));
		if (cap >= 10)
			assert_non_null(strstr(out, " (HC-203)"));
	}
	assert_string_equal(out, "Trop d\xe2\x80\x99\xc3\xa9"
				 "checs. R\xc3\xa9"
				 "essayez dans 3" NBSP "min. (HC-203)");
}

static void no_reason_has_no_text(void **state)
{
	char out[8] = "old";

	(void)state;
	hc_text_reason(HC_LANG_FR, HC_REASON_NONE, NULL, out, sizeof(out));
	assert_string_equal(out, "");
}

static void languages_come_from_tags(void **state)
{
	static const struct {
		const char *tag;
		enum hc_lang fallback, lang;
	} rows[] = {
		{NULL, HC_LANG_FR, HC_LANG_FR},
		{NULL, HC_LANG_EN, HC_LANG_EN},
		{"", HC_LANG_EN, HC_LANG_EN},
		{"C", HC_LANG_FR, HC_LANG_FR},
		{"C.UTF-8", HC_LANG_FR, HC_LANG_FR},
		{"POSIX", HC_LANG_EN, HC_LANG_EN},
		{"fr", HC_LANG_EN, HC_LANG_FR},
		{"fr_FR.UTF-8", HC_LANG_EN, HC_LANG_FR},
		{"fr-BE", HC_LANG_EN, HC_LANG_FR},
		{"FR", HC_LANG_EN, HC_LANG_FR},
		{"en", HC_LANG_FR, HC_LANG_EN},
		{"en_GB", HC_LANG_FR, HC_LANG_EN},
		{"fr@euro", HC_LANG_EN, HC_LANG_FR},
		{"fro", HC_LANG_EN, HC_LANG_EN},
		{"f", HC_LANG_EN, HC_LANG_EN},
		{"de_DE.UTF-8", HC_LANG_FR, HC_LANG_FR},
		{"de_DE.UTF-8", HC_LANG_EN, HC_LANG_EN},
		{"english", HC_LANG_FR, HC_LANG_FR},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (hc_lang_from_tag(rows[i].tag, rows[i].fallback) != rows[i].lang)
			fail_msg("row %zu", i);
	}
}

static void durations_are_rounded_up(void **state)
{
	static const struct {
		int64_t seconds;
		const char *french, *english;
	} rows[] = {
		{-5, "0" NBSP "s", "0 s"},
		{0, "0" NBSP "s", "0 s"},
		{25, "25" NBSP "s", "25 s"},
		{59, "59" NBSP "s", "59 s"},
		{60, "1" NBSP "min", "1 min"},
		{61, "2" NBSP "min", "2 min"},
		{180, "3" NBSP "min", "3 min"},
		{3540, "59" NBSP "min", "59 min"},
		{3541, "1" NBSP "h", "1 h"},
		{4800, "1" NBSP "h" NBSP "20" NBSP "min", "1 h 20 min"},
		{7200, "2" NBSP "h", "2 h"},
		{INT64_MAX, "2562047788015215" NBSP "h" NBSP "31" NBSP "min", "2562047788015215 h 31 min"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char out[64];

		hc_text_duration(HC_LANG_FR, rows[i].seconds, out, sizeof(out));
		if (strcmp(out, rows[i].french) != 0)
			fail_msg("row %zu: %s", i, out);
		hc_text_duration(HC_LANG_EN, rows[i].seconds, out, sizeof(out));
		if (strcmp(out, rows[i].english) != 0)
			fail_msg("row %zu: %s", i, out);
	}
}

static void ascii_still_reads_as_the_text(void **state)
{
	static const struct {
		const char *text, *ascii;
	} rows[] = {
		{"", ""},
		{"Wrong code. (HC-201)", "Wrong code. (HC-201)"},
		{"l’œuvre d’Élise : « déjà »…", "l'oeuvre d'Elise : \" deja \"..."},
		{"réessayez\u00a0; ça\u202f!", "reessayez ; ca !"},
		{"日本", "??"},
		{"cut \xc3", "cut ?"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s", rows[i].text);
		hc_text_to_ascii(text);
		if (strcmp(text, rows[i].ascii) != 0)
			fail_msg("row %zu: %s", i, text);
	}
}

/* Whatever the broker can say must be readable where accents are not shown. */
static void every_french_reason_has_an_ascii_form(void **state)
{
	static const enum hc_reason reasons[] = {
#define ROW(number, name) HC_REASON_##name,
		HC_REASONS(ROW)
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		char text[1024];
		const char *const args[] = {"x", NULL};

		hc_text_reason(HC_LANG_FR, reasons[i], args, text, sizeof(text));
		assert_null(strchr(text, '?'));
		hc_text_to_ascii(text);
		if (strchr(text, '?') != NULL)
			fail_msg("%s: %s", hc_reason_name(reasons[i]), text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_argument_cannot_act_on_the_screen),
		cmocka_unit_test(every_reason_has_a_text_in_both_languages),
		cmocka_unit_test(the_table_is_sorted_and_every_text_can_be_shown),
		cmocka_unit_test(an_unknown_name_renders_as_itself),
		cmocka_unit_test(a_missing_argument_leaves_no_placeholder),
		cmocka_unit_test(cutting_never_exceeds_the_room_nor_splits_a_character),
		cmocka_unit_test(no_reason_has_no_text),
		cmocka_unit_test(languages_come_from_tags),
		cmocka_unit_test(durations_are_rounded_up),
		cmocka_unit_test(ascii_still_reads_as_the_text),
		cmocka_unit_test(every_french_reason_has_an_ascii_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
