/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange of the seal key. State: the caller's struct hc_rotation; both keys in the seal while it lasts.
 *
 * Order is the point: the new key is on the disk before anything is sealed under it; what cannot be derived any more is
 * in the store before the old key goes; the old key goes last, and only when nothing is left that needs it. Killed
 * anywhere, the next start finds both keys and does the rest. A row is opened and sealed anew by the same transaction's
 * word: it is readable at every moment.
 */
#include "rotation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "credential.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/seal_change.h"
#include "hospiconnect/seal_place.h"
#include "hospiconnect/secret.h"
#include "store/store.h"
#include "transaction.h"

#define ROWS	 32 /* a transaction */
#define PATH_CAP (HC_PATH_MAX + 32)
#define NAME_CAP 96

static const char *const LABELS[] = {HC_DERIVED_RECOVERY, HC_DERIVED_HANDLE};
static const char AAD[] = "hospiconnect derived key v1";

static void key_path(const struct hc_authd *authd, char out[PATH_CAP])
{
	hc_seal_path(authd->config->seal_key_file, authd->config->state_dir, out, PATH_CAP);
}

/* The name of the value, and what binds the sealed bytes to it. */
static void name_of(const char *label, char out[NAME_CAP])
{
	(void)snprintf(out, NAME_CAP, "derived %s", label); /* fits */
}

static size_t associated_data(const char *label, char out[NAME_CAP + sizeof(AAD)])
{
	memcpy(out, AAD, sizeof(AAD));
	name_of(label, out + sizeof(AAD));
	return sizeof(AAD) + strlen(out + sizeof(AAD));
}

/* ---- at the start ---- */

static enum hc_err load_derived(const struct hc_authd *authd, const char *label)
{
	HC_AUTO(secret) key = NULL;
	uint8_t sealed[HC_SHA256_LEN + HC_SEAL_OVERHEAD];
	char name[NAME_CAP], aad[NAME_CAP + sizeof(AAD)];
	size_t len = 0;
	enum hc_err err;

	name_of(label, name);
	err = hc_store_value_get(authd->store, name, sealed, sizeof(sealed), &len);
	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	if (err == HC_OK)
		err = hc_seal_unwrap(authd->seal, sealed, len, aad, associated_data(label, aad), &key);
	return err == HC_OK ? hc_seal_keep(authd->seal, label, key) : err;
}

enum hc_err hc_rotation_load(const struct hc_authd *authd)
{
	char path[PATH_CAP];
	enum hc_err err = HC_OK;

	key_path(authd, path);
	if (!authd->seal_given)
		err = hc_seal_change_load(path, authd->seal);
	for (size_t i = 0; err == HC_OK && i < HC_COUNT(LABELS); i++)
		err = load_derived(authd, LABELS[i]);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "what was derived from a former seal key cannot be read",
		       HC_F_TEXT("seal_key", hc_seal_key_id(authd->seal)),
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

enum hc_err hc_rotation_resume(const struct hc_authd *authd)
{
	struct hc_rotation rotation = {.cursor = 0};
	bool done = false;
	enum hc_err err = HC_OK;

	if (!hc_seal_has_former(authd->seal))
		return HC_OK;
	hc_log_plain(HC_LOG_NOTICE, "going on with the exchange of the seal key");
	while (err == HC_OK && !done)
		err = hc_rotation_step(authd, &rotation, "broker", &done);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "the seal key cannot be exchanged",
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

/* ---- the walk ---- */

enum hc_err hc_rotation_begin(const struct hc_authd *authd)
{
	char path[PATH_CAP];
	enum hc_err err;

	if (authd->seal_given)
		return HC_ERR_PERM;
	if (hc_seal_has_former(authd->seal))
		return HC_ERR_EXISTS;
	key_path(authd, path);
	err = hc_seal_change_begin(path);
	/* One that was made, and whose broker could do no more: it serves as well. */
	if (err == HC_OK || err == HC_ERR_EXISTS)
		err = hc_seal_change_load(path, authd->seal);
	if (err == HC_OK && !hc_seal_has_former(authd->seal))
		err = HC_ERR_STATE; /* a copy of the present key lies where a new one would: no exchange */
	return err;
}

/* Opens it under either key, and stores it sealed under the present one. */
static enum hc_err keep_derived(const struct hc_authd *authd, const char *label)
{
	HC_AUTO(secret) key = NULL;
	uint8_t sealed[HC_SHA256_LEN + HC_SEAL_OVERHEAD];
	char name[NAME_CAP], aad[NAME_CAP + sizeof(AAD)];
	size_t len = 0;
	enum hc_err err = hc_seal_derive(authd->seal, label, &key);

	name_of(label, name);
	if (err == HC_OK)
		err = hc_seal_wrap(authd->seal, key, aad, associated_data(label, aad), sealed, sizeof(sealed),
				   &len);
	if (err == HC_OK)
		err = hc_store_value_put(authd->store, name, sealed, len);
	return err == HC_OK ? hc_seal_keep(authd->seal, label, key) : err;
}

static enum hc_err reseal_keys(const struct hc_authd *authd)
{
	enum hc_err err = hc_audit_reseal(authd->audit, authd->seal);

	for (size_t i = 0; err == HC_OK && i < HC_COUNT(LABELS); i++)
		err = keep_derived(authd, LABELS[i]);
	return err;
}

static enum hc_err reseal_one(const struct hc_authd *authd, const struct hc_credential_id *id)
{
	HC_AUTO(secret) plain = NULL;
	struct hc_credential credential;
	enum hc_err err = hc_store_credential_by_id(authd->store, id, &credential);

	if (err == HC_ERR_NOTFOUND)
		err = HC_ERR_CORRUPT; /* to the walk it would be the end, and to the old key too */
	if (err == HC_OK && !hc_seal_is_former(authd->seal, credential.sealed, credential.sealed_len))
		return HC_OK;
	if (err == HC_OK)
		err = hc_credential_unseal(authd->seal, &credential, &plain);
	if (err == HC_OK)
		err = hc_credential_seal(authd->seal, &credential, plain);
	return err == HC_OK ? hc_store_reseal(authd->store, &credential) : err;
}

/* HC_ERR_NOTFOUND: there are no more. */
static enum hc_err reseal_rows(const struct hc_authd *authd, struct hc_rotation *walk)
{
	struct hc_credential_id id;
	enum hc_err err = HC_OK;

	for (int i = 0; err == HC_OK && i < ROWS; i++) {
		err = hc_store_sealed_next(authd->store, &walk->cursor, &id);
		if (err == HC_OK)
			err = reseal_one(authd, &id);
		if (err == HC_OK)
			walk->count++;
	}
	return err;
}

static enum hc_err record(const struct hc_authd *authd, const struct hc_rotation *walk, const char *actor)
{
	char detail[96];
	const struct hc_audit_entry entry = {
		.event = HC_AUDIT_SEAL_ROTATE, .success = true, .actor = actor, .detail = detail};

	(void)snprintf(detail, sizeof(detail), "key %s, %" PRIu64 " sealed anew", hc_seal_key_id(authd->seal),
		       walk->count); /* fits */
	return hc_audit_add(authd->audit, &entry);
}

/* What the transaction of this step writes; ret_over: there was nothing left to seal. */
static enum hc_err write_step(const struct hc_authd *authd, struct hc_rotation *walk, const char *actor,
			      bool *ret_over)
{
	enum hc_err err = walk->began ? reseal_rows(authd, walk) : reseal_keys(authd);

	*ret_over = err == HC_ERR_NOTFOUND;
	return *ret_over ? record(authd, walk, actor) : err;
}

/*
 * Two administrators may walk at once. The one who comes second must not end what is not there any more, and above all
 * not the exchange that was begun since: he has not seen its first rows.
 */
static bool ended_elsewhere(const struct hc_authd *authd, const struct hc_rotation *walk)
{
	return !hc_seal_has_former(authd->seal) ||
	       (walk->began && strcmp(walk->key_id, hc_seal_key_id(authd->seal)) != 0);
}

enum hc_err hc_rotation_step(const struct hc_authd *authd, struct hc_rotation *rotation, const char *actor,
			     bool *ret_done)
{
	struct hc_rotation walk = *rotation;
	char path[PATH_CAP];
	bool over = false;
	enum hc_err err;

	*ret_done = ended_elsewhere(authd, &walk);
	if (*ret_done)
		return HC_OK;
	err = hc_tx_begin(authd);
	if (err != HC_OK)
		return err;
	err = write_step(authd, &walk, actor, &over);
	if (err == HC_OK)
		err = hc_tx_commit(authd);
	else
		hc_tx_rollback(authd);
	if (err != HC_OK)
		return err;
	if (!walk.began)
		(void)snprintf(walk.key_id, sizeof(walk.key_id), "%s",
			       hc_seal_key_id(authd->seal)); /* fits */
	walk.began = true;
	*rotation = walk;
	key_path(authd, path);
	if (over)
		err = hc_seal_change_end(path, authd->seal);
	*ret_done = over;
	return err;
}
