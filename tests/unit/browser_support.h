/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROWSER_SUPPORT_H
#define HC_BROWSER_SUPPORT_H

#include "gateway_support.h"
#include "oauth/browser.h"
#include "oauth/signins.h"
#include "tests/support/fake_link.h"

/*
 * A gateway of two loops, whole but for the broker (tests/support/fake_link.h), and browsers that keep
 * cookies and speak raw HTTP. A door is one loop's port: door.gw_… functions of gateway_support.h work on
 * it as far as they need a port, a loop, a store and what is known about people.
 */
#define DOORS	  2
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" /* of GW_VERIFIER */
#define SITE_BACK "https://app.example/bye"

struct site {
	struct gw *base; /* store, seal, clock; its loop serves nobody */
	struct gw doors[DOORS];
	struct hc_gateway *gateway;
	struct hc_worker workers[DOORS];
	struct hc_http_route *routes;	   /* as the program has them */
	const struct hc_http_route *table; /* what is served: those, or the test's own */
	struct hc_client app, other;
};

static inline void *site_thread(void *ctx)
{
	struct gw *door = ctx;

	return hc_loop_run(door->loop) == HC_OK ? NULL : ctx;
}

static inline void site_open_store(struct site *site)
{
	struct hc_loop *const loops[] = {site->base->loop, site->doors[0].loop, site->doors[1].loop};
	const struct hc_gstore_options options = {
		.path = site->base->store_path, .loops = loops, .loop_count = 3, .post = hc_loop_post};

	hc_gstore_free(&site->gateway->store);
	assert_int_equal(hc_gstore_open(&options, &site->gateway->store), HC_OK);
}

static inline void site_open_door(struct site *site, unsigned at)
{
	static const struct hc_http_limits limits = {.connections = 1024,
						     .tls_handshake_timeout_ms = 60000,
						     .header_timeout_ms = 60000,
						     .body_timeout_ms = 60000,
						     .idle_timeout_ms = 60000,
						     .write_timeout_ms = 60000};
	struct gw *door = &site->doors[at];
	struct hc_worker *worker = &site->workers[at];

	door->gateway.store = site->gateway->store;
	door->persons.people[0] = gw_doctor(7);
	door->persons.people[1] = gw_doctor(8);
	*worker = (struct hc_worker){.gateway = site->gateway,
				     .loop = door->loop,
				     .view = hc_gstore_view(site->gateway->store, door->loop),
				     .broker = fake_link_new(door->loop),
				     .persons = &door->persons};
	assert_int_equal(hc_keyring_load(worker->view, site->gateway->seal, &worker->keyring), HC_OK);
	assert_int_equal(hc_signins_new(worker, &worker->signins), HC_OK);
	assert_int_equal(hc_http_server_new(door->loop, "127.0.0.1:0", NULL, site->table, hc_handle_not_found,
					    worker, &limits, &door->server),
			 HC_OK);
	door->port = hc_http_server_port(door->server);
	assert_int_equal(pthread_create(&door->thread, NULL, site_thread, door), 0);
	door->running = true;
}

static inline enum hc_err site_clients(struct hc_gstore_tx *tx, void *ctx)
{
	struct site *site = ctx;
	enum hc_err err = hc_client_add(tx, &site->app, &site->app.number);

	return err == HC_OK ? hc_client_add(tx, &site->other, &site->other.number) : err;
}

static inline enum hc_err site_first_rows(struct hc_gstore_tx *tx, void *ctx)
{
	struct site *site = ctx;
	const enum hc_err err = gw_add_keys(tx, (void *)(uintptr_t)gw_keys(site->gateway->seal));

	return err == HC_OK ? site_clients(tx, ctx) : err;
}

/* A write while no loop runs yet: its completion runs with the store's end. */
static inline void site_fill(struct site *site)
{
	site->app = gw_client_of("app");
	(void)snprintf(site->app.name, sizeof(site->app.name), "Dossier <patient>");
	site->app.post_logout_uris = (struct hc_uri_list){.count = 1, .uri = {SITE_BACK}};
	site->other = gw_client_of("other");
	(void)snprintf(site->other.redirect_uris.uri[0], HC_URI_MAX, "https://other.example/cb?tenant=1");
	site->other.post_logout_uris = (struct hc_uri_list){.count = 1, .uri = {"https://other.example/bye"}};
	assert_int_equal(hc_gstore_write(site->gateway->store, site->base->loop, site_first_rows, NULL, site),
			 HC_OK);
}

/* table: NULL for the program's own routes. */
static inline struct site *site_new(const struct hc_http_route *table)
{
	struct site *site = calloc(1, sizeof(*site));

	assert_non_null(site);
	fake_link_reset();
	site->base = gw_new();
	site->gateway = &site->base->gateway;
	site->gateway->workers = site->workers;
	site->gateway->config.threads = DOORS;
	site->gateway->config.language = HC_LANG_EN;
	assert_int_equal(hc_seal_new_random(&site->gateway->page_seal), HC_OK);
	assert_int_equal(hc_routes_new(&site->gateway->config, &site->routes), HC_OK);
	site->table = table != NULL ? table : site->routes;
	for (unsigned i = 0; i < DOORS; i++)
		assert_int_equal(hc_loop_new(1 + i, &site->doors[i].loop), HC_OK);
	site_open_store(site);
	site_fill(site);
	site_open_store(site); /* whatever was queued is on disk now */
	for (unsigned i = 0; i < DOORS; i++)
		site_open_door(site, i);
	return site;
}

/* Ends the loops; what they had under way is still there. */
static inline void site_stop(struct site *site)
{
	for (unsigned i = 0; i < DOORS; i++) {
		void *failed = NULL;

		if (!site->doors[i].running)
			continue;
		hc_loop_stop(site->doors[i].loop);
		assert_int_equal(pthread_join(site->doors[i].thread, &failed), 0);
		assert_null(failed);
		site->doors[i].running = false;
	}
}

static inline void site_free(struct site *site)
{
	site_stop(site);
	for (unsigned i = 0; i < DOORS; i++)
		hc_http_server_free(&site->doors[i].server);
	for (unsigned i = 0; i < DOORS; i++)
		hc_signins_free(&site->workers[i].signins);
	hc_gstore_free(&site->gateway->store);
	for (unsigned i = 0; i < DOORS; i++)
		hc_loop_free(&site->doors[i].loop);
	for (unsigned i = 0; i < DOORS; i++) {
		hc_broker_link_free(&site->workers[i].broker);
		hc_keyring_free(&site->workers[i].keyring);
	}
	hc_routes_free(&site->routes);
	hc_seal_free(&site->gateway->page_seal);
	gw_free(site->base);
	free(site);
}

static inline int site_setup(void **state)
{
	*state = site_new(NULL);
	return 0;
}

static inline int site_teardown(void **state)
{
	site_free(*state);
	return 0;
}

#define SITE_CASE(name) cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

/* ---- what stands in the store, seen from a loop ---- */

struct site_look {
	struct hc_gstore_view *view;
	void (*fn)(struct hc_gstore_view *view, void *ctx);
	void *ctx;
};

static inline void site_run_look(struct gw *door, void *ctx)
{
	const struct site_look *look = ctx;

	(void)door;
	look->fn(look->view, look->ctx);
}

static inline void site_look(struct site *site, void (*fn)(struct hc_gstore_view *view, void *ctx), void *ctx)
{
	struct site_look look = {.view = site->workers[0].view, .fn = fn, .ctx = ctx};

	gw_on_loop(&site->doors[0], site_run_look, &look);
}

struct site_sessions {
	int64_t now_ms;
	struct hc_browser_session rows[8];
	size_t count;
};

static inline void site_list(struct hc_gstore_view *view, void *ctx)
{
	struct site_sessions *sessions = ctx;
	int64_t cursor = 0;

	assert_int_equal(hc_session_list(view, 0, sessions->now_ms, &cursor, HC_COUNT(sessions->rows),
					 sessions->rows, &sessions->count),
			 HC_OK);
}

/* The living sessions. */
static inline struct site_sessions site_sessions(struct site *site)
{
	struct site_sessions sessions = {.now_ms = atomic_load(&site->base->now_ms)};

	site_look(site, site_list, &sessions);
	return sessions;
}

struct site_records {
	struct hc_outbox_record rows[8];
	size_t count;
};

static inline void site_list_records(struct hc_gstore_view *view, void *ctx)
{
	struct site_records *records = ctx;

	assert_int_equal(hc_outbox_list(view, HC_COUNT(records->rows), records->rows, &records->count),
			 HC_OK);
}

static inline struct site_records site_records(struct site *site)
{
	struct site_records records;

	site_look(site, site_list_records, &records);
	return records;
}

static inline uint64_t site_counter(const struct site *site, enum hc_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DOORS; i++)
		sum += atomic_load(&site->workers[i].counters[counter]);
	return sum;
}

/* ---- browsers ---- */

struct browser {
	struct site *site;
	unsigned door;
	const char *headers; /* more lines for each request; NULL: none */
	char login[HC_LOGIN_COOKIE_LEN + 1], session[HC_TICKET_LEN + 1];
	/* of the last page */
	char request[9000], conversation[64], logout[9000];
};

static inline void browser_take(const struct gw_reply *reply, const char *name, char *out, size_t cap)
{
	char wanted[64];
	const char *at = NULL;

	(void)snprintf(wanted, sizeof(wanted), "\r\nSet-Cookie: %s=", name);
	at = strstr(reply->text, wanted);
	if (at == NULL || at > reply->body)
		return;
	at += strlen(wanted);
	(void)snprintf(out, cap, "%.*s", (int)strcspn(at, ";\r"), at);
}

/* The value of a hidden field; out stays as it is where there is none. */
static inline void browser_field(const struct gw_reply *reply, const char *name, char *out, size_t cap)
{
	char wanted[96];
	const char *at = NULL;

	(void)snprintf(wanted, sizeof(wanted), "<input type=\"hidden\" name=\"%s\" value=\"", name);
	at = strstr(reply->body, wanted);
	if (at == NULL)
		return;
	at += strlen(wanted);
	(void)snprintf(out, cap, "%.*s", (int)strcspn(at, "\""), at);
}

/* As gw_hear, but a connection that is closed without an answer is status 0. */
static inline struct gw_reply browser_hear(int fd)
{
	struct gw_reply reply = {.text = gw_room()};
	size_t len = 0;
	ssize_t got = 0;

	while ((got = recv(fd, reply.text + len, GW_REPLY - len - 1, 0)) > 0)
		len += (size_t)got;
	(void)close(fd);
	reply.status = len > 12 ? (unsigned)strtoul(reply.text + 9, NULL, 10) : 0;
	reply.body = strstr(reply.text, "\r\n\r\n");
	reply.body = reply.body != NULL ? reply.body + 4 : reply.text;
	return reply;
}

static inline struct gw_reply browser_send(struct browser *browser, const char *method, const char *target,
					   const char *headers, const char *body)
{
	static _Thread_local char request[GW_REPLY];
	const int fd = gw_dial(&browser->site->doors[browser->door]);
	char cookies[256] = "";

	if (browser->login[0] != '\0' || browser->session[0] != '\0')
		(void)snprintf(cookies, sizeof(cookies), "Cookie: a=b; %s=%s; %s=%s\r\n", HC_COOKIE_LOGIN,
			       browser->login, HC_COOKIE_SESSION, browser->session);
	const int len = snprintf(request, sizeof(request),
				 "%s %s HTTP/1.1\r\nHost: sso.example\r\nConnection: close\r\n%s%s%s"
				 "Content-Length: %zu\r\n\r\n%s",
				 method, target, cookies, headers,
				 browser->headers != NULL ? browser->headers : "", strlen(body), body);
	assert_in_range(len, 1, sizeof(request) - 1);
	assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
	struct gw_reply reply = browser_hear(fd);
	browser_take(&reply, HC_COOKIE_LOGIN, browser->login, sizeof(browser->login));
	browser_take(&reply, HC_COOKIE_SESSION, browser->session, sizeof(browser->session));
	browser_field(&reply, "request", browser->request, sizeof(browser->request));
	browser_field(&reply, "conversation", browser->conversation, sizeof(browser->conversation));
	browser_field(&reply, "logout", browser->logout, sizeof(browser->logout));
	return reply;
}

static inline struct gw_reply browser_get(struct browser *browser, const char *target)
{
	return browser_send(browser, "GET", target, "", "");
}

static inline struct gw_reply browser_post(struct browser *browser, const char *target, const char *form)
{
	return browser_send(browser, "POST", target, GW_FORM, form);
}

#define SITE_QUERY                                                                                     \
	"client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid%20" \
	"profile&state=st%2Fate&nonce=n1&code_challenge=" CHALLENGE "&code_challenge_method=S256"
#define SITE_OTHER                                                                                      \
	"client_id=other&redirect_uri=https%3A%2F%2Fother.example%2Fcb%3Ftenant%3D1&response_type=code" \
	"&scope=openid&state=o&code_challenge=" CHALLENGE "&code_challenge_method=S256"

static inline struct gw_reply browser_authorize(struct browser *browser, const char *query, const char *more)
{
	char target[8192];

	gw_print(target, sizeof(target), "%s?%s%s", HC_PATH_AUTHORIZE, query, more);
	return browser_get(browser, target);
}

static inline struct gw_reply browser_password(struct browser *browser, const char *user,
					       const char *password)
{
	char form[12000];

	(void)snprintf(form, sizeof(form), "request=%s&username=%s&password=%s", browser->request, user,
		       password);
	return browser_post(browser, HC_PATH_LOGIN, form);
}

static inline struct gw_reply browser_code(struct browser *browser, const char *code)
{
	char form[12000];

	(void)snprintf(form, sizeof(form), "request=%s&conversation=%s&code=%s", browser->request,
		       browser->conversation, code);
	return browser_post(browser, HC_PATH_LOGIN, form);
}

/* Both pages, from an open first page. */
static inline struct gw_reply browser_sign_in(struct browser *browser, const char *user)
{
	GW_REPLY_OF(page) = browser_password(browser, user, "correct+horse");

	assert_int_equal(page.status, 200);
	assert_true(browser->conversation[0] != '\0');
	return browser_code(browser, FAKE_CODE);
}

/* ---- what an answer says ---- */

/* The value of a header, cut off at its end; NULL: there is none. */
static inline const char *reply_header(const struct gw_reply *reply, const char *name)
{
	static _Thread_local char value[16384];
	char wanted[64];
	const char *at = NULL;

	(void)snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
	at = strstr(reply->text, wanted);
	if (at == NULL || at > reply->body)
		return NULL;
	at += strlen(wanted);
	(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

static inline const char *reply_location(const struct gw_reply *reply)
{
	const char *location = reply_header(reply, "Location");

	if (reply->status != 303 || location == NULL)
		fail_msg("no redirect: %.600s", reply->text);
	return location;
}

/* A parameter of the redirect, decoded; "": it is not there. */
static inline const char *reply_param(const struct gw_reply *reply, const char *name)
{
	static _Thread_local char text[4096];
	const char *query = strchr(reply_location(reply), '?');
	struct hc_params params;
	struct hc_view value = {.data = ""};

	assert_non_null(query);
	assert_int_equal(hc_params_parse(query + 1, strlen(query + 1), &params), HC_OK);
	if (hc_params_get(&params, name, &value) != HC_OK)
		value.data = "";
	(void)snprintf(text, sizeof(text), "%s", value.data);
	hc_params_clear(&params);
	return text;
}

/* A code for the first application, to its address, with its state and the issuer. */
static inline void assert_code(const struct gw_reply *reply)
{
	assert_memory_equal(reply_location(reply), GW_URI "?code=", strlen(GW_URI "?code="));
	assert_int_equal(strlen(reply_param(reply, "code")), HC_TICKET_LEN);
	assert_string_equal(reply_param(reply, "state"), "st/ate");
	assert_string_equal(reply_param(reply, "iss"), GW_ISSUER);
}

static inline void assert_client_error(const struct gw_reply *reply, const char *error)
{
	if (strcmp(reply_param(reply, "error"), error) != 0)
		fail_msg("%s, not %s", reply_location(reply), error);
	assert_string_equal(reply_param(reply, "code"), "");
	assert_string_equal(reply_param(reply, "iss"), GW_ISSUER);
}

static inline void assert_page(const struct gw_reply *reply, unsigned status, const char *holds)
{
	if (reply->status != status || strstr(reply->body, holds) == NULL)
		fail_msg("%u, not %u with \"%s\": %s", reply->status, status, holds, reply->body);
	assert_null(reply_header(reply, "Location"));
}

#define FIRST_PAGE  "name=\"password\""
#define SECOND_PAGE "name=\"code\""
#define REFUSED	    "Username, password or code is wrong."

/* A signed-in browser; ret_code (NULL: not needed) gets the code. */
static inline void browser_enter(struct browser *browser, const char *user, char ret_code[HC_TICKET_LEN + 1])
{
	GW_REPLY_OF(page) = browser_authorize(browser, SITE_QUERY, "");
	GW_REPLY_OF(end) = browser_sign_in(browser, user);

	assert_code(&end);
	if (ret_code != NULL)
		(void)snprintf(ret_code, HC_TICKET_LEN + 1, "%s", reply_param(&end, "code"));
}

/* The tokens of a code of the first application. */
static inline json_t *browser_redeem(const struct browser *browser, const char *code)
{
	char form[1024];

	(void)snprintf(form, sizeof(form),
		       "grant_type=authorization_code&code=%s&code_verifier=%s"
		       "&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fcb",
		       code, GW_VERIFIER);
	GW_REPLY_OF(reply) = gw_post(&browser->site->doors[browser->door], HC_PATH_TOKEN,
				     gw_basic("app", GW_SECRET), form);
	if (reply.status != 200)
		fail_msg("%s", reply.text);
	return gw_json(&reply);
}

#endif
