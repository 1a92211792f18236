/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cps crl …": revocation lists. State: the directory of lists. Threats: an older list played back over
 * a newer one, which would bring revoked cards back to life: only what is newer is written. What
 * is shown is what a sign-in at this moment would be told.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/file.h"

#include "cell.h"
#include "command.h"
#include "cps_file.h"
#include "cps_settings.h"
#include "doctor.h"
#include "json.h"
#include "table.h"
#include "when.h"

#define CELLS	 6
#define CELL_CAP (4 * HC_LABEL_MAX + 1)
#define MS_PER_S 1000

static const char *const columns[CELLS] = {"issuer", "this_update", "next_update", "age", "entries", "says"};

struct shown {
	const struct hc_cps_work *work;
	struct hc_json json;
	struct hc_table *table;
	int64_t now_ms;
	size_t rows;
};

static const char *says(const struct shown *shown, const struct hc_cps_crl_state *list)
{
	switch (hc_cps_crl_freshness(list, shown->now_ms,
				     shown->work->settings.crl_degraded_max_age_s * MS_PER_S)) {
	case HC_CPS_GOOD:
		return "good";
	case HC_CPS_GOOD_STALE:
		return "degraded";
	case HC_CPS_REVOKED:
	case HC_CPS_REVOCATION_UNKNOWN:
		break;
	}
	return "unknown";
}

/* list without this_update: there is none of this authority. */
static void print_json(struct shown *shown, const struct hc_cps_crl_state *list)
{
	const bool there = list->this_update_ms != 0;
	char text[HC_WHEN_CAP], file[HC_CPS_CRL_FILE_CAP];
	struct hc_json *json = &shown->json;

	hc_json_object(json, NULL);
	hc_json_text(json, "issuer", list->issuer_name);
	if (there) {
		hc_when_utc(list->this_update_ms, false, text, sizeof(text));
		hc_json_text(json, "this_update", text);
		hc_when_utc(list->next_update_ms, false, text, sizeof(text));
		hc_json_text(json, "next_update", text);
		hc_json_number(json, "age_s", (shown->now_ms - list->this_update_ms) / MS_PER_S);
		hc_json_number(json, "entries", list->revoked_count);
		hc_cps_crl_file(list, file);
		hc_json_text(json, "file", file);
	} else {
		static const char *const absent[] = {"this_update", "next_update", "age_s", "entries",
						     "file"};

		for (size_t i = 0; i < HC_COUNT(absent); i++)
			hc_json_null(json, absent[i]);
	}
	hc_json_text(json, "says", there ? says(shown, list) : "unknown");
	hc_json_close(json);
}

static void fill(const struct shown *shown, const struct hc_cps_crl_state *list, char cells[CELLS][CELL_CAP])
{
	const struct hc_ctl *ctl = shown->work->ctl;
	const int64_t age_s = (shown->now_ms - list->this_update_ms) / MS_PER_S;

	hc_ctl_escape(list->issuer_name, cells[0], CELL_CAP);
	(void)snprintf(cells[4], CELL_CAP, "%lld", (long long)list->revoked_count);
	if (ctl->table) {
		hc_when_local(list->this_update_ms, cells[1], CELL_CAP);
		hc_when_local(list->next_update_ms, cells[2], CELL_CAP);
		hc_text_duration(ctl->lang, age_s > 0 ? age_s : 0, cells[3], CELL_CAP);
		hc_cell_word(ctl, says(shown, list), cells[5], CELL_CAP);
	} else {
		hc_when_utc(list->this_update_ms, false, cells[1], CELL_CAP);
		hc_when_utc(list->next_update_ms, false, cells[2], CELL_CAP);
		(void)snprintf(cells[3], CELL_CAP, "%lld", (long long)age_s);
		(void)snprintf(cells[5], CELL_CAP, "%s", says(shown, list));
	}
}

static void fill_missing(const struct shown *shown, const struct hc_cps_crl_state *list,
			 char cells[CELLS][CELL_CAP])
{
	hc_ctl_escape(list->issuer_name, cells[0], CELL_CAP);
	for (size_t i = 1; i < CELLS; i++)
		cells[i][0] = '\0';
	if (shown->work->ctl->table)
		hc_cell_word(shown->work->ctl, "unknown", cells[CELLS - 1], CELL_CAP);
	else
		(void)snprintf(cells[CELLS - 1], CELL_CAP, "unknown");
}

static enum hc_err show_one(struct shown *shown, const struct hc_cps_crl_state *list)
{
	char cells[CELLS][CELL_CAP];
	const char *pointers[CELLS];

	shown->rows++;
	if (shown->work->ctl->json) {
		print_json(shown, list);
		return HC_OK;
	}
	if (list->this_update_ms != 0)
		fill(shown, list, cells);
	else
		fill_missing(shown, list, cells);
	for (size_t i = 0; i < CELLS; i++)
		pointers[i] = cells[i];
	if (shown->work->ctl->table)
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
	for (size_t i = 0; i < CELLS; i++) {
		hc_cell_title(shown->work->ctl, columns[i], texts[i], sizeof(texts[i]));
		titles[i] = (struct hc_table_column){
			.title = texts[i], .whole = i == 0 || i == 2 || i == CELLS - 1, .right = i == 4};
	}
	return hc_table_new(titles, CELLS, &shown->table);
}

static bool has_list(const struct hc_cps_work *work, const char *name)
{
	struct hc_cps_crl_state list;

	for (size_t i = 0; i < hc_cps_crls_count(work->crls); i++) {
		hc_cps_crls_get(work->crls, i, &list);
		if (strcmp(list.issuer_name, name) == 0)
			return true;
	}
	return false;
}

/* Authorities over people whose cards nobody can check. */
static enum hc_err show_missing(struct shown *shown)
{
	enum hc_err err = HC_OK;

	for (size_t i = 0; err == HC_OK && i < hc_trust_count(shown->work->trust); i++) {
		struct hc_trust_anchor anchor;
		struct hc_cps_crl_state none = {0};

		hc_trust_get(shown->work->trust, i, &anchor);
		if (!anchor.persons || has_list(shown->work, anchor.name))
			continue;
		(void)snprintf(none.issuer_name, sizeof(none.issuer_name), "%s", anchor.name);
		err = show_one(shown, &none);
	}
	return err;
}

static enum hc_err show_all(struct shown *shown)
{
	enum hc_err err = HC_OK;

	for (size_t i = 0; err == HC_OK && i < hc_cps_crls_count(shown->work->crls); i++) {
		struct hc_cps_crl_state list;

		hc_cps_crls_get(shown->work->crls, i, &list);
		err = show_one(shown, &list);
	}
	return err == HC_OK ? show_missing(shown) : err;
}

static enum hc_ctl_status show_status(const struct hc_cps_work *work)
{
	struct shown shown = {.work = work, .now_ms = hc_now_ms(work->ctl->clock)};
	enum hc_err err = begin_showing(&shown);

	if (work->ctl->json)
		hc_json_array(&shown.json, NULL);
	if (err == HC_OK)
		err = show_all(&shown);
	if (work->ctl->json)
		hc_json_close(&shown.json);
	else if (err == HC_OK && work->ctl->table && shown.rows > 0)
		hc_table_print(shown.table, stdout, work->ctl->width, work->ctl->color);
	else if (work->ctl->table && shown.rows == 0)
		hc_ctl_say(work->ctl, stdout, "ctl.cps.crl.none", HC_ARGS(work->settings.trust_dir));
	hc_table_free(&shown.table);
	if (err == HC_OK)
		return HC_CTL_DONE;
	hc_ctl_complain(work->ctl, "ctl.error.memory", NULL);
	return HC_CTL_FAILED;
}

/* A directory that is missing holds no list yet; one that cannot be believed is an error. */
static bool is_usable(const struct hc_cps_work *work)
{
	const bool trust = work->trust_err == HC_OK || work->trust_err == HC_ERR_NOTFOUND;

	if (trust && (work->crls_err == HC_OK || work->crls_err == HC_ERR_NOTFOUND))
		return true;
	(void)hc_cps_file_complain(work->ctl, trust ? "ctl.cps.error.crl_dir" : "ctl.cps.error.trust_dir",
				   trust ? work->settings.crl_dir : work->settings.trust_dir,
				   hc_strerror(trust ? work->crls_err : work->trust_err));
	return false;
}

enum hc_ctl_status hc_cmd_cps_crl_status(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct hc_cps_work work;
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (!hc_cps_begin(ctl, args, &work))
		return HC_CTL_FAILED;
	if (is_usable(&work))
		status = show_status(&work);
	if (work.crls_refused > 0)
		hc_ctl_complain(ctl, "ctl.cps.crl.refused", HC_ARGS(work.settings.crl_dir));
	hc_cps_end(&work);
	return status;
}

/* ---- adding ---- */

static const char *list_complaint(enum hc_err err)
{
	if (err == HC_ERR_PERM)
		return "ctl.cps.error.foreign_list";
	return err == HC_ERR_EXISTS ? "ctl.cps.error.old_list" : "ctl.cps.error.no_list";
}

static enum hc_ctl_status write_list(const struct hc_cps_work *work, const struct hc_args *args,
				     const struct hc_cps_crl_state *list, const void *data, size_t len)
{
	const char *config = hc_args_value(args, "config");
	struct hc_doctor_settings broker;
	char name[HC_CPS_CRL_FILE_CAP], path[HC_CPS_PATH_CAP + sizeof(name)];

	hc_doctor_settings_read(config != NULL ? config : HC_CPS_DEFAULT_CONFIG, &broker);
	hc_cps_crl_file(list, name);
	(void)snprintf(path, sizeof(path), "%s/%s", work->settings.crl_dir, name); /* fits */
	enum hc_err err = hc_cps_file_place(work->settings.crl_dir, broker.user);

	if (err == HC_OK)
		err = hc_file_replace(path, 0644, data, len);
	if (err == HC_OK)
		return HC_CTL_DONE;
	return hc_cps_file_complain(work->ctl,
				    err == HC_ERR_PERM ? "ctl.cps.error.root" : "ctl.cps.error.write", path,
				    hc_strerror(err));
}

static enum hc_ctl_status show_added(const struct hc_cps_work *work, const struct hc_cps_crl_state *list)
{
	struct shown shown = {.work = work, .now_ms = hc_now_ms(work->ctl->clock)};
	enum hc_err err = begin_showing(&shown);

	if (work->ctl->json)
		print_json(&shown, list);
	else if (err == HC_OK)
		err = show_one(&shown, list);
	if (err == HC_OK && work->ctl->table)
		hc_table_print(shown.table, stdout, work->ctl->width, work->ctl->color);
	hc_table_free(&shown.table);
	if (strcmp(says(&shown, list), "unknown") == 0)
		hc_ctl_complain(work->ctl, "ctl.cps.crl.ran_out", NULL);
	return err == HC_OK ? HC_CTL_DONE : HC_CTL_FAILED;
}

static enum hc_ctl_status add(struct hc_cps_work *work, const struct hc_args *args)
{
	const char *path = args->operands[0];
	struct hc_cps_crl_state list;
	uint8_t *data = NULL;
	size_t len = 0;

	if (!hc_cps_file_read(work->ctl, path, HC_CPS_CRL_MAX, &data, &len))
		return HC_CTL_FAILED;
	const enum hc_err err =
		hc_cps_crls_add(work->crls, work->trust, data, len, hc_now_ms(work->ctl->clock), &list);
	enum hc_ctl_status status =
		err == HC_OK ? write_list(work, args, &list, data, len)
			     : hc_cps_file_complain(work->ctl, list_complaint(err), path, hc_strerror(err));

	free(data);
	return status == HC_CTL_DONE ? show_added(work, &list) : status;
}

enum hc_ctl_status hc_cmd_cps_crl_add(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct hc_cps_work work;
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (!hc_cps_begin(ctl, args, &work))
		return HC_CTL_FAILED;
	if (is_usable(&work))
		status = add(&work, args);
	hc_cps_end(&work);
	return status;
}
