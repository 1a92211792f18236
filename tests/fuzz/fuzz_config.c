/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/config.h"
#include "hospiconnect/identity.h"

/*
 * The configuration reader, with one key of each kind. Accepted: every value is inside of its
 * grammar, its range and its field. Refused: the error is a sentence that cannot act on a screen.
 */

struct target {
	char before[8];
	char text[16];
	char path[16];
	char after[8];
	int64_t number, seconds;
	bool flag;
	int choice;
	size_t list_len;
};

static enum hc_err parse_list(const char *value, void *field, const char **ret_why)
{
	if (strchr(value, '!') != NULL) {
		*ret_why = "must not hold an exclamation mark";
		return HC_ERR_INVALID;
	}
	*(size_t *)field = strlen(value);
	return HC_OK;
}

static const char *const choices[] = {"one", "two", "three", NULL};

#define FIELD(name) .offset = offsetof(struct target, name), .size = sizeof(((struct target *)NULL)->name)

static const struct hc_config_key keys[] = {
	{"a", "text", HC_CONFIG_TEXT, FIELD(text), .min = 1, .preset = "x"},
	{"a", "path", HC_CONFIG_PATH, FIELD(path), .preset = ""},
	{"a", "number", HC_CONFIG_NUMBER, FIELD(number), .min = -5, .max = 1000, .preset = "1"},
	{"b", "seconds", HC_CONFIG_SECONDS, FIELD(seconds), .min = 1, .max = 604800, .preset = "1min"},
	{"b", "flag", HC_CONFIG_BOOL, FIELD(flag), .preset = "no"},
	{"b", "choice", HC_CONFIG_CHOICE, FIELD(choice), .choices = choices, .preset = "one"},
	{"b", "list", HC_CONFIG_PARSED, FIELD(list_len), .parse = parse_list, .preset = ""},
	{.section = NULL},
};

static void check_accepted(const struct target *target)
{
	FUZZ_REQUIRE(memcmp(target->before, "canary!", 8) == 0 && memcmp(target->after, "canary!", 8) == 0);
	FUZZ_REQUIRE(memchr(target->text, '\0', sizeof(target->text)) != NULL && target->text[0] != '\0');
	FUZZ_REQUIRE(hc_utf8_valid(target->text, strlen(target->text)));
	FUZZ_REQUIRE(memchr(target->path, '\0', sizeof(target->path)) != NULL);
	FUZZ_REQUIRE(target->path[0] == '\0' || target->path[0] == '/');
	FUZZ_REQUIRE(strstr(target->path, "/../") == NULL && strstr(target->path, "/./") == NULL);
	FUZZ_REQUIRE(target->number >= -5 && target->number <= 1000);
	FUZZ_REQUIRE(target->seconds >= 1 && target->seconds <= 604800);
	FUZZ_REQUIRE(target->choice >= 0 && target->choice < 3);
	FUZZ_REQUIRE(target->list_len <= 1024);
}

static void check_refused(const struct hc_config_error *error, size_t size)
{
	size_t len = strnlen(error->text, sizeof(error->text));

	FUZZ_REQUIRE(len > 0 && len < sizeof(error->text));
	FUZZ_REQUIRE(hc_utf8_valid(error->text, len));
	FUZZ_REQUIRE(error->line <= size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target target = {.before = "canary!", .after = "canary!"};
	struct hc_config_error error = {0};
	enum hc_err err = hc_config_parse((const char *)data, size, keys, &target, &error);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID);
	if (err == HC_OK)
		check_accepted(&target);
	else
		check_refused(&error, size);
	return 0;
}
