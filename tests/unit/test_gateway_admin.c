/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's administrators: who is let in, what is refused, that a change and its record are one, and the
 * life of a signing key. One loop, run by the test itself; the store is real, the clock is the test's.
 */
#include "admin/admin_request.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/admin_client.h"
#include "admin/admin_socket.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "http/loop.h"
#include "oauth/keyring.h"
#include "process/duties.h"
#include "process/keys.h"
#include "store/session.h"
#include "tests/support/tempdir.h"

#define T0	 INT64_C(1800000000000)
#define ACTOR	 "uid 0 (root)"
#define NOBODY	 65534
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

static int64_t rig_now(void *ctx)
{
	return ((struct rig *)ctx)->now_ms;
}

static void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void open_parts(struct rig *rig)
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

static int setup(void **state)
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

static void forget_answer(struct rig *rig)
{
	for (size_t i = 0; i < rig->row_count; i++)
		hc_msg_free(&rig->rows[i]);
	rig->row_count = 0;
	rig->text[0] = '\0';
}

static int teardown(void **state)
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

static void on_ready(void *ctx)
{
	hc_loop_stop(((struct rig *)ctx)->worker.loop);
}

static void take_end(struct rig *rig, const struct hc_msg *msg)
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

static void read_answer(struct rig *rig, struct hc_admin_request *request)
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
static enum hc_err ask(struct rig *rig, struct hc_msg *msg)
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

static enum hc_err ask_text(struct rig *rig, enum hc_msg_type type, enum hc_field field, const char *value)
{
	struct hc_msg msg;

	hc_msg_init(&msg, type);
	hc_msg_put_text(&msg, field, value);
	return ask(rig, &msg);
}

static const char *text_of(const struct rig *rig, size_t row, enum hc_field field)
{
	static char text[4200];

	text[0] = '\0';
	assert_true(row < rig->row_count);
	assert_int_equal(hc_msg_text(rig->rows[row], field, text, sizeof(text)), HC_OK);
	return text;
}

static enum hc_err add_client(struct rig *rig, const char *name, const char *grants, const char *uris)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
	hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, name);
	hc_msg_put_text(&msg, HC_FIELD_GRANTS, grants);
	hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, uris);
	return ask(rig, &msg);
}

/* How many records of an event wait for the broker; the last of them in ret_record. */
static size_t records(struct rig *rig, enum hc_outbox_event event, struct hc_outbox_record *ret_record)
{
	static struct hc_outbox_record all[64];
	size_t count = 0, found = 0;

	assert_int_equal(hc_outbox_list(rig->worker.view, HC_COUNT(all), all, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (all[i].event != event)
			continue;
		*ret_record = all[i];
		found++;
	}
	return found;
}

/* ---- requests ---- */

static void what_is_no_request_of_an_administrator_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_USER_LIST);
	assert_int_equal(ask(rig, &msg), HC_ERR_PROTOCOL);
	hc_msg_init(&msg, HC_MSG_HELLO);
	assert_int_equal(ask(rig, &msg), HC_ERR_PROTOCOL);
	/* a field that a request has no use for */
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_LIST, HC_FIELD_CLIENT_ID, "x"), HC_ERR_PROTOCOL);
	assert_int_equal(ask_text(rig, HC_MSG_STATUS, HC_FIELD_LOGIN, "x"), HC_ERR_PROTOCOL);
}

static void what_is_not_there_is_told_in_the_language_asked_for(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_SHOW, HC_FIELD_CLIENT_ID, "nobody"), HC_ERR_NOTFOUND);
	assert_int_equal(rig->reason, HC_REASON_NO_SUCH_CLIENT);
	assert_non_null(strstr(rig->text, "no application"));
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_text(&msg, HC_FIELD_SID, "nobody");
	hc_msg_put_text(&msg, HC_FIELD_LANG, "fr");
	assert_int_equal(ask(rig, &msg), HC_ERR_NOTFOUND);
	assert_int_equal(rig->reason, HC_REASON_NO_SUCH_SESSION);
	assert_non_null(strstr(rig->text, "session"));
	assert_non_null(strstr(rig->text, "n’existe pas"));
}

static void a_refused_change_leaves_neither_a_client_nor_a_record(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	assert_int_equal(add_client(rig, "x", "authorization_code", "http://x.test/cb"), HC_ERR_INVALID);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_REMOVE, HC_FIELD_CLIENT_ID, "nobody"), HC_ERR_NOTFOUND);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_ROTATE_SECRET, HC_FIELD_CLIENT_ID, "nobody"),
			 HC_ERR_NOTFOUND);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 0);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_REMOVE, &record), 0);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_SECRET, &record), 0);
}

static void a_client_is_added_with_its_record_and_only_the_hash_of_its_secret(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;
	struct hc_client client;
	const uint8_t *secret = NULL;
	size_t len = 0;
	uint8_t hash[32];

	assert_int_equal(add_client(rig, "Été à l’hôpital", "authorization_code", "https://x.test/cb"),
			 HC_OK);
	assert_int_equal(rig->row_count, 1);
	assert_int_equal(hc_client_by_id(rig->worker.view, text_of(rig, 0, HC_FIELD_CLIENT_ID), &client),
			 HC_OK);
	assert_memory_equal(client.id, "ete-a-l-hopital-", 16);
	assert_int_equal(hc_msg_bytes(rig->rows[0], HC_FIELD_CLIENT_SECRET, &secret, &len), HC_OK);
	assert_int_equal(len, HC_CLIENT_SECRET_LEN);
	assert_int_equal(hc_sha256(secret, len, hash), HC_OK);
	assert_memory_equal(client.secret_hash, hash, sizeof(hash));
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 1);
	assert_string_equal(record.actor, ACTOR);
	assert_string_equal(record.client_id, client.id);
	assert_string_equal(record.detail, "Été à l’hôpital");
	assert_int_equal(record.time_ms, T0);
}

static void two_clients_of_one_name_have_two_identifiers(void **state)
{
	struct rig *rig = *state;
	char first[HC_CLIENT_ID_MAX + 1];

	assert_int_equal(add_client(rig, "!!!", "client_credentials", ""), HC_OK);
	(void)snprintf(first, sizeof(first), "%s", text_of(rig, 0, HC_FIELD_CLIENT_ID));
	assert_int_equal(strlen(first), 8);
	assert_int_equal(add_client(rig, "!!!", "client_credentials", ""), HC_OK);
	assert_string_not_equal(first, text_of(rig, 0, HC_FIELD_CLIENT_ID));
}

static void every_client_is_listed_once_whatever_their_number(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2 * HC_ADMIN_SLICE; i++)
		assert_int_equal(add_client(rig, "app", "client_credentials", ""), HC_OK);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_LIST, HC_FIELD_LANG, "en"), HC_OK);
	assert_int_equal(rig->row_count, 2 * HC_ADMIN_SLICE);
	assert_int_equal(rig->count, 2 * HC_ADMIN_SLICE);
	for (size_t i = 1; i < rig->row_count; i++) {
		char before[HC_CLIENT_ID_MAX + 1];

		(void)snprintf(before, sizeof(before), "%s", text_of(rig, i - 1, HC_FIELD_CLIENT_ID));
		assert_true(strcmp(before, text_of(rig, i, HC_FIELD_CLIENT_ID)) < 0);
	}
}

static void what_was_begun_is_finished_without_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct hc_admin_request *request = NULL;
	struct hc_outbox_record record;
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
	hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "left");
	hc_msg_put_text(&msg, HC_FIELD_GRANTS, "client_credentials");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(hc_admin_request_new(&rig->process, ACTOR, &msg, on_ready, rig, &request), HC_OK);
	assert_true(request->waiting);
	hc_admin_request_free(&request);
	/* the next one's answer comes behind it */
	assert_int_equal(add_client(rig, "next", "client_credentials", ""), HC_OK);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 2);
}

static void status_says_what_is_there(void **state)
{
	struct rig *rig = *state;
	bool clients = false;

	assert_int_equal(add_client(rig, "one", "client_credentials", ""), HC_OK);
	assert_int_equal(ask_text(rig, HC_MSG_STATUS, HC_FIELD_LANG, "en"), HC_OK);
	for (size_t i = 0; i < rig->row_count; i++) {
		if (strcmp(text_of(rig, i, HC_FIELD_NAME), "clients") != 0)
			continue;
		clients = true;
		assert_string_equal(text_of(rig, i, HC_FIELD_VALUE), "1");
	}
	assert_true(clients);
}

/* ---- sessions ---- */

struct many {
	struct rig *rig;
	int count;
};

/* Sessions 1 to count; the even ones are martin's. */
static enum hc_err add_sessions(struct hc_gstore_tx *tx, void *ctx)
{
	const struct many *many = ctx;
	const int64_t now_ms = many->rig->now_ms;
	enum hc_err err = HC_OK;

	for (int i = 1; i <= many->count && err == HC_OK; i++) {
		struct hc_browser_session session = {.cookie = {.id = i},
						     .person_id = 7 + i % 2,
						     .acr = "acr",
						     .amr = "pwd otp mfa",
						     .auth_ms = now_ms,
						     .created_ms = now_ms,
						     .last_seen_ms = now_ms,
						     .expires_ms = now_ms + 3600000,
						     .keep_until_ms = now_ms + 3600000};

		(void)snprintf(session.login, sizeof(session.login), "%s", i % 2 == 0 ? "martin" : "roux");
		(void)snprintf(session.sid, sizeof(session.sid), "sid-%d", i);
		err = hc_session_add(tx, &session);
	}
	return err;
}

static void sessions_added(enum hc_err result, void *ctx)
{
	const struct many *many = ctx;

	assert_int_equal(result, HC_OK);
	hc_loop_stop(many->rig->worker.loop);
}

static void begin_sessions(struct rig *rig, int count)
{
	struct many many = {.rig = rig, .count = count};

	assert_int_equal(hc_gstore_write(rig->process.gateway.store, rig->worker.loop, add_sessions,
					 sessions_added, &many),
			 HC_OK);
	assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
}

static void nobody_ends_all_sessions_by_mistake(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	begin_sessions(rig, 2);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 0);
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 1);
	hc_msg_put_text(&msg, HC_FIELD_SID, "sid-1");
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_LIST, HC_FIELD_LANG, "en"), HC_OK);
	assert_int_equal(rig->row_count, 2);
}

static void one_session_ends_with_its_record_and_only_once(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	begin_sessions(rig, 3);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_SID, "sid-2"), HC_OK);
	assert_int_equal(rig->count, 1);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_SID, "sid-2"), HC_ERR_NOTFOUND);
	assert_int_equal(records(rig, HC_OUTBOX_SESSION_END, &record), 1);
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.actor, ACTOR);
	assert_int_equal(record.person_id, 7);
}

static void a_persons_sessions_end_and_no_others_also_where_there_are_many(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	begin_sessions(rig, 150);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_LOGIN, "martin"), HC_OK);
	assert_int_equal(rig->count, 75);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_LIST, HC_FIELD_LOGIN, "martin"), HC_OK);
	assert_int_equal(rig->row_count, 0);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 1);
	assert_int_equal(ask(rig, &msg), HC_OK);
	assert_int_equal(rig->count, 75);
}

/* ---- keys ---- */

static enum hc_err rotate(struct rig *rig, const char *alg, bool at_once)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_KEY_ROTATE);
	hc_msg_put_text(&msg, HC_FIELD_ALGORITHM, alg);
	if (at_once)
		hc_msg_put_u32(&msg, HC_FIELD_AT_ONCE, 1);
	return ask(rig, &msg);
}

/* The state of a key in the store; 0: it is not there. */
static enum hc_key_state state_of(struct rig *rig, const char *kid)
{
	static struct hc_signing_key keys[HC_KEYS_MAX];
	size_t count = 0;

	assert_int_equal(hc_key_list(rig->worker.view, HC_KEYS_MAX, keys, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			return keys[i].state;
	}
	return (enum hc_key_state)0;
}

static void stop_now(void *ctx)
{
	hc_loop_stop(ctx);
}

/* Lets what is due be done: until the loop has nothing more of it. */
static void tick(struct rig *rig)
{
	hc_keys_tick(&rig->process);
	while (rig->process.key_order != NULL) {
		assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
		assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
	}
	/* the keyring that was asked for */
	assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
	assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
}

static const char *signing_kid(struct rig *rig, enum hc_jws_alg alg, char out[HC_KID_LEN + 1])
{
	static struct hc_signing_key keys[HC_KEYS_MAX];
	size_t count = 0;

	out[0] = '\0';
	assert_int_equal(hc_key_list(rig->worker.view, HC_KEYS_MAX, keys, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (keys[i].alg == alg && keys[i].state == HC_KEY_ACTIVE)
			memcpy(out, keys[i].kid, HC_KID_LEN + 1);
	}
	return out;
}

static void a_new_key_signs_after_the_overlap_and_not_before(void **state)
{
	struct rig *rig = *state;
	char former[HC_KID_LEN + 1], fresh[HC_KID_LEN + 1];

	(void)signing_kid(rig, HC_JWS_ES256, former);
	assert_int_equal(rotate(rig, "ES256", false), HC_OK);
	(void)snprintf(fresh, sizeof(fresh), "%s", text_of(rig, 0, HC_FIELD_KEY_ID));
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_NEXT);
	assert_int_equal(state_of(rig, former), HC_KEY_ACTIVE);
	assert_non_null(strstr(hc_keyring_jwks(rig->worker.keyring), fresh));

	rig->now_ms = T0 + HC_KEY_OVERLAP_MS - 1;
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_NEXT);

	rig->now_ms = T0 + HC_KEY_OVERLAP_MS;
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_ACTIVE);
	assert_int_equal(state_of(rig, former), HC_KEY_RETIRED);
	assert_non_null(strstr(hc_keyring_jwks(rig->worker.keyring), former));
}

static void a_retired_key_goes_once_nothing_it_signed_is_valid(void **state)
{
	struct rig *rig = *state;
	const int64_t kept_ms = hc_keys_retired_ms(&rig->process.gateway.config);
	char former[HC_KID_LEN + 1];
	struct hc_outbox_record record;

	(void)signing_kid(rig, HC_JWS_ES256, former);
	assert_int_equal(kept_ms, 86400000 + 600000);
	assert_int_equal(rotate(rig, "ES256", true), HC_OK);
	rig->now_ms = T0 + kept_ms - 1;
	tick(rig);
	assert_int_equal(state_of(rig, former), HC_KEY_RETIRED);
	rig->now_ms = T0 + kept_ms;
	tick(rig);
	assert_int_equal(state_of(rig, former), 0);
	assert_null(strstr(hc_keyring_jwks(rig->worker.keyring), former));
	assert_true(records(rig, HC_OUTBOX_KEY_ROTATE, &record) > 0);
	assert_non_null(strstr(record.detail, "removed"));
	assert_string_equal(record.actor, "itself");
}

static void one_key_of_an_algorithm_waits_at_a_time_and_others_are_not_made(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rotate(rig, "HS256", false), HC_ERR_INVALID);
	assert_int_equal(rotate(rig, "PS256", false), HC_ERR_INVALID);
	assert_int_equal(rotate(rig, "ES256", false), HC_OK);
	assert_int_equal(rotate(rig, "ES256", false), HC_ERR_EXISTS);
	assert_int_equal(rig->reason, HC_REASON_KEY_WAITING);
	assert_int_equal(rotate(rig, "ES256", true), HC_OK);
	assert_string_equal(text_of(rig, 0, HC_FIELD_STATE), "active");
}

static void a_rotation_goes_on_without_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct hc_admin_request *request = NULL;
	struct hc_outbox_record record;
	struct hc_msg msg;
	const size_t before = records(rig, HC_OUTBOX_KEY_ROTATE, &record);

	hc_msg_init(&msg, HC_MSG_KEY_ROTATE);
	hc_msg_put_text(&msg, HC_FIELD_ALGORITHM, "ES256");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(hc_admin_request_new(&rig->process, ACTOR, &msg, on_ready, rig, &request), HC_OK);
	assert_true(request->waiting);
	hc_admin_request_free(&request);
	tick(rig);
	assert_int_equal(records(rig, HC_OUTBOX_KEY_ROTATE, &record), before + 1);
}

/* ---- who may connect ---- */

struct door {
	struct hc_admin_socket *socket;
	struct sockaddr_un address;
	socklen_t len;
};

static void open_door(struct rig *rig, struct door *door)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	door->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	door->len = sizeof(door->address);
	/* a name that the kernel chooses, outside of the file system: the mode is not what keeps people out here */
	assert_int_equal(bind(fd, (struct sockaddr *)&door->address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&door->address, &door->len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(hc_admin_socket_new(&rig->process, fd, &door->socket), HC_OK);
}

/* In a child: connects, sends, and says what came: 'E' for an END, '0' for the end of the connection. */
static pid_t caller(const struct door *door, int requests, uid_t uid, int report)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (geteuid() == 0 && uid != 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0))
		_exit(2);

	const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct hc_msg msg;
	char said = 'E';

	if (connect(fd, (const struct sockaddr *)&door->address, door->len) != 0)
		_exit(3);
	for (int i = 0; i < requests; i++) {
		hc_msg_init(&msg, HC_MSG_CLIENT_LIST);
		if (hc_msg_finish(&msg) != HC_OK)
			_exit(4);
		(void)send(fd, msg.packet, msg.len,
			   MSG_NOSIGNAL); /* refused at once: what comes back tells */
	}
	do {
		const ssize_t len = recv(fd, msg.packet, sizeof(msg.packet), 0);

		if (len <= 0 || hc_msg_parse(&msg, (size_t)len) != HC_OK)
			said = '0';
	} while (said == 'E' && msg.type != HC_MSG_END);
	_exit(write(report, &said, 1) == 1 ? 0 : 5);
}

static char what_a_caller_hears(struct rig *rig, struct door *door, uid_t uid)
{
	int ends[2], status = -1;
	char heard = '?';
	pid_t pid = 0, gone = 0;

	assert_int_equal(pipe(ends), 0);
	pid = caller(door, 1, uid, ends[1]);
	while (gone == 0) {
		assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
		assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
		gone = waitpid(pid, &status, WNOHANG);
	}
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &heard, 1), 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return heard;
}

static void a_stranger_is_not_heard(void **state)
{
	struct rig *rig = *state;
	struct door door;

	if (geteuid() != 0)
		skip(); /* nobody else to be */
	open_door(rig, &door);
	rig->process.admin_rules = (struct hc_admin_rules){.has_group = true, .group = 54321};
	assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), '0');
	rig->process.admin_rules = (struct hc_admin_rules){.own_uid = NOBODY};
	assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), '0');
	hc_admin_socket_free(&door.socket);
}

static void root_the_group_and_our_own_uid_are_answered(void **state)
{
	struct rig *rig = *state;
	struct door door;

	open_door(rig, &door);
	rig->process.admin_rules = (struct hc_admin_rules){.own_uid_too = true, .own_uid = geteuid()};
	assert_int_equal(what_a_caller_hears(rig, &door, geteuid()), 'E');
	if (geteuid() == 0) {
		rig->process.admin_rules = (struct hc_admin_rules){.own_uid_too = true, .own_uid = NOBODY};
		assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), 'E');
		rig->process.admin_rules = (struct hc_admin_rules){.has_group = true, .group = NOBODY};
		assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), 'E');
	}
	hc_admin_socket_free(&door.socket);
}

/* ---- a client's fields ---- */

static void fields_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		const char *grants, *method, *uris, *logout, *profile;
		uint32_t may_introspect;
		const char *says;
	} rows[] = {
		{"authorization_code", "", "", "", "", 0, "redirect-uri"},
		{"client_credentials", "", "https://a.test/", "", "", 0, "redirect-uri"},
		{"client_credentials", "", "", "https://a.test/", "", 0, "post-logout-redirect-uri"},
		{"refresh_token", "", "", "", "", 0, "grant"},
		{"client_credentials refresh_token", "", "", "", "", 0, "grant"},
		{"authorization_code authorization_code", "", "https://a.test/", "", "", 0, "grant"},
		{"authorization_code client_credentials", "none", "https://a.test/", "", "", 0, "grant"},
		{"authorization_code", "none", "https://a.test/", "", "", 1, "may-introspect"},
		{"authorization_code", "", "https://a.test/ https://a.test/", "", "", 0, "twice"},
		{"authorization_code", "", "https://a.test/?code=1", "", "", 0, "redirect-uri"},
		{"authorization_code", "", "https://a.test/", "http://a.test/", "", 0, "post-logout"},
		{"authorization_code", "private_key_jwt", "https://a.test/", "", "", 0, "auth-method"},
		{"authorization_code", "", "https://a.test/", "", "fapi2", 0, "profile"},
		{"authorization_code", "", "https://a.test/", "", "", 2, "may-introspect"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_answer answer = {.lang = HC_LANG_EN};
		struct hc_client client = {.number = 0};
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
		hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "x");
		hc_msg_put_text(&msg, HC_FIELD_GRANTS, rows[i].grants);
		hc_msg_put_text(&msg, HC_FIELD_AUTH_METHOD, rows[i].method);
		hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, rows[i].uris);
		hc_msg_put_text(&msg, HC_FIELD_LOGOUT_URIS, rows[i].logout);
		hc_msg_put_text(&msg, HC_FIELD_PROFILE, rows[i].profile);
		hc_msg_put_u32(&msg, HC_FIELD_MAY_INTROSPECT, rows[i].may_introspect);
		assert_int_equal(hc_msg_finish(&msg), HC_OK);
		if (hc_client_from_request(&answer, &msg, &client) || answer.err != HC_ERR_INVALID ||
		    strstr(answer.argument, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, answer.argument);
	}
}

static void defaults_follow_the_profile_and_the_grants(void **state)
{
	static const struct {
		const char *profile, *grants, *uris, *scopes;
	} rows[] = {
		{"", "", "https://a.test/", "openid profile"},
		{"psc", "", "https://a.test/", "openid scope_all"},
		{"", "client_credentials", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_answer answer = {.lang = HC_LANG_EN};
		struct hc_client client = {.number = 0};
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
		hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "x");
		hc_msg_put_text(&msg, HC_FIELD_PROFILE, rows[i].profile);
		hc_msg_put_text(&msg, HC_FIELD_GRANTS, rows[i].grants);
		hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, rows[i].uris);
		assert_int_equal(hc_msg_finish(&msg), HC_OK);
		assert_true(hc_client_from_request(&answer, &msg, &client));
		if (strcmp(client.scopes.text, rows[i].scopes) != 0)
			fail_msg("row %zu: %s", i, client.scopes.text);
		assert_int_equal(client.auth, HC_CLIENT_SECRET_BASIC);
		assert_int_equal(client.id_token_alg, HC_JWS_RS256);
		assert_int_equal(client.access_format, HC_ACCESS_OPAQUE);
		assert_false(client.may_introspect);
	}
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(a_stranger_is_not_heard),
		IN_RIG(what_is_no_request_of_an_administrator_is_refused),
		cmocka_unit_test(fields_that_contradict_each_other_are_refused),
		IN_RIG(a_refused_change_leaves_neither_a_client_nor_a_record),
		IN_RIG(nobody_ends_all_sessions_by_mistake),
		IN_RIG(one_key_of_an_algorithm_waits_at_a_time_and_others_are_not_made),
		IN_RIG(what_is_not_there_is_told_in_the_language_asked_for),
		IN_RIG(a_client_is_added_with_its_record_and_only_the_hash_of_its_secret),
		cmocka_unit_test(defaults_follow_the_profile_and_the_grants),
		IN_RIG(two_clients_of_one_name_have_two_identifiers),
		IN_RIG(every_client_is_listed_once_whatever_their_number),
		IN_RIG(what_was_begun_is_finished_without_the_administrator),
		IN_RIG(status_says_what_is_there),
		IN_RIG(one_session_ends_with_its_record_and_only_once),
		IN_RIG(a_persons_sessions_end_and_no_others_also_where_there_are_many),
		IN_RIG(a_new_key_signs_after_the_overlap_and_not_before),
		IN_RIG(a_retired_key_goes_once_nothing_it_signed_is_valid),
		IN_RIG(a_rotation_goes_on_without_the_administrator),
		IN_RIG(root_the_group_and_our_own_uid_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
