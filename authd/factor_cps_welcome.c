/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a card is asked for its PIN at all.
 *
 * No state. Threats: a colleague's card that was left in the reader, and gets the PIN of the next one: three of them block
 * it; a program of somebody's that has the PINs of others' cards guessed. So a card that can sign nobody in here, whatever
 * its PIN, is told so first, from the certificate that it shows to everybody. That proves nothing: hc_cps_prove says the
 * same things again, and more, of what was signed. It must never let anybody on.
 */
#include "cps_trust.h"
#include "factor_cps.h"
#include "hello.h"
#include "hospiconnect/msg.h"

static enum hc_reason judge_certificate(const struct hc_authd *authd, const struct hc_cps_shown *shown)
{
	const struct hc_cps_rules rules = {.allow_test = authd->config->cps.allow_test_cards};
	const int64_t now_ms = hc_now_ms(authd->clock);
	struct hc_cps_trust_view view;
	enum hc_reason reason;

	/* What is wrong with this machine is no fault of the card's, and told where it is judged. */
	if (authd->cps_trust == NULL || hc_cps_trust_get(authd->cps_trust, &view) != HC_OK)
		return HC_REASON_NONE;
	reason = hc_cps_verify_chain(view.trust, shown->der, shown->len, &rules, now_ms);
	if (reason == HC_REASON_NONE &&
	    hc_cps_crls_check(view.crls, shown->der, shown->len, now_ms, 0, NULL) == HC_CPS_REVOKED)
		reason = HC_REASON_CERTIFICATE_REVOKED;
	return reason;
}

static enum hc_reason judge_link(const struct hc_authd *authd, const struct hc_hello *hello,
				 const struct hc_cps_shown *shown)
{
	struct hc_cps_owner owner;
	struct hc_person person;
	enum hc_reason reason = HC_REASON_NONE;
	enum hc_err err = hc_cps_find(authd, shown, &owner, &reason);

	/* Such a card may become somebody's, once it is proven. */
	if (err == HC_ERR_NOTFOUND && reason == HC_REASON_CARD_UNKNOWN && authd->pairings != NULL)
		return HC_REASON_NONE;
	if (err == HC_ERR_NOTFOUND)
		return reason;
	if (err != HC_OK)
		return HC_REASON_NONE;
	if (!hello->login_valid)
		return hc_cps_owner_objection(&owner, owner.credential.person_id);
	if (hc_store_person_by_login(authd->store, &hello->login, &person) != HC_OK)
		return HC_REASON_NONE;
	return hc_cps_owner_objection(&owner, person.id);
}

enum hc_reason hc_cps_unwelcome(const struct hc_authd *authd, const struct hc_hello *hello,
				const struct hc_msg *said, char detail[HC_DEVICE_DETAIL_MAX])
{
	struct hc_cps_shown shown;
	enum hc_reason reason;

	if (!hc_msg_has(said, HC_FIELD_CERTIFICATE))
		return HC_REASON_NONE;
	reason = hc_cps_show(authd, said, &shown);
	if (reason == HC_REASON_NONE)
		reason = judge_certificate(authd, &shown);
	if (reason == HC_REASON_NONE)
		reason = judge_link(authd, hello, &shown);
	if (reason != HC_REASON_NONE && shown.len > 0)
		hc_cps_describe(&shown, detail, HC_DEVICE_DETAIL_MAX);
	return reason;
}
