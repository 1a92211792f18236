/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery codes: 80 random bits each, shown once, accepted once.
 *
 * No state. The store keeps keyed hashes only (HMAC-SHA-256 under a key derived from the seal key,
 * over the credential's id and the canonical code), so that neither the store alone nor a code of
 * another set is of use. A code is consumed by one statement that names its unused state.
 */
#include <string.h>

#include "base32.h"
#include "credential.h"
#include "factor.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "rotation.h"

#define CODE_BYTES   10
#define CODE_SYMBOLS 16
#define GROUP	     4
#define ID_TRIES     8

static const struct hc_label REPLACED = {"replaced by a new set"};

/* Needs no memory, so that a lack of it is not taken for an answer in the wrong form. */
static bool recovery_matches(const struct hc_secret *answer)
{
	return hc_base32_folds_to(answer, CODE_SYMBOLS);
}

/* The 16 symbols that an answer stands for; HC_ERR_INVALID if it is no recovery code. */
static enum hc_err canonical_code(const struct hc_secret *answer, struct hc_secret **ret_code)
{
	HC_AUTO(secret) code = NULL;
	enum hc_err err;

	if (!recovery_matches(answer))
		return HC_ERR_INVALID;
	err = hc_secret_new(CODE_SYMBOLS, &code);
	if (err == HC_OK)
		err = hc_base32_fold(answer, code);
	if (err == HC_OK)
		*ret_code = hc_steal_ptr(&code);
	return err;
}

static enum hc_err hash_code(const struct hc_secret *key, const struct hc_credential_id *id,
			     const uint8_t *symbols, uint8_t out[HC_SHA256_LEN])
{
	HC_AUTO(secret) input = NULL;
	size_t id_len = strlen(id->text) + 1; /* with its NUL */
	enum hc_err err = hc_secret_new(id_len + CODE_SYMBOLS, &input);

	if (err == HC_OK)
		err = hc_secret_append(input, id->text, id_len);
	if (err == HC_OK)
		err = hc_secret_append(input, symbols, CODE_SYMBOLS);
	if (err == HC_OK)
		err = hc_hmac_sha256(key, hc_secret_data(input), hc_secret_len(input), out);
	return err;
}

/* HC_OK: consumed. HC_ERR_NOTFOUND: not of this set. HC_ERR_STATE: used before. */
static enum hc_err try_set(const struct hc_authd *authd, const struct hc_secret *key,
			   const struct hc_credential *set, const struct hc_secret *code,
			   struct hc_factor_outcome *outcome)
{
	struct hc_credential after;
	uint8_t hash[HC_SHA256_LEN];
	enum hc_err err = hash_code(key, &set->id, hc_secret_data(code), hash);

	if (err == HC_OK)
		err = hc_store_recovery_consume(authd->store, &set->id, hash, hc_now_ms(authd->clock));
	if (err != HC_OK)
		return err;
	err = hc_store_credential_by_id(authd->store, &set->id, &after);
	if (err != HC_OK)
		return err == HC_ERR_NOTFOUND ? HC_ERR_CORRUPT : err;
	outcome->result = HC_FACTOR_VERIFIED;
	outcome->reason = HC_REASON_NONE;
	outcome->credential = set->id;
	outcome->codes_left = after.codes_left;
	return HC_OK;
}

static enum hc_err try_sets(const struct hc_authd *authd, const struct hc_person *person,
			    const struct hc_secret *code, struct hc_factor_outcome *outcome)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	HC_AUTO(secret) key = NULL;
	size_t count;
	enum hc_err err = hc_seal_derive(authd->seal, HC_DERIVED_RECOVERY, &key);

	if (err == HC_OK)
		err = hc_store_credential_list(authd->store, person->id, false, HC_COUNT(held), held, &count);
	if (err != HC_OK)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (held[i].type != HC_CREDENTIAL_RECOVERY || held[i].state != HC_CREDENTIAL_ACTIVE)
			continue;
		err = try_set(authd, key, &held[i], code, outcome);
		if (err == HC_ERR_STATE) {
			outcome->reason = HC_REASON_RECOVERY_CODE_USED;
			outcome->credential = held[i].id;
		} else if (err != HC_ERR_NOTFOUND) {
			return err;
		}
	}
	return HC_OK;
}

static void recovery_verify(const struct hc_authd *authd, const struct hc_person *person,
			    const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome)
{
	HC_AUTO(secret) code = NULL;
	enum hc_err err;

	*ret_outcome =
		(struct hc_factor_outcome){.result = HC_FACTOR_REFUSED, .reason = HC_REASON_WRONG_CODE};
	err = canonical_code(answer, &code);
	if (err == HC_ERR_INVALID)
		return;
	if (err == HC_OK)
		err = try_sets(authd, person, code, ret_outcome);
	if (err != HC_OK) {
		*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_BROKEN,
							  .reason = hc_reason_of_err(err)};
	}
}

static enum hc_err revoke_former_sets(const struct hc_authd *authd, const struct hc_person *person)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	size_t count;
	enum hc_err err =
		hc_store_credential_list(authd->store, person->id, false, HC_COUNT(held), held, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (held[i].type == HC_CREDENTIAL_RECOVERY)
			err = hc_store_credential_revoke(authd->store, &held[i].id, &REPLACED,
							 hc_now_ms(authd->clock));
	}
	return err;
}

static enum hc_err add_set(const struct hc_authd *authd, struct hc_credential *credential)
{
	enum hc_err err = HC_ERR_EXISTS;

	for (unsigned i = 0; i < ID_TRIES && err == HC_ERR_EXISTS; i++) {
		err = hc_credential_id_new(&credential->id);
		if (err == HC_OK)
			err = hc_store_credential_add(authd->store, credential);
	}
	return err;
}

/* One code: stored as its hash, and appended to codes as people read it. */
static enum hc_err add_code(const struct hc_authd *authd, const struct hc_secret *key,
			    const struct hc_credential_id *id, struct hc_secret *codes)
{
	HC_AUTO(secret) random = NULL;
	HC_AUTO(secret) symbols = NULL;
	uint8_t hash[HC_SHA256_LEN];
	size_t room;
	enum hc_err err = hc_random_secret(CODE_BYTES, &random);

	if (err == HC_OK)
		err = hc_secret_new(CODE_SYMBOLS, &symbols);
	if (err == HC_OK)
		err = hc_base32_encode(hc_secret_data(random), CODE_BYTES, HC_BASE32_UPPER,
				       (char *)hc_secret_space(symbols, &room), CODE_SYMBOLS);
	if (err == HC_OK)
		err = hc_secret_commit(symbols, CODE_SYMBOLS);
	if (err == HC_OK)
		err = hash_code(key, id, hc_secret_data(symbols), hash);
	if (err == HC_OK)
		err = hc_store_recovery_add(authd->store, id, hash);
	for (size_t i = 0; err == HC_OK && i < CODE_SYMBOLS; i += GROUP) {
		if (i > 0)
			err = hc_secret_append(codes, "-", 1);
		if (err == HC_OK)
			err = hc_secret_append(codes, hc_secret_data(symbols) + i, GROUP);
	}
	return err;
}

enum hc_err hc_recovery_enroll(const struct hc_authd *authd, const struct hc_person *person,
			       const struct hc_label *proofed_by, const struct hc_label *document,
			       bool face_to_face, struct hc_credential *ret_credential,
			       struct hc_secret **ret_codes)
{
	HC_AUTO(secret) key = NULL;
	HC_AUTO(secret) codes = NULL;
	int64_t now_ms = hc_now_ms(authd->clock);
	struct hc_credential credential = {
		.person_id = person->id,
		.type = HC_CREDENTIAL_RECOVERY,
		.state = HC_CREDENTIAL_ACTIVE,
		.last_step = -1,
		.created_ms = now_ms,
		.confirmed_ms = now_ms,
		.proofed_by = *proofed_by,
		.document = *document,
		.face_to_face = face_to_face,
	};
	enum hc_err err = revoke_former_sets(authd, person);

	if (err == HC_OK)
		err = hc_credential_room(authd, person->id);
	if (err == HC_OK)
		err = hc_seal_derive(authd->seal, HC_DERIVED_RECOVERY, &key);
	if (err == HC_OK)
		err = hc_secret_new((size_t)HC_RECOVERY_CODES * HC_RECOVERY_CODE_LEN, &codes);
	if (err == HC_OK)
		err = add_set(authd, &credential);
	for (unsigned i = 0; err == HC_OK && i < HC_RECOVERY_CODES; i++)
		err = add_code(authd, key, &credential.id, codes);
	if (err != HC_OK)
		return err;
	credential.codes_left = HC_RECOVERY_CODES;
	*ret_credential = credential;
	*ret_codes = hc_steal_ptr(&codes);
	return HC_OK;
}

const struct hc_factor_ops hc_factor_recovery = {
	.name = "recovery",
	.factor = HC_FACTOR_RECOVERY,
	.method = HC_METHOD_RECOVERY,
	.matches = recovery_matches,
	.verify = recovery_verify,
};
