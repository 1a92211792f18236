/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Provider metadata (OpenID Connect Discovery 1.0, RFC 8414), the same text under its three names. No state.
 * It says what the program does and nothing else: an application trusts it more than any document.
 */
#include <stdio.h>
#include <string.h>

#include "gateway.h"
#include "oauth/answer.h"
#include "oauth/handlers.h"
#include "oauth/json_out.h"

#define METADATA_MAX 8192
#define URL_MAX	     (HC_ISSUER_MAX + 64)

static void write_urls(struct hc_json_out *out, const char *issuer)
{
	static const struct {
		const char *name, *path;
	} endpoints[] = {
		{"authorization_endpoint", HC_PATH_AUTHORIZE},	{"token_endpoint", HC_PATH_TOKEN},
		{"userinfo_endpoint", HC_PATH_USERINFO},	{"jwks_uri", HC_PATH_JWKS},
		{"introspection_endpoint", HC_PATH_INTROSPECT}, {"revocation_endpoint", HC_PATH_REVOKE},
		{"end_session_endpoint", HC_PATH_LOGOUT},
	};

	hc_json_text(out, "issuer", issuer);
	for (size_t i = 0; i < HC_COUNT(endpoints); i++) {
		char url[URL_MAX];

		(void)snprintf(url, sizeof(url), "%s%s", issuer, endpoints[i].path);
		hc_json_text(out, endpoints[i].name, url);
	}
}

static void write_lists(struct hc_json_out *out)
{
	static const struct {
		const char *name, *values;
	} lists[] = {
		{"scopes_supported", "openid profile scope_all offline_access"},
		{"response_types_supported", "code"},
		{"response_modes_supported", "query"},
		{"grant_types_supported", "authorization_code refresh_token client_credentials"},
		{"subject_types_supported", "public"},
		{"id_token_signing_alg_values_supported", "RS256 ES256"},
		{"token_endpoint_auth_methods_supported", "client_secret_basic client_secret_post none"},
		{"introspection_endpoint_auth_methods_supported", "client_secret_basic client_secret_post"},
		{"revocation_endpoint_auth_methods_supported", "client_secret_basic client_secret_post none"},
		{"code_challenge_methods_supported", "S256"},
		{"acr_values_supported", "https://refeds.org/profile/mfa"},
		{"prompt_values_supported", "none login consent select_account"},
		{"ui_locales_supported", "fr en"},
		{"claim_types_supported", "normal"},
		{"claims_supported",
		 "iss sub aud exp iat auth_time nonce acr amr sid at_hash given_name family_name name"
		 " preferred_username email_verified SubjectNameID SubjectRole Secteur_Activite"
		 " SubjectOrganization SubjectOrganizationID Palier_Authentification authMode UITVersion"
		 " PSI_Locale Mode_Acces_Raison Acces_Regulation_Medicale otherIds SubjectRefPro"},
	};

	for (size_t i = 0; i < HC_COUNT(lists); i++)
		hc_json_words(out, lists[i].name, lists[i].values);
}

static void write_flags(struct hc_json_out *out)
{
	hc_json_bool(out, "authorization_response_iss_parameter_supported", true);
	hc_json_bool(out, "claims_parameter_supported", false);
	hc_json_bool(out, "request_parameter_supported", false);
	hc_json_bool(out, "request_uri_parameter_supported", false); /* left out it would mean true */
}

void hc_handle_discovery(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {"Content-Type",
					      "application/json",
					      "Cache-Control",
					      "public, max-age=3600",
					      "Access-Control-Allow-Origin",
					      "*",
					      "X-Content-Type-Options",
					      "nosniff",
					      "Strict-Transport-Security",
					      "max-age=31536000",
					      NULL};
	const struct hc_worker *worker = app;
	char text[METADATA_MAX];
	struct hc_json_out out;
	size_t len = 0;

	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	write_urls(&out, worker->gateway->config.issuer);
	write_lists(&out);
	write_flags(&out);
	hc_json_object_end(&out);
	const enum hc_err err = hc_json_end(&out, &len);
	if (err == HC_OK)
		hc_exchange_reply(exchange, 200, headers, text, len, false);
	else
		hc_answer_trouble(exchange, err);
}
