/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints when memory runs out or the store's queue is full: every allocation of a request on the loop,
 * before the write and behind it, and every write, one after the other. Whatever fails is no grant, no
 * request stays without its end, and the next one is served.
 */
#include <sched.h>

#include "fault_phase.h"
#include "oauth_rig.h"

FAULTY(token)
FAULTY(userinfo)
FAULTY(introspect)
FAULTY(revoke)
FAULTY(discovery)
FAULTY(jwks)

static const struct hc_http_route routes[] = {
	{HC_PATH_DISCOVERY, HC_HTTP_GET, faulty_discovery},
	{HC_PATH_JWKS, HC_HTTP_GET, faulty_jwks},
	{HC_PATH_TOKEN, HC_HTTP_POST, faulty_token},
	{HC_PATH_USERINFO, HC_HTTP_GET | HC_HTTP_POST, faulty_userinfo},
	{HC_PATH_INTROSPECT, HC_HTTP_POST, faulty_introspect},
	{HC_PATH_REVOKE, HC_HTTP_POST, faulty_revoke},
	{.path = NULL},
};

static int setup(void **state)
{
	struct oauth_rig *rig = calloc(1, sizeof(*rig));

	plan.n = 0;
	rig->gw = gw_new();
	gw_start(rig->gw, routes);
	rig->app = gw_client_of("app");
	gw_add_client(rig->gw, &rig->app);
	rig->psc = gw_client_of("psc");
	rig->psc.profile = HC_CLIENT_PSC;
	gw_add_client(rig->gw, &rig->psc);
	*state = rig;
	return 0;
}

/* ---- one request ---- */

struct request {
	const char *method, *target;
	const char *client, *secret; /* secret NULL: the right one */
	const char *token;	     /* instead of a client */
	char form[2 * HC_JWS_MAX];
};

static void set_plan(struct gw *gw, void *ctx)
{
	(void)gw;
	plan.n = *(unsigned *)ctx;
	plan.used = 0;
	plan.hit = plan.armed = false;
}

static void get_hit(struct gw *gw, void *ctx)
{
	(void)gw;
	*(bool *)ctx = plan.hit;
}

/* A status, or 0 where the connection was closed instead. */
static unsigned hear_status(int fd)
{
	char text[GW_REPLY];
	size_t len = 0;
	ssize_t got = 0;

	while ((got = recv(fd, text + len, sizeof(text) - len - 1, 0)) > 0)
		len += (size_t)got;
	(void)close(fd);
	text[len] = '\0';
	return len < 12 ? 0 : (unsigned)strtoul(text + 9, NULL, 10);
}

/* The request with its n-th point failing (0: none); ret_hit: whether there is such a point. */
static unsigned send_request(struct oauth_rig *rig, const struct request *request, unsigned n, bool *ret_hit)
{
	static char text[4 * HC_JWS_MAX];
	const char *authorization =
		request->token != NULL
			? gw_bearer(request->token)
			: gw_basic(request->client, request->secret != NULL ? request->secret : GW_SECRET);
	const int fd = gw_dial(rig->gw);
	const int len = snprintf(text, sizeof(text),
				 "%s %s HTTP/1.1\r\nHost: sso.example\r\nConnection: close\r\n%s%s"
				 "Content-Length: %zu\r\n\r\n%s",
				 request->method, request->target, GW_FORM, authorization,
				 strlen(request->form), request->form);

	gw_on_loop(rig->gw, set_plan, &n);
	assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
	const unsigned status = hear_status(fd);
	while (atomic_load(&in_phase)) /* it was answered, and is about to end */
		(void)sched_yield();
	gw_on_loop(rig->gw, get_hit, ret_hit);
	n = 0;
	gw_on_loop(rig->gw, set_plan, &n);
	return status;
}

static bool is_trouble(unsigned status)
{
	return status == 0 || status == 500 || status == 503;
}

/* Of a request that changes nothing: each point that fails is told so, or is the end of the connection. */
static void fail_each_point(struct oauth_rig *rig, const struct request *request, unsigned right)
{
	bool hit = true;
	unsigned n = 1;

	for (; hit; n++) {
		const unsigned status = send_request(rig, request, n, &hit);

		assert_in_range(n, 1, 200);
		if (hit ? !is_trouble(status) : status != right)
			fail_msg("%s, point %u: %u", request->target, n, status);
		const unsigned again = hit ? send_request(rig, request, 0, &(bool){false}) : right;
		if (again != right)
			fail_msg("%s, behind point %u: %u", request->target, n, again);
	}
	assert_true(n > 2);
}

/* ---- the tests ---- */

static struct request redemption(struct oauth_rig *rig, const struct hc_client *client)
{
	struct request request = {.method = "POST", .target = HC_PATH_TOKEN, .client = client->id};

	rig->consent = (struct gw_consent){.client = client, .person_id = 7, .scope = "openid", .nonce = "n"};
	gw_make_consent(rig->gw, &rig->consent);
	(void)snprintf(request.form, sizeof(request.form),
		       "grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s",
		       rig->consent.code_text.text, GW_URI, GW_VERIFIER);
	return request;
}

/* Before the write it can be redeemed still, behind it it is gone; never is it answered and good again. */
static void redeem_with_each_point_failing(struct oauth_rig *rig, const struct hc_client *client)
{
	bool hit = true, was_used = false;

	for (unsigned n = 1; hit; n++) {
		const struct request request = redemption(rig, client);
		const unsigned status = send_request(rig, &request, n, &hit);

		assert_in_range(n, 1, 200);
		if (hit ? !is_trouble(status) : status != 200)
			fail_msg("point %u: %u", n, status);
		const unsigned again = send_request(rig, &request, 0, &(bool){false});
		was_used = was_used || again == 400;
		if (again != (was_used ? 400u : 200u))
			fail_msg("behind point %u: %u", n, again);
	}
	assert_true(was_used);
}

static void a_code_is_not_answered_when_memory_is_short(void **state)
{
	struct oauth_rig *rig = *state;
	struct hc_client jwt = oauth_jwt_client(rig, HC_GRANT_CODE | HC_GRANT_REFRESH);

	redeem_with_each_point_failing(rig, &rig->app);
	redeem_with_each_point_failing(rig, &jwt);
}

static void a_refresh_token_is_not_answered_when_memory_is_short(void **state)
{
	struct oauth_rig *rig = *state;
	bool hit = true;

	for (unsigned n = 1; hit; n++) {
		struct request request = {.method = "POST", .target = HC_PATH_TOKEN, .client = "app"};

		oauth_sign_in(rig, &rig->app, "openid");
		(void)snprintf(request.form, sizeof(request.form),
			       "grant_type=refresh_token&refresh_token=%s", rig->refresh);
		const unsigned status = send_request(rig, &request, n, &hit);
		if (hit ? !is_trouble(status) : status != 200)
			fail_msg("point %u: %u", n, status);
		/* Its answer was lost or there was none: the grace lets it have another. */
		const unsigned again = send_request(rig, &request, 0, &(bool){false});
		if (again != 200)
			fail_msg("behind point %u: %u", n, again);
	}
}

static void requests_that_can_be_repeated_are(void **state)
{
	struct oauth_rig *rig = *state;
	struct request post = {.method = "POST", .client = "app"};
	struct request get = {.method = "GET", .client = "app"};
	static const char *const services[] = {"jwt", "opaque"};

	(void)oauth_jwt_client(rig, HC_GRANT_CREDENTIALS);
	struct hc_client opaque = gw_client_of("opaque");
	opaque.grants = HC_GRANT_CREDENTIALS;
	opaque.redirect_uris.count = 0;
	gw_add_client(rig->gw, &opaque);
	for (size_t i = 0; i < HC_COUNT(services); i++) {
		struct request request = {.method = "POST", .target = HC_PATH_TOKEN, .client = services[i]};

		(void)snprintf(request.form, sizeof(request.form), "grant_type=client_credentials");
		fail_each_point(rig, &request, 200);
	}
	oauth_sign_in(rig, &rig->psc, "openid scope_all");
	get.target = HC_PATH_USERINFO;
	get.token = rig->access;
	fail_each_point(rig, &get, 200);
	post.target = HC_PATH_INTROSPECT;
	post.client = "psc";
	(void)snprintf(post.form, sizeof(post.form), "token=%s", rig->access);
	fail_each_point(rig, &post, 200);
	post.target = HC_PATH_REVOKE;
	fail_each_point(rig, &post, 200);
	get.token = NULL;
	get.target = HC_PATH_DISCOVERY;
	fail_each_point(rig, &get, 200);
	get.target = HC_PATH_JWKS;
	fail_each_point(rig, &get, 200);
}

/* What could not be recorded is refused all the same. */
static void a_wrong_secret_stays_one_when_memory_is_short(void **state)
{
	struct oauth_rig *rig = *state;
	struct request request = {.method = "POST", .target = HC_PATH_TOKEN, .secret = "wrong"};
	static const char *const clients[] = {"app", "nobody"};

	for (size_t i = 0; i < HC_COUNT(clients); i++) {
		bool hit = true;

		request.client = clients[i];
		for (unsigned n = 1; hit; n++) {
			const unsigned status = send_request(rig, &request, n, &hit);

			assert_in_range(n, 1, 200);
			if (!is_trouble(status) && status != 401)
				fail_msg("%s, point %u: %u", clients[i], n, status);
			gw_pass(rig->gw, HC_REFUSALS_MS); /* so that each is to be recorded */
		}
	}
}

/* ---- the keyring, on the test's thread ---- */

static void a_keyring_is_whole_or_not_there(void **state)
{
	struct oauth_rig *rig = *state;
	const struct hc_seal *seal = rig->gw->gateway.seal;
	bool hit = true;

	for (unsigned n = 1; hit; n++) {
		struct hc_signing_key row = {.kid = "untouched"};

		hc_fault_arm(HC_FAULT_MEMORY, n);
		const enum hc_err err = hc_keyring_make(HC_JWS_ES256, seal, T0, &row);
		hit = hc_fault_hit();
		hc_fault_disarm();
		assert_true((err == HC_OK) == !hit);
		assert_true((strcmp(row.kid, "untouched") == 0) == hit);
	}
}

static void load_faulty(struct gw *gw, void *ctx)
{
	HC_AUTO(keyring) keyring = NULL;
	bool hit = true;

	(void)ctx;
	for (unsigned n = 1; hit; n++) {
		hc_keyring_free(&keyring);
		hc_fault_arm(HC_FAULT_MEMORY, n);
		const enum hc_err err = hc_keyring_load(gw->worker.view, gw->gateway.seal, &keyring);
		hit = hc_fault_hit();
		hc_fault_disarm();
		assert_true((err == HC_OK) == !hit);
		assert_true((keyring != NULL) == !hit);
	}
}

static void a_keyring_is_loaded_whole_or_not_at_all(void **state)
{
	struct oauth_rig *rig = *state;

	gw_on_loop(rig->gw, load_faulty, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, oauth_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_code_is_not_answered_when_memory_is_short),
		CASE(a_refresh_token_is_not_answered_when_memory_is_short),
		CASE(requests_that_can_be_repeated_are),
		CASE(a_wrong_secret_stays_one_when_memory_is_short),
		CASE(a_keyring_is_whole_or_not_there),
		CASE(a_keyring_is_loaded_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
