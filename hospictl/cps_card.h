/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_CARD_H
#define HC_CPS_CARD_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/cps.h"

#include "ctl.h"

/* The certificate of a card, and what it says. Nothing of it was judged. */
struct hc_ctl_card {
	uint8_t der[HC_X509_MAX];
	size_t len;
	struct hc_cps_certificate certificate;
};

/*
 * hc_cps_card_file: from a file ("-": standard input), PEM or DER. hc_cps_card_reader: from a card in a reader of the
 * broker's machine, by the broker, who waits for one and says so; login (NULL: nobody's in particular): whose it
 * should be. Both say what went wrong and return the exit status.
 */
enum hc_ctl_status hc_cps_card_file(const struct hc_ctl *ctl, const char *path, struct hc_ctl_card *card);
enum hc_ctl_status hc_cps_card_reader(const struct hc_ctl *ctl, const char *login, struct hc_ctl_card *card);

#endif
