/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_WHEN_H
#define HC_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Dates and times as people type and read them; milliseconds since 1970 UTC inside. Years 1970 to
 * 9999. A date alone is that day from midnight to midnight UTC.
 */

/* Which instant of a day a date alone means. */
enum hc_when_edge {
	HC_WHEN_DAY_BEGINS,
	HC_WHEN_DAY_IS_OVER /* the first instant after that day */
};

/*
 * hc_when_parse: "2026-12-31" or RFC 3339 ("2026-12-31T18:00:00Z", "…T18:00:00.250+01:00"; a blank
 * may stand for the T). HC_ERR_INVALID otherwise.
 */
HC_CHECK enum hc_err hc_when_parse(const char *text, enum hc_when_edge edge, int64_t *ret_ms);

/* hc_when_parse_since: the same, or an age: "90s", "30min", "2h", "7d", "4w" before now_ms. */
HC_CHECK enum hc_err hc_when_parse_since(const char *text, int64_t now_ms, int64_t *ret_ms);

#define HC_WHEN_CAP 40

/* hc_when_utc: RFC 3339 in UTC, with milliseconds if asked for. "" for an instant out of range. */
void hc_when_utc(int64_t ms, bool with_ms, char *out, size_t cap);

/* hc_when_local: "2026-12-31 18:00:00" by the machine's time zone. */
void hc_when_local(int64_t ms, char *out, size_t cap);

/* hc_when_day: "2026-12-31" for a UTC midnight; hc_when_local otherwise. */
void hc_when_day(int64_t ms, char *out, size_t cap);

#endif
