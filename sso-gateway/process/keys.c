/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the signing keys, from the first start to their removal.
 *
 * State: the rotation that is under way. Threats: a key that signs before clients can know it, one that
 * goes while what it signed is still valid, a change without a trace (each is one transaction with its
 * record). Private keys are sealed where they are made and are open in the keyrings alone.
 */
#include "process/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "http/loop.h"
#include "oauth/keyring.h"
#include "store/gstore.h"

#define DAY_MS INT64_C(86400000)
#define ITSELF "itself"

/* One new key on its way: made by a thread, written by the store. */
struct hc_key_order {
	struct hc_process *process;
	enum hc_jws_alg alg;
	bool at_once;
	char actor[HC_OUTBOX_ACTOR_MAX + 1];
	hc_keys_done_fn done; /* NULL: nobody waits any more */
	void *ctx;
	pthread_t thread;
	bool threaded;	       /* to be joined */
	_Atomic bool stranded; /* made, and nobody could be told */
	enum hc_err err;
	int64_t now_ms;
	struct hc_signing_key key;
};

int64_t hc_keys_retired_ms(const struct hc_gateway_config *config)
{
	return DAY_MS + (config->access_s + config->id_token_s) * 1000;
}

static struct hc_outbox_record record_of(const struct hc_signing_key *key, const char *what,
					 const char *actor, int64_t now_ms)
{
	struct hc_outbox_record record = {.time_ms = now_ms, .event = HC_OUTBOX_KEY_ROTATE, .success = true};

	/* Both fit: an actor's text, and a few words with a kid. */
	(void)snprintf(record.actor, sizeof(record.actor), "%s", actor);
	(void)snprintf(record.detail, sizeof(record.detail), "%s %s: %s", hc_jws_alg_name(key->alg), key->kid,
		       what);
	return record;
}

static enum hc_err record_change(struct hc_gstore_tx *tx, const struct hc_signing_key *key, const char *what,
				 const char *actor, int64_t now_ms)
{
	const struct hc_outbox_record record = record_of(key, what, actor, now_ms);

	return hc_outbox_add(tx, &record);
}

/* ---- keyrings ---- */

static void load_ring(void *ctx)
{
	struct hc_lane *lane = ctx;
	struct hc_worker *worker = lane->worker;
	const uint64_t generation = atomic_load(&lane->process->keys_generation);
	struct hc_keyring *fresh = NULL;

	if (worker->gateway->store == NULL)
		return; /* the end: this letter was left over */
	const enum hc_err err = hc_keyring_load(worker->view, worker->gateway->seal, &fresh);

	atomic_store(&lane->keys_asked, false);
	if (err != HC_OK) { /* the tick asks again */
		hc_log(HC_LOG_ERROR, "cannot load the signing keys anew: the former ones stay in use",
		       HC_F_TEXT("reason", hc_strerror(err)));
		return;
	}
	hc_keyring_free(&worker->keyring);
	worker->keyring = fresh;
	atomic_store(&lane->keys_loaded, generation);
}

static void ask_lanes(struct hc_process *process)
{
	for (size_t i = 0; i < (size_t)process->gateway.config.threads; i++) {
		struct hc_lane *lane = &process->lanes[i];

		if (atomic_load(&lane->keys_loaded) == atomic_load(&process->keys_generation) ||
		    atomic_exchange(&lane->keys_asked, true))
			continue;
		if (hc_loop_post(lane->worker->loop, load_ring, lane) != HC_OK)
			atomic_store(&lane->keys_asked, false);
	}
}

static void keys_changed(struct hc_process *process)
{
	atomic_fetch_add(&process->keys_generation, 1);
	ask_lanes(process);
}

/* ---- making ---- */

static void make(struct hc_key_order *order)
{
	const struct hc_gateway *gateway = &order->process->gateway;

	order->err = hc_keyring_make(order->alg, gateway->seal, order->now_ms, &order->key);
}

static enum hc_err publish(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_key_order *order = ctx;
	enum hc_err err = HC_OK;

	order->key.state = HC_KEY_NEXT;
	err = hc_key_add(tx, &order->key);
	if (err == HC_OK)
		err = record_change(tx, &order->key, "published", order->actor, order->now_ms);
	if (err == HC_OK && order->at_once)
		err = hc_key_activate(tx, order->key.kid, order->now_ms);
	if (err == HC_OK && order->at_once) {
		order->key.state = HC_KEY_ACTIVE;
		order->key.activated_ms = order->now_ms;
		err = record_change(tx, &order->key, "signs", order->actor, order->now_ms);
	}
	return err;
}

static enum hc_err activate(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_key_order *order = ctx;
	enum hc_err err = hc_key_activate(tx, order->key.kid, order->now_ms);

	if (err == HC_OK)
		err = record_change(tx, &order->key, "signs", order->actor, order->now_ms);
	if (err == HC_OK) {
		order->key.state = HC_KEY_ACTIVE;
		order->key.activated_ms = order->now_ms;
	}
	return err;
}

static enum hc_err remove_key(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_key_order *order = ctx;
	enum hc_err err = hc_key_remove(tx, order->key.kid);

	return err == HC_OK ? record_change(tx, &order->key, "removed", order->actor, order->now_ms) : err;
}

/* ---- the first start ---- */

static void *make_in_thread(void *ctx)
{
	make(ctx);
	return NULL;
}

/* The two at the same time: the one of RSA takes most of the start. */
static enum hc_err make_all(struct hc_key_order *orders, size_t count)
{
	enum hc_err err = HC_OK;

	for (size_t i = 0; i < count; i++) {
		orders[i].threaded = pthread_create(&orders[i].thread, NULL, make_in_thread, &orders[i]) == 0;
		if (!orders[i].threaded)
			make(&orders[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (orders[i].threaded)
			(void)pthread_join(orders[i].thread, NULL); /* ours, joinable, once */
		if (orders[i].err != HC_OK)
			err = orders[i].err;
	}
	return err;
}

struct first {
	struct hc_key_order orders[2];
	size_t count;
	struct hc_loop *loop;
	enum hc_err result;
};

static enum hc_err publish_all(struct hc_gstore_tx *tx, void *ctx)
{
	struct first *first = ctx;
	enum hc_err err = HC_OK;

	for (size_t i = 0; i < first->count && err == HC_OK; i++)
		err = publish(tx, &first->orders[i]);
	return err;
}

static void all_published(enum hc_err result, void *ctx)
{
	struct first *first = ctx;

	first->result = result;
	hc_loop_stop(first->loop);
}

/* With a loop that has no listener: the others are not served before the keys are there. */
static enum hc_err write_all(struct first *first, const char *path)
{
	struct hc_gstore *store = NULL;
	struct hc_gstore_options options = {.path = path, .loop_count = 1, .post = hc_loop_post};
	enum hc_err err = hc_loop_new(0, &first->loop);

	if (err != HC_OK)
		return err;
	options.loops = &first->loop;
	err = hc_gstore_open(&options, &store);
	if (err == HC_OK)
		err = hc_gstore_write(store, first->loop, publish_all, all_published, first);
	if (err == HC_OK)
		err = hc_loop_run(first->loop);
	hc_gstore_free(&store);
	hc_loop_free(&first->loop);
	return err == HC_OK ? first->result : err;
}

static void tell(const struct first *first)
{
	for (size_t i = 0; i < first->count; i++)
		hc_log(HC_LOG_NOTICE, "made a signing key",
		       HC_F_TEXT("alg", hc_jws_alg_name(first->orders[i].alg)),
		       HC_F_TEXT("kid", first->orders[i].key.kid));
}

enum hc_err hc_keys_first(struct hc_process *process, const char *path, const enum hc_jws_alg *missing,
			  size_t count)
{
	struct first *first = calloc(1, sizeof(*first));
	enum hc_err err = HC_OK;

	if (first == NULL)
		return HC_ERR_NOMEM;
	first->result = HC_ERR_CLOSED;
	first->count = count < HC_COUNT(first->orders) ? count : HC_COUNT(first->orders);
	for (size_t i = 0; i < first->count; i++)
		first->orders[i] = (struct hc_key_order){.process = process,
							 .alg = missing[i],
							 .at_once = true,
							 .actor = ITSELF,
							 .now_ms = hc_now_ms(process->gateway.clock)};
	err = make_all(first->orders, first->count);
	if (err == HC_OK)
		err = write_all(first, path);
	if (err == HC_OK)
		tell(first);
	else
		hc_log(HC_LOG_ERROR, "cannot make signing keys", HC_F_TEXT("reason", hc_strerror(err)));
	free(first);
	return err;
}

/* ---- rotation by an administrator ---- */

static void finish(struct hc_key_order *order, enum hc_err err)
{
	struct hc_process *process = order->process;

	process->key_order = NULL;
	if (err == HC_OK) {
		hc_log(HC_LOG_NOTICE,
		       order->at_once ? "a signing key was exchanged" : "a signing key was published",
		       HC_F_TEXT("alg", hc_jws_alg_name(order->alg)), HC_F_TEXT("kid", order->key.kid),
		       HC_F_TEXT("actor", order->actor));
		keys_changed(process);
	}
	if (order->done != NULL)
		order->done(err, &order->key, order->ctx);
	free(order);
}

static void written(enum hc_err result, void *ctx)
{
	finish(ctx, result);
}

static void join(struct hc_key_order *order)
{
	if (order->threaded)
		(void)pthread_join(order->thread, NULL); /* ours, joinable, once */
	order->threaded = false;
}

static void write_order(struct hc_key_order *order, hc_gstore_work_fn work)
{
	struct hc_process *process = order->process;
	enum hc_err err = HC_ERR_CLOSED; /* the end: this order was left over */

	if (process->gateway.store != NULL)
		err = hc_gstore_write(process->gateway.store, process->lanes[0].worker->loop, work, written,
				      order);
	if (err != HC_OK)
		finish(order, err);
}

static void made(void *ctx)
{
	struct hc_key_order *order = ctx;

	join(order);
	if (order->err == HC_OK)
		write_order(order, publish);
	else
		finish(order, order->err);
}

static void activated(void *ctx)
{
	write_order(ctx, activate);
}

static void *make_and_post(void *ctx)
{
	struct hc_key_order *order = ctx;

	(void)pthread_setname_np(pthread_self(), "hc-new-key"); /* for people who look; not needed */
	make(order);
	/* Without memory for a letter the order waits for the tick. */
	if (hc_loop_post(order->process->lanes[0].worker->loop, made, order) != HC_OK)
		atomic_store(&order->stranded, true);
	return NULL;
}

/* What the store holds of an algorithm in that state; false: nothing. */
static bool find_key(struct hc_process *process, enum hc_jws_alg alg, enum hc_key_state state,
		     struct hc_signing_key *ret_key, enum hc_err *ret_err)
{
	struct hc_signing_key *keys = calloc(HC_KEYS_MAX, sizeof(*keys));
	size_t count = 0;
	bool found = false;

	*ret_err = keys == NULL ? HC_ERR_NOMEM
				: hc_key_list(process->lanes[0].worker->view, HC_KEYS_MAX, keys, &count);
	for (size_t i = 0; *ret_err == HC_OK && i < count && !found; i++) {
		found = keys[i].alg == alg && keys[i].state == state;
		if (found)
			*ret_key = keys[i];
	}
	free(keys);
	return found;
}

/* The next thing to do for an order: make a key, or let the one that waits sign. */
static enum hc_err begin(struct hc_key_order *order)
{
	struct hc_process *process = order->process;
	enum hc_err err = HC_OK;
	const bool waiting = find_key(process, order->alg, HC_KEY_NEXT, &order->key, &err);

	if (err != HC_OK)
		return err;
	if (waiting && !order->at_once)
		return HC_ERR_EXISTS;
	if (waiting)
		return hc_loop_post(process->lanes[0].worker->loop, activated, order);
	order->threaded = pthread_create(&order->thread, NULL, make_and_post, order) == 0;
	return order->threaded ? HC_OK : HC_ERR_NOMEM;
}

enum hc_err hc_keys_rotate(struct hc_process *process, enum hc_jws_alg alg, bool at_once, const char *actor,
			   hc_keys_done_fn done, void *ctx)
{
	struct hc_key_order *order = NULL;
	enum hc_err err = HC_OK;

	if (process->key_order != NULL)
		return HC_ERR_STATE;
	order = calloc(1, sizeof(*order));
	if (order == NULL)
		return HC_ERR_NOMEM;
	order->process = process;
	order->alg = alg;
	order->at_once = at_once;
	order->done = done;
	order->ctx = ctx;
	order->now_ms = hc_now_ms(process->gateway.clock);
	(void)snprintf(order->actor, sizeof(order->actor), "%s", actor); /* made to fit */
	err = begin(order);
	if (err == HC_OK)
		process->key_order = order;
	else
		free(order);
	return err;
}

void hc_keys_forget(struct hc_process *process, const void *ctx)
{
	if (process->key_order != NULL && process->key_order->ctx == ctx)
		process->key_order->done = NULL;
}

/* ---- what is due ---- */

/* The one thing that is due first, if any; the next tick finds the next one. */
static hc_gstore_work_fn due(const struct hc_process *process, const struct hc_signing_key *key,
			     int64_t now_ms)
{
	if (key->state == HC_KEY_NEXT && key->created_ms + HC_KEY_OVERLAP_MS <= now_ms)
		return activate;
	if (key->state == HC_KEY_RETIRED &&
	    key->retired_ms + hc_keys_retired_ms(&process->gateway.config) <= now_ms)
		return remove_key;
	return NULL;
}

static void do_what_is_due(struct hc_process *process, const struct hc_signing_key *keys, size_t count)
{
	const int64_t now_ms = hc_now_ms(process->gateway.clock);

	for (size_t i = 0; i < count; i++) {
		const hc_gstore_work_fn work = due(process, &keys[i], now_ms);
		struct hc_key_order *order = work == NULL ? NULL : calloc(1, sizeof(*order));

		if (order == NULL)
			continue;
		*order = (struct hc_key_order){.process = process,
					       .alg = keys[i].alg,
					       .at_once = true,
					       .actor = ITSELF,
					       .now_ms = now_ms,
					       .key = keys[i]};
		process->key_order = order;
		write_order(order, work);
		return;
	}
}

void hc_keys_tick(struct hc_process *process)
{
	struct hc_signing_key *keys = NULL;
	size_t count = 0;

	ask_lanes(process);
	if (process->key_order != NULL) {
		if (atomic_exchange(&process->key_order->stranded, false))
			made(process->key_order);
		return;
	}
	keys = calloc(HC_KEYS_MAX, sizeof(*keys));
	if (keys != NULL && hc_key_list(process->lanes[0].worker->view, HC_KEYS_MAX, keys, &count) == HC_OK)
		do_what_is_due(process, keys, count);
	free(keys);
}

void hc_keys_end(struct hc_process *process)
{
	struct hc_key_order *order = process->key_order;

	if (order == NULL)
		return;
	order->done = NULL;
	join(order);
	if (atomic_load(&order->stranded))
		finish(order, HC_ERR_CLOSED);
}
