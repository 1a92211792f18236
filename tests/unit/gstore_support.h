/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GSTORE_SUPPORT_H
#define HC_GSTORE_SUPPORT_H

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "store/client.h"
#include "store/code.h"
#include "store/grant.h"
#include "store/gstore.h"
#include "store/refresh.h"
#include "store/session.h"
#include "store/ticket.h"
#include "store/token.h"
#include "tests/support/tempdir.h"

#define T0 INT64_C(1800000000000) /* when the tests take place */

/* ---- a loop without a network: what is posted waits until the test's thread runs it ---- */

struct hc_loop {
	pthread_mutex_t lock;
	pthread_cond_t posted;
	struct {
		void (*fn)(void *ctx);
		void *ctx;
	} queue[64];
	unsigned count;
	unsigned refusals; /* so many posts fail with refuse_with */
	enum hc_err refuse_with;
};

static inline void loop_init(struct hc_loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	(void)pthread_mutex_init(&loop->lock, NULL);
	(void)pthread_cond_init(&loop->posted, NULL);
}

static inline enum hc_err loop_post(struct hc_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	enum hc_err err = HC_OK;

	(void)pthread_mutex_lock(&loop->lock);
	if (loop->refusals > 0) {
		loop->refusals--;
		err = loop->refuse_with;
	} else if (loop->count == HC_COUNT(loop->queue)) {
		err = HC_ERR_NOMEM;
	} else {
		loop->queue[loop->count].fn = fn;
		loop->queue[loop->count++].ctx = ctx;
		(void)pthread_cond_signal(&loop->posted);
	}
	(void)pthread_mutex_unlock(&loop->lock);
	return err;
}

/* Waits for a post and runs it. */
static inline void loop_run_one(struct hc_loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	while (loop->count == 0)
		(void)pthread_cond_wait(&loop->posted, &loop->lock);
	void (*fn)(void *ctx) = loop->queue[0].fn;
	void *ctx = loop->queue[0].ctx;
	loop->count--;
	memmove(loop->queue, loop->queue + 1, loop->count * sizeof(loop->queue[0]));
	(void)pthread_mutex_unlock(&loop->lock);
	fn(ctx);
}

/* What was posted and has not run, as freeing a loop does; after the store. */
static inline void loop_run_rest(struct hc_loop *loop)
{
	while (loop->count > 0)
		loop_run_one(loop);
}

/* ---- a store in a private directory, and what was logged while the test ran ---- */

struct bench {
	struct tempdir dir;
	char path[128];
	struct hc_loop loop;
	struct hc_gstore *store;
	pthread_mutex_t log_lock;
	char log[16384];
};

static inline void bench_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct bench *bench = ctx;

	(void)level;
	(void)pthread_mutex_lock(&bench->log_lock);
	const size_t len = strlen(bench->log);
	(void)snprintf(bench->log + len, sizeof(bench->log) - len, "%s\n", line);
	(void)pthread_mutex_unlock(&bench->log_lock);
}

static inline enum hc_err store_open_at(const char *path, struct hc_loop *loop, struct hc_gstore **ret_store)
{
	struct hc_loop *const loops[] = {loop};
	const struct hc_gstore_options options = {
		.path = path, .loops = loops, .loop_count = 1, .post = loop_post};

	return hc_gstore_open(&options, ret_store);
}

static inline enum hc_err bench_open(struct bench *bench)
{
	return store_open_at(bench->path, &bench->loop, &bench->store);
}

static inline int bench_setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || !tempdir_make(&bench->dir))
		return -1;
	(void)tempdir_file(&bench->dir, "gateway.db", bench->path, sizeof(bench->path));
	loop_init(&bench->loop);
	(void)pthread_mutex_init(&bench->log_lock, NULL);
	hc_log_capture(bench_log, bench);
	*state = bench;
	return 0;
}

static inline int bench_setup_store(void **state)
{
	return bench_setup(state) != 0 || bench_open(*state) != HC_OK ? -1 : 0;
}

static inline int bench_teardown(void **state)
{
	struct bench *bench = *state;

	hc_gstore_free(&bench->store);
	loop_run_rest(&bench->loop);
	hc_log_capture(NULL, NULL);
	tempdir_remove(&bench->dir);
	free(bench);
	return 0;
}

/* Close and open again, as a restart does. */
static inline void bench_reopen(struct bench *bench)
{
	hc_gstore_free(&bench->store);
	assert_int_equal(bench_open(bench), HC_OK);
}

static inline struct hc_gstore_view *view_of(struct bench *bench)
{
	return hc_gstore_view(bench->store, &bench->loop);
}

/* ---- a write, and waiting for it ---- */

struct awaited {
	hc_gstore_work_fn work;
	void *ctx;
	bool done;
	enum hc_err result;
};

static inline enum hc_err awaited_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct awaited *awaited = ctx;

	return awaited->work(tx, awaited->ctx);
}

static inline void awaited_done(enum hc_err result, void *ctx)
{
	struct awaited *awaited = ctx;

	awaited->result = result;
	awaited->done = true;
}

static inline enum hc_err write_to(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				   void *ctx)
{
	struct awaited awaited = {.work = work, .ctx = ctx};
	const enum hc_err err = hc_gstore_write(store, loop, awaited_work, awaited_done, &awaited);

	while (err == HC_OK && !awaited.done)
		loop_run_one(loop);
	return err == HC_OK ? awaited.result : err;
}

static inline enum hc_err write_now(struct bench *bench, hc_gstore_work_fn work, void *ctx)
{
	return write_to(bench->store, &bench->loop, work, ctx);
}

#define WRITE(bench, work, ctx) assert_int_equal(write_now((bench), (work), (ctx)), HC_OK)

/* ---- a writer that is held, so that what is sent meanwhile gathers ---- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool entered, open;
};

static inline enum hc_err wait_at_gate(struct hc_gstore_tx *tx, void *ctx)
{
	struct gate *gate = ctx;

	(void)tx;
	(void)pthread_mutex_lock(&gate->lock);
	gate->entered = true;
	(void)pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	(void)pthread_mutex_unlock(&gate->lock);
	return HC_OK;
}

/* Keeps the writer in a group of one until the gate is opened. */
static inline void hold_writer(struct bench *bench, struct gate *gate)
{
	*gate = (struct gate){.entered = false};
	(void)pthread_mutex_init(&gate->lock, NULL);
	(void)pthread_cond_init(&gate->changed, NULL);
	assert_int_equal(hc_gstore_write(bench->store, &bench->loop, wait_at_gate, NULL, gate), HC_OK);
	(void)pthread_mutex_lock(&gate->lock);
	while (!gate->entered)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	(void)pthread_mutex_unlock(&gate->lock);
}

static inline void open_gate(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->open = true;
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

/* ---- samples ---- */

/* A reference as good as a ticket's, without the cost of one: the hash follows from the id. */
static inline struct hc_ticket_ref ref_of(int64_t id)
{
	struct hc_ticket_ref ref = {.id = id};

	for (size_t i = 0; i < sizeof(ref.hash); i++)
		ref.hash[i] = (uint8_t)((uint64_t)id >> (8 * (i % 8))) ^ (uint8_t)(i * 37);
	return ref;
}

static inline struct hc_client client_of(const char *id)
{
	struct hc_client client = {.profile = HC_CLIENT_OIDC,
				   .auth = HC_CLIENT_SECRET_BASIC,
				   .secret_hash = {1, 2, 3},
				   .grants = HC_GRANT_CODE | HC_GRANT_REFRESH,
				   .scopes = {"openid profile scope_all"},
				   .redirect_uris = {.count = 1, .uri = {"https://app.example/cb"}},
				   .id_token_alg = HC_JWS_RS256,
				   .access_format = HC_ACCESS_OPAQUE,
				   .created_ms = T0,
				   .secret_changed_ms = T0};

	(void)snprintf(client.id, sizeof(client.id), "%s", id);
	return client;
}

static inline struct hc_browser_session session_of(int64_t id, int64_t person_id)
{
	struct hc_browser_session session = {.cookie = ref_of(id),
					     .person_id = person_id,
					     .login = "martin",
					     .acr = "eidas2",
					     .amr = "pwd otp mfa",
					     .auth_ms = T0,
					     .created_ms = T0,
					     .last_seen_ms = T0,
					     .expires_ms = T0 + 8 * 3600000,
					     .keep_until_ms = T0 + 16 * 3600000};

	(void)snprintf(session.sid, sizeof(session.sid), "sid-%" PRId64, id);
	return session;
}

static inline struct hc_grant grant_of(int64_t id, int64_t client, int64_t session_id)
{
	return (struct hc_grant){.id = id,
				 .client = client,
				 .session_id = session_id,
				 .person_id = session_id == 0 ? 0 : 7,
				 .sub = "subject",
				 .scope = {"openid profile"},
				 .created_ms = T0,
				 .expires_ms = T0 + 8 * 3600000};
}

#define VERIFIER_HASH      \
	{                  \
		0xe9, 0xe9 \
	}

static inline struct hc_code code_of(int64_t id, int64_t grant_id, int64_t client)
{
	return (struct hc_code){.ref = ref_of(id),
				.grant_id = grant_id,
				.client = client,
				.redirect_uri = "https://app.example/cb",
				.challenge = VERIFIER_HASH,
				.nonce = "n-0S6",
				.issued_ms = T0,
				.expires_ms = T0 + 60000,
				.keep_until_ms = T0 + 600000};
}

static inline struct hc_access access_of(int64_t id, int64_t grant_id, int64_t client)
{
	return (struct hc_access){.ref = ref_of(id),
				  .grant_id = grant_id,
				  .client = client,
				  .issued_ms = T0,
				  .expires_ms = T0 + 300000};
}

static inline struct hc_refresh refresh_of(int64_t id, int64_t grant_id, int64_t client)
{
	return (struct hc_refresh){.ref = ref_of(id),
				   .grant_id = grant_id,
				   .client = client,
				   .issued_ms = T0,
				   .expires_ms = T0 + 3600000};
}

/* Work functions for the samples: ctx is the row. */
#define ADD_WORK(name, type)                                                     \
	static inline enum hc_err add_##name(struct hc_gstore_tx *tx, void *ctx) \
	{                                                                        \
		const struct type *row = ctx;                                    \
		return hc_##name##_add(tx, row);                                 \
	}
ADD_WORK(session, hc_browser_session)
ADD_WORK(grant, hc_grant)
ADD_WORK(code, hc_code)
ADD_WORK(access, hc_access)
ADD_WORK(refresh, hc_refresh)

static inline enum hc_err add_client(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_client *client = ctx;

	return hc_client_add(tx, client, &client->number);
}

/* A client, "app" or another, and its number. */
static inline int64_t have_client(struct bench *bench, const char *id)
{
	struct hc_client client = client_of(id);

	WRITE(bench, add_client, &client);
	return client.number;
}

#endif
