/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enrolled security key in one cell of a table: model, what it can do, for whom, counter. No state. A model's name
 * comes from a certificate and an rp_id from a file: both are escaped.
 */
#include "key_cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cell.h"

#define FACT_CAP  600
#define SHORT_LEN 8 /* of an AAGUID: tells makes apart; a program has the whole */

struct facts {
	char aaguid[HC_UUID_CAP], model[2 * 128 + 1], rp_id[2 * 255 + 1];
	bool discoverable, verifies;
	uint64_t counter;
};

static void escaped(const struct hc_msg *row, enum hc_field field, char *out, size_t cap)
{
	char text[256];

	out[0] = '\0';
	if (hc_msg_text(row, field, text, sizeof(text)) == HC_OK)
		hc_ctl_escape(text, out, cap);
}

static bool read_facts(const struct hc_msg *row, struct facts *facts)
{
	char options[128];
	const uint8_t *aaguid;
	size_t len;

	if (hc_msg_bytes(row, HC_FIELD_AAGUID, &aaguid, &len) != HC_OK || len != 16)
		return false;
	if (hc_msg_text(row, HC_FIELD_OPTIONS, options, sizeof(options)) != HC_OK)
		options[0] = '\0';
	facts->discoverable = strstr(options, "discoverable=true") != NULL;
	facts->verifies = strstr(options, "verifies=true") != NULL;
	facts->counter = 0;
	(void)hc_cell_number(row, HC_FIELD_COUNTER, &facts->counter); /* absent: it has none */
	escaped(row, HC_FIELD_RP_ID, facts->rp_id, sizeof(facts->rp_id));
	escaped(row, HC_FIELD_MODEL, facts->model, sizeof(facts->model));
	hc_cell_uuid(aaguid, facts->aaguid);
	return true;
}

static void append(const struct hc_ctl *ctl, const char *name, const char *const *args, char *out, size_t cap)
{
	char text[FACT_CAP];
	const size_t used = strlen(out);

	hc_text(ctl->lang, name, args, text, sizeof(text));
	(void)snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "",
		       text); /* cut: it is for reading */
}

void hc_key_cell_human(const struct hc_ctl *ctl, const struct hc_msg *row, char *out, size_t cap)
{
	struct facts facts;
	char number[24];

	out[0] = '\0';
	if (!read_facts(row, &facts))
		return;
	/* What tells keys apart comes first: a narrow terminal cuts the rest. */
	(void)snprintf(out, cap, "%s%s%.*s", facts.model, facts.model[0] != '\0' ? " " : "", SHORT_LEN,
		       facts.aaguid);
	append(ctl, facts.verifies ? "ctl.key_is.verifying" : "ctl.key_is.touched", NULL, out, cap);
	if (facts.discoverable)
		append(ctl, "ctl.key_is.discoverable", NULL, out, cap);
	append(ctl, "ctl.key_is.for", HC_ARGS(facts.rp_id), out, cap);
	(void)snprintf(number, sizeof(number), "%" PRIu64, facts.counter);
	append(ctl, "ctl.key_is.counted", HC_ARGS(number), out, cap);
}

void hc_key_cell_plain(const struct hc_msg *row, char *out, size_t cap)
{
	struct facts facts;

	out[0] = '\0';
	if (!read_facts(row, &facts))
		return;
	(void)snprintf(out, cap, "model=%s verifies=%s discoverable=%s rp_id=%s counter=%" PRIu64,
		       facts.model[0] != '\0' ? facts.model : facts.aaguid, facts.verifies ? "yes" : "no",
		       facts.discoverable ? "yes" : "no", facts.rp_id, facts.counter);
}
