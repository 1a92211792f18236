/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JSON_H
#define HC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Writer of one JSON document, value by value, so that a long list needs no memory and a secret no
 * copy on a library's heap. The elements of the outermost array stand one a line.
 *
 * name: the key within an object (plain ASCII of ours), NULL in an array or at the top.
 * Text: control characters, DEL, C1 and bidirectional controls are escaped; bytes that are no UTF-8
 * become U+FFFD. Errors of writing are in ferror(out).
 */
#define HC_JSON_DEPTH_MAX 8

struct hc_json {
	FILE *out; /* borrowed */
	unsigned depth;
	char closers[HC_JSON_DEPTH_MAX];
	bool filled[HC_JSON_DEPTH_MAX];
};

void hc_json_init(struct hc_json *json, FILE *out);
void hc_json_object(struct hc_json *json, const char *name);
void hc_json_array(struct hc_json *json, const char *name);
/* hc_json_close: ends the innermost object or array; the document's end adds a newline. */
void hc_json_close(struct hc_json *json);

void hc_json_text(struct hc_json *json, const char *name, const char *text);
void hc_json_bytes(struct hc_json *json, const char *name, const void *text, size_t len);
void hc_json_number(struct hc_json *json, const char *name, int64_t number);
void hc_json_unsigned(struct hc_json *json, const char *name, uint64_t number);
void hc_json_bool(struct hc_json *json, const char *name, bool value);
void hc_json_null(struct hc_json *json, const char *name);

#endif
