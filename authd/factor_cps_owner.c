/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a card is: the one way from a certificate to a person.
 *
 * No state; the store has the links. Threats: a certificate that only looks like somebody's. So a certificate is linked
 * itself, or it is the newer one of a card that is linked: the same national identifier, which its authority checked,
 * and the same profession, type of card and branch (a test card never renews a real one), and no identifier that is
 * numbered within a structure, which two structures may give to two people. It must never go by a person's name.
 */
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "factor_cps.h"

static enum hc_err read_owner(const struct hc_authd *authd, const struct hc_credential_id *id,
			      struct hc_cps_owner *owner)
{
	const enum hc_err err = hc_store_credential_by_id(authd->store, id, &owner->credential);

	return err == HC_ERR_NOTFOUND ? HC_ERR_CORRUPT : err;
}

static bool may_be_renewed(const struct hc_card_link *link, const struct hc_cps_certificate *certificate)
{
	return link->state == HC_CREDENTIAL_ACTIVE && !link->bound &&
	       link->profession == certificate->profession && link->type == certificate->card_type &&
	       certificate->not_after_ms > link->not_after_ms;
}

/* Of several cards that it could renew, the one that ends first. */
static enum hc_err find_former(const struct hc_authd *authd, const struct hc_cps_certificate *certificate,
			       struct hc_credential_id *ret_former)
{
	struct hc_card_link links[HC_CREDENTIALS_MAX];
	struct hc_stored_card card;
	size_t count = 0;
	enum hc_err err = hc_store_card_find_by_national_id(authd->store, certificate->national_id,
							    HC_COUNT(links), links, &count);

	while (err == HC_OK && count-- > 0) {
		if (!may_be_renewed(&links[count], certificate))
			continue;
		err = hc_store_card_get(authd->store, &links[count].credential, &card);
		if (err == HC_OK && card.test == certificate->test) {
			*ret_former = links[count].credential;
			return HC_OK;
		}
	}
	return err == HC_OK ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_cps_find(const struct hc_authd *authd, const struct hc_cps_shown *shown,
			struct hc_cps_owner *ret_owner, enum hc_reason *ret_reason)
{
	struct hc_credential_id id;
	struct hc_cps_owner owner = {.renewed = false};
	enum hc_err err =
		hc_store_card_find_by_certificate(authd->store, shown->certificate.fingerprint, &id);

	if (err == HC_ERR_NOTFOUND) {
		*ret_reason = shown->bound ? HC_REASON_CARD_NEEDS_MAPPING : HC_REASON_CARD_UNKNOWN;
		if (shown->bound || authd->config->cps.renewed_cards != HC_CPS_RENEWED_ACCEPT)
			return err;
		err = find_former(authd, &shown->certificate, &id);
		owner.renewed = true;
	}
	if (err == HC_OK)
		err = read_owner(authd, &id, &owner);
	if (err == HC_OK)
		*ret_owner = owner;
	return err;
}

enum hc_reason hc_cps_owner_objection(const struct hc_cps_owner *owner, int64_t person_id)
{
	if (owner->credential.person_id != person_id)
		return HC_REASON_CARD_OF_SOMEBODY_ELSE;
	if (owner->credential.type != HC_CREDENTIAL_CPS || owner->credential.state != HC_CREDENTIAL_ACTIVE)
		return HC_REASON_CREDENTIAL_REVOKED;
	return HC_REASON_NONE;
}

static enum hc_err renew(const struct hc_authd *authd, const struct hc_person *person,
			 const struct hc_cps_shown *shown, const struct hc_credential_id *id)
{
	struct hc_stored_card former, card;
	char detail[256];
	enum hc_err err = hc_store_card_get(authd->store, id, &former);

	if (err == HC_OK)
		err = hc_cps_stored(shown, &card);
	if (err == HC_OK)
		err = hc_store_card_renew(authd->store, id, &card, hc_now_ms(authd->clock));
	if (err != HC_OK)
		return err;
	snprintf(detail, sizeof(detail), "national-id=%s card=%s former-card=%s", card.national_id,
		 card.number, former.number);
	const struct hc_audit_entry entry = {.event = HC_AUDIT_CARD_RENEW,
					     .success = true,
					     .login = person->login.text,
					     .factor = hc_factor_cps.name,
					     .credential = id->text,
					     .actor = "broker",
					     .detail = detail};

	return hc_audit_add(authd->audit, &entry);
}

enum hc_err hc_cps_use(const struct hc_authd *authd, const struct hc_person *person,
		       const struct hc_cps_shown *shown, const struct hc_cps_owner *owner)
{
	const struct hc_credential_id *id = &owner->credential.id;
	enum hc_err err = HC_OK;

	if (owner->renewed)
		err = renew(authd, person, shown, id);
	if (err == HC_OK)
		err = hc_store_card_touch(authd->store, id, hc_now_ms(authd->clock));
	return err;
}
