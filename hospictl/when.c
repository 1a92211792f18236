/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates and times, parsed strictly: what is not wholly understood is refused, since a validity that
 * ends on another day than the one meant lets somebody in, or keeps somebody out. No state.
 */
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_A_SECOND   1000
#define SECONDS_A_DAY 86400
#define MS_A_DAY      ((int64_t)SECONDS_A_DAY * MS_A_SECOND)
#define LAST_SECOND   253402300799 /* 9999-12-31T23:59:59Z */
#define AGE_MAX_S     ((int64_t)100 * 366 * SECONDS_A_DAY)

/* Exactly count digits at *at, which moves behind them. */
static bool digits(const char **at, int count, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < count; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	*at += count;
	*ret_number = number;
	return true;
}

static bool literal(const char **at, const char *set)
{
	if (**at == '\0' || strchr(set, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_date(const char **at, struct tm *parts)
{
	int year, month, day;

	if (!digits(at, 4, &year) || !literal(at, "-") || !digits(at, 2, &month) || !literal(at, "-") ||
	    !digits(at, 2, &day))
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*parts = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	return true;
}

/* ".250": digits beyond the third are read and dropped. */
static bool parse_fraction(const char **at, int *ret_ms)
{
	int scale = 100, ms = 0, count = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++, count++) {
		ms += (**at - '0') * scale;
		scale /= 10;
	}
	*ret_ms = ms;
	return count > 0 && count <= 9;
}

static bool parse_offset(const char **at, int *ret_seconds)
{
	int sign, hours, minutes;

	if (literal(at, "Zz")) {
		*ret_seconds = 0;
		return true;
	}
	sign = **at == '-' ? -1 : 1;
	if (!literal(at, "+-") || !digits(at, 2, &hours) || !literal(at, ":") || !digits(at, 2, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return hours <= 23 && minutes <= 59;
}

static bool parse_clock(const char **at, struct tm *parts, int *ret_ms, int *ret_offset_s)
{
	*ret_ms = 0;
	if (!digits(at, 2, &parts->tm_hour) || !literal(at, ":") || !digits(at, 2, &parts->tm_min) ||
	    !literal(at, ":") || !digits(at, 2, &parts->tm_sec))
		return false;
	if (parts->tm_hour > 23 || parts->tm_min > 59 || parts->tm_sec > 59)
		return false;
	if (literal(at, ".") && !parse_fraction(at, ret_ms))
		return false;
	return parse_offset(at, ret_offset_s);
}

enum hc_err hc_when_parse(const char *text, enum hc_when_edge edge, int64_t *ret_ms)
{
	const char *at = text;
	struct tm parts;
	int ms = 0, offset_s = 0;
	int64_t result;

	if (!parse_date(&at, &parts))
		return HC_ERR_INVALID;
	if (*at == '\0') {
		result = (int64_t)timegm(&parts) * MS_A_SECOND;
		*ret_ms = edge == HC_WHEN_DAY_IS_OVER ? result + MS_A_DAY : result;
		return HC_OK;
	}
	if (!literal(&at, "Tt ") || !parse_clock(&at, &parts, &ms, &offset_s) || *at != '\0')
		return HC_ERR_INVALID;
	result = ((int64_t)timegm(&parts) - offset_s) * MS_A_SECOND + ms;
	if (result < 0 || result / MS_A_SECOND > LAST_SECOND)
		return HC_ERR_INVALID;
	*ret_ms = result;
	return HC_OK;
}

static int64_t unit_seconds(const char *unit)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"s", 1},
		     {"min", 60},
		     {"m", 60},
		     {"h", 3600},
		     {"d", SECONDS_A_DAY},
		     {"j", SECONDS_A_DAY},
		     {"w", 7 * SECONDS_A_DAY}};

	for (size_t i = 0; i < HC_COUNT(units); i++) {
		if (strcmp(units[i].name, unit) == 0)
			return units[i].seconds;
	}
	return 0;
}

enum hc_err hc_when_parse_since(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	const char *at = text;
	int64_t number = 0, unit;

	while (*at >= '0' && *at <= '9' && number <= AGE_MAX_S)
		number = number * 10 + (*at++ - '0');
	unit = unit_seconds(at);
	if (at == text || unit == 0)
		return hc_when_parse(text, HC_WHEN_DAY_BEGINS, ret_ms);
	if (number > AGE_MAX_S / unit)
		return HC_ERR_INVALID;
	*ret_ms = now_ms - number * unit * MS_A_SECOND;
	if (*ret_ms < 0)
		*ret_ms = 0;
	return HC_OK;
}

static bool in_range(int64_t ms, char *out, size_t cap)
{
	if (cap > 0)
		out[0] = '\0';
	return ms >= 0 && ms / MS_A_SECOND <= LAST_SECOND;
}

void hc_when_utc(int64_t ms, bool with_ms, char *out, size_t cap)
{
	time_t seconds = (time_t)(ms / MS_A_SECOND);
	struct tm parts;
	char text[HC_WHEN_CAP];

	if (!in_range(ms, out, cap) || gmtime_r(&seconds, &parts) == NULL)
		return;
	if (strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
		return;
	if (with_ms)
		(void)snprintf(out, cap, "%s.%03dZ", text, (int)(ms % MS_A_SECOND));
	else
		(void)snprintf(out, cap, "%sZ", text);
}

void hc_when_local(int64_t ms, char *out, size_t cap)
{
	time_t seconds = (time_t)(ms / MS_A_SECOND);
	struct tm parts;

	if (!in_range(ms, out, cap) || localtime_r(&seconds, &parts) == NULL)
		return;
	if (strftime(out, cap, "%Y-%m-%d %H:%M:%S", &parts) == 0 && cap > 0)
		out[0] = '\0';
}

void hc_when_day(int64_t ms, char *out, size_t cap)
{
	char text[HC_WHEN_CAP];

	if (ms % MS_A_DAY != 0) {
		hc_when_local(ms, out, cap);
		return;
	}
	hc_when_utc(ms, false, text, sizeof(text));
	(void)snprintf(out, cap, "%.10s", text);
}
