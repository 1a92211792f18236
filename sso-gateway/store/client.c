/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered applications. No state. What an administrator typed is checked here once more before it is
 * written, because redirect URIs and scopes decide where a code goes: a text with a line break in it
 * would be two URIs when it is read again.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#include "db.h"

#define URIS_TEXT_MAX (HC_CLIENT_URIS_MAX * (HC_URI_MAX + 1))

static bool is_bounded(const char *text, size_t cap)
{
	return memchr(text, '\0', cap) != NULL;
}

static bool is_id(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool is_uri(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return false;
	return text[0] != '\0';
}

/* Names of RFC 6749 section 3.3, one space between two. */
static bool is_scope(const char *text)
{
	char before = ' ';

	if (text[0] == '\0')
		return true;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == ' ' ? before == ' ' : (*c < '!' || *c > '~' || *c == '"' || *c == '\\'))
			return false;
		before = *c;
	}
	return before != ' ';
}

static bool is_list(const struct hc_uri_list *list)
{
	if (list->count > HC_CLIENT_URIS_MAX)
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (!is_bounded(list->uri[i], sizeof(list->uri[i])) || !is_uri(list->uri[i]))
			return false;
	return true;
}

static bool is_authentication(const struct hc_client *client)
{
	static const uint8_t none[sizeof(client->secret_hash)];
	const bool has_secret = memcmp(client->secret_hash, none, sizeof(none)) != 0;

	switch (client->auth) {
	case HC_CLIENT_SECRET_BASIC:
	case HC_CLIENT_SECRET_POST:
		return has_secret;
	case HC_CLIENT_PUBLIC:
		return !has_secret && (client->grants & HC_GRANT_CREDENTIALS) == 0;
	}
	return false;
}

static bool is_valid(const struct hc_client *client)
{
	return is_bounded(client->id, sizeof(client->id)) && is_id(client->id) &&
	       is_bounded(client->name, sizeof(client->name)) &&
	       is_bounded(client->scopes.text, sizeof(client->scopes.text)) &&
	       is_scope(client->scopes.text) && is_list(&client->redirect_uris) &&
	       is_list(&client->post_logout_uris) && is_authentication(client) &&
	       (client->grants & ~(HC_GRANT_CODE | HC_GRANT_REFRESH | HC_GRANT_CREDENTIALS)) == 0;
}

/* One a line; out has room for the longest list. */
static void join(const struct hc_uri_list *list, char out[URIS_TEXT_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		const int added =
			snprintf(out + len, URIS_TEXT_MAX - len, "%s%s", i == 0 ? "" : "\n", list->uri[i]);
		len += added < 0 ? 0 : (size_t)added;
	}
}

static enum hc_err split(const char *text, struct hc_uri_list *out)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");

		if (out->count == HC_CLIENT_URIS_MAX || len == 0 || len > HC_URI_MAX)
			return HC_ERR_CORRUPT;
		memcpy(out->uri[out->count], text, len);
		out->uri[out->count++][len] = '\0';
		text += len + (text[len] == '\n' ? 1 : 0);
	}
	return HC_OK;
}

static void read_client(struct hc_query *query, struct hc_client *client)
{
	char redirect[URIS_TEXT_MAX] = "", post_logout[URIS_TEXT_MAX] = "";

	memset(client, 0, sizeof(*client));
	client->number = hc_query_range(query, 1, INT64_MAX);
	hc_query_text(query, client->id, sizeof(client->id));
	hc_query_text(query, client->name, sizeof(client->name));
	client->profile = (enum hc_client_profile)hc_query_range(query, HC_CLIENT_OIDC, HC_CLIENT_PSC);
	client->auth = (enum hc_client_auth)hc_query_range(query, HC_CLIENT_SECRET_BASIC, HC_CLIENT_PUBLIC);
	hc_query_hash(query, client->secret_hash);
	client->grants = (uint32_t)hc_query_range(query, 0, 7);
	hc_query_text(query, client->scopes.text, sizeof(client->scopes.text));
	hc_query_text(query, redirect, sizeof(redirect));
	hc_query_text(query, post_logout, sizeof(post_logout));
	client->id_token_alg = (enum hc_jws_alg)hc_query_range(query, HC_JWS_ES256, HC_JWS_RS256);
	client->access_format = (enum hc_access_format)hc_query_range(query, HC_ACCESS_OPAQUE, HC_ACCESS_JWT);
	client->may_introspect = hc_query_range(query, 0, 1) == 1;
	client->created_ms = hc_query_int64(query);
	client->secret_changed_ms = hc_query_int64(query);
	if (query->err == HC_OK)
		query->err = split(redirect, &client->redirect_uris);
	if (query->err == HC_OK)
		query->err = split(post_logout, &client->post_logout_uris);
}

enum hc_err hc_client_add(struct hc_gstore_tx *tx, const struct hc_client *client, int64_t *ret_number)
{
	char redirect[URIS_TEXT_MAX], post_logout[URIS_TEXT_MAX];

	if (!is_valid(client))
		return HC_ERR_INVALID;
	join(&client->redirect_uris, redirect);
	join(&client->post_logout_uris, post_logout);
	HC_QUERY(query, &tx->view.db, HC_GSQL_CLIENT_ADD);
	hc_query_bind_text(&query, client->id);
	hc_query_bind_text(&query, client->name);
	hc_query_bind_int64(&query, client->profile);
	hc_query_bind_int64(&query, client->auth);
	hc_query_bind_blob(&query, client->secret_hash, sizeof(client->secret_hash));
	hc_query_bind_int64(&query, client->grants);
	hc_query_bind_text(&query, client->scopes.text);
	hc_query_bind_text(&query, redirect);
	hc_query_bind_text(&query, post_logout);
	hc_query_bind_int64(&query, client->id_token_alg);
	hc_query_bind_int64(&query, client->access_format);
	hc_query_bind_int64(&query, client->may_introspect ? 1 : 0);
	hc_query_bind_int64(&query, client->created_ms);
	hc_query_bind_int64(&query, client->secret_changed_ms);
	return hc_query_run_new(&query, ret_number);
}

static enum hc_err read_one(struct hc_query *query, struct hc_client *ret_client)
{
	struct hc_client client;
	const bool found = hc_query_row(query);

	if (found)
		read_client(query, &client);
	const enum hc_err err = hc_query_end(query);
	if (err == HC_OK && found)
		*ret_client = client;
	return err == HC_OK && !found ? HC_ERR_NOTFOUND : err;
}

enum hc_err hc_client_by_id(struct hc_gstore_view *view, const char *id, struct hc_client *ret_client)
{
	HC_QUERY(query, &view->db, HC_GSQL_CLIENT_BY_ID);

	hc_query_bind_text(&query, id);
	return read_one(&query, ret_client);
}

enum hc_err hc_client_by_number(struct hc_gstore_view *view, int64_t number, struct hc_client *ret_client)
{
	HC_QUERY(query, &view->db, HC_GSQL_CLIENT_BY_NUMBER);

	hc_query_bind_int64(&query, number);
	return read_one(&query, ret_client);
}

enum hc_err hc_client_list(struct hc_gstore_view *view, const char *after, size_t max, struct hc_client *out,
			   size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &view->db, HC_GSQL_CLIENT_LIST);
	hc_query_bind_text(&query, after);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_client(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}

enum hc_err hc_client_set_secret(struct hc_gstore_tx *tx, const char *id, const uint8_t secret_hash[32],
				 int64_t now_ms)
{
	struct hc_client client;

	const enum hc_err err = hc_client_by_id(&tx->view, id, &client);
	if (err != HC_OK)
		return err;
	HC_QUERY(query, &tx->view.db, HC_GSQL_CLIENT_SET_SECRET);
	hc_query_bind_text(&query, id);
	hc_query_bind_blob(&query, secret_hash, 32);
	hc_query_bind_int64(&query, now_ms);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

enum hc_err hc_client_remove(struct hc_gstore_tx *tx, const char *id)
{
	HC_QUERY(query, &tx->view.db, HC_GSQL_CLIENT_REMOVE);

	hc_query_bind_text(&query, id);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}
