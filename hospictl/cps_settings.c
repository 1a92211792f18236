/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section [cps] of authd.conf, and what lies in its two directories. State: none. The values are read
 * by the same grammar as in the broker: a duration or a word that the broker would refuse must not be
 * guessed here. Lines of other sections are not judged; "--check-config" does that.
 */
#include "cps_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/config.h"
#include "hospiconnect/crypto.h"

#include "doctor.h"

#define DEGRADED_MAX_S 2592000
#define TEXT_CAP       2048
#define FIELD(member)  HC_CONFIG_FIELD(struct hc_ctl_cps, member)

static const struct hc_config_key keys[] = {
	{.section = "cps",
	 .key = "trust_dir",
	 .kind = HC_CONFIG_PATH,
	 FIELD(trust_dir),
	 .preset = HC_SYSCONF_DIR "/cps/trust"},
	{.section = "cps",
	 .key = "crl_dir",
	 .kind = HC_CONFIG_PATH,
	 FIELD(crl_dir),
	 .preset = HC_STATE_DIR "/crl"},
	{.section = "cps",
	 .key = "allow_test_cards",
	 .kind = HC_CONFIG_BOOL,
	 FIELD(allow_test_cards),
	 .preset = "no"},
	{.section = "cps",
	 .key = "crl_degraded_max_age",
	 .kind = HC_CONFIG_SECONDS,
	 FIELD(crl_degraded_max_age_s),
	 .max = DEGRADED_MAX_S,
	 .preset = "0s"},
	{.section = NULL},
};

/* The section alone, as a file of its own. Returns whether anything was set. */
static bool extract(const char *path, char *out, size_t cap)
{
	char values[HC_COUNT(keys) - 1][HC_CPS_PATH_CAP] = {{0}};
	struct hc_doctor_setting wanted[HC_COUNT(values)];
	size_t used = 0;

	for (size_t i = 0; i < HC_COUNT(values); i++)
		wanted[i] = (struct hc_doctor_setting){keys[i].key, values[i], sizeof(values[i])};
	hc_doctor_settings_scan(path, "[cps]", wanted, HC_COUNT(wanted));
	used = (size_t)snprintf(out, cap, "[cps]\n");
	const size_t empty = used;

	for (size_t i = 0; i < HC_COUNT(values); i++)
		if (values[i][0] != '\0') /* fits: four lines of less than 300 bytes */
			used += (size_t)snprintf(out + used, cap - used, "%s = %s\n", keys[i].key, values[i]);
	return used > empty;
}

enum hc_err hc_ctl_cps_read(const char *path, struct hc_ctl_cps *ret_settings, char *ret_why, size_t cap)
{
	struct hc_ctl_cps settings = {0};
	struct hc_config_error error = {0};
	char text[TEXT_CAP];

	if (access(path, R_OK) != 0 && errno != ENOENT && errno != ENOTDIR) {
		(void)snprintf(ret_why, cap, "%s: %s", path, strerrordesc_np(errno));
		return HC_ERR_PERM;
	}
	settings.used = extract(path, text, sizeof(text));
	const bool used = settings.used;

	if (hc_config_parse(text, strlen(text), keys, &settings, &error) != HC_OK) {
		(void)snprintf(ret_why, cap, "%s: %s", path, error.text);
		return HC_ERR_INVALID;
	}
	settings.used = used || access(settings.trust_dir, F_OK) == 0;
	*ret_settings = settings;
	return HC_OK;
}

/* An empty set stands for what could not be loaded: nobody is trusted, nothing is known. */
static bool load(struct hc_cps_work *work)
{
	const int64_t now = hc_now_ms(work->ctl->clock);

	work->trust_err = hc_trust_load(work->settings.trust_dir, &work->trust);
	if (work->trust_err != HC_OK && hc_trust_new(&work->trust) != HC_OK)
		return false;
	work->crls_err =
		hc_cps_crls_load(work->settings.crl_dir, work->trust, now, &work->crls, &work->crls_refused);
	return work->crls_err == HC_OK || hc_cps_crls_new(&work->crls) == HC_OK;
}

bool hc_cps_load(const struct hc_ctl *ctl, const struct hc_ctl_cps *settings, struct hc_cps_work *work)
{
	*work = (struct hc_cps_work){.ctl = ctl, .settings = *settings};
	if (hc_crypto_start() == HC_OK && load(work))
		return true;
	hc_cps_end(work);
	return false;
}

bool hc_cps_begin(const struct hc_ctl *ctl, const struct hc_args *args, struct hc_cps_work *work)
{
	const char *config = hc_args_value(args, "config");
	struct hc_ctl_cps settings;
	char why[512];

	if (hc_ctl_cps_read(config != NULL ? config : HC_CPS_DEFAULT_CONFIG, &settings, why, sizeof(why)) !=
	    HC_OK) {
		hc_ctl_complain(ctl, "ctl.cps.error.config", HC_ARGS(why));
		return false;
	}
	if (hc_cps_load(ctl, &settings, work))
		return true;
	hc_ctl_complain(ctl, "ctl.error.memory", NULL);
	return false;
}

void hc_cps_end(struct hc_cps_work *work)
{
	hc_cps_crls_free(&work->crls);
	hc_trust_free(&work->trust);
}
