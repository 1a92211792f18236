/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JSON_OUT_H
#define HC_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Writes JSON (RFC 8259) into the caller's buffer, without a tree. Commas and escapes are made here;
 * keys are constants of ours (NULL inside of arrays and at the top). What does not fit fails the whole
 * text: hc_json_end says so once, the calls before it need not be looked at.
 */
struct hc_json_out {
	char *text; /* borrowed; terminated by hc_json_end */
	size_t cap, len;
	unsigned depth;
	bool failed;
};

void hc_json_start(struct hc_json_out *out, char *buffer, size_t cap);

void hc_json_object(struct hc_json_out *out, const char *key);
void hc_json_array(struct hc_json_out *out, const char *key);
void hc_json_object_end(struct hc_json_out *out);
void hc_json_array_end(struct hc_json_out *out);

/* hc_json_text: value is well-formed UTF-8. */
void hc_json_text(struct hc_json_out *out, const char *key, const char *value);
void hc_json_number(struct hc_json_out *out, const char *key, int64_t value);
void hc_json_bool(struct hc_json_out *out, const char *key, bool value);
/* hc_json_words: an array of the words of a text with one space between two. */
void hc_json_words(struct hc_json_out *out, const char *key, const char *words);
/* hc_json_raw: a value that is JSON already. */
void hc_json_raw(struct hc_json_out *out, const char *key, const char *json);

/* hc_json_end: HC_ERR_TOOBIG where the buffer was too small; HC_ERR_STATE where something is still open. */
HC_CHECK enum hc_err hc_json_end(struct hc_json_out *out, size_t *ret_len);

#endif
