/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a security key made: judged, and stored.
 *
 * No state. Threats: a helper or a key that lies about what it made (nothing is taken but what hc_fido_verify_creation
 * verified against our own client data), a make that is not allowed here and says that it is another (an AAGUID counts
 * under a verified chain alone), a key that was asked to hide its credentials and does not. It must never store a
 * credential that was not verified.
 */
#include "admin_fido2.h"

#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "hospiconnect/trust.h"

#define PROTECT_ASKED 2 /* credProtect: found with the list of its names alone, or after the PIN */

const char *hc_key_attestation(uint32_t kind)
{
	static const char *const words[] = {"none", "self", "unknown", "chain"};

	return words[kind % HC_COUNT(words)];
}

void hc_key_put(struct hc_msg *out, const struct hc_stored_key *key)
{
	char options[64];

	snprintf(options, sizeof(options), "discoverable=%s verifies=%s",
		 key->discoverable ? "true" : "false", key->verifies ? "true" : "false");
	hc_msg_put_text(out, HC_FIELD_RP_ID, key->rp_id);
	hc_msg_put_bytes(out, HC_FIELD_AAGUID, key->aaguid, sizeof(key->aaguid));
	hc_msg_put_text(out, HC_FIELD_FORMAT, hc_key_attestation(key->attestation));
	hc_msg_put_text(out, HC_FIELD_OPTIONS, options);
	hc_msg_put_text(out, HC_FIELD_MODEL, key->model);
	if (key->protect != 0)
		hc_msg_put_u32(out, HC_FIELD_CRED_PROTECT, key->protect);
}

/* ---- judging ---- */

static enum hc_reason judge_make(const struct hc_fido_rules *rules, enum hc_fido_attestation_kind kind,
				 const uint8_t *aaguid)
{
	if ((int)kind < rules->attestation)
		return HC_REASON_MAKER_NOT_VERIFIED;
	for (size_t i = 0; i < rules->aaguid_count; i++) {
		if (memcmp(rules->aaguids[i], aaguid, HC_FIDO_AAGUID_LEN) == 0)
			return HC_REASON_NONE;
	}
	return rules->aaguid_count == 0 ? HC_REASON_NONE : HC_REASON_MODEL_NOT_ALLOWED;
}

/* What was asked of the key and did not come. */
static bool lacks(const struct hc_new_key *made, const struct hc_fido_auth_data *data)
{
	return ((made->flags & HC_DEVICE_FLAG_UV) != 0 && (data->flags & HC_FIDO_UV) == 0) ||
	       (data->cred_protect != 0 && data->cred_protect < PROTECT_ASKED);
}

static void take_over(const struct hc_fido_auth_data *data, enum hc_fido_attestation_kind kind,
		      struct hc_new_key *made)
{
	struct hc_stored_key *key = &made->key;

	memcpy(key->id, data->credential, data->credential_len);
	key->id_len = data->credential_len;
	memcpy(key->key, data->key, data->key_len);
	key->key_len = data->key_len;
	memcpy(key->aaguid, data->aaguid, sizeof(key->aaguid));
	key->attestation = (uint32_t)kind;
	key->discoverable = (made->flags & HC_DEVICE_FLAG_DISCOVERABLE) != 0;
	key->verifies = (data->flags & HC_FIDO_UV) != 0;
	key->protect = (uint32_t)data->cred_protect;
	made->credential.counter = data->counter;
}

/* A name is shown where an authority of ours vouches for it alone: any key can bring a certificate. */
static void take_model(const struct hc_fido_creation *creation, struct hc_stored_key *key)
{
	char text[sizeof(key->model)];
	struct hc_label label;

	key->model[0] = '\0';
	if (key->attestation == HC_FIDO_ATTESTED_CHAIN &&
	    hc_fido_model(creation->format, creation->statement, creation->statement_len, text,
			  sizeof(text)) == HC_OK &&
	    hc_label_parse(text, strlen(text), &label) == HC_OK)
		snprintf(key->model, sizeof(key->model), "%s", label.text);
}

/* What a DEVICE_DONE of MAKE must have. */
struct answer {
	const uint8_t *credential;
	size_t credential_len;
	char format[33];
	struct hc_fido_creation creation;
};

static bool read_done(const struct hc_msg *done, struct answer *answer)
{
	const uint8_t *statement, *auth_data;
	struct hc_fido_creation *creation = &answer->creation;

	if (hc_msg_bytes(done, HC_FIELD_AUTH_DATA, &auth_data, &creation->auth_data_len) != HC_OK ||
	    hc_msg_bytes(done, HC_FIELD_ATTESTATION, &statement, &creation->statement_len) != HC_OK ||
	    hc_msg_bytes(done, HC_FIELD_CREDENTIAL, &answer->credential, &answer->credential_len) != HC_OK ||
	    hc_msg_text(done, HC_FIELD_FORMAT, answer->format, sizeof(answer->format)) != HC_OK)
		return false;
	creation->auth_data = auth_data;
	creation->statement = statement;
	creation->format = answer->format;
	return true;
}

enum hc_reason hc_new_key_verify(const struct hc_authd *authd, const struct hc_msg *done,
				 struct hc_new_key *made)
{
	const struct hc_fido_rules *rules = &authd->config->fido;
	HC_AUTO(trust) trust = NULL;
	struct hc_fido_auth_data data;
	enum hc_fido_attestation_kind kind = HC_FIDO_ATTESTED_NONE;
	struct answer answer = {.creation = {.rp_id = made->key.rp_id,
					     .client_data_hash = made->client_data_hash,
					     .now_ms = hc_now_ms(authd->clock)}};

	if (!read_done(done, &answer))
		return HC_REASON_DEVICE_ERROR;
	if (rules->trust_dir[0] != '\0' && hc_trust_load(rules->trust_dir, &trust) != HC_OK) {
		hc_log(HC_LOG_ERROR, "attestation_trust_dir cannot be used",
		       HC_F_TEXT("path", rules->trust_dir));
		return HC_REASON_MAKER_NOT_VERIFIED;
	}
	answer.creation.trust = trust;
	enum hc_reason reason = hc_fido_verify_creation(&answer.creation, &data, &kind);

	if (reason == HC_REASON_NONE &&
	    (data.credential_len != answer.credential_len ||
	     memcmp(data.credential, answer.credential, data.credential_len) != 0))
		reason = HC_REASON_DEVICE_ERROR;
	if (reason == HC_REASON_NONE && lacks(made, &data))
		reason = HC_REASON_FLAGS_MISSING;
	if (reason == HC_REASON_NONE)
		reason = judge_make(rules, kind, data.aaguid);
	if (reason != HC_REASON_NONE)
		return reason;
	take_over(&data, kind, made);
	take_model(&answer.creation, &made->key);
	return HC_REASON_NONE;
}

/* ---- storing ---- */

enum hc_err hc_new_key_add(const struct hc_authd *authd, int64_t person_id, struct hc_new_key *made)
{
	struct hc_credential *credential = &made->credential;
	struct hc_person person;
	/* A person may have been removed while the key was in the making. */
	enum hc_err err = hc_store_person_by_id(authd->store, person_id, &person);

	if (err == HC_OK)
		err = hc_credential_room(authd, person_id);
	credential->person_id = person_id;
	credential->type = HC_CREDENTIAL_FIDO2;
	credential->state = HC_CREDENTIAL_ACTIVE;
	credential->last_step = -1;
	credential->created_ms = hc_now_ms(authd->clock);
	credential->confirmed_ms = credential->created_ms;
	if (err == HC_OK)
		err = hc_credential_id_new(&credential->id);
	if (err == HC_OK)
		err = hc_store_credential_add(authd->store, credential);
	if (err == HC_OK)
		err = hc_store_key_add(authd->store, &credential->id, &made->key);
	return err;
}
