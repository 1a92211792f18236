/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_SETTINGS_H
#define HC_CPS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/cps.h"

#include "args.h"
#include "ctl.h"

/* What authd.conf says of cards: section [cps], read as authd reads it. */
#define HC_CPS_PATH_CAP 256

struct hc_ctl_cps {
	char trust_dir[HC_CPS_PATH_CAP], crl_dir[HC_CPS_PATH_CAP];
	bool allow_test_cards;
	int64_t crl_degraded_max_age_s;
	bool used; /* something of it is set, or there is a trust directory */
};

#define HC_CPS_DEFAULT_CONFIG HC_SYSCONF_DIR "/authd.conf"

/*
 * hc_ctl_cps_read: from that file; one that does not exist says the defaults. ret_why (cap bytes):
 * what is wrong with it. HC_ERR_PERM: may not be read; HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_ctl_cps_read(const char *path, struct hc_ctl_cps *ret_settings, char *ret_why,
				     size_t cap);

/* What every "cps" command works on. */
struct hc_cps_work {
	const struct hc_ctl *ctl;
	struct hc_ctl_cps settings;
	struct hc_trust *trust;	  /* owned; never NULL once begun */
	enum hc_err trust_err;	  /* why it is empty */
	struct hc_cps_crls *crls; /* owned; never NULL once begun */
	enum hc_err crls_err;
	size_t crls_refused;
};

/*
 * hc_cps_begin: settings (--config), authorities and lists. False: it was complained about; whatever cannot be
 * loaded is empty, with why. hc_cps_end frees what was loaded.
 */
bool hc_cps_begin(const struct hc_ctl *ctl, const struct hc_args *args, struct hc_cps_work *work);
/* hc_cps_load: the same with settings that are known; false: no memory, nothing to end. */
bool hc_cps_load(const struct hc_ctl *ctl, const struct hc_ctl_cps *settings, struct hc_cps_work *work);
void hc_cps_end(struct hc_cps_work *work);

#endif
