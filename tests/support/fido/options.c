/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of key it is to be, from the command line.
 */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define SETTING_BASE 256

typedef bool set_fn(struct tk_options *options, const char *value);

static bool set_number(const char *value, unsigned *out)
{
	char *end;
	unsigned long number = strtoul(value, &end, 0);

	if (end == value || *end != '\0' || number > INT32_MAX)
		return false;
	*out = (unsigned)number;
	return true;
}

/* "auto", "auto:MS" or "manual". */
static bool set_delay(const char *value, int *out)
{
	unsigned number = 0;

	if (strcmp(value, "manual") == 0 || strcmp(value, "never") == 0) {
		*out = -1;
		return true;
	}
	if (strncmp(value, "auto", 4) != 0 ||
	    (value[4] != '\0' && (value[4] != ':' || !set_number(value + 5, &number))))
		return false;
	*out = (int)number;
	return true;
}

static bool set_touch(struct tk_options *options, const char *value)
{
	return set_delay(value, &options->touch_after_ms);
}

static bool set_finger(struct tk_options *options, const char *value)
{
	return set_delay(value, &options->finger_after_ms);
}

static bool set_uv(struct tk_options *options, const char *value)
{
	if (strcmp(value, "finger") == 0)
		options->uv = TK_UV_READY;
	else if (strcmp(value, "empty") == 0)
		options->uv = TK_UV_EMPTY;
	else
		return strcmp(value, "none") == 0;
	return true;
}

static bool set_algs(struct tk_options *options, const char *value)
{
	static const struct {
		const char *name;
		enum tk_alg alg;
	} known[] = {{"es256", TK_ES256}, {"eddsa", TK_EDDSA}, {"rs256", TK_RS256}};

	options->alg_count = 0;
	while (*value != '\0') {
		size_t len = strcspn(value, ","), i;

		for (i = 0;
		     i < 3 && (strlen(known[i].name) != len || strncmp(known[i].name, value, len) != 0); i++)
			;
		if (i == 3 || options->alg_count == 3)
			return false;
		options->algs[options->alg_count++] = known[i].alg;
		value += len + (value[len] == ',' ? 1 : 0);
	}
	return options->alg_count > 0;
}

static bool set_protocols(struct tk_options *options, const char *value)
{
	options->protocol_count = 0;
	for (; *value != '\0'; value++) {
		if (*value == ',')
			continue;
		if ((*value != '1' && *value != '2') || options->protocol_count == 2)
			return false;
		options->protocols[options->protocol_count++] = (unsigned)(*value - '0');
	}
	return options->protocol_count > 0;
}

static bool set_attestation(struct tk_options *options, const char *value)
{
	static const char *const names[] = {"packed", "self", "none"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(names[i], value) == 0) {
			options->attestation = (enum tk_attestation)i;
			return true;
		}
	}
	return false;
}

bool tk_counting_parse(const char *value, enum tk_counting *out)
{
	static const char *const names[] = {"key", "credential", "none", "stuck", "backwards"};

	for (int i = 0; i < 5; i++) {
		if (strcmp(names[i], value) == 0) {
			*out = (enum tk_counting)i;
			return true;
		}
	}
	return false;
}

static bool set_counting(struct tk_options *options, const char *value)
{
	return tk_counting_parse(value, &options->counting);
}

static bool set_aaguid(struct tk_options *options, const char *value)
{
	size_t digits = 0;

	for (; *value != '\0'; value++) {
		const char *hex = "0123456789abcdef", *at = strchr(hex, *value);

		if (*value == '-')
			continue;
		if (!at || digits == 32)
			return false;
		options->aaguid[digits / 2] = (uint8_t)(options->aaguid[digits / 2] << 4 | (at - hex));
		digits++;
	}
	return digits == 32;
}

static bool set_timeout_status(struct tk_options *options, const char *value)
{
	unsigned number = 0;
	bool done = set_number(value, &number) && number > 0 && number < 0xff;

	options->timeout_status = (uint8_t)number;
	return done;
}

enum kind { FLAG, NUMBER, TEXT, OTHER };
#define PLACE(member) offsetof(struct tk_options, member), NULL

static const struct setting {
	const char *name, *value, *what;
	enum kind kind;
	size_t place;
	set_fn *set;
} settings[] = {
	{"socket", "PATH", "where the key is plugged in; a name that ends in .key", TEXT, PLACE(socket)},
	{"control", "PATH", "control channel (PATH of the socket, and .control)", TEXT, PLACE(control)},
	{"state", "FILE", "what the key remembers when it is pulled out", TEXT, PLACE(state)},
	{"mode", "OCTAL", "who may open it (0600, the control channel always)", NUMBER, PLACE(mode)},
	{"group", "GID", "whose group it is (that of whoever starts it)", NUMBER, PLACE(group)},
	{"manufacturer", "TEXT", "as the USB descriptor says it", TEXT, PLACE(manufacturer)},
	{"product", "TEXT", "likewise", TEXT, PLACE(product)},
	{"u2f-only", NULL, "an old key without CTAP2", FLAG, PLACE(u2f_only)},
	{"no-u2f", NULL, "a key without U2F", FLAG, PLACE(no_u2f)},
	{"ctap20", NULL, "a key before CTAP 2.1", FLAG, PLACE(ctap20)},
	{"pin", "PIN", "PIN of a key without state", TEXT, PLACE(pin)},
	{"no-pin", NULL, "a key that knows no PIN", FLAG, PLACE(no_pin)},
	{"pin-retries", "N", "wrong PINs in all (8)", NUMBER, PLACE(pin_retries)},
	{"min-pin", "N", "shortest PIN (4)", NUMBER, PLACE(min_pin)},
	{"force-pin-change", NULL, "the PIN must be changed first", FLAG, PLACE(force_pin_change)},
	{"pin-protocols", "LIST", "1,2 in the order of preference (2,1)", OTHER, 0, set_protocols},
	{"uv", "finger|empty|none", "fingerprints: enrolled, none enrolled, no sensor (none)", OTHER, 0,
	 set_uv},
	{"uv-retries", "N", "wrong fingers until the sensor is blocked (3)", NUMBER, PLACE(uv_retries)},
	{"finger", "auto[:MS]|manual", "when a known finger is put on (auto)", OTHER, 0, set_finger},
	{"touch", "auto[:MS]|manual", "when it is touched (auto)", OTHER, 0, set_touch},
	{"touch-timeout", "MS", "how long it waits for either (30000)", NUMBER, PLACE(touch_timeout_ms)},
	{"timeout-status", "CODE", "what it says then (0x2f)", OTHER, 0, set_timeout_status},
	{"keepalive", "MS", "between two signs of life (100)", NUMBER, PLACE(keepalive_ms)},
	{"keep-waiting", NULL, "wait on when the program that asked is gone", FLAG, PLACE(keep_waiting)},
	{"delay", "MS", "before each CTAP2 answer (0)", NUMBER, PLACE(delay_ms)},
	{"reset-window", "MS", "after power-up (10000)", NUMBER, PLACE(reset_window_ms)},
	{"always-uv", NULL, "no touch without verification", FLAG, PLACE(always_uv)},
	{"uv-for-all", NULL, "no credential without verification (makeCredUvNotRqd false)", FLAG,
	 PLACE(no_uv_not_required)},
	{"no-resident", NULL, "no discoverable credentials", FLAG, PLACE(no_resident)},
	{"no-protect", NULL, "no credProtect", FLAG, PLACE(no_protect)},
	{"no-management", NULL, "no credential management", FLAG, PLACE(no_management)},
	{"capacity", "N", "discoverable credentials it can hold (25)", NUMBER, PLACE(capacity)},
	{"algs", "LIST", "of es256,eddsa,rs256 (es256,eddsa)", OTHER, 0, set_algs},
	{"attestation", "packed|self|none", "(packed)", OTHER, 0, set_attestation},
	{"attestation-key", "FILE", "PEM; one is made up without", TEXT, PLACE(attestation_key)},
	{"attestation-chain", "FILE", "PEM, the key's certificate first", TEXT, PLACE(attestation_chain)},
	{"aaguid", "HEX", "model", OTHER, 0, set_aaguid},
	{"counting", "key|credential|none|stuck|backwards", "signature counter (key)", OTHER, 0,
	 set_counting},
	{"counter-start", "N", "(0)", NUMBER, PLACE(counter_start)},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static _Noreturn void help(void)
{
	(void)printf("usage: hc-test-key --socket PATH.key [options]\n\noptions:\n");
	for (size_t i = 0; i < SETTINGS; i++)
		(void)printf("  --%s %s\n        %s\n", settings[i].name,
			     settings[i].value ? settings[i].value : "", settings[i].what);
	(void)printf("\nfaults, for the control channel's command `fault`:\n");
	tk_fault_help();
	exit(0);
}

static bool apply(struct tk_options *options, const struct setting *setting, const char *value)
{
	char *place = (char *)options + setting->place;

	switch (setting->kind) {
	case FLAG:
		*(bool *)place = true;
		return true;
	case TEXT:
		memcpy(place, &value, sizeof(value));
		return true;
	case NUMBER: {
		unsigned number;

		if (!set_number(value, &number))
			return false;
		memcpy(place, &number, sizeof(number));
		return true;
	}
	case OTHER:
		return setting->set(options, value);
	}
	return false;
}

static bool complete(struct tk_options *options)
{
	static char control[256];
	size_t len = options->socket ? strlen(options->socket) : 0;

	if (len < 5 || strcmp(options->socket + len - 4, ".key") != 0)
		return false;
	if (!options->control) {
		(void)snprintf(control, sizeof(control), "%s.control", options->socket);
		options->control = control;
	}
	if (options->u2f_only) {
		options->no_pin = true;
		options->no_u2f = false;
	}
	if (options->ctap20) {
		options->protocols[0] = 1;
		options->protocol_count = 1;
	}
	return options->capacity <= TK_CREDENTIALS_MAX && options->pin_retries > 0 &&
	       options->keepalive_ms > 0 && !(options->attestation_chain && !options->attestation_key);
}

static const struct tk_options defaults = {
	.algs = {TK_ES256, TK_EDDSA},
	.alg_count = 2,
	.protocols = {2, 1},
	.protocol_count = 2,
	.aaguid = {0x0c, 0x3d, 0x5a, 0x1e, 0x7f, 0x20, 0x4b, 0x6e, 0x9a, 0x41, 0xd8, 0x55, 0x02, 0xe6, 0x93,
		   0xb7},
	.mode = 0600,
	.group = UINT32_MAX,
	.pin_retries = 8,
	.uv_retries = 3,
	.min_pin = 4,
	.capacity = 25,
	.touch_timeout_ms = 30000,
	.keepalive_ms = 100,
	.reset_window_ms = 10000,
	.timeout_status = 0x2f,
};

bool tk_options_parse(struct tk_options *options, int argc, char **argv)
{
	struct option list[SETTINGS + 2] = {0};

	*options = defaults;
	for (size_t i = 0; i < SETTINGS; i++)
		list[i] =
			(struct option){settings[i].name, settings[i].value ? required_argument : no_argument,
					NULL, SETTING_BASE + (int)i};
	list[SETTINGS] = (struct option){"help", no_argument, NULL, 'h'};
	for (int c; (c = getopt_long(argc, argv, "h", list, NULL)) != -1;) {
		if (c == 'h')
			help();
		if (c < SETTING_BASE)
			return false;
		if (!apply(options, &settings[c - SETTING_BASE], optarg)) {
			(void)fprintf(stderr, "hc-test-key: --%s: what is %s?\n",
				      settings[c - SETTING_BASE].name, optarg);
			return false;
		}
	}
	if (optind == argc && complete(options))
		return true;
	(void)fprintf(stderr, "hc-test-key: these options make no key; see --help\n");
	return false;
}
