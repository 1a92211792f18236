/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate may sign a person in: the rule itself, as a pure function. Threats: the other
 * certificates that the same authorities issue (signature, organisations, software, shared cards,
 * tests), each of which verifies perfectly. It begins as a refusal of each kind in turn; the last line
 * is the only one that finds nothing wrong.
 */
#include <string.h>

#include "hospiconnect/cps.h"

#define CATEGORY_CARD 0
#define RSA_BITS_MIN  2048
#define EC_BITS_MIN   256
#define UPN_DOMAIN    "@carte-cps.fr"

static bool is_strong(const struct hc_cps_certificate *certificate)
{
	return certificate->key_bits >= (certificate->rsa ? RSA_BITS_MIN : EC_BITS_MIN);
}

static bool is_for_sign_in(const struct hc_cps_certificate *certificate)
{
	return !certificate->is_authority && certificate->key_usage_critical && certificate->may_sign &&
	       !certificate->may_commit && certificate->for_client_auth && certificate->for_smart_card &&
	       certificate->category == CATEGORY_CARD && is_strong(certificate);
}

/* An employee's card without a name is handed round; so is what is numbered but names nobody. */
static bool names_a_person(const struct hc_cps_certificate *certificate)
{
	return certificate->national_id[0] != '\0' && certificate->given_name.text[0] != '\0' &&
	       certificate->family_name.text[0] != '\0';
}

/* Issued to a structure, a server or a service: no card of a person says so little of itself. */
static bool is_organisation(const struct hc_cps_certificate *certificate)
{
	return strstr(certificate->issuer_name, "ORGANISATIONS") != NULL ||
	       (certificate->card_type == HC_CPS_CARD_NONE && certificate->category != CATEGORY_CARD);
}

/* "8.99900063480@carte-cps.fr" for the identifier 899900063480. */
static bool upn_agrees(const struct hc_cps_certificate *certificate)
{
	const char *id = certificate->national_id;
	const char *upn = certificate->upn;
	const size_t id_len = strlen(id);

	if (upn[0] == '\0')
		return true;
	return id_len > 1 && upn[0] == id[0] && upn[1] == '.' && strncmp(upn + 2, id + 1, id_len - 1) == 0 &&
	       strcmp(upn + id_len + 1, UPN_DOMAIN) == 0;
}

enum hc_reason hc_cps_judge(const struct hc_cps_certificate *certificate, const struct hc_cps_rules *rules,
			    int64_t now_ms, bool *ret_bound)
{
	struct hc_national_id id;

	*ret_bound = certificate->structure_id[0] != '\0';
	if (certificate->legacy)
		return HC_REASON_LEGACY_CARD;
	if (is_organisation(certificate))
		return HC_REASON_ORGANISATION_CARD;
	if (certificate->test && !rules->allow_test)
		return HC_REASON_TEST_CARD;
	if (!is_for_sign_in(certificate))
		return HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN;
	if (certificate->card_type == HC_CPS_CARD_NONE || !names_a_person(certificate))
		return HC_REASON_CARD_SHARED;
	if (now_ms < certificate->not_before_ms || now_ms > certificate->not_after_ms)
		return HC_REASON_CERTIFICATE_EXPIRED;
	if (hc_national_id_parse(certificate->national_id, strlen(certificate->national_id), &id) != HC_OK ||
	    !upn_agrees(certificate))
		return HC_REASON_CARD_CONTRADICTS_ITSELF;
	return HC_REASON_NONE;
}
