/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each fact is written. No state. Everything that a row holds is text from outside: escaped for
 * the terminal here, for JSON by the writer.
 */
#include "cell.h"

#include <inttypes.h>
#include <string.h>

#include "key_cell.h"
#include "when.h"

#define RAW_CAP	      4112
#define HEX_BYTES_MAX 512
#define DATE_LEN      10 /* of "2026-11-22 08:28:06" */
#define MS_A_DAY      86400000

bool hc_cell_number(const struct hc_msg *row, enum hc_field field, uint64_t *ret_number)
{
	uint32_t small;

	if (!hc_msg_has(row, field))
		return false;
	if (hc_msg_u64(row, field, ret_number) == HC_OK)
		return true;
	if (hc_msg_u32(row, field, &small) != HC_OK)
		return false;
	*ret_number = small;
	return true;
}

void hc_cell_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 0x0f];
	}
	out[2 * len] = '\0';
}

void hc_cell_uuid(const uint8_t data[16], char out[HC_UUID_CAP])
{
	size_t used = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[used++] = '-';
		hc_cell_hex(&data[i], 1, out + used);
		used += 2;
	}
}

void hc_cell_word(const struct hc_ctl *ctl, const char *word, char *out, size_t cap)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "ctl.word.%s", word);
	if (hc_text_known(name))
		hc_text(ctl->lang, name, NULL, out, cap);
	else
		hc_ctl_escape(word, out, cap);
}

void hc_cell_title(const struct hc_ctl *ctl, const char *name, char *out, size_t cap)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "ctl.col.%s", name);
	hc_text(ctl->lang, text, NULL, out, cap);
}

/* A text field, and bytes as hex. False if the row does not have it. */
static bool raw_text(const struct hc_column *column, const struct hc_msg *row, char *out, size_t cap)
{
	const uint8_t *view;
	size_t len;

	out[0] = '\0';
	if (!hc_msg_has(row, column->field))
		return false;
	if (column->kind != HC_CELL_HEX && column->kind != HC_CELL_UUID)
		return hc_msg_text(row, column->field, out, cap) == HC_OK;
	if (hc_msg_bytes(row, column->field, &view, &len) != HC_OK || 2 * len + 1 > cap)
		return false;
	if (column->kind == HC_CELL_UUID) {
		if (len != 16 || cap < HC_UUID_CAP)
			return false;
		hc_cell_uuid(view, out);
		return true;
	}
	hc_cell_hex(view, len, out);
	return true;
}

static void reason_text(uint64_t wire, bool human, char *out, size_t cap)
{
	enum hc_reason reason = HC_REASON_NONE;

	out[0] = '\0';
	if (wire == 0)
		return;
	if (human || wire > UINT32_MAX || hc_reason_from_wire((uint32_t)wire, &reason) != HC_OK)
		(void)snprintf(out, cap, "HC-%" PRIu64, wire);
	else
		(void)snprintf(out, cap, "%s", hc_reason_name(reason));
}

static void number_human(const struct hc_ctl *ctl, const struct hc_column *column, uint64_t number, char *out,
			 size_t cap)
{
	out[0] = '\0';
	switch (column->kind) {
	case HC_CELL_DATE:
		if (number != 0) {
			hc_when_local((int64_t)number, out, cap);
			out[DATE_LEN] = '\0';
		}
		break;
	case HC_CELL_TIME:
	case HC_CELL_EXACT:
		if (number != 0)
			hc_when_local((int64_t)number, out, cap);
		break;
	case HC_CELL_DAY:
		if (number != 0)
			hc_when_day((int64_t)number, out, cap);
		break;
	case HC_CELL_LAST:
		if (number != 0)
			hc_when_day((int64_t)number - (number % MS_A_DAY == 0 ? MS_A_DAY : 0), out, cap);
		break;
	case HC_CELL_FLAG:
		hc_text(ctl->lang, number != 0 ? "ctl.yes" : "ctl.no", NULL, out, cap);
		break;
	case HC_CELL_REASON:
		reason_text(number, true, out, cap);
		break;
	case HC_CELL_SIGNED:
		(void)snprintf(out, cap, "%+" PRId64, (int64_t)number);
		break;
	case HC_CELL_NUMBER:
	case HC_CELL_TEXT:
	case HC_CELL_WORD:
	case HC_CELL_LIST:
	case HC_CELL_HEX:
	case HC_CELL_UUID:
	case HC_CELL_KEY:
		(void)snprintf(out, cap, "%" PRIu64, number);
		break;
	}
}

static bool is_text(enum hc_cell_kind kind)
{
	return kind == HC_CELL_TEXT || kind == HC_CELL_WORD || kind == HC_CELL_LIST || kind == HC_CELL_HEX ||
	       kind == HC_CELL_UUID;
}

void hc_cell_human(const struct hc_ctl *ctl, const struct hc_column *column, const struct hc_msg *row,
		   char *out, size_t cap)
{
	char raw[RAW_CAP];
	uint64_t number;

	out[0] = '\0';
	if (column->kind == HC_CELL_KEY) {
		hc_key_cell_human(ctl, row, out, cap);
		return;
	}
	if (is_text(column->kind)) {
		if (!raw_text(column, row, raw, sizeof(raw)))
			return;
		if (column->kind == HC_CELL_WORD)
			hc_cell_word(ctl, raw, out, cap);
		else
			hc_ctl_escape(raw, out, cap);
		return;
	}
	if (hc_cell_number(row, column->field, &number))
		number_human(ctl, column, number, out, cap);
}

static void number_plain(enum hc_cell_kind kind, uint64_t number, char *out, size_t cap)
{
	out[0] = '\0';
	switch (kind) {
	case HC_CELL_DATE:
	case HC_CELL_TIME:
	case HC_CELL_DAY:
	case HC_CELL_LAST:
		if (number != 0)
			hc_when_utc((int64_t)number, false, out, cap);
		break;
	case HC_CELL_EXACT:
		if (number != 0)
			hc_when_utc((int64_t)number, true, out, cap);
		break;
	case HC_CELL_FLAG:
		(void)snprintf(out, cap, "%s", number != 0 ? "yes" : "no");
		break;
	case HC_CELL_REASON:
		reason_text(number, false, out, cap);
		break;
	case HC_CELL_SIGNED:
		(void)snprintf(out, cap, "%" PRId64, (int64_t)number);
		break;
	case HC_CELL_NUMBER:
	case HC_CELL_TEXT:
	case HC_CELL_WORD:
	case HC_CELL_LIST:
	case HC_CELL_HEX:
	case HC_CELL_UUID:
	case HC_CELL_KEY:
		(void)snprintf(out, cap, "%" PRIu64, number);
		break;
	}
}

void hc_cell_plain(const struct hc_column *column, const struct hc_msg *row, char *out, size_t cap)
{
	char raw[RAW_CAP];
	uint64_t number;

	out[0] = '\0';
	if (column->kind == HC_CELL_KEY) {
		hc_key_cell_plain(row, out, cap);
		return;
	}
	if (is_text(column->kind)) {
		if (raw_text(column, row, raw, sizeof(raw)))
			hc_ctl_escape(raw, out, cap);
		return;
	}
	if (hc_cell_number(row, column->field, &number))
		number_plain(column->kind, number, out, cap);
}

static void number_json(struct hc_json *json, const struct hc_column *column, uint64_t number)
{
	char text[HC_CELL_CAP];

	switch (column->kind) {
	case HC_CELL_FLAG:
		hc_json_bool(json, column->name, number != 0);
		return;
	case HC_CELL_SIGNED:
		hc_json_number(json, column->name, (int64_t)number);
		return;
	case HC_CELL_NUMBER:
		hc_json_unsigned(json, column->name, number);
		return;
	case HC_CELL_DATE:
	case HC_CELL_TIME:
	case HC_CELL_EXACT:
	case HC_CELL_DAY:
	case HC_CELL_LAST:
	case HC_CELL_REASON:
	case HC_CELL_TEXT:
	case HC_CELL_WORD:
	case HC_CELL_LIST:
	case HC_CELL_HEX:
	case HC_CELL_UUID:
	case HC_CELL_KEY:
		break;
	}
	number_plain(column->kind, number, text, sizeof(text));
	if (text[0] == '\0')
		hc_json_null(json, column->name);
	else
		hc_json_text(json, column->name, text);
}

/* Changes words: each is terminated where its space was. */
static void list_json(struct hc_json *json, const char *name, char *words)
{
	hc_json_array(json, name);
	while (*words != '\0') {
		const size_t len = strcspn(words, " ");
		const bool last = words[len] == '\0';

		words[len] = '\0';
		hc_json_text(json, NULL, words);
		words += len + (last ? 0 : 1);
	}
	hc_json_close(json);
}

void hc_cell_json(struct hc_json *json, const struct hc_column *column, const struct hc_msg *row)
{
	char raw[RAW_CAP] = "";
	uint64_t number;

	if (column->kind == HC_CELL_KEY)
		return; /* each of its facts has a column of its own */
	if (column->kind == HC_CELL_LIST) {
		(void)raw_text(column, row, raw, sizeof(raw)); /* absent is an empty list */
		list_json(json, column->name, raw);
	} else if (is_text(column->kind)) {
		if (raw_text(column, row, raw, sizeof(raw)))
			hc_json_text(json, column->name, raw);
		else
			hc_json_null(json, column->name);
	} else if (hc_cell_number(row, column->field, &number)) {
		number_json(json, column, number);
	} else {
		hc_json_null(json, column->name);
	}
}
