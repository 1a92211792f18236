/* SPDX-License-Identifier: Apache-2.0 */
#include "config_value.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * One configuration value: from text to a field of the program's struct. Pure, no state; a field is
 * written only with a value inside of its grammar and range, and never beyond its size.
 */

/* Decimal digits with an optional minus; at most 18 of them, so that no int64_t overflows. */
static bool read_integer(const char *text, size_t len, int64_t *ret_value)
{
	bool negative = len > 0 && text[0] == '-';
	size_t start = negative ? 1 : 0;
	int64_t value = 0;

	if (len == start || len - start > 18)
		return false;
	for (size_t i = start; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_value = negative ? -value : value;
	return true;
}

static bool read_seconds(const char *text, int64_t *ret_value)
{
	static const struct {
		const char *suffix;
		int64_t factor;
	} units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	int64_t value = 0;

	if (!read_integer(text, digits, &value))
		return false;
	for (size_t i = 0; i < HC_COUNT(units); i++) {
		if (strcmp(text + digits, units[i].suffix) == 0)
			return !__builtin_mul_overflow(value, units[i].factor, ret_value);
	}
	return false;
}

static bool is_path(const char *text)
{
	if (text[0] != '/')
		return false;
	for (const char *slash = text; slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t len = strcspn(slash + 1, "/");

		if ((len == 1 && slash[1] == '.') || (len == 2 && slash[1] == '.' && slash[2] == '.'))
			return false;
	}
	return true;
}

static enum hc_err store_text(const struct hc_config_key *key, const char *value, void *field)
{
	size_t len = strlen(value);

	if (len >= key->size)
		return HC_ERR_INVALID;
	memcpy(field, value, len + 1);
	return HC_OK;
}

static enum hc_err read_text(const struct hc_config_key *key, const char *value, void *field, char *want,
			     size_t want_cap)
{
	if (key->min != 0 && value[0] == '\0') {
		(void)snprintf(want, want_cap, "must not be empty");
		return HC_ERR_INVALID;
	}
	(void)snprintf(want, want_cap, "must be at most %zu bytes long", key->size - 1);
	return store_text(key, value, field);
}

static enum hc_err read_path(const struct hc_config_key *key, const char *value, bool is_preset, void *field,
			     char *want, size_t want_cap)
{
	(void)snprintf(want, want_cap,
		       "must be an absolute path of at most %zu bytes without \".\" and \"..\"",
		       key->size - 1);
	if (!is_path(value) && !(is_preset && value[0] == '\0'))
		return HC_ERR_INVALID;
	return store_text(key, value, field);
}

static enum hc_err read_number(const struct hc_config_key *key, const char *value, void *field, char *want,
			       size_t want_cap)
{
	int64_t number = 0;

	(void)snprintf(want, want_cap, "must be a number from %" PRId64 " to %" PRId64, key->min, key->max);
	if (!read_integer(value, strlen(value), &number) || number < key->min || number > key->max)
		return HC_ERR_INVALID;
	memcpy(field, &number, sizeof(number));
	return HC_OK;
}

static void print_seconds(int64_t seconds, char *out, size_t cap)
{
	if (seconds != 0 && seconds % 86400 == 0)
		(void)snprintf(out, cap, "%" PRId64 "d", seconds / 86400);
	else if (seconds != 0 && seconds % 3600 == 0)
		(void)snprintf(out, cap, "%" PRId64 "h", seconds / 3600);
	else if (seconds != 0 && seconds % 60 == 0)
		(void)snprintf(out, cap, "%" PRId64 "min", seconds / 60);
	else
		(void)snprintf(out, cap, "%" PRId64 "s", seconds);
}

static enum hc_err read_duration(const struct hc_config_key *key, const char *value, void *field, char *want,
				 size_t want_cap)
{
	char low[24], high[24];
	int64_t seconds = 0;

	print_seconds(key->min, low, sizeof(low));
	print_seconds(key->max, high, sizeof(high));
	(void)snprintf(want, want_cap, "must be a duration from %s to %s, such as 90s, 15min, 2h or 7d", low,
		       high);
	if (!read_seconds(value, &seconds) || seconds < key->min || seconds > key->max)
		return HC_ERR_INVALID;
	memcpy(field, &seconds, sizeof(seconds));
	return HC_OK;
}

static enum hc_err read_bool(const char *value, void *field, char *want, size_t want_cap)
{
	bool truth = strcmp(value, "yes") == 0;

	(void)snprintf(want, want_cap, "must be yes or no");
	if (!truth && strcmp(value, "no") != 0)
		return HC_ERR_INVALID;
	memcpy(field, &truth, sizeof(truth));
	return HC_OK;
}

static enum hc_err read_choice(const struct hc_config_key *key, const char *value, void *field, char *want,
			       size_t want_cap)
{
	size_t used = (size_t)snprintf(want, want_cap, "must be one of");

	for (int i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(key->choices[i], value) == 0) {
			memcpy(field, &i, sizeof(i));
			return HC_OK;
		}
		if (used < want_cap)
			used += (size_t)snprintf(want + used, want_cap - used, "%s %s", i > 0 ? "," : "",
						 key->choices[i]);
	}
	return HC_ERR_INVALID;
}

static enum hc_err read_parsed(const struct hc_config_key *key, const char *value, void *field, char *want,
			       size_t want_cap)
{
	const char *why = "is not valid";
	enum hc_err err = key->parse(value, field, &why);

	if (err == HC_OK || err == HC_ERR_NOMEM)
		return err;
	(void)snprintf(want, want_cap, "%s", why != NULL ? why : "is not valid");
	return HC_ERR_INVALID;
}

enum hc_err hc_config_value_read(const struct hc_config_key *key, const char *value, bool is_preset,
				 void *target, char *want, size_t want_cap)
{
	void *field = (uint8_t *)target + key->offset;

	switch (key->kind) {
	case HC_CONFIG_TEXT:
		return read_text(key, value, field, want, want_cap);
	case HC_CONFIG_PATH:
		return read_path(key, value, is_preset, field, want, want_cap);
	case HC_CONFIG_NUMBER:
		return read_number(key, value, field, want, want_cap);
	case HC_CONFIG_SECONDS:
		return read_duration(key, value, field, want, want_cap);
	case HC_CONFIG_BOOL:
		return read_bool(value, field, want, want_cap);
	case HC_CONFIG_CHOICE:
		return read_choice(key, value, field, want, want_cap);
	case HC_CONFIG_PARSED:
		return read_parsed(key, value, field, want, want_cap);
	}
	(void)snprintf(want, want_cap, "has a kind that this program does not know");
	return HC_ERR_INVALID;
}
