/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LOG_H
#define HC_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"

/*
 * Structured log for our own programs (never for the PAM module, which uses pam_syslog).
 *
 * One line a record on stderr: message, then fields as key=value. Values given as text are escaped
 * (control bytes, quotes, backslash, invalid UTF-8) and put in quotes where needed; a value of a
 * secret cannot be passed, since no field type takes one. With stderr connected to the journal
 * ($JOURNAL_STREAM names its device and inode) each line starts with its priority as "<N>".
 * A line is written by one write(2) of at most 4096 bytes; a longer one is cut and marked.
 */
enum hc_log_level {
	HC_LOG_ERROR = 3,
	HC_LOG_WARNING = 4,
	HC_LOG_NOTICE = 5,
	HC_LOG_INFO = 6,
	HC_LOG_DEBUG = 7
};

struct hc_log_field {
	const char *key;  /* NULL ends the list */
	const char *text; /* borrowed; NULL: the number is meant */
	int64_t number;
};

#define HC_F_TEXT(k, v) ((struct hc_log_field){.key = (k), .text = (v)})
#define HC_F_NUM(k, v)	((struct hc_log_field){.key = (k), .number = (int64_t)(v)})
#define HC_F_END	((struct hc_log_field){.key = NULL})

/* hc_log_init: name of the program (borrowed, static) and the lowest level that is written. */
void hc_log_init(const char *program, enum hc_log_level level);

/* hc_log: message is a constant of ours; fields end with HC_F_END. Keeps errno. */
void hc_log_fields(enum hc_log_level level, const char *message, const struct hc_log_field *fields);
#define hc_log(level, message, ...) \
	hc_log_fields((level), (message), (const struct hc_log_field[]){__VA_ARGS__, HC_F_END})
#define hc_log_plain(level, message) hc_log_fields((level), (message), NULL)

/*
 * hc_log_capture: sends records to fn instead of stderr (tests; NULL restores). The line is
 * borrowed for the call.
 */
typedef void (*hc_log_capture_fn)(enum hc_log_level level, const char *line, void *ctx);
void hc_log_capture(hc_log_capture_fn fn, void *ctx);

/*
 * hc_escape: writes text for a log or a terminal into out (cap bytes, always terminated): control
 * bytes and invalid UTF-8 as \xNN, backslash and double quote with a backslash. Cut at cap.
 */
void hc_escape(const char *text, char *out, size_t cap);

#endif
