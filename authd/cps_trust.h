/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_TRUST_H
#define HC_CPS_TRUST_H

#include <stddef.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/err.h"
#include "hospiconnect/trust.h"

/*
 * The authorities over cards and their revocation lists, as the broker holds them: read from [cps] trust_dir and crl_dir,
 * and read again when something in there has changed, which is looked at once a second at most, and only when asked for.
 */
struct hc_cps_trust;

/* hc_cps_trust_new: settings and clock are borrowed. Reads the directories; what is wrong there is logged, no failure. */
HC_CHECK enum hc_err hc_cps_trust_new(const struct hc_cps_settings *settings, const struct hc_clock *clock,
				      struct hc_cps_trust **ret_trust);
void hc_cps_trust_free(struct hc_cps_trust **trust);

/* What holds now; borrowed until the next call. */
struct hc_cps_trust_view {
	const struct hc_trust *trust;	/* never empty */
	const struct hc_cps_crls *crls; /* may be empty */
	size_t refused;			/* files of crl_dir that do not count */
};

/*
 * hc_cps_trust_get: reads files where they changed. HC_ERR_NOTFOUND: there is no directory, or no authority in it;
 * otherwise why trust_dir cannot be used (one file that is wrong refuses all): nobody is let on by a card then.
 */
HC_CHECK enum hc_err hc_cps_trust_get(struct hc_cps_trust *trust, struct hc_cps_trust_view *ret_view);

/* hc_cps_trust_look: the next hc_cps_trust_get looks at the directories, however short ago the last look was. */
void hc_cps_trust_look(struct hc_cps_trust *trust);

#endif
