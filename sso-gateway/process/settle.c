/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is set right at a start, before any loop runs: a store that was restored, and a seal key that is exchanged.
 *
 * State: none of its own. The loops share the seal and read it without a lock: so it changes here and nowhere else, while
 * there is one thread. Few rows are sealed; all of them change in one transaction, with the records that go to the
 * trail. Killed anywhere, the next start finds both keys, or the mark of the copy, and does the rest.
 */
#include "process/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/seal_change.h"
#include "hospiconnect/seal_place.h"
#include "hospiconnect/secret.h"
#include "oauth/keyring.h"
#include "store/copy.h"
#include "store/key.h"
#include "store/outbox.h"

#define PATH_CAP  (HC_GATEWAY_PATH_MAX + 32)
#define SUB_VALUE "derived " HC_SUB_KEY_LABEL

static const char SUB_AAD[] = "hospiconnect derived key v1\0derived " HC_SUB_KEY_LABEL;

void hc_settle_key_path(const struct hc_process *process, char *out, size_t cap)
{
	const struct hc_gateway_config *config = &process->gateway.config;

	hc_seal_path(config->seal_key_file, config->state_dir, out, cap);
}

enum hc_err hc_settle_load(struct hc_process *process)
{
	HC_AUTO(secret) key = NULL;
	struct hc_gateway *gateway = &process->gateway;
	uint8_t sealed[HC_GVALUE_MAX];
	size_t len = 0;
	enum hc_err err = hc_gvalue_get(gateway->workers[0].view, SUB_VALUE, sealed, sizeof(sealed), &len);

	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	if (err == HC_OK)
		err = hc_seal_unwrap(gateway->seal, sealed, len, SUB_AAD, sizeof(SUB_AAD) - 1, &key);
	return err == HC_OK ? hc_seal_keep(gateway->seal, HC_SUB_KEY_LABEL, key) : err;
}

static enum hc_err record(struct hc_gstore_tx *tx, const struct hc_process *process,
			  enum hc_outbox_event event, const char *detail)
{
	struct hc_outbox_record record = {
		.time_ms = hc_now_ms(process->gateway.clock), .event = event, .success = true};

	(void)snprintf(record.actor, sizeof(record.actor), "itself");
	(void)snprintf(record.detail, sizeof(record.detail), "%s", detail); /* fits */
	return hc_outbox_add(tx, &record);
}

/* ---- the seal key ---- */

static enum hc_err keep_sub_key(struct hc_gstore_tx *tx, struct hc_seal *seal)
{
	HC_AUTO(secret) key = NULL;
	uint8_t sealed[HC_GVALUE_MAX];
	size_t len = 0;
	enum hc_err err = hc_gvalue_get(hc_gstore_tx_view(tx), SUB_VALUE, sealed, sizeof(sealed), &len);

	if (err == HC_OK)
		err = hc_seal_unwrap(seal, sealed, len, SUB_AAD, sizeof(SUB_AAD) - 1, &key);
	else if (err == HC_ERR_NOTFOUND)
		err = hc_seal_derive(seal, HC_SUB_KEY_LABEL, &key);
	if (err == HC_OK)
		err = hc_seal_wrap(seal, key, SUB_AAD, sizeof(SUB_AAD) - 1, sealed, sizeof(sealed), &len);
	return err == HC_OK ? hc_gvalue_put(tx, SUB_VALUE, sealed, len) : err;
}

static void free_keys(struct hc_signing_key **keys)
{
	free(*keys);
	*keys = NULL;
}

static enum hc_err reseal(struct hc_gstore_tx *tx, const struct hc_process *process)
{
	struct hc_seal *seal = process->gateway.seal;
	struct hc_signing_key *keys HC_CLEANUP(free_keys) = calloc(HC_KEYS_MAX, sizeof(*keys));
	char detail[64];
	size_t count = 0;
	enum hc_err err =
		keys == NULL ? HC_ERR_NOMEM : hc_key_list(hc_gstore_tx_view(tx), HC_KEYS_MAX, keys, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (!hc_seal_is_former(seal, keys[i].sealed, keys[i].sealed_len))
			continue;
		err = hc_keyring_reseal(&keys[i], seal);
		if (err == HC_OK)
			err = hc_key_reseal(tx, &keys[i]);
	}
	if (err == HC_OK)
		err = keep_sub_key(tx, seal);
	(void)snprintf(detail, sizeof(detail), "key %s", hc_seal_key_id(seal)); /* fits */
	return err == HC_OK ? record(tx, process, HC_OUTBOX_SEAL_ROTATE, detail) : err;
}

/* ---- both ---- */

static enum hc_err work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_process *process = ctx;
	enum hc_err err = HC_OK;

	if (hc_gstore_tx_restored(tx)) {
		hc_log_plain(
			HC_LOG_NOTICE,
			"the store was restored from a backup: sessions and tokens end, people sign in anew");
		err = hc_gstore_settle(tx);
		if (err == HC_OK)
			err = record(tx, process, HC_OUTBOX_RESTORE, "sessions and tokens ended");
	}
	if (err == HC_OK && hc_seal_has_former(process->gateway.seal))
		err = reseal(tx, process);
	return err;
}

enum hc_err hc_settle(struct hc_process *process, const char *path)
{
	struct hc_seal *seal = process->gateway.seal;
	char key_path[PATH_CAP];
	enum hc_err err = hc_gstore_at_rest(path, false, work, process);

	hc_settle_key_path(process, key_path, sizeof(key_path));
	if (err == HC_OK && hc_seal_has_former(seal))
		err = hc_seal_change_end(key_path, seal);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "the store cannot be put to use", HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}
