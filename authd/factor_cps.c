/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards of health professionals at this machine: what a conversation asks of them, and what their answer is worth.
 *
 * No state of its own; the broker holds the authorities, their lists and the refused PINs, the store which card is whose.
 * Threats: a helper or a card that lies, an answer that was given elsewhere or before, a signature that somebody had the
 * card make for another purpose, a card that was reported lost, and three tries that are its owner's day. So a
 * signature counts over a message of ours alone, which names place and purpose and is good once; by a certificate whose
 * chain, purpose and revocation hold now; of a card that is linked to this very person. That the person gave the PIN is
 * hc-pkcs11's word: it signs with a key that needs a login in this very session, or not at all. It must never take
 * a name out of a certificate for a person, nor pass on what cannot be a PIN.
 */
#include "factor_cps.h"

#include <stdio.h>
#include <string.h>

#include "cps_trust.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/device.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "ocsp.h"
#include "pin_memory.h"

#define PREFIX	   "HospiConnect-CPS-v1" /* its NUL is part of the message */
#define SERIAL_CAP 65

static bool never_typed(const struct hc_secret *answer)
{
	(void)answer; /* an answer of a card is no text */
	return false;
}

static void never_verified(const struct hc_authd *authd, const struct hc_person *person,
			   const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome)
{
	(void)authd; /* nothing typed proves a card */
	(void)person;
	(void)answer;
	*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_REFUSED, .reason = HC_REASON_INTERNAL};
}

const struct hc_factor_ops hc_factor_cps = {.name = "cps",
					    .factor = HC_FACTOR_CPS,
					    .method = HC_METHOD_CPS,
					    .matches = never_typed,
					    .verify = never_verified};

/* ---- asking ---- */

static void put_part(struct hc_writer *writer, const void *data, size_t len)
{
	hc_writer_u16(writer, (uint16_t)len);
	hc_writer_bytes(writer, data, len);
}

enum hc_err hc_cps_message(const struct hc_authd *authd, const char *purpose,
			   const uint8_t nonce[HC_CPS_NONCE_LEN], uint8_t out[HC_CPS_MESSAGE_MAX],
			   size_t *ret_len)
{
	const char *issuer =
		authd->config->fido.rp_id[0] != '\0' ? authd->config->fido.rp_id : authd->machine;
	struct hc_writer writer;

	hc_writer_init(&writer, out, HC_CPS_MESSAGE_MAX);
	hc_writer_bytes(&writer, PREFIX, sizeof(PREFIX));
	put_part(&writer, issuer, strlen(issuer));
	put_part(&writer, authd->machine, strlen(authd->machine));
	put_part(&writer, purpose, strnlen(purpose, HC_CPS_PURPOSE_MAX));
	put_part(&writer, nonce, HC_CPS_NONCE_LEN);
	if (writer.err == HC_OK)
		*ret_len = writer.len;
	return writer.err;
}

static enum hc_err ask(const struct hc_authd *authd, const struct hc_device_wish *wish, struct hc_msg *start,
		       struct hc_device_challenge *ret_challenge)
{
	struct hc_device_challenge challenge = {.open = true};
	uint8_t nonce[HC_CPS_NONCE_LEN];
	enum hc_err err;

	_Static_assert(HC_CPS_MESSAGE_MAX <= HC_DEVICE_CHALLENGE_MAX, "a message has room");
	if (authd->config->cps.module[0] == '\0' || authd->cps_trust == NULL)
		return HC_ERR_STATE;
	err = hc_random(nonce, sizeof(nonce));
	if (err == HC_OK)
		err = hc_cps_message(authd, wish->verify ? HC_CPS_PURPOSE_SIGN_IN : HC_CPS_PURPOSE_SECOND,
				     nonce, challenge.data, &challenge.len);
	if (err != HC_OK)
		return err;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_SIGN);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, (uint32_t)wish->timeout_s);
	hc_msg_put_text(start, HC_FIELD_MODULE, authd->config->cps.module);
	hc_msg_put_bytes(start, HC_FIELD_TO_SIGN, challenge.data, challenge.len);
	if (wish->present)
		hc_msg_put_u32(start, HC_FIELD_FLAGS, HC_DEVICE_FLAG_PRESENT);
	*ret_challenge = challenge;
	return HC_OK;
}

/* ---- judging ---- */

static enum hc_err who(const struct hc_authd *authd, const struct hc_device_answer *answer,
		       struct hc_person *ret_person, enum hc_reason *ret_reason)
{
	struct hc_cps_shown shown;
	struct hc_cps_owner owner;
	enum hc_err err;

	*ret_reason = hc_cps_show(authd, answer->done, &shown);
	if (*ret_reason != HC_REASON_NONE)
		return HC_ERR_NOTFOUND;
	err = hc_cps_find(authd, &shown, &owner, ret_reason);
	if (err == HC_OK)
		return hc_store_person_by_id(authd->store, owner.credential.person_id, ret_person);
	return err;
}

static enum hc_err consult(const struct hc_authd *authd, const struct hc_device_answer *answer,
			   struct hc_msg *start, enum hc_device_helper *ret_helper)
{
	struct hc_cps_shown shown;
	struct hc_cps_trust_view view;

	/* What is refused anyway, nobody is asked about. */
	if (authd->ocsp == NULL || authd->cps_trust == NULL ||
	    hc_cps_show(authd, answer->done, &shown) != HC_REASON_NONE ||
	    hc_cps_trust_get(authd->cps_trust, &view) != HC_OK)
		return HC_ERR_STATE;
	const struct hc_ocsp_card card = {
		.trust = view.trust, .crls = view.crls, .der = shown.der, .len = shown.len};

	return hc_ocsp_consult(authd, &card, start, ret_helper);
}

/* Of all that can be wrong only a signature could have been tried by somebody without the card. */
static void refuse(struct hc_factor_outcome *outcome, enum hc_reason reason)
{
	outcome->result = HC_FACTOR_REFUSED;
	outcome->reason = reason;
	outcome->blameless = reason != HC_REASON_SIGNATURE_INVALID;
}

static void broken(struct hc_factor_outcome *outcome, enum hc_reason reason)
{
	outcome->result = HC_FACTOR_BROKEN;
	outcome->reason = reason;
}

static void judge_owner(const struct hc_authd *authd, const struct hc_person *person,
			const struct hc_cps_shown *shown, struct hc_factor_outcome *outcome)
{
	struct hc_cps_owner owner;
	enum hc_reason reason = HC_REASON_NONE;
	enum hc_err err = hc_cps_find(authd, shown, &owner, &reason);

	if (err == HC_ERR_NOTFOUND) {
		refuse(outcome, reason);
		return;
	}
	if (err == HC_OK)
		reason = hc_cps_owner_objection(&owner, person->id);
	if (err == HC_OK && reason != HC_REASON_CARD_OF_SOMEBODY_ELSE)
		outcome->credential = owner.credential.id;
	if (err == HC_OK && reason == HC_REASON_NONE)
		err = hc_cps_use(authd, person, shown, &owner);
	if (err != HC_OK) {
		broken(outcome, hc_reason_of_err(err));
	} else if (reason != HC_REASON_NONE) {
		refuse(outcome, reason);
	} else {
		outcome->result = HC_FACTOR_VERIFIED;
		outcome->reason = HC_REASON_NONE;
		outcome->person_verified = true;
		outcome->degraded = shown->degraded;
	}
}

static void verify(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		   struct hc_factor_outcome *ret_outcome)
{
	const struct hc_device_answer *answer = ctx;
	struct hc_cps_shown shown;
	enum hc_reason reason;

	*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_REFUSED};
	if (!answer->challenge->open || authd->cps_trust == NULL) {
		refuse(ret_outcome, HC_REASON_DEVICE_ERROR);
		return;
	}
	reason = hc_cps_show(authd, answer->done, &shown);
	if (shown.len > 0)
		hc_cps_describe(&shown, ret_outcome->detail, sizeof(ret_outcome->detail));
	if (reason != HC_REASON_NONE) {
		refuse(ret_outcome, reason);
		return;
	}
	const enum hc_err err = hc_cps_prove(authd, answer, &shown, &reason);

	hc_cps_describe(&shown, ret_outcome->detail, sizeof(ret_outcome->detail));
	if (err != HC_OK)
		broken(ret_outcome, HC_REASON_AUTHORITY_NOT_TRUSTED);
	else if (reason != HC_REASON_NONE)
		refuse(ret_outcome, reason);
	else
		judge_owner(authd, person, &shown, ret_outcome);
}

static enum hc_err stranger(const struct hc_authd *authd, const struct hc_device_answer *answer,
			    struct hc_stored_card *ret_card)
{
	struct hc_cps_shown shown;
	struct hc_cps_owner owner;
	enum hc_reason reason = HC_REASON_NONE;
	enum hc_err err;

	if (authd->pairings == NULL || authd->cps_trust == NULL || !answer->challenge->open ||
	    hc_cps_show(authd, answer->done, &shown) != HC_REASON_NONE || shown.bound)
		return HC_ERR_NOTFOUND;
	err = hc_cps_prove(authd, answer, &shown, &reason);
	if (err != HC_OK || reason != HC_REASON_NONE || shown.degraded)
		return HC_ERR_NOTFOUND;
	err = hc_cps_find(authd, &shown, &owner, &reason);
	if (err != HC_ERR_NOTFOUND)
		return err == HC_OK ? HC_ERR_NOTFOUND : err;
	return reason == HC_REASON_CARD_UNKNOWN ? hc_cps_stored(&shown, ret_card) : HC_ERR_NOTFOUND;
}

/* ---- PINs ---- */

static bool can_be_pin(const struct hc_secret *pin)
{
	const uint8_t *digits = hc_secret_data(pin);
	const size_t len = hc_secret_len(pin);

	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	}
	return len >= HC_DEVICE_PIN_MIN && len <= HC_DEVICE_PIN_MAX;
}

/* What a card is called; a card without a number is not remembered. */
static bool read_serial(const struct hc_msg *ask, char out[SERIAL_CAP])
{
	return hc_msg_text(ask, HC_FIELD_SERIAL, out, SERIAL_CAP) == HC_OK;
}

static enum hc_reason objection(const struct hc_authd *authd, const struct hc_msg *ask,
				const struct hc_secret *pin)
{
	char serial[SERIAL_CAP];

	if (!can_be_pin(pin))
		return HC_REASON_PIN_MALFORMED;
	if (authd->pins != NULL && read_serial(ask, serial) && hc_pin_memory_holds(authd->pins, serial, pin))
		return HC_REASON_PIN_REFUSED_BEFORE;
	return HC_REASON_NONE;
}

static void pin_was(const struct hc_authd *authd, const struct hc_msg *ask, const struct hc_secret *pin,
		    bool right)
{
	char serial[SERIAL_CAP];

	if (authd->pins == NULL || !read_serial(ask, serial))
		return;
	if (right)
		hc_pin_memory_right(authd->pins, serial);
	else
		hc_pin_memory_refused(authd->pins, serial, pin);
}

const struct hc_device_method hc_device_cps = {.factor = &hc_factor_cps,
					       .helper = HC_HELPER_PKCS11,
					       .ask = ask,
					       .who = who,
					       .verify = verify,
					       .consult = consult,
					       .unwelcome = hc_cps_unwelcome,
					       .stranger = stranger,
					       .objection = objection,
					       .pin_was = pin_was};
