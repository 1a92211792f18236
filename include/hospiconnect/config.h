/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFIG_H
#define HC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Strict configuration: `key = value` under `[sections]`, `#` at the start of a line begins a
 * comment, blank lines are skipped. A value is the rest of the line without surrounding blanks.
 * Lines are at most 1024 bytes of valid UTF-8 without control characters (tab counts as blank), a
 * file at most 256 KiB. An unknown section or key, a key given twice, a value outside its kind's
 * grammar or range: an error that names file, line and what would be right. Nothing is ignored.
 *
 * A program describes its keys in a table; the reader stores into the program's struct at the
 * key's offset. Defaults are given as text and read by the same code before the file is.
 */
enum hc_config_kind {
	HC_CONFIG_TEXT,	   /* char[size], NUL-terminated, at least one character unless min is 0 */
	HC_CONFIG_PATH,	   /* char[size], absolute, no "." or ".." component; empty only as default */
	HC_CONFIG_NUMBER,  /* int64_t, min to max */
	HC_CONFIG_SECONDS, /* int64_t seconds, min to max; "90", "90s", "15min", "2h", "7d" */
	HC_CONFIG_BOOL,	   /* bool: yes, no */
	HC_CONFIG_CHOICE,  /* int: index of the value in choices (NULL-terminated) */
	HC_CONFIG_PARSED   /* parse() decides; e.g. lists and dates */
};

struct hc_config_key {
	const char *section;
	const char *key;
	enum hc_config_kind kind;
	size_t offset;
	size_t size;
	int64_t min, max;
	const char *const *choices;
	/* value is NUL-terminated and borrowed; ret_why: static text, set on failure */
	enum hc_err (*parse)(const char *value, void *field, const char **ret_why);
	const char *preset; /* the default as text; NULL: the key must be given */
};

/* HC_CONFIG_FIELD: offset and size of a member, for a key's initialiser. */
#define HC_CONFIG_FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

struct hc_config_error {
	unsigned line;	/* 0: the file as a whole */
	char text[256]; /* without file and line: print FILE:LINE: TEXT */
};

/*
 * hc_config_parse: reads len bytes of text into target. keys ends with a section of NULL. On
 * HC_ERR_INVALID the first error is in ret_error and target must not be used.
 */
HC_CHECK enum hc_err hc_config_parse(const char *text, size_t len, const struct hc_config_key *keys,
				     void *target, struct hc_config_error *ret_error);

/*
 * hc_config_load: reads a file that belongs to root or to the effective user and that nobody else may
 * write, and has parse read its text into target (both given to it; as hc_config_parse). On failure
 * ret_why (cap bytes) holds "PATH: why" or "PATH:LINE: why" for a person to read. Errors: those of
 * hc_file_read and of parse.
 */
typedef enum hc_err (*hc_config_parse_fn)(const char *text, size_t len, void *target,
					  struct hc_config_error *ret_error);
HC_CHECK enum hc_err hc_config_load(const char *path, hc_config_parse_fn parse, void *target, char *ret_why,
				    size_t cap);

/*
 * hc_config_web_address: whether text (len bytes) is an http:// or https:// address of printable ASCII that can be asked and
 * logged: with a host, without a password, and without a fragment, which would be sent to nobody.
 */
bool hc_config_web_address(const char *text, size_t len);

/* hc_config_contradiction: an error of the file as a whole; why is static text. Returns HC_ERR_INVALID. */
enum hc_err hc_config_contradiction(const char *why, struct hc_config_error *ret_error);

#endif
