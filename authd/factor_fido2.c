/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security keys at this machine.
 *
 * No state; the store keeps what is public of each key. Threats: a helper or a key that lies, an answer that was given
 * elsewhere or before, a key that was copied. So nothing of an answer is believed but what the stored public key signed:
 * over a challenge of ours that is good once, in client data whose origin names this machine (no web page can have asked
 * for it, and no web page takes it), for the relying party of the enrolment, with a counter that advanced.
 * It must never look for the person in the answer where a name was given, nor take a handle for a proof.
 */
#include "factor_fido2.h"

#include <stdio.h>
#include <string.h>

#include "device_method.h"
#include "fido2_groups.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/device.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/secret.h"
#include "rotation.h"

#define CLIENT_DATA_MAX 1024

static bool never_typed(const struct hc_secret *answer)
{
	(void)answer; /* an answer of a key is no text */
	return false;
}

static void never_verified(const struct hc_authd *authd, const struct hc_person *person,
			   const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome)
{
	(void)authd; /* nothing typed proves a key */
	(void)person;
	(void)answer;
	*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_REFUSED, .reason = HC_REASON_INTERNAL};
}

const struct hc_factor_ops hc_factor_fido2 = {.name = "fido2",
					      .factor = HC_FACTOR_FIDO2,
					      .method = HC_METHOD_FIDO2,
					      .matches = never_typed,
					      .verify = never_verified};

/* ---- asking ---- */

enum hc_err hc_fido2_client_data(const struct hc_authd *authd, const char *type, uint8_t out[32])
{
	uint8_t challenge[HC_FIDO2_CHALLENGE_LEN];
	char origin[sizeof(authd->machine) + 16];
	char json[CLIENT_DATA_MAX];
	enum hc_err err = hc_random(challenge, sizeof(challenge));

	snprintf(origin, sizeof(origin), "hospiconnect://%s", authd->machine);
	if (err == HC_OK)
		err = hc_fido_client_data(type, challenge, sizeof(challenge), origin, json, sizeof(json));
	return err == HC_OK ? hc_sha256(json, strlen(json), out) : err;
}

enum hc_err hc_fido2_handle(const struct hc_authd *authd, int64_t person_id, uint8_t out[HC_FIDO2_HANDLE_LEN])
{
	HC_AUTO(secret) key = NULL;
	uint8_t number[8];
	struct hc_writer writer;
	enum hc_err err = hc_seal_derive(authd->seal, HC_DERIVED_HANDLE, &key);

	hc_writer_init(&writer, number, sizeof(number));
	hc_writer_u64(&writer, (uint64_t)person_id);
	return err == HC_OK ? hc_hmac_sha256(key, number, sizeof(number), out) : err;
}

static bool is_key(const struct hc_credential *credential)
{
	return credential->type == HC_CREDENTIAL_FIDO2 && credential->state == HC_CREDENTIAL_ACTIVE;
}

/* What is remembered from the question to the answer. */
struct challenge {
	char rp_id[HC_RP_ID_MAX + 1]; /* name-less: the one that counts; empty: each of the person's */
	uint8_t client_data_hash[HC_FIDO2_CHALLENGE_LEN];
};

_Static_assert(sizeof(struct challenge) <= HC_DEVICE_CHALLENGE_MAX, "a challenge has room");

/* Where no key says by itself whose it is, none is asked: it would cost a PIN to find that out. */
static enum hc_err put_party(const struct hc_authd *authd, const char *rp_id, struct hc_msg *start)
{
	bool any = false;
	enum hc_err err = rp_id[0] != '\0' ? hc_store_key_nameless(authd->store, rp_id, &any) : HC_ERR_STATE;

	if (err == HC_OK && !any)
		err = HC_ERR_STATE;
	if (err == HC_OK)
		hc_msg_put_text(start, HC_FIELD_RP_ID, rp_id);
	return err;
}

static enum hc_err ask(const struct hc_authd *authd, const struct hc_device_wish *wish, struct hc_msg *start,
		       struct hc_device_challenge *ret_challenge)
{
	struct challenge challenge = {0};
	uint32_t flags = HC_DEVICE_FLAG_UP | (wish->verify ? HC_DEVICE_FLAG_UV : 0) |
			 (wish->present ? HC_DEVICE_FLAG_PRESENT : 0);
	enum hc_err err = hc_fido2_client_data(authd, "webauthn.get", challenge.client_data_hash);

	if (err != HC_OK)
		return err;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	if (wish->person != NULL) {
		err = hc_fido2_put_credentials(authd, wish->person->id, start);
	} else {
		memcpy(challenge.rp_id, authd->config->fido.rp_id, sizeof(challenge.rp_id));
		err = put_party(authd, challenge.rp_id, start);
	}
	if (err != HC_OK)
		return err;
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_ASSERT);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, (uint32_t)wish->timeout_s);
	hc_msg_put_u32(start, HC_FIELD_FLAGS, flags);
	hc_msg_put_bytes(start, HC_FIELD_CLIENT_DATA_HASH, challenge.client_data_hash,
			 sizeof(challenge.client_data_hash));
	*ret_challenge = (struct hc_device_challenge){.open = true, .len = sizeof(challenge)};
	memcpy(ret_challenge->data, &challenge, sizeof(challenge));
	return HC_OK;
}

/* ---- judging ---- */

static enum hc_err find(const struct hc_authd *authd, const struct hc_msg *done,
			struct hc_credential *ret_credential, struct hc_stored_key *ret_key)
{
	struct hc_credential_id id;
	const uint8_t *view;
	size_t len;

	if (hc_msg_bytes(done, HC_FIELD_CREDENTIAL, &view, &len) != HC_OK)
		return HC_ERR_NOTFOUND;
	enum hc_err err = hc_store_key_find(authd->store, view, len, &id);

	if (err == HC_OK)
		err = hc_store_credential_by_id(authd->store, &id, ret_credential);
	if (err == HC_OK)
		err = hc_store_key_get(authd->store, &id, ret_key);
	return err;
}

static enum hc_err who(const struct hc_authd *authd, const struct hc_device_answer *answer,
		       struct hc_person *ret_person, enum hc_reason *ret_reason)
{
	struct hc_credential credential;
	struct hc_stored_key key;
	enum hc_err err = find(authd, answer->done, &credential, &key);

	*ret_reason = HC_REASON_KEY_NOT_REGISTERED;
	return err == HC_OK ? hc_store_person_by_id(authd->store, credential.person_id, ret_person) : err;
}

/* A handle that the key told must be the one that it was given, where that is known. */
static bool handle_fits(const struct hc_msg *done, const struct hc_stored_key *key)
{
	const uint8_t *view;
	size_t len;

	if (!hc_msg_has(done, HC_FIELD_USER_HANDLE) || key->handle_len == 0)
		return true;
	return hc_msg_bytes(done, HC_FIELD_USER_HANDLE, &view, &len) == HC_OK && len == key->handle_len &&
	       memcmp(view, key->handle, len) == 0;
}

static enum hc_reason judge(const struct hc_msg *done, const struct challenge *challenge,
			    const struct hc_credential *credential, const struct hc_stored_key *key,
			    struct hc_fido_verified *ret_verified)
{
	struct hc_fido_assertion assertion = {
		.rp_id = key->rp_id,
		.client_data_hash = challenge->client_data_hash,
		.key = key->key,
		.key_len = key->key_len,
		.counter = (uint32_t)credential->counter,
	};
	const uint8_t *data, *signature;

	if (hc_msg_bytes(done, HC_FIELD_AUTH_DATA, &data, &assertion.auth_data_len) != HC_OK ||
	    hc_msg_bytes(done, HC_FIELD_SIGNATURE_DER, &signature, &assertion.signature_len) != HC_OK)
		return HC_REASON_DEVICE_ERROR;
	assertion.auth_data = data;
	assertion.signature = signature;
	return hc_fido_verify(&assertion, ret_verified);
}

static void refuse(struct hc_factor_outcome *outcome, enum hc_reason reason)
{
	outcome->result = HC_FACTOR_REFUSED;
	outcome->reason = reason;
}

/*
 * A credential that was brought here without its name is found by its public key, and named from then on. Each of the
 * person's is tried: there are few, and the signature fits one.
 */
static enum hc_err find_unnamed(const struct hc_authd *authd, int64_t person_id, const struct hc_msg *done,
				const struct challenge *challenge, struct hc_credential *ret_credential,
				struct hc_stored_key *ret_key)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	struct hc_fido_verified verified;
	const uint8_t *id;
	size_t count = 0, len;
	enum hc_err err =
		hc_store_credential_list(authd->store, person_id, false, HC_COUNT(held), held, &count);

	if (hc_msg_bytes(done, HC_FIELD_CREDENTIAL, &id, &len) != HC_OK || len == 0)
		return HC_ERR_NOTFOUND;
	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (!is_key(&held[i]))
			continue;
		err = hc_store_key_get(authd->store, &held[i].id, ret_key);
		if (err != HC_OK || ret_key->id_len > 0 ||
		    judge(done, challenge, &held[i], ret_key, &verified) != HC_REASON_NONE)
			continue;
		*ret_credential = held[i];
		return hc_store_key_learn(authd->store, &held[i].id, id, len);
	}
	return err == HC_OK ? HC_ERR_NOTFOUND : err;
}

/* What a credential of that person is worth, which the answer names. */
static void verify_with(const struct hc_authd *authd, const struct hc_msg *done,
			const struct challenge *challenge, const struct hc_credential *credential,
			const struct hc_stored_key *key, struct hc_factor_outcome *outcome)
{
	struct hc_fido_verified verified = {0};

	outcome->credential = credential->id;
	if (!is_key(credential)) {
		refuse(outcome, HC_REASON_CREDENTIAL_REVOKED);
		return;
	}
	enum hc_reason reason = judge(done, challenge, credential, key, &verified);

	if (reason != HC_REASON_NONE) {
		refuse(outcome, reason);
		return;
	}
	enum hc_err err = hc_store_key_consume(authd->store, &credential->id, verified.counter,
					       hc_now_ms(authd->clock));

	if (err == HC_ERR_STATE)
		refuse(outcome, HC_REASON_COUNTER_NOT_ADVANCED);
	if (err != HC_OK && err != HC_ERR_STATE)
		outcome->reason = hc_reason_of_err(err);
	if (err != HC_OK)
		return;
	outcome->result = HC_FACTOR_VERIFIED;
	outcome->reason = HC_REASON_NONE;
	outcome->person_verified = verified.user_verified;
}

static void verify(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		   struct hc_factor_outcome *ret_outcome)
{
	const struct hc_device_answer *answer = ctx;
	struct challenge challenge = {0};
	struct hc_credential credential;
	struct hc_stored_key key;
	bool ours = answer->challenge->open && answer->challenge->len == sizeof(challenge);
	enum hc_err err = find(authd, answer->done, &credential, &key);

	if (ours)
		memcpy(&challenge, answer->challenge->data, sizeof(challenge));
	if (ours && err == HC_ERR_NOTFOUND && challenge.rp_id[0] == '\0')
		err = find_unnamed(authd, person->id, answer->done, &challenge, &credential, &key);
	*ret_outcome =
		(struct hc_factor_outcome){.result = HC_FACTOR_BROKEN, .reason = hc_reason_of_err(err)};
	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		return;
	if (err == HC_ERR_NOTFOUND || credential.person_id != person->id ||
	    !handle_fits(answer->done, &key) || !ours ||
	    (challenge.rp_id[0] != '\0' && strcmp(key.rp_id, challenge.rp_id) != 0)) {
		refuse(ret_outcome, HC_REASON_KEY_NOT_REGISTERED);
		return;
	}
	verify_with(authd, answer->done, &challenge, &credential, &key, ret_outcome);
}

const struct hc_device_method hc_device_fido2 = {
	.factor = &hc_factor_fido2, .helper = HC_HELPER_FIDO2, .ask = ask, .who = who, .verify = verify};
