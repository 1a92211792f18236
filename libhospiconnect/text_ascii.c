/* SPDX-License-Identifier: Apache-2.0 */
/*
 * French without its accents, for front ends that show anything else as escapes. No state.
 *
 * ssh(1) writes the last words of a refused sign-in through its log, which turns every byte beyond
 * ASCII into \ooo: « n\342\200\231avez » helps nobody. A letter without its accent does.
 */
#include <string.h>

#include "hospiconnect/text.h"
#include "utf8.h"

/* Never longer than the UTF-8 that it stands for: two bytes give one or two, three give up to three. */
static const char *ascii_of(uint32_t character)
{
	static const struct {
		uint32_t character;
		const char *ascii;
	} ROWS[] = {
		{0xA0, " "},	{0xAB, "\""},	 {0xBB, "\""},	{0xC0, "A"},   {0xC2, "A"},   {0xC7, "C"},
		{0xC8, "E"},	{0xC9, "E"},	 {0xCA, "E"},	{0xCB, "E"},   {0xCE, "I"},   {0xCF, "I"},
		{0xD4, "O"},	{0xD9, "U"},	 {0xDB, "U"},	{0xE0, "a"},   {0xE2, "a"},   {0xE6, "ae"},
		{0xE7, "c"},	{0xE8, "e"},	 {0xE9, "e"},	{0xEA, "e"},   {0xEB, "e"},   {0xEE, "i"},
		{0xEF, "i"},	{0xF4, "o"},	 {0xF9, "u"},	{0xFB, "u"},   {0xFC, "u"},   {0x152, "OE"},
		{0x153, "oe"},	{0x2013, "-"},	 {0x2014, "-"}, {0x2018, "'"}, {0x2019, "'"}, {0x201C, "\""},
		{0x201D, "\""}, {0x2026, "..."}, {0x202F, " "},
	};

	for (size_t i = 0; i < HC_COUNT(ROWS); i++) {
		if (ROWS[i].character == character)
			return ROWS[i].ascii;
	}
	return "?";
}

void hc_text_to_ascii(char *text)
{
	size_t len = strlen(text), at = 0, written = 0;

	while (at < len) {
		uint32_t character = 0;
		size_t size = hc_utf8_next((const uint8_t *)text + at, len - at, &character);
		const char *ascii = "?";

		if (size == 1) {
			text[written++] = text[at++];
			continue;
		}
		if (size > 1)
			ascii = ascii_of(character);
		at += size > 0 ? size : 1;
		for (; *ascii != '\0'; ascii++)
			text[written++] = *ascii;
	}
	text[written] = '\0';
}
