/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a store that lies somewhere is whole, and whether its key opens what it should. State: none. It serves nobody
 * and does not take the mark of a copy away.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "oauth/keyring.h"
#include "process/process.h"
#include "store/client.h"
#include "store/copy.h"
#include "store/key.h"

#define PATH_CAP 4200
#define SLICE	 8

struct check {
	const struct hc_seal *seal;
	int64_t clients, secrets;
};

static void free_rows(void *rows)
{
	free(*(void **)rows);
}

static enum hc_err open_keys(struct hc_gstore_tx *tx, struct check *check)
{
	HC_CLEANUP(free_rows) struct hc_signing_key *keys = calloc(HC_KEYS_MAX, sizeof(*keys));
	size_t count = 0;
	enum hc_err err =
		keys == NULL ? HC_ERR_NOMEM : hc_key_list(hc_gstore_tx_view(tx), HC_KEYS_MAX, keys, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (keys[i].sealed_len == 0)
			continue;
		err = hc_keyring_reseal(&keys[i], check->seal);
		if (err == HC_ERR_SEAL)
			hc_log(HC_LOG_ERROR, "a signing key does not open", HC_F_TEXT("kid", keys[i].kid));
		check->secrets++;
	}
	return err;
}

static enum hc_err count_clients(struct hc_gstore_tx *tx, struct check *check)
{
	HC_CLEANUP(free_rows) struct hc_client *clients = calloc(SLICE, sizeof(*clients));
	char after[HC_CLIENT_ID_MAX + 1] = "";
	size_t count = SLICE;
	enum hc_err err = clients == NULL ? HC_ERR_NOMEM : HC_OK;

	while (err == HC_OK && count == SLICE) {
		err = hc_client_list(hc_gstore_tx_view(tx), after, SLICE, clients, &count);
		check->clients += err == HC_OK ? (int64_t)count : 0;
		if (err == HC_OK && count > 0)
			(void)snprintf(after, sizeof(after), "%s", clients[count - 1].id);
	}
	return err;
}

static enum hc_err look(struct hc_gstore_tx *tx, void *ctx)
{
	struct check *check = ctx;
	enum hc_err err = open_keys(tx, check);

	return err == HC_OK ? count_clients(tx, check) : err;
}

enum hc_err hc_gateway_check_store(const char *directory)
{
	HC_AUTO(seal) seal = NULL;
	struct check check = {.clients = 0};
	char path[PATH_CAP];
	enum hc_err err = hc_crypto_start();

	if (err == HC_OK && snprintf(path, sizeof(path), "%s/seal.key", directory) >= (int)sizeof(path))
		err = HC_ERR_TOOBIG;
	if (err == HC_OK)
		err = hc_seal_open(path, false, &seal);
	check.seal = seal;
	(void)snprintf(path, sizeof(path), "%s/gateway.db", directory); /* as long as the one above */
	if (err == HC_OK)
		err = hc_gstore_at_rest(path, true, look, &check);
	if (err == HC_OK &&
	    (printf("clients %" PRId64 "\nsecrets %" PRId64 "\n", check.clients, check.secrets) < 0 ||
	     fflush(stdout) != 0))
		err = HC_ERR_IO;
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "this store is not sound", HC_F_TEXT("directory", directory),
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}
