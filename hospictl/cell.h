/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CELL_H
#define HC_CELL_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/msg.h"

#include "ctl.h"
#include "json.h"

/*
 * One fact of a row: which field, how it is written for people and for programs. Its title is the
 * text "ctl.col.<name>"; a word that people read translated has the text "ctl.word.<word>".
 */
enum hc_cell_kind {
	HC_CELL_TEXT,
	HC_CELL_WORD,	/* one of a few words */
	HC_CELL_LIST,	/* TEXT with a space between two: an array for programs */
	HC_CELL_NUMBER, /* U32 or U64 */
	HC_CELL_SIGNED, /* two's complement in U64 */
	HC_CELL_FLAG,	/* U32: 0 or 1 */
	HC_CELL_TIME,	/* U64 milliseconds; 0 is "never" */
	HC_CELL_DATE,	/* the same, of which a list shows the day */
	HC_CELL_EXACT,	/* the same, with milliseconds for programs */
	HC_CELL_DAY,	/* the same; a UTC midnight is shown as that day */
	HC_CELL_LAST,	/* first instant outside; a UTC midnight is shown as the day before */
	HC_CELL_HEX,	/* BYTES */
	HC_CELL_UUID,	/* BYTES, 16 of them */
	HC_CELL_KEY,	/* a few facts of a security key in one; programs have them one by one */
	HC_CELL_REASON	/* U32: enum hc_reason */
};

struct hc_column {
	const char *name; /* JSON key */
	enum hc_field field;
	enum hc_cell_kind kind;
	bool listed; /* in tables; the others only where one object is shown, and in JSON */
	bool whole;  /* never cut in a table */
};

#define HC_CELL_CAP 4200

/*
 * hc_cell_human: fit for a terminal, in the language. hc_cell_plain: for programs, without tabs or
 * newlines.
 */
void hc_cell_human(const struct hc_ctl *ctl, const struct hc_column *column, const struct hc_msg *row,
		   char *out, size_t cap);
void hc_cell_plain(const struct hc_column *column, const struct hc_msg *row, char *out, size_t cap);

/* hc_cell_json: name and value; null where the row does not have it. */
void hc_cell_json(struct hc_json *json, const struct hc_column *column, const struct hc_msg *row);

/* hc_cell_number: a U32 or U64 field; false if absent. */
bool hc_cell_number(const struct hc_msg *row, enum hc_field field, uint64_t *ret_number);

/* hc_cell_word: a word in the language, or the word itself, escaped. hc_cell_title: a column's title. */
void hc_cell_word(const struct hc_ctl *ctl, const char *word, char *out, size_t cap);
void hc_cell_title(const struct hc_ctl *ctl, const char *name, char *out, size_t cap);

/* hc_cell_hex: lower case; out must hold 2·len+1. */
void hc_cell_hex(const uint8_t *data, size_t len, char *out);

/* hc_cell_uuid: 16 bytes, as 8-4-4-4-12 digits. */
#define HC_UUID_CAP 37
void hc_cell_uuid(const uint8_t data[16], char out[HC_UUID_CAP]);

#endif
