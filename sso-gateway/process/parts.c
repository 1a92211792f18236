/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway is made of, opened as its own user and closed when no loop runs any more.
 *
 * State: struct hc_gateway and the parts of its workers. Threats: a seal key that is silently replaced
 * while keys exist that were sealed under the old one. Order matters at the end: what waits for the
 * store or the broker is told, on this thread, while everything that it may touch is still there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "admin/admin_socket.h"
#include "admin/monitor.h"
#include "broker_link.h"
#include "guard.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/seal_change.h"
#include "hospiconnect/seal_place.h"
#include "hospiconnect/secret.h"
#include "http/loop.h"
#include "oauth/keyring.h"
#include "oauth/signins.h"
#include "persons.h"
#include "process/duties.h"
#include "process/keys.h"
#include "process/process.h"
#include "process/settle.h"
#include "store/copy.h"
#include "store/gstore.h"

#define STORE_PATH_CAP (HC_GATEWAY_PATH_MAX + 32)

static size_t worker_count(const struct hc_process *process)
{
	return process->gateway.workers == NULL ? 0 : (size_t)process->gateway.config.threads;
}

/* ---- the store ---- */

static void store_path(const struct hc_process *process, char out[STORE_PATH_CAP])
{
	/* Fits: the directory has at most HC_GATEWAY_PATH_MAX bytes. */
	(void)snprintf(out, STORE_PATH_CAP, "%s/gateway.db", process->gateway.config.state_dir);
}

/* Says itself what is wrong, but for a second gateway. */
static enum hc_err open_store(struct hc_process *process, const char *path)
{
	struct hc_loop *loops[HC_GSTORE_LOOPS_MAX] = {NULL};
	const struct hc_gstore_options options = {
		.path = path, .loops = loops, .loop_count = worker_count(process), .post = hc_loop_post};
	enum hc_err err = HC_OK;

	for (size_t i = 0; i < worker_count(process); i++)
		loops[i] = process->gateway.workers[i].loop;
	err = hc_gstore_open(&options, &process->gateway.store);
	if (err == HC_ERR_STATE)
		hc_log(HC_LOG_ERROR, "another gateway has this store open: stop it first",
		       HC_F_TEXT("path", path));
	for (size_t i = 0; err == HC_OK && i < worker_count(process); i++)
		process->gateway.workers[i].view = hc_gstore_view(process->gateway.store, loops[i]);
	return err;
}

/* ---- keys ---- */

/* Which algorithms have no key that signs, and whether there is any key at all. */
static enum hc_err look_at_keys(struct hc_process *process, enum hc_jws_alg missing[2], size_t *ret_missing,
				bool *ret_sealed)
{
	static const enum hc_jws_alg wanted[] = {HC_JWS_RS256, HC_JWS_ES256};
	struct hc_signing_key *keys = calloc(HC_KEYS_MAX, sizeof(*keys));
	size_t count = 0, lacking = 0;
	enum hc_err err = keys == NULL
				  ? HC_ERR_NOMEM
				  : hc_key_list(process->gateway.workers[0].view, HC_KEYS_MAX, keys, &count);

	for (size_t i = 0; err == HC_OK && i < HC_COUNT(wanted); i++) {
		bool found = false;

		for (size_t k = 0; k < count; k++)
			found = found || (keys[k].alg == wanted[i] && keys[k].state == HC_KEY_ACTIVE);
		if (!found)
			missing[lacking++] = wanted[i];
	}
	free(keys);
	*ret_missing = lacking;
	*ret_sealed = count > 0;
	return err;
}

/* The store is closed while the first keys are made: that is done with a loop that nobody can reach. */
static enum hc_err make_keys(struct hc_process *process, const char *path, const enum hc_jws_alg *missing,
			     size_t count)
{
	enum hc_err err = HC_OK;

	hc_gstore_free(&process->gateway.store);
	err = hc_keys_first(process, path, missing, count);
	return err == HC_OK ? open_store(process, path) : err;
}

/* Closed while it is set right, as above. */
static enum hc_err settle(struct hc_process *process, const char *path)
{
	struct hc_gateway *gateway = &process->gateway;
	char key_path[STORE_PATH_CAP];
	enum hc_err err = HC_OK;

	hc_settle_key_path(process, key_path, sizeof(key_path));
	if (!gateway->seal_given)
		err = hc_seal_change_load(key_path, gateway->seal);
	if (err == HC_OK && (hc_gstore_restored(gateway->store) || hc_seal_has_former(gateway->seal))) {
		hc_gstore_free(&gateway->store);
		err = hc_settle(process, path);
		if (err == HC_OK)
			err = open_store(process, path);
	}
	return err == HC_OK ? hc_settle_load(process) : err;
}

static enum hc_err open_state(struct hc_process *process)
{
	struct hc_gateway *gateway = &process->gateway;
	enum hc_jws_alg missing[2] = {HC_JWS_RS256, HC_JWS_ES256};
	size_t count = 0;
	bool sealed = true;
	char path[STORE_PATH_CAP];
	enum hc_err err = hc_state_dir_check(gateway->config.state_dir);

	store_path(process, path);
	if (err == HC_OK)
		err = open_store(process, path);
	if (err == HC_OK)
		err = look_at_keys(process, missing, &count, &sealed);
	if (err == HC_OK)
		err = hc_seal_settle(gateway->config.seal_key_file, gateway->config.state_dir, sealed,
				     &gateway->seal);
	if (err == HC_OK)
		err = settle(process, path);
	if (err == HC_OK)
		err = hc_seal_derive(gateway->seal, HC_SUB_KEY_LABEL, &gateway->sub_key);
	if (err == HC_OK)
		err = hc_seal_new_random(&gateway->page_seal);
	if (err == HC_OK && count > 0)
		err = make_keys(process, path, missing, count);
	return err;
}

/* ---- the workers ---- */

static void on_live(bool live, void *ctx)
{
	struct hc_lane *lane = ctx;

	if (atomic_exchange(&lane->broker_live, live) != live && lane == lane->process->lanes)
		hc_log(live ? HC_LOG_NOTICE : HC_LOG_WARNING,
		       live ? "the broker answers" : "the broker is away: nobody can sign in",
		       HC_F_TEXT("socket", lane->process->gateway.config.authd_socket));
	hc_persons_live(lane->worker->persons, live);
	if (lane == lane->process->lanes)
		hc_guard_live(lane->process->guard, live);
}

static void on_changed(int64_t person_id, bool active, void *ctx)
{
	struct hc_lane *lane = ctx;

	hc_persons_changed(lane->worker->persons, person_id);
	if (lane == lane->process->lanes)
		hc_guard_changed(lane->process->guard, person_id, active);
}

static enum hc_err open_worker(struct hc_lane *lane)
{
	struct hc_worker *worker = lane->worker;
	const struct hc_gateway *gateway = worker->gateway;
	const size_t loops = worker_count(lane->process); /* 1 to 8 once they are made */
	enum hc_err err = hc_broker_link_new(worker->loop, gateway->config.authd_socket, gateway->clock,
					     &worker->broker);

	if (err == HC_OK)
		hc_broker_link_limit(worker->broker, HC_BROKER_SIGNINS / (loops > 0 ? loops : 1));
	if (err == HC_OK)
		err = hc_persons_new(worker->broker, gateway->clock, &worker->persons);
	if (err == HC_OK)
		err = hc_signins_new(worker, &worker->signins);
	if (err == HC_OK)
		err = hc_keyring_load(worker->view, gateway->seal, &worker->keyring);
	if (err == HC_ERR_SEAL)
		hc_log_plain(HC_LOG_ERROR,
			     "the signing keys do not open: they were sealed under another key; put the "
			     "right seal key back from its backup");
	return err;
}

static enum hc_err watch(struct hc_lane *lane)
{
	const struct hc_broker_watch watch = {.live = on_live, .changed = on_changed, .ctx = lane};

	return hc_broker_link_watch(lane->worker->broker, &watch);
}

/* What the first loop does beside serving. */
static enum hc_err open_duties(struct hc_process *process)
{
	enum hc_err err = hc_guard_new(&process->gateway.workers[0], &process->guard);

	if (err == HC_OK)
		err = hc_duties_new(process, &process->duties);
	if (err == HC_OK)
		err = hc_monitor_open(process);
	if (err == HC_OK) {
		err = hc_admin_socket_new(process, process->admin_fd, &process->admin);
		process->admin_fd = -1; /* the socket's, also on failure */
	}
	return err;
}

enum hc_err hc_process_open(struct hc_process *process)
{
	enum hc_err err = open_state(process);

	for (size_t i = 0; i < worker_count(process) && err == HC_OK; i++)
		err = open_worker(&process->lanes[i]);
	if (err == HC_OK)
		err = open_duties(process);
	for (size_t i = 0; i < worker_count(process) && err == HC_OK; i++)
		err = watch(&process->lanes[i]);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "cannot start", HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

void hc_process_close(struct hc_process *process)
{
	struct hc_gateway *gateway = &process->gateway;

	hc_admin_socket_free(&process->admin);
	hc_duties_free(&process->duties);
	hc_guard_free(&process->guard);
	hc_keys_end(process);
	for (size_t i = 0; i < worker_count(process); i++)
		hc_signins_free(&gateway->workers[i].signins);
	hc_gstore_free(&gateway->store);
	for (size_t i = 0; i < worker_count(process); i++) {
		hc_persons_free(&gateway->workers[i].persons);
		hc_broker_link_free(&gateway->workers[i].broker);
		hc_keyring_free(&gateway->workers[i].keyring);
	}
	hc_seal_free(&gateway->page_seal);
	hc_secret_free(&gateway->sub_key);
}
