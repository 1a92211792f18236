/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards: the authorities over them, and how fresh the revocation lists are; only where cards are used.
 * State: what was loaded. Whatever will refuse every card of an authority is an error, what will soon, or
 * what lets in more than an administrator may think, a warning.
 */
#include <string.h>

#include "hospiconnect/crypto.h"

#include "cps_settings.h"
#include "doctor.h"
#include "when.h"

#define MS_PER_S  1000
#define DAY_MS	  INT64_C(86400000)
#define SOON_DAYS 60 /* of an authority's last day */
#define NAMES_CAP 768
#define OLD_DAYS  3 /* of a list that its authority renews each day */

struct cards {
	struct hc_doctor *doctor;
	struct hc_cps_work work;
	int64_t now_ms;
};

static void say(const struct cards *cards, enum hc_doctor_result result, const char *check, const char *text,
		const char *const *args)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "ctl.doctor.cps.%s", text);
	hc_doctor_say(cards->doctor, result, check, name, args);
}

/* ---- the authorities ---- */

static void check_anchor(const struct cards *cards, const struct hc_trust_anchor *anchor)
{
	const bool allowed = cards->work.settings.allow_test_cards;
	char until[HC_WHEN_CAP];

	hc_when_local(anchor->not_after_ms, until, sizeof(until));
	if (anchor->not_after_ms <= cards->now_ms)
		say(cards, HC_DOCTOR_ERROR, "cps_trust", "anchor.expired", HC_ARGS(anchor->name, until));
	else if (anchor->not_after_ms - cards->now_ms < SOON_DAYS * DAY_MS)
		say(cards, HC_DOCTOR_WARNING, "cps_trust", "anchor.soon", HC_ARGS(anchor->name, until));
	if (anchor->test)
		say(cards, HC_DOCTOR_WARNING, "cps_trust", allowed ? "anchor.test" : "anchor.test_refused",
		    HC_ARGS(anchor->name));
}

/* "A, B": those that speak for people; the lists say more of each. */
static void add_name(char *names, size_t cap, const char *name)
{
	const size_t used = strlen(names);

	(void)snprintf(names + used, cap - used, "%s%s", used > 0 ? ", " : "", name); /* cut: for reading */
}

static void check_anchors(const struct cards *cards)
{
	const char *directory = cards->work.settings.trust_dir;
	const size_t count = hc_trust_count(cards->work.trust);
	char number[24], names[NAMES_CAP] = "";

	for (size_t i = 0; i < count; i++) {
		struct hc_trust_anchor anchor;

		hc_trust_get(cards->work.trust, i, &anchor);
		if (anchor.persons)
			add_name(names, sizeof(names), anchor.name);
		check_anchor(cards, &anchor);
	}
	(void)snprintf(number, sizeof(number), "%zu", count);
	say(cards, names[0] != '\0' ? HC_DOCTOR_OK : HC_DOCTOR_WARNING, "cps_trust",
	    names[0] != '\0' ? "trust.ok" : "trust.nobody", HC_ARGS(directory, number, names));
}

static bool check_trust(const struct cards *cards)
{
	const char *directory = cards->work.settings.trust_dir;

	if (cards->work.trust_err == HC_OK) {
		check_anchors(cards);
		return true;
	}
	if (cards->work.trust_err == HC_ERR_NOTFOUND)
		say(cards, HC_DOCTOR_WARNING, "cps_trust", "trust.missing", HC_ARGS(directory));
	else
		say(cards, HC_DOCTOR_ERROR, "cps_trust", "trust.unsafe",
		    HC_ARGS(directory, hc_strerror(cards->work.trust_err)));
	return false;
}

/* ---- their lists ---- */

static bool find_list(const struct cards *cards, const char *authority, struct hc_cps_crl_state *ret_list)
{
	for (size_t i = 0; i < hc_cps_crls_count(cards->work.crls); i++) {
		hc_cps_crls_get(cards->work.crls, i, ret_list);
		if (strcmp(ret_list->issuer_name, authority) == 0)
			return true;
	}
	return false;
}

static void check_list(const struct cards *cards, const struct hc_cps_crl_state *list)
{
	const int64_t age_ms = cards->now_ms - list->this_update_ms;
	char age[64], until[HC_WHEN_CAP];
	const char *const args[] = {list->issuer_name, age, until, NULL};

	hc_text_duration(cards->doctor->ctl.lang, age_ms > 0 ? age_ms / MS_PER_S : 0, age, sizeof(age));
	hc_when_local(list->next_update_ms, until, sizeof(until));
	switch (hc_cps_crl_freshness(list, cards->now_ms,
				     cards->work.settings.crl_degraded_max_age_s * MS_PER_S)) {
	case HC_CPS_GOOD:
		if (age_ms > OLD_DAYS * DAY_MS)
			say(cards, HC_DOCTOR_WARNING, "cps_crl", "crl.old", args);
		else
			say(cards, HC_DOCTOR_OK, "cps_crl", "crl.ok", args);
		return;
	case HC_CPS_GOOD_STALE:
		say(cards, HC_DOCTOR_WARNING, "cps_crl", "crl.degraded", args);
		return;
	case HC_CPS_REVOKED:
	case HC_CPS_REVOCATION_UNKNOWN:
		break;
	}
	say(cards, HC_DOCTOR_ERROR, "cps_crl", "crl.ran_out", args);
}

static void check_lists(const struct cards *cards)
{
	for (size_t i = 0; i < hc_trust_count(cards->work.trust); i++) {
		struct hc_trust_anchor anchor;
		struct hc_cps_crl_state list;

		hc_trust_get(cards->work.trust, i, &anchor);
		if (!anchor.persons)
			continue;
		if (find_list(cards, anchor.name, &list))
			check_list(cards, &list);
		else
			say(cards, HC_DOCTOR_ERROR, "cps_crl", "crl.missing", HC_ARGS(anchor.name));
	}
	if (cards->work.crls_refused > 0)
		say(cards, HC_DOCTOR_WARNING, "cps_crl", "crl.refused",
		    HC_ARGS(cards->work.settings.crl_dir));
}

static void check_crls(const struct cards *cards)
{
	const char *directory = cards->work.settings.crl_dir;
	const enum hc_err err = cards->work.crls_err;

	if (err == HC_OK || err == HC_ERR_NOTFOUND)
		check_lists(cards);
	else
		say(cards, HC_DOCTOR_WARNING, "cps_crl", "crl.unseen", HC_ARGS(directory, hc_strerror(err)));
}

void hc_doctor_cps(struct hc_doctor *doctor)
{
	struct cards cards = {.doctor = doctor, .now_ms = hc_now_ms(doctor->ctl.clock)};
	struct hc_ctl_cps settings;
	char why[512];

	if (hc_ctl_cps_read(doctor->config, &settings, why, sizeof(why)) != HC_OK) {
		say(&cards, HC_DOCTOR_ERROR, "cps_config", "config", HC_ARGS(why));
		return;
	}
	if (!settings.used)
		return;
	if (!hc_cps_load(&doctor->ctl, &settings, &cards.work)) {
		say(&cards, HC_DOCTOR_ERROR, "cps_config", "config", HC_ARGS(hc_strerror(HC_ERR_NOMEM)));
		return;
	}
	if (check_trust(&cards))
		check_crls(&cards);
	hc_cps_end(&cards.work);
}
