/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GATEWAY_ADMIN_SUPPORT_H
#define HC_GATEWAY_ADMIN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_request.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "http/loop.h"
#include "oauth/keyring.h"
#include "process/duties.h"
#include "process/keys.h"
#include "tests/support/tempdir.h"

/*
 * Administrators' requests without a socket: one loop, run by the test itself; the store and the keys are real,
 * the clock is the test's.
 */
#define T0	 INT64_C(1800000000000)
#define ACTOR	 "uid 0 (root)"
#define ROWS_MAX 40

struct rig {
	struct tempdir dir;
	char store_path[128], seal_path[128];
	int64_t now_ms;
	struct hc_clock clock;
	struct hc_process process;
	struct hc_lane lane;
	struct hc_worker worker;
	/* the last answer */
	struct hc_msg *rows[ROWS_MAX];
	size_t row_count;
	enum hc_err err;
	enum hc_reason reason;
	uint64_t count;
	char text[1024];
};

static inline int64_t rig_now(void *ctx)
{
	return ((struct rig *)ctx)->now_ms;
}

static inline void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static inline void open_parts(struct rig *rig)
{
	static const enum hc_jws_alg missing[] = {HC_JWS_ES256, HC_JWS_RS256};
	struct hc_gateway *gateway = &rig->process.gateway;
	const struct hc_gstore_options options = {
		.path = rig->store_path, .loops = &rig->worker.loop, .loop_count = 1, .post = hc_loop_post};

	assert_int_equal(hc_seal_open(rig->seal_path, true, &gateway->seal), HC_OK);
	assert_int_equal(hc_keys_first(&rig->process, rig->store_path, missing, 2), HC_OK);
	assert_int_equal(hc_loop_new(0, &rig->worker.loop), HC_OK);
	assert_int_equal(hc_gstore_open(&options, &gateway->store), HC_OK);
	rig->worker.view = hc_gstore_view(gateway->store, rig->worker.loop);
	assert_int_equal(hc_keyring_load(rig->worker.view, gateway->seal, &rig->worker.keyring), HC_OK);
	assert_int_equal(hc_duties_new(&rig->process, &rig->process.duties), HC_OK);
}

static inline int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct hc_gateway *gateway = NULL;

	assert_non_null(rig);
	assert_true(tempdir_make(&rig->dir));
	(void)tempdir_file(&rig->dir, "gateway.db", rig->store_path, sizeof(rig->store_path));
	(void)tempdir_file(&rig->dir, "seal.key", rig->seal_path, sizeof(rig->seal_path));
	hc_log_capture(no_log, NULL);
	rig->now_ms = T0;
	rig->clock = (struct hc_clock){.realtime_ms = rig_now, .monotonic_ms = rig_now, .ctx = rig};
	gateway = &rig->process.gateway;
	gateway->clock = &rig->clock;
	gateway->config.threads = 1;
	gateway->config.access_s = 300;
	gateway->config.id_token_s = 300;
	gateway->config.language = HC_LANG_EN;
	gateway->workers = &rig->worker;
	rig->worker.gateway = gateway;
	rig->process.lanes = &rig->lane;
	rig->lane = (struct hc_lane){.process = &rig->process, .worker = &rig->worker};
	open_parts(rig);
	*state = rig;
	return 0;
}

static inline void forget_answer(struct rig *rig)
{
	for (size_t i = 0; i < rig->row_count; i++)
		hc_msg_free(&rig->rows[i]);
	rig->row_count = 0;
	rig->text[0] = '\0';
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	forget_answer(rig);
	hc_duties_free(&rig->process.duties);
	hc_keys_end(&rig->process);
	hc_gstore_free(&rig->process.gateway.store);
	hc_keyring_free(&rig->worker.keyring);
	hc_loop_free(&rig->worker.loop);
	hc_seal_free(&rig->process.gateway.seal);
	hc_log_capture(NULL, NULL);
	tempdir_remove(&rig->dir);
	free(rig);
	return 0;
}

/* ---- asking ---- */

static inline void on_ready(void *ctx)
{
	hc_loop_stop(((struct rig *)ctx)->worker.loop);
}

static inline void take_end(struct rig *rig, const struct hc_msg *msg)
{
	uint32_t err = 0, reason = 0;

	assert_int_equal(hc_msg_u32(msg, HC_FIELD_ERR, &err), HC_OK);
	assert_int_equal(hc_msg_u32(msg, HC_FIELD_REASON, &reason), HC_OK);
	assert_int_equal(hc_msg_u64(msg, HC_FIELD_COUNT, &rig->count), HC_OK);
	rig->err = (enum hc_err)err;
	rig->reason = (enum hc_reason)reason;
	if (hc_msg_has(msg, HC_FIELD_TEXT))
		assert_int_equal(hc_msg_text(msg, HC_FIELD_TEXT, rig->text, sizeof(rig->text)), HC_OK);
}

static inline void read_answer(struct rig *rig, struct hc_admin_request *request)
{
	bool ready = false, done = false;

	forget_answer(rig);
	while (!done) {
		struct hc_msg *msg = NULL;

		if (request->waiting) {
			assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
			continue;
		}
		assert_int_equal(hc_msg_new(&msg), HC_OK);
		assert_int_equal(hc_admin_request_next(request, msg, &ready, &done), HC_OK);
		if (ready && !done) {
			assert_true(rig->row_count < ROWS_MAX);
			rig->rows[rig->row_count++] = hc_steal_ptr(&msg);
		} else if (done) {
			take_end(rig, msg);
		}
		hc_msg_free(&msg);
	}
}

/* Sends msg (finished here) as it would come over the socket. */
static inline enum hc_err ask(struct rig *rig, struct hc_msg *msg)
{
	struct hc_admin_request *request = NULL;
	enum hc_err err;

	assert_int_equal(hc_msg_finish(msg), HC_OK);
	assert_int_equal(hc_msg_parse(msg, msg->len), HC_OK);
	err = hc_admin_request_new(&rig->process, ACTOR, msg, on_ready, rig, &request);
	if (err != HC_OK)
		return err;
	read_answer(rig, request);
	hc_admin_request_free(&request);
	return rig->err;
}

static inline enum hc_err ask_text(struct rig *rig, enum hc_msg_type type, enum hc_field field,
				   const char *value)
{
	struct hc_msg msg;

	hc_msg_init(&msg, type);
	hc_msg_put_text(&msg, field, value);
	return ask(rig, &msg);
}

static inline const char *text_of(const struct rig *rig, size_t row, enum hc_field field)
{
	static char text[4200];

	text[0] = '\0';
	assert_true(row < rig->row_count);
	assert_int_equal(hc_msg_text(rig->rows[row], field, text, sizeof(text)), HC_OK);
	return text;
}

static inline enum hc_err add_client(struct rig *rig, const char *name, const char *grants, const char *uris)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
	hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, name);
	hc_msg_put_text(&msg, HC_FIELD_GRANTS, grants);
	hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, uris);
	return ask(rig, &msg);
}

/* How many records of an event wait for the broker; the last of them in ret_record. */
static inline size_t records(struct rig *rig, enum hc_outbox_event event, struct hc_outbox_record *ret_record)
{
	static struct hc_outbox_record all[64];
	size_t count = 0, found = 0;

	*ret_record = (struct hc_outbox_record){0};
	assert_int_equal(hc_outbox_list(rig->worker.view, HC_COUNT(all), all, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (all[i].event != event)
			continue;
		*ret_record = all[i];
		found++;
	}
	return found;
}

static inline void stop_now(void *ctx)
{
	hc_loop_stop(ctx);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
