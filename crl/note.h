/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CRL_NOTE_H
#define HC_CRL_NOTE_H

#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/err.h"

#include "fetch.h"
#include "settings.h"

/* What is kept beside the lists about one address: when it last answered well, and with what. */
struct hc_crl_note {
	char url[HC_CRL_URL_MAX + 1];
	char list[HC_CPS_CRL_FILE_CAP]; /* the file that its answer became */
	struct hc_fetch_tags tags;
	int64_t asked_ms;
};

/* hc_crl_note_read: empty where there is none, or none that makes sense. */
void hc_crl_note_read(const char *directory, const char *url, struct hc_crl_note *ret_note);
HC_CHECK enum hc_err hc_crl_note_write(const char *directory, const struct hc_crl_note *note);

#endif
