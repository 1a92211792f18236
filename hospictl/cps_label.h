/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_LABEL_H
#define HC_CPS_LABEL_H

#include <stddef.h>

#include "hospiconnect/cps.h"
#include "hospiconnect/text.h"

/* What the code lists of health professionals mean, for people. Each writes "" where it knows nothing. */

/* hc_cps_profession: of TRE_G15 and TRE_G16. */
void hc_cps_profession(enum hc_lang lang, int code, char *out, size_t cap);

/* hc_cps_card_name: "CPS" and its like, NULL for no card of a person. */
const char *hc_cps_card_name(int card_type);
/* hc_cps_card_meaning: "CPS: card of a health professional". */
void hc_cps_card_meaning(enum hc_lang lang, int card_type, char *out, size_t cap);

/* hc_cps_id_kind: which register a national identifier is of ("RPPS"), by its first digit; NULL: unknown. */
const char *hc_cps_id_kind(const char *national_id);

/* What a certificate is for, as its usages say: "authentication", "signature", "authority", "other". */
const char *hc_cps_use(const struct hc_cps_certificate *certificate);

#endif
