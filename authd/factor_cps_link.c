/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card becomes its holder's by the holder's own word, behind two other factors.
 *
 * No state. Threats: a card that is lent, found, or lies in the reader while somebody else signs in. That somebody wants
 * it is not enough: the person's record, and the cards that are linked already, must not say another identifier, and
 * card and identifier must be nobody else's. It must never write the identifier into the person's record: that is an
 * administrator's word.
 */
#include <string.h>

#include "credential.h"
#include "factor_cps.h"

/* Whether what is known of this person speaks against the identifier of card. */
static enum hc_err compare(const struct hc_authd *authd, const struct hc_person *person,
			   const struct hc_stored_card *card, struct hc_cps_refusal *refusal)
{
	struct hc_credential credentials[HC_CREDENTIALS_MAX];
	struct hc_stored_card other;
	const char *known = person->national_id.text;
	size_t count = 0;
	enum hc_err err = HC_OK;

	if (known[0] == '\0')
		err = hc_store_credential_list(authd->store, person->id, false, HC_COUNT(credentials),
					       credentials, &count);
	while (err == HC_OK && known[0] == '\0' && count-- > 0) {
		if (credentials[count].type != HC_CREDENTIAL_CPS ||
		    credentials[count].state != HC_CREDENTIAL_ACTIVE)
			continue;
		err = hc_store_card_get(authd->store, &credentials[count].id, &other);
		if (err == HC_OK && !other.bound)
			known = other.national_id;
	}
	if (err == HC_OK && known[0] != '\0' && strcmp(known, card->national_id) != 0) {
		refusal->reason = HC_REASON_NATIONAL_ID_DIFFERS;
		memcpy(refusal->known, known, strnlen(known, sizeof(refusal->known) - 1));
	}
	return err;
}

static enum hc_err add(const struct hc_authd *authd, const struct hc_person *person,
		       const struct hc_stored_card *card, struct hc_credential_id *ret_id,
		       enum hc_reason *reason)
{
	const int64_t now_ms = hc_now_ms(authd->clock);
	struct hc_credential credential = {.person_id = person->id,
					   .type = HC_CREDENTIAL_CPS,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .last_step = -1,
					   .created_ms = now_ms,
					   .confirmed_ms = now_ms};
	enum hc_err err = hc_credential_room(authd, person->id);

	if (err == HC_ERR_STATE)
		*reason = HC_REASON_WRONG_STATE;
	if (err == HC_OK)
		err = hc_credential_id_new(&credential.id);
	if (err == HC_OK)
		err = hc_store_credential_add(authd->store, &credential);
	if (err != HC_OK)
		return err;
	err = hc_store_card_add(authd->store, &credential.id, card);
	if (err == HC_ERR_EXISTS)
		*reason = HC_REASON_CARD_ALREADY_ENROLLED;
	else if (err == HC_ERR_STATE)
		*reason = HC_REASON_NATIONAL_ID_TAKEN;
	else if (err == HC_OK)
		*ret_id = credential.id;
	return err;
}

enum hc_err hc_cps_link(const struct hc_authd *authd, const struct hc_person *person,
			const struct hc_stored_card *card, struct hc_credential_id *ret_id,
			struct hc_cps_refusal *ret_refusal)
{
	struct hc_cps_refusal refusal = {.reason = HC_REASON_NONE};
	enum hc_err err = HC_OK;

	if (person->state != HC_PERSON_ACTIVE)
		refusal.reason = HC_REASON_PERSON_DISABLED;
	else if (card->bound)
		refusal.reason = HC_REASON_CARD_NEEDS_MAPPING;
	else if (card->not_after_ms <= hc_now_ms(authd->clock))
		refusal.reason = HC_REASON_CERTIFICATE_EXPIRED;
	else
		err = compare(authd, person, card, &refusal);
	if (err == HC_OK && refusal.reason == HC_REASON_NONE)
		err = add(authd, person, card, ret_id, &refusal.reason);
	if (err != HC_OK && refusal.reason == HC_REASON_NONE)
		return err;
	*ret_refusal = refusal;
	return HC_OK;
}
