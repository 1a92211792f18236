/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GATEWAY_SUPPORT_H
#define HC_GATEWAY_SUPPORT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "http/http.h"
#include "http/loop.h"
#include "http/url.h"
#include "jose/b64url.h"
#include "oauth/handlers.h"
#include "oauth/id_token.h"
#include "oauth/keyring.h"
#include "persons.h"
#include "store/client.h"
#include "store/code.h"
#include "store/grant.h"
#include "store/gstore.h"
#include "store/key.h"
#include "store/outbox.h"
#include "store/refresh.h"
#include "store/session.h"
#include "store/ticket.h"
#include "store/token.h"
#include "tests/support/tempdir.h"

/*
 * A gateway of one loop: the real store, the real HTTP server (plain, on loopback), real keys; only the clock
 * and what is known about people are the test's. What the loop owns is looked at by gw_on_loop alone. One
 * source file of a test program includes this: it defines the functions of persons.h.
 */
#define T0	    INT64_C(1800000000000) /* when the tests take place */
#define GW_ISSUER   "https://sso.example"
#define GW_REPLY    65536
#define GW_PEOPLE   4
#define GW_SECRET   "s3cret-of-the-client_0123456789abcdefghijklmnop"
#define GW_URI	    "https://app.example/cb"
#define GW_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" /* RFC 7636 appendix B */

/* snprintf for tests: what does not fit fails them instead of being cut. */
__attribute__((format(printf, 3, 4))) static inline void gw_print(char *out, size_t cap, const char *format,
								  ...)
{
	va_list args;

	va_start(args, format);
	const int len = vsnprintf(out, cap, format, args);
	va_end(args);
	assert_true(len >= 0 && (size_t)len < cap);
}

/* ---- people: what the broker would say ---- */

struct hc_persons {
	struct hc_person_answer people[GW_PEOPLE]; /* by person.id; id 0: free */
	enum hc_err err;			   /* not HC_OK: what every question ends with */
	unsigned asked;
};

void hc_persons_get(struct hc_persons *persons, int64_t person_id, hc_person_fn fn, void *ctx)
{
	struct hc_person_answer nobody = {.exists = false};

	persons->asked++;
	if (persons->err != HC_OK) {
		fn(persons->err, NULL, ctx);
		return;
	}
	for (size_t i = 0; i < GW_PEOPLE; i++) {
		if (persons->people[i].person.id == person_id) {
			const struct hc_person_answer answer = persons->people[i];
			fn(HC_OK, &answer, ctx);
			return;
		}
	}
	fn(HC_OK, &nobody, ctx);
}

static inline struct hc_person_answer gw_doctor(int64_t id)
{
	return (struct hc_person_answer){.exists = true,
					 .may_sign_in = true,
					 .person = {.id = id,
						    .login = "martin",
						    .given_name = "Élise",
						    .family_name = "MARTIN",
						    .national_id = "899700218896",
						    .profession = "10",
						    .organization = "Hôpital générique"}};
}

/* ---- the gateway ---- */

struct gw {
	struct tempdir dir;
	char store_path[128], seal_path[128];
	_Atomic int64_t now_ms;
	struct hc_clock clock;
	struct hc_loop *loop;
	struct hc_http_server *server;
	struct hc_gateway gateway;
	struct hc_worker worker;
	struct hc_persons persons;
	pthread_t thread;
	uint16_t port;
	bool running;
};

static inline int64_t gw_clock_ms(void *ctx)
{
	struct gw *gw = ctx;

	return atomic_load(&gw->now_ms);
}

static inline void gw_pass(struct gw *gw, int64_t ms)
{
	atomic_fetch_add(&gw->now_ms, ms);
}

struct gw_errand {
	struct gw *gw;
	void (*fn)(struct gw *gw, void *ctx);
	void *ctx;
	sem_t done;
};

static inline void gw_run_errand(void *ctx)
{
	struct gw_errand *errand = ctx;

	errand->fn(errand->gw, errand->ctx);
	(void)sem_post(&errand->done);
}

/* Runs fn on the loop's thread and waits for its end. */
static inline void gw_on_loop(struct gw *gw, void (*fn)(struct gw *gw, void *ctx), void *ctx)
{
	struct gw_errand errand = {.gw = gw, .fn = fn, .ctx = ctx};

	assert_int_equal(sem_init(&errand.done, 0, 0), 0);
	assert_int_equal(hc_loop_post(gw->loop, gw_run_errand, &errand), HC_OK);
	while (sem_wait(&errand.done) != 0)
		;
	(void)sem_destroy(&errand.done);
}

/* What the broker says from now on: an error to every question, or one more person (by id; exists false: gone). */
static inline void gw_set_broker(struct gw *gw, void *ctx)
{
	gw->persons.err = *(const enum hc_err *)ctx;
}

static inline void gw_broker(struct gw *gw, enum hc_err err)
{
	gw_on_loop(gw, gw_set_broker, &err);
}

static inline void gw_set_person(struct gw *gw, void *ctx)
{
	const struct hc_person_answer *answer = ctx;
	struct hc_person_answer *room = NULL;

	for (size_t i = GW_PEOPLE; i-- > 0;) {
		if (gw->persons.people[i].person.id == 0 && room == NULL)
			room = &gw->persons.people[i];
	}
	for (size_t i = 0; i < GW_PEOPLE; i++) {
		if (gw->persons.people[i].person.id == answer->person.id)
			room = &gw->persons.people[i];
	}
	assert_non_null(room);
	*room = *answer;
}

static inline void gw_person(struct gw *gw, struct hc_person_answer answer)
{
	gw_on_loop(gw, gw_set_person, &answer);
}

/* What was counted so far, behind the request that was answered last. */
struct gw_counted {
	enum hc_counter which;
	uint64_t value;
};

static inline void gw_read_counter(struct gw *gw, void *ctx)
{
	struct gw_counted *counted = ctx;

	counted->value = atomic_load(&gw->worker.counters[counted->which]);
}

static inline uint64_t gw_counter(struct gw *gw, enum hc_counter which)
{
	struct gw_counted counted = {.which = which};

	gw_on_loop(gw, gw_read_counter, &counted);
	return counted.value;
}

struct gw_write {
	hc_gstore_work_fn work;
	void *ctx;
	enum hc_err result;
	sem_t done;
};

static inline enum hc_err gw_write_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct gw_write *write = ctx;

	return write->work(tx, write->ctx);
}

static inline void gw_write_done(enum hc_err result, void *ctx)
{
	struct gw_write *write = ctx;

	write->result = result;
	(void)sem_post(&write->done);
}

/* A write, and waiting for it; the loop runs. */
static inline enum hc_err gw_try_write(struct gw *gw, hc_gstore_work_fn work, void *ctx)
{
	struct gw_write write = {.work = work, .ctx = ctx};

	assert_int_equal(sem_init(&write.done, 0, 0), 0);
	assert_int_equal(hc_gstore_write(gw->gateway.store, gw->loop, gw_write_work, gw_write_done, &write),
			 HC_OK);
	while (sem_wait(&write.done) != 0)
		;
	(void)sem_destroy(&write.done);
	return write.result;
}

#define GW_WRITE(gw, work, ctx) assert_int_equal(gw_try_write((gw), (work), (ctx)), HC_OK)

/* ---- its keys: made once a program, under a seal that all tests share ---- */

static inline void gw_write_seal(struct gw *gw)
{
	static const uint8_t key[HC_SEAL_KEY_LEN] = {7, 7, 7};
	const int fd = open(gw->seal_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, key, sizeof(key)), sizeof(key));
	(void)close(fd);
	assert_int_equal(hc_seal_open(gw->seal_path, false, &gw->gateway.seal), HC_OK);
}

static inline const struct hc_signing_key *gw_keys(const struct hc_seal *seal)
{
	static struct hc_signing_key keys[2];

	if (keys[0].kid[0] != '\0')
		return keys;
	assert_int_equal(hc_keyring_make(HC_JWS_RS256, seal, T0, &keys[1]), HC_OK);
	assert_int_equal(hc_keyring_make(HC_JWS_ES256, seal, T0, &keys[0]), HC_OK);
	for (size_t i = 0; i < HC_COUNT(keys); i++) {
		keys[i].state = HC_KEY_ACTIVE;
		keys[i].activated_ms = T0;
	}
	return keys;
}

static inline enum hc_err gw_add_keys(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_signing_key *keys = ctx;
	const enum hc_err err = hc_key_add(tx, &keys[0]);

	return err == HC_OK ? hc_key_add(tx, &keys[1]) : err;
}

static inline void gw_load_keyring(struct gw *gw, void *ctx)
{
	(void)ctx;
	hc_keyring_free(&gw->worker.keyring);
	assert_int_equal(hc_keyring_load(gw->worker.view, gw->gateway.seal, &gw->worker.keyring), HC_OK);
}

/* ---- life ---- */

static inline void *gw_thread(void *ctx)
{
	struct gw *gw = ctx;

	return hc_loop_run(gw->loop) == HC_OK ? NULL : ctx;
}

static inline void gw_configure(struct gw *gw)
{
	struct hc_gateway_config *config = &gw->gateway.config;

	(void)snprintf(config->issuer, sizeof(config->issuer), "%s", GW_ISSUER);
	config->threads = 1;
	config->session_lifetime_s = 8 * 3600;
	config->session_idle_s = 1800;
	config->code_s = 60;
	config->access_s = 300;
	config->refresh_s = 8 * 3600;
	config->id_token_s = 300;
}

static inline void gw_open_store(struct gw *gw)
{
	struct hc_loop *const loops[] = {gw->loop};
	const struct hc_gstore_options options = {
		.path = gw->store_path, .loops = loops, .loop_count = 1, .post = hc_loop_post};

	assert_int_equal(hc_gstore_open(&options, &gw->gateway.store), HC_OK);
	gw->worker.view = hc_gstore_view(gw->gateway.store, gw->loop);
}

/* Everything but the server: for tests that call the modules on the loop. */
static inline struct gw *gw_new(void)
{
	struct gw *gw = calloc(1, sizeof(*gw));

	assert_non_null(gw);
	assert_true(tempdir_make(&gw->dir));
	(void)tempdir_file(&gw->dir, "gateway.db", gw->store_path, sizeof(gw->store_path));
	(void)tempdir_file(&gw->dir, "seal.key", gw->seal_path, sizeof(gw->seal_path));
	atomic_store(&gw->now_ms, T0);
	gw->clock = (struct hc_clock){.realtime_ms = gw_clock_ms, .monotonic_ms = gw_clock_ms, .ctx = gw};
	gw->gateway.clock = &gw->clock;
	gw->gateway.workers = &gw->worker;
	gw->worker.gateway = &gw->gateway;
	gw->worker.persons = &gw->persons;
	gw->persons.people[0] = gw_doctor(7);
	gw_configure(gw);
	gw_write_seal(gw);
	assert_int_equal(hc_seal_derive(gw->gateway.seal, "hospiconnect sub v1", &gw->gateway.sub_key),
			 HC_OK);
	assert_int_equal(hc_loop_new(0, &gw->loop), HC_OK);
	gw->worker.loop = gw->loop;
	gw_open_store(gw);
	return gw;
}

static inline void gw_start(struct gw *gw, const struct hc_http_route *routes)
{
	static const struct hc_http_limits limits = {.connections = 1024,
						     .tls_handshake_timeout_ms = 60000,
						     .header_timeout_ms = 60000,
						     .body_timeout_ms = 60000,
						     .idle_timeout_ms = 60000,
						     .write_timeout_ms = 60000};

	assert_int_equal(hc_http_server_new(gw->loop, "127.0.0.1:0", NULL, routes, NULL, &gw->worker, &limits,
					    &gw->server),
			 HC_OK);
	gw->port = hc_http_server_port(gw->server);
	assert_int_equal(pthread_create(&gw->thread, NULL, gw_thread, gw), 0);
	gw->running = true;
	struct hc_signing_key keys[2];
	memcpy(keys, gw_keys(gw->gateway.seal), sizeof(keys));
	GW_WRITE(gw, gw_add_keys, keys);
	gw_on_loop(gw, gw_load_keyring, NULL);
}

static inline void gw_free(struct gw *gw)
{
	void *failed = NULL;

	if (gw->running) {
		hc_loop_stop(gw->loop);
		assert_int_equal(pthread_join(gw->thread, &failed), 0);
		assert_null(failed);
	}
	hc_http_server_free(&gw->server);
	hc_gstore_free(&gw->gateway.store);
	hc_loop_free(&gw->loop);
	hc_keyring_free(&gw->worker.keyring);
	hc_secret_free(&gw->gateway.sub_key);
	hc_seal_free(&gw->gateway.seal);
	tempdir_remove(&gw->dir);
	free(gw);
}

/* ---- what stands in the store ---- */

static inline struct hc_client gw_client_of(const char *id)
{
	struct hc_client client = {.profile = HC_CLIENT_OIDC,
				   .auth = HC_CLIENT_SECRET_BASIC,
				   .grants = HC_GRANT_CODE | HC_GRANT_REFRESH,
				   .scopes = {"openid profile scope_all"},
				   .redirect_uris = {.count = 1, .uri = {GW_URI}},
				   .id_token_alg = HC_JWS_ES256,
				   .access_format = HC_ACCESS_OPAQUE,
				   .created_ms = T0,
				   .secret_changed_ms = T0};

	(void)snprintf(client.id, sizeof(client.id), "%s", id);
	(void)snprintf(client.name, sizeof(client.name), "%s", id);
	assert_int_equal(hc_sha256(GW_SECRET, strlen(GW_SECRET), client.secret_hash), HC_OK);
	return client;
}

static inline enum hc_err gw_client_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_client *client = ctx;

	return hc_client_add(tx, client, &client->number);
}

/* Adds it and fills in its number. */
static inline void gw_add_client(struct gw *gw, struct hc_client *client)
{
	if (client->auth == HC_CLIENT_PUBLIC)
		memset(client->secret_hash, 0, sizeof(client->secret_hash));
	GW_WRITE(gw, gw_client_work, client);
}

/* A session, a grant in it and a code of the grant, as the authorization endpoint leaves them. */
struct gw_consent {
	const struct hc_client *client;
	int64_t person_id;
	const char *scope;
	const char *nonce;
	struct hc_browser_session session;
	struct hc_grant grant;
	struct hc_code code;
	struct hc_ticket cookie_text, code_text;
};

static inline enum hc_err gw_consent_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct gw_consent *consent = ctx;
	enum hc_err err = hc_session_add(tx, &consent->session);

	if (err == HC_OK)
		err = hc_grant_add(tx, &consent->grant);
	if (err == HC_OK)
		err = hc_code_add(tx, &consent->code);
	return err;
}

static inline void gw_fill_session(struct gw *gw, struct gw_consent *consent, int64_t now_ms)
{
	struct hc_browser_session *session = &consent->session;

	assert_int_equal(hc_ticket_make(hc_gstore_new_id(gw->gateway.store, now_ms), &consent->cookie_text,
					&session->cookie),
			 HC_OK);
	session->person_id = consent->person_id;
	(void)snprintf(session->login, sizeof(session->login), "martin");
	(void)snprintf(session->sid, sizeof(session->sid), "sid-%" PRId64, session->cookie.id);
	(void)snprintf(session->acr, sizeof(session->acr), "https://refeds.org/profile/mfa");
	(void)snprintf(session->amr, sizeof(session->amr), "pwd otp mfa");
	session->auth_ms = now_ms - 5000;
	session->created_ms = session->last_seen_ms = now_ms;
	session->expires_ms = session->keep_until_ms = now_ms + 8 * 3600000;
}

static inline void gw_fill_code(struct gw *gw, struct gw_consent *consent, int64_t now_ms)
{
	struct hc_code *code = &consent->code;

	assert_int_equal(
		hc_ticket_make(hc_gstore_new_id(gw->gateway.store, now_ms), &consent->code_text, &code->ref),
		HC_OK);
	code->grant_id = consent->grant.id;
	code->client = consent->client->number;
	(void)snprintf(code->redirect_uri, sizeof(code->redirect_uri), "%s", GW_URI);
	assert_int_equal(hc_sha256(GW_VERIFIER, strlen(GW_VERIFIER), code->challenge), HC_OK);
	(void)snprintf(code->nonce, sizeof(code->nonce), "%s", consent->nonce);
	code->issued_ms = now_ms;
	code->expires_ms = now_ms + 60000;
	code->keep_until_ms = now_ms + 600000;
}

static inline void gw_make_consent(struct gw *gw, struct gw_consent *consent)
{
	const int64_t now_ms = atomic_load(&gw->now_ms);
	struct hc_grant *grant = &consent->grant;

	gw_fill_session(gw, consent, now_ms);
	grant->id = hc_gstore_new_id(gw->gateway.store, now_ms);
	grant->client = consent->client->number;
	grant->session_id = consent->session.cookie.id;
	grant->person_id = consent->person_id;
	assert_int_equal(hc_subject(&gw->gateway, consent->person_id, grant->sub), HC_OK);
	(void)snprintf(grant->scope.text, sizeof(grant->scope.text), "%s", consent->scope);
	grant->created_ms = now_ms;
	grant->expires_ms = consent->session.keep_until_ms;
	gw_fill_code(gw, consent, now_ms);
	GW_WRITE(gw, gw_consent_work, consent);
}

/* ---- a client on a connection of its own for each request ---- */

struct gw_reply {
	unsigned status;
	char *text; /* header block and body; freed by gw_reply_free */
	const char *body;
};

static inline int gw_dial(const struct gw *gw)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(gw->port)};
	struct timeval patience = {.tv_sec = 30};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

/*
 * Room for a reply. Not by malloc: where a test makes the server's n-th allocation fail, this one of the test's own
 * thread must not be the one that is counted.
 */
static inline char *gw_room(void)
{
	char *const room = aligned_alloc(sizeof(void *), GW_REPLY);

	assert_non_null(room);
	memset(room, 0, GW_REPLY);
	return room;
}

static inline struct gw_reply gw_hear(int fd)
{
	struct gw_reply reply = {.text = gw_room()};
	size_t len = 0;
	ssize_t got = 0;

	while ((got = recv(fd, reply.text + len, GW_REPLY - len - 1, 0)) > 0)
		len += (size_t)got;
	assert_int_equal(got, 0);
	reply.text[len] = '\0';
	(void)close(fd);
	assert_memory_equal(reply.text, "HTTP/1.1 ", 9);
	reply.status = (unsigned)strtoul(reply.text + 9, NULL, 10);
	const char *end = strstr(reply.text, "\r\n\r\n");
	assert_non_null(end);
	reply.body = end + 4;
	return reply;
}

static inline void gw_reply_free(struct gw_reply *reply)
{
	free(reply->text);
	reply->text = NULL;
}
#define GW_REPLY_OF(name) __attribute__((unused)) struct gw_reply name HC_CLEANUP(gw_reply_free)

/* headers: whole lines with CR LF, or "". */
static inline struct gw_reply gw_send(const struct gw *gw, const char *method, const char *target,
				      const char *headers, const char *body)
{
	static _Thread_local char request[GW_REPLY];
	const int fd = gw_dial(gw);
	const int len = snprintf(request, sizeof(request),
				 "%s %s HTTP/1.1\r\nHost: sso.example\r\nConnection: close\r\n%s"
				 "Content-Length: %zu\r\n\r\n%s",
				 method, target, headers, strlen(body), body);

	assert_in_range(len, 1, sizeof(request) - 1);
	assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
	return gw_hear(fd);
}

static inline struct gw_reply gw_get(const struct gw *gw, const char *target, const char *headers)
{
	return gw_send(gw, "GET", target, headers, "");
}

#define GW_FORM "Content-Type: application/x-www-form-urlencoded\r\n"

static inline struct gw_reply gw_post(const struct gw *gw, const char *target, const char *headers,
				      const char *form)
{
	char all[12000];

	(void)snprintf(all, sizeof(all), "%s%s", GW_FORM, headers);
	return gw_send(gw, "POST", target, all, form);
}

/* A header line "Authorization: Basic …" for id and secret as they are. */
static inline const char *gw_basic(const char *id, const char *secret)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static _Thread_local char line[1024];
	char plain[512];
	const size_t len = (size_t)snprintf(plain, sizeof(plain), "%s:%s", id, secret);
	size_t at = (size_t)snprintf(line, sizeof(line), "Authorization: Basic ");

	for (size_t i = 0; i < len; i += 3) {
		const unsigned bits = (unsigned)(uint8_t)plain[i] << 16 |
				      (i + 1 < len ? (unsigned)(uint8_t)plain[i + 1] << 8 : 0) |
				      (i + 2 < len ? (unsigned)(uint8_t)plain[i + 2] : 0);

		line[at++] = digits[bits >> 18 & 63];
		line[at++] = digits[bits >> 12 & 63];
		line[at++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		line[at++] = i + 2 < len ? digits[bits & 63] : '=';
	}
	(void)snprintf(line + at, sizeof(line) - at, "\r\n");
	return line;
}

static inline const char *gw_bearer(const char *token)
{
	static _Thread_local char line[10000];

	(void)snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", token);
	return line;
}

/* ---- reading answers ---- */

static inline void gw_json_free(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}
#define GW_JSON(name) HC_CLEANUP(gw_json_free) json_t *name

static inline json_t *gw_json(const struct gw_reply *reply)
{
	json_t *json = json_loads(reply->body, JSON_REJECT_DUPLICATES, NULL);

	if (json == NULL)
		fail_msg("no JSON: %s", reply->text);
	return json;
}

static inline const char *gw_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text != NULL ? text : "";
}

/* The payload of a JWT, unverified. */
static inline json_t *gw_payload(const char *compact)
{
	const char *from = strchr(compact, '.');
	const char *to = from == NULL ? NULL : strchr(from + 1, '.');
	uint8_t text[HC_JWS_MAX];
	size_t len = 0;

	assert_non_null(to);
	assert_int_equal(hc_b64url_decode(from + 1, (size_t)(to - from - 1), text, sizeof(text), &len),
			 HC_OK);
	json_t *json = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	return json;
}

#endif
