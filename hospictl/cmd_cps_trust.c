/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cps trust …": the authorities whose cards are accepted. State: the trust directory. Threats: an
 * authority put in by mistake opens every account it can name, so the whole bundle is judged before
 * anything is written, each authority is shown with its fingerprint, and none is written over another.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/file.h"

#include "cell.h"
#include "command.h"
#include "cps_file.h"
#include "cps_settings.h"
#include "json.h"
#include "list.h"
#include "table.h"
#include "when.h"

#define BUNDLE_MAX  (1024 * 1024)
#define SLUG_MAX    48
#define PRINT_SHOWN 8 /* bytes of the fingerprint in a file's name */
#define CELLS	    6
#define CELL_CAP    (4 * HC_LABEL_MAX + 1)

/* ---- showing them ---- */

struct shown {
	const struct hc_ctl *ctl;
	bool each; /* on a terminal: a line a fact, so that fingerprints can be compared whole */
	struct hc_json json;
	struct hc_table *table;
};

static const char *const columns[CELLS] = {"name",	    "root",	   "category",
					   "organisations", "valid_until", "fingerprint"};

static void print_json(struct hc_json *json, const struct hc_trust_anchor *anchor)
{
	char time[HC_WHEN_CAP], print[2 * sizeof(anchor->fingerprint) + 1];

	hc_when_utc(anchor->not_after_ms, false, time, sizeof(time));
	hc_cell_hex(anchor->fingerprint, sizeof(anchor->fingerprint), print);
	hc_json_object(json, NULL);
	hc_json_text(json, "name", anchor->name);
	hc_json_bool(json, "root", anchor->root);
	hc_json_text(json, "category", anchor->test ? "test" : "production");
	hc_json_bool(json, "organisations", anchor->organisations);
	hc_json_text(json, "valid_until", time);
	hc_json_text(json, "fingerprint", print);
	hc_json_close(json);
}

static void fill(const struct hc_ctl *ctl, const struct hc_trust_anchor *anchor, char cells[CELLS][CELL_CAP])
{
	const bool truths[] = {anchor->root, anchor->organisations};
	const char *category = anchor->test ? "test" : "production";

	hc_ctl_escape(anchor->name, cells[0], CELL_CAP);
	for (size_t i = 0; i < HC_COUNT(truths); i++) {
		char *cell = cells[i == 0 ? 1 : 3];

		if (ctl->table)
			hc_text(ctl->lang, truths[i] ? "ctl.yes" : "ctl.no", NULL, cell, CELL_CAP);
		else
			(void)snprintf(cell, CELL_CAP, "%s", truths[i] ? "yes" : "no");
	}
	if (ctl->table) {
		hc_cell_word(ctl, category, cells[2], CELL_CAP);
		hc_when_local(anchor->not_after_ms, cells[4], CELL_CAP);
	} else {
		(void)snprintf(cells[2], CELL_CAP, "%s", category);
		hc_when_utc(anchor->not_after_ms, false, cells[4], CELL_CAP);
	}
	hc_cell_hex(anchor->fingerprint, sizeof(anchor->fingerprint), cells[5]);
}

static enum hc_err show_one(struct shown *shown, const struct hc_trust_anchor *anchor)
{
	char cells[CELLS][CELL_CAP];
	const char *pointers[CELLS];

	if (shown->ctl->json) {
		print_json(&shown->json, anchor);
		return HC_OK;
	}
	fill(shown->ctl, anchor, cells);
	for (size_t i = 0; i < CELLS; i++)
		pointers[i] = cells[i];
	if (shown->ctl->table && shown->each) {
		for (size_t i = 0; i < CELLS; i++)
			hc_view_line(shown->ctl, columns[i], cells[i]);
		(void)putchar('\n');
		return HC_OK;
	}
	if (shown->ctl->table)
		return hc_table_add(shown->table, pointers);
	for (size_t i = 0; i < CELLS; i++)
		(void)printf("%s%s", i > 0 ? "\t" : "", cells[i]);
	(void)putchar('\n');
	return HC_OK;
}

static enum hc_err begin_showing(struct shown *shown)
{
	struct hc_table_column titles[CELLS];
	char texts[CELLS][64];

	hc_json_init(&shown->json, stdout);
	if (shown->ctl->json)
		hc_json_array(&shown->json, NULL);
	for (size_t i = 0; i < CELLS; i++) {
		hc_cell_title(shown->ctl, columns[i], texts[i], sizeof(texts[i]));
		titles[i] = (struct hc_table_column){.title = texts[i], .whole = i == 0};
	}
	return hc_table_new(titles, CELLS, &shown->table);
}

static enum hc_ctl_status show_from(const struct hc_ctl *ctl, const struct hc_trust *trust, size_t first,
				    bool each)
{
	struct shown shown = {.ctl = ctl, .each = each};
	enum hc_err err = begin_showing(&shown);

	for (size_t i = first; err == HC_OK && i < hc_trust_count(trust); i++) {
		struct hc_trust_anchor anchor;

		hc_trust_get(trust, i, &anchor);
		err = show_one(&shown, &anchor);
	}
	if (ctl->json)
		hc_json_close(&shown.json);
	else if (err == HC_OK && ctl->table && !each)
		hc_table_print(shown.table, stdout, ctl->width, ctl->color);
	hc_table_free(&shown.table);
	if (err == HC_OK)
		return HC_CTL_DONE;
	hc_ctl_complain(ctl, "ctl.error.memory", NULL);
	return HC_CTL_FAILED;
}

/* A directory that is missing trusts nobody; one that cannot be believed is an error. */
static bool is_usable(const struct hc_cps_work *work)
{
	if (work->trust_err == HC_OK || work->trust_err == HC_ERR_NOTFOUND)
		return true;
	(void)hc_cps_file_complain(work->ctl, "ctl.cps.error.trust_dir", work->settings.trust_dir,
				   hc_strerror(work->trust_err));
	return false;
}

enum hc_ctl_status hc_cmd_cps_trust_list(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct hc_cps_work work;
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (!hc_cps_begin(ctl, args, &work))
		return HC_CTL_FAILED;
	if (is_usable(&work)) {
		if (ctl->table && hc_trust_count(work.trust) == 0) {
			hc_ctl_say(ctl, stdout, "ctl.cps.trust.none", HC_ARGS(work.settings.trust_dir));
			status = HC_CTL_DONE;
		} else {
			status = show_from(ctl, work.trust, 0, false);
		}
	}
	hc_cps_end(&work);
	return status;
}

/* ---- adding ---- */

/* "ac-igc-sante-fort-personnes-0123456789abcdef.pem": for people to know it by, and for no shell to stumble over. */
static void file_name(const struct hc_trust_anchor *anchor, char *out, size_t cap)
{
	char slug[SLUG_MAX + 1], print[2 * PRINT_SHOWN + 1];
	size_t len = 0;

	for (const char *at = anchor->name; *at != '\0' && len < SLUG_MAX; at++) {
		const char c = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
		const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (good)
			slug[len++] = c;
		else if (len > 0 && slug[len - 1] != '-')
			slug[len++] = '-';
	}
	while (len > 0 && slug[len - 1] == '-')
		len--;
	slug[len] = '\0';
	hc_cell_hex(anchor->fingerprint, PRINT_SHOWN, print);
	(void)snprintf(out, cap, "%s%s%s.pem", slug, len > 0 ? "-" : "", print); /* fits: 48 + 1 + 16 + 4 */
}

static enum hc_err write_one(const struct hc_cps_work *work, size_t index)
{
	struct hc_trust_anchor anchor;
	char pem[HC_TRUST_PEM_MAX], name[SLUG_MAX + 32], path[HC_CPS_PATH_CAP + sizeof(name)];
	enum hc_err err = hc_trust_pem(work->trust, index, pem, sizeof(pem));

	if (err != HC_OK)
		return err;
	hc_trust_get(work->trust, index, &anchor);
	file_name(&anchor, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "%s/%s", work->settings.trust_dir, name); /* fits */
	err = hc_file_create(path, 0644, pem, strlen(pem));
	if (err != HC_OK)
		(void)hc_cps_file_complain(work->ctl,
					   err == HC_ERR_PERM ? "ctl.cps.error.root" : "ctl.cps.error.write",
					   path, hc_strerror(err));
	return err;
}

static enum hc_ctl_status write_from(const struct hc_cps_work *work, size_t first)
{
	const enum hc_err err = hc_cps_file_place(work->settings.trust_dir, NULL);

	if (err != HC_OK)
		return hc_cps_file_complain(work->ctl,
					    err == HC_ERR_PERM ? "ctl.cps.error.root" : "ctl.cps.error.write",
					    work->settings.trust_dir, hc_strerror(err));
	for (size_t i = first; i < hc_trust_count(work->trust); i++)
		if (write_one(work, i) != HC_OK)
			return HC_CTL_FAILED;
	return HC_CTL_DONE;
}

static const char *bundle_complaint(enum hc_err err)
{
	return err == HC_ERR_FULL ? "ctl.cps.error.full" : "ctl.cps.error.no_authority";
}

/* What the administrator should know before cards come. */
static void advise(const struct hc_cps_work *work, size_t first)
{
	bool test = false, expired = false;

	for (size_t i = first; i < hc_trust_count(work->trust); i++) {
		struct hc_trust_anchor anchor;

		hc_trust_get(work->trust, i, &anchor);
		test = test || anchor.test;
		expired = expired || anchor.not_after_ms <= hc_now_ms(work->ctl->clock);
	}
	if (test && !work->settings.allow_test_cards)
		hc_ctl_complain(work->ctl, "ctl.cps.trust.test", NULL);
	if (expired)
		hc_ctl_complain(work->ctl, "ctl.cps.trust.expired", NULL);
	if (work->ctl->table)
		hc_ctl_say(work->ctl, stdout, "ctl.cps.trust.compare", NULL);
}

static enum hc_ctl_status add(struct hc_cps_work *work, const char *path)
{
	const size_t before = hc_trust_count(work->trust);
	uint8_t *data = NULL;
	size_t len = 0;

	if (!hc_cps_file_read(work->ctl, path, BUNDLE_MAX, &data, &len))
		return HC_CTL_FAILED;
	const enum hc_err err = hc_trust_add(work->trust, data, len, NULL);

	free(data);
	if (err != HC_OK)
		return hc_cps_file_complain(work->ctl, bundle_complaint(err), path, hc_strerror(err));
	if (hc_trust_count(work->trust) == before && work->ctl->table) {
		hc_ctl_say(work->ctl, stdout, "ctl.cps.trust.known", NULL);
		return HC_CTL_DONE;
	}
	enum hc_ctl_status status = write_from(work, before);

	if (status == HC_CTL_DONE)
		status = show_from(work->ctl, work->trust, before, true);
	if (status == HC_CTL_DONE && hc_trust_count(work->trust) > before)
		advise(work, before);
	return status;
}

enum hc_ctl_status hc_cmd_cps_trust_add(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct hc_cps_work work;
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (!hc_cps_begin(ctl, args, &work))
		return HC_CTL_FAILED;
	if (is_usable(&work))
		status = add(&work, args->operands[0]);
	hc_cps_end(&work);
	return status;
}
