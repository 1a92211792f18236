/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-fido2 list and info: what a person at the help desk wants to know of the keys at a machine.
 *
 * State: none. What keys say of themselves is shown as hc_fido2_label and the device layer cleaned it;
 * in JSON it is quoted as well.
 */
#include "fido2_show.h"

#include <stdio.h>
#include <string.h>

#include "fido2_device.h"
#include "hospiconnect/program.h"

struct seen {
	struct hc_fido2_found found;
	struct hc_fido2_facts facts;
	const char *trouble; /* NULL: facts are there */
};

static void look(struct seen *seen)
{
	static const struct hc_fido2_request request = {.operation = HC_DEVICE_LIST};
	struct hc_fido2_device device = {0};

	seen->trouble = NULL;
	if (hc_fido2_device_open(&device, seen->found.path, NULL, &seen->trouble) == HC_FIDO2_OK &&
	    hc_fido2_device_probe(&device, &request, &seen->trouble) == HC_FIDO2_OK)
		seen->facts = device.facts;
	else if (seen->trouble == NULL)
		seen->trouble = "FIDO_ERR_INTERNAL";
	hc_fido2_device_close(&device);
}

static void aaguid_text(const uint8_t aaguid[16], char out[37])
{
	char *at = out;

	for (size_t i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		at += snprintf(at, 4, "%s%02x", dash ? "-" : "", aaguid[i]);
	}
}

/* ---- for people ---- */

static void text(const struct hc_fido2_show *how, const char *name, const char *argument, char out[256])
{
	const char *const arguments[] = {argument, NULL};

	hc_text(how->lang, name, argument != NULL ? arguments : NULL, out, 256);
}

static void pin_text(const struct hc_fido2_show *how, const struct hc_fido2_facts *facts, char out[256])
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", facts->pin_tries);
	if (!facts->can_pin)
		text(how, "fido2.pin.none", NULL, out);
	else if (!facts->has_pin)
		text(how, "fido2.pin.unset", NULL, out);
	else if (facts->pin_tries == 0)
		text(how, "fido2.pin.blocked", NULL, out);
	else
		text(how, facts->pin_change ? "fido2.pin.change" : "fido2.pin.set", number, out);
}

static void finger_text(const struct hc_fido2_show *how, const struct hc_fido2_facts *facts, char out[256])
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", facts->finger_tries);
	if (!facts->can_finger)
		text(how, "fido2.finger.none", NULL, out);
	else if (!facts->has_finger)
		text(how, "fido2.finger.unset", NULL, out);
	else if (facts->finger_tries < 0)
		text(how, "fido2.finger.ready", NULL, out);
	else
		text(how, "fido2.finger.set", number, out);
}

static void print_brief(const struct hc_fido2_show *how, const struct seen *seen)
{
	char said[256], label[256] = "";

	if (seen->trouble != NULL) {
		text(how, "fido2.trouble", seen->trouble, said);
	} else {
		text(how, "fido2.pin", NULL, label);
		pin_text(how, &seen->facts, said);
	}
	(void)printf("%s  %s  %s%s\n", seen->found.path, seen->found.label, label, said);
}

static void row(const struct hc_fido2_show *how, const char *name, const char *value)
{
	char label[256];

	text(how, name, NULL, label);
	(void)printf("  %s%s\n", label, value);
}

static void print_full(const struct hc_fido2_show *how, const struct seen *seen)
{
	const struct hc_fido2_facts *facts = &seen->facts;
	char said[256], number[16];

	(void)printf("%s  %s\n", seen->found.path, seen->found.label);
	if (seen->trouble != NULL) {
		text(how, "fido2.trouble", seen->trouble, said);
		(void)printf("  %s\n", said);
		return;
	}
	row(how, "fido2.versions", facts->versions);
	if (facts->fido2) {
		aaguid_text(facts->aaguid, said);
		row(how, "fido2.model", said);
		row(how, "fido2.options", facts->options);
	}
	pin_text(how, facts, said);
	row(how, "fido2.pin", said);
	finger_text(how, facts, said);
	row(how, "fido2.finger", said);
	if (facts->pin_min > 0) {
		(void)snprintf(number, sizeof(number), "%u", facts->pin_min);
		row(how, "fido2.pin_min", number);
	}
}

/* ---- for programs ---- */

static void json_string(const char *value)
{
	(void)putchar('"');
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			(void)printf("\\%c", *value);
		else if ((unsigned char)*value < 0x20)
			(void)printf("\\u%04x", (unsigned)*value);
		else
			(void)putchar(*value);
	}
	(void)putchar('"');
}

static void json_member(const char *name, const char *value)
{
	(void)printf(", \"%s\": ", name);
	json_string(value);
}

static void print_json(const struct seen *seen, bool first)
{
	const struct hc_fido2_facts *facts = &seen->facts;
	char aaguid[37];

	(void)printf("%s\n  {\"path\": ", first ? "" : ",");
	json_string(seen->found.path);
	json_member("name", seen->found.label);
	if (seen->trouble != NULL) {
		json_member("error", seen->trouble);
		(void)printf("}");
		return;
	}
	json_member("versions", facts->versions);
	if (facts->fido2) {
		aaguid_text(facts->aaguid, aaguid);
		json_member("aaguid", aaguid);
		json_member("options", facts->options);
	}
	json_member("pin", !facts->can_pin ? "none" : facts->has_pin ? "set" : "unset");
	if (facts->pin_tries >= 0)
		(void)printf(", \"pin_tries\": %d", facts->pin_tries);
	json_member("finger", !facts->can_finger ? "none" : facts->has_finger ? "set" : "unset");
	if (facts->finger_tries >= 0)
		(void)printf(", \"finger_tries\": %d", facts->finger_tries);
	if (facts->pin_min > 0)
		(void)printf(", \"pin_min\": %u", facts->pin_min);
	(void)printf(", \"pin_change\": %s}", facts->pin_change ? "true" : "false");
}

static void print(const struct hc_fido2_show *how, const struct seen *seen, bool first)
{
	if (how->json)
		print_json(seen, first);
	else if (how->brief)
		print_brief(how, seen);
	else
		print_full(how, seen);
}

int hc_fido2_show(const struct hc_fido2_show *how)
{
	struct hc_fido2_found found[HC_FIDO2_KEYS_MAX];
	size_t count = 0, shown = 0;
	char said[256];

	hc_fido2_thread_init();
	count = hc_fido2_scan(found, HC_COUNT(found));
	if (how->json)
		(void)printf("[");
	for (size_t i = 0; i < count; i++) {
		struct seen seen = {.found = found[i]};

		if (how->path != NULL && strcmp(how->path, found[i].path) != 0)
			continue;
		look(&seen);
		print(how, &seen, shown++ == 0);
	}
	if (how->json)
		(void)printf("%s]\n", shown > 0 ? "\n" : "");
	if (shown == 0 && !how->json) {
		text(how, how->path != NULL ? "fido2.absent" : "fido2.none", how->path, said);
		(void)printf("%s\n", said);
	}
	if (hc_program_say("") != HC_PROGRAM_OK)
		return HC_PROGRAM_FAILED;
	return shown > 0 || (how->brief && how->path == NULL) ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}
