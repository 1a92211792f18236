/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token introspection (RFC 7662): a resource server asks what a token is worth now.
 *
 * State: a request that waits for the broker (only where a national identifier is asked for). Threats: a
 * client that learns about tokens of others (those that it was issued and those that its record lets it
 * look at, nothing else), an answer that tells why a token is not active. The store alone decides: it
 * knows at once of a log-out, and the guard ends sessions of people who may not sign in any more.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "oauth/access_token.h"
#include "oauth/answer.h"
#include "oauth/client_auth.h"
#include "oauth/handlers.h"
#include "oauth/json_out.h"
#include "oauth/scope.h"
#include "persons.h"
#include "store/refresh.h"

#define ANSWER_MAX 4096

/* What is said about a token that is alive. */
struct introspection {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_access_info info;
	bool is_refresh;
};

static void send_inactive(struct hc_worker *worker, struct hc_exchange *exchange)
{
	static const char text[] = "{\"active\":false}";

	hc_count(worker, HC_COUNTER_INTROSPECTIONS);
	hc_answer_json(exchange, text, sizeof(text) - 1);
}

static void send_active(const struct introspection *found, const char *national_id)
{
	const struct hc_access_info *info = &found->info;
	char text[ANSWER_MAX];
	struct hc_json_out out;
	size_t len = 0;

	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_json_bool(&out, "active", true);
	hc_json_text(&out, "iss", found->worker->gateway->config.issuer);
	hc_json_text(&out, "sub", info->sub);
	hc_json_text(&out, "aud", info->client_id);
	hc_json_text(&out, "client_id", info->client_id);
	hc_json_text(&out, "scope", info->scope.text);
	if (!found->is_refresh)
		hc_json_text(&out, "token_type", "Bearer");
	hc_json_number(&out, "iat", info->issued_ms / 1000);
	hc_json_number(&out, "exp", info->expires_ms / 1000);
	if (national_id[0] != '\0')
		hc_json_text(&out, "SubjectNameID", national_id);
	hc_json_object_end(&out);
	const enum hc_err err = hc_json_end(&out, &len);
	if (err != HC_OK) {
		hc_answer_trouble(found->exchange, err);
		return;
	}
	hc_count(found->worker, HC_COUNTER_INTROSPECTIONS);
	hc_answer_json(found->exchange, text, len);
}

/* Without an answer of the broker the token is what the store says, and the identifier is left out. */
static void person_known(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct introspection *found = ctx;

	if (err != HC_OK)
		send_active(found, "");
	else if (!answer->exists || !answer->may_sign_in || answer->person.id != found->info.person_id)
		send_inactive(found->worker, found->exchange);
	else
		send_active(found, answer->person.national_id);
	free(found);
}

static void send_found(const struct introspection *found)
{
	if (found->info.profile != HC_CLIENT_PSC || found->info.person_id == 0 ||
	    !hc_scope_has(&found->info.scope, HC_SCOPE_ALL)) {
		send_active(found, "");
		return;
	}
	struct introspection *kept = malloc(sizeof(*kept));
	if (kept == NULL) {
		hc_answer_trouble(found->exchange, HC_ERR_NOMEM);
		return;
	}
	*kept = *found;
	hc_persons_get(found->worker->persons, found->info.person_id, person_known, kept);
}

/* ---- looking it up ---- */

static enum hc_err find_access(struct hc_worker *worker, const struct hc_view *text, int64_t now_ms,
			       struct introspection *out)
{
	struct hc_access_token token;
	const enum hc_err err = hc_access_token_find(worker, text->data, text->len, now_ms, &token);

	if (err == HC_OK)
		out->info = token.info;
	return err;
}

static enum hc_err find_refresh(struct hc_worker *worker, const struct hc_view *text, int64_t now_ms,
				struct introspection *out)
{
	struct hc_ticket_ref ref;
	struct hc_refresh_info found;
	struct hc_client client;

	if (hc_ticket_parse(text->data, text->len, &ref) != HC_OK)
		return HC_ERR_NOTFOUND;
	enum hc_err err = hc_refresh_find(worker->view, &ref, now_ms, &found);
	if (err == HC_OK)
		err = hc_client_by_number(worker->view, found.grant.client, &client);
	if (err != HC_OK)
		return err;
	out->is_refresh = true;
	out->info = (struct hc_access_info){.grant_id = found.grant.id,
					    .client = found.grant.client,
					    .session_id = found.grant.session_id,
					    .person_id = found.grant.person_id,
					    .profile = client.profile,
					    .scope = found.grant.scope,
					    .issued_ms = found.issued_ms,
					    .expires_ms = found.expires_ms};
	memcpy(out->info.client_id, client.id, sizeof(client.id));
	memcpy(out->info.sub, found.grant.sub, sizeof(found.grant.sub));
	return HC_OK;
}

/* The hint (RFC 7662 section 2.1) could only change the order; both are looked for. */
static enum hc_err find(struct hc_worker *worker, const struct hc_view *text, struct introspection *out)
{
	const int64_t now_ms = hc_now_ms(worker->gateway->clock);
	const enum hc_err err = find_access(worker, text, now_ms, out);

	return err == HC_ERR_NOTFOUND ? find_refresh(worker, text, now_ms, out) : err;
}

static void answer(struct hc_worker *worker, struct hc_exchange *exchange,
		   const struct hc_client_request *request)
{
	struct introspection found = {.worker = worker, .exchange = exchange};
	struct hc_view text;

	if (hc_params_get(&request->params, "token", &text) != HC_OK) {
		hc_answer_error(exchange, 400, "invalid_request", "token is missing");
		return;
	}
	const enum hc_err err = find(worker, &text, &found);
	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		hc_answer_trouble(exchange, err);
	else if (err == HC_OK &&
		 (request->client.may_introspect || request->client.number == found.info.client))
		send_found(&found);
	else
		send_inactive(worker, exchange);
}

void hc_handle_introspect(struct hc_exchange *exchange, void *app)
{
	struct hc_worker *worker = app;
	HC_CLEANUP(hc_client_request_clear) struct hc_client_request request = {.params = {.count = 0}};

	if (!hc_client_request_read(worker, exchange, &request))
		return;
	/* RFC 7662 section 2.1: whoever asks has to prove who he is, and a public client cannot. */
	if (request.client.auth == HC_CLIENT_PUBLIC)
		hc_client_refused(worker, exchange, &request.client);
	else
		answer(worker, exchange, &request);
}
