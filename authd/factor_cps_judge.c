/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card showed: its certificate, by itself and in its chain, its signature, and whether it was revoked.
 *
 * No state. Threats: a certificate of another kind, branch or authority, one that ran out or was revoked, and a
 * revocation list or a responder's word that is missing, old or contradicts the other. Each has its own reason, and
 * nothing is looked at that the step before did not vouch for. It must never take silence for a good word.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cps_trust.h"
#include "factor_cps.h"
#include "hospiconnect/msg.h"
#include "ocsp.h"

#define MS_PER_S 1000

static struct hc_cps_rules rules_of(const struct hc_authd *authd)
{
	return (struct hc_cps_rules){.allow_test = authd->config->cps.allow_test_cards};
}

enum hc_reason hc_cps_show(const struct hc_authd *authd, const struct hc_msg *done,
			   struct hc_cps_shown *ret_shown)
{
	const struct hc_cps_rules rules = rules_of(authd);
	const uint8_t *der = NULL;
	size_t len = 0;

	memset(ret_shown, 0, sizeof(*ret_shown));
	if (hc_msg_bytes(done, HC_FIELD_CERTIFICATE, &der, &len) != HC_OK || len == 0)
		return HC_REASON_DEVICE_ERROR;
	if (hc_cps_read(der, len, &ret_shown->certificate) != HC_OK)
		return HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN;
	ret_shown->der = der;
	ret_shown->len = len;
	return hc_cps_judge(&ret_shown->certificate, &rules, hc_now_ms(authd->clock), &ret_shown->bound);
}

static enum hc_reason check_revocation(const struct hc_authd *authd, const struct hc_device_answer *answer,
				       const struct hc_cps_trust_view *view, struct hc_cps_shown *shown)
{
	const struct hc_cps_settings *settings = &authd->config->cps;
	const struct hc_ocsp_card card = {
		.trust = view->trust, .crls = view->crls, .der = shown->der, .len = shown->len};
	const enum hc_cps_revocation by_list =
		hc_cps_crls_check(view->crls, shown->der, shown->len, hc_now_ms(authd->clock),
				  settings->crl_degraded_max_age_s * MS_PER_S, &shown->list);
	enum hc_cps_ocsp_status word = HC_CPS_OCSP_NO_ANSWER;

	if (authd->ocsp != NULL)
		word = hc_ocsp_result(authd, &card, answer->more);
	return hc_ocsp_combine((enum hc_ocsp_mode)settings->ocsp, by_list, word, &shown->degraded);
}

static enum hc_reason check_signature(const struct hc_device_answer *answer, const struct hc_cps_shown *shown)
{
	const uint8_t *signature = NULL;
	size_t len = 0;

	if (!answer->challenge->open || answer->challenge->len == 0 ||
	    hc_msg_bytes(answer->done, HC_FIELD_SIGNATURE_DER, &signature, &len) != HC_OK)
		return HC_REASON_DEVICE_ERROR;
	return hc_cps_verify_signature(shown->der, shown->len, answer->challenge->data,
				       answer->challenge->len, signature, len) == HC_OK
		       ? HC_REASON_NONE
		       : HC_REASON_SIGNATURE_INVALID;
}

enum hc_err hc_cps_prove(const struct hc_authd *authd, const struct hc_device_answer *answer,
			 struct hc_cps_shown *shown, enum hc_reason *ret_reason)
{
	const struct hc_cps_rules rules = rules_of(authd);
	struct hc_cps_trust_view view;
	enum hc_reason reason;
	const enum hc_err err = hc_cps_trust_get(authd->cps_trust, &view);

	if (err != HC_OK)
		return err;
	reason = hc_cps_verify_chain(view.trust, shown->der, shown->len, &rules, hc_now_ms(authd->clock));
	if (reason == HC_REASON_NONE)
		reason = check_signature(answer, shown);
	if (reason == HC_REASON_NONE)
		reason = check_revocation(authd, answer, &view, shown);
	*ret_reason = reason;
	return HC_OK;
}

enum hc_err hc_cps_stored(const struct hc_cps_shown *shown, struct hc_stored_card *ret_card)
{
	const struct hc_cps_certificate *certificate = &shown->certificate;
	struct hc_national_id identifier;

	if (shown->len > sizeof(ret_card->certificate))
		return HC_ERR_TOOBIG;
	if (hc_national_id_parse(certificate->national_id, strlen(certificate->national_id), &identifier) !=
	    HC_OK)
		return HC_ERR_INVALID;
	memset(ret_card, 0, sizeof(*ret_card));
	memcpy(ret_card->fingerprint, certificate->fingerprint, sizeof(ret_card->fingerprint));
	memcpy(ret_card->key_hash, certificate->key_hash, sizeof(ret_card->key_hash));
	snprintf(ret_card->national_id, sizeof(ret_card->national_id), "%s", identifier.text);
	snprintf(ret_card->number, sizeof(ret_card->number), "%s", certificate->card_number);
	ret_card->type = certificate->card_type;
	ret_card->category = certificate->category;
	ret_card->profession = certificate->profession;
	ret_card->test = certificate->test;
	ret_card->bound = shown->bound;
	ret_card->not_after_ms = certificate->not_after_ms;
	memcpy(ret_card->certificate, shown->der, shown->len);
	ret_card->certificate_len = shown->len;
	return HC_OK;
}

void hc_cps_describe(const struct hc_cps_shown *shown, char *out, size_t cap)
{
	const struct hc_cps_certificate *certificate = &shown->certificate;
	const time_t ran_out = (time_t)(shown->list.next_update_ms / MS_PER_S);
	char mode[80] = "";
	struct tm utc;

	if (shown->degraded && gmtime_r(&ran_out, &utc) != NULL)
		(void)strftime(mode, sizeof(mode), " mode dégradé: list ran out %Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(out, cap, "card=%s national-id=%s%s", certificate->card_number, certificate->national_id,
		 mode);
}
