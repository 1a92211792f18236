/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEXT_H
#define HC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"

/*
 * Texts for people, in French and English, from the table that the build makes of po/en.po and
 * po/fr.po. No locale is needed or touched. A text is named by its context (msgctxt) in po/:
 * "reason.WRONG_CODE", "prompt.code". The build fails when a language lacks one.
 *
 * Placeholders are {0} to {9}; arguments are escaped for a terminal as they go in (hc_escape
 * without the quoting of quotes), so that no argument can act on the screen.
 */
enum hc_lang { HC_LANG_FR = 0, HC_LANG_EN = 1 };

/*
 * hc_lang_from_tag: from "fr", "fr_FR.UTF-8", "en-GB", ...; anything else, NULL, "" and "C" give
 * fallback.
 */
enum hc_lang hc_lang_from_tag(const char *tag, enum hc_lang fallback);

/*
 * hc_text: renders the text of that name into out (cap bytes, always terminated, cut at a whole
 * character). args: up to ten borrowed strings, NULL-terminated, may be NULL. An unknown name
 * renders as the name itself, and hc_text_known says false.
 */
void hc_text(enum hc_lang lang, const char *name, const char *const *args, char *out, size_t cap);
bool hc_text_known(const char *name);

/*
 * hc_text_reason: the text of a reason, with its help-desk code behind it: "Code incorrect. (HC-201)".
 */
void hc_text_reason(enum hc_lang lang, enum hc_reason reason, const char *const *args, char *out, size_t cap);

/*
 * hc_text_to_ascii: changes a UTF-8 text in place into ASCII that still reads as French or English;
 * a character without a likeness becomes '?'. For front ends that escape everything else.
 */
void hc_text_to_ascii(char *text);

/*
 * hc_text_duration: "25 s", "3 min", "1 h 20 min" for a number of seconds, rounded up.
 */
void hc_text_duration(enum hc_lang lang, int64_t seconds, char *out, size_t cap);

#endif
