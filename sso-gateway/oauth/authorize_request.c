/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorization requests, read. No state.
 *
 * The order is the safety: nothing is sent anywhere before the client is known and the address is one of
 * its own, byte for byte. Until then every fault is a page. Behind that, faults are the application's
 * to hear of.
 *
 * Threats: parameters sent twice and read differently by two readers, open redirects, PKCE left out or
 * made plain (downgrade), request objects by reference (nothing here fetches), texts cut to another
 * meaning, response types or modes that put tokens into addresses.
 */
#include "oauth/authorize_request.h"

#include <string.h>

#include "jose/b64url.h"
#include "oauth/scope.h"

/* What every step works on. */
struct reading {
	const struct hc_params *params;
	const struct hc_client *client;
	struct hc_authorize_request *request;
	const char *error, *description; /* of the first fault */
};

static enum hc_err fault(struct reading *reading, const char *error, const char *description)
{
	reading->error = error;
	reading->description = description;
	return HC_ERR_INVALID;
}

/* Absent and empty are the same (RFC 6749 3.1). Repeats were refused before anything else. */
static bool get(const struct hc_params *params, const char *name, struct hc_view *ret_value)
{
	return hc_params_get(params, name, ret_value) == HC_OK && ret_value->len > 0;
}

static bool is(const struct hc_view *value, const char *text)
{
	return value->len == strlen(text) && memcmp(value->data, text, value->len) == 0;
}

/* cap with the NUL. A value has no NUL inside: hc_params_parse refuses it. */
static bool copy(const struct hc_view *value, char *out, size_t cap)
{
	if (value->len >= cap)
		return false;
	memcpy(out, value->data, value->len);
	out[value->len] = '\0';
	return true;
}

static enum hc_err page(struct hc_authorize_refusal *refusal, enum hc_reason reason, const char *error,
			const char *description)
{
	*refusal =
		(struct hc_authorize_refusal){.reason = reason, .error = error, .description = description};
	return HC_ERR_INVALID;
}

/* ---- who asks, and where the answer goes ---- */

enum hc_err hc_authorize_client_id(const struct hc_params *params, char ret_client_id[HC_CLIENT_ID_MAX + 1],
				   struct hc_authorize_refusal *ret_refusal)
{
	struct hc_view value;

	if (hc_params_repeated(params) != NULL)
		return page(ret_refusal, HC_REASON_REQUEST_INVALID, "invalid_request",
			    "a parameter was sent twice");
	if (!get(params, "client_id", &value))
		return page(ret_refusal, HC_REASON_REQUEST_INVALID, "invalid_request",
			    "client_id is missing");
	if (!copy(&value, ret_client_id, HC_CLIENT_ID_MAX + 1))
		return page(ret_refusal, HC_REASON_CLIENT_UNKNOWN, "invalid_request", "client_id is unknown");
	return HC_OK;
}

static bool is_registered(const struct hc_client *client, const struct hc_view *uri)
{
	for (size_t i = 0; i < client->redirect_uris.count; i++) {
		if (is(uri, client->redirect_uris.uri[i]))
			return true;
	}
	return false;
}

static enum hc_err read_way_back(struct reading *reading, struct hc_authorize_refusal *ret_refusal)
{
	struct hc_authorization *what = &reading->request->what;
	struct hc_view value;
	enum hc_err err = hc_authorize_client_id(reading->params, what->client_id, ret_refusal);

	if (err != HC_OK)
		return err;
	if (reading->client == NULL || strcmp(reading->client->id, what->client_id) != 0)
		return page(ret_refusal, HC_REASON_CLIENT_UNKNOWN, "invalid_request", "client_id is unknown");
	if (!get(reading->params, "redirect_uri", &value))
		return page(ret_refusal, HC_REASON_REDIRECT_NOT_REGISTERED, "invalid_request",
			    "redirect_uri is missing");
	if (!is_registered(reading->client, &value) ||
	    !copy(&value, what->redirect_uri, sizeof(what->redirect_uri)))
		return page(ret_refusal, HC_REASON_REDIRECT_NOT_REGISTERED, "invalid_request",
			    "redirect_uri is not registered for this client");
	return HC_OK;
}

/* ---- what is asked for; from here on the application is told of faults ---- */

static enum hc_err read_state(struct reading *reading)
{
	struct hc_authorization *what = &reading->request->what;
	struct hc_view value;

	if (get(reading->params, "state", &value) && !copy(&value, what->state, sizeof(what->state)))
		return fault(reading, "invalid_request", "state is longer than 2048 bytes");
	if (get(reading->params, "nonce", &value) && !copy(&value, what->nonce, sizeof(what->nonce)))
		return fault(reading, "invalid_request", "nonce is longer than 512 bytes");
	return HC_OK;
}

static enum hc_err refuse_unsupported(struct reading *reading)
{
	static const struct {
		const char *name, *error, *description;
	} table[] = {
		{"request", "request_not_supported", "request objects are not supported"},
		{"request_uri", "request_uri_not_supported", "request_uri is not supported"},
		{"registration", "registration_not_supported", "registration is not supported"},
	};
	struct hc_view value;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		if (get(reading->params, table[i].name, &value))
			return fault(reading, table[i].error, table[i].description);
	}
	return HC_OK;
}

static enum hc_err read_response(struct reading *reading)
{
	struct hc_view value;

	if (!get(reading->params, "response_type", &value))
		return fault(reading, "invalid_request", "response_type is missing");
	if (!is(&value, "code"))
		return fault(reading, "unsupported_response_type", "response_type must be code");
	if (get(reading->params, "response_mode", &value) && !is(&value, "query"))
		return fault(reading, "invalid_request", "response_mode must be query");
	if ((reading->client->grants & HC_GRANT_CODE) == 0)
		return fault(reading, "unauthorized_client", "this client may not use authorization_code");
	return HC_OK;
}

static enum hc_err read_challenge(struct reading *reading)
{
	struct hc_authorization *what = &reading->request->what;
	struct hc_view value;
	size_t len = 0;

	if (!get(reading->params, "code_challenge", &value))
		return fault(reading, "invalid_request", "code_challenge is missing: PKCE is required");
	if (value.len != HC_PKCE_CHALLENGE_LEN ||
	    hc_b64url_decode(value.data, value.len, what->challenge, sizeof(what->challenge), &len) !=
		    HC_OK ||
	    len != sizeof(what->challenge))
		return fault(reading, "invalid_request", "code_challenge must be SHA-256 in base64url");
	/* Absent means plain (RFC 7636 4.3), which whoever sees the request can answer. */
	if (!get(reading->params, "code_challenge_method", &value) || !is(&value, "S256"))
		return fault(reading, "invalid_request", "code_challenge_method must be S256");
	return HC_OK;
}

static enum hc_err read_scope(struct reading *reading)
{
	struct hc_scope_text wanted, *granted = &reading->request->what.scope;
	struct hc_view value;

	if (!get(reading->params, "scope", &value))
		return fault(reading, "invalid_scope", "scope is missing: openid is required");
	if (hc_scope_parse(value.data, value.len, &wanted) != HC_OK)
		return fault(reading, "invalid_scope", "scope is malformed or too long");
	if (!hc_scope_has(&wanted, HC_SCOPE_OPENID))
		return fault(reading, "invalid_scope", "scope must hold openid");
	hc_scope_intersect(&wanted, &reading->client->scopes, granted);
	if (!hc_scope_has(granted, HC_SCOPE_OPENID))
		return fault(reading, "invalid_scope", "this client may not use the scope openid");
	return HC_OK;
}

/* One word of prompt; 0: no such word. */
static unsigned prompt_of(const char *word, size_t len)
{
	static const struct {
		const char *word;
		unsigned prompt;
	} table[] = {
		{"none", HC_PROMPT_NONE},
		{"login", HC_PROMPT_LOGIN},
		{"consent", HC_PROMPT_CONSENT},
		{"select_account", HC_PROMPT_SELECT},
	};

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		if (strlen(table[i].word) == len && memcmp(table[i].word, word, len) == 0)
			return table[i].prompt;
	}
	return 0;
}

static enum hc_err read_prompt(struct reading *reading)
{
	struct hc_view value;
	unsigned prompt = 0;

	if (!get(reading->params, "prompt", &value))
		return HC_OK;
	for (size_t at = 0; at < value.len;) {
		const size_t len = strcspn(value.data + at, " ");
		const unsigned one = prompt_of(value.data + at, len);

		if (one == 0)
			return fault(reading, "invalid_request", "prompt has a word that is not supported");
		prompt |= one;
		at += len + 1;
	}
	if ((prompt & HC_PROMPT_NONE) != 0 && prompt != HC_PROMPT_NONE)
		return fault(reading, "invalid_request", "prompt=none must stand alone");
	reading->request->prompt = prompt;
	return HC_OK;
}

static enum hc_err read_max_age(struct reading *reading)
{
	struct hc_view value;
	int64_t seconds = 0;

	reading->request->max_age_s = -1;
	if (!get(reading->params, "max_age", &value))
		return HC_OK;
	if (value.len > 10 || strspn(value.data, "0123456789") != value.len)
		return fault(reading, "invalid_request", "max_age must be a number of seconds");
	for (size_t i = 0; i < value.len; i++)
		seconds = seconds * 10 + (value.data[i] - '0');
	reading->request->max_age_s = seconds;
	return HC_OK;
}

static void read_hints(struct reading *reading)
{
	struct hc_authorize_request *request = reading->request;

	if (!get(reading->params, "id_token_hint", &request->id_token_hint))
		request->id_token_hint = (struct hc_view){.data = NULL};
	if (!get(reading->params, "login_hint", &request->login_hint))
		request->login_hint = (struct hc_view){.data = NULL};
	if (!get(reading->params, "ui_locales", &request->ui_locales))
		request->ui_locales = (struct hc_view){.data = NULL};
}

enum hc_err hc_authorize_request_read(const struct hc_params *params, const struct hc_client *client,
				      struct hc_authorize_request *ret_request,
				      struct hc_authorize_refusal *ret_refusal)
{
	static enum hc_err (*const steps[])(struct reading * reading) = {
		read_state, refuse_unsupported, read_response, read_challenge,
		read_scope, read_prompt,	read_max_age,
	};
	struct hc_authorize_request request;
	struct reading reading = {.params = params, .client = client, .request = &request};

	memset(&request, 0, sizeof(request));
	enum hc_err err = read_way_back(&reading, ret_refusal);
	if (err != HC_OK)
		return err;
	for (size_t i = 0; err == HC_OK && i < HC_COUNT(steps); i++)
		err = steps[i](&reading);
	if (err != HC_OK) {
		*ret_refusal = (struct hc_authorize_refusal){.error = reading.error,
							     .description = reading.description};
		memcpy(ret_refusal->redirect_uri, request.what.redirect_uri,
		       sizeof(ret_refusal->redirect_uri));
		memcpy(ret_refusal->state, request.what.state, sizeof(ret_refusal->state));
		return err;
	}
	read_hints(&reading);
	*ret_request = request;
	return HC_OK;
}
