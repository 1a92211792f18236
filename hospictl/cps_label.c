/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code lists of the French health sector (TRE_G02, TRE_G08, TRE_G15) in words. State: none. A code that
 * is not known is shown as the number that it is, never as something near it.
 */
#include "cps_label.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/attrs.h"

static void known_text(enum hc_lang lang, const char *name, char *out, size_t cap)
{
	if (hc_text_known(name))
		hc_text(lang, name, NULL, out, cap);
	else
		out[0] = '\0';
}

void hc_cps_profession(enum hc_lang lang, int code, char *out, size_t cap)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "ctl.profession.%d", code);
	known_text(lang, name, out, cap);
}

const char *hc_cps_card_name(int card_type)
{
	static const char *const names[] = {"CPS", "CPF", "CPE", "CPA"};

	return card_type >= 0 && (size_t)card_type < HC_COUNT(names) ? names[card_type] : NULL;
}

void hc_cps_card_meaning(enum hc_lang lang, int card_type, char *out, size_t cap)
{
	const char *short_name = hc_cps_card_name(card_type);
	char name[48];

	(void)snprintf(name, sizeof(name), "ctl.cps.card.%s", short_name != NULL ? short_name : "none");
	known_text(lang, name, out, cap);
}

const char *hc_cps_id_kind(const char *national_id)
{
	static const char *const kinds[] = {"ADELI", "ADELI", "DRASS", "FINESS", "SIREN",
					    "SIRET", "RPPS",  NULL,    "RPPS",	 "student"};
	const char first = national_id[0];

	if (first < '0' || first > '9' || strlen(national_id) < 2)
		return NULL;
	return kinds[first - '0'];
}

const char *hc_cps_use(const struct hc_cps_certificate *certificate)
{
	if (certificate->is_authority)
		return "authority";
	if (certificate->may_commit)
		return "signature";
	return certificate->may_sign && certificate->for_client_auth ? "authentication" : "other";
}
