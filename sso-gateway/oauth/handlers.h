/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HANDLERS_H
#define HC_HANDLERS_H

#include "http/http.h"

/*
 * The gateway's endpoints; app is the struct hc_worker of the loop. Paths stand behind the issuer's
 * own path (HC_PATH_… are relative to it).
 */
#define HC_PATH_DISCOVERY	 "/.well-known/openid-configuration"
#define HC_PATH_OAUTH_METADATA	 "/.well-known/oauth-authorization-server"
#define HC_PATH_WALLET_DISCOVERY "/.well-known/wallet-openid-configuration"
#define HC_PATH_JWKS		 "/oauth2/jwks"
#define HC_PATH_AUTHORIZE	 "/oauth2/authorize"
#define HC_PATH_TOKEN		 "/oauth2/token"
#define HC_PATH_USERINFO	 "/oauth2/userinfo"
#define HC_PATH_INTROSPECT	 "/oauth2/introspect"
#define HC_PATH_REVOKE		 "/oauth2/revoke"
#define HC_PATH_LOGOUT		 "/oauth2/logout"
#define HC_PATH_LOGIN		 "/login"

void hc_handle_authorize(struct hc_exchange *exchange, void *app); /* GET, POST: OIDC Core 3.1.2 */
void hc_handle_login(struct hc_exchange *exchange, void *app);	   /* POST: the pages' forms */
void hc_handle_logout(struct hc_exchange *exchange, void *app);	   /* GET, POST: RP-Initiated Logout 1.0 */
void hc_handle_not_found(struct hc_exchange *exchange, void *app);

void hc_handle_discovery(struct hc_exchange *exchange, void *app);
void hc_handle_jwks(struct hc_exchange *exchange, void *app);
void hc_handle_token(struct hc_exchange *exchange, void *app);	    /* POST: RFC 6749 */
void hc_handle_userinfo(struct hc_exchange *exchange, void *app);   /* GET, POST: OIDC Core 5.3 */
void hc_handle_introspect(struct hc_exchange *exchange, void *app); /* POST: RFC 7662 */
void hc_handle_revoke(struct hc_exchange *exchange, void *app);	    /* POST: RFC 7009 */

/* hc_routes_new: the table for hc_http_server_new, with the issuer's path before each (transferred: free). */
struct hc_gateway_config;
HC_CHECK enum hc_err hc_routes_new(const struct hc_gateway_config *config, struct hc_http_route **ret_routes);
void hc_routes_free(struct hc_http_route **routes);

#endif
