/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client out of the words of an administrator. No state. What contradicts itself is refused here, so that
 * the endpoints never meet it: an application gets what it was registered for and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin_client.h"
#include "hospiconnect/crypto.h"
#include "oauth/redirect_uri.h"
#include "oauth/scope.h"

#define SLUG_MAX     40
#define RANDOM_CHARS 8

/* ---- names ---- */

struct word {
	const char *name;
	unsigned value;
};

static const struct word profiles[] = {{"oidc", HC_CLIENT_OIDC}, {"psc", HC_CLIENT_PSC}};
static const struct word methods[] = {{"client_secret_basic", HC_CLIENT_SECRET_BASIC},
				      {"client_secret_post", HC_CLIENT_SECRET_POST},
				      {"none", HC_CLIENT_PUBLIC}};
static const struct word formats[] = {{"opaque", HC_ACCESS_OPAQUE}, {"jwt", HC_ACCESS_JWT}};
static const struct word algorithms[] = {{"RS256", HC_JWS_RS256}, {"ES256", HC_JWS_ES256}};
static const struct word grant_types[] = {{"authorization_code", HC_GRANT_CODE},
					  {"refresh_token", HC_GRANT_REFRESH},
					  {"client_credentials", HC_GRANT_CREDENTIALS}};

static const char *name_of(const struct word *words, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i].value == value)
			return words[i].name;
	}
	return "";
}

const char *hc_client_profile_name(enum hc_client_profile profile)
{
	return name_of(profiles, HC_COUNT(profiles), profile);
}

const char *hc_client_auth_name(enum hc_client_auth auth)
{
	return name_of(methods, HC_COUNT(methods), auth);
}

const char *hc_client_format_name(enum hc_access_format format)
{
	return name_of(formats, HC_COUNT(formats), format);
}

void hc_client_grants_text(uint32_t grants, char out[HC_GRANTS_TEXT_CAP])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < HC_COUNT(grant_types); i++) {
		if ((grants & grant_types[i].value) != 0) /* the three of them fit */
			len += (size_t)snprintf(out + len, HC_GRANTS_TEXT_CAP - len, "%s%s",
						len > 0 ? " " : "", grant_types[i].name);
	}
}

/* The value of len bytes of text; 0: none of the words. */
static unsigned value_of(const struct word *words, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(words[i].name) == len && memcmp(words[i].name, text, len) == 0)
			return words[i].value;
	}
	return 0;
}

/* One of the words, or absent; false: refused. */
static bool read_word(struct hc_answer *answer, const struct hc_msg *msg, enum hc_field field,
		      const char *name, const struct word *words, size_t count, unsigned *ret_value)
{
	char text[64];
	unsigned value = words[0].value; /* the default is the first */

	if (!hc_answer_text(answer, msg, field, name, text, sizeof(text)))
		return false;
	if (text[0] != '\0')
		value = value_of(words, count, text, strlen(text));
	*ret_value = value;
	return value != 0 || hc_answer_bad(answer, name);
}

/* ---- lists ---- */

static bool read_grants(struct hc_answer *answer, const struct hc_msg *msg, uint32_t *ret_grants)
{
	char text[128];
	uint32_t grants = 0;

	if (!hc_answer_text(answer, msg, HC_FIELD_GRANTS, "grant", text, sizeof(text)))
		return false;
	for (const char *at = text; *at != '\0'; at += strspn(at, " ")) {
		const size_t len = strcspn(at, " ");
		const unsigned value = value_of(grant_types, HC_COUNT(grant_types), at, len);

		if (value == 0 || (grants & value) != 0)
			return hc_answer_bad(answer, "grant");
		grants |= value;
		at += len;
	}
	*ret_grants = text[0] == '\0' ? HC_GRANT_CODE | HC_GRANT_REFRESH : grants;
	return true;
}

/* Says which address it was, and in English what is wrong with it. */
static bool bad_uri(struct hc_answer *answer, const char *name, const char *uri, const char *why)
{
	char argument[sizeof(answer->argument)];

	/* Cut where there is no room: it is for reading. */
	if (answer->lang == HC_LANG_EN)
		(void)snprintf(argument, sizeof(argument), "%s (%.160s: %s)", name, uri, why);
	else
		(void)snprintf(argument, sizeof(argument), "%s (%.250s)", name, uri);
	return hc_answer_bad(answer, argument);
}

static bool read_uris(struct hc_answer *answer, const struct hc_msg *msg, enum hc_field field,
		      const char *name, struct hc_uri_list *ret_list)
{
	char text[HC_CLIENT_URIS_MAX * (HC_URI_MAX + 1) + 1];

	if (!hc_answer_text(answer, msg, field, name, text, sizeof(text)))
		return false;
	ret_list->count = 0;
	for (const char *at = text; *at != '\0'; at += strspn(at, " ")) {
		const size_t len = strcspn(at, " ");
		const char *why = "";
		char *uri = ret_list->uri[ret_list->count];

		if (ret_list->count == HC_CLIENT_URIS_MAX || len > HC_URI_MAX || len == 0)
			return hc_answer_bad(answer, name);
		memcpy(uri, at, len);
		uri[len] = '\0';
		if (hc_redirect_uri_check(uri, &why) != HC_OK)
			return bad_uri(answer, name, uri, why);
		for (size_t i = 0; i < ret_list->count; i++) {
			if (strcmp(ret_list->uri[i], uri) == 0)
				return bad_uri(answer, name, uri, "is there twice");
		}
		ret_list->count++;
		at += len;
	}
	return true;
}

static bool read_scopes(struct hc_answer *answer, const struct hc_msg *msg, struct hc_client *client)
{
	char text[HC_SCOPE_TEXT_MAX + 1];
	const char *fallback = "";

	if (!hc_answer_text(answer, msg, HC_FIELD_SCOPES, "scope", text, sizeof(text)))
		return false;
	if ((client->grants & HC_GRANT_CODE) != 0)
		fallback = client->profile == HC_CLIENT_PSC ? HC_SCOPE_OPENID " " HC_SCOPE_ALL
							    : HC_SCOPE_OPENID " " HC_SCOPE_PROFILE;
	if (text[0] == '\0')
		memcpy(text, fallback, strlen(fallback) + 1);
	if (text[0] == '\0') {
		client->scopes.text[0] = '\0';
		return true;
	}
	return hc_scope_parse(text, strlen(text), &client->scopes) == HC_OK || hc_answer_bad(answer, "scope");
}

/* ---- the whole ---- */

static bool read_words(struct hc_answer *answer, const struct hc_msg *msg, struct hc_client *client)
{
	unsigned profile = 0, method = 0, alg = 0, format = 0;
	uint32_t may_introspect = 0;

	if (!read_word(answer, msg, HC_FIELD_PROFILE, "profile", profiles, HC_COUNT(profiles), &profile) ||
	    !read_word(answer, msg, HC_FIELD_AUTH_METHOD, "auth-method", methods, HC_COUNT(methods),
		       &method) ||
	    !read_word(answer, msg, HC_FIELD_ID_TOKEN_ALG, "id-token-alg", algorithms, HC_COUNT(algorithms),
		       &alg) ||
	    !read_word(answer, msg, HC_FIELD_ACCESS_FORMAT, "access-token", formats, HC_COUNT(formats),
		       &format) ||
	    !hc_answer_u32(answer, msg, HC_FIELD_MAY_INTROSPECT, "may-introspect", 0, &may_introspect))
		return false;
	if (may_introspect > 1)
		return hc_answer_bad(answer, "may-introspect");
	client->profile = (enum hc_client_profile)profile;
	client->auth = (enum hc_client_auth)method;
	client->id_token_alg = (enum hc_jws_alg)alg;
	client->access_format = (enum hc_access_format)format;
	client->may_introspect = may_introspect == 1;
	return true;
}

/* What contradicts the rest; NULL: nothing does. */
static const char *contradiction(const struct hc_client *client)
{
	const bool code = (client->grants & HC_GRANT_CODE) != 0;

	if (code != (client->redirect_uris.count > 0))
		return "redirect-uri";
	if (!code && client->post_logout_uris.count > 0)
		return "post-logout-redirect-uri";
	if (!code && (client->grants & HC_GRANT_REFRESH) != 0)
		return "grant";
	/* Whoever cannot prove who it is gets nothing on its own account. */
	if (client->auth == HC_CLIENT_PUBLIC && (client->grants & HC_GRANT_CREDENTIALS) != 0)
		return "grant";
	if (client->auth == HC_CLIENT_PUBLIC && client->may_introspect)
		return "may-introspect";
	return NULL;
}

bool hc_client_from_request(struct hc_answer *answer, const struct hc_msg *msg, struct hc_client *ret_client)
{
	struct hc_client *client = ret_client;
	struct hc_label name;
	const char *wrong = NULL;

	if (!hc_answer_label(answer, msg, HC_FIELD_CLIENT_NAME, "name", &name))
		return false;
	if (name.text[0] == '\0')
		return hc_answer_bad(answer, "name");
	memcpy(client->name, name.text, sizeof(client->name));
	if (!read_words(answer, msg, client) || !read_grants(answer, msg, &client->grants) ||
	    !read_scopes(answer, msg, client) ||
	    !read_uris(answer, msg, HC_FIELD_REDIRECT_URIS, "redirect-uri", &client->redirect_uris) ||
	    !read_uris(answer, msg, HC_FIELD_LOGOUT_URIS, "post-logout-redirect-uri",
		       &client->post_logout_uris))
		return false;
	wrong = contradiction(client);
	return wrong == NULL || hc_answer_bad(answer, wrong);
}

/* ---- the identifier ---- */

/* "Dossier patient (DPI)" to "dossier-patient-dpi"; SLUG_MAX characters at most. */
static size_t slug(const char *name, char *out)
{
	char text[HC_CLIENT_NAME_MAX + 1];
	size_t len = 0;

	(void)snprintf(text, sizeof(text), "%s", name);
	hc_text_to_ascii(text);
	for (const char *at = text; *at != '\0' && len < SLUG_MAX; at++) {
		const char letter = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;

		if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9'))
			out[len++] = letter;
		else if (len > 0 && out[len - 1] != '-')
			out[len++] = '-';
	}
	while (len > 0 && out[len - 1] == '-')
		len--;
	return len;
}

enum hc_err hc_client_make_id(const char *name, char out[HC_CLIENT_ID_MAX + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t random[RANDOM_CHARS];
	size_t len = slug(name, out);
	const enum hc_err err = hc_random(random, sizeof(random));

	if (err != HC_OK)
		return err;
	if (len > 0)
		out[len++] = '-';
	for (size_t i = 0; i < RANDOM_CHARS; i++)
		out[len++] = letters[random[i] % 32];
	out[len] = '\0';
	return HC_OK;
}
