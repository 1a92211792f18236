/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a store that lies somewhere is whole, and whether its key opens what it should. State: what is open for it.
 * It serves nobody, writes no record and does not take the mark of a copy away.
 */
#include "check_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit.h"
#include "credential.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "store/store.h"

#define PATH_CAP 4200
#define SLICE	 64

struct check {
	struct hc_store *store;
	struct hc_seal *seal;
	struct hc_audit *audit;
	int64_t opened;
};

static enum hc_err unseal_all(struct check *check)
{
	struct hc_credential credential;
	struct hc_credential_id id;
	int64_t cursor = 0;
	enum hc_err err = hc_store_sealed_next(check->store, &cursor, &id);

	while (err == HC_OK) {
		HC_AUTO(secret) plain = NULL;

		err = hc_store_credential_by_id(check->store, &id, &credential);
		if (err == HC_ERR_NOTFOUND)
			err = HC_ERR_CORRUPT; /* not the end */
		if (err == HC_OK)
			err = hc_credential_unseal(check->seal, &credential, &plain);
		if (err == HC_ERR_SEAL)
			hc_log(HC_LOG_ERROR, "a secret does not open", HC_F_TEXT("credential", id.text));
		if (err == HC_OK)
			check->opened++;
		if (err == HC_OK)
			err = hc_store_sealed_next(check->store, &cursor, &id);
	}
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static enum hc_err verify_trail(struct check *check)
{
	struct hc_audit_check walk = {.last_seq = 0};
	enum hc_err err = HC_OK;

	while (err == HC_OK && !walk.done)
		err = hc_audit_check_slice(check->audit, &walk, SLICE);
	if (err == HC_OK && walk.defect[0] != '\0') {
		hc_log(HC_LOG_ERROR, "the audit trail is broken", HC_F_TEXT("defect", walk.defect));
		err = HC_ERR_CORRUPT;
	}
	return err;
}

static void tell_bytes(const char *name, const uint8_t *bytes, size_t len)
{
	(void)printf("%s ", name); /* a failure is in ferror, which is read at the end */
	for (size_t i = 0; i < len; i++)
		(void)printf("%02x", bytes[i]);
	(void)putchar('\n');
}

static enum hc_err tell(const struct check *check)
{
	struct hc_audit_head head;
	int64_t persons = 0, newest = 0, kind = 0, credentials = 0;
	enum hc_err err = hc_store_person_count(check->store, &persons);

	for (int type = HC_CREDENTIAL_TOTP; err == HC_OK && type <= HC_CREDENTIAL_CPS; type++) {
		err = hc_store_count_kind(check->store, (enum hc_credential_type)type, &kind);
		credentials += kind;
	}
	if (err == HC_OK)
		err = hc_store_audit_newest(check->store, &newest);
	if (err == HC_OK)
		err = hc_audit_head(check->audit, &head);
	if (err != HC_OK)
		return err;
	(void)printf("persons %" PRId64 "\ncredentials %" PRId64 "\nsecrets %" PRId64 "\n", persons,
		     credentials, check->opened);
	(void)printf("audit_seq %" PRId64 "\naudit_newest_ms %" PRId64 "\n", head.seq, newest);
	tell_bytes("audit_hash", head.hash, sizeof(head.hash));
	tell_bytes("audit_key", head.public_key, sizeof(head.public_key));
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? HC_OK : HC_ERR_IO;
}

static enum hc_err open_all(const char *directory, struct check *check)
{
	char path[PATH_CAP];
	enum hc_err err = HC_ERR_TOOBIG;

	if (snprintf(path, sizeof(path), "%s/authd.db", directory) < (int)sizeof(path))
		err = hc_store_open(path, &check->store);
	if (err == HC_OK)
		err = hc_store_check(check->store);
	if (err == HC_OK && snprintf(path, sizeof(path), "%s/seal.key", directory) < (int)sizeof(path))
		err = hc_seal_open(path, false, &check->seal);
	return err == HC_OK ? hc_audit_open(check->store, check->seal, hc_clock_system(), &check->audit)
			    : err;
}

enum hc_err hc_check_store(const char *directory)
{
	struct check check = {.opened = 0};
	enum hc_err err = hc_crypto_start();

	if (err == HC_OK)
		err = open_all(directory, &check);
	if (err == HC_OK)
		err = unseal_all(&check);
	if (err == HC_OK)
		err = verify_trail(&check);
	if (err == HC_OK)
		err = tell(&check);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "this store is not sound", HC_F_TEXT("directory", directory),
		       HC_F_TEXT("reason", hc_strerror(err)));
	hc_audit_free(&check.audit);
	hc_seal_free(&check.seal);
	hc_store_free(&check.store);
	return err;
}
