/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OAUTH_RIG_H
#define HC_OAUTH_RIG_H

#include "gateway_support.h"

/* All endpoints that applications call, four clients, and one person's tokens for the first of them. */
struct oauth_rig {
	struct gw *gw;
	struct hc_client app, other, server, psc; /* server: a resource server that may introspect */
	struct gw_consent consent;
	char access[HC_JWS_MAX], refresh[HC_JWS_MAX], id_token[HC_JWS_MAX];
};

static const struct hc_http_route oauth_routes[] = {
	{HC_PATH_DISCOVERY, HC_HTTP_GET, hc_handle_discovery},
	{HC_PATH_OAUTH_METADATA, HC_HTTP_GET, hc_handle_discovery},
	{HC_PATH_WALLET_DISCOVERY, HC_HTTP_GET, hc_handle_discovery},
	{HC_PATH_JWKS, HC_HTTP_GET, hc_handle_jwks},
	{HC_PATH_TOKEN, HC_HTTP_POST, hc_handle_token},
	{HC_PATH_USERINFO, HC_HTTP_GET | HC_HTTP_POST, hc_handle_userinfo},
	{HC_PATH_INTROSPECT, HC_HTTP_POST, hc_handle_introspect},
	{HC_PATH_REVOKE, HC_HTTP_POST, hc_handle_revoke},
	{.path = NULL},
};

static inline void oauth_copy(const json_t *json, const char *name, char out[HC_JWS_MAX])
{
	(void)snprintf(out, HC_JWS_MAX, "%s", gw_text(json, name));
}

/* A new consent for the client, redeemed: the rig's tokens from now on. */
static inline void oauth_sign_in(struct oauth_rig *rig, const struct hc_client *client, const char *scope)
{
	char form[2048];

	rig->consent = (struct gw_consent){.client = client, .person_id = 7, .scope = scope, .nonce = ""};
	gw_make_consent(rig->gw, &rig->consent);
	(void)snprintf(form, sizeof(form),
		       "grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s",
		       rig->consent.code_text.text, GW_URI, GW_VERIFIER);
	GW_REPLY_OF(reply) = gw_post(rig->gw, HC_PATH_TOKEN, gw_basic(client->id, GW_SECRET), form);
	if (reply.status != 200)
		fail_msg("%u %s", reply.status, reply.body);
	GW_JSON(json) = gw_json(&reply);
	oauth_copy(json, "access_token", rig->access);
	oauth_copy(json, "refresh_token", rig->refresh);
	oauth_copy(json, "id_token", rig->id_token);
}

static inline int oauth_setup(void **state)
{
	struct oauth_rig *rig = calloc(1, sizeof(*rig));

	rig->gw = gw_new();
	gw_start(rig->gw, oauth_routes);
	rig->app = gw_client_of("app");
	gw_add_client(rig->gw, &rig->app);
	rig->other = gw_client_of("other");
	gw_add_client(rig->gw, &rig->other);
	rig->server = gw_client_of("server");
	rig->server.may_introspect = true;
	rig->server.grants = HC_GRANT_CREDENTIALS;
	rig->server.redirect_uris.count = 0;
	(void)snprintf(rig->server.scopes.text, sizeof(rig->server.scopes.text), "lab:read");
	gw_add_client(rig->gw, &rig->server);
	rig->psc = gw_client_of("psc");
	rig->psc.profile = HC_CLIENT_PSC;
	gw_add_client(rig->gw, &rig->psc);
	oauth_sign_in(rig, &rig->app, "openid profile");
	*state = rig;
	return 0;
}

static inline int oauth_teardown(void **state)
{
	struct oauth_rig *rig = *state;

	gw_free(rig->gw);
	free(rig);
	return 0;
}

/* A client like the first, but with JWT access tokens. */
static inline struct hc_client oauth_jwt_client(struct oauth_rig *rig, uint32_t grants)
{
	struct hc_client client = gw_client_of("jwt");

	client.access_format = HC_ACCESS_JWT;
	client.grants = grants;
	if ((grants & HC_GRANT_CODE) == 0)
		client.redirect_uris.count = 0;
	(void)snprintf(client.scopes.text, sizeof(client.scopes.text), "openid profile lab:read");
	gw_add_client(rig->gw, &client);
	return client;
}

/* A token of client_credentials, copied. */
static inline void oauth_credentials(struct oauth_rig *rig, const char *client, char out[HC_JWS_MAX])
{
	GW_REPLY_OF(reply) =
		gw_post(rig->gw, HC_PATH_TOKEN, gw_basic(client, GW_SECRET), "grant_type=client_credentials");
	GW_JSON(json) = gw_json(&reply);

	assert_int_equal(reply.status, 200);
	oauth_copy(json, "access_token", out);
}

static inline struct gw_reply oauth_token_call(struct oauth_rig *rig, const char *path, const char *client,
					       const char *token)
{
	char form[HC_JWS_MAX + 64];

	(void)snprintf(form, sizeof(form), "token=%s", token);
	return gw_post(rig->gw, path, gw_basic(client, GW_SECRET), form);
}

static inline bool oauth_is_active(struct oauth_rig *rig, const char *client, const char *token)
{
	GW_REPLY_OF(reply) = oauth_token_call(rig, HC_PATH_INTROSPECT, client, token);

	if (reply.status != 200)
		fail_msg("%u %s", reply.status, reply.body);
	if (strcmp(reply.body, "{\"active\":false}") == 0)
		return false;
	GW_JSON(json) = gw_json(&reply);
	assert_true(json_is_true(json_object_get(json, "active")));
	return true;
}

static inline enum hc_err oauth_end_session_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct oauth_rig *rig = ctx;

	return hc_session_end(tx, rig->consent.session.cookie.id, T0 + 1);
}

static inline enum hc_err oauth_remove_work(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_client_remove(tx, ctx);
}

#define OAUTH_CASE(name) cmocka_unit_test_setup_teardown(name, oauth_setup, oauth_teardown)

#endif
