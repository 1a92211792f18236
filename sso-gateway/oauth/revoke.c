/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token revocation (RFC 7009).
 *
 * State: a request that waits for the disk. Threats: a client that revokes what is another's (the
 * statement names the client), an answer that tells whether a token exists (it is 200 in any case), a
 * token that comes back after a crash (answered behind the commit). A refresh token takes its whole grant with
 * it, an access token itself alone.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "hospiconnect/secret.h"
#include "oauth/access_token.h"
#include "oauth/answer.h"
#include "oauth/client_auth.h"
#include "oauth/handlers.h"
#include "store/gstore.h"
#include "store/refresh.h"
#include "store/token.h"

struct revocation {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	int64_t client, now_ms;
	bool is_jwt;
	struct hc_ticket_ref ref;
	uint8_t jti_hash[32];
	int64_t expires_ms; /* of a JWT */
};

static enum hc_err revoke(struct hc_gstore_tx *tx, void *ctx)
{
	const struct revocation *revocation = ctx;

	if (revocation->is_jwt)
		return hc_jti_revoke(tx, revocation->jti_hash, revocation->expires_ms);
	enum hc_err err = hc_access_revoke(tx, &revocation->ref, revocation->client);
	if (err == HC_ERR_NOTFOUND)
		err = hc_refresh_revoke(tx, &revocation->ref, revocation->client, revocation->now_ms);
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static void send_done(struct hc_worker *worker, struct hc_exchange *exchange)
{
	hc_count(worker, HC_COUNTER_REVOCATIONS);
	hc_answer_empty(exchange);
}

static void revoked(enum hc_err result, void *ctx)
{
	struct revocation *revocation = ctx;

	if (result == HC_OK)
		send_done(revocation->worker, revocation->exchange);
	else
		hc_answer_trouble(revocation->exchange, result);
	free(revocation);
}

/* HC_ERR_NOTFOUND: nothing that this client could revoke. */
static enum hc_err read_token(struct hc_worker *worker, const struct hc_view *text, struct revocation *out)
{
	struct hc_access_token token;

	if (hc_ticket_parse(text->data, text->len, &out->ref) == HC_OK)
		return HC_OK;
	const enum hc_err err = hc_access_token_find(worker, text->data, text->len, out->now_ms, &token);
	if (err != HC_OK)
		return err;
	out->is_jwt = true;
	out->expires_ms = token.info.expires_ms;
	memcpy(out->jti_hash, token.jti_hash, sizeof(out->jti_hash));
	return token.info.client == out->client ? HC_OK : HC_ERR_NOTFOUND;
}

static void write_revocation(const struct revocation *revocation)
{
	struct revocation *kept = malloc(sizeof(*kept));
	enum hc_err err = HC_ERR_NOMEM;

	if (kept != NULL) {
		*kept = *revocation;
		err = hc_gstore_write(kept->worker->gateway->store, kept->worker->loop, revoke, revoked,
				      kept);
	}
	if (err == HC_OK)
		return;
	hc_answer_trouble(revocation->exchange, err);
	free(kept);
}

void hc_handle_revoke(struct hc_exchange *exchange, void *app)
{
	struct hc_worker *worker = app;
	HC_CLEANUP(hc_client_request_clear) struct hc_client_request request = {.params = {.count = 0}};
	struct hc_view text;

	if (!hc_client_request_read(worker, exchange, &request))
		return;
	if (hc_params_get(&request.params, "token", &text) != HC_OK) {
		hc_answer_error(exchange, 400, "invalid_request", "token is missing");
		return;
	}
	struct revocation revocation = {.worker = worker,
					.exchange = exchange,
					.client = request.client.number,
					.now_ms = hc_now_ms(worker->gateway->clock)};
	const enum hc_err err = read_token(worker, &text, &revocation);
	if (err == HC_OK)
		write_revocation(&revocation);
	else if (err == HC_ERR_NOTFOUND)
		send_done(worker, exchange);
	else
		hc_answer_trouble(exchange, err);
}
