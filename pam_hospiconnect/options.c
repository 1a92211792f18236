/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's arguments. Stateless; nothing is copied.
 *
 * An argument that is not understood is refused, never skipped: a misspelt `mode=` or `exempt=`
 * would otherwise weaken a stack without a word. The list of exempt accounts is matched here, with
 * no lookup of any kind, since it must hold while everything else is out of order.
 */
#include "options.h"

#include <string.h>

struct setting {
	const char *name;
	bool has_value;
	/* NULL: stored; otherwise static text that says what is wrong */
	const char *(*store)(const char *value, struct hc_options *options);
};

static const char *store_socket(const char *value, struct hc_options *options)
{
	size_t len = strlen(value);

	if (value[0] != '/')
		return "the path must be absolute";
	if (len > HC_SOCKET_PATH_MAX)
		return "the path is longer than 107 bytes";
	options->socket = value;
	options->peer = HC_PEER_DIRECTORY_OWNER;
	return NULL;
}

static const char *store_mode(const char *value, struct hc_options *options)
{
	if (strcmp(value, "primary") == 0)
		options->mode = HC_MODE_PRIMARY;
	else if (strcmp(value, "second-factor") == 0)
		options->mode = HC_MODE_SECOND_FACTOR;
	else
		return "must be primary or second-factor";
	return NULL;
}

static uint32_t method_bit(const char *name, size_t len)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} methods[] = {{"totp", HC_METHOD_TOTP},
		       {"recovery", HC_METHOD_RECOVERY},
		       {"fido2", HC_METHOD_FIDO2},
		       {"cps", HC_METHOD_CPS}};

	for (size_t i = 0; i < HC_COUNT(methods); i++) {
		if (strlen(methods[i].name) == len && memcmp(methods[i].name, name, len) == 0)
			return methods[i].bit;
	}
	return 0;
}

static const char *store_methods(const char *value, struct hc_options *options)
{
	uint32_t methods = 0;

	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		uint32_t bit = method_bit(at, len);

		if (bit == 0)
			return "must be a list of cps, fido2, totp, recovery";
		if (methods & bit)
			return "names a method twice";
		methods |= bit;
		at += len;
		if (*at == '\0')
			break;
	}
	options->methods = methods;
	return NULL;
}

/* An empty entry is more likely a slip of the pen than a wish, and no account has such a name. */
static const char *store_exempt(const char *value, struct hc_options *options)
{
	options->exempt = value;
	if (value[0] == '\0')
		return NULL;
	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");

		if (len == 0)
			return "holds an empty account name";
		if (strcspn(at, " \t\r\n") < len)
			return "holds an account name with a blank";
		at += len;
		if (*at == '\0')
			return NULL;
	}
}

static const char *store_exempt_remote(const char *value, struct hc_options *options)
{
	(void)value; /* it has none */
	options->exempt_remote = true;
	return NULL;
}

static const char *store_timeout(const char *value, struct hc_options *options)
{
	uint32_t seconds = 0;
	size_t len = strlen(value);

	if (len == 0 || len > 3 || strspn(value, "0123456789") != len || value[0] == '0')
		return "must be a number of seconds from 5 to 600";
	for (size_t i = 0; i < len; i++)
		seconds = seconds * 10 + (uint32_t)(value[i] - '0');
	if (seconds < HC_TIMEOUT_MIN_S || seconds > HC_TIMEOUT_MAX_S)
		return "must be a number of seconds from 5 to 600";
	options->timeout_s = seconds;
	return NULL;
}

static const char *store_lang(const char *value, struct hc_options *options)
{
	if (strcmp(value, "fr") == 0)
		options->lang = HC_LANG_FR;
	else if (strcmp(value, "en") == 0)
		options->lang = HC_LANG_EN;
	else
		return "must be fr or en";
	options->lang_known = true;
	return NULL;
}

static const struct setting settings[] = {
	{"socket", true, store_socket},	  {"mode", true, store_mode},
	{"methods", true, store_methods}, {"exempt", true, store_exempt},
	{"timeout", true, store_timeout}, {"exempt_remote", false, store_exempt_remote},
	{"lang", true, store_lang},
};

static const struct setting *find_setting(const char *argument, size_t name_len)
{
	for (size_t i = 0; i < HC_COUNT(settings); i++) {
		if (strlen(settings[i].name) == name_len && memcmp(settings[i].name, argument, name_len) == 0)
			return &settings[i];
	}
	return NULL;
}

static const char *take(const char *argument, uint32_t *seen, struct hc_options *options)
{
	size_t name_len = strcspn(argument, "=");
	bool has_value = argument[name_len] == '=';
	const struct setting *setting = find_setting(argument, name_len);
	uint32_t bit;

	if (setting == NULL)
		return "unknown argument";
	if (setting->has_value != has_value)
		return setting->has_value ? "needs a value" : "takes no value";
	bit = UINT32_C(1) << (setting - settings);
	if (*seen & bit)
		return "given twice";
	*seen |= bit;
	return setting->store(argument + name_len + (has_value ? 1 : 0), options);
}

enum hc_err hc_options_parse(int argc, const char *const *argv, struct hc_options *ret_options,
			     struct hc_options_error *ret_error)
{
	struct hc_options options = {
		.socket = HC_RUN_DIR "/auth.sock",
		.peer = HC_PEER_SYSTEM,
		.mode = HC_MODE_PRIMARY,
		.methods = HC_METHOD_ALL,
		.exempt = "root",
		.timeout_s = HC_TIMEOUT_DEFAULT_S,
	};
	uint32_t seen = 0;

	for (int i = 0; i < argc; i++) {
		const char *why = take(argv[i], &seen, &options);

		if (why != NULL) {
			*ret_error = (struct hc_options_error){.argument = argv[i], .why = why};
			return HC_ERR_INVALID;
		}
	}
	*ret_options = options;
	return HC_OK;
}

bool hc_options_exempt(const struct hc_options *options, const char *user, bool remote)
{
	size_t user_len = strlen(user);

	if (user_len == 0 || (remote && !options->exempt_remote))
		return false;
	for (const char *at = options->exempt; *at != '\0';) {
		size_t len = strcspn(at, ",");

		if (len == user_len && memcmp(at, user, len) == 0)
			return true;
		at += len;
		at += *at == ',' ? 1 : 0;
	}
	return false;
}
