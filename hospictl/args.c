/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of the command line. State: none. It never prints the value of an option that it does not
 * know: somebody may have typed a seed behind one.
 */
#include "args.h"

#include <stdio.h>
#include <string.h>

#include "command.h"

#define NAME_CAP 64

const struct hc_option hc_global_options[] = {
	{"json", NULL, "ctl.option.json"},
	{"socket", "PATH", "ctl.option.socket"},
	{"gateway-socket", "PATH", "ctl.option.gateway_socket"},
	{"lang", "fr|en", "ctl.option.lang"},
	{"no-color", NULL, "ctl.option.no_color"},
	{"help", NULL, "ctl.option.help"},
	{"version", NULL, "ctl.option.version"},
	{NULL, NULL, NULL},
};

struct scan {
	struct hc_ctl *ctl;
	struct hc_args *args;
	char *const *words;
	int count, next;
	bool options_over;
};

static bool fail(const struct scan *scan, const char *text, const char *word)
{
	hc_ctl_complain(scan->ctl, text, HC_ARGS(word));
	hc_command_usage(scan->ctl, stderr, scan->args);
	return false;
}

static int find_option(const struct hc_option *options, const char *name, size_t len)
{
	for (int i = 0; options != NULL && options[i].name != NULL; i++) {
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

static bool set_global(const struct scan *scan, const char *name, const char *value)
{
	struct hc_ctl *ctl = scan->ctl;

	if (strcmp(name, "json") == 0)
		ctl->json = true;
	else if (strcmp(name, "no-color") == 0)
		ctl->color = false;
	else if (strcmp(name, "help") == 0)
		scan->args->help = true;
	else if (strcmp(name, "version") == 0)
		scan->args->version = true;
	else if (strcmp(name, "socket") == 0)
		ctl->socket = value;
	else if (strcmp(name, "gateway-socket") == 0)
		ctl->gateway_socket = value;
	else if (strcmp(value, "fr") == 0)
		ctl->lang = HC_LANG_FR;
	else if (strcmp(value, "en") == 0)
		ctl->lang = HC_LANG_EN;
	else
		return fail(scan, "ctl.usage.lang", value);
	return true;
}

/* The value of an option: behind '=', or the next word. Absent where the option takes none. */
static bool take_value(struct scan *scan, const struct hc_option *option, const char *equals,
		       const char **ret_value)
{
	if (option->value == NULL) {
		if (equals != NULL)
			return fail(scan, "ctl.usage.no_value", option->name);
		*ret_value = "";
		return true;
	}
	if (equals != NULL)
		*ret_value = equals + 1;
	else if (scan->next < scan->count)
		*ret_value = scan->words[scan->next++];
	else
		return fail(scan, "ctl.usage.value_missing", option->name);
	if ((*ret_value)[0] == '\0')
		return fail(scan, "ctl.usage.value_missing", option->name);
	return true;
}

static bool may_come_again(const struct hc_option *option)
{
	return option->value != NULL && strstr(option->value, "…") != NULL;
}

static bool take_again(struct scan *scan, const struct hc_option *option, int place, const char *equals)
{
	struct hc_args *args = scan->args;

	if (!may_come_again(option))
		return fail(scan, "ctl.usage.twice", option->name);
	if (args->again_count == HC_ARGS_AGAIN_MAX)
		return fail(scan, "ctl.usage.too_often", option->name);
	args->again[args->again_count].place = place;
	return take_value(scan, option, equals, &args->again[args->again_count++].value);
}

static bool take_option(struct scan *scan, const char *word)
{
	const char *name = word + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
	const char *value = NULL;
	int place = find_option(hc_global_options, name, len);

	if (place >= 0)
		return take_value(scan, &hc_global_options[place], equals, &value) &&
		       set_global(scan, hc_global_options[place].name, value);
	if (scan->args->command != NULL)
		place = find_option(scan->args->command->options, name, len);
	if (place < 0) {
		char shown[NAME_CAP];

		(void)snprintf(shown, sizeof(shown), "%.*s", len < NAME_CAP ? (int)len : NAME_CAP - 1, name);
		return fail(scan, "ctl.usage.unknown_option", shown);
	}
	const struct hc_option *option = &scan->args->command->options[place];

	if (scan->args->values[place] == NULL)
		return take_value(scan, option, equals, &scan->args->values[place]);
	return take_again(scan, option, place, equals);
}

/* "list", or the second half of "trust list". */
static bool take_verb(struct scan *scan, const char *word)
{
	struct hc_args *args = scan->args;
	char verb[NAME_CAP];

	if (args->group == NULL && hc_command_is_group(args->noun, word)) {
		args->group = word;
		return true;
	}
	const int len = args->group == NULL ? snprintf(verb, sizeof(verb), "%s", word)
					    : snprintf(verb, sizeof(verb), "%s %s", args->group, word);

	if (len > 0 && (size_t)len < sizeof(verb))
		args->command = hc_command_find(args->noun, verb);
	return args->command != NULL || fail(scan, "ctl.usage.unknown_verb", word);
}

static bool take_word(struct scan *scan, const char *word)
{
	struct hc_args *args = scan->args;

	if (args->noun == NULL && !args->help && strcmp(word, "help") == 0) {
		args->help = true; /* as --help behind what follows */
		return true;
	}
	if (args->command == NULL && args->noun == NULL) {
		args->noun = word;
		args->command = hc_command_find(word, NULL);
		if (args->command == NULL && !hc_command_is_noun(word)) {
			args->noun = NULL;
			return fail(scan, "ctl.usage.unknown_command", word);
		}
		return true;
	}
	if (args->command == NULL)
		return take_verb(scan, word);
	if (args->operand_count >= args->command->operand_count)
		return fail(scan, "ctl.usage.too_many", word);
	if (word[0] == '\0')
		return fail(scan, "ctl.usage.empty_operand", args->command->operands);
	args->operands[args->operand_count++] = word;
	return true;
}

static bool complete(const struct scan *scan)
{
	const struct hc_args *args = scan->args;

	if (args->help || args->version)
		return true;
	if (args->noun == NULL)
		return fail(scan, "ctl.usage.no_command", NULL);
	if (args->command == NULL)
		return fail(scan, "ctl.usage.no_verb", args->group != NULL ? args->group : args->noun);
	if (args->operand_count < args->command->operand_count && args->command->operands[0] != '[')
		return fail(scan, "ctl.usage.too_few", args->command->operands);
	return true;
}

bool hc_args_parse(struct hc_ctl *ctl, int argc, char *const *argv, struct hc_args *ret_args)
{
	struct scan scan = {.ctl = ctl, .args = ret_args, .words = argv, .count = argc, .next = 1};

	memset(ret_args, 0, sizeof(*ret_args));
	while (scan.next < scan.count) {
		const char *word = argv[scan.next++];
		bool good;

		if (!scan.options_over && strcmp(word, "--") == 0) {
			scan.options_over = true;
			continue;
		}
		if (!scan.options_over && strcmp(word, "-h") == 0)
			word = "--help";
		if (!scan.options_over && strncmp(word, "--", 2) == 0)
			good = take_option(&scan, word);
		else if (!scan.options_over && word[0] == '-' && word[1] != '\0')
			good = fail(&scan, "ctl.usage.short_option", word);
		else
			good = take_word(&scan, word);
		if (!good)
			return false;
	}
	return complete(&scan);
}

const char *hc_args_value(const struct hc_args *args, const char *name)
{
	int place = find_option(args->command->options, name, strlen(name));

	return place < 0 ? NULL : args->values[place];
}

bool hc_args_join(const struct hc_ctl *ctl, const struct hc_args *args, const char *name, char *out,
		  size_t cap)
{
	const int place = find_option(args->command->options, name, strlen(name));
	const char *first = hc_args_value(args, name);
	int len = snprintf(out, cap, "%s", first != NULL ? first : "");

	for (unsigned i = 0; i < args->again_count && len >= 0 && (size_t)len < cap; i++) {
		if (args->again[i].place == place)
			len += snprintf(out + len, cap - (size_t)len, " %s", args->again[i].value);
	}
	if (len >= 0 && (size_t)len < cap)
		return true;
	hc_ctl_complain(ctl, "ctl.error.too_long", NULL);
	return false;
}

bool hc_args_flag(const struct hc_args *args, const char *name)
{
	return hc_args_value(args, name) != NULL;
}

enum hc_ctl_status hc_args_bad_value(const struct hc_ctl *ctl, const struct hc_args *args, const char *name,
				     const char *expected_text)
{
	char expected[256];

	hc_text(ctl->lang, expected_text, NULL, expected, sizeof(expected));
	hc_ctl_complain(ctl, "ctl.usage.bad_value", HC_ARGS(name, hc_args_value(args, name), expected));
	hc_command_usage(ctl, stderr, args);
	return HC_CTL_USAGE;
}

bool hc_args_number(const struct hc_ctl *ctl, const struct hc_args *args, const char *name, uint32_t max,
		    bool *ret_given, uint32_t *ret_number)
{
	const char *value = hc_args_value(args, name);
	uint64_t number = 0;

	*ret_given = value != NULL;
	if (value == NULL)
		return true;
	for (const char *at = value; *at != '\0'; at++) {
		if (*at < '0' || *at > '9' || number > max) {
			(void)hc_args_bad_value(ctl, args, name, "ctl.expected.number");
			return false;
		}
		number = number * 10 + (uint64_t)(*at - '0');
	}
	if (number > max) {
		(void)hc_args_bad_value(ctl, args, name, "ctl.expected.number");
		return false;
	}
	*ret_number = (uint32_t)number;
	return true;
}
